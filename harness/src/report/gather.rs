//! The facts of a run, from the records and hits of a [`Life`], in the words of a [`Report`].
//!
//! Nothing is judged here. [`calls`] has the calls that two witnesses saw, [`stress`] the rounds of a run without a plan; [`cycle_at`] says to which hibernation a record or a hit belongs.

use std::time::Duration;

use proto::{
    hiber::PAGE_BYTES,
    record::{Checkpoint, DeviceFacts, IoSummary, Record, RuleOutcome, RuleState},
};

use super::{
    Adapter, BootSummary, Cycles, Device, Hex, Image, InFlight, Io, NotImplemented, Processors,
    Rule, RuleViolation, Step, Unit,
    names::{device_features, dump_mode, role_name, stor_features},
};
use crate::{
    options::GuestClock,
    session::life::{Boot, Life, PowerOff},
};

pub mod calls;
pub mod stress;

/// The hibernation, from 1, to which the record with this index in `boot` belongs: in the first boot the first, in a later
/// one the one that it resumes from, and after `Resumed` the next.
#[must_use]
pub fn cycle_at(boot: &Boot, record_index: usize) -> u32 {
    let resumed = boot.records.iter().take(record_index).any(|record| {
        matches!(
            record,
            Record::Checkpoint {
                checkpoint: Checkpoint::Resumed
            }
        )
    });
    if boot.number == 0 {
        1
    } else {
        boot.number + u32::from(resumed)
    }
}

/// All records with boot and cycle.
pub fn records(life: &Life) -> impl Iterator<Item = (&Boot, u32, &Record)> {
    life.boots.iter().flat_map(|boot| {
        boot.records
            .iter()
            .enumerate()
            .map(move |(index, record)| (boot, cycle_at(boot, index), record))
    })
}

/// Cycles asked for and completed.
#[must_use]
pub fn cycles(life: &Life, asked: u32) -> Cycles {
    let completed = life
        .records()
        .filter_map(|record| match record {
            Record::Finished { cycles } => Some(*cycles),
            _ => None,
        })
        .last()
        .unwrap_or_default();
    Cycles { asked, completed }
}

/// The HBA, as last reported.
#[must_use]
pub fn device(life: &Life) -> Option<Device> {
    let facts: &DeviceFacts = life
        .records()
        .filter_map(|record| match record {
            Record::Device(facts) => Some(facts),
            _ => None,
        })
        .last()?;
    let (bus, device, function) = facts.location;
    let (vendor, id) = facts.ids;
    Some(Device {
        location: format!("{bus:02x}:{device:02x}.{function}"),
        ids: format!("{vendor:04x}:{id:04x}"),
        offered_features: device_features(vendor, facts.offered_features),
        accepted_features: device_features(vendor, facts.accepted_features),
        queues: facts.queues,
        queue_entries: facts.queue_entries,
        messages: facts.messages,
    })
}

/// What each instance declared; equal declarations once.
#[must_use]
pub fn adapters(life: &Life) -> Vec<Adapter> {
    let mut adapters: Vec<Adapter> = Vec::new();
    for record in life.records() {
        let Record::Adapter(facts) = record else {
            continue;
        };
        let adapter = Adapter {
            role: role_name(facts.role),
            dump_mode: dump_mode(facts.dump_mode),
            feature_support: stor_features(facts.feature_support),
            maximum_transfer_bytes: facts.maximum_transfer_bytes,
            physical_breaks: facts.physical_breaks,
            device_extension_bytes: facts.device_extension_bytes,
            srb_extension_bytes: facts.srb_extension_bytes,
            uncached_extension_bytes: facts.uncached_extension_bytes,
            requested_dump_buffer_bytes: facts.requested_dump_buffer_bytes,
            uncached_extension_address: Hex(facts.uncached_extension_address),
        };
        let known = adapters.iter().any(|other| {
            let here = Adapter {
                uncached_extension_address: other.uncached_extension_address,
                ..adapter.clone()
            };
            here == *other
        });
        if !known {
            adapters.push(adapter);
        }
    }
    adapters
}

