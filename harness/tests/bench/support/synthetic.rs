//! Crash dumps made by hand: [`Synthetic`], for tests that need one without a run of the bench.
//!
//! Written from the description of the format in docs/crash-dump.md, byte by byte, without the code that reads it.

/// Bytes of a page.
pub(crate) const PAGE: usize = 0x1000;
/// GUID of the secondary block in every synthetic dump, as in the file.
pub(crate) const GUID: [u8; 16] = [
    0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
];
/// The bug check code.
pub(crate) const CODE: u32 = 0xe2;

/// A dump to be written.
#[derive(Clone, Debug)]
pub(crate) struct Synthetic {
    /// First page and number of pages of each run of memory.
    pub(crate) runs: Vec<(u64, u64)>,
    /// Pages that a bitmap dump holds; a full dump holds all.
    pub(crate) present: Vec<u64>,
    /// Data of the secondary block, if there is one.
    pub(crate) secondary: Option<Vec<u8>>,
}

impl Default for Synthetic {
    fn default() -> Self {
        Self {
            runs: vec![(0x100, 40), (0x200, 8), (0x1000, 16)],
            present: vec![0x100, 0x101, 0x102, 0x11f, 0x120, 0x121, 0x200, 0x1007],
            secondary: Some(b"what the driver has to say".to_vec()),
        }
    }
}

/// The content of a page: its number, again and again.
pub(crate) fn page(pfn: u64) -> Vec<u8> {
    pfn.to_le_bytes().repeat(PAGE / 8)
}

impl Synthetic {
    /// Type 1.
    pub(crate) fn full(&self) -> Vec<u8> {
        let mut file = self.header(1);
        for (first, pages) in &self.runs {
            for pfn in *first..first + pages {
                file.extend(page(pfn));
            }
        }
        self.finish(file)
    }

    /// Type 5 or 6.
    pub(crate) fn bitmap(&self, kind: u32) -> Vec<u8> {
        let mut file = self.header(kind);
        let pages = self.runs.iter().map(|(first, pages)| first + pages).max();
        let pages = pages.unwrap_or(0);
        let mut bits = vec![0_u8; usize::try_from(pages.div_ceil(32)).unwrap() * 4];
        for pfn in &self.present {
            bits[usize::try_from(pfn / 8).unwrap()] |= 1 << (pfn % 8);
        }
        let first_page = (0x2038 + bits.len()).next_multiple_of(PAGE);
        file.extend(b"SDMPDUMP");
        file.resize(0x2020, 0);
        file.extend((first_page as u64).to_le_bytes());
        file.extend((self.present.len() as u64).to_le_bytes());
        file.extend(pages.to_le_bytes());
        file.extend(bits);
        file.resize(first_page, 0);
        for pfn in &self.present {
            file.extend(page(*pfn));
        }
        self.finish(file)
    }

    /// Type 4, with a stack of a page and one block of 100 bytes at 0xffff800012345000.
    pub(crate) fn small(&self) -> Vec<u8> {
        let mut file = self.header(4);
        file.resize(0x2080, 0);
        let (stack, list) = (0x3000, 0x2080_u32);
        let data = stack + 0x1000;
        let size = data + 0x200;
        for (at, value) in [
            (0x2004, size),
            (0x2008, size - 4),
            (0x2028, stack),
            (0x202c, 0x1000),
            (0x2078, list),
            (0x207c, 1),
        ] {
            put(&mut file, at, &value.to_le_bytes());
        }
        put(&mut file, 0x2048, &0xffff_9000_0000_0000_u64.to_le_bytes());
        file.extend(0xffff_8000_1234_5000_u64.to_le_bytes());
        file.extend(data.to_le_bytes());
        file.extend(100_u32.to_le_bytes());
        file.resize(stack as usize, 0);
        file.resize(data as usize, 0x5a);
        file.resize(data as usize + 100, 0xa5);
        file.resize(size as usize - 4, 0);
        file.extend(b"TRGD");
        self.finish(file)
    }

    fn header(&self, kind: u32) -> Vec<u8> {
        // Kernels fill the header with PAGE before they set its fields.
        let mut file = b"PAGE".repeat(0x2000 / 4);
        put(&mut file, 0x4, b"DU64");
        for (at, value) in [
            (0x8, 15),
            (0xc, 22621),
            (0x30, 0x8664),
            (0x34, 2),
            (0x38, CODE),
            (0xf98, kind),
            (0xf00, 0x8000_0003),
            (0x1038, 0),
            (0x103c, 0),
            (0x1048, 0),
        ] {
            put(&mut file, at, &u32::to_le_bytes(value));
        }
        let count = u32::try_from(self.runs.len()).unwrap();
        let pages: u64 = self.runs.iter().map(|(_, pages)| pages).sum();
        for (at, value) in [
            (0x10, 0x0010_0000),
            (0x18, 0),
            (0x20, 0),
            (0x28, 0),
            (0x40, 0x11),
            (0x48, 0x22),
            (0x50, 0x33),
            (0x58, 0x44),
            (0x80, 0),
            (0x88, u64::from(count)),
            (0x90, pages),
            (0xf10, 0xffff_f800_0000_1000),
            // 2026-11-25 12:00:00 UTC.
            (0xfa8, 134_400_816_000_000_000),
            (0x1030, 42 * 10_000_000),
        ] {
            put(&mut file, at, &u64::to_le_bytes(value));
        }
        for (index, (first, pages)) in self.runs.iter().enumerate() {
            put(&mut file, 0x98 + index * 16, &first.to_le_bytes());
            put(&mut file, 0xa0 + index * 16, &pages.to_le_bytes());
        }
        put(&mut file, 0xfb0, b"made by hand\0");
        file
    }

    fn finish(&self, mut file: Vec<u8>) -> Vec<u8> {
        if let Some(data) = &self.secondary {
            file.extend(b"DumpBlob");
            file.extend(16_u32.to_le_bytes());
            file.extend(22621_u32.to_le_bytes());
            let padding = data.len().next_multiple_of(8) - data.len();
            file.extend(32_u32.to_le_bytes());
            file.extend(GUID);
            for value in [data.len(), 0, padding] {
                file.extend(u32::try_from(value).unwrap().to_le_bytes());
            }
            file.extend(data);
            file.extend(vec![0; padding]);
        }
        let length = file.len() as u64;
        put(&mut file, 0xfa0, &length.to_le_bytes());
        file
    }
}

fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    file[at..at + bytes.len()].copy_from_slice(bytes);
}
