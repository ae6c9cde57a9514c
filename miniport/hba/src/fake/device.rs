//! The device's state and registers: status, features, queue set-up, configuration, interrupts.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::vec::Vec;

use crate::device::{Features, ScsiConfig};
use crate::pci::Structure;

use super::Fault;
use super::memory::FakeMemory;
use super::registers::FakeRegisters;
use super::ring::Queue;
use super::scsi::Disk;

const STATUS_DRIVER_OK: u8 = 4;
const STATUS_FEATURES_OK: u8 = 8;
const STATUS_NEEDS_RESET: u8 = 64;
const NO_VECTOR: u16 = 0xFFFF;
const NOTIFY_BYTES: u32 = 0x1000;

/// What the device offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// Feature bits.
    pub features: Features,
    /// Largest size of the control queue.
    pub control_size: u16,
    /// Largest size of the event queue.
    pub event_size: u16,
    /// Largest size of each request queue.
    pub request_size: u16,
    /// Configuration; `num_queues` request queues exist.
    pub config: ScsiConfig,
    /// Notification multiplier.
    pub notify_multiplier: u32,
    /// When requests are looked at.
    pub delivery: Delivery,
}

/// When the device looks at its queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// When a doorbell rings, and in [`FakeDevice::run`].
    AtDoorbell,
    /// In [`FakeDevice::run`] only.
    AtRun,
}

impl Offer {
    /// What QEMU's virtio-scsi-pci offers with its defaults and one request queue.
    #[must_use]
    pub const fn qemu() -> Self {
        Self {
            features: Features::NORMAL
                .difference(Features::ACCESS_PLATFORM.union(Features::ORDER_PLATFORM))
                .difference(Features::RING_PACKED),
            control_size: 256,
            event_size: 256,
            request_size: 256,
            config: ScsiConfig {
                num_queues: 1,
                seg_max: 254,
                max_sectors: 0xFFFF,
                cmd_per_lun: 128,
                event_info_size: 16,
                sense_size: 96,
                cdb_size: 32,
                max_channel: 0,
                max_target: 255,
                max_lun: 16383,
            },
            notify_multiplier: 4,
            delivery: Delivery::AtDoorbell,
        }
    }
}

/// An interrupt that the device has raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// For a queue, by this vector (0xFFFF: by the line).
    Queue {
        /// Queue number.
        queue: u16,
        /// Vector.
        vector: u16,
    },
}

/// A virtio SCSI host device.
#[derive(Debug)]
pub struct FakeDevice<'m> {
    pub(super) memory: &'m FakeMemory,
    pub(super) offer: Offer,
    pub(super) faults: RefCell<Vec<Fault>>,
    pub(super) state: RefCell<State>,
    gone: Cell<bool>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) status: u8,
    feature_select: u32,
    driver_select: u32,
    driver_features: u64,
    config_vector: u16,
    queue_select: u16,
    pub(super) queues: Vec<Queue>,
    /// Sense and CDB size.
    pub(super) sizes: [u32; 2],
    generation: u8,
    /// Status reads until a reset is confirmed.
    resetting: Option<u32>,
    pub(super) isr: u8,
    pub(super) interrupts: Vec<Interrupt>,
    pub(super) disks: BTreeMap<(u8, u16), Disk>,
    pub(super) missed: bool,
    pub(super) violations: Vec<&'static str>,
    resets: u32,
}

impl State {
    pub(super) fn has(&self, feature: Features) -> bool {
        Features::from_bits_retain(self.driver_features).contains(feature)
    }

    pub(super) fn driver_ok(&self) -> bool {
        self.status & STATUS_DRIVER_OK != 0
    }
}

impl<'m> FakeDevice<'m> {
    /// A device over `memory` that misbehaves as `faults` say.
    #[must_use]
    pub fn new(memory: &'m FakeMemory, offer: Offer, faults: &[Fault]) -> Self {
        let device = Self {
            memory,
            offer,
            faults: RefCell::new(faults.to_vec()),
            state: RefCell::new(State::default()),
            gone: Cell::new(faults.contains(&Fault::Gone)),
        };
        // Firmware has used the device: it is running with stale rings when the driver first sees it.
        device.state.borrow_mut().status = 0x0F;
        device.clear_queues();
        device
    }

    /// The four register ranges: common, notify, ISR, device.
    pub fn registers(&self) -> [FakeRegisters<'_, 'm>; 4] {
        [
            (Structure::Common, 0x40),
            (Structure::Notify, NOTIFY_BYTES),
            (Structure::Isr, 4),
            (Structure::Device, 0x24),
        ]
        .map(|(structure, length)| FakeRegisters {
            device: self,
            structure,
            length,
        })
    }

    /// What it offers.
    #[must_use]
    pub const fn offer(&self) -> &Offer {
        &self.offer
    }

    /// Adds a disk.
    pub fn insert_disk(&self, target: u8, lun: u16, disk: Disk) {
        self.state.borrow_mut().disks.insert((target, lun), disk);
    }

