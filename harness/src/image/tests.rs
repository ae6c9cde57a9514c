//! Each rule against an image that breaks it; the image is put together here, byte by byte.

use object::pe::{
    IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE, IMAGE_DLLCHARACTERISTICS_FORCE_INTEGRITY,
    IMAGE_DLLCHARACTERISTICS_NX_COMPAT, IMAGE_SCN_MEM_EXECUTE, IMAGE_SCN_MEM_READ,
    IMAGE_SCN_MEM_WRITE, IMAGE_SUBSYSTEM_NATIVE,
};

use super::*;

mod imports;

#[path = "../../../miniport/version_resource.rs"]
mod version_resource;

const LIST: &str = "# ours\nstorport.sys StorPortInitialize\nntoskrnl.exe memcpy\n";

/// What a test can set; the default keeps every rule.
struct Parts {
    subsystem: u16,
    characteristics: u16,
    entry_rva: u32,
    text_flags: u32,
    export: &'static str,
    pdb: &'static str,
    imports: Vec<(&'static str, &'static str)>,
    has_version: bool,
    checksum_error: u32,
    directories: Vec<(usize, u32)>,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            subsystem: IMAGE_SUBSYSTEM_NATIVE.0,
            characteristics: IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE.0
                | IMAGE_DLLCHARACTERISTICS_NX_COMPAT.0
                | IMAGE_DLLCHARACTERISTICS_FORCE_INTEGRITY.0,
            entry_rva: TEXT,
            text_flags: IMAGE_SCN_MEM_EXECUTE.0 | IMAGE_SCN_MEM_READ.0,
            export: "DriverEntry",
            pdb: "hiberport.pdb",
            imports: vec![
                ("storport.sys", "StorPortInitialize"),
                ("ntoskrnl.exe", "memcpy"),
            ],
            has_version: true,
            checksum_error: 0,
            directories: Vec::new(),
        }
    }
}

const HEADERS: usize = 0x400;
const NT: usize = 0x80;
const TEXT: u32 = 0x1000;
const DATA: u32 = 0x2000;
const RESOURCES: u32 = 0x3000;
const SECTION_BYTES: usize = 0x800;

/// Bytes at increasing addresses from an address on.
struct Area {
    rva: u32,
    bytes: Vec<u8>,
}

impl Area {
    fn new(rva: u32) -> Self {
        Self {
            rva,
            bytes: Vec::new(),
        }
    }

    fn next(&self) -> u32 {
        self.rva + u32::try_from(self.bytes.len()).expect("small")
    }

    fn put(&mut self, bytes: &[u8]) -> u32 {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let at = self.next();
        self.bytes.extend(bytes);
        at
    }

    fn words(&mut self, words: &[u32]) -> u32 {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.put(&bytes)
    }

    fn text(&mut self, text: &str) -> u32 {
        let mut bytes = text.as_bytes().to_vec();
        bytes.push(0);
        self.put(&bytes)
    }
}

impl Parts {
    fn build(&self) -> Vec<u8> {
        let mut data = Area::new(DATA);
        let export = self.export_directory(&mut data);
        let import = self.import_directory(&mut data);
        let debug = self.debug_directory(&mut data);
        let resources = Self::resource_section();
        let mut directories = vec![(0, export), (1, import), (6, debug)];
        if self.has_version {
            directories.push((2, RESOURCES));
        }
        directories.extend(&self.directories);

        let mut file = self.headers(&directories);
        file.resize(HEADERS, 0);
        for section in [vec![0xC3], data.bytes, resources] {
            let start = file.len();
            file.extend(&section);
            file.resize(start + SECTION_BYTES, 0);
        }
        self.add_checksum(&mut file);
        file
    }

    fn headers(&self, directories: &[(usize, u32)]) -> Vec<u8> {
        let mut file = vec![0; NT];
        file[..2].copy_from_slice(b"MZ");
        file[0x3C] = u8::try_from(NT).expect("small");
        file.extend(b"PE\0\0");
        let short = |file: &mut Vec<u8>, value: u16| file.extend(value.to_le_bytes());
        let word = |file: &mut Vec<u8>, value: u32| file.extend(value.to_le_bytes());
        for value in [0x8664, 3] {
            short(&mut file, value);
        }
        file.extend([0; 12]);
        for value in [240, 0x2022] {
            short(&mut file, value);
        }
        // Optional header, PE32+.
        short(&mut file, 0x20B);
        file.extend([0; 14]);
        word(&mut file, self.entry_rva);
        word(&mut file, TEXT);
        file.extend(0x1_4000_0000_u64.to_le_bytes());
        for value in [0x1000, 0x200, 0, 0, 6, 0, 0x4000, 0x400, 0] {
            word(&mut file, value);
        }
        short(&mut file, self.subsystem);
        short(&mut file, self.characteristics);
        file.extend([0; 36]);
        word(&mut file, 16);
        for index in 0..16 {
            let rva = directories
                .iter()
                .find(|(at, _)| *at == index)
                .map_or(0, |(_, rva)| *rva);
            word(&mut file, rva);
            let size = match (rva, index) {
                (0, _) => 0,
                (_, 6) => 28,
                (_, 9..) => 0x80,
                _ => 0x400,
            };
            word(&mut file, size);
        }
        let read = IMAGE_SCN_MEM_READ.0;
        let sections = [
            (".text", TEXT, self.text_flags),
            (".rdata", DATA, read),
            (".rsrc", RESOURCES, read),
        ];
        for (index, (name, rva, flags)) in sections.into_iter().enumerate() {
            let mut padded = [0; 8];
            padded[..name.len()].copy_from_slice(name.as_bytes());
            file.extend(padded);
            let bytes = u32::try_from(SECTION_BYTES).expect("small");
            let raw = u32::try_from(HEADERS + index * SECTION_BYTES).expect("small");
            for value in [bytes, rva, bytes, raw, 0, 0, 0, flags] {
                word(&mut file, value);
            }
        }
        file
    }

