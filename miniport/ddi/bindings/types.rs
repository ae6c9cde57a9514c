pub type PVOID = *mut core::ffi::c_void;
pub type ULONG = u32;
pub type NTSTATUS = i32;
pub type POOL_FLAGS = u64;
pub type CHAR = i8;
