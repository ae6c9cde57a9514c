//! The faults: for every check at least one change of the good life that breaks it.
//!
//! [`FAULTS`] is what the tests next door apply; the functions below it change a life in the ways that several need.

use proto::{
    owner::{Owner, Role},
    record::{PhysicalRange, Record, RuleOutcome, Violation},
    scenario::{CrashCause, DumpKind},
};

use super::super::{Context, CrashAsked, sample};
use crate::{
    crash::{CrashFound, sealed::Sealed},
    options::FilterMode,
    report::Hex,
    session::life::{Arguments, Life, Point, PowerOff},
};

/// A change of a good life and its context.
pub(super) type Fault = fn(&mut Life, &mut Context);

/// At least one fault for every check.
pub(super) const FAULTS: &[(&str, Fault)] = &[
    ("life-complete", |life, _| {
        life.failure = Some("no sign of life for 120 s".to_owned());
    }),
    ("life-complete", |life, _| {
        life.boots[2].records.pop();
    }),
    ("bench-sound", |life, _| {
        life.boots[0].records.push(Record::KernelPanic {
            text: "slot 3 is free".to_owned(),
        });
    }),
    ("no-bugcheck", |life, _| {
        life.boots[1].records.push(Record::Bugcheck {
            code: 0xa0,
            parameters: [0x10e, 0, 0, 0],
            text: "page 0x4711 does not match its checksum".to_owned(),
            trace: Vec::new(),
        });
    }),
    ("boots-in-order", |life, _| {
        life.boots.pop();
    }),
    ("boots-in-order", |life, _| {
        life.boots[1].records.remove(0);
    }),
    ("power-off", |life, _| {
        life.boots[0].power_off = PowerOff::ShutDown;
    }),
    ("power-off", |life, _| {
        life.boots[2].power_off = PowerOff::None;
    }),
    ("cycles-asked", |life, _| {
        replace(life, |record| {
            if let Record::Finished { cycles } = record {
                *cycles = 1;
            }
        });
    }),
    ("processors-at-work", |_, context| {
        context.setup.options.processors = 4;
    }),
    ("processors-at-work", |life, context| {
        sample::at_work(life, context, &[700, 300, 0, 310], 3);
    }),
    ("processors-at-work", |life, context| {
        sample::at_work(life, context, &[700, 300, 305, 310], 1);
    }),
    ("breakpoints-normal", |life, _| {
        life.boots[0].hits.remove(0);
    }),
    ("breakpoints-normal", |life, _| {
        life.boots[0].hits.swap(2, 3);
    }),
    ("breakpoints-mark-memory", |life, _| {
        drop_entry(life, 0, 3);
    }),
    ("breakpoints-hiber", |life, _| {
        drop_entry(life, 1, 2);
    }),
    ("breakpoints-hiber", |life, _| {
        life.boots[0]
            .hits
            .retain(|hit| hit.role == Role::Normal || hit.point != Point::Initialize);
    }),
    ("breakpoints-resume", |life, _| {
        drop_entry(life, 2, 4);
    }),
    ("breakpoints-resume", |life, _| {
        for hit in &mut life.boots[1].hits {
            if let Arguments::DriverEntry { driver_object, .. } = &mut hit.arguments {
                *driver_object = 0xffff_a000_0000_4000;
            }
        }
    }),
    ("dump-calls-witnessed", |life, _| {
        let records = &mut life.boots[1].records;
        let call = records
            .iter()
            .position(|record| matches!(record, Record::DumpCall { .. }))
            .unwrap();
        records.remove(call);
        for hit in &mut life.boots[1].hits {
            hit.after_records = hit.after_records.saturating_sub(1);
        }
    }),
    ("find-adapter-once", |life, _| {
        let again = life.boots[0].hits[2].clone();
        life.boots[0].hits.insert(3, again);
    }),
    ("marks-witnessed", |life, _| {
        replace(life, |record| match record {
            Record::Mark(mark) if mark.flags == 0 => mark.length += 1,
            _ => {}
        });
    }),
    ("marks-witnessed", |life, _| {
        let records = &mut life.boots[2].records;
        let mark = records
            .iter()
            .position(|record| matches!(record, Record::Mark(_)))
            .unwrap();
        records[mark] = Record::Volatile { ranges: Vec::new() };
    }),
    ("marks-accepted", |life, _| {
        replace(life, |record| {
            if let Record::Mark(mark) = record {
                mark.status = 0xc100_0006;
            }
        });
    }),
    ("marks-cover-context", |life, _| {
        let hits = &mut life.boots[0].hits;
        hits.retain(|hit| !matches!(hit.arguments, Arguments::MarkDumpMemory { flags: 0, .. }));
    }),
    ("marks-cover-context", |life, _| {
        for hit in life.boots.iter_mut().flat_map(|boot| &mut boot.hits) {
            if let Arguments::FindAdapter { dump_data, .. } = &mut hit.arguments {
                *dump_data = 0;
            }
        }
    }),
    ("marks-own-memory", |life, _| {
        replace(life, |record| match record {
            Record::Mark(mark) if mark.flags == 1 => {
                mark.covers[0].address = 0x600_1000;
                mark.owner = Owner::Workload;
            }
            _ => {}
        });
    }),
    ("marks-exact", |life, _| {
        replace(life, |record| match record {
            Record::Mark(mark) if mark.flags == 0 => mark.covers[0].bytes -= 1,
            _ => {}
        });
    }),
    ("marks-exact", |life, _| {
        replace(life, |record| match record {
            Record::Mark(mark) if mark.flags == 1 => mark.covers[0].address += 0x1000,
            _ => {}
        });
    }),
    ("dump-memory-covered", |life, _| {
        replace(life, |record| {
            if let Record::DumpMemory { device_seen, .. } = record {
                device_seen.push(PhysicalRange {
                    address: sample::RINGS_PA + sample::RINGS_BYTES - 8,
                    bytes: 16,
                });
            }
        });
    }),
    ("dump-memory-covered", |life, _| {
        replace(life, |record| {
            if let Record::DumpMemory { marked, .. } = record {
                marked.push(PhysicalRange {
                    address: 0x710_0000,
                    bytes: 16,
                });
            }
        });
    }),
    ("dump-memory-covered", |life, _| {
        replace(life, |record| {
            if let Record::DumpMemory {
                dump_mode: 4,
                device_seen,
                ..
            } = record
            {
                device_seen.clear();
            }
        });
    }),
    ("dump-memory-limit", |life, _| {
        replace(life, |record| match record {
            Record::Adapter(facts) if facts.dump_mode != 0 => {
                facts.uncached_extension_bytes = 15 * 1024;
            }
            _ => {}
        });
    }),
    ("two-phase", |life, _| {
        for hit in life.boots.iter_mut().flat_map(|boot| &mut boot.hits) {
            if let Arguments::StorPortInitialize {
                feature_support, ..
            } = &mut hit.arguments
            {
                *feature_support = 8;
            }
        }
    }),
    ("two-phase", |life, _| {
        replace(life, |record| {
            if let Record::ImageWritten(facts) = record {
                facts.two_phase = false;
            }
        });
    }),
    ("image-on-disk", |life, _| {
        life.boots[0].image = None;
    }),
    ("image-on-disk", |life, _| {
        life.boots[1].image.as_mut().unwrap().kernel_pages_verified -= 1;
    }),
    ("filter-at-work", |_, context| {
        context.setup.options.filter = Some(FilterMode::Pass);
    }),
    ("filter-at-work", |life, context| {
        context.setup.options.filter = Some(FilterMode::Pass);
        add_filter(life, 1);
    }),
    ("image-encrypted", |life, context| {
        context.setup.options.filter = Some(FilterMode::Encrypt);
        add_filter(life, 10);
    }),
    ("image-encrypted", |life, context| {
        context.setup.options.filter = Some(FilterMode::Encrypt);
        add_filter(life, 10);
        for image in life.boots.iter_mut().filter_map(|boot| boot.image.as_mut()) {
            image.plain_pages = Some(u64::from(image.header.cycle == 2));
        }
    }),
    ("dump-encrypted", |_, context| {
        crash_with(context, FilterMode::Encrypt, None);
    }),
    ("dump-encrypted", |_, context| {
        let plain = Sealed {
            marked: true,
            plain_pages: Some(1),
        };
        crash_with(context, FilterMode::Encrypt, Some(plain));
    }),
    ("dump-encrypted", |_, context| {
        let unmarked = Sealed {
            marked: false,
            plain_pages: Some(0),
        };
        crash_with(context, FilterMode::Encrypt, Some(unmarked));
    }),
    ("dump-encrypted", |_, context| {
        let mut found = sample::crash::everything();
        found.dump.as_mut().unwrap().header.sealed = true;
        crash_with(context, FilterMode::Pass, None);
        context.dump = Some(found);
    }),
    ("memory-compared", |_, context| {
        context.memory.pop();
    }),
    ("memory-compared", |_, context| {
        context.memory[0].pages_missing = 1;
    }),
    ("memory-compared", |_, context| {
        context.memory[0].pages_compared = 699;
    }),
    ("memory-equal", |_, context| {
        context.memory[1].bytes_different = 1;
    }),
    ("memory-volatile-bounded", |_, context| {
        context.memory[0].bytes_volatile = 32 << 20;
    }),
    ("memory-volatile-bounded", |life, _| {
        replace(life, |record| {
            if let Record::Volatile { ranges } = record {
                ranges.push((
                    PhysicalRange {
                        address: 0x600_1ff8,
                        bytes: 16,
                    },
                    "changes".to_owned(),
                ));
            }
        });
    }),
    ("disk-equal", |_, context| {
        context.disk = None;
    }),
    ("disk-equal", |_, context| {
        let disk = context.disk.as_mut().unwrap();
        disk.ranges_wrong = 1;
        disk.wrong.push(crate::compare::disk::WrongRange {
            first_lba: 4096,
            sectors: 8,
            expected: Hex(1),
            found: Hex(2),
        });
    }),
    ("disk-equal", |_, context| {
        let disk = context.disk.as_mut().unwrap();
        disk.bytes_unwritten_changed = 1;
        disk.first_unwritten_change = Some(Hex(0x10_0000));
    }),
    ("disk-outside-untouched", |_, context| {
        context.disk.as_mut().unwrap().outside_unchanged = false;
    }),
    ("disk-outside-untouched", |_, context| {
        context.disk.as_mut().unwrap().partition_tables_intact = false;
    }),
    ("disk-left-alone", |life, context| {
        stop_the_last_resume(life);
        context.disk_left_alone = Some(false);
    }),
    ("disk-left-alone", |life, _| stop_the_last_resume(life)),
    ("io-verified", |life, _| {
        replace(life, |record| match record {
            Record::Io(io) if io.name == "after resume" => io.bytes_wrong = 1,
            _ => {}
        });
    }),
    ("io-verified", |life, _| {
        replace(life, |record| match record {
            Record::Io(io) if io.name != "workload" => io.bytes_verified = 0,
            _ => {}
        });
    }),
    ("in-flight-accounted", |life, _| {
        replace(life, |record| {
            if let Record::Io(io) = record
                && io.name.starts_with("in flight")
            {
                io.writes -= 1;
            }
        });
    }),
    ("in-flight-accounted", |life, _| {
        replace(life, |record| {
            if let Record::InFlight { at_miniport, .. } = record {
                *at_miniport = 0;
            }
        });
    }),
    ("in-flight-accounted", |life, _| {
        replace(life, |record| {
            if let Record::InFlight { kept_back, .. } = record {
                *kept_back = 0;
            }
        });
    }),
    ("in-flight-accounted", |life, _| {
        life.boots[1]
            .records
            .retain(|record| !matches!(record, Record::InFlight { .. }));
    }),
    ("above-4gib-used", |life, _| {
        replace(life, |record| {
            if let Record::Hello { ram, .. } = record {
                ram.push(PhysicalRange {
                    address: 4 << 30,
                    bytes: 1 << 30,
                });
            }
        });
    }),
    ("rules-reported", |life, _| {
        replace(life, |record| {
            if let Record::Rules { rules } = record {
                rules[0].state = RuleOutcome::Checked {
                    checks: 90,
                    violations: 1,
                };
            }
        });
    }),
    ("rules-reported", |life, _| {
        replace(life, |record| {
            if let Record::Rules { rules } = record {
                rules.clear();
            }
        });
    }),
    ("rules-reported", |life, _| {
        life.boots[0].records.insert(0, unlocked());
    }),
    ("rules-kept", |life, _| {
        life.boots[0].records.push(unlocked());
    }),
];

