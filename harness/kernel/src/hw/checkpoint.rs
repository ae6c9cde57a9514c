//! The routine at which the host has a breakpoint.
//!
//! UNSAFETY: the symbol keeps its plain name, so that the host finds it in the ELF file.
#![expect(unsafe_code, reason = "an unmangled symbol")]

/// Returns at once; with a breakpoint on it the host looks at the machine meanwhile. `rdi`: number of the checkpoint,
/// `rsi`: its argument.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "sysv64" fn bench_checkpoint(number: u64, argument: u64) {
    core::hint::black_box((number, argument));
}
