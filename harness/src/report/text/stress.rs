//! The rounds of a stress run, for people.

use std::fmt::Write as _;

use crate::report::stress::Stress;

/// Appends how many rounds of each kind there were, and each stop of the miniport.
pub(super) fn section(out: &mut String, stress: &Stress) {
    let rounds: Vec<String> = stress
        .rounds
        .iter()
        .map(|(word, count)| format!("{word} {count}"))
        .collect();
    line!(out);
    line!(out, "rounds     {}", rounds.join(", "));
    for stop in &stress.stops {
        let messages = match stop.messages {
            None => String::new(),
            Some(0) => ", with the line from then on".to_owned(),
            Some(messages) => format!(", with {messages} messages from then on"),
        };
        let depth = match stop.system {
            Some(true) => ", suspended to RAM,",
            Some(false) | None => "",
        };
        line!(
            out,
            "  {:<8} in round {}{depth} by {}: {} requests at the miniport before, {} kept back{messages}",
            stop.kind,
            stop.round,
            stop.way,
            stop.at_miniport,
            stop.kept_back
        );
    }
}
