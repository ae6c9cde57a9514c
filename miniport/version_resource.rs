//! The version resource of a driver image, written without a resource compiler.
//!
//! Key type: [`VersionResource`]. Part of the build scripts of the driver crates. A `.res` file is a list of resources, each a header
//! and data, all aligned to four bytes; the linker turns it into the `.rsrc` section. Sources: Microsoft Learn, "Resource File
//! Formats", "`VS_VERSIONINFO` structure" and "`VS_FIXEDFILEINFO` structure".

/// Language and code page of the strings: US English, UTF-16.
const LANGUAGE: u16 = 0x0409;
const CODE_PAGE: u16 = 0x04B0;

/// What the resource says.
pub(crate) struct VersionResource<'a> {
    /// Major, minor, patch and build number of file and product.
    pub(crate) version: [u16; 4],
    /// What the driver is for.
    pub(crate) description: &'a str,
    /// Name of the product.
    pub(crate) product: &'a str,
    /// File name of the image.
    pub(crate) file: &'a str,
    /// Who holds the rights.
    pub(crate) copyright: &'a str,
}

impl VersionResource<'_> {
    /// A complete `.res` file: the empty resource that marks the format, then the version resource.
    pub(crate) fn to_res_file(&self) -> Vec<u8> {
        const RT_VERSION: u16 = 16;
        const VS_VERSION_INFO: u16 = 1;
        let mut file = Vec::new();
        resource(&mut file, 0, 0, 0, &[]);
        let version = self.to_version_info();
        resource(&mut file, RT_VERSION, VS_VERSION_INFO, LANGUAGE, &version);
        file
    }

    fn to_version_info(&self) -> Vec<u8> {
        let [major, minor, patch, build] = self.version;
        let version = format!("{major}.{minor}.{patch}.{build}");
        let strings = [
            ("CompanyName", self.product),
            ("FileDescription", self.description),
            ("FileVersion", &version),
            ("InternalName", self.product),
            ("LegalCopyright", self.copyright),
            ("OriginalFilename", self.file),
            ("ProductName", self.product),
            ("ProductVersion", &version),
        ];
        let strings = strings.map(|(key, text)| block(key, Value::Text(text), &[]));
        let table = block(
            &format!("{LANGUAGE:04X}{CODE_PAGE:04X}"),
            Value::Text(""),
            &strings,
        );
        let string_info = block("StringFileInfo", Value::Text(""), &[table]);
        let translation: Vec<u8> = [LANGUAGE, CODE_PAGE]
            .into_iter()
            .flat_map(u16::to_le_bytes)
            .collect();
        let translation = block("Translation", Value::Binary(&translation), &[]);
        let var_info = block("VarFileInfo", Value::Text(""), &[translation]);
        block(
            "VS_VERSION_INFO",
            Value::Binary(&self.to_fixed_file_info()),
            &[string_info, var_info],
        )
    }

    /// `VS_FIXEDFILEINFO`.
    fn to_fixed_file_info(&self) -> Vec<u8> {
        const SIGNATURE: u32 = 0xFEEF_04BD;
        const STRUCTURE_VERSION: u32 = 0x0001_0000;
        const FLAGS_MASK: u32 = 0x3F;
        const VOS_NT_WINDOWS32: u32 = 0x0004_0004;
        const VFT_DRV: u32 = 3;
        const VFT2_DRV_SYSTEM: u32 = 7;
        let [major, minor, patch, build] = self.version.map(u32::from);
        let (high, low) = (major << 16 | minor, patch << 16 | build);
        [
            SIGNATURE,
            STRUCTURE_VERSION,
            high,
            low,
            high,
            low,
            FLAGS_MASK,
            0,
            VOS_NT_WINDOWS32,
            VFT_DRV,
            VFT2_DRV_SYSTEM,
            0,
            0,
        ]
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect()
    }
}

#[derive(Clone, Copy)]
enum Value<'a> {
    /// No value at all if empty.
    Text(&'a str),
    Binary(&'a [u8]),
}

/// One block of version information: length, length of the value, type, key, value, children; each part aligned to four bytes.
fn block(key: &str, value: Value<'_>, children: &[Vec<u8>]) -> Vec<u8> {
    let (value_length, is_text, value) = match value {
        Value::Text("") => (0, 1, Vec::new()),
        // The length of text counts UTF-16 units, of binary data bytes.
        Value::Text(text) => (utf16(text).len() / 2, 1, utf16(text)),
        Value::Binary(bytes) => (bytes.len(), 0, bytes.to_vec()),
    };
    let mut block = vec![0, 0];
    block.extend(short(value_length));
    block.extend(short(is_text));
    block.extend(utf16(key));
    for part in [&value].into_iter().chain(children) {
        if !part.is_empty() {
            align(&mut block);
            block.extend(part);
        }
    }
    let length = short(block.len());
    block[..2].copy_from_slice(&length);
    block
}

/// Appends a resource with numbered type and name.
fn resource(file: &mut Vec<u8>, kind: u16, name: u16, language: u16, data: &[u8]) {
    const HEADER_LENGTH: u32 = 32;
    const IS_A_NUMBER: u16 = 0xFFFF;
    const MOVEABLE_PURE: u16 = 0x30;
    let memory_flags = if kind == 0 { 0 } else { MOVEABLE_PURE };
    let length = u32::try_from(data.len()).expect("a version resource is smaller than 64 KiB");
    file.extend(length.to_le_bytes());
    file.extend(HEADER_LENGTH.to_le_bytes());
    for half in [IS_A_NUMBER, kind, IS_A_NUMBER, name] {
        file.extend(half.to_le_bytes());
    }
    file.extend([0; 4]); // Version of the data.
    file.extend(memory_flags.to_le_bytes());
    file.extend(language.to_le_bytes());
    file.extend([0; 8]); // Version and characteristics.
    file.extend(data);
    align(file);
}

/// UTF-16 with its terminator, little endian.
fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16()
        .chain([0])
        .flat_map(u16::to_le_bytes)
        .collect()
}

fn short(length: usize) -> [u8; 2] {
    u16::try_from(length)
        .expect("a version resource is smaller than 64 KiB")
        .to_le_bytes()
}

fn align(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}