/// The logical units; equal ones once.
#[must_use]
pub fn units(life: &Life) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    for record in life.records() {
        let Record::Unit {
            address: (path, target, lun),
            name,
            sector_bytes,
            sectors,
        } = record
        else {
            continue;
        };
        let unit = Unit {
            address: format!("{path}:{target}:{lun}"),
            name: name.clone(),
            sector_bytes: *sector_bytes,
            sectors: *sectors,
        };
        if !units.contains(&unit) {
            units.push(unit);
        }
    }
    units
}

/// The stretches of I/O.
#[must_use]
pub fn io(life: &Life) -> Vec<Io> {
    records(life)
        .filter_map(|(_, cycle, record)| match record {
            Record::Io(summary) => Some(io_line(summary, cycle)),
            _ => None,
        })
        .collect()
}

/// The requests when each hibernation began.
#[must_use]
pub fn in_flight(life: &Life) -> Vec<InFlight> {
    records(life)
        .filter_map(|(_, cycle, record)| match record {
            Record::InFlight {
                at_miniport,
                kept_back,
            } => Some(InFlight {
                cycle,
                at_miniport: *at_miniport,
                kept_back: *kept_back,
            }),
            _ => None,
        })
        .collect()
}

/// What several processors did, as the kernel said last.
#[must_use]
pub fn processors(life: &Life) -> Option<Processors> {
    records(life)
        .filter_map(|(_, _, record)| match record {
            Record::Processors {
                callbacks,
                most_at_once,
                completed,
                completed_at_home,
            } => Some(Processors {
                callbacks: callbacks.clone(),
                most_at_once: *most_at_once,
                completed: *completed,
                completed_at_home: *completed_at_home,
            }),
            _ => None,
        })
        .last()
}

fn io_line(summary: &IoSummary, cycle: u32) -> Io {
    Io {
        name: summary.name.clone(),
        cycle,
        reads: summary.reads,
        writes: summary.writes,
        others: summary.others,
        bytes_read: summary.bytes_read,
        bytes_written: summary.bytes_written,
        bytes_verified: summary.bytes_verified,
        bytes_wrong: summary.bytes_wrong,
        errors: summary.errors,
        above_4gib: summary.above_4gib,
        interrupts: summary.interrupts,
        peak_in_flight: summary.peak_in_flight,
    }
}

/// Bytes of noncached memory of the dump instance: the most that any of its declarations adds up to.
#[must_use]
pub fn dump_memory_bytes(life: &Life) -> u64 {
    life.records()
        .filter_map(|record| match record {
            Record::Adapter(facts) if facts.dump_mode != 0 => Some(
                u64::from(facts.device_extension_bytes) + u64::from(facts.uncached_extension_bytes),
            ),
            _ => None,
        })
        .max()
        .unwrap_or_default()
}

/// The images: written facts, what the host found, read facts.
#[must_use]
pub fn images(life: &Life) -> Vec<Image> {
    let mut images: Vec<Image> = Vec::new();
    for (_, cycle, record) in records(life) {
        match record {
            Record::ImageWritten(facts) => images.push(Image {
                cycle,
                two_phase: facts.two_phase,
                boot_pages: facts.boot_pages,
                kernel_pages: facts.kernel_pages,
                boot_bytes: facts.boot_pages.saturating_mul(PAGE_BYTES),
                kernel_bytes: facts.kernel_pages.saturating_mul(PAGE_BYTES),
                image_bytes: facts.image_bytes,
                write_requests: facts.requests,
                largest_write_bytes: facts.largest_request_bytes,
                write_polls: facts.polls,
                ..Image::default()
            }),
            Record::ImageRead(facts) => {
                if let Some(image) = images.iter_mut().find(|image| image.cycle == cycle) {
                    image.read_requests = facts.requests;
                    image.read_polls = facts.polls;
                }
            }
            _ => {}
        }
    }
    for boot in &life.boots {
        let cycle = boot.number + 1;
        if let (Some(found), Some(image)) = (
            boot.image,
            images.iter_mut().find(|image| image.cycle == cycle),
        ) {
            image.image_bytes = found.image_bytes;
            image.pages_verified_by_host = found.boot_pages_verified + found.kernel_pages_verified;
        }
    }
    images
}

