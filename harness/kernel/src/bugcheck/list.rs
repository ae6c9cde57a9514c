//! The callbacks that are registered, in the order of their registration.
//!
//! Key types: [`List`], [`Entry`]. The bench keeps the list to itself and writes into a record only what the routine of the
//! kernel would; [`Entry::checksum`] and the links tell whether the driver changed a registered record.

use alloc::{string::String, vec::Vec};

use proto::owner::Role;

use crate::mem::Va;

/// `State` of a record that is not registered (wdm.h, `KBUGCHECK_BUFFER_DUMP_STATE`).
pub const STATE_EMPTY: u8 = 0;
/// `State` of a record that is registered.
pub const STATE_INSERTED: u8 = 1;

/// What kind of a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `KeRegisterBugCheckCallback`, with the driver's buffer.
    Plain {
        /// The buffer.
        buffer: Va,
        /// Its length in bytes.
        bytes: u32,
    },
    /// `KeRegisterBugCheckReasonCallback`, with a `KBUGCHECK_CALLBACK_REASON`.
    Reason(u32),
}

/// A registered callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The driver's record.
    pub record: Va,
    /// Length of the record in bytes.
    pub record_bytes: u64,
    /// The routine.
    pub routine: Va,
    /// The component string, as it read at the registration.
    pub component: String,
    /// Where the component string lies.
    pub component_va: Va,
    /// What kind.
    pub kind: Kind,
    /// The instance; `None` for the bench's own.
    pub role: Option<Role>,
}

impl Entry {
    /// What the record's checksum must be as long as nobody changes it: a sum over the members that count.
    #[must_use]
    pub const fn checksum(&self) -> u64 {
        let kind = match self.kind {
            Kind::Plain { buffer, bytes } => buffer.0.wrapping_add(bytes as u64),
            Kind::Reason(reason) => reason as u64,
        };
        self.routine
            .0
            .wrapping_add(self.component_va.0)
            .wrapping_add(kind)
    }

    /// What the record's two links hold while it is registered.
    #[must_use]
    pub const fn links(&self) -> [u64; 2] {
        [self.record.0, self.record.0 ^ self.checksum()]
    }

    /// Whether record or routine lie in a stretch of memory.
    #[must_use]
    pub const fn lies_in(&self, start: Va, bytes: u64) -> bool {
        let record_begins = self.record.0.wrapping_sub(start.0) < bytes;
        let record_reaches = start.0.wrapping_sub(self.record.0) < self.record_bytes;
        record_begins || record_reaches || self.routine.0.wrapping_sub(start.0) < bytes
    }
}

/// The list.
#[derive(Debug)]
pub struct List {
    entries: Vec<Entry>,
}

impl List {
    /// Nothing is registered.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            entries: Vec::new(),
        }
    }

    /// Enters a callback at the end; false if its record is registered already.
    #[must_use]
    pub fn insert(&mut self, entry: Entry) -> bool {
        if self.holds(entry.record) {
            return false;
        }
        self.entries.push(entry);
        true
    }

    /// Whether a record is registered.
    #[must_use]
    pub fn holds(&self, record: Va) -> bool {
        self.entries.iter().any(|entry| entry.record == record)
    }

    /// Takes the callback of a record out; `None` if it is not registered or of another sort.
    pub fn remove(&mut self, record: Va, record_bytes: u64) -> Option<Entry> {
        let index = self
            .entries
            .iter()
            .position(|entry| entry.record == record && entry.record_bytes == record_bytes)?;
        Some(self.entries.remove(index))
    }

    /// Takes out all callbacks whose record or routine lies in a stretch of memory.
    pub fn remove_within(&mut self, start: Va, bytes: u64) -> Vec<Entry> {
        let (gone, kept) = self
            .entries
            .drain(..)
            .partition(|entry| entry.lies_in(start, bytes));
        self.entries = kept;
        gone
    }

    /// All callbacks that a condition holds for, in order.
    #[must_use]
    pub fn select(&self, wanted: impl Fn(Kind) -> bool) -> Vec<Entry> {
        self.entries
            .iter()
            .filter(|entry| wanted(entry.kind))
            .cloned()
            .collect()
    }
}

impl Default for List {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::{Entry, Kind, List};
    use crate::mem::Va;

    fn entry(record: u64, routine: u64, reason: u32) -> Entry {
        Entry {
            record: Va(record),
            record_bytes: 48,
            routine: Va(routine),
            component: "driver".into(),
            component_va: Va(0x9000),
            kind: Kind::Reason(reason),
            role: None,
        }
    }

    #[test]
    fn a_record_is_registered_once_and_removed_once() {
        let mut list = List::new();
        assert!(list.insert(entry(0x1000, 0x8000, 4)));
        assert!(!list.insert(entry(0x1000, 0x8100, 2)));
        assert_eq!(list.remove(Va(0x1000), 64), None, "another sort of record");
        let removed = list.remove(Va(0x1000), 48).unwrap();
        assert_eq!(removed.routine, Va(0x8000));
        assert_eq!(list.remove(Va(0x1000), 48), None);
        assert!(list.insert(entry(0x1000, 0x8000, 4)), "again");
    }

    #[test]
    fn callbacks_come_in_the_order_of_their_registration() {
        let mut list = List::new();
        for record in [0x3000, 0x1000, 0x2000] {
            assert!(list.insert(entry(record, 0x8000, 4)));
        }
        assert!(list.insert(entry(0x4000, 0x8000, 2)));
        let order: Vec<u64> = list
            .select(|kind| kind == Kind::Reason(4))
            .iter()
            .map(|entry| entry.record.0)
            .collect();
        assert_eq!(order, [0x3000, 0x1000, 0x2000]);
    }

    #[test]
    fn what_goes_away_takes_its_callbacks_along() {
        let mut list = List::new();
        // Record inside, record that reaches in, routine inside, neither.
        assert!(list.insert(entry(0x1010, 0x8000, 4)));
        assert!(list.insert(entry(0x0FE8, 0x8000, 4)));
        assert!(list.insert(entry(0x5000, 0x1800, 4)));
        assert!(list.insert(entry(0x2000, 0x8000, 4)));
        let gone = list.remove_within(Va(0x1000), 0x1000);
        assert_eq!(gone.len(), 3);
        assert!(list.holds(Va(0x2000)));
        assert!(!list.holds(Va(0x0FE8)));
    }

    #[test]
    fn each_member_that_counts_changes_the_checksum() {
        let first = entry(0x1000, 0x8000, 4);
        for other in [
            entry(0x1000, 0x8001, 4),
            entry(0x1000, 0x8000, 2),
            Entry {
                component_va: Va(0x9001),
                ..first.clone()
            },
        ] {
            assert_ne!(first.checksum(), other.checksum());
            assert_ne!(first.links(), other.links());
        }
    }
}
