//! The first 8 KiB of a dump of an x64 system: [`Header`].
//!
//! Offsets: `DUMP_HEADER64` as documented by Microsoft for Rust (windows-docs-rs) and read by the dump readers whose source is
//! public (kdmp-parser, QEMU's `win_dump`, volatility3).

use std::fmt::LowerHex;

use serde::{Serialize, Serializer};

use super::source::{le32, le64};

/// Bytes of the header.
pub const HEADER_BYTES: usize = 0x2000;
/// `IMAGE_FILE_MACHINE_AMD64`.
pub const MACHINE_AMD64: u32 = 0x8664;
/// Most runs that fit between the counts and the context record.
const RUNS_MAX: u32 = 43;
/// Bytes of the comment.
const COMMENT_BYTES: usize = 128;

/// How the dump filter's record begins, in the place of the comment.
const SEAL: &[u8] = b"HPSEAL01";

const SIGNATURE: &[u8] = b"PAGE";
const VALID_64: &[u8] = b"DU64";
const VALID_32: &[u8] = b"DUMP";

/// What a dump holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DumpType {
    /// 1: all physical memory, run after run.
    Full,
    /// 2: kernel memory with a bitmap, as older systems write it.
    Summary,
    /// 4: the small dump.
    Triage,
    /// 5: all physical memory with a bitmap.
    BitmapFull,
    /// 6: kernel memory with a bitmap.
    BitmapKernel,
    /// Anything else.
    Other(u32),
}

impl DumpType {
    const fn from_raw(raw: u32) -> Self {
        match raw {
            1 => Self::Full,
            2 => Self::Summary,
            4 => Self::Triage,
            5 => Self::BitmapFull,
            6 => Self::BitmapKernel,
            other => Self::Other(other),
        }
    }

    /// The number in the file.
    #[must_use]
    pub const fn raw(self) -> u32 {
        match self {
            Self::Full => 1,
            Self::Summary => 2,
            Self::Triage => 4,
            Self::BitmapFull => 5,
            Self::BitmapKernel => 6,
            Self::Other(raw) => raw,
        }
    }

    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Summary => "kernel (summary)",
            Self::Triage => "small (triage)",
            Self::BitmapFull => "full, bitmap",
            Self::BitmapKernel => "kernel, bitmap",
            Self::Other(_) => "unknown",
        }
    }
}

/// Consecutive pages of physical memory (`PHYSICAL_MEMORY_RUN`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Run {
    /// First page frame number.
    pub first_pfn: u64,
    /// Number of pages.
    pub pages: u64,
}

/// The header's fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// `MajorVersion`: 0xF for a free build.
    pub major_version: u32,
    /// `MinorVersion`: the build number.
    pub minor_version: u32,
    /// `DirectoryTableBase`: CR3 of the stopped processor.
    #[serde(serialize_with = "hex")]
    pub directory_table_base: u64,
    /// `PfnDataBase`.
    #[serde(serialize_with = "hex")]
    pub pfn_database: u64,
    /// `PsLoadedModuleList`.
    #[serde(serialize_with = "hex")]
    pub loaded_module_list: u64,
    /// `PsActiveProcessHead`.
    #[serde(serialize_with = "hex")]
    pub active_process_head: u64,
    /// `MachineImageType`.
    #[serde(serialize_with = "hex")]
    pub machine: u32,
    /// `NumberProcessors`.
    pub processors: u32,
    /// `BugCheckCode`.
    #[serde(serialize_with = "hex")]
    pub bug_check_code: u32,
    /// `BugCheckParameter1` to `4`.
    #[serde(serialize_with = "hex_list")]
    pub parameters: [u64; 4],
    /// `KdDebuggerDataBlock`.
    #[serde(serialize_with = "hex")]
    pub debugger_data_block: u64,
    /// `PhysicalMemoryBlock.NumberOfPages`.
    pub page_count: u64,
    /// `PhysicalMemoryBlock.Run`.
    pub runs: Vec<Run>,
    /// `Exception.ExceptionCode`.
    #[serde(serialize_with = "hex")]
    pub exception_code: u32,
    /// `Exception.ExceptionAddress`.
    #[serde(serialize_with = "hex")]
    pub exception_address: u64,
    /// `DumpType`.
    pub dump_type: DumpType,
    /// `RequiredDumpSpace`: length of the dump in bytes.
    pub required_space: u64,
    /// `SystemTime`: 100 ns since 1601.
    pub system_time: u64,
    /// `SystemUpTime`: 100 ns since the start.
    pub up_time: u64,
    /// `Comment`, up to its end; empty where the dump filter keeps the sealed key there.
    pub comment: String,
    /// The dump filter has encrypted everything behind the header (docs/dump-filter.md).
    pub sealed: bool,
    /// `MiniDumpFields`.
    pub mini_dump_fields: u32,
    /// `SecondaryDataState`.
    pub secondary_data_state: u32,
    /// `ProductType`.
    pub product_type: u32,
    /// `SuiteMask`.
    pub suite_mask: u32,
    /// `WriterStatus`.
    pub writer_status: u32,
    /// `Attributes`.
    pub attributes: u32,
    /// `BootId`.
    pub boot_id: u32,
}

