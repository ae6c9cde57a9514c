//! The machine's processors: how many there are, which one this is, and what each of them has for itself.
//!
//! Code of drivers runs on all of them at the same time. The bench kernel's own code runs on one at a time, under one lock
//! ([`giant`]), so that nothing else in it needs to know of several processors. With one processor the lock does nothing.
//!
//! | module | what |
//! |---|---|
//! | [`at_work`] | what the host is told of them |
//! | [`giant`] | the lock around the bench kernel |
//! | [`bring_up`] | starting the others, their stacks, and what they do when idle |
//! | [`park`] | holding the others still, for a hibernation or for good |
//! | [`signal`] | non-maskable messages between processors: stale translations, the end |
//! | [`delay`] | seeded pauses, so that races are hit |
//! | [`race`] | watched words of the rings: two processors that write one at the same time |
//! | [`words`], [`atomic`] | the words, and instructions that order themselves (pure) |
//!
//! [`Each`] is pure and tested on Linux.

#[cfg(any(target_os = "none", clippy))]
pub mod at_work;
#[cfg(any(target_os = "none", clippy))]
pub mod bring_up;
#[cfg(any(target_os = "none", clippy))]
pub mod delay;
#[cfg(any(target_os = "none", clippy))]
pub mod giant;
#[cfg(any(target_os = "none", clippy))]
pub mod park;
#[cfg(any(target_os = "none", clippy))]
pub mod race;
#[cfg(any(target_os = "none", clippy))]
pub mod signal;

pub mod atomic;
pub mod words;

/// Most processors that the bench runs.
pub const MOST: usize = 8;

/// A value for each processor.
#[derive(Clone, Copy, Debug, Default)]
pub struct Each<T>([T; MOST]);

impl<T> Each<T> {
    /// From the values, by number.
    #[must_use]
    pub const fn new(values: [T; MOST]) -> Self {
        Self(values)
    }

    /// The value of processor `number`.
    ///
    /// # Panics
    /// If there can be no such processor.
    #[must_use]
    pub fn of(&self, number: usize) -> &T {
        match self.0.get(number) {
            Some(value) => value,
            None => unreachable!("processor {number} of at most {MOST}"),
        }
    }

    /// The value of processor `number`, to change.
    ///
    /// # Panics
    /// If there can be no such processor.
    pub fn of_mut(&mut self, number: usize) -> &mut T {
        match self.0.get_mut(number) {
            Some(value) => value,
            None => unreachable!("processor {number} of at most {MOST}"),
        }
    }

    /// All values with the numbers of their processors.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        self.0.iter().enumerate()
    }
}

#[cfg(any(target_os = "none", clippy))]
pub use present::{activate, all_others, count, current, is_single, mask};

#[cfg(any(target_os = "none", clippy))]
mod present {
    use core::sync::atomic::{AtomicUsize, Ordering};

    use crate::hw::descriptors;

    static COUNT: AtomicUsize = AtomicUsize::new(1);

    /// Number of processors that the bench uses.
    #[must_use]
    pub fn count() -> usize {
        COUNT.load(Ordering::Relaxed)
    }

    /// Whether there is one processor only.
    #[must_use]
    pub fn is_single() -> bool {
        count() == 1
    }

    /// Number of this processor.
    #[must_use]
    pub fn current() -> usize {
        if is_single() {
            0
        } else {
            descriptors::processor()
        }
    }

    /// One bit for each processor.
    #[must_use]
    pub fn mask() -> u64 {
        (1 << count()) - 1
    }

    /// Numbers of the others.
    pub fn all_others() -> impl Iterator<Item = usize> {
        let me = current();
        (0..count()).filter(move |&number| number != me)
    }

    /// From now on there are `processors`, and the caller owns the bench kernel's lock. Once, on processor 0.
    pub fn activate(processors: usize) {
        super::giant::begin();
        COUNT.store(processors, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_value_for_every_processor() {
        let mut each = Each::new([0; MOST]);
        *each.of_mut(7) = 5;
        assert_eq!(each.iter().map(|(_, value)| value).sum::<i32>(), 5);
        assert_eq!(*each.of(7), 5);
    }
}