/// The broken rules.
#[must_use]
pub fn violations(life: &Life) -> Vec<RuleViolation> {
    life.records()
        .filter_map(|record| match record {
            Record::Violation(violation) => Some(RuleViolation {
                rule: violation.rule.clone(),
                role: violation.role.map(role_name),
                detail: violation.detail.clone(),
                callback: violation.callback.clone(),
                trace: violation.trace.clone(),
            }),
            _ => None,
        })
        .collect()
}

/// The rules, as last reported.
#[must_use]
pub fn rules(life: &Life) -> Vec<Rule> {
    let last = life.records().filter_map(|record| match record {
        Record::Rules { rules } => Some(rules.as_slice()),
        _ => None,
    });
    last.last()
        .unwrap_or_default()
        .iter()
        .map(|RuleState { rule, state }| {
            let (word, reason, checks, violations) = match state {
                RuleOutcome::Checked { checks, violations } => {
                    ("checked", None, *checks, *violations)
                }
                RuleOutcome::NotChecked => ("not checked", None, 0, 0),
                RuleOutcome::NotApplicable(reason) => {
                    ("not applicable", Some(reason.clone()), 0, 0)
                }
            };
            Rule {
                rule: rule.clone(),
                state: word,
                reason,
                checks,
                violations,
            }
        })
        .collect()
}

/// Calls of functions that the bench does not have.
#[must_use]
pub fn not_implemented(life: &Life) -> Vec<NotImplemented> {
    let mut all: Vec<NotImplemented> = Vec::new();
    for record in life.records() {
        let Record::NotImplemented { role, code, count } = record else {
            continue;
        };
        let role = role_name(*role);
        match all
            .iter_mut()
            .find(|known| known.role == role && known.code == *code)
        {
            // The kernel counts over its whole life; the last figure is the total.
            Some(known) => known.count = known.count.max(*count),
            None => all.push(NotImplemented {
                role,
                code: *code,
                count: *count,
            }),
        }
    }
    all
}

/// The QEMU processes.
#[must_use]
pub fn boots(life: &Life) -> Vec<BootSummary> {
    life.boots
        .iter()
        .map(|boot| BootSummary {
            boot: boot.number,
            power_off: match boot.power_off {
                PowerOff::Hibernated => "hibernated",
                PowerOff::ShutDown => "shut down",
                PowerOff::None => "none",
            },
            events: boot.events.iter().map(|event| event.name.clone()).collect(),
            complaints: boot.complaints.clone(),
            wall_milliseconds: u64::try_from(boot.wall.as_millis()).unwrap_or(u64::MAX),
            command_line: boot.command_line.clone(),
        })
        .collect()
}

/// The steps, in the order in which they began; a step may begin in one process and end in the next. Without instruction
/// counting the kernel's figures are times, and are left out.
#[must_use]
pub fn steps(life: &Life, clock: GuestClock) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut begins: Vec<Duration> = Vec::new();
    // Time between two processes belongs to no step.
    let mut earlier_boots = Duration::ZERO;
    for boot in &life.boots {
        for (index, record) in boot.records.iter().enumerate() {
            let now = earlier_boots + boot.arrivals.get(index).copied().unwrap_or_default();
            match record {
                Record::StepBegin { name } => {
                    begins.push(now);
                    steps.push(Step {
                        boot: boot.number,
                        name: name.clone(),
                        instructions: None,
                        wall_microseconds: None,
                    });
                }
                Record::StepEnd { name, instructions } => {
                    let open =
                        steps.iter_mut().zip(&begins).rev().find(|(step, _)| {
                            step.name == *name && step.wall_microseconds.is_none()
                        });
                    if let Some((step, begin)) = open {
                        step.instructions =
                            (clock == GuestClock::Instructions).then_some(*instructions);
                        step.boot = boot.number;
                        step.wall_microseconds =
                            u64::try_from(now.saturating_sub(*begin).as_micros()).ok();
                    }
                }
                _ => {}
            }
        }
        earlier_boots += boot.wall;
    }
    steps
}
