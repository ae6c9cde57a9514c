//! Reset, probing and bring-up, with and without a device that objects.

use std::cell::Cell;

use super::{Adapter, memory, plan, quiet, registers};
use crate::device::{
    BringUp, BringUpError, ConfigError, DeviceFault, Features, Probe, ProbeError, QueueIndex,
    RESET_POLL_LIMIT, RESET_POLL_MICROSECONDS, Registers, Reset, ResetError, Status, Vector,
};
use crate::fake::{FakeDevice, Fault, Offer};
use crate::pci::Structure;
use crate::plan::NormalOptions;
use crate::ring::RingFormat;
use crate::ring::WindowError;

#[test]
fn a_device_comes_up_as_planned() {
    let memory = memory();
    for size in [64, 256, 1024, 2048, 48] {
        let offer = Offer {
            request_size: size,
            control_size: size,
            event_size: size,
            ..Offer::qemu()
        };
        let device = FakeDevice::new(&memory, offer, &[]);
        let adapter = Adapter::start(&memory, &device);
        assert_eq!(device.accepted(), adapter.plan.features());
        assert_eq!(device.enabled_size(0), 16);
        assert_eq!(device.enabled_size(1), 16);
        assert_eq!(device.enabled_size(2), adapter.plan.request_ring());
        assert_eq!(adapter.events.posted(), 16);
        assert_eq!(device.violations(), [""; 0]);
        assert_eq!(adapter.registers.fault(), Ok(()));
    }
}

#[test]
fn several_request_queues_have_their_own_memory_and_doorbell() {
    let memory = memory();
    let mut offer = Offer::qemu();
    offer.config.num_queues = 4;
    let device = FakeDevice::new(&memory, offer, &[]);
    let registers = registers(&device);
    let options = NormalOptions {
        request_queues: 8,
        ring_size: 64,
        ..NormalOptions::STANDARD
    };
    let plan = plan(&registers, options);
    assert_eq!(plan.request_queues(), 4);
    let region = memory.window(super::REGION, plan.region_bytes());
    let mut up = BringUp::start(&registers, &plan, quiet(&registers), Vector::NONE).unwrap();
    for number in 0..4 {
        let slots = [crate::ring::Slot::default(); 64];
        up.request_queue(number, region, slots, Vector::message(number))
            .unwrap();
        assert_eq!(device.enabled_size(number + 2), 64);
    }
    let too_many = up.request_queue(4, region, [crate::ring::Slot::default(); 64], Vector::NONE);
    assert_eq!(
        too_many.map(drop),
        Err(BringUpError::NotPlanned(QueueIndex::request(4).unwrap()))
    );
}

#[test]
fn a_slow_reset_is_waited_for_and_a_dead_one_given_up() {
    let memory = memory();
    let device = FakeDevice::new(&memory, Offer::qemu(), &[Fault::SlowReset(5)]);
    let regs = registers(&device);
    let waited = Cell::new(0);
    assert!(
        Reset::run(&regs, |microseconds| waited
            .set(waited.get() + microseconds))
        .is_ok()
    );
    assert_eq!(waited.get(), 5 * RESET_POLL_MICROSECONDS);

    device.set_faults(&[Fault::SlowReset(u32::MAX)]);
    waited.set(0);
    let result = Reset::run(&regs, |microseconds| {
        waited.set(waited.get() + microseconds);
    });
    assert_eq!(result.map(drop), Err(ResetError::TimedOut));
    assert_eq!(waited.get(), RESET_POLL_LIMIT * RESET_POLL_MICROSECONDS);

    device.set_faults(&[Fault::Gone]);
    assert_eq!(Reset::run(&regs, |_| {}).map(drop), Err(ResetError::Gone));
    assert_eq!(regs.fault(), Err(DeviceFault::Gone));
}

