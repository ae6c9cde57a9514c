//! The resume loader's program.
#![no_std]
#![cfg_attr(target_os = "none", no_main)]

#[cfg(target_os = "none")]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    kernel::hw::cpu::stop()
}

/// On other targets there is nothing to run; the file is still checked.
#[cfg(not(target_os = "none"))]
fn main() {}
