//! From a plan to a running device (virtio 3.1.1, 4.1.5.1).
//!
//! Start, restart, resume and dump all come this way: reset, then [`BringUp::start`], then the queues, then
//! [`BringUp::finish`]. On an error the device is marked FAILED, and the next attempt begins with a reset again.

use crate::access::{DmaMemory, Mmio};
use crate::plan::{Plan, QueueLayout};
use crate::queues::{ControlQueue, EventQueue, RequestQueue};
use crate::ring::{Ring, RingAddresses, Slot, WindowError};

use super::config::{ConfigError, ScsiConfig};
use super::probe::{ProbeError, negotiate};
use super::registers::{DeviceFault, Doorbell, QueueIndex, Registers, Status, Vector};
use super::reset::Quiesced;

/// Why a device did not come up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BringUpError {
    /// Negotiation failed.
    Negotiation(ProbeError),
    /// The device does not offer a feature of the plan any more.
    FeaturesLost,
    /// The device configuration cannot be used.
    Config(ConfigError),
    /// The device has fewer request queues than the plan.
    QueuesLost,
    /// The plan does not have this queue.
    NotPlanned(QueueIndex),
    /// The queue does not exist.
    QueueMissing(QueueIndex),
    /// The queue is smaller than planned.
    QueueTooSmall(QueueIndex),
    /// The queue is enabled although the device was just reset.
    QueueBusy(QueueIndex),
    /// The queue's notification address lies outside of its region (virtio 4.1.4.4.1).
    NotifyOutOfRange(QueueIndex),
    /// The device cannot serve the queue by this message (virtio 4.1.5.1.2.1): use fewer messages.
    VectorRefused(QueueIndex),
    /// The device cannot report configuration changes by this message.
    ConfigVectorRefused,
    /// The queue's memory does not fit the plan.
    Window(WindowError),
    /// The device does not run after `DRIVER_OK`.
    Device(DeviceFault),
}

/// A device between `FEATURES_OK` and `DRIVER_OK`.
///
/// Not `Copy`: [`BringUp::finish`] ends it. Requests must not be published before that (virtio 3.1.1).
#[derive(Debug)]
pub struct BringUp<'a, R> {
    registers: &'a Registers<R>,
    plan: &'a Plan,
}

impl<'a, R: Mmio + Clone> BringUp<'a, R> {
    /// Negotiates what the plan says, and settles the configuration and its vector.
    ///
    /// # Errors
    /// What is wrong with the device, or what has changed since the plan was made.
    pub fn start(
        registers: &'a Registers<R>,
        plan: &'a Plan,
        quiesced: Quiesced,
        config_vector: Vector,
    ) -> Result<Self, BringUpError> {
        quiesced.end();
        let bring_up = Self { registers, plan };
        bring_up.guarded(|| {
            let offered =
                negotiate(registers, plan.features()).map_err(BringUpError::Negotiation)?;
            if !offered.contains(plan.features()) {
                return Err(BringUpError::FeaturesLost);
            }
            let config = ScsiConfig::read(registers).map_err(BringUpError::Config)?;
            if config.num_queues < u32::from(plan.request_queues()) {
                return Err(BringUpError::QueuesLost);
            }
            let sizes = ScsiConfig::settle_sizes(registers).map_err(BringUpError::Config)?;
            if sizes != plan.sizes() {
                return Err(BringUpError::Config(ConfigError::SizeRefused));
            }
            if registers.exchange_config_vector(config_vector) != config_vector {
                return Err(BringUpError::ConfigVectorRefused);
            }
            Ok(())
        })?;
        Ok(bring_up)
    }

    /// Sets the control queue up. `memory` is the DMA region of the plan.
    ///
    /// # Errors
    /// See [`BringUpError`].
    pub fn control_queue<M: DmaMemory>(
        &mut self,
        memory: M,
        vector: Vector,
    ) -> Result<ControlQueue<R, M>, BringUpError> {
        let layout = self.plan.layout();
        self.guarded(|| {
            let queue = QueueIndex::CONTROL;
            let ring = self.ring(memory, layout.control, [Slot::default(); 16], queue)?;
            let doorbell = self.enable(queue, ring.size(), ring.addresses(), vector)?;
            Ok(ControlQueue::new(ring, doorbell, layout))
        })
    }

