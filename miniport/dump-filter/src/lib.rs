//! dumpfilter: a dump filter (ntdddump.h) that encrypts crash dumps, and hibernation files if asked, to a public key.
//!
//! Whoever gets hold of the disk gets nothing out of a dump; whoever holds the private key gets all of it. The system itself has the
//! public key alone, and a data key that lives as long as the dump stack.
//!
//! | module | what |
//! |---|---|
//! | [`parameters`] | what the registry says |
//! | [`seal`] | the data key, sealed to the public key, in a record of 128 bytes |
//! | [`xts`] | AES-256-XTS over sectors |
//! | [`region`] | which bytes of a dump stay plain, and where the record goes |
//! | [`filter`] | the callbacks: the four above put together |
//!
//! UNSAFETY: only the attribute that exports the entry symbol.
//! Formats and limits: docs/dump-filter.md.
#![cfg_attr(target_os = "windows", no_std)]
#![deny(unsafe_code)]

// The kernel does not save AVX registers for a driver, and the crate for the authenticator uses them where it finds them.
#[cfg(all(target_os = "windows", not(poly1305_force_soft)))]
compile_error!("build with --cfg=poly1305_force_soft: a driver must not touch AVX registers");

mod filter;
mod parameters;
mod region;
mod seal;
mod xts;

use ddi::filter::{FilterExtension, InitializationData};

/// Entry point of the image: a dump stack calls it with other arguments than the I/O manager calls a driver's.
#[cfg_attr(
    target_os = "windows",
    expect(unsafe_code, reason = "the exported entry symbol")
)]
#[cfg_attr(target_os = "windows", unsafe(export_name = "DriverEntry"))]
#[must_use]
pub extern "system" fn driver_entry(extension: FilterExtension, data: InitializationData) -> i32 {
    ddi::filter::load::<filter::Sealing>(extension, data)
}

/// Records the place and stops the system; no data leads here.
#[cfg(target_os = "windows")]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    ddi::bugcheck::panic(info)
}
