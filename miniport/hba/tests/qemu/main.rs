//! The engine against QEMU's own virtio-scsi device, without a guest: registers and memory go over the qtest protocol.
//!
//! The fake device of the unit tests is this project's reading of the specification; QEMU is somebody else's.
//! qemu-system-x86_64 must be installed. Each test starts its own QEMU and ends it.

mod adapter;
mod qtest;
mod rings;

use adapter::{Adapter, Unit, plan_dump, run_dump};
use hba::access::Mmio;
use hba::device::{BringUp, BringUpError, Features, QueueIndex, Vector};
use hba::pci::{self, CapError, MsixEnablement};
use hba::plan::{NormalOptions, Role};
use hba::request::{
    DataDirection, EventKind, Missed, Outcome, ResetReason, TaskFunction, TmfOutcome,
};
use hba::scsi::cdb::{self, Access, Caching, Capacity, Form, Transfer, reported_luns};
use hba::scsi::lun::ScsiAddress;
use qtest::{Qemu, reset};

/// A unit whose number needs flat space addressing.
const DISK: Unit = Unit {
    target: 3,
    lun: 300,
};

/// Normal life on one set of device options: commands, data, task management.
fn live(options: &str, block_bytes: u32) -> (Features, u16) {
    live_with(options, block_bytes, NormalOptions::STANDARD)
}

/// The same with a choice of the driver.
fn live_with(options: &str, block_bytes: u32, choice: NormalOptions) -> (Features, u16) {
    let qemu = Qemu::start(options, block_bytes);
    let mut adapter = Adapter::start(
        &qemu,
        NormalOptions {
            request_queues: 4,
            ..choice
        },
    );
    let last_block = qtest::DISK_BYTES / u64::from(block_bytes) - 1;
    commands(&mut adapter, &qemu, block_bytes, last_block);
    bursts(&mut adapter);
    errors_and_resets(&mut adapter, last_block);
    let result = (adapter.plan().features(), adapter.plan().request_ring());

    // The dump instance takes over from a live one, as after a crash.
    let plan = plan_dump(&qemu);
    assert_eq!(plan.role(), Role::Dump);
    run_dump(&qemu, &plan, DISK, block_bytes);
    result
}

/// Commands that succeed: what the device is, and data in both directions.
fn commands(adapter: &mut Adapter<'_>, qemu: &Qemu, block_bytes: u32, last_block: u64) {
    adapter.settle(DISK);
    let inquiry = adapter.command(DISK, &cdb::inquiry(36), DataDirection::In, 36);
    assert_eq!(
        (inquiry.outcome, inquiry.transferred),
        (Outcome::Success, 36)
    );
    assert_eq!(qemu.read(adapter::data_start() + 8, 8), b"QEMU    ");
    let luns = adapter.command(
        Unit { target: 3, lun: 0 },
        &cdb::report_luns(256),
        DataDirection::In,
        256,
    );
    assert_eq!(
        (luns.outcome, luns.transferred),
        (Outcome::Success, 24),
        "a short answer has a residual"
    );
    assert!(reported_luns(&qemu.read(adapter::data_start(), 24)).eq([0, 300]));
    let capacity = adapter.command(DISK, &cdb::read_capacity_16(32), DataDirection::In, 32);
    assert_eq!(capacity.outcome, Outcome::Success);
    assert_eq!(
        Capacity::parse_16(&qemu.read(adapter::data_start(), 32)),
        Some(Capacity {
            last_block,
            block_bytes
        })
    );

    let bytes = adapter.transfer_bytes() / block_bytes * block_bytes;
    let write = Transfer {
        access: Access::Write,
        block: 5,
        blocks: bytes / block_bytes,
        caching: Caching::Allowed,
    };
    adapter.round_trip(DISK, &write, block_bytes);
    // Enough short ones for the indices of small rings to come around, on all queues in turn.
    for block in 0..80 {
        let read = Transfer {
            access: Access::Read,
            block,
            blocks: 1,
            caching: Caching::Allowed,
        };
        let read = read.build(Form::Sixteen).expect("a short transfer");
        assert_eq!(
            adapter
                .command(DISK, &read, DataDirection::In, block_bytes)
                .outcome,
            Outcome::Success
        );
    }
}

/// Many requests at once on each queue, published together, again and again, so that they cross the end of the ring.
fn bursts(adapter: &mut Adapter<'_>) {
    for queue in 0..adapter.plan().request_queues() {
        let room = adapter.room(queue);
        for round in 0..6 {
            let count = room.min(5 + round * 3);
            adapter.burst(DISK, queue, count);
            let mut ended = adapter.collect(queue, count);
            ended.sort_unstable();
            assert!(
                ended.into_iter().eq(0..u64::from(count)),
                "each ends exactly once"
            );
        }
    }
}

