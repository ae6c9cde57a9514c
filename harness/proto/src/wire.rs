//! Encoding: postcard, framed with COBS on the debug console, plain in the boot module.

use alloc::vec::Vec;

use serde::{Serialize, de::DeserializeOwned};

/// Why bytes could not be turned into a record or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireError {
    /// The value could not be encoded.
    Encode,
    /// The bytes are no such value.
    Decode,
}

/// Encodes `value` as one COBS frame; the last byte is the only zero byte.
///
/// # Errors
/// [`WireError::Encode`] if the value's own serialisation fails.
pub fn to_frame<T: Serialize>(value: &T) -> Result<Vec<u8>, WireError> {
    postcard::to_allocvec_cobs(value).map_err(|_| WireError::Encode)
}

/// Decodes one COBS frame (with or without its final zero byte).
///
/// # Errors
/// [`WireError::Decode`] if the frame is broken or holds another type.
pub fn from_frame<T: DeserializeOwned>(frame: &[u8]) -> Result<T, WireError> {
    let mut copy = frame.to_vec();
    postcard::from_bytes_cobs(&mut copy).map_err(|_| WireError::Decode)
}

/// Encodes `value` without framing.
///
/// # Errors
/// [`WireError::Encode`] if the value's own serialisation fails.
pub fn to_bytes<T: Serialize>(value: &T) -> Result<Vec<u8>, WireError> {
    postcard::to_allocvec(value).map_err(|_| WireError::Encode)
}

/// Decodes what [`to_bytes`] wrote; bytes that follow the value are ignored (boot modules are padded).
///
/// # Errors
/// [`WireError::Decode`] if the bytes are no such value.
pub fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    postcard::take_from_bytes(bytes)
        .map(|(value, _rest)| value)
        .map_err(|_| WireError::Decode)
}
