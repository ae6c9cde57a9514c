// wdm.h: bug-check callbacks.

pub mod _KBUGCHECK_CALLBACK_REASON {
    pub type Type = ::core::ffi::c_int;
    pub const KbCallbackInvalid: Type = 0;
    pub const KbCallbackReserved1: Type = 1;
    pub const KbCallbackSecondaryDumpData: Type = 2;
    pub const KbCallbackDumpIo: Type = 3;
    pub const KbCallbackAddPages: Type = 4;
    pub const KbCallbackSecondaryMultiPartDumpData: Type = 5;
    pub const KbCallbackRemovePages: Type = 6;
    pub const KbCallbackTriageDumpData: Type = 7;
    pub const KbCallbackReserved2: Type = 8;
}

pub use self::_KBUGCHECK_CALLBACK_REASON::Type as KBUGCHECK_CALLBACK_REASON;

pub mod _KBUGCHECK_DUMP_IO_TYPE {
    pub type Type = ::core::ffi::c_int;
    pub const KbDumpIoInvalid: Type = 0;
    pub const KbDumpIoHeader: Type = 1;
    pub const KbDumpIoBody: Type = 2;
    pub const KbDumpIoSecondaryData: Type = 3;
    pub const KbDumpIoComplete: Type = 4;
}

pub use self::_KBUGCHECK_DUMP_IO_TYPE::Type as KBUGCHECK_DUMP_IO_TYPE;

pub type KBUGCHECK_CALLBACK_ROUTINE =
    ::core::option::Option<unsafe extern "C" fn(Buffer: PVOID, Length: ULONG)>;

pub type PKBUGCHECK_CALLBACK_ROUTINE = KBUGCHECK_CALLBACK_ROUTINE;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _KBUGCHECK_CALLBACK_RECORD {
    pub Entry: LIST_ENTRY,
    pub CallbackRoutine: PKBUGCHECK_CALLBACK_ROUTINE,
    pub Buffer: PVOID,
    pub Length: ULONG,
    pub Component: PUCHAR,
    pub Checksum: ULONG_PTR,
    pub State: UCHAR,
}

pub type KBUGCHECK_CALLBACK_RECORD = _KBUGCHECK_CALLBACK_RECORD;
pub type PKBUGCHECK_CALLBACK_RECORD = *mut _KBUGCHECK_CALLBACK_RECORD;

pub type KBUGCHECK_REASON_CALLBACK_ROUTINE = ::core::option::Option<
    unsafe extern "C" fn(
        Reason: KBUGCHECK_CALLBACK_REASON,
        Record: *mut _KBUGCHECK_REASON_CALLBACK_RECORD,
        ReasonSpecificData: PVOID,
        ReasonSpecificDataLength: ULONG,
    ),
>;

pub type PKBUGCHECK_REASON_CALLBACK_ROUTINE = KBUGCHECK_REASON_CALLBACK_ROUTINE;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _KBUGCHECK_REASON_CALLBACK_RECORD {
    pub Entry: LIST_ENTRY,
    pub CallbackRoutine: PKBUGCHECK_REASON_CALLBACK_ROUTINE,
    pub Component: PUCHAR,
    pub Checksum: ULONG_PTR,
    pub Reason: KBUGCHECK_CALLBACK_REASON,
    pub State: UCHAR,
}

pub type KBUGCHECK_REASON_CALLBACK_RECORD = _KBUGCHECK_REASON_CALLBACK_RECORD;
pub type PKBUGCHECK_REASON_CALLBACK_RECORD = *mut _KBUGCHECK_REASON_CALLBACK_RECORD;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _KBUGCHECK_SECONDARY_DUMP_DATA {
    pub InBuffer: PVOID,
    pub InBufferLength: ULONG,
    pub MaximumAllowed: ULONG,
    pub Guid: _GUID,
    pub OutBuffer: PVOID,
    pub OutBufferLength: ULONG,
}

pub type KBUGCHECK_SECONDARY_DUMP_DATA = _KBUGCHECK_SECONDARY_DUMP_DATA;
pub type PKBUGCHECK_SECONDARY_DUMP_DATA = *mut _KBUGCHECK_SECONDARY_DUMP_DATA;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _KBUGCHECK_DUMP_IO {
    pub Offset: ULONG64,
    pub Buffer: PVOID,
    pub BufferLength: ULONG,
    pub Type: KBUGCHECK_DUMP_IO_TYPE,
}

pub type KBUGCHECK_DUMP_IO = _KBUGCHECK_DUMP_IO;
pub type PKBUGCHECK_DUMP_IO = *mut _KBUGCHECK_DUMP_IO;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _KBUGCHECK_ADD_PAGES {
    pub Context: PVOID,
    pub Flags: ULONG,
    pub BugCheckCode: ULONG,
    pub Address: ULONG_PTR,
    pub Count: ULONG_PTR,
}

pub type KBUGCHECK_ADD_PAGES = _KBUGCHECK_ADD_PAGES;
pub type PKBUGCHECK_ADD_PAGES = *mut _KBUGCHECK_ADD_PAGES;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _KBUGCHECK_REMOVE_PAGES {
    pub Context: PVOID,
    pub Flags: ULONG,
    pub BugCheckCode: ULONG,
    pub Address: ULONG_PTR,
    pub Count: ULONG_PTR,
}

pub type KBUGCHECK_REMOVE_PAGES = _KBUGCHECK_REMOVE_PAGES;
pub type PKBUGCHECK_REMOVE_PAGES = *mut _KBUGCHECK_REMOVE_PAGES;

#[repr(C)]
#[derive(Debug)]
pub struct _KTRIAGE_DUMP_DATA_ARRAY {
    _unused: [u8; 0],
}

pub type PKTRIAGE_DUMP_DATA_ARRAY = *mut _KTRIAGE_DUMP_DATA_ARRAY;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _KBUGCHECK_TRIAGE_DUMP_DATA {
    pub DataArray: PKTRIAGE_DUMP_DATA_ARRAY,
    pub Flags: ULONG,
    pub MaxVirtMemSize: ULONG,
    pub BugCheckCode: ULONG,
    pub BugCheckParameter1: ULONG_PTR,
    pub BugCheckParameter2: ULONG_PTR,
    pub BugCheckParameter3: ULONG_PTR,
    pub BugCheckParameter4: ULONG_PTR,
}

pub type KBUGCHECK_TRIAGE_DUMP_DATA = _KBUGCHECK_TRIAGE_DUMP_DATA;
pub type PKBUGCHECK_TRIAGE_DUMP_DATA = *mut _KBUGCHECK_TRIAGE_DUMP_DATA;

zeroed_default! {
    _KBUGCHECK_CALLBACK_RECORD,
    _KBUGCHECK_REASON_CALLBACK_RECORD,
    _KBUGCHECK_SECONDARY_DUMP_DATA,
    _KBUGCHECK_DUMP_IO,
    _KBUGCHECK_ADD_PAGES,
    _KBUGCHECK_REMOVE_PAGES,
    _KBUGCHECK_TRIAGE_DUMP_DATA,
}
