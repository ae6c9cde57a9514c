#[cfg_attr(target_os="windows", link(name = "storport.sys", kind = "raw-dylib", modifiers = "+verbatim"))]
unsafe extern "C" { pub fn StorPortInitialize(a: PVOID, b: PVOID, c: PVOID, d: PVOID) -> ULONG; }