/// Commands that fail, and task management.
fn errors_and_resets(adapter: &mut Adapter<'_>, last_block: u64) {
    let beyond = Transfer {
        access: Access::Read,
        block: last_block + 1,
        blocks: 1,
        caching: Caching::Allowed,
    };
    let beyond = beyond.build(Form::Ten).expect("a block below 2^32");
    let (completion, sense) = adapter.command_with_sense(DISK, &beyond, DataDirection::In, 4096);
    assert_eq!(
        (completion.outcome, completion.scsi_status),
        (Outcome::Status, 2)
    );
    assert_eq!(
        (sense[2], sense[12]),
        (5, 0x21),
        "LOGICAL BLOCK ADDRESS OUT OF RANGE"
    );
    let nobody = Unit { target: 9, lun: 0 };
    let ready = cdb::test_unit_ready();
    assert_eq!(
        adapter
            .command(nobody, &ready, DataDirection::None, 0)
            .outcome,
        Outcome::BadTarget
    );
    assert_eq!(
        adapter.manage(DISK, TaskFunction::LogicalUnitReset),
        TmfOutcome::Complete
    );
    assert_eq!(
        adapter.manage(DISK, TaskFunction::TargetReset),
        TmfOutcome::Complete
    );
    assert_eq!(
        adapter.manage(nobody, TaskFunction::LogicalUnitReset),
        TmfOutcome::BadTarget
    );
    assert_eq!(adapter.fault(), Ok(()));
}

#[test]
fn default_options() {
    let (features, ring) = live("", 512);
    assert_eq!(ring, 256);
    assert!(!features.contains(Features::RING_PACKED));
    let qemu = Qemu::start("", 512);
    let adapter = Adapter::start(&qemu, NormalOptions::STANDARD);
    assert_eq!(adapter.transfer_bytes(), 2 << 20, "what a round trip moves");
    assert!(
        features
            .contains(Features::RING_INDIRECT_DESC | Features::RING_EVENT_IDX | Features::HOTPLUG)
    );
}

#[test]
fn rings_from_16_to_1024() {
    for size in [16, 64, 1024] {
        assert_eq!(live(&format!(",virtqueue_size={size}"), 512).1, size);
    }
}

#[test]
fn several_queues_and_large_blocks() {
    live(",num_queues=4,virtqueue_size=1024,disable-legacy=on", 4096);
}

#[test]
fn without_event_index_and_indirect_descriptors() {
    let (features, _) = live(",event_idx=off", 512);
    assert!(!features.contains(Features::RING_EVENT_IDX));
    let (features, _) = live(",indirect_desc=off", 512);
    assert!(!features.contains(Features::RING_INDIRECT_DESC));
    live(",indirect_desc=off,event_idx=off,virtqueue_size=64", 512);
}

#[test]
fn other_transports_and_features() {
    for options in [
        ",vectors=0",
        ",page-per-vq=on",
        ",hotplug=off,param_change=off",
    ] {
        live(options, 512);
    }
    let (features, _) = live(",iommu_platform=on,disable-legacy=on", 512);
    assert!(
        features.contains(Features::ACCESS_PLATFORM),
        "QEMU refuses a driver that does not accept it"
    );
}

#[test]
fn a_legacy_device_is_named() {
    let qemu = Qemu::start(",disable-modern=on", 512);
    assert_eq!(
        pci::capabilities(&qemu.config_space()),
        Err(CapError::LegacyOnly)
    );
}

#[test]
fn discovery_reads_what_qemu_shows() {
    let qemu = Qemu::start(",num_queues=3", 512);
    let caps = pci::capabilities(&qemu.config_space()).expect("a modern device");
    let msix = caps.msix.expect("MSI-X");
    assert_eq!(
        (msix.table_size, msix.enablement),
        (6, MsixEnablement::Disabled)
    );
    let registers = qemu.registers(&caps);
    let plan = adapter::plan_normal(&qemu, NormalOptions::STANDARD);
    // There are six vectors; a seventh is refused and read back as none.
    let refused =
        BringUp::start(&registers, &plan, reset(&registers), Vector::message(6)).map(drop);
    assert_eq!(refused, Err(BringUpError::ConfigVectorRefused));
    let mut up = BringUp::start(&registers, &plan, reset(&registers), Vector::message(5))
        .expect("the last vector");
    let refused = up.control_queue(
        qemu.memory(adapter::REGION, plan.region_bytes()),
        Vector::message(6),
    );
    assert_eq!(
        refused.map(drop),
        Err(BringUpError::VectorRefused(QueueIndex::CONTROL))
    );
    assert!(qemu.window(&caps, caps.isr).length() > 0);
}

#[test]
fn events_tell_of_changes() {
    let qemu = Qemu::start("", 512);
    let mut adapter = Adapter::start(&qemu, NormalOptions::STANDARD);
    // More events than there are buffers: each is given back.
    for round in 0..20 {
        qemu.monitor(&format!("block_resize disk {}", 70 + round));
        let event = adapter.event();
        assert_eq!(
            event.kind,
            EventKind::ParameterChange { asc: 0x2A, ascq: 9 },
            "CAPACITY DATA HAS CHANGED"
        );
        assert_eq!(event.address, ScsiAddress::new(DISK.target, DISK.lun));
        assert_eq!(event.missed, Missed::Nothing);
    }
    qemu.monitor("device_del other");
    let event = adapter.event();
    assert_eq!(event.kind, EventKind::TransportReset(ResetReason::Removed));
    assert_eq!(event.address, ScsiAddress::new(0, 0));
}
