//! What is published: an ELF note that holds the dump header, and the record that tells where it is.
//!
//! All of it lies in one block of memory that the device can read ([`BLOCK_BYTES`]): the note, the record, and the descriptor of the
//! transfer. QEMU takes a Windows header from a note of exactly [`NOTE_BYTES`] bytes (dump/win_dump.c).

/// Bytes of the header that the note carries, on x64.
pub const HEADER_BYTES: u32 = 0x2000;
/// Bytes of the note before the header: three words, and the name on a multiple of four.
pub const NOTE_PREFIX_BYTES: u32 = 24;
/// Bytes of the whole note.
pub const NOTE_BYTES: u32 = NOTE_PREFIX_BYTES + HEADER_BYTES;
/// Name of the file that takes the record.
pub const FILE_NAME: &[u8] = b"etc/vmcoreinfo";
/// Bytes of the record.
pub const RECORD_BYTES: u32 = 16;

/// Where the header lies in the block.
pub const HEADER_OFFSET: usize = NOTE_PREFIX_BYTES as usize;
/// Where the record lies in the block.
pub const RECORD_OFFSET: usize = (NOTE_BYTES as usize).next_multiple_of(16);
/// Where the descriptor of the transfer lies in the block.
pub const TRANSFER_OFFSET: usize = RECORD_OFFSET + RECORD_BYTES as usize;
/// Bytes of the block.
pub const BLOCK_BYTES: usize = TRANSFER_OFFSET + 16;

/// Name of the note, with its terminator.
const NAME: &[u8; 11] = b"VMCOREINFO\0";
/// `FW_CFG_VMCOREINFO_FORMAT_NONE`.
const FORMAT_NONE: u16 = 0;
/// `FW_CFG_VMCOREINFO_FORMAT_ELF`.
const FORMAT_ELF: u16 = 1;

/// The note up to the header: `Elf64_Nhdr` (sizes of name and description, type 0) and the name.
#[must_use]
pub fn note_prefix() -> [u8; NOTE_PREFIX_BYTES as usize] {
    let [n0, n1, n2, n3] = (NAME.len() as u32).to_le_bytes();
    let [d0, d1, d2, d3] = HEADER_BYTES.to_le_bytes();
    let [a, b, c, d, e, f, g, h, i, j, end] = *NAME;
    [
        n0, n1, n2, n3, d0, d1, d2, d3, 0, 0, 0, 0, a, b, c, d, e, f, g, h, i, j, end, 0,
    ]
}

/// The record `FWCfgVMCoreInfo`, little endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// What lies at the address.
    pub guest_format: u16,
    /// Bytes there.
    pub bytes: u32,
    /// Physical address.
    pub address: u64,
}

impl Record {
    /// A note at `address`.
    #[must_use]
    pub const fn of_note(address: u64) -> Self {
        Self {
            guest_format: FORMAT_ELF,
            bytes: NOTE_BYTES,
            address,
        }
    }

    /// Nothing any more: QEMU forgets what was published before.
    #[must_use]
    pub const fn nothing() -> Self {
        Self {
            guest_format: FORMAT_NONE,
            bytes: 0,
            address: 0,
        }
    }

    /// Its bytes; the host's format is the host's to set, and 0 from the guest.
    #[must_use]
    pub fn to_bytes(self) -> [u8; RECORD_BYTES as usize] {
        let [f0, f1] = self.guest_format.to_le_bytes();
        let [b0, b1, b2, b3] = self.bytes.to_le_bytes();
        let [a0, a1, a2, a3, a4, a5, a6, a7] = self.address.to_le_bytes();
        [0, 0, f0, f1, b0, b1, b2, b3, a0, a1, a2, a3, a4, a5, a6, a7]
    }

