//! The states of a normal adapter and the ways between them.
//!
//! Key types: [`State`], [`Lifecycle`]. The state is atomic because `ScsiStopAdapter` may come at DIRQL, where the `StartIo` lock cannot
//! be taken; everything else changes it under that lock.

use core::sync::atomic::{AtomicU8, Ordering};

/// What the adapter is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum State {
    /// Not started yet.
    Found = 0,
    /// Takes requests.
    Running = 1,
    /// Stopped or powered down; the device is reset.
    Stopped = 2,
    /// The device broke a rule or did not come up; it may come back by a reset.
    Failed = 3,
    /// Gone for good.
    Removed = 4,
}

impl State {
    #[cfg(test)]
    const ALL: [Self; 5] = [
        Self::Found,
        Self::Running,
        Self::Stopped,
        Self::Failed,
        Self::Removed,
    ];

    const fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Found,
            1 => Self::Running,
            2 => Self::Stopped,
            4 => Self::Removed,
            _ => Self::Failed,
        }
    }

    /// Whether an adapter may go from this state to `next`; staying is always allowed, and nothing comes back from removal.
    pub(crate) const fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (_, Self::Removed)
            | (Self::Found, Self::Found)
            | (
                Self::Found | Self::Running | Self::Stopped | Self::Failed,
                Self::Running | Self::Stopped | Self::Failed,
            ) => true,
            (Self::Removed, _) | (_, Self::Found) => false,
        }
    }
}

/// The current state.
#[derive(Debug)]
pub(crate) struct Lifecycle(AtomicU8);

impl Lifecycle {
    pub(crate) const fn new() -> Self {
        Self(AtomicU8::new(State::Found as u8))
    }

    #[inline]
    pub(crate) fn state(&self) -> State {
        State::from_code(self.0.load(Ordering::Acquire))
    }

    /// Goes to `next` if that is allowed from the current state; returns whether it was.
    pub(crate) fn enter(&self, next: State) -> bool {
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |code| {
                State::from_code(code)
                    .may_become(next)
                    .then_some(next as u8)
            })
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{Lifecycle, State};

    #[test]
    fn the_table_is_as_drawn() {
        use State::{Failed, Found, Removed, Running, Stopped};
        for from in State::ALL {
            for to in State::ALL {
                let expected = match from {
                    Found => true,
                    Removed => to == Removed,
                    Running | Stopped | Failed => to != Found,
                };
                assert_eq!(from.may_become(to), expected, "{from:?} -> {to:?}");
            }
        }
    }

    #[test]
    fn removal_is_final() {
        let lifecycle = Lifecycle::new();
        assert!(lifecycle.enter(State::Running));
        assert!(lifecycle.enter(State::Removed));
        assert!(!lifecycle.enter(State::Running));
        assert_eq!(lifecycle.state(), State::Removed);
    }
}
