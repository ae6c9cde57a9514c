//! Which bytes of a dump stay plain, and where the record with the sealed key goes.
//!
//! Key types: [`Region`] (one of a dump's life), [`Plain`] (a range of the partition). A crash dump keeps its header pages plain, so
//! that the system and debuggers recognise it, and carries the record in the header's comment (`DUMP_HEADER64`, offset 0xFB0). A
//! hibernation file, for loaders that know of it, keeps its first page plain and carries the record in the page's last bytes.

use crate::seal::RECORD_BYTES;

/// First bytes of a crash dump of a 64-bit system: `DUMP_HEADER64`, `Signature` and `ValidDump`.
const CRASH_SIGNATURE: &[u8; 8] = b"PAGEDU64";
/// Bytes of `DUMP_HEADER64`.
const CRASH_HEADER_BYTES: u64 = 0x2000;
/// Offset of its comment.
const CRASH_RECORD_OFFSET: u64 = 0xFB0;
/// Bytes of a hibernation file that stay plain.
const HIBERNATION_HEADER_BYTES: u64 = 0x1000;
/// Where the record lies in them.
const HIBERNATION_RECORD_OFFSET: u64 = HIBERNATION_HEADER_BYTES - RECORD_BYTES as u64;

/// The plain header of a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plain {
    /// Offset of its first byte in the partition.
    pub(crate) start: u64,
    /// Its length.
    pub(crate) bytes: u64,
    /// Offset of the record in the partition.
    pub(crate) record: u64,
}

/// Finds the header while a dump is written.
///
/// The filter sees offsets in the partition and does not know where in it the file begins. The header is the write that begins with
/// the signature at the lowest offset so far: the file's first bytes come first or last, and a page of memory that happens to begin
/// like a header (the system has one) lies above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Region {
    /// A crash dump.
    Crash {
        /// Lowest offset written since the start.
        lowest: Option<u64>,
        /// Offset of the header, once seen.
        header: Option<u64>,
    },
    /// A hibernation file, which begins with the partition.
    Hibernation,
}

impl Region {
    /// A crash dump of which nothing is written yet.
    pub(crate) const CRASH: Self = Self::Crash {
        lowest: None,
        header: None,
    };

    /// Forgets what was seen of an earlier dump.
    pub(crate) const fn restart(&mut self) {
        if let Self::Crash { .. } = self {
            *self = Self::CRASH;
        }
    }

    /// Takes note of a write and says what is plain now.
    pub(crate) fn note_write(&mut self, offset: u64, data: &[u8]) -> Option<Plain> {
        if let Self::Crash { lowest, header } = self {
            let is_lowest = lowest.is_none_or(|lowest| offset <= lowest);
            if is_lowest {
                *lowest = Some(offset);
                if data.starts_with(CRASH_SIGNATURE) {
                    *header = Some(offset);
                }
            }
        }
        self.plain()
    }

    /// What is plain as far as is known.
    pub(crate) const fn plain(&self) -> Option<Plain> {
        match self {
            Self::Crash { header: None, .. } => None,
            Self::Crash {
                header: Some(start),
                ..
            } => Some(Plain {
                start: *start,
                bytes: CRASH_HEADER_BYTES,
                record: start.saturating_add(CRASH_RECORD_OFFSET),
            }),
            Self::Hibernation => Some(Plain {
                start: 0,
                bytes: HIBERNATION_HEADER_BYTES,
                record: HIBERNATION_RECORD_OFFSET,
            }),
        }
    }
}

impl Plain {
    /// Cuts `data`, which lie at `offset`, into what comes before the header, its own bytes, and what comes after.
    pub(crate) fn cut<'data>(&self, offset: u64, data: &'data mut [u8]) -> [&'data mut [u8]; 3] {
        let length = data.len();
        let index = |place: u64| {
            usize::try_from(place.saturating_sub(offset)).map_or(length, |index| index.min(length))
        };
        let end = index(self.start.saturating_add(self.bytes));
        let start = index(self.start).min(end);
        let (rest, after) = data.split_at_mut(end);
        let (before, header) = rest.split_at_mut(start);
        [before, header, after]
    }

    /// The part of the record that lies in `data`: its bytes there, and where in the record they begin.
    pub(crate) fn record_in<'data>(
        &self,
        offset: u64,
        data: &'data mut [u8],
    ) -> (&'data mut [u8], usize) {
        let place = Self {
            start: self.record,
            bytes: RECORD_BYTES as u64,
            record: self.record,
        };
        let skipped = usize::try_from(offset.saturating_sub(self.record)).unwrap_or(RECORD_BYTES);
        let [_, part, _] = place.cut(offset, data);
        (part, skipped.min(RECORD_BYTES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(plain: Plain, offset: u64, bytes: usize) -> [usize; 3] {
        plain
            .cut(offset, &mut vec![0; bytes])
            .map(|part| part.len())
    }

    #[test]
    fn data_are_cut_at_the_header() {
        let plain = Plain {
            start: 0x1000,
            bytes: 0x2000,
            record: 0x1FB0,
        };
        assert_eq!(lengths(plain, 0, 0x5000), [0x1000, 0x2000, 0x2000]);
        assert_eq!(lengths(plain, 0x1000, 0x1000), [0, 0x1000, 0]);
        assert_eq!(lengths(plain, 0x2000, 0x2000), [0, 0x1000, 0x1000]);
        assert_eq!(lengths(plain, 0x3000, 0x1000), [0, 0, 0x1000]);
        assert_eq!(lengths(plain, 0, 0x200), [0x200, 0, 0]);
        assert_eq!(lengths(plain, u64::MAX, 0x200), [0, 0, 0x200]);
    }

    #[test]
    fn the_record_crosses_the_pages_of_the_header() {
        let plain = Region::Crash {
            lowest: Some(0),
            header: Some(0),
        }
        .plain()
        .unwrap();
        let part = |offset, bytes: usize| {
            let mut data = vec![0; bytes];
            let (part, skipped) = plain.record_in(offset, &mut data);
            (part.len(), skipped)
        };
        assert_eq!(part(0, 0x2000), (128, 0));
        assert_eq!(part(0, 0x1000), (0x50, 0));
        assert_eq!(part(0x1000, 0x1000), (0x30, 0x50));
        assert_eq!(part(0x2000, 0x1000).0, 0);
    }

    #[test]
    fn the_header_is_the_lowest_write_with_the_signature() {
        let mut header = vec![0; 0x2000];
        header[..8].copy_from_slice(CRASH_SIGNATURE);
        let zero = vec![0; 0x1000];
        // Header first, a copy of it among the pages, header again.
        let mut region = Region::CRASH;
        let first = region.note_write(0x10_0000, &header).unwrap();
        assert_eq!((first.start, first.record), (0x10_0000, 0x10_0FB0));
        assert_eq!(region.note_write(0x10_8000, &header), Some(first));
        assert_eq!(region.note_write(0x10_0000, &header), Some(first));
        // Header last.
        let mut region = Region::CRASH;
        assert_eq!(region.note_write(0x2000, &zero), None);
        assert_eq!(region.note_write(0x3000, &header), None);
        assert_eq!(
            region.note_write(0, &header).map(|plain| plain.start),
            Some(0)
        );
        region.restart();
        assert_eq!(region.plain(), None);
    }
}