    /// The directory, then what it points to: all within the range that the header gives it.
    fn export_directory(&self, data: &mut Area) -> u32 {
        const WORDS: usize = 10;
        let directory = data.words(&[0; WORDS]);
        let name = data.text("hiberport.dll");
        let entry_name = data.text(self.export);
        let addresses = data.words(&[TEXT]);
        let names = data.words(&[entry_name]);
        let ordinals = data.put(&[0, 0]);
        let words: [u32; WORDS] = [0, 0, 0, name, 1, 1, 1, addresses, names, ordinals];
        let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
        data.bytes[..bytes.len()].copy_from_slice(&bytes);
        directory
    }

    fn import_directory(&self, data: &mut Area) -> u32 {
        let mut descriptors = Vec::new();
        for (module, name) in &self.imports {
            let module = data.text(module);
            let thunk = if name.is_empty() {
                0x8000_0000_0000_0001
            } else {
                u64::from(data.text(&format!("\0\0{name}")))
            };
            let mut thunks = thunk.to_le_bytes().to_vec();
            thunks.extend([0; 8]);
            let lookup = data.put(&thunks);
            let addresses = data.put(&thunks);
            descriptors.extend([lookup, 0, 0, module, addresses]);
        }
        descriptors.extend([0; 5]);
        data.words(&descriptors)
    }

    fn debug_directory(&self, data: &mut Area) -> u32 {
        let mut record = b"RSDS0123456789abcdef\x01\0\0\0".to_vec();
        record.extend(self.pdb.as_bytes());
        record.push(0);
        let size = u32::try_from(record.len()).expect("small");
        let rva = data.put(&record);
        let raw = rva - DATA + u32::try_from(HEADERS + SECTION_BYTES).expect("small");
        data.words(&[0, 0, 0, 2, size, rva, raw])
    }

    fn resource_section() -> Vec<u8> {
        let resource = version_resource::VersionResource {
            version: [1, 2, 3, 4],
            description: "A driver",
            product: "hiberport",
            file: "hiberport.sys",
            copyright: "contributors",
        };
        // The resource file: an empty resource, the header of the version resource, its data.
        let res = resource.to_res_file();
        let data = &res[64..];
        let size = u32::try_from(data.len()).expect("small");
        let mut words = Vec::new();
        for (id, below) in [(16, 0x8000_0018), (1, 0x8000_0030), (0x409, 0x48)] {
            words.extend([0, 0, 0, 0x0001_0000, id, below]);
        }
        words.extend([RESOURCES + 0x60, size, 0, 0]);
        let mut bytes: Vec<u8> = words
            .iter()
            .flat_map(|word: &u32| word.to_le_bytes())
            .collect();
        bytes.resize(0x60, 0);
        bytes.extend(data);
        bytes
    }

    fn add_checksum(&self, file: &mut [u8]) {
        let words = file
            .chunks(2)
            .map(|word| u64::from(word[0]) | u64::from(word[1]) << 8);
        let mut sum: u64 = words.sum();
        while sum > 0xFFFF {
            sum = (sum & 0xFFFF) + (sum >> 16);
        }
        let sum = u32::try_from(sum).expect("folded") + u32::try_from(file.len()).expect("small");
        file[NT + 88..NT + 92].copy_from_slice(&(sum + self.checksum_error).to_le_bytes());
    }

    fn check(&self) -> Result<ImageFacts> {
        self.check_against(LIST)
    }

    fn check_against(&self, list: &str) -> Result<ImageFacts> {
        let image = DriverImage::parse("hiberport.sys".to_owned(), self.build())?;
        check_image(&image, list, Vec::new())
    }
}

/// The single broken rule.
fn broken(parts: &Parts) -> String {
    one_rule(parts.check())
}

fn one_rule(result: Result<ImageFacts>) -> String {
    let message = result.expect_err("a rule is broken").to_string();
    let rules = message
        .split_once("breaks 1 rules: ")
        .unwrap_or_else(|| panic!("{message}"))
        .1;
    rules.split(';').next().expect("a rule").to_owned()
}

