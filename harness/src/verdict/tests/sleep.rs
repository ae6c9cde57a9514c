//! Faults of a life with a sleep: QEMU does not say what the kernel says, or nobody slept.

use proto::{
    record::{Record, Rest},
    scenario::SLEEP_STEP,
};

use super::{super::sample, faults::Fault};

/// For `sleep-witnessed`.
pub(super) const FAULTS: &[(&str, Fault)] = &[
    ("sleep-witnessed", |life, _| {
        life.boots[1].events.push(sample::parts::event("SUSPEND"));
    }),
    ("sleep-witnessed", |life, _| {
        life.boots[0].records.push(Record::Slept);
    }),
    ("sleep-witnessed", |life, _| {
        let boot = &mut life.boots[2];
        boot.records.push(Record::Slept);
        boot.events.push(sample::parts::event("SUSPEND"));
    }),
    ("sleep-witnessed", |life, _| {
        life.boots[0].records.push(Record::StepBegin {
            name: SLEEP_STEP.to_owned(),
        });
    }),
    ("sleep-witnessed", |life, _| {
        life.boots[0].records.push(Record::StressRest {
            rest: Rest::Sleep {
                by_adapter_power: true,
                system: true,
            },
            at_miniport: 4,
            kept_back: 4,
        });
    }),
];