#[test]
fn probing_names_what_is_wrong() {
    let memory = memory();
    let probe = |offer: Offer, faults: &[Fault]| {
        let device = FakeDevice::new(&memory, offer, faults);
        let registers = registers(&device);
        Probe::read(&registers, quiet(&registers))
    };
    let offer = Offer::qemu();
    let good = probe(offer, &[]).unwrap();
    assert_eq!(
        (good.request_queues, good.request_size, good.config),
        (1, 256, offer.config)
    );
    assert_eq!(good.offered, offer.features);
    let old = Offer {
        features: offer.features.difference(Features::VERSION_1),
        ..offer
    };
    assert_eq!(probe(old, &[]), Err(ProbeError::NoVersion1));
    assert_eq!(
        probe(offer, &[Fault::RefuseFeatures]),
        Err(ProbeError::FeaturesRefused)
    );
    assert_eq!(
        probe(offer, &[Fault::UnstableConfig]),
        Err(ProbeError::Config(ConfigError::Unstable))
    );
    let mut none = offer;
    none.config.num_queues = 0;
    assert_eq!(probe(none, &[]), Err(ProbeError::NoRequestQueue));
    assert_eq!(
        probe(
            Offer {
                request_size: 0,
                ..offer
            },
            &[]
        ),
        Err(ProbeError::NoRequestQueue)
    );

    let device = FakeDevice::new(&memory, offer, &[]);
    let regs = registers(&device);
    let silent = quiet(&regs);
    device.set_faults(&[Fault::Gone]);
    assert_eq!(Probe::read(&regs, silent), Err(ProbeError::Gone));
}

#[test]
fn access_platform_is_accepted_where_it_is_demanded() {
    let memory = memory();
    let unknown = Features::from_bits_retain(1 << 60);
    let mut offer = Offer::qemu();
    offer.features |= Features::ACCESS_PLATFORM | Features::RING_PACKED | unknown;
    let device = FakeDevice::new(&memory, offer, &[]);
    let adapter = Adapter::start(&memory, &device);
    assert!(adapter.plan.features().contains(Features::ACCESS_PLATFORM));
    assert!(device.accepted().contains(Features::RING_PACKED));
    assert_eq!(adapter.requests.format(), RingFormat::Packed);
    assert!(!device.accepted().intersects(unknown));
}

#[test]
fn bring_up_names_what_has_changed_since_the_plan() {
    let memory = memory();
    let device = FakeDevice::new(&memory, Offer::qemu(), &[]);
    let plan = plan(&registers(&device), NormalOptions::STANDARD);
    let attempt = |offer: Offer, faults: &[Fault]| {
        let device = FakeDevice::new(&memory, offer, faults);
        let error = Adapter::carry_out(&memory, &device, &plan)
            .map(drop)
            .unwrap_err();
        let status = registers(&device).read_status();
        assert!(
            status.contains(Status::FAILED) || status.contains(Status::DEVICE_NEEDS_RESET),
            "{error:?}"
        );
        error
    };
    let queue = |number: u16| QueueIndex::request(number).unwrap();
    let offer = Offer::qemu();
    let poor = Offer {
        features: Features::VERSION_1,
        ..offer
    };
    assert_eq!(attempt(poor, &[]), BringUpError::FeaturesLost);
    assert_eq!(
        attempt(
            Offer {
                request_size: 128,
                ..offer
            },
            &[]
        ),
        BringUpError::QueueTooSmall(queue(0))
    );
    assert_eq!(
        attempt(
            Offer {
                event_size: 0,
                ..offer
            },
            &[]
        ),
        BringUpError::QueueMissing(QueueIndex::EVENT)
    );
    let mut none = offer;
    none.config.num_queues = 0;
    assert_eq!(attempt(none, &[]), BringUpError::QueuesLost);
    let refused = BringUpError::Negotiation(ProbeError::FeaturesRefused);
    assert_eq!(attempt(offer, &[Fault::RefuseFeatures]), refused);
    assert_eq!(
        attempt(offer, &[Fault::RefuseConfigVector]),
        BringUpError::ConfigVectorRefused
    );
    for (number, index) in [
        (0, QueueIndex::CONTROL),
        (1, QueueIndex::EVENT),
        (2, queue(0)),
    ] {
        assert_eq!(
            attempt(offer, &[Fault::RefuseQueueVector(number)]),
            BringUpError::VectorRefused(index)
        );
        assert_eq!(
            attempt(offer, &[Fault::WildNotifyOffset(number)]),
            BringUpError::NotifyOutOfRange(index)
        );
        assert_eq!(
            attempt(offer, &[Fault::StaysEnabled(number)]),
            BringUpError::QueueBusy(index)
        );
    }
    let mut odd_sizes = offer;
    odd_sizes.config.cdb_size = 16;
    assert_eq!(
        attempt(odd_sizes, &[Fault::FixedSizes]),
        BringUpError::Config(ConfigError::SizeRefused)
    );
    assert_eq!(
        attempt(offer, &[Fault::NeedsResetAtOnce]),
        BringUpError::Device(DeviceFault::NeedsReset)
    );
    // Odd sizes that can be written are; see `limits` for those that cannot.
    let device = FakeDevice::new(&memory, odd_sizes, &[]);
    assert!(Adapter::carry_out(&memory, &device, &plan).is_ok());
    assert_eq!(device.violations(), [""; 0]);
}