#[test]
fn a_clean_image_yields_its_facts() {
    let facts = Parts::default().check().expect("no rule is broken");
    assert_eq!(facts.version, [1, 2, 3, 4]);
    assert_eq!(
        facts.imports,
        ["storport.sys StorPortInitialize", "ntoskrnl.exe memcpy"]
    );
    assert_eq!(facts.pdb_name, "hiberport.pdb");
    assert_eq!(facts.file_bytes, 0x400 + 3 * 0x800);
    assert_eq!(facts.image_bytes, 0x4000);
    let names: Vec<_> = facts
        .sections
        .iter()
        .map(|section| (section.name.as_str(), section.is_executable))
        .collect();
    assert_eq!(
        names,
        [(".text", true), (".rdata", false), (".rsrc", false)]
    );
}

#[test]
fn each_characteristic_is_demanded() {
    for (flag, rule) in [
        (IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE.0, "not DYNAMICBASE"),
        (IMAGE_DLLCHARACTERISTICS_NX_COMPAT.0, "not NXCOMPAT"),
        (
            IMAGE_DLLCHARACTERISTICS_FORCE_INTEGRITY.0,
            "not INTEGRITYCHECK",
        ),
    ] {
        let mut parts = Parts::default();
        parts.characteristics &= !flag;
        assert_eq!(broken(&parts), rule);
    }
}

#[test]
fn the_entry_point_is_driver_entry_in_code() {
    let parts = Parts {
        export: "OtherEntry",
        ..Parts::default()
    };
    assert_eq!(broken(&parts), "DriverEntry is not the entry point");
    let parts = Parts {
        entry_rva: TEXT + 1,
        ..Parts::default()
    };
    assert_eq!(broken(&parts), "DriverEntry is not the entry point");
    let parts = Parts {
        text_flags: IMAGE_SCN_MEM_READ.0,
        ..Parts::default()
    };
    assert_eq!(
        broken(&parts),
        "the entry point is in no executable section"
    );
}

#[test]
fn no_section_is_writable_and_executable() {
    let mut parts = Parts::default();
    parts.text_flags |= IMAGE_SCN_MEM_WRITE.0;
    assert_eq!(broken(&parts), "section .text is writable and executable");
}

#[test]
fn a_wrong_checksum_is_named() {
    let parts = Parts {
        checksum_error: 1,
        ..Parts::default()
    };
    assert!(broken(&parts).starts_with("the checksum is 0x"));
}

#[test]
fn what_a_driver_cannot_have_is_refused() {
    for (index, rule) in [
        (9, "it has thread-local storage"),
        (13, "it has delayed imports"),
        (14, "it has managed code"),
    ] {
        let parts = Parts {
            // Zeros: an empty table of any kind.
            directories: vec![(index, DATA + 0x700)],
            ..Parts::default()
        };
        assert_eq!(broken(&parts), rule);
    }
}

#[test]
fn the_pdb_is_named_without_a_path() {
    let parts = Parts {
        pdb: "/build/hiberport.pdb",
        ..Parts::default()
    };
    assert_eq!(
        broken(&parts),
        "it names its PDB by a path (/build/hiberport.pdb)"
    );
}

#[test]
fn the_version_resource_is_demanded() {
    let parts = Parts {
        has_version: false,
        ..Parts::default()
    };
    assert!(broken(&parts).starts_with("no version resource"));
}

#[test]
fn imports_are_those_of_the_list_and_no_others() {
    let mut parts = Parts::default();
    parts.imports.push(("ntoskrnl.exe", "ExAllocatePool2"));
    assert_eq!(
        broken(&parts),
        "it imports ExAllocatePool2 from ntoskrnl.exe, which is not on the list"
    );
    let parts = Parts {
        imports: vec![("ntoskrnl.exe", "memcpy")],
        ..Parts::default()
    };
    assert_eq!(
        broken(&parts),
        "the list has StorPortInitialize of storport.sys, which it does not import"
    );
    let mut parts = Parts::default();
    parts.imports.push(("ntoskrnl.exe", ""));
    assert!(
        parts
            .check()
            .expect_err("an import by number")
            .to_string()
            .contains("it imports by number")
    );
}

#[test]
fn the_compiler_may_do_without_one_of_its_routines() {
    let list = format!("{LIST}ntoskrnl.exe memmove\n");
    Parts::default()
        .check_against(&list)
        .expect("the image need not import memmove");
    let parts = Parts {
        imports: vec![
            ("storport.sys", "StorPortInitialize"),
            ("ntoskrnl.exe", "memset"),
        ],
        ..Parts::default()
    };
    assert_eq!(
        broken(&parts),
        "it imports memset from ntoskrnl.exe, which is not on the list"
    );
}

#[test]
fn every_broken_rule_is_named() {
    let parts = Parts {
        characteristics: 0,
        has_version: false,
        ..Parts::default()
    };
    let message = parts.check().expect_err("rules are broken").to_string();
    for rule in [
        "breaks 4 rules",
        "DYNAMICBASE",
        "NXCOMPAT",
        "INTEGRITYCHECK",
        "no version resource",
    ] {
        assert!(message.contains(rule), "{message}");
    }
}