    /// What bytes say.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; RECORD_BYTES as usize]) -> Self {
        let [_, _, f0, f1, b0, b1, b2, b3, a0, a1, a2, a3, a4, a5, a6, a7] = bytes;
        Self {
            guest_format: u16::from_le_bytes([f0, f1]),
            bytes: u32::from_le_bytes([b0, b1, b2, b3]),
            address: u64::from_le_bytes([a0, a1, a2, a3, a4, a5, a6, a7]),
        }
    }
}

/// Why bytes are no note that carries a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteError {
    /// Shorter than its own words say.
    Short,
    /// Another size than QEMU's for a Windows header.
    Size,
    /// Another name or type.
    Name,
}

/// The header in a note, found as QEMU finds it: name and description on multiples of four behind the three words.
///
/// # Errors
/// [`NoteError`], if QEMU would not take it for a Windows header.
pub fn header_of(note: &[u8]) -> Result<&[u8], NoteError> {
    let word = |index: usize| -> Result<u64, NoteError> {
        let bytes = note.get(index..index + 4).ok_or(NoteError::Short)?;
        let bytes = bytes.try_into().map_err(|_| NoteError::Short)?;
        Ok(u32::from_le_bytes(bytes).into())
    };
    let (name, description, kind) = (word(0)?, word(4)?, word(8)?);
    let start = 12 + name.next_multiple_of(4);
    let end = start + description;
    if end.next_multiple_of(4) != u64::from(NOTE_BYTES) || description != u64::from(HEADER_BYTES) {
        return Err(NoteError::Size);
    }
    let place = |offset: u64| usize::try_from(offset).map_err(|_| NoteError::Short);
    let header = note.get(place(start)?..place(end)?).ok_or(NoteError::Short)?;
    if kind != 0 || note.get(12..place(12 + name)?) != Some(NAME) {
        return Err(NoteError::Name);
    }
    Ok(header)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn note() -> Vec<u8> {
        let mut note = note_prefix().to_vec();
        note.extend([0x5A; HEADER_BYTES as usize]);
        note
    }

    #[test]
    fn the_note_is_found_again() {
        let note = note();
        assert_eq!(note.len(), NOTE_BYTES as usize);
        assert_eq!(header_of(&note), Ok(&[0x5A; HEADER_BYTES as usize][..]));
        assert_eq!(&note[12..24], b"VMCOREINFO\0\0");
    }

    #[test]
    fn what_qemu_would_refuse_is_refused() {
        let short = &note()[..100];
        assert_eq!(header_of(short), Err(NoteError::Short));
        assert_eq!(header_of(&note()[..9]), Err(NoteError::Short));
        for (place, value, error) in [
            (4, 0xF8, NoteError::Size),
            (0, 200, NoteError::Size),
            (0, 9, NoteError::Name),
            (8, 1, NoteError::Name),
            (12, b'X', NoteError::Name),
        ] {
            let mut damaged = note();
            damaged[place] = value;
            assert_eq!(header_of(&damaged), Err(error), "{place}");
        }
    }

    #[test]
    fn sizes_near_the_end_of_the_numbers_are_refused() {
        let mut note = note();
        note[..8].fill(0xFF);
        assert_eq!(header_of(&note), Err(NoteError::Size));
    }

    #[test]
    fn the_record_says_what_it_was_told() {
        let record = Record::of_note(0x1_2345_6000);
        let bytes = record.to_bytes();
        assert_eq!(bytes, [0, 0, 1, 0, 0x18, 0x20, 0, 0, 0, 0x60, 0x45, 0x23, 1, 0, 0, 0]);
        assert_eq!(Record::from_bytes(bytes), record);
        assert_eq!(Record::nothing().to_bytes(), [0; 16]);
    }

    #[test]
    fn the_parts_of_the_block_do_not_overlap() {
        assert!(HEADER_OFFSET + HEADER_BYTES as usize <= RECORD_OFFSET);
        assert_eq!(TRANSFER_OFFSET % 16, 0);
        assert_eq!(BLOCK_BYTES, TRANSFER_OFFSET + 16);
    }
}
