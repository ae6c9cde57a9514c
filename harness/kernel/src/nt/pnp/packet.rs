//! I/O request packets: made, sent down a stack of two devices, completed once.
//!
//! The lower device is the bus driver's: it completes every request at once, as ACPI does for a device without power states.

use alloc::format;

use proto::owner::{Owner, Role};

use super::stop;
use crate::{
    call::{self, Callback, CallbackKind},
    exports::ExportCall,
    irql,
    mem::{self, AllocSpec, Contiguity, MemFault, PAGE_BYTES, Placement, Va},
    nt::memory::demand,
    port::abi::{
        Structure, View,
        io::{Irp, Location},
        services::DeviceObject,
    },
    record,
};

/// `IO_TYPE_IRP`.
const TYPE_IRP: u16 = 6;
/// Devices of a stack.
const DEVICES: u8 = 2;
/// Where the routines of a driver object begin: `MajorFunction`.
const MAJOR_FUNCTIONS: u64 = 112;
/// Highest function.
const MAJOR_MAXIMUM: u8 = 27;
/// `STATUS_NOT_SUPPORTED`, which PnP and power requests start with.
const NOT_SUPPORTED: u32 = 0xC000_00BB;
/// `STATUS_INSUFFICIENT_RESOURCES`.
const INSUFFICIENT_RESOURCES: u32 = 0xC000_009A;
/// `MULTIPLE_IRP_COMPLETE_REQUESTS`.
const COMPLETED_TWICE: u32 = 0x44;

/// A request as the managers send it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    /// Major function.
    pub(super) major: u8,
    /// Minor function.
    pub(super) minor: u8,
    /// Parameters, as `Parameters.Others` holds them.
    pub(super) parameters: [u64; 3],
}

/// What a request is reported with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// What the dispatch routine returned.
    pub(super) returned: u32,
    /// What the packet was completed with; `None` if it was not.
    pub(super) status: Option<u32>,
}

/// Sends a request to the top of the stack on `device` and waits, on one processor, until the routine returns.
pub(super) fn send(device: Va, request: Request) -> Result<Outcome, MemFault> {
    let bytes = Irp::BYTES + u64::from(DEVICES) * Location::BYTES;
    let Ok(block) = mem::alloc(AllocSpec {
        bytes,
        align: 16,
        contiguous: Contiguity::Contiguous,
        placement: Placement::Any,
        owner: Owner::Request(Role::Normal),
        name: "I/O request packet",
    }) else {
        return Ok(Outcome {
            returned: INSUFFICIENT_RESOURCES,
            status: None,
        });
    };
    mem::fill(block.va, 0, bytes)?;
    let irp = View::<Irp>::at(block.va);
    irp.set(Irp::TYPE, TYPE_IRP)?;
    irp.set(Irp::SIZE, u16::try_from(bytes).unwrap_or(0))?;
    irp.set(Irp::STATUS, NOT_SUPPORTED)?;
    irp.set(Irp::STACK_COUNT, DEVICES)?;
    // The caller's own location is one past the last; the first call moves to the last.
    irp.set(Irp::CURRENT_LOCATION, DEVICES + 1)?;
    let end = block.va.offset(bytes);
    irp.set(Irp::CURRENT_STACK_LOCATION, end.0)?;
    let location = View::<Location>::at(Va(end.0 - Location::BYTES));
    location.set(Location::MAJOR, request.major)?;
    location.set(Location::MINOR, request.minor)?;
    let [first, second, third] = request.parameters;
    location.set(Location::FIRST, first)?;
    location.set(Location::SECOND, second)?;
    location.set(Location::THIRD, third)?;
    let returned = descend(device, irp)?;
    let status = if irp.get(Irp::CURRENT_LOCATION)? == DEVICES + 1 {
        Some(irp.get(Irp::STATUS)?)
    } else {
        None
    };
    let _ = mem::free(block.va);
    Ok(Outcome { returned, status })
}

/// `IofCallDriver(DeviceObject, Irp)`.
pub(super) fn call_driver(call: &ExportCall) -> u64 {
    demand(call, descend(call.va(0), View::at(call.va(1)))).into()
}

/// `IofCompleteRequest(Irp, PriorityBoost)` by the upper driver: its location must be the current one.
pub(super) fn complete(call: &ExportCall) -> u64 {
    let irp = View::<Irp>::at(call.va(0));
    let current = demand(call, irp.get(Irp::CURRENT_LOCATION));
    if current != DEVICES {
        let text = format!(
            "a packet is completed at location {current} of {DEVICES}: it was completed or passed down before"
        );
        record::bugcheck(COMPLETED_TWICE, [irp.base().0, 0, 0, 0], text);
    }
    demand(call, ascend(irp));
    0
}

/// `IoForwardIrpSynchronously(DeviceObject, Irp)`: copies the location for the lower driver; the packet comes back.
pub(super) fn forward(call: &ExportCall) -> u64 {
    let irp = View::<Irp>::at(call.va(1));
    if irql::current() != irql::PASSIVE_LEVEL {
        stop(call, format!("{} above PASSIVE_LEVEL", call.export.name));
    }
    let current = Va(demand(call, irp.get(Irp::CURRENT_STACK_LOCATION)));
    let next = Va(current.0 - Location::BYTES);
    demand(call, mem::copy(next, current, Location::BYTES));
    demand(call, descend(call.va(0), irp));
    1
}

/// Moves to the next location and calls the driver of `device`.
fn descend(device: Va, irp: View<Irp>) -> Result<u32, MemFault> {
    let location = Va(irp.get(Irp::CURRENT_STACK_LOCATION)? - Location::BYTES);
    irp.set(Irp::CURRENT_STACK_LOCATION, location.0)?;
    let number = irp.get(Irp::CURRENT_LOCATION)?;
    irp.set(Irp::CURRENT_LOCATION, number - 1)?;
    let location = View::<Location>::at(location);
    location.set(Location::DEVICE_OBJECT, device.0)?;
    let driver = View::<DeviceObject>::at(device).get(DeviceObject::DRIVER_OBJECT)?;
    if driver == 0 {
        // The bus driver's device.
        irp.set(Irp::STATUS, 0)?;
        ascend(irp)?;
        return Ok(0);
    }
    let major = location.get(Location::MAJOR)?.min(MAJOR_MAXIMUM);
    let routine = MAJOR_FUNCTIONS + 8 * u64::from(major);
    let entry = Va(mem::read::<u64>(Va(driver).offset(routine))?);
    let status = call::invoke(
        Callback {
            role: Role::Normal,
            kind: CallbackKind::Other,
            name: name(major),
        },
        entry,
        &[device.0, irp.base().0],
    );
    let [b0, b1, b2, b3, ..] = status.to_le_bytes();
    Ok(u32::from_le_bytes([b0, b1, b2, b3]))
}

/// Moves back to the location of whoever called; past the last one the packet is complete.
fn ascend(irp: View<Irp>) -> Result<(), MemFault> {
    let location = irp.get(Irp::CURRENT_STACK_LOCATION)? + Location::BYTES;
    irp.set(Irp::CURRENT_STACK_LOCATION, location)?;
    let number = irp.get(Irp::CURRENT_LOCATION)?;
    irp.set(Irp::CURRENT_LOCATION, number + 1)
}

const fn name(major: u8) -> &'static str {
    match major {
        27 => "DispatchPnp",
        22 => "DispatchPower",
        23 => "DispatchSystemControl",
        _ => "Dispatch",
    }
}

const _: () = assert!(Irp::BYTES + 2 * Location::BYTES < PAGE_BYTES);
