//! A run without a plan: were its rounds what it says, and did the host do what the guest asked for?

use proto::record::{HostAction, Record, StressAction};

use super::{Evidence, Finding};
use crate::{
    report::{gather::stress as gather, stress::word},
    session::stress::StressEnd,
};

/// QEMU's word for a device that was pulled out.
const DEVICE_DELETED: &str = "DEVICE_DELETED";

/// `stress-course`: rounds in order and as many as asked for, each kind of them in every turn, a hibernation after each turn; disks that
/// were pulled out came back, and QEMU agrees; in each stop of the miniport requests waited.
pub(super) fn stress_course(evidence: &Evidence<'_>) -> Finding {
    let Some(end) = evidence.context.setup.options.stress else {
        return Finding::NotApplicable("the run had a plan".to_owned());
    };
    let rounds = gather::rounds(evidence.life);
    let mut faults = course_faults(&rounds, end, evidence.context.cycles);
    let disks = disks(evidence, &rounds, &mut faults);
    let stops = stops(evidence, &rounds, &mut faults);
    let counts: Vec<String> = StressAction::ALL
        .into_iter()
        .map(|action| {
            let count = rounds.iter().filter(|(_, done)| *done == action).count();
            format!("{count} {}", word(action))
        })
        .collect();
    Finding::unless(
        &faults,
        format!(
            "{} rounds: {}; {disks} disks out and in, {stops} requests waited at stops; {} hibernations",
            rounds.len(),
            counts.join(", "),
            evidence.context.cycles
        ),
    )
}

/// What is wrong with the order, the number and the kinds of the rounds.
fn course_faults(rounds: &[(u32, StressAction)], end: StressEnd, cycles: u32) -> Vec<String> {
    let mut faults = Vec::new();
    let done = rounds.len();
    if (1..)
        .zip(rounds)
        .any(|(number, (round, _))| number != *round)
    {
        faults.push("the rounds are not in order".to_owned());
    }
    match end {
        StressEnd::Rounds(asked) if usize::try_from(asked) != Ok(done) => {
            faults.push(format!("{done} rounds of {asked}"));
        }
        _ if done == 0 => faults.push("no round was done".to_owned()),
        _ => {}
    }
    for turn in rounds.chunks_exact(StressAction::ROUNDS_OF_A_TURN) {
        for action in StressAction::ALL {
            if turn.iter().all(|(_, done)| *done != action) {
                faults.push(format!(
                    "no {} in the rounds from {} on",
                    word(action),
                    turn.first().map_or(0, |(round, _)| *round)
                ));
            }
        }
    }
    let turns = done / StressAction::ROUNDS_OF_A_TURN;
    if usize::try_from(cycles) != Ok(turns) {
        faults.push(format!("{turns} turns and {cycles} hibernations"));
    }
    faults
}

/// Disks that were pulled out; all came back, and QEMU says so.
fn disks(
    evidence: &Evidence<'_>,
    rounds: &[(u32, StressAction)],
    faults: &mut Vec<String>,
) -> usize {
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
    let with_a_pause = rounds
        .iter()
        .filter(|(_, action)| *action == StressAction::Pause)
        .count();
    if paused != with_a_pause {
        faults.push(format!(
            "{with_a_pause} rounds with a pause, {paused} pauses asked for"
        ));
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
    unplugged
}

/// Requests that waited while the miniport was stopped, all stops together. Each round that is one says how many, and some do.
fn stops(evidence: &Evidence<'_>, rounds: &[(u32, StressAction)], faults: &mut Vec<String>) -> u32 {
    let rests = gather::stops(evidence.life);
    for (action, told) in [
        (StressAction::Sleep, "sleep"),
        (StressAction::Rebalance, "restart"),
    ] {
        let asked = rounds.iter().filter(|(_, done)| *done == action).count();
        let seen: Vec<_> = rests.iter().filter(|stop| stop.kind == told).collect();
        if seen.len() != asked {
            faults.push(format!(
                "{asked} rounds with a {told}, the kernel tells of {}",
                seen.len()
            ));
        }
        if let Some(idle) = seen.iter().find(|stop| stop.kept_back == 0) {
            faults.push(format!("no request waited at the {told} {idle:?}"));
        }
    }
    if !rests.is_empty() && rests.iter().all(|stop| stop.at_miniport == 0) {
        faults.push("no request was at the miniport before any of its stops".to_owned());
    }
    rests.iter().map(|stop| stop.kept_back).sum()
}
