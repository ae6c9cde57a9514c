//! A run without a plan: were its rounds what it says, and did the host do what the guest asked for?

use proto::record::{HostAction, Record, StressAction};

use super::{Evidence, Finding};
use crate::session::stress::StressEnd;

/// QEMU's word for a device that was pulled out.
const DEVICE_DELETED: &str = "DEVICE_DELETED";

/// `stress-course`: rounds in order, as many as asked for, each disk that was pulled out came back, and QEMU agrees.
pub(super) fn stress_course(evidence: &Evidence<'_>) -> Finding {
    let Some(end) = evidence.context.setup.options.stress else {
        return Finding::NotApplicable("the run had a plan".to_owned());
    };
    let mut faults = Vec::new();
    let mut rounds: Vec<(u32, StressAction)> = evidence
        .life
        .records()
        .filter_map(|record| match record {
            Record::StressRound { round, action } => Some((*round, *action)),
            _ => None,
        })
        .collect();
    if (1..)
        .zip(&rounds)
        .any(|(number, (round, _))| number != *round)
    {
        faults.push("the rounds are not in order".to_owned());
    }
    // The last one was due, and the host had enough.
    rounds.pop();
    let done = rounds.len();
    match end {
        StressEnd::Rounds(asked) if usize::try_from(asked) != Ok(done) => {
            faults.push(format!("{done} rounds of {asked}"));
        }
        _ if done == 0 => faults.push("no round was done".to_owned()),
        _ => {}
    }
    let (mut plugged, mut unplugged, mut paused) = (0, 0, 0);
    for record in evidence.life.records() {
        if let Record::HostWanted { action } = record {
            match action {
                HostAction::Plug { .. } => plugged += 1,
                HostAction::Unplug { .. } => unplugged += 1,
                HostAction::Pause { .. } => paused += 1,
            }
        }
    }
    let deleted = evidence
        .life
        .boots
        .iter()
        .flat_map(|boot| &boot.events)
        .filter(|event| event.name == DEVICE_DELETED)
        .count();
    if deleted != unplugged {
        faults.push(format!(
            "{unplugged} disks were to be pulled out, QEMU says {deleted}"
        ));
    }
    if plugged != unplugged {
        faults.push(format!(
            "{unplugged} disks were pulled out and {plugged} came back"
        ));
    }
    let count = |wanted| {
        rounds
            .iter()
            .filter(|(_, action)| *action == wanted)
            .count()
    };
    Finding::unless(
        &faults,
        format!(
            "{done} rounds: {} exchanges, {} resets, {unplugged} disks out and in, {paused} pauses; {} hibernations",
            count(StressAction::Exchange),
            count(StressAction::Reset),
            evidence.context.cycles
        ),
    )
}
