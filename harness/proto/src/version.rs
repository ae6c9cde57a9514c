//! Which version of the formats a program was built with.
//!
//! Key types: [`FINGERPRINT`], [`Mark`]. A program of the bench carries a [`Mark`] in its file, so that the host sees whether it fits before
//! it starts it: records are not self-describing, and those of another version are other records, or none.

/// A hash of this crate's sources.
pub const FINGERPRINT: u64 = match u64::from_str_radix(env!("PROTO_FINGERPRINT"), 16) {
    Ok(fingerprint) => fingerprint,
    Err(_) => panic!("the build script writes sixteen digits"),
};

/// What a [`Mark`] begins with.
const MAGIC: [u8; 16] = *b"hiberport mark:\0";

/// The fingerprint as it lies in a program's file, on a multiple of its alignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(32))]
pub struct Mark {
    magic: [u8; 16],
    fingerprint: [u8; 8],
    reserved: [u8; 8],
}

impl Mark {
    /// That of this build.
    pub const THIS: Self = Self::of(FINGERPRINT);

    /// That of a build with this fingerprint.
    #[must_use]
    pub const fn of(fingerprint: u64) -> Self {
        Self {
            magic: MAGIC,
            fingerprint: fingerprint.to_le_bytes(),
            reserved: [0; 8],
        }
    }

    /// As it lies in a file.
    #[must_use]
    pub fn bytes(&self) -> [u8; size_of::<Self>()] {
        let mut bytes = [0; size_of::<Self>()];
        let (magic, rest) = bytes.split_at_mut(self.magic.len());
        magic.copy_from_slice(&self.magic);
        if let Some(place) = rest.first_chunk_mut() {
            *place = self.fingerprint;
        }
        bytes
    }

    /// The fingerprint in a program's file; `None` if there is no mark.
    #[must_use]
    pub fn find(file: &[u8]) -> Option<u64> {
        let (pieces, _) = file.as_chunks::<{ size_of::<Self>() }>();
        let piece = pieces.iter().find(|piece| piece.starts_with(&MAGIC))?;
        let fingerprint = piece.get(MAGIC.len()..)?.first_chunk()?;
        Some(u64::from_le_bytes(*fingerprint))
    }
}

/// In each program of the bench; its entry point names it, so that the linker keeps it.
pub static MARK: Mark = Mark::THIS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_where_it_lies_in_a_file() {
        let mut file = alloc::vec![0xa5; 256];
        assert_eq!(Mark::find(&file), None);
        file[96..128].copy_from_slice(&Mark::of(7).bytes());
        assert_eq!(Mark::find(&file), Some(7));
        assert_eq!(Mark::find(&file[..120]), None);
        assert_ne!(FINGERPRINT, 0);
        assert_eq!(Mark::find(&MARK.bytes()), Some(FINGERPRINT));
    }
}
