//! Framing of the gdb remote protocol: `$text#checksum`, acknowledged by `+`. Pure.

use std::fmt::Write as _;

/// Puts a packet together.
#[must_use]
pub fn encode(text: &str) -> Vec<u8> {
    let mut packet = String::with_capacity(text.len() + 4);
    packet.push('$');
    packet.push_str(text);
    // Writing into a string cannot fail.
    let _ok = write!(packet, "#{:02x}", checksum(text.as_bytes()));
    packet.into_bytes()
}

/// Bytes of a hexadecimal text; `None` if it is none.
#[must_use]
pub fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len() / 2)
        .map(|index| u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok())
        .collect()
}

/// What came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A packet with the right checksum, run-length encoding undone.
    Packet(String),
    /// A packet with a wrong checksum.
    Damaged,
    /// The other side took our packet.
    Acknowledged,
}

/// Takes bytes, gives events.
#[derive(Debug, Default)]
pub struct Decoder {
    pending: Vec<u8>,
}

impl Decoder {
    /// More bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// The next complete event.
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            match self.pending.first()? {
                b'+' => {
                    self.pending.remove(0);
                    return Some(Event::Acknowledged);
                }
                b'$' => {
                    let hash = self.pending.iter().position(|byte| *byte == b'#')?;
                    let digits = self.pending.get(hash + 1..hash + 3)?;
                    let sum = std::str::from_utf8(digits)
                        .ok()
                        .and_then(|digits| u8::from_str_radix(digits, 16).ok());
                    let body = self.pending.get(1..hash)?.to_vec();
                    self.pending.drain(..hash + 3);
                    return Some(if sum == Some(checksum(&body)) {
                        Event::Packet(expand(&body))
                    } else {
                        Event::Damaged
                    });
                }
                // Line noise, or a request to repeat: nothing is lost on a local socket.
                _ => {
                    self.pending.remove(0);
                }
            }
        }
    }
}

fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// `c*n` stands for `c` and `n - 29` more of it.
fn expand(body: &[u8]) -> String {
    let mut text = String::with_capacity(body.len());
    let mut bytes = body.iter();
    let mut last = None;
    while let Some(byte) = bytes.next() {
        if *byte == b'*'
            && let (Some(last), Some(count)) = (last, bytes.next())
        {
            text.extend(std::iter::repeat_n(
                last,
                usize::from(count.saturating_sub(29)),
            ));
        } else {
            let character = char::from(*byte);
            text.push(character);
            last = Some(character);
        }
    }
    text
}
