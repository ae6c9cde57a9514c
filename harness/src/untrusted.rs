//! Bodies of the fuzz targets about what the harness is given from outside: by a guest, by QEMU, or by whoever wrote a driver.
//!
//! Total functions of bytes that fail by panicking; `harness/fuzz` calls them, and ordinary tests here run them on samples. What
//! carries a checksum or lies deep in a format would never be reached by chance: those bodies repair the checksum, or change a good file in
//! the places that the bytes name ([`edited`]). [`crate::dumpfile::fuzz`] and [`crate::seal`] have bodies of their own.

pub mod image;
pub mod records;
#[cfg(test)]
mod tests;

use std::io::Cursor;

use crate::{
    compare::ranges::Ranges,
    disk::ByteRange,
    gdb::{
        self, Registers,
        packet::{Decoder, Event, encode, hex_bytes},
    },
    recorder,
    symbols::image::DriverImage,
    write_log::{Operation, WriteLog, bytes_of},
};

/// Longest file that [`edited`] makes of a good one.
const EDITED_BYTES_MAX: usize = 1 << 16;

/// Takes numbers off the input; zeros when it has run dry.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn number(&mut self, bytes: usize) -> u64 {
        let taken = self.bytes(bytes.min(8));
        taken
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A good file, changed as `data` says: some bytes at some places, and perhaps cut short or made longer.
#[must_use]
pub fn edited(good: &[u8], data: &[u8]) -> Vec<u8> {
    let mut file = good.to_vec();
    let mut input = Input(data);
    while !input.is_empty() {
        let place = usize::try_from(input.number(3)).unwrap_or(0) % file.len().max(1);
        match input.number(1) {
            0xf0..=0xf7 => file.truncate(place),
            0xf8..=0xff => file.resize(
                (file.len() + place).min(EDITED_BYTES_MAX.max(good.len())),
                0,
            ),
            count => {
                let new = input.bytes(1 + usize::try_from(count % 8).unwrap_or(0));
                for (byte, new) in file.iter_mut().skip(place).zip(new) {
                    *byte = *new;
                }
            }
        }
    }
    file
}

/// Reads bytes as QEMU's log of the disk's writes, as they are and with a good start.
///
/// # Panics
/// When an entry lies outside of the log, or the entries are not in order.
pub fn fuzz_write_log(data: &[u8]) {
    for sector_bytes in [512, 4096] {
        let Ok(log) = WriteLog::read(Cursor::new(data), sector_bytes) else {
            continue;
        };
        let sector = u64::from(sector_bytes);
        let mut behind = sector;
        for entry in &log.entries {
            assert_eq!(entry.data, behind + sector, "entries overlap, or have gaps");
            behind = match entry.operation {
                Operation::Write => entry.data.saturating_add(entry.range.bytes),
                Operation::Discard | Operation::Flush => entry.data,
            };
            assert!(
                entry.data <= data.len() as u64,
                "an entry without a sector of its own"
            );
        }
        let area = ByteRange {
            offset: sector,
            bytes: 64 * sector,
        };
        let since = log.since_first_in(area);
        let span = Ranges::new([(area.offset, area.offset + area.bytes)]);
        let first = since.first();
        assert!(
            first.is_none_or(|first| bytes_of(&[*first]).meets(&span)),
            "the first write is not one into the area"
        );
        assert!(since.len() <= log.writes().count());
    }
}

/// Reads bytes as the driver's flight recorder: as they are, and with the magic number and version of one.
///
/// # Panics
/// When events are out of order, or more than the ring holds.
pub fn fuzz_recorder(data: &[u8]) {
    let mut marked = data.to_vec();
    if let Some(start) = marked.get_mut(..12) {
        start[..8].copy_from_slice(&recorder::MAGIC);
        start[8..].copy_from_slice(&1_u32.to_le_bytes());
    }
    for bytes in [data, &marked] {
        match recorder::decode(bytes) {
            Ok(recording) => {
                let numbers: Vec<u32> = recording
                    .events
                    .iter()
                    .map(|event| event.sequence)
                    .collect();
                assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
                assert!(numbers.last().is_none_or(|last| *last <= recording.written));
                assert!(
                    !recording
                        .events
                        .iter()
                        .any(|event| event.to_string().is_empty())
                );
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// Feeds bytes to the reader of the debugger's protocol, in pieces, and what it finds to those that read answers.
///
/// # Panics
/// When the pieces matter, or when what was sent is not what is read.
pub fn fuzz_debugger(data: &[u8]) {
    let (cut, stream) = data
        .split_first()
        .map_or((0, data), |(cut, rest)| (usize::from(*cut), rest));
    let whole = events([stream, &[]]);
    assert_eq!(
        events(stream.split_at(cut.min(stream.len())).into()),
        whole,
        "packets depend on how they come"
    );
    for event in whole {
        if let Event::Packet(text) = event {
            let _stop = gdb::parse_stop(&text);
            let _thread = gdb::thread_of(&text);
            if let Some(bytes) = hex_bytes(&text) {
                assert_eq!(bytes.len() * 2, text.len());
                let _registers = Registers::parse(&bytes);
            }
        }
    }
    let text: String = stream
        .iter()
        .map(|byte| char::from(byte & 0x7f))
        .filter(|character| !"$#*}".contains(*character))
        .collect();
    assert_eq!(events([&encode(&text), &[]]), [Event::Packet(text)]);
}

fn events(pieces: [&[u8]; 2]) -> Vec<Event> {
    let mut decoder = Decoder::default();
    let mut events = Vec::new();
    for piece in pieces {
        decoder.feed(piece);
        events.extend(std::iter::from_fn(|| decoder.next_event()));
    }
    events
}

/// Reads bytes as a driver's file, and holds it to the rules of a shipped one.
///
/// # Panics
/// When something of an image that is taken lies outside of it.
pub fn fuzz_driver_image(data: &[u8]) {
    let Ok(image) = DriverImage::parse("fuzz.sys".to_owned(), data.to_vec()) else {
        return;
    };
    assert_eq!(image.bytes, data);
    if let Ok(facts) =
        crate::image::check_image(&image, "storport.sys StorPortInitialize\n", Vec::new())
    {
        assert_eq!(facts.image_bytes, image.image_bytes);
    }
}
