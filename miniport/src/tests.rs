//! The driver's entry points against a simulated port and the engine's fake device.

mod crash;
mod dump;
mod memory;
mod normal;
mod power;
mod queues;
mod reset;

use ddi::{
    port::UnitAddress,
    simulator::{
        Machine, Simulator,
        request::{Ask, Ended, Request, Shape},
    },
};
use hba::{
    fake::{Disk, FakeDevice, Fault, Offer},
    scsi::cdb::{Access, Caching, Cdb, Form, Transfer},
};

use crate::driver_entry;

/// `SP_RETURN_FOUND`.
const FOUND: u32 = 1;
/// `SRB_STATUS_*`.
const SUCCESS: u8 = 0x01;
const ABORTED: u8 = 0x02;
const ABORT_FAILED: u8 = 0x03;
const ERROR: u8 = 0x04;
const BUSY: u8 = 0x05;
const INVALID_REQUEST: u8 = 0x06;
const NO_DEVICE: u8 = 0x08;
const BUS_RESET: u8 = 0x0E;
const NO_HBA: u8 = 0x11;
const DATA_OVERRUN: u8 = 0x12;
const INVALID_TARGET_ID: u8 = 0x21;
const ERROR_WITH_SENSE: u8 = 0x84;
/// `SRB_FUNCTION_*`.
const EXECUTE_SCSI: u32 = 0x00;
const SHUTDOWN: u32 = 0x07;
const FLUSH: u32 = 0x08;
/// `SRB_FLAGS_*`.
const DATA_IN: u32 = 0x40;
const DATA_OUT: u32 = 0x80;

const BLOCK: usize = 512;
const UNIT: UnitAddress = UnitAddress {
    path: 0,
    target: 3,
    lun: 7,
};

/// A machine with QEMU's device, misbehaving as `faults` say, and a disk at [`UNIT`].
fn machine(offer: Offer, faults: &[Fault]) -> Machine {
    let machine = Machine::new(|memory| FakeDevice::new(memory, offer, faults));
    let disk = Disk::new(8192, 512);
    machine
        .device
        .insert_disk(UNIT.target, UNIT.lun.into(), disk);
    machine
}

/// A running driver in normal life.
fn running(machine: Machine) -> Simulator {
    let mut port = Simulator::load(machine, false, driver_entry);
    assert_eq!(port.find_adapter(0, core::ptr::null_mut()), FOUND);
    assert!(port.initialize());
    port
}

fn transfer(access: Access, block: u64, bytes: usize, form: Form) -> Cdb {
    let transfer = Transfer {
        access,
        block,
        blocks: u32::try_from(bytes / BLOCK).unwrap(),
        caching: Caching::Allowed,
    };
    transfer.build(form).unwrap()
}

fn read(port: &mut Simulator, shape: Shape, block: u64, bytes: usize, form: Form) -> Request {
    let data = vec![0xEE; bytes];
    port.request(&Ask {
        cdb: transfer(Access::Read, block, bytes, form).as_bytes(),
        flags: DATA_IN,
        data: &data,
        sense_bytes: 32,
        ..Ask::function(shape, EXECUTE_SCSI, UNIT)
    })
}

fn write(port: &mut Simulator, shape: Shape, block: u64, data: &[u8], form: Form) -> Request {
    port.request(&Ask {
        cdb: transfer(Access::Write, block, data.len(), form).as_bytes(),
        flags: DATA_OUT,
        data,
        sense_bytes: 32,
        ..Ask::function(shape, EXECUTE_SCSI, UNIT)
    })
}

/// Sends a request and lets the device work until it has ended.
fn execute(port: &mut Simulator, request: &mut Request) -> Ended {
    if let Some(ended) = port.send(request) {
        return ended;
    }
    port.settle();
    port.ended(request).expect("the request ends")
}

/// Bytes that depend on their place.
fn pattern(bytes: usize, seed: u8) -> Vec<u8> {
    (0..bytes)
        .map(|index| u8::try_from(index % 251).unwrap() ^ seed)
        .collect()
}
