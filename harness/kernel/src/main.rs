//! The bench kernel's program: from the PVH entry to the scenario.
#![cfg_attr(target_os = "none", no_std)]
#![cfg_attr(target_os = "none", no_main)]

#[cfg(target_os = "none")]
mod boot;

#[cfg(target_os = "none")]
use kernel::{record, start};

/// First Rust code: on the boot page tables, with `start_info` where the firmware put it.
#[cfg(target_os = "none")]
extern "sysv64" fn rust_entry(start_info: u64) -> ! {
    core::hint::black_box(&proto::version::MARK);
    start::run(start_info)
}

#[cfg(target_os = "none")]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    record::kernel_panic(info)
}

/// On other targets there is nothing to run; the file is still checked.
#[cfg(not(target_os = "none"))]
fn main() {}
