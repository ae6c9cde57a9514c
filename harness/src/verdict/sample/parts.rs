//! Records of the good life that are the same wherever they occur.

use proto::{
    owner::{Owner, OwnerRun, Role},
    record::{ImageFacts, IoSummary, PhysicalRange, Record, RuleOutcome, RuleState, WrittenRange},
};

use super::{CONTEXT_BYTES, CONTEXT_PA, RINGS_BYTES, RINGS_PA};
use crate::session::life::QmpEvent;

pub(super) fn dump_memory(dump_mode: u8) -> Record {
    let range = |address, bytes| PhysicalRange { address, bytes };
    Record::DumpMemory {
        dump_mode,
        marked: vec![
            range(CONTEXT_PA, CONTEXT_BYTES),
            range(RINGS_PA, RINGS_BYTES),
        ],
        port_owned: vec![range(0x700_3000, 0x4000)],
        device_seen: vec![range(RINGS_PA, 0x400), range(0x700_3010, 0x100)],
    }
}

pub(in crate::verdict) fn event(name: &str) -> QmpEvent {
    QmpEvent {
        name: name.to_owned(),
        data: serde_json::Value::Null,
        after_records: 0,
    }
}

pub(super) fn image_facts() -> ImageFacts {
    ImageFacts {
        two_phase: true,
        boot_pages: 300,
        kernel_pages: 700,
        image_bytes: 4_200_000,
        requests: 9,
        largest_request_bytes: 1 << 20,
        polls: 100,
    }
}

pub(super) fn owners() -> Vec<OwnerRun> {
    let run = |first_pfn, pages, owner| OwnerRun {
        first_pfn,
        pages,
        owner,
    };
    vec![
        run(0x4800, 0x100, Owner::KernelData),
        run(0x6000, 1, Owner::DumpContext(Role::Hiber)),
        run(0x6001, 0x100, Owner::Workload),
        run(0x7000, 0x20, Owner::DumpPort(Role::Hiber)),
    ]
}

pub(super) fn io(name: &str, requests: u64) -> IoSummary {
    IoSummary {
        name: name.to_owned(),
        reads: requests / 2,
        writes: requests / 2,
        bytes_read: requests * 2048,
        bytes_written: requests * 2048,
        bytes_verified: requests * 2048,
        interrupts: requests,
        peak_in_flight: 4,
        written: vec![WrittenRange {
            unit: (0, 0, 0),
            first_lba: 2048,
            sectors: 8,
            xxh64: 7,
        }],
        ..IoSummary::default()
    }
}

pub(super) fn rules() -> Vec<RuleState> {
    vec![
        RuleState {
            rule: "StorPortSpinLock".to_owned(),
            state: RuleOutcome::Checked {
                checks: 90,
                violations: 0,
            },
        },
        RuleState {
            rule: "NullCheck".to_owned(),
            state: RuleOutcome::NotChecked,
        },
        RuleState {
            rule: "SpIrql".to_owned(),
            state: RuleOutcome::NotApplicable("TDI is not storage".to_owned()),
        },
    ]
}
