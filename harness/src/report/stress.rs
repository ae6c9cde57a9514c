//! What a stress run did, as data: how many rounds of each kind, and the stops of the miniport with requests waiting.

use std::collections::BTreeMap;

use proto::record::StressAction;
use serde::Serialize;

/// The rounds of a stress run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stress {
    /// Rounds done, by what they do.
    pub rounds: BTreeMap<&'static str, usize>,
    /// Stops of the miniport.
    pub stops: Vec<Stop>,
}

/// The miniport was stopped and started again with requests waiting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stop {
    /// Number of the round.
    pub round: u32,
    /// What for: `sleep` or `restart`.
    pub kind: &'static str,
    /// How: `adapter-power` or `stop-and-restart`.
    pub way: &'static str,
    /// Whether the whole system slept, suspended to RAM; `None` for a restart.
    pub system: Option<bool>,
    /// Interrupt messages from then on, 0 for the line; `None` if nothing changed.
    pub messages: Option<u16>,
    /// Requests at the miniport when the port held its queues.
    pub at_miniport: u32,
    /// Requests that the port kept back until after the start.
    pub kept_back: u32,
}

/// What a round does, in a word.
#[must_use]
pub const fn word(action: StressAction) -> &'static str {
    match action {
        StressAction::Exchange => "exchange",
        StressAction::Reset => "reset",
        StressAction::Unplug => "unplug",
        StressAction::Plug => "plug",
        StressAction::Pause => "pause",
        StressAction::Sleep => "sleep",
        StressAction::Rebalance => "restart",
    }
}
