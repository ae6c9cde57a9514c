//! Access to memory by virtual address, checked against the page tables first; and to RAM by physical address.
//!
//! Whatever address a driver passes, the answer is data or a [`MemFault`].

use alloc::{string::String, vec, vec::Vec};
use core::fmt;

use proto::record::PhysicalRange;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::{PAGE_BYTES, Pa, Va, paging, phys, push_merged, raw, size};

/// Why memory cannot be accessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemFault {
    /// The first byte that cannot be accessed (a physical address for accesses by physical address).
    pub va: Va,
    /// The reason.
    pub kind: FaultKind,
}

/// The reason of a [`MemFault`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// No page is mapped there.
    NotPresent,
    /// The page may not be written.
    ReadOnly,
    /// The page is no RAM: device registers are accessed by `mmio`.
    NotMemory,
}

/// What an access does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads.
    Read,
    /// Writes.
    Write,
}

/// Whether a mapped range may be accessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// As mapped.
    Present,
    /// Every access faults.
    Absent,
}

impl fmt::Display for MemFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.kind {
            FaultKind::NotPresent => "not mapped",
            FaultKind::ReadOnly => "read-only",
            FaultKind::NotMemory => "not memory",
        };
        write!(f, "{} is {reason}", self.va)
    }
}

/// Reads a value.
///
/// # Errors
/// [`MemFault`] if a byte of it cannot be read.
pub fn read<T: FromBytes + IntoBytes>(va: Va) -> Result<T, MemFault> {
    let mut value = T::new_zeroed();
    read_bytes(va, value.as_mut_bytes())?;
    Ok(value)
}

/// Writes a value.
///
/// # Errors
/// [`MemFault`] if a byte of it cannot be written; then nothing is written.
pub fn write<T: IntoBytes + Immutable>(va: Va, value: &T) -> Result<(), MemFault> {
    write_bytes(va, value.as_bytes())
}

/// Reads bytes.
///
/// # Errors
/// [`MemFault`] if one of them cannot be read.
pub fn read_bytes(va: Va, into: &mut [u8]) -> Result<(), MemFault> {
    let mut rest = into;
    for piece in pieces(va, rest.len() as u64) {
        let pa = resolve(piece, Access::Read)?;
        let (now, later) = rest.split_at_mut(size(piece.bytes));
        raw::read(pa, now);
        rest = later;
    }
    Ok(())
}

/// Writes bytes.
///
/// # Errors
/// [`MemFault`] if one of them cannot be written; then nothing is written.
pub fn write_bytes(va: Va, from: &[u8]) -> Result<(), MemFault> {
    let bytes = from.len() as u64;
    probe(va, bytes, Access::Write)?;
    let mut rest = from;
    for piece in pieces(va, bytes) {
        let pa = resolve(piece, Access::Write)?;
        let (now, later) = rest.split_at(size(piece.bytes));
        raw::write(pa, now);
        rest = later;
    }
    Ok(())
}

/// Reads bytes into a new vector.
///
/// # Errors
/// [`MemFault`] if one of them cannot be read; the length is checked before memory is taken for it.
pub fn read_vec(va: Va, bytes: u64) -> Result<Vec<u8>, MemFault> {
    probe(va, bytes, Access::Read)?;
    let mut data = vec![0; size(bytes)];
    read_bytes(va, &mut data)?;
    Ok(data)
}

/// Reads text of 8-bit characters up to its zero or to `limit` characters.
///
/// # Errors
/// [`MemFault`] if a byte before the end cannot be read.
pub fn read_ansi(va: Va, limit: usize) -> Result<String, MemFault> {
    let mut text = String::new();
    for index in 0..limit as u64 {
        match read::<u8>(va.offset(index))? {
            0 => break,
            byte => text.push(char::from(byte)),
        }
    }
    Ok(text)
}

/// Reads `units` UTF-16 code units; unpaired surrogates become replacement characters.
///
/// # Errors
/// [`MemFault`] if a byte of them cannot be read.
pub fn read_wide(va: Va, units: usize) -> Result<String, MemFault> {
    let data = read_vec(va, units as u64 * 2)?;
    let units = data
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    Ok(char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect())
}

/// Copies memory; the ranges may overlap (as `memmove`).
///
/// # Errors
/// [`MemFault`] if a byte cannot be accessed; then nothing is written.
pub fn copy(to: Va, from: Va, bytes: u64) -> Result<(), MemFault> {
    probe(from, bytes, Access::Read)?;
    probe(to, bytes, Access::Write)?;
    let backwards = to.0.wrapping_sub(from.0) < bytes;
    let mut done = 0;
    while done < bytes {
        let left = bytes - done;
        // Stay inside one page of both ranges.
        let (step, start) = if backwards {
            let step = left
                .min(into_page(to.offset(left)))
                .min(into_page(from.offset(left)));
            (step, left - step)
        } else {
            let step = left
                .min(to_page_end(to.offset(done)))
                .min(to_page_end(from.offset(done)));
            (step, done)
        };
        let piece = |va: Va| Piece {
            va: va.offset(start),
            bytes: step,
        };
        let target = resolve(piece(to), Access::Write)?;
        let source = resolve(piece(from), Access::Read)?;
        raw::copy(target, source, step);
        done += step;
    }
    Ok(())
}

