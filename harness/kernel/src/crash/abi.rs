//! Offsets of the structures that a crash dump consists of, on x64.
//!
//! `CONTEXT` is in the WDK's headers. The header of a dump and the debugger's data block are published with the debugger
//! (`DUMP_HEADER64`; wdbgexts.h, `KDDEBUGGER_DATA64`), the small dump's structures are as public readers of it have them;
//! `miniport/ddi/facts/README.md` names the sources. The tests compare every number here with the facts.

use crate::port::abi::structure;

/// Bytes of the pages that a dump consists of.
pub const PAGE_BYTES: u64 = 0x1000;
/// `IMAGE_FILE_MACHINE_AMD64`.
pub const MACHINE_AMD64: u32 = 0x8664;
/// `KDBG`, the tag of the debugger's data block.
pub const DEBUGGER_TAG: u32 = u32::from_le_bytes(*b"KDBG");

structure! {
    /// Header of a dump file.
    DumpHeader = "DUMP_HEADER64", 0x2000 {
        SIGNATURE: [u8; 4] = "Signature" @ 0x0,
        VALID_DUMP: [u8; 4] = "ValidDump" @ 0x4,
        MAJOR_VERSION: u32 = "MajorVersion" @ 0x8,
        MINOR_VERSION: u32 = "MinorVersion" @ 0xC,
        DIRECTORY_TABLE_BASE: u64 = "DirectoryTableBase" @ 0x10,
        PFN_DATABASE: u64 = "PfnDataBase" @ 0x18,
        LOADED_MODULES: u64 = "PsLoadedModuleList" @ 0x20,
        ACTIVE_PROCESSES: u64 = "PsActiveProcessHead" @ 0x28,
        MACHINE: u32 = "MachineImageType" @ 0x30,
        PROCESSORS: u32 = "NumberProcessors" @ 0x34,
        BUGCHECK_CODE: u32 = "BugCheckCode" @ 0x38,
        BUGCHECK_PADDING: u32 = "Padding1" @ 0x3C,
        BUGCHECK_PARAMETERS: [u64; 4] = "BugCheckParameters" @ 0x40,
        VERSION_USER: u8 = "VersionUser" @ 0x60,
        DEBUGGER_DATA: u64 = "KdDebuggerDataBlock" @ 0x80,
        RUN_COUNT: u32 = "PhysicalMemoryBlock.NumberOfRuns" @ 0x88,
        PAGE_COUNT: u64 = "PhysicalMemoryBlock.NumberOfPages" @ 0x90,
        RUNS: [u64; 2] = "PhysicalMemoryBlock.Run" @ 0x98,
        CONTEXT_RECORD: [u8; 1232] = "ContextRecord" @ 0x348,
        EXCEPTION: [u8; 152] = "Exception" @ 0xF00,
        DUMP_TYPE: u32 = "DumpType" @ 0xF98,
        REQUIRED_SPACE: u64 = "RequiredDumpSpace" @ 0xFA0,
        SYSTEM_TIME: u64 = "SystemTime" @ 0xFA8,
        COMMENT: [u8; 128] = "Comment" @ 0xFB0,
        UP_TIME: u64 = "SystemUpTime" @ 0x1030,
        MINIDUMP_FIELDS: u32 = "MiniDumpFields" @ 0x1038,
        SECONDARY_STATE: u32 = "SecondaryDataState" @ 0x103C,
        PRODUCT_TYPE: u32 = "ProductType" @ 0x1040,
        SUITE_MASK: u32 = "SuiteMask" @ 0x1044,
        WRITER_STATUS: u32 = "WriterStatus" @ 0x1048,
        SECONDARY_VERSION: u8 = "KdSecondaryVersion" @ 0x104D,
        ATTRIBUTES: u32 = "Attributes" @ 0x1050,
        BOOT_ID: u32 = "BootId" @ 0x1054,
    }
}

