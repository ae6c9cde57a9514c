//! hiberport
#![no_std]
#![expect(unsafe_code, reason = "the exported entry symbol")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
/// Entry.
#[unsafe(no_mangle)]
pub extern "system" fn DriverEntry(a: usize, b: usize) -> u32 {
    {
        let _ = (a, b);
        0
    }
}
