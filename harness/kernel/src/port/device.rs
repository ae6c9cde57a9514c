//! What the bench reads off a virtio HBA for the report: features and queues, by its own walk to the common
//! configuration (virtio 1.2, 4.1.4.3). Other HBAs are reported without them.

use proto::record::DeviceFacts;

use super::{adapter, rings};
use crate::{
    mem::{Pa, Va},
    mmio::{self, Width},
    pci::Function,
};

const VIRTIO_VENDOR: u16 = 0x1AF4;
const VENDOR_CAPABILITY: u8 = 9;
/// `VIRTIO_PCI_CAP_COMMON_CFG`.
const COMMON_CFG: u8 = 1;
const COMMON_CFG_BYTES: u64 = 64;
/// Offsets in the common configuration.
const DEVICE_FEATURE_SELECT: u64 = 0;
const DEVICE_FEATURE: u64 = 4;
const DRIVER_FEATURE_SELECT: u64 = 8;
const DRIVER_FEATURE: u64 = 12;
const NUM_QUEUES: u64 = 18;
const DEVICE_STATUS: u64 = 20;
const QUEUE_SELECT: u64 = 22;
const QUEUE_SIZE: u64 = 24;
/// How often the bench looks whether a reset is over.
const RESET_LOOKS: u32 = 100_000;
/// First request queue of a virtio-scsi device (virtio 1.2, 5.6.2).
const FIRST_REQUEST_QUEUE: u64 = 2;

/// The facts that must be read before the driver changes them, and where to read the rest. Has [`rings`] find the device too.
#[must_use]
pub(super) fn before_start(hba: &Function) -> (DeviceFacts, Option<Pa>) {
    rings::attach(hba);
    let location = hba.location;
    let mut facts = DeviceFacts {
        location: (location.bus, location.device, location.function),
        ids: (hba.vendor_id, hba.device_id),
        offered_features: 0,
        accepted_features: 0,
        queues: 0,
        queue_entries: 0,
        messages: 0,
    };
    let at = CommonConfig::locate(hba);
    if let Some(common) = at.and_then(CommonConfig::map) {
        facts.offered_features = common.features(DEVICE_FEATURE_SELECT, DEVICE_FEATURE);
        facts.queues = common.read16(NUM_QUEUES);
        facts.queue_entries = common.queue_entries();
        common.unmap();
    }
    (facts, at)
}

/// The same after the start, with what the driver accepted.
#[must_use]
pub(super) fn after_start((before, at): (DeviceFacts, Option<Pa>)) -> DeviceFacts {
    let mut facts = DeviceFacts {
        messages: adapter::with(|adapter| adapter.interrupts.messages).unwrap_or(0),
        ..before
    };
    if let Some(common) = at.and_then(CommonConfig::map) {
        // Firmware may have left a smaller size before the start.
        facts.queue_entries = facts.queue_entries.max(common.queue_entries());
        facts.accepted_features = common.features(DRIVER_FEATURE_SELECT, DRIVER_FEATURE);
        common.unmap();
    }
    facts
}

/// Takes from the device whatever it was told, as a loss of power does: a reset of the whole device (virtio 1.2, 2.4). Only while
/// the function is idle, as [`before_start`]. Other HBAs keep what they have.
pub(super) fn lose_state(hba: &Function) {
    if let Some(common) = CommonConfig::locate(hba).and_then(CommonConfig::map) {
        common.write(DEVICE_STATUS, Width::Byte, 0);
        let looks = (0..RESET_LOOKS).find(|_| common.read(DEVICE_STATUS, Width::Byte) == 0);
        if looks.is_none() {
            log_warning!("the device does not come to the end of its reset");
        }
        common.unmap();
    }
}

struct CommonConfig {
    base: Va,
}

impl CommonConfig {
    /// Bus address of the structure. Only while the function is idle: sizing its BARs switches decoding off.
    fn locate(hba: &Function) -> Option<Pa> {
        if hba.vendor_id != VIRTIO_VENDOR {
            return None;
        }
        let capability = hba
            .capabilities()
            .into_iter()
            .find(|(id, at)| *id == VENDOR_CAPABILITY && hba.read8(at + 3) == COMMON_CFG)?
            .1;
        let bar_index = hba.read8(capability + 4);
        let offset = u64::from(hba.read32(capability + 8));
        let bar = hba.bars().into_iter().find(|bar| bar.index == bar_index)?;
        Some(Pa(bar.base + offset))
    }

    fn map(at: Pa) -> Option<Self> {
        let base = mmio::map(at, COMMON_CFG_BYTES)?;
        Some(Self { base })
    }

    fn unmap(self) {
        mmio::unmap(self.base);
    }

    fn read(&self, offset: u64, width: Width) -> u64 {
        mmio::read(self.base.offset(offset), width).unwrap_or(0)
    }

    fn read16(&self, offset: u64) -> u16 {
        u16::try_from(self.read(offset, Width::Word)).unwrap_or(0)
    }

    fn write(&self, offset: u64, width: Width, value: u64) {
        let _ = mmio::write(self.base.offset(offset), width, value);
    }

    /// 64 feature bits by their window; the selector is put back.
    fn features(&self, select: u64, window: u64) -> u64 {
        let before = self.read(select, Width::Dword);
        let mut features = 0;
        for half in [1, 0] {
            self.write(select, Width::Dword, half);
            features = features << 32 | self.read(window, Width::Dword);
        }
        self.write(select, Width::Dword, before);
        features
    }

    fn queue_entries(&self) -> u16 {
        let before = self.read(QUEUE_SELECT, Width::Word);
        self.write(QUEUE_SELECT, Width::Word, FIRST_REQUEST_QUEUE);
        let entries = self.read16(QUEUE_SIZE);
        self.write(QUEUE_SELECT, Width::Word, before);
        entries
    }
}
