//! dumpheader: publishes a crash dump header to QEMU, so that `dump-guest-memory` on the host writes a Windows dump.
//!
//! A function driver for the firmware configuration device (`ACPI\QEMU0002`). When the device starts, the system fills a header
//! (`KeInitializeCrashDumpHeader`), and its place is told to QEMU through `etc/vmcoreinfo`; when it stops, that is taken back.
//!
//! | where | what |
//! |---|---|
//! | [`device`] | the life of the device: what is published when |
//! | `fwcfg` | the formats and the device, pure |
//! | `ddi::pnp`, `ddi::ports`, `ddi::contiguous`, `ddi::crash_header` | the system |
//!
//! A machine without the device, without the file or without memory is no error: the driver starts, says what is missing, and does
//! nothing more.
//! UNSAFETY: only the attribute that exports the entry symbol.
//! Formats, limits and how to use it: docs/dump-header.md.
#![cfg_attr(target_os = "windows", no_std)]
#![deny(unsafe_code)]

mod device;

use ddi::pnp::{self, DriverObject};

/// Second argument of `DriverEntry`, which this driver does not use.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct RegistryPath(#[expect(dead_code, reason = "part of the signature")] *mut core::ffi::c_void);

/// Entry point of the image.
#[cfg_attr(
    target_os = "windows",
    expect(unsafe_code, reason = "the exported entry symbol")
)]
#[cfg_attr(target_os = "windows", unsafe(export_name = "DriverEntry"))]
#[must_use]
pub extern "system" fn driver_entry(driver: DriverObject, _path: RegistryPath) -> i32 {
    pnp::register::<device::HeaderDevice>(driver)
}

/// Records the place and stops the system; no data leads here.
#[cfg(target_os = "windows")]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    ddi::bugcheck::panic(info)
}