    /// A copy of a disk.
    #[must_use]
    pub fn disk(&self, target: u8, lun: u16) -> Option<Disk> {
        self.state.borrow().disks.get(&(target, lun)).cloned()
    }

    /// Replaces the faults.
    pub fn set_faults(&self, faults: &[Fault]) {
        *self.faults.borrow_mut() = faults.to_vec();
        self.gone.set(faults.contains(&Fault::Gone));
    }

    /// Interrupts since the last call.
    pub fn take_interrupts(&self) -> Vec<Interrupt> {
        std::mem::take(&mut self.state.borrow_mut().interrupts)
    }

    /// Rules of virtio that the driver has broken; empty for a good driver.
    #[must_use]
    pub fn violations(&self) -> Vec<&'static str> {
        self.state.borrow().violations.clone()
    }

    /// Doorbells of a queue since the reset.
    #[must_use]
    pub fn doorbells(&self, queue: u16) -> u32 {
        self.state
            .borrow()
            .queues
            .get(usize::from(queue))
            .map_or(0, |queue| queue.doorbells)
    }

    /// Size that the driver has given a queue, 0 when it is not enabled.
    #[must_use]
    pub fn enabled_size(&self, queue: u16) -> u16 {
        let state = self.state.borrow();
        state
            .queues
            .get(usize::from(queue))
            .filter(|queue| queue.enabled)
            .map_or(0, |queue| queue.size)
    }

    /// Resets since the device was made.
    #[must_use]
    pub fn resets(&self) -> u32 {
        self.state.borrow().resets
    }

    /// Features that the driver has accepted.
    #[must_use]
    pub fn accepted(&self) -> Features {
        Features::from_bits_retain(self.state.borrow().driver_features)
    }

    /// Sets a status bit from the device's side: `DEVICE_NEEDS_RESET`.
    pub fn demand_reset(&self) {
        self.state.borrow_mut().status |= STATUS_NEEDS_RESET;
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.get()
    }

    pub(super) fn has_fault(&self, fault: Fault) -> bool {
        self.faults.borrow().contains(&fault)
    }

    fn clear_queues(&self) {
        let Offer {
            control_size,
            event_size,
            request_size,
            config,
            ..
        } = self.offer;
        let requests = usize::try_from(config.num_queues.min(64)).unwrap_or(0);
        let sizes = [control_size, event_size]
            .into_iter()
            .chain(std::iter::repeat_n(request_size, requests));
        let mut state = self.state.borrow_mut();
        state.queues = sizes.map(Queue::new).collect();
    }

    fn reset(&self) {
        let slow = self.faults.borrow().iter().find_map(|fault| match *fault {
            Fault::SlowReset(reads) => Some(reads),
            _ => None,
        });
        self.clear_queues();
        let mut state = self.state.borrow_mut();
        state.resetting = slow;
        state.driver_features = 0;
        state.config_vector = NO_VECTOR;
        state.queue_select = 0;
        state.sizes = [self.offer.config.sense_size, self.offer.config.cdb_size];
        state.isr = 0;
        state.interrupts.clear();
        state.missed = false;
        state.resets = state.resets.wrapping_add(1);
        if slow.is_none() {
            state.status = 0;
        }
    }

    fn read_status(&self) -> u8 {
        let mut state = self.state.borrow_mut();
        match state.resetting {
            None => state.status,
            Some(0) => {
                state.resetting = None;
                state.status = 0;
                0
            }
            Some(reads) => {
                state.resetting = Some(if reads == u32::MAX {
                    reads
                } else {
                    reads.wrapping_sub(1)
                });
                state.status | 1
            }
        }
    }

    fn write_status(&self, value: u8) {
        if value == 0 {
            self.reset();
            return;
        }
        let mut state = self.state.borrow_mut();
        let mut status = value;
        let accepted = Features::from_bits_retain(state.driver_features);
        let platform = self.offer.features.contains(Features::ACCESS_PLATFORM);
        if self.has_fault(Fault::RefuseFeatures)
            || !self.offer.features.contains(accepted)
            || !accepted.contains(Features::VERSION_1)
            || (platform && !accepted.contains(Features::ACCESS_PLATFORM))
        {
            status &= !STATUS_FEATURES_OK;
        }
        if status & STATUS_DRIVER_OK != 0 && self.has_fault(Fault::NeedsResetAtOnce) {
            status |= STATUS_NEEDS_RESET;
        }
        state.status = status;
    }

    pub(super) fn read_isr(&self) -> u8 {
        std::mem::take(&mut self.state.borrow_mut().isr)
    }

    pub(super) fn read_common(&self, offset: u32, bytes: u32) -> u64 {
        if (offset, bytes) == (20, 1) {
            return u64::from(self.read_status());
        }
        let mut state = self.state.borrow_mut();
        let number = state.queue_select;
        let queue = state
            .queues
            .get(usize::from(number))
            .cloned()
            .unwrap_or_default();
        let half = |bits: u64, select: u32| match select {
            0 => bits & 0xFFFF_FFFF,
            1 => bits >> 32,
            _ => 0,
        };
        match (offset, bytes) {
            (4, 4) => half(self.offer.features.bits(), state.feature_select),
            (12, 4) => half(state.driver_features, state.driver_select),
            (16, 2) => u64::from(state.config_vector),
            (18, 2) => u64::try_from(state.queues.len()).unwrap_or(0),
            (21, 1) => {
                if self.has_fault(Fault::UnstableConfig) {
                    state.generation = state.generation.wrapping_add(1);
                }
                u64::from(state.generation)
            }
            (24, 2) => u64::from(queue.size),
            (26, 2) => u64::from(queue.vector),
            (28, 2) => u64::from(queue.enabled || self.has_fault(Fault::StaysEnabled(number))),
            (30, 2) if self.has_fault(Fault::WildNotifyOffset(number)) => 0xFFFF,
            (22 | 30, 2) => u64::from(number),
            (58, 2) => u64::from(state.read_queue_reset(number)),
            _ => {
                state
                    .violations
                    .push("a common register was read at a wrong offset or width");
                0
            }
        }
    }

    pub(super) fn write_common(&self, offset: u32, bytes: u32, value: u32) {
        if (offset, bytes) == (20, 1) {
            self.write_status(u8::try_from(value & 0xFF).unwrap_or(0));
            return;
        }
        let mut guard = self.state.borrow_mut();
        let state = &mut *guard;
        let number = state.queue_select;
        let value_16 = u16::try_from(value & 0xFFFF).unwrap_or(0);
        match (offset, bytes) {
            (0, 4) => state.feature_select = value,
            (8, 4) => state.driver_select = value,
            (12, 4) => replace_half(&mut state.driver_features, state.driver_select == 1, value),
            (16, 2) => {
                let refused = self.has_fault(Fault::RefuseConfigVector);
                state.config_vector = if refused { NO_VECTOR } else { value_16 };
            }
            (22, 2) => state.queue_select = value_16,
            (58, 2) => self.reset_queue(state, number, value_16),
            (24..60, _) => {
                let refuse_vector = self.has_fault(Fault::RefuseQueueVector(number));
                match state.queues.get_mut(usize::from(number)) {
                    Some(queue) if !queue.enabled => {
                        queue.write(offset, bytes, value, refuse_vector);
                    }
                    _ => state
                        .violations
                        .push("a missing or enabled queue was set up"),
                }
            }
            _ => state
                .violations
                .push("a common register was written at a wrong offset or width"),
        }
    }

    pub(super) fn read_device(&self, offset: u32, bytes: u32) -> u64 {
        let config = &self.offer.config;
        let mut state = self.state.borrow_mut();
        let [sense_size, cdb_size] = state.sizes;
        u64::from(match (offset, bytes) {
            (0, 4) => config.num_queues,
            (4, 4) => config.seg_max,
            (8, 4) => config.max_sectors,
            (12, 4) => config.cmd_per_lun,
            (16, 4) => config.event_info_size,
            (20, 4) => sense_size,
            (24, 4) => cdb_size,
            (28, 2) => u32::from(config.max_channel),
            (30, 2) => u32::from(config.max_target),
            (32, 4) => config.max_lun,
            _ => {
                state
                    .violations
                    .push("the configuration was read at a wrong offset or width");
                0
            }
        })
    }

    pub(super) fn write_device(&self, offset: u32, value: u32) {
        let fixed = self.has_fault(Fault::FixedSizes);
        let mut state = self.state.borrow_mut();
        let [sense_size, cdb_size] = &mut state.sizes;
        match offset {
            20 if !fixed => *sense_size = value,
            24 if !fixed => *cdb_size = value,
            20 | 24 => {}
            _ => state
                .violations
                .push("a read-only configuration field was written"),
        }
    }

    pub(super) fn ring_doorbell(&self, offset: u32, value: u32) {
        let expected = value.wrapping_mul(self.offer.notify_multiplier);
        let number = u16::try_from(value).unwrap_or(u16::MAX);
        {
            let mut state = self.state.borrow_mut();
            if !state.driver_ok() {
                state
                    .violations
                    .push("a doorbell was rung before DRIVER_OK");
            }
            if offset != expected {
                state
                    .violations
                    .push("a doorbell was rung at a wrong address");
            }
            match state.queues.get_mut(usize::from(number)) {
                Some(queue) if queue.enabled => queue.doorbells = queue.doorbells.wrapping_add(1),
                _ => state
                    .violations
                    .push("the doorbell of a queue that is not enabled was rung"),
            }
        }
        if self.offer.delivery == Delivery::AtDoorbell {
            self.process(number);
        }
    }
}

pub(super) fn replace_half(target: &mut u64, upper: bool, value: u32) {
    *target = if upper {
        (*target & 0xFFFF_FFFF) | (u64::from(value) << 32)
    } else {
        (*target & !0xFFFF_FFFF) | u64::from(value)
    };
}
