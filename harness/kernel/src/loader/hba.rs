//! Uses a virtio-scsi HBA as a firmware does, and leaves it in use: queues live, an event buffer posted, `DRIVER_OK`.
//!
//! The RESUME instance must not take the device for fresh. Virtio 1.2, 4.1 (PCI transport) and 3.1 (initialisation).
//! Everything that the device may write to lies in the loader's window, which belongs to nobody later.

use super::tables::Tables;
use crate::{
    mem::{Pa, Va, direct, raw, registers},
    mmio::Width,
    pci::{BarKind, Function, MsixState},
};

/// `VIRTIO_PCI_CAP_COMMON_CFG` and `VIRTIO_PCI_CAP_NOTIFY_CFG`.
const COMMON: u8 = 1;
const NOTIFY: u8 = 2;
const VENDOR_CAPABILITY: u8 = 9;
const VIRTIO: u16 = 0x1AF4;

// struct virtio_pci_common_cfg.
const DRIVER_FEATURE_SELECT: u64 = 0x08;
const DRIVER_FEATURE: u64 = 0x0C;
const STATUS: u64 = 0x14;
const QUEUE_SELECT: u64 = 0x16;
const QUEUE_SIZE: u64 = 0x18;
const QUEUE_ENABLE: u64 = 0x1C;
const QUEUE_NOTIFY_OFFSET: u64 = 0x1E;
const QUEUE_DESCRIPTORS: u64 = 0x20;
const QUEUE_DRIVER: u64 = 0x28;
const QUEUE_DEVICE: u64 = 0x30;

const ACKNOWLEDGE: u64 = 1;
const DRIVER: u64 = 2;
const DRIVER_OK: u64 = 4;
const FEATURES_OK: u64 = 8;
/// Bit of `VIRTIO_F_VERSION_1` in the upper word of the features.
const VERSION_1: u64 = 1;

const EVENT_QUEUE: u64 = 1;
/// Control, event and one request queue.
const QUEUES: u64 = 3;
/// Entries of each of the loader's rings.
const ENTRIES: u64 = 8;
/// `VIRTQ_DESC_F_WRITE`.
const DEVICE_WRITES: u64 = 2;
/// `struct virtio_scsi_event`.
const EVENT_BYTES: u64 = 16;

/// Where the rings lie in the window: a page for each queue, then one for the event buffer.
const RINGS: u64 = 0x17_0000;
const EVENT_BUFFER: u64 = RINGS + QUEUES * 4096;
const DRIVER_RING: u64 = 0x400;
const DEVICE_RING: u64 = 0x800;

/// Resets that a device takes at most before it answers 0.
const RESET_POLLS: u32 = 100_000;

/// What was done with the HBA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dirtied {
    /// It has rings in the loader's memory and a buffer for events.
    InUse,
    /// No virtio HBA, or not one that this code understands: left as the firmware left it.
    Untouched,
}

/// Puts the HBA to use.
pub(super) fn dirty(function: &Function, tables: &mut Tables) -> Dirtied {
    if function.vendor_id != VIRTIO {
        return Dirtied::Untouched;
    }
    let (Some(common), Some((notify, multiplier))) = (
        structure(function, COMMON, tables).map(|(va, _)| va),
        structure(function, NOTIFY, tables),
    ) else {
        return Dirtied::Untouched;
    };
    function.set_msix(MsixState::Disabled);
    // Memory decode and bus mastering.
    function.write16(4, function.read16(4) | 6);
    let device = Device { common };
    if !device.start() {
        return Dirtied::Untouched;
    }
    for queue in 0..QUEUES {
        device.enable_queue(queue);
    }
    device.write(
        STATUS,
        Width::Byte,
        ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK,
    );
    device.post_event(notify, multiplier);
    Dirtied::InUse
}

struct Device {
    common: Va,
}

impl Device {
    /// Reset and feature negotiation; whether the device agreed.
    fn start(&self) -> bool {
        self.write(STATUS, Width::Byte, 0);
        let reset = (0..RESET_POLLS).any(|_| self.read(STATUS, Width::Byte) == 0);
        if !reset {
            return false;
        }
        self.write(STATUS, Width::Byte, ACKNOWLEDGE | DRIVER);
        for (word, bits) in [(0, 0), (1, VERSION_1)] {
            self.write(DRIVER_FEATURE_SELECT, Width::Dword, word);
            self.write(DRIVER_FEATURE, Width::Dword, bits);
        }
        self.write(STATUS, Width::Byte, ACKNOWLEDGE | DRIVER | FEATURES_OK);
        self.read(STATUS, Width::Byte) & FEATURES_OK != 0
    }

    fn enable_queue(&self, queue: u64) {
        let ring = RINGS + queue * 4096;
        raw::fill(Pa(ring), 0, 4096);
        self.write(QUEUE_SELECT, Width::Word, queue);
        self.write(QUEUE_SIZE, Width::Word, ENTRIES);
        for (register, address) in [
            (QUEUE_DESCRIPTORS, ring),
            (QUEUE_DRIVER, ring + DRIVER_RING),
            (QUEUE_DEVICE, ring + DEVICE_RING),
        ] {
            self.write(register, Width::Dword, address);
            self.write(register + 4, Width::Dword, 0);
        }
        self.write(QUEUE_ENABLE, Width::Word, 1);
    }

    /// Gives the device a buffer that it may write to at any time.
    fn post_event(&self, notify: Va, multiplier: u64) {
        let ring = Pa(RINGS + EVENT_QUEUE * 4096);
        raw::write_word(ring, EVENT_BUFFER);
        raw::write_word(ring.offset(8), EVENT_BYTES | DEVICE_WRITES << 32);
        // Driver ring: flags 0, index 1, first entry 0.
        raw::write_word(ring.offset(DRIVER_RING), 1 << 16);
        self.write(QUEUE_SELECT, Width::Word, EVENT_QUEUE);
        let offset = self.read(QUEUE_NOTIFY_OFFSET, Width::Word);
        registers::write(notify.offset(offset * multiplier), Width::Word, EVENT_QUEUE);
    }

    fn read(&self, register: u64, width: Width) -> u64 {
        registers::read(self.common.offset(register), width)
    }

    fn write(&self, register: u64, width: Width, value: u64) {
        registers::write(self.common.offset(register), width, value);
    }
}

/// Address of a structure and the word behind its capability (the notify multiplier).
fn structure(function: &Function, kind: u8, tables: &mut Tables) -> Option<(Va, u64)> {
    let capabilities = function.capabilities();
    let (_, at) = capabilities
        .into_iter()
        .find(|&(id, at)| id == VENDOR_CAPABILITY && function.read8(at + 3) == kind)?;
    let index = function.read8(at + 4);
    let bars = function.bars();
    let bar = bars
        .iter()
        .find(|bar| bar.index == index && bar.kind != BarKind::Io)?;
    let offset = u64::from(function.read32(at + 8));
    let bytes = u64::from(function.read32(at + 12));
    if offset.checked_add(bytes)? > bar.bytes {
        return None;
    }
    tables.map(bar.base, bar.bytes);
    let multiplier = u64::from(function.read32(at + 16));
    Some((direct(Pa(bar.base + offset)), multiplier))
}
