//! The context survives the way through bytes, and damage of any byte is found.

use ddi::{context::AccessRange, port::UnitAddress};
use hba::{
    device::{Probe, Registers, Reset},
    fake::{ConfigSpace, FakeDevice, FakeMemory, Offer},
    pci::capabilities,
    plan::Plan,
};

use super::{ContextError, DumpContext, checksum, put};

fn plan() -> Plan {
    let memory = FakeMemory::new(4096, 0);
    let device = FakeDevice::new(&memory, Offer::qemu(), &[]);
    let [common, notify, isr, specific] = device.registers();
    let registers = Registers::new(common, notify, isr, specific, 4).unwrap();
    let quiesced = Reset::run(&registers, |_| {}).unwrap();
    let probe = Probe::read(&registers, quiesced).unwrap();
    let caps = capabilities(ConfigSpace::qemu().bytes()).unwrap();
    Plan::dump(&caps, &probe).unwrap()
}

fn context() -> DumpContext {
    let range = |start, bytes, in_memory_space| {
        Some(AccessRange {
            start,
            bytes,
            in_memory_space,
        })
    };
    DumpContext {
        unit: UnitAddress {
            path: 0,
            target: 200,
            lun: 17,
        },
        plan: plan(),
        ranges: [
            range(0xC000, 64, false),
            range(0x8_0000_4000, 0x4000, true),
            None,
            None,
            None,
            None,
        ],
    }
}

#[test]
fn every_field_survives() {
    let context = context();
    assert_eq!(DumpContext::decode(&context.encode()), Ok(context));
}

#[test]
fn any_damage_is_found() {
    let bytes = context().encode();
    for index in 0..bytes.len() {
        let mut damaged = bytes;
        damaged[index] ^= 0x10;
        assert!(DumpContext::decode(&damaged).is_err(), "byte {index}");
    }
}

#[test]
fn each_rule_has_its_error() {
    let bytes = context().encode();
    let broken = |at: usize, value: &[u8]| {
        let mut bytes = bytes;
        put(&mut bytes, at, value);
        DumpContext::decode(&bytes)
    };
    assert_eq!(broken(0, &[0]), Err(ContextError::Magic));
    assert_eq!(broken(4, &[9]), Err(ContextError::Version));
    assert_eq!(broken(6, &[1]), Err(ContextError::Length));
    assert_eq!(broken(60, &[1]), Err(ContextError::Checksum));
    let resealed = |at: usize, value: &[u8]| {
        let mut bytes = bytes;
        put(&mut bytes, at, value);
        let sum = checksum(&bytes);
        put(&mut bytes, 8, &sum.to_le_bytes());
        DumpContext::decode(&bytes)
    };
    assert_eq!(resealed(15, &[7]), Err(ContextError::Value));
    assert_eq!(resealed(28, &[2]), Err(ContextError::Value));
    assert_eq!(resealed(112, &[0]), Err(ContextError::Plan));
}
