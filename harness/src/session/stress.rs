//! When a stress run ends.

use std::time::Instant;

/// What ends a stress run, asked before each round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StressEnd {
    /// The time of the host.
    At(Instant),
    /// A number of rounds.
    Rounds(u32),
}

impl StressEnd {
    /// Whether `round`, counted from 1, is not to begin any more.
    #[must_use]
    pub fn is_reached(self, round: u32) -> bool {
        match self {
            Self::At(end) => Instant::now() >= end,
            Self::Rounds(rounds) => round > rounds,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn rounds_and_time_end_a_run() {
        assert!(!StressEnd::Rounds(3).is_reached(3));
        assert!(StressEnd::Rounds(3).is_reached(4));
        let now = Instant::now();
        assert!(StressEnd::At(now).is_reached(1));
        assert!(!StressEnd::At(now + Duration::from_secs(3600)).is_reached(1000));
    }
}
