//! hiberport: a Storport miniport for virtio-scsi with complete crash-dump and hibernation support.
//!
//! The driver is thin: `ddi` makes the port driver's world safe, `hba` knows the device, and this crate says who does what when. It has
//! two lives, each an adapter type of its own:
//!
//! | life | type | queues | completion |
//! |---|---|---|---|
//! | device driver | [`normal::NormalAdapter`] | control, event, request | interrupt, then DPC |
//! | copy in the crash-dump or hibernation stack | [`dump::DumpAdapter`] | first request queue, small ring | polled |
//!
//! The lives share no code that asks in which of them it runs. What both need: [`device`] (registers, bounded reset), [`request`]
//! (SRB to command), [`status`] (answer to SRB status), [`dump_context`] (what the first leaves for the second).
//! Another HBA keeps this crate's outline and replaces `hba`.
#![cfg_attr(target_os = "windows", no_std)]
#![deny(unsafe_code)]

mod device;
mod diagnosis;
mod dump;
mod dump_context;
mod lifecycle;
mod normal;
mod parameters;
mod request;
mod status;
#[cfg(test)]
mod tests;

use ddi::registration::{self, DriverObject, EntryArguments, RegistryPath, Role};

/// Entry point of the image.
///
/// In the dump stack the arguments are null, the data section may be dirty, and `HwStorFindAdapter` and `HwStorInitialize` run before
/// [`registration::initialize`] returns. Hence the order: statics, role, registration.
#[cfg_attr(
    target_os = "windows",
    expect(unsafe_code, reason = "the exported entry symbol")
)]
#[cfg_attr(target_os = "windows", unsafe(export_name = "DriverEntry"))]
#[must_use]
pub extern "system" fn driver_entry(
    driver_object: DriverObject,
    registry_path: RegistryPath,
) -> i32 {
    let arguments = EntryArguments::new(driver_object, registry_path);
    arguments.reinitialise_statics();
    match arguments.role() {
        Role::Normal => registration::initialize::<normal::NormalAdapter>(&arguments),
        Role::Dump => registration::initialize::<dump::DumpAdapter>(&arguments),
    }
}

/// Records the place and stops the system; no data leads here.
#[cfg(target_os = "windows")]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    ddi::bugcheck::panic(info)
}