structure! {
    /// What a debugger and QEMU look for in kernel memory, as far as Windows 7 extended it.
    DebuggerData = "KDDEBUGGER_DATA64", 0x340 {
        LIST: [u64; 2] = "Header.List" @ 0x0,
        TAG: u32 = "Header.OwnerTag" @ 0x10,
        SIZE: u32 = "Header.Size" @ 0x14,
        KERNEL_BASE: u64 = "KernBase" @ 0x18,
        LOADED_MODULES: u64 = "PsLoadedModuleList" @ 0x48,
        ACTIVE_PROCESSES: u64 = "PsActiveProcessHead" @ 0x50,
        BUGCHECK_DATA: u64 = "KiBugcheckData" @ 0x88,
        PFN_DATABASE: u64 = "MmPfnDatabase" @ 0xC0,
        LOWEST_PAGE: u64 = "MmLowestPhysicalPage" @ 0xE8,
        HIGHEST_PAGE: u64 = "MmHighestPhysicalPage" @ 0xF0,
        PHYSICAL_PAGES: u64 = "MmNumberOfPhysicalPages" @ 0xF8,
        PAGE_SIZE: u64 = "MmPageSize" @ 0x138,
        PROCESSOR_BLOCK: u64 = "KiProcessorBlock" @ 0x218,
        SIZE_OF_PRCB: u16 = "SizePrcb" @ 0x2B0,
        SIZE_OF_THREAD: u16 = "SizeEThread" @ 0x2C0,
        OFFSET_PRCB_CURRENT_THREAD: u16 = "OffsetPrcbCurrentThread" @ 0x2B4,
        OFFSET_PRCB_NUMBER: u16 = "OffsetPrcbNumber" @ 0x2BE,
        OFFSET_PRCB_CONTEXT: u16 = "OffsetPrcbContext" @ 0x338,
    }
}

structure! {
    /// An entry of the list of loaded modules, as far as debuggers use it.
    LoadedModule = "KLDR_DATA_TABLE_ENTRY", 0xA0 {
        LINKS: [u64; 2] = "InLoadOrderLinks" @ 0x0,
        BASE: u64 = "DllBase" @ 0x30,
        ENTRY_POINT: u64 = "EntryPoint" @ 0x38,
        IMAGE_BYTES: u32 = "SizeOfImage" @ 0x40,
        FULL_NAME_LENGTH: u16 = "FullDllName.Length" @ 0x48,
        FULL_NAME_MAXIMUM: u16 = "FullDllName.MaximumLength" @ 0x4A,
        FULL_NAME_BUFFER: u64 = "FullDllName.Buffer" @ 0x50,
        BASE_NAME_LENGTH: u16 = "BaseDllName.Length" @ 0x58,
        BASE_NAME_MAXIMUM: u16 = "BaseDllName.MaximumLength" @ 0x5A,
        BASE_NAME_BUFFER: u64 = "BaseDllName.Buffer" @ 0x60,
    }
}

structure! {
    /// Registers of a processor.
    ContextRecord = "CONTEXT", 1232 {
        FLAGS: u32 = "ContextFlags" @ 48,
        MXCSR: u32 = "MxCsr" @ 52,
        SEG_CS: u16 = "SegCs" @ 56,
        SEG_DS: u16 = "SegDs" @ 58,
        SEG_ES: u16 = "SegEs" @ 60,
        SEG_FS: u16 = "SegFs" @ 62,
        SEG_GS: u16 = "SegGs" @ 64,
        SEG_SS: u16 = "SegSs" @ 66,
        EFLAGS: u32 = "EFlags" @ 68,
        RAX: u64 = "Rax" @ 120,
        RCX: u64 = "Rcx" @ 128,
        RDX: u64 = "Rdx" @ 136,
        RBX: u64 = "Rbx" @ 144,
        RSP: u64 = "Rsp" @ 152,
        RBP: u64 = "Rbp" @ 160,
        RSI: u64 = "Rsi" @ 168,
        RDI: u64 = "Rdi" @ 176,
        R8: u64 = "R8" @ 184,
        R9: u64 = "R9" @ 192,
        R10: u64 = "R10" @ 200,
        R11: u64 = "R11" @ 208,
        R12: u64 = "R12" @ 216,
        R13: u64 = "R13" @ 224,
        R14: u64 = "R14" @ 232,
        R15: u64 = "R15" @ 240,
        RIP: u64 = "Rip" @ 248,
        FLOAT_MXCSR: u32 = "FltSave.MxCsr" @ 280,
    }
}

