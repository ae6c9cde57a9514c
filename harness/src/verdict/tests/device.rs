//! Faults of the machine and of what was asked of it: the HBA is another one, or the resets did not happen.

use proto::{record::Record, scenario::InterruptMode};

use super::faults::{Fault, replace};
use crate::options::hba::{Feature, Legacy};

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