/// Fills memory.
///
/// # Errors
/// [`MemFault`] if a byte cannot be written; then nothing is written.
pub fn fill(va: Va, value: u8, bytes: u64) -> Result<(), MemFault> {
    probe(va, bytes, Access::Write)?;
    for piece in pieces(va, bytes) {
        raw::fill(resolve(piece, Access::Write)?, value, piece.bytes);
    }
    Ok(())
}

/// Checks that a range can be accessed.
///
/// # Errors
/// [`MemFault`] for the first byte that cannot.
pub fn probe(va: Va, bytes: u64, access: Access) -> Result<(), MemFault> {
    for piece in pieces(va, bytes) {
        resolve(piece, access)?;
    }
    Ok(())
}

/// Physical address behind a virtual one, of memory or of device registers.
#[must_use]
pub fn translate(va: Va) -> Option<Pa> {
    paging::look_up(va).map(|mapping| mapping.pa)
}

/// Where a range lies, byte exact; neighbours are merged.
///
/// # Errors
/// [`MemFault`] if a page of it is not mapped or is no RAM.
pub fn runs(va: Va, bytes: u64) -> Result<Vec<PhysicalRange>, MemFault> {
    let mut runs = Vec::new();
    for piece in pieces(va, bytes) {
        let pa = resolve(piece, Access::Read)?;
        push_merged(&mut runs, pa.0, piece.bytes);
    }
    Ok(runs)
}

/// Hides the pages that a range touches from every access, or brings them back. For mapped pages of 4 KiB (pool,
/// images, registers), not for the direct map.
///
/// # Errors
/// [`MemFault`] for the first page that is not mapped; the pages before it are changed.
pub fn set_present(va: Va, bytes: u64, presence: Presence) -> Result<(), MemFault> {
    for piece in pieces(va, bytes) {
        let page = piece.va.page();
        let mapped = match presence {
            Presence::Present => paging::reveal(page),
            Presence::Absent => paging::hide(page),
        };
        if !mapped {
            return Err(MemFault {
                va: piece.va,
                kind: FaultKind::NotPresent,
            });
        }
    }
    Ok(())
}

/// Reads a value from RAM.
///
/// # Errors
/// [`MemFault`] if a byte of it is no RAM.
pub fn read_physical<T: FromBytes + IntoBytes>(pa: Pa) -> Result<T, MemFault> {
    let mut value = T::new_zeroed();
    read_physical_bytes(pa, value.as_mut_bytes())?;
    Ok(value)
}

/// Writes a value to RAM.
///
/// # Errors
/// [`MemFault`] if a byte of it is no RAM.
pub fn write_physical<T: IntoBytes + Immutable>(pa: Pa, value: &T) -> Result<(), MemFault> {
    write_physical_bytes(pa, value.as_bytes())
}

/// Reads bytes from RAM.
///
/// # Errors
/// [`MemFault`] if one of them is no RAM.
pub fn read_physical_bytes(pa: Pa, into: &mut [u8]) -> Result<(), MemFault> {
    demand_ram(pa, into.len() as u64)?;
    raw::read(pa, into);
    Ok(())
}

/// Writes bytes to RAM.
///
/// # Errors
/// [`MemFault`] if one of them is no RAM.
pub fn write_physical_bytes(pa: Pa, from: &[u8]) -> Result<(), MemFault> {
    demand_ram(pa, from.len() as u64)?;
    raw::write(pa, from);
    Ok(())
}

/// A range within one page.
#[derive(Clone, Copy)]
struct Piece {
    va: Va,
    bytes: u64,
}

/// Cuts a range at its page borders.
fn pieces(va: Va, bytes: u64) -> impl Iterator<Item = Piece> {
    let mut done = 0;
    core::iter::from_fn(move || {
        let va = va.offset(done);
        let bytes = (bytes - done).min(to_page_end(va));
        done += bytes;
        (bytes != 0).then_some(Piece { va, bytes })
    })
}

/// Bytes from an address to the end of its page, 1 to 4096.
fn to_page_end(va: Va) -> u64 {
    PAGE_BYTES - va.page_offset()
}

/// Bytes from the start of a page to an address that ends a range, 1 to 4096.
fn into_page(end: Va) -> u64 {
    match end.page_offset() {
        0 => PAGE_BYTES,
        offset => offset,
    }
}

fn resolve(piece: Piece, access: Access) -> Result<Pa, MemFault> {
    let fault = |kind| MemFault { va: piece.va, kind };
    let mapping = paging::look_up(piece.va).ok_or(fault(FaultKind::NotPresent))?;
    if access == Access::Write && !mapping.writable {
        return Err(fault(FaultKind::ReadOnly));
    }
    if !phys::is_ram(mapping.pa, piece.bytes) {
        return Err(fault(FaultKind::NotMemory));
    }
    Ok(mapping.pa)
}

fn demand_ram(pa: Pa, bytes: u64) -> Result<(), MemFault> {
    if phys::is_ram(pa, bytes) {
        return Ok(());
    }
    Err(MemFault {
        va: Va(pa.0),
        kind: FaultKind::NotMemory,
    })
}
