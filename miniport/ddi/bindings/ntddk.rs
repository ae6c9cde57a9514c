#[cfg_attr(target_os="windows", link(name = "ntoskrnl.exe", kind = "raw-dylib", modifiers = "+verbatim"))]
unsafe extern "C" { pub fn DbgPrint(Format: *const CHAR, ...) -> ULONG; }
