//! Dump filters: `FILTER_EXTENSION` and `FILTER_INITIALIZATION_DATA`. The memory descriptor list is in [`super::services`].

use super::{constants, structure};

structure! {
    /// What a filter is told of its stack, and by which it is called.
    FilterExtension = "FILTER_EXTENSION", 88 {
        DUMP_TYPE: u32 = "DumpType" @ 0,
        DEVICE_OBJECT: u64 = "DeviceObject" @ 8,
        DISK_SIZE: u64 = "DiskSize" @ 40,
        DUMP_DATA: u64 = "DumpData" @ 72,
        SIZE: u32 = "Size" @ 80,
        FLAGS: u32 = "Flags" @ 84,
    }
}

structure! {
    /// What a filter's `DriverEntry` fills in.
    FilterInitializationData = "FILTER_INITIALIZATION_DATA", 64 {
        MAJOR_VERSION: u32 = "MajorVersion" @ 0,
        MINOR_VERSION: u32 = "MinorVersion" @ 4,
        DUMP_START: u64 = "DumpStart" @ 8,
        DUMP_WRITE: u64 = "DumpWrite" @ 16,
        DUMP_FINISH: u64 = "DumpFinish" @ 24,
        DUMP_UNLOAD: u64 = "DumpUnload" @ 32,
        DUMP_DATA: u64 = "DumpData" @ 40,
        MAX_PAGES_PER_WRITE: u32 = "MaxPagesPerWrite" @ 48,
        FLAGS: u32 = "Flags" @ 52,
        DUMP_READ: u64 = "DumpRead" @ 56,
    }
}

constants! { FLAGS:
    /// The stack fails if the filter does not load.
    DUMP_FILTER_CRITICAL: u32 = 1;
    /// The system calls `Dump_Read`, and the filter wants it.
    DUMP_FILTER_FLAG_SYSTEM_SUPPORT_READ: u32 = 1;
    /// The HBA reaches all memory.
    DUMP_FILTER_FLAG_SYSTEM_SUPPORT_64BIT_MEMORY: u32 = 4;
    /// Version 2 has `Dump_Read`.
    DUMP_FILTER_MAJOR_VERSION: u32 = 2;
}
