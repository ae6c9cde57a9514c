//! What a stress run says to the host and asks of it.

use serde::{Deserialize, Serialize};

/// Something that only the host can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HostAction {
    /// Plug the disk at this target and LUN in.
    Plug {
        /// Target.
        target: u8,
        /// LUN.
        lun: u8,
    },
    /// Hold its requests up, and pull it out when the machine has run for a moment: some are in flight then.
    Unplug {
        /// Target.
        target: u8,
        /// LUN.
        lun: u8,
    },
    /// Stop the machine for a while.
    Pause {
        /// How long, of the host's time.
        milliseconds: u16,
    },
}

/// What a round of a stress run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StressAction {
    /// Reads, writes and flushes.
    Exchange,
    /// A reset under requests in flight.
    Reset,
    /// A disk is pulled out under requests in flight.
    Unplug,
    /// A disk that was pulled out comes back.
    Plug,
    /// The machine is stopped with requests in flight.
    Pause,
    /// The adapter sleeps and wakes with requests waiting.
    Sleep,
    /// The adapter is stopped and started again with requests waiting, as for a change of its resources.
    Rebalance,
}

impl StressAction {
    /// All of them: a turn of a stress run has each at least once.
    pub const ALL: [Self; 7] = [
        Self::Exchange,
        Self::Reset,
        Self::Unplug,
        Self::Plug,
        Self::Pause,
        Self::Sleep,
        Self::Rebalance,
    ];
    /// Rounds of a turn beside one of each.
    pub const MORE_OF_A_TURN: usize = 3;
    /// Rounds of a turn; a hibernation follows it.
    pub const ROUNDS_OF_A_TURN: usize = Self::ALL.len() + Self::MORE_OF_A_TURN;

    /// Its name, for steps and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exchange => "stress: exchange",
            Self::Reset => "stress: reset",
            Self::Unplug => "stress: unplug",
            Self::Plug => "stress: plug",
            Self::Pause => "stress: pause",
            Self::Sleep => "stress: sleep",
            Self::Rebalance => "stress: stop and restart",
        }
    }
}

/// What a miniport was stopped for with requests waiting at the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rest {
    /// The HBA was without power; what it knew is lost.
    Sleep {
        /// `ScsiAdapterPower`, rather than `SRB_FUNCTION_POWER`, `ScsiStopAdapter` and `ScsiRestartAdapter`.
        by_adapter_power: bool,
        /// The whole system slept, suspended to RAM, rather than the HBA alone.
        system: bool,
    },
    /// `ScsiStopAdapter` and `ScsiRestartAdapter` with other resources.
    Rebalance {
        /// Interrupt messages from then on; 0 is the line.
        messages: u16,
    },
}
