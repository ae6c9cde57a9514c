//! Bug check callbacks: the records that drivers register and what their routines are handed (wdm.h).

use super::{constants, enumeration, structure};

structure! {
    /// A callback with a reason.
    ReasonCallbackRecord = "KBUGCHECK_REASON_CALLBACK_RECORD", 48 {
        ENTRY_FLINK: u64 = "Entry.Flink" @ 0,
        ENTRY_BLINK: u64 = "Entry.Blink" @ 8,
        CALLBACK_ROUTINE: u64 = "CallbackRoutine" @ 16,
        COMPONENT: u64 = "Component" @ 24,
        CHECKSUM: u64 = "Checksum" @ 32,
        REASON: u32 = "Reason" @ 40,
        STATE: u8 = "State" @ 44,
    }
}

structure! {
    /// A plain callback, which is called when the dump is written.
    CallbackRecord = "KBUGCHECK_CALLBACK_RECORD", 64 {
        ENTRY_FLINK: u64 = "Entry.Flink" @ 0,
        ENTRY_BLINK: u64 = "Entry.Blink" @ 8,
        CALLBACK_ROUTINE: u64 = "CallbackRoutine" @ 16,
        BUFFER: u64 = "Buffer" @ 24,
        LENGTH: u32 = "Length" @ 32,
        COMPONENT: u64 = "Component" @ 40,
        CHECKSUM: u64 = "Checksum" @ 48,
        STATE: u8 = "State" @ 56,
    }
}

structure! {
    /// Pages to be added to the dump, one range a call.
    AddPages = "KBUGCHECK_ADD_PAGES", 32 {
        CONTEXT: u64 = "Context" @ 0,
        FLAGS: u32 = "Flags" @ 8,
        BUG_CHECK_CODE: u32 = "BugCheckCode" @ 12,
        ADDRESS: u64 = "Address" @ 16,
        COUNT: u64 = "Count" @ 24,
    }
}

structure! {
    /// Pages to be left out of the dump; the same members.
    RemovePages = "KBUGCHECK_REMOVE_PAGES", 32 {
        CONTEXT: u64 = "Context" @ 0,
        FLAGS: u32 = "Flags" @ 8,
        BUG_CHECK_CODE: u32 = "BugCheckCode" @ 12,
        ADDRESS: u64 = "Address" @ 16,
        COUNT: u64 = "Count" @ 24,
    }
}

structure! {
    /// Data of a driver's own behind the dump.
    SecondaryDumpData = "KBUGCHECK_SECONDARY_DUMP_DATA", 48 {
        IN_BUFFER: u64 = "InBuffer" @ 0,
        IN_BUFFER_LENGTH: u32 = "InBufferLength" @ 8,
        MAXIMUM_ALLOWED: u32 = "MaximumAllowed" @ 12,
        GUID: [u8; 16] = "Guid" @ 16,
        OUT_BUFFER: u64 = "OutBuffer" @ 32,
        OUT_BUFFER_LENGTH: u32 = "OutBufferLength" @ 40,
    }
}

structure! {
    /// One write of the dump.
    DumpIo = "KBUGCHECK_DUMP_IO", 24 {
        OFFSET: u64 = "Offset" @ 0,
        BUFFER: u64 = "Buffer" @ 8,
        BUFFER_LENGTH: u32 = "BufferLength" @ 16,
        TYPE: u32 = "Type" @ 20,
    }
}

structure! {
    /// What a callback is told that may name memory for a small dump, and where it leaves its array.
    TriageDumpData = "KBUGCHECK_TRIAGE_DUMP_DATA", 56 {
        DATA_ARRAY: u64 = "DataArray" @ 0,
        FLAGS: u32 = "Flags" @ 8,
        MAX_VIRT_MEM_SIZE: u32 = "MaxVirtMemSize" @ 12,
        BUG_CHECK_CODE: u32 = "BugCheckCode" @ 16,
        BUG_CHECK_PARAMETER_1: u64 = "BugCheckParameter1" @ 24,
        BUG_CHECK_PARAMETER_2: u64 = "BugCheckParameter2" @ 32,
        BUG_CHECK_PARAMETER_3: u64 = "BugCheckParameter3" @ 40,
        BUG_CHECK_PARAMETER_4: u64 = "BugCheckParameter4" @ 48,
    }
}

structure! {
    /// The array: its counters, then blocks of address and length (`KADDRESS_RANGE`), of which the size counts one.
    TriageArray = "KTRIAGE_DUMP_DATA_ARRAY", 64 {
        LIST_FLINK: u64 = "List.Flink" @ 0,
        LIST_BLINK: u64 = "List.Blink" @ 8,
        BLOCKS_USED: u32 = "NumBlocksUsed" @ 16,
        BLOCKS_TOTAL: u32 = "NumBlocksTotal" @ 20,
        DATA_BYTES: u32 = "DataSize" @ 24,
        DATA_LIMIT: u32 = "MaxDataSize" @ 28,
        BLOCKS: [u64; 2] = "Blocks" @ 48,
    }
}

/// `KB_TRIAGE_DUMP_DATA_FLAG_BUGCHECK_ACTIVE` (the page of `KBUGCHECK_TRIAGE_DUMP_DATA`).
pub const TRIAGE_BUGCHECK_ACTIVE: u32 = 1;
/// `KE_MAX_TRIAGE_DUMP_DATA_MEMORY_SIZE` (wdm.h): what all drivers may add to a small dump.
pub const TRIAGE_DATA_BYTES_MAX: u32 = 32 << 20;

constants! {
    PAGE_FLAGS:
    KB_ADD_PAGES_FLAG_VIRTUAL_ADDRESS: u32 = 1;
    KB_ADD_PAGES_FLAG_PHYSICAL_ADDRESS: u32 = 2;
    KB_ADD_PAGES_FLAG_ADDITIONAL_RANGES_EXIST: u32 = 0x8000_0000;
    KB_REMOVE_PAGES_FLAG_VIRTUAL_ADDRESS: u32 = 1;
    KB_REMOVE_PAGES_FLAG_PHYSICAL_ADDRESS: u32 = 2;
    KB_REMOVE_PAGES_FLAG_ADDITIONAL_RANGES_EXIST: u32 = 0x8000_0000;
}

enumeration! {
    /// Reasons of a callback.
    reason: u32 {
        SECONDARY_DUMP_DATA = "KbCallbackSecondaryDumpData" @ 2,
        DUMP_IO = "KbCallbackDumpIo" @ 3,
        ADD_PAGES = "KbCallbackAddPages" @ 4,
        SECONDARY_MULTI_PART_DUMP_DATA = "KbCallbackSecondaryMultiPartDumpData" @ 5,
        REMOVE_PAGES = "KbCallbackRemovePages" @ 6,
        TRIAGE_DUMP_DATA = "KbCallbackTriageDumpData" @ 7,
    }
}

enumeration! {
    /// What a write of the dump consists of.
    dump_io_type: u32 {
        HEADER = "KbDumpIoHeader" @ 1,
        BODY = "KbDumpIoBody" @ 2,
        SECONDARY_DATA = "KbDumpIoSecondaryData" @ 3,
        COMPLETE = "KbDumpIoComplete" @ 4,
    }
}