structure! {
    /// What the header says of the exception.
    ExceptionRecord = "EXCEPTION_RECORD", 152 {
        CODE: u32 = "ExceptionCode" @ 0,
        FLAGS: u32 = "ExceptionFlags" @ 4,
        RECORD: u64 = "ExceptionRecord" @ 8,
        ADDRESS: u64 = "ExceptionAddress" @ 16,
        PARAMETERS: u32 = "NumberParameters" @ 24,
    }
}

structure! {
    /// The small dump's own header: offsets into the file, behind the header of the dump.
    TriageDump = "TRIAGE_DUMP64", 0x80 {
        SERVICE_PACK_BUILD: u32 = "ServicePackBuild" @ 0x0,
        SIZE: u32 = "SizeOfDump" @ 0x4,
        VALID: u32 = "ValidOffset" @ 0x8,
        CONTEXT: u32 = "ContextOffset" @ 0xC,
        EXCEPTION: u32 = "ExceptionOffset" @ 0x10,
        MEMORY_MANAGER: u32 = "MmOffset" @ 0x14,
        UNLOADED_DRIVERS: u32 = "UnloadedDriversOffset" @ 0x18,
        PRCB: u32 = "PrcbOffset" @ 0x1C,
        PROCESS: u32 = "ProcessOffset" @ 0x20,
        THREAD: u32 = "ThreadOffset" @ 0x24,
        STACK: u32 = "CallStackOffset" @ 0x28,
        STACK_BYTES: u32 = "SizeOfCallStack" @ 0x2C,
        DRIVERS: u32 = "DriverListOffset" @ 0x30,
        DRIVER_COUNT: u32 = "DriverCount" @ 0x34,
        STRINGS: u32 = "StringPoolOffset" @ 0x38,
        STRINGS_BYTES: u32 = "StringPoolSize" @ 0x3C,
        BROKEN_DRIVER: u32 = "BrokenDriverOffset" @ 0x40,
        OPTIONS: u32 = "TriageOptions" @ 0x44,
        TOP_OF_STACK: u64 = "TopOfStack" @ 0x48,
        DATA_PAGE_ADDRESS: u64 = "DataPageAddress" @ 0x60,
        DATA_PAGE: u32 = "DataPageOffset" @ 0x68,
        DATA_PAGE_BYTES: u32 = "DataPageSize" @ 0x6C,
        DEBUGGER_DATA: u32 = "DebuggerDataOffset" @ 0x70,
        DEBUGGER_DATA_BYTES: u32 = "DebuggerDataSize" @ 0x74,
        BLOCKS: u32 = "DataBlocksOffset" @ 0x78,
        BLOCK_COUNT: u32 = "DataBlocksCount" @ 0x7C,
    }
}

structure! {
    /// A driver in a small dump: place of its name, then the loader's entry of it as it was before Windows 8.
    DriverEntry = "DUMP_DRIVER_ENTRY64", 0x90 {
        NAME: u32 = "DriverNameOffset" @ 0x0,
        BASE: u64 = "LdrEntry.DllBase" @ 0x38,
        IMAGE_BYTES: u32 = "LdrEntry.SizeOfImage" @ 0x48,
        CHECK_SUM: u32 = "LdrEntry.CheckSum" @ 0x80,
        TIME_STAMP: u32 = "LdrEntry.TimeDateStamp" @ 0x88,
    }
}

structure! {
    /// A range of memory in a small dump.
    DataBlock = "TRIAGE_DATA_BLOCK", 16 {
        ADDRESS: u64 = "Address" @ 0,
        OFFSET: u32 = "Offset" @ 8,
        LENGTH: u32 = "Size" @ 12,
    }
}

#[cfg(test)]
mod tests;
