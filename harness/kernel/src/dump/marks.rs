//! Judgement of `StorPortMarkDumpMemory` calls: what the arguments say, what they cover, whose memory that is.
//!
//! Pure: the caller translates addresses and knows the allocations. Sources: `StorPortMarkDumpMemory` and
//! `PoSetHiberRange` in the WDK, bug check 0xA0 (parameters 0x10B and 0x10C). Neighbours: `super::mark` serves the
//! call, `hibernate::plan` uses the set of marked bytes.

use alloc::vec::Vec;

use crate::hibernate::ranges::{RangeSet, Span};

/// `MARK_DUMP_MEMORY_FLAG_PHYSICAL_ADDRESS`.
pub const FLAG_PHYSICAL_ADDRESS: u32 = 1;

/// Bytes of a page.
const PAGE: u64 = 4096;

/// The arguments of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkArguments {
    /// Virtual or physical address.
    pub address: u64,
    /// Bytes; 0 = the whole section in which the address lies.
    pub length: u64,
    /// `MARK_DUMP_MEMORY_FLAG_*`.
    pub flags: u32,
}

/// What is to be marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkTarget {
    /// A virtual range.
    Virtual {
        /// First byte.
        address: u64,
        /// Bytes, at least 1.
        length: u64,
    },
    /// The section of an image that contains the address.
    Section {
        /// Any address in it.
        address: u64,
    },
    /// A physical range.
    Physical(Span),
}

/// What is wrong with the arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkArgumentError {
    /// A flag that does not exist: `STOR_STATUS_INVALID_PARAMETER`.
    Flags,
    /// Length 0 with a physical address: no section can be looked up (bug check 0xA0/0x10C).
    PhysicalSection,
    /// The range passes the end of the address space (bug check 0xA0/0x10C).
    Wraps,
}

impl MarkArguments {
    /// Checks the arguments by themselves.
    ///
    /// # Errors
    /// [`MarkArgumentError`].
    pub fn target(self) -> Result<MarkTarget, MarkArgumentError> {
        if self.flags & !FLAG_PHYSICAL_ADDRESS != 0 {
            return Err(MarkArgumentError::Flags);
        }
        let physical = self.flags & FLAG_PHYSICAL_ADDRESS != 0;
        match (physical, self.length) {
            (true, 0) => Err(MarkArgumentError::PhysicalSection),
            (false, 0) => Ok(MarkTarget::Section {
                address: self.address,
            }),
            (_, length) => {
                let span = Span::new(self.address, length).ok_or(MarkArgumentError::Wraps)?;
                Ok(if physical {
                    MarkTarget::Physical(span)
                } else {
                    MarkTarget::Virtual {
                        address: self.address,
                        length,
                    }
                })
            }
        }
    }
}

/// The physical bytes behind a virtual range; `None` if a page of it is not mapped.
///
/// `translate` gives the physical address of a virtual one.
#[must_use]
pub fn physical_of(
    address: u64,
    length: u64,
    translate: impl Fn(u64) -> Option<u64>,
) -> Option<RangeSet> {
    let range = Span::new(address, length)?;
    let mut covered = RangeSet::new();
    let mut next = range.start;
    while next < range.end {
        let page_end = (next & !(PAGE - 1)).checked_add(PAGE)?;
        let end = page_end.min(range.end);
        covered.insert_range(translate(next)?, end - next);
        next = end;
    }
    Some(covered)
}

/// An object of the miniport that a mark may concern, by its physical bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkableObject {
    /// The bytes that the miniport asked for.
    pub bytes: RangeSet,
}

/// How a set of marked bytes relates to one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// Nothing of it is marked.
    None,
    /// A part; these bytes are not.
    Partial(Vec<Span>),
    /// All of it.
    Full,
}

impl MarkableObject {
    /// How much of the object is marked.
    #[must_use]
    pub fn coverage(&self, marked: &RangeSet) -> Coverage {
        let missing = self.bytes.without(marked);
        if missing.is_empty() {
            Coverage::Full
        } else if missing.bytes() == self.bytes.bytes() {
            Coverage::None
        } else {
            Coverage::Partial(missing.iter().collect())
        }
    }
}

/// The marked bytes that are not the miniport's own.
#[must_use]
pub fn foreign(marked: &RangeSet, own: &RangeSet) -> RangeSet {
    marked.without(own)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn arguments(address: u64, length: u64, flags: u32) -> MarkArguments {
        MarkArguments {
            address,
            length,
            flags,
        }
    }

    fn set(spans: &[(u64, u64)]) -> RangeSet {
        let mut set = RangeSet::new();
        for &(address, bytes) in spans {
            set.insert_range(address, bytes);
        }
        set
    }

    #[test]
    fn valid_arguments() {
        assert_eq!(
            arguments(0x1000, 96, 0).target(),
            Ok(MarkTarget::Virtual {
                address: 0x1000,
                length: 96
            })
        );
        assert_eq!(
            arguments(0x1000, 0, 0).target(),
            Ok(MarkTarget::Section { address: 0x1000 })
        );
        assert_eq!(
            arguments(0x1000, 8, 1).target(),
            Ok(MarkTarget::Physical(Span {
                start: 0x1000,
                end: 0x1008
            }))
        );
    }

    #[test]
    fn invalid_arguments() {
        assert_eq!(
            arguments(0x1000, 8, 2).target(),
            Err(MarkArgumentError::Flags)
        );
        assert_eq!(
            arguments(0x1000, 0, 1).target(),
            Err(MarkArgumentError::PhysicalSection)
        );
        assert_eq!(
            arguments(u64::MAX, 8, 1).target(),
            Err(MarkArgumentError::Wraps)
        );
        assert_eq!(
            arguments(u64::MAX, 8, 0).target(),
            Err(MarkArgumentError::Wraps)
        );
    }

    #[test]
    fn virtual_ranges_are_translated_page_by_page() {
        // Pages 1 and 2 are swapped in physical memory.
        let translate = |va: u64| match va >> 12 {
            1 => Some(0x9000 | (va & 0xFFF)),
            2 => Some(0x5000 | (va & 0xFFF)),
            _ => None,
        };
        assert_eq!(
            physical_of(0x1FF0, 0x20, translate),
            Some(set(&[(0x9FF0, 0x10), (0x5000, 0x10)]))
        );
        assert_eq!(physical_of(0x2FF0, 0x20, translate), None);
        assert_eq!(physical_of(0x2000, 1, translate), Some(set(&[(0x5000, 1)])));
    }

    #[test]
    fn coverage_is_exact_to_the_byte() {
        let object = MarkableObject {
            bytes: set(&[(0x9010, 0x60)]),
        };
        assert_eq!(object.coverage(&set(&[(0x9000, 0x1000)])), Coverage::Full);
        assert_eq!(object.coverage(&set(&[(0x9000, 0x10)])), Coverage::None);
        assert_eq!(
            object.coverage(&set(&[(0x9010, 0x5F)])),
            Coverage::Partial(vec![Span {
                start: 0x906F,
                end: 0x9070
            }])
        );
    }

    #[test]
    fn foreign_bytes_are_found() {
        let own = set(&[(0x9000, 0x1000)]);
        assert!(foreign(&set(&[(0x9100, 0x100)]), &own).is_empty());
        assert_eq!(
            foreign(&set(&[(0x9F00, 0x200)]), &own),
            set(&[(0xA000, 0x100)])
        );
    }
}
