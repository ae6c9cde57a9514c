//! The rounds of a stress run and what the kernel told of them.

use std::collections::BTreeMap;

use proto::record::{Record, Rest, StressAction};

use crate::{
    report::stress::{Stop, Stress, word},
    session::life::Life,
};

/// The rounds that were done, with their numbers. The last one was due when the host had enough.
#[must_use]
pub fn rounds(life: &Life) -> Vec<(u32, StressAction)> {
    let mut rounds: Vec<(u32, StressAction)> = life
        .records()
        .filter_map(|record| match record {
            Record::StressRound { round, action } => Some((*round, *action)),
            _ => None,
        })
        .collect();
    rounds.pop();
    rounds
}

/// All of it; `None` for a run with a plan.
#[must_use]
pub fn stress(life: &Life) -> Option<Stress> {
    let rounds = rounds(life);
    if rounds.is_empty() {
        return None;
    }
    let mut counts: BTreeMap<&str, usize> = StressAction::ALL
        .into_iter()
        .map(|action| (word(action), 0))
        .collect();
    for (_, action) in rounds {
        *counts.entry(word(action)).or_default() += 1;
    }
    Some(Stress {
        rounds: counts,
        stops: stops(life),
    })
}

/// The stops of the miniport.
#[must_use]
pub fn stops(life: &Life) -> Vec<Stop> {
    let mut due = 0;
    let mut stops = Vec::new();
    for record in life.records() {
        match record {
            Record::StressRound { round, .. } => due = *round,
            Record::StressRest {
                rest,
                at_miniport,
                kept_back,
            } => {
                let (kind, by_adapter_power, system, messages) = match *rest {
                    Rest::Sleep {
                        by_adapter_power,
                        system,
                    } => ("sleep", by_adapter_power, Some(system), None),
                    Rest::Rebalance { messages } => ("restart", false, None, Some(messages)),
                };
                let way = if by_adapter_power {
                    "adapter-power"
                } else {
                    "stop-and-restart"
                };
                stops.push(Stop {
                    round: due,
                    kind,
                    way,
                    system,
                    messages,
                    at_miniport: *at_miniport,
                    kept_back: *kept_back,
                });
            }
            _ => {}
        }
    }
    stops
}