/// A violation that was reported.
pub(super) fn unlocked() -> Record {
    Record::Violation(Violation {
        rule: "StorPortSpinLock".to_owned(),
        role: Some(Role::Normal),
        detail: "released a lock that is not held".to_owned(),
        callback: "HwStorStartIo".to_owned(),
        trace: Vec::new(),
    })
}

/// Applies `change` to every record.
pub(super) fn replace(life: &mut Life, change: fn(&mut Record)) {
    for boot in &mut life.boots {
        boot.records.iter_mut().for_each(change);
    }
}

/// The last process stops before its memory is back.
fn stop_the_last_resume(life: &mut Life) {
    life.boots[2].records.retain(|record| {
        !matches!(
            record,
            Record::Checkpoint {
                checkpoint: proto::record::Checkpoint::Resumed
            }
        )
    });
}

/// Removes the hits of one entry of the hibernate stack's image.
fn drop_entry(life: &mut Life, boot: usize, mode: u8) {
    let hits = &mut life.boots[boot].hits;
    let found = hits
        .iter()
        .position(|hit| {
            matches!(hit.arguments, Arguments::FindAdapter { dump_mode, .. }
                if dump_mode == mode && hit.role == Role::Hiber)
        })
        .unwrap();
    hits.drain(found - 2..=found);
}

/// A dump filter in both stacks that saw ten writes of each hibernation and replaced the data of some.
fn add_filter(life: &mut Life, replaced: u64) {
    for boot in &mut life.boots {
        for role in [Role::Crash, Role::Hiber] {
            boot.records.insert(
                1,
                Record::FilterLoaded {
                    role,
                    name: "dumpfilter.sys".to_owned(),
                    status: 0,
                    reads: true,
                    maximum_pages: 256,
                },
            );
        }
        boot.records.insert(
            1,
            Record::FilterTransfers {
                writes: 10,
                replaced,
                reads: 0,
            },
        );
    }
}

/// Asks for a crash with the dump filter, of which this was found.
fn crash_with(context: &mut Context, mode: FilterMode, sealed: Option<Sealed>) {
    context.setup.options.filter = Some(mode);
    context.crash = Some(CrashAsked {
        kind: DumpKind::Kernel,
        cause: CrashCause::BugCheck,
    });
    context.dump = Some(CrashFound {
        sealed,
        ..CrashFound::default()
    });
}
