//! What the requests to one device have in common, worked out once when its plan is made.
//!
//! Key type: [`Recipe`]: the constant words of a request's descriptor table, in the format of the device's rings, and the sizes of the two
//! fields that are negotiated. With it the code that writes a table is the same for both formats. Neighbour: [`super::prepare`].

use crate::device::FieldSizes;
use crate::ring::{FLAG_NEXT, FLAG_WRITE, RingFormat};

use super::frame::{HEADER_FIXED_BYTES, RESPONSE_FIXED_BYTES};

/// The second words of a table's descriptors: a chain by index in a split ring (virtio 2.7.5), a plain array in a packed one, where the order of
/// the array is the order of the buffers, and WRITE the only flag that may be set (virtio 2.8.7, 2.8.19). In both the lower half is the length.
///
/// Device-readable parts come first (virtio 2.7.4.2, 2.8.17): header, data, response when data go out, and header, response, data when they
/// come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipe {
    /// Of the header, the first descriptor.
    pub(super) header: u64,
    /// Of the response, if data come in behind it: the second descriptor.
    pub(super) response_before_data: u64,
    /// Of the response as the last descriptor, whose place has no number.
    pub(super) response_at_end: u64,
    /// Of the first piece of data without its length, if they come in: the third descriptor.
    pub(super) data_in: u64,
    /// The same if they go out: the second descriptor.
    pub(super) data_out: u64,
    /// What a descriptor's word has more than that of the descriptor before it.
    pub(super) step: u64,
    /// What is left of a word when its descriptor turns out to be the last.
    pub(super) last: u64,
    /// Bytes of a response.
    pub(super) response_bytes: u32,
    pub(super) format: RingFormat,
    pub(super) sizes: FieldSizes,
}

impl Recipe {
    /// For rings of `format` and fields of `sizes`.
    #[must_use]
    pub const fn new(format: RingFormat, sizes: FieldSizes) -> Self {
        let header_bytes = HEADER_FIXED_BYTES.saturating_add(widen(sizes.cdb_bytes));
        let header = length(header_bytes);
        let response_bytes = RESPONSE_FIXED_BYTES.saturating_add(widen(sizes.sense_bytes));
        let response = length(response_bytes);
        match format {
            RingFormat::Split => {
                let (next, write) = (in_place(FLAG_NEXT, 32), in_place(FLAG_WRITE, 32));
                Self {
                    header: header | next | in_place(1, 48),
                    response_before_data: response | write | next | in_place(2, 48),
                    response_at_end: response | write,
                    data_in: write | next | in_place(3, 48),
                    data_out: next | in_place(2, 48),
                    step: in_place(1, 48),
                    last: !(next | in_place(u16::MAX, 48)),
                    response_bytes,
                    format,
                    sizes,
                }
            }
            RingFormat::Packed => {
                let write = in_place(FLAG_WRITE, 48);
                Self {
                    header,
                    response_before_data: response | write,
                    response_at_end: response | write,
                    data_in: write,
                    data_out: 0,
                    step: 0,
                    last: u64::MAX,
                    response_bytes,
                    format,
                    sizes,
                }
            }
        }
    }

    /// The format of the tables.
    #[must_use]
    pub const fn format(&self) -> RingFormat {
        self.format
    }
}

const fn widen(bytes: u8) -> u32 {
    u32::from_le_bytes([bytes, 0, 0, 0])
}

/// A length as part of a second word.
const fn length(bytes: u32) -> u64 {
    let [b0, b1, b2, b3] = bytes.to_le_bytes();
    u64::from_le_bytes([b0, b1, b2, b3, 0, 0, 0, 0])
}

/// A number of 16 bits as part of a second word.
const fn in_place(value: u16, shift: u32) -> u64 {
    let [low, high] = value.to_le_bytes();
    u64::from_le_bytes([low, high, 0, 0, 0, 0, 0, 0]) << shift
}
