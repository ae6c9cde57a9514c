//! Faults of the machine and of what was asked of it: the HBA is another one, or the resets did not happen.

use proto::{record::Record, scenario::InterruptMode};

use super::{
    super::Context,
    faults::{Fault, replace},
};
use crate::{
    compare::disk::DiskCompare,
    options::hba::{Feature, Legacy},
    report::{Hex, OtherDiskCompare},
};

/// The faults, by the name of their check.
pub(super) const FAULTS: &[(&str, Fault)] = &[
    ("resets-asked", |_, context| {
        context.setup.options.resets = true;
    }),
    ("device-as-asked", |_, context| {
        context.setup.options.hba.queue_size = Some(64);
    }),
    ("device-as-asked", |_, context| {
        context.setup.options.sector_bytes = 4096;
    }),
    ("device-as-asked", |life, _| {
        replace(life, |record| {
            if let Record::Device(facts) = record {
                // The event index is offered, and this repository's driver leaves it.
                facts.accepted_features &= !(1 << 29);
            }
        });
    }),
    ("units-as-asked", |_, context| {
        context.setup.options.disks = 2;
    }),
    ("units-as-asked", |life, _| {
        life.boots[0].records.push(Record::Unit {
            address: (0, 2, 44),
            name: "QEMU QEMU HARDDISK".to_owned(),
            sector_bytes: 512,
            sectors: 1 << 15,
        });
    }),
    ("disk-equal", |_, context| {
        context.setup.options.disks = 2;
    }),
    ("disk-equal", |_, context| {
        other_disk(context, |compare| compare.ranges_checked = 0);
    }),
    ("disk-equal", |_, context| {
        other_disk(context, |compare| {
            compare.first_unwritten_change = Some(Hex(0x2000));
        });
    }),
    ("device-as-asked", |_, context| {
        context.setup.options.hba.queues = 2;
    }),
    ("device-as-asked", |_, context| {
        context.setup.options.hba.vectors = Some(0);
    }),
    ("device-as-asked", |_, context| {
        context.setup.options.interrupts = InterruptMode::MessagesAtMost(1);
    }),
    ("device-as-asked", |_, context| {
        context.setup.options.hba.packed = Feature::Offered;
    }),
    ("device-as-asked", |_, context| {
        context.setup.options.hba.event_idx = Feature::Hidden;
    }),
    ("device-as-asked", |_, context| {
        context.setup.options.hba.indirect = Feature::Hidden;
    }),
    ("device-as-asked", |_, context| {
        context.setup.options.hba.access_platform = Feature::Offered;
    }),
    ("device-as-asked", |_, context| {
        context.setup.options.hba.legacy = Legacy::Transitional;
    }),
    ("device-as-asked", |life, _| {
        replace(life, |record| {
            if let Record::Device(device) = record {
                device.accepted_features |= 1 << 34;
            }
        });
    }),
];

/// A second disk, good but for one change.
pub(super) fn other_disk(context: &mut Context, change: impl FnOnce(&mut DiskCompare)) {
    context.setup.options.disks = 2;
    let mut compare = DiskCompare {
        ranges_checked: 1,
        ..DiskCompare::default()
    };
    change(&mut compare);
    context.other_disks.push(OtherDiskCompare {
        unit: "0:1:0".to_owned(),
        addressable: true,
        compare,
    });
}