/// Why there is no header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Not even 8 KiB.
    #[error("it has {0} bytes, a dump's header alone has {HEADER_BYTES}")]
    Short(usize),
    /// Something else than a dump.
    #[error("it does not begin with PAGE, as a dump does")]
    NotADump,
    /// A dump of a 32-bit system.
    #[error("it is the dump of a 32-bit system")]
    ThirtyTwoBit,
    /// The place of a dump, but none that was completed.
    #[error("its header was not completed: the dump was never written to its end")]
    Incomplete,
    /// A list of memory that cannot be right.
    #[error("its header claims {0} runs of memory, there is room for {RUNS_MAX}")]
    Runs(u32),
}

impl Header {
    /// Reads the header from the first bytes of a file.
    ///
    /// # Errors
    /// The bytes are too few, or not those of a complete dump of an x64 system.
    pub fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        if bytes.len() >= 8 && !bytes.starts_with(SIGNATURE) {
            return Err(HeaderError::NotADump);
        }
        if bytes.len() < HEADER_BYTES {
            return Err(HeaderError::Short(bytes.len()));
        }
        match &bytes[4..8] {
            VALID_64 => {}
            VALID_32 => return Err(HeaderError::ThirtyTwoBit),
            _ => return Err(HeaderError::Incomplete),
        }
        let count = le32(bytes, 0x88);
        if count > RUNS_MAX {
            return Err(HeaderError::Runs(count));
        }
        let comment = &bytes[0xfb0..0xfb0 + COMMENT_BYTES];
        let runs = (0..count as usize)
            .map(|index| Run {
                first_pfn: le64(bytes, 0x98 + index * 16),
                pages: le64(bytes, 0xa0 + index * 16),
            })
            .collect();
        Ok(Self {
            major_version: le32(bytes, 0x8),
            minor_version: le32(bytes, 0xc),
            directory_table_base: le64(bytes, 0x10),
            pfn_database: le64(bytes, 0x18),
            loaded_module_list: le64(bytes, 0x20),
            active_process_head: le64(bytes, 0x28),
            machine: le32(bytes, 0x30),
            processors: le32(bytes, 0x34),
            bug_check_code: le32(bytes, 0x38),
            parameters: [0x40, 0x48, 0x50, 0x58].map(|offset| le64(bytes, offset)),
            debugger_data_block: le64(bytes, 0x80),
            page_count: le64(bytes, 0x90),
            runs,
            exception_code: le32(bytes, 0xf00),
            exception_address: le64(bytes, 0xf10),
            dump_type: DumpType::from_raw(le32(bytes, 0xf98)),
            required_space: le64(bytes, 0xfa0),
            system_time: le64(bytes, 0xfa8),
            comment: text(comment),
            sealed: comment.starts_with(SEAL),
            up_time: le64(bytes, 0x1030),
            mini_dump_fields: le32(bytes, 0x1038),
            secondary_data_state: le32(bytes, 0x103c),
            product_type: le32(bytes, 0x1040),
            suite_mask: le32(bytes, 0x1044),
            writer_status: le32(bytes, 0x1048),
            attributes: le32(bytes, 0x1050),
            boot_id: le32(bytes, 0x1054),
        })
    }
}

/// A number as the text `0x...`: readers of JSON lose digits of large numbers.
pub(super) fn hex<T: LowerHex, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{value:#x}"))
}

fn hex_list<S: Serializer>(values: &[u64; 4], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.map(|value| format!("{value:#x}")))
}

/// Text up to the first NUL. Kernels fill unused parts of the header with `PAGE`: a comment of nothing else is none.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0);
    let used = &bytes[..end.unwrap_or(bytes.len())];
    if used.starts_with(SEAL) {
        return String::new();
    }
    if used
        .chunks(SIGNATURE.len())
        .all(|chunk| SIGNATURE.starts_with(chunk))
    {
        return String::new();
    }
    String::from_utf8_lossy(used).into_owned()
}