#[test]
fn restarting_is_idempotent() {
    let memory = memory();
    let device = FakeDevice::new(&memory, Offer::qemu(), &[]);
    let plan = plan(&registers(&device), NormalOptions::STANDARD);
    for _ in 0..3 {
        let adapter = Adapter::carry_out(&memory, &device, &plan).unwrap();
        assert_eq!(adapter.requests.free_descriptors(), 256);
    }
    assert_eq!(device.violations(), [""; 0]);
    device.demand_reset();
    assert_eq!(registers(&device).fault(), Err(DeviceFault::NeedsReset));
    let _ = quiet(&registers(&device));
    assert_eq!(registers(&device).fault(), Err(DeviceFault::NotRunning));
}

#[test]
fn memory_that_does_not_hold_the_plan_is_refused() {
    let memory = memory();
    let device = FakeDevice::new(&memory, Offer::qemu(), &[]);
    let registers = registers(&device);
    let plan = plan(&registers, NormalOptions::STANDARD);
    let mut up = BringUp::start(&registers, &plan, quiet(&registers), Vector::NONE).unwrap();
    let slots = || [crate::ring::Slot::default(); 256];
    let mut queue = |window, slots: &mut [crate::ring::Slot]| {
        up.request_queue(0, window, slots, Vector::NONE).map(drop)
    };
    let good = memory.window(super::REGION, plan.region_bytes());
    let short = memory.window(super::REGION, plan.region_bytes() - 64);
    let crooked = memory.window(super::REGION + 8, plan.region_bytes());
    assert_eq!(
        queue(short, &mut slots()),
        Err(BringUpError::Window(WindowError::OutOfMemoryRange))
    );
    assert_eq!(
        queue(crooked, &mut slots()),
        Err(BringUpError::Window(WindowError::Misaligned))
    );
    assert_eq!(
        queue(good, &mut slots()[..255]),
        Err(BringUpError::Window(WindowError::TooFewSlots))
    );
    assert_eq!(queue(good, &mut slots()), Ok(()));
}

#[test]
fn short_register_ranges_are_refused() {
    let memory = memory();
    let device = FakeDevice::new(&memory, Offer::qemu(), &[]);
    let [common, notify, isr, specific] = device.registers();
    let error = Registers::new(isr, notify, isr, specific, 4)
        .map(drop)
        .unwrap_err();
    assert_eq!(
        error,
        crate::device::RegisterError::TooShort(Structure::Common)
    );
    let error = Registers::new(common, notify, isr, isr, 4)
        .map(drop)
        .unwrap_err();
    assert_eq!(
        error,
        crate::device::RegisterError::TooShort(Structure::Device)
    );
}