    /// Sets the event queue up. `memory` is the DMA region of the plan.
    ///
    /// # Errors
    /// See [`BringUpError`].
    pub fn event_queue<M: DmaMemory>(
        &mut self,
        memory: M,
        vector: Vector,
    ) -> Result<EventQueue<R, M>, BringUpError> {
        let layout = self.plan.layout();
        self.guarded(|| {
            let queue = QueueIndex::EVENT;
            let ring = self.ring(memory, layout.event, [Slot::default(); 16], queue)?;
            let doorbell = self.enable(queue, ring.size(), ring.addresses(), vector)?;
            Ok(EventQueue::new(ring, doorbell, layout))
        })
    }

    /// Sets request queue `number` up, counted from 0. `memory` is the DMA region of the plan, `slots` has at least
    /// [`Plan::request_ring`] elements, 16 bytes each.
    ///
    /// # Errors
    /// See [`BringUpError`].
    pub fn request_queue<M: DmaMemory, S: AsRef<[Slot]> + AsMut<[Slot]>>(
        &mut self,
        number: u16,
        memory: M,
        slots: S,
        vector: Vector,
    ) -> Result<RequestQueue<R, M, S>, BringUpError> {
        let queue = QueueIndex::request(number).ok_or(BringUpError::QueuesLost)?;
        let layout = self.plan.layout().request_queue(number);
        self.guarded(|| {
            let ring = self.ring(memory, layout, slots, queue)?;
            let doorbell = self.enable(queue, ring.size(), ring.addresses(), vector)?;
            Ok(RequestQueue::new(
                ring,
                doorbell,
                self.plan.features().descriptor_form(),
            ))
        })
    }

    /// Sets `DRIVER_OK`: the device runs. Post the event buffers next.
    ///
    /// # Errors
    /// The device reports a fault at once.
    pub fn finish(self) -> Result<(), BringUpError> {
        let running =
            Status::ACKNOWLEDGE | Status::DRIVER | Status::FEATURES_OK | Status::DRIVER_OK;
        self.registers.write_status(running);
        self.guarded(|| self.registers.fault().map_err(BringUpError::Device))
    }

    fn ring<M: DmaMemory, S: AsRef<[Slot]> + AsMut<[Slot]>>(
        &self,
        memory: M,
        layout: Option<QueueLayout>,
        slots: S,
        queue: QueueIndex,
    ) -> Result<Ring<M, S>, BringUpError> {
        make_ring(self.plan, memory, layout, slots, queue)
    }

    fn enable(
        &self,
        queue: QueueIndex,
        size: u16,
        addresses: RingAddresses,
        vector: Vector,
    ) -> Result<Doorbell<R>, BringUpError> {
        enable(self.registers, queue, size, addresses, vector)
    }

    /// Runs a step; when it fails, tells the device that the driver has given up (virtio 3.1.1).
    fn guarded<T>(
        &self,
        step: impl FnOnce() -> Result<T, BringUpError>,
    ) -> Result<T, BringUpError> {
        step().inspect_err(|_| self.registers.write_status(Status::FAILED))
    }
}

/// Makes the ring that the plan has for a queue.
pub(super) fn make_ring<M: DmaMemory, S: AsRef<[Slot]> + AsMut<[Slot]>>(
    plan: &Plan,
    memory: M,
    layout: Option<QueueLayout>,
    slots: S,
    queue: QueueIndex,
) -> Result<Ring<M, S>, BringUpError> {
    let layout = layout.ok_or(BringUpError::NotPlanned(queue))?;
    Ring::new(memory, &layout, slots, queue, plan.features()).map_err(BringUpError::Window)
}

/// Tells the device about a queue (virtio 4.1.5.1.3).
pub(super) fn enable<R: Mmio + Clone>(
    registers: &Registers<R>,
    queue: QueueIndex,
    size: u16,
    addresses: RingAddresses,
    vector: Vector,
) -> Result<Doorbell<R>, BringUpError> {
    registers.select_queue(queue);
    match registers.read_queue_size() {
        0 => return Err(BringUpError::QueueMissing(queue)),
        offered if offered < size => return Err(BringUpError::QueueTooSmall(queue)),
        _ => {}
    }
    if registers.read_queue_enable() != 0 {
        return Err(BringUpError::QueueBusy(queue));
    }
    let offset = registers
        .notify_offset()
        .ok_or(BringUpError::NotifyOutOfRange(queue))?;
    registers.write_queue_size(size);
    if registers.exchange_queue_vector(vector) != vector {
        return Err(BringUpError::VectorRefused(queue));
    }
    let RingAddresses {
        descriptors,
        available,
        used,
    } = addresses;
    registers.write_queue_addresses(descriptors, available, used);
    registers.enable_queue();
    Ok(registers.doorbell(queue, offset))
}
