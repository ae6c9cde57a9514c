//! Secondary data: the blocks that callbacks of bug checks leave behind the body of a dump, each under a GUID.
//!
//! The form, as debuggers show it with `.enumtag` and as Microsoft's debugging interfaces describe it ("tagged data"): behind
//! the body, on a multiple of 8 bytes,
//!
//! ```text
//! +0x00  "DumpBlob"                 signature, two 32-bit values
//! +0x08  u32 HeaderSize             of this header: 16
//! +0x0C  u32 BuildNumber
//! ```
//!
//! then one block behind the other, each on a multiple of 8 bytes, without a count, to the end of the dump:
//!
//! ```text
//! +0x00  u32  HeaderSize            of the block's header: 32
//! +0x04  GUID Tag                   KBUGCHECK_SECONDARY_DUMP_DATA.Guid
//! +0x14  u32  DataSize
//! +0x18  u32  PrePad                bytes between header and data
//! +0x1C  u32  PostPad               bytes between data and the next header
//! ```
//!
//! A block's header with `HeaderSize` 0 ends the list (padding up to the last sector).

use std::io::{self, Read, Seek};

use serde::Serialize;
use uuid::Uuid;

use super::source::{Source, le32};

/// Alignment of the section and of every header in it.
pub const ALIGNMENT: u64 = 8;
/// First bytes of the section.
pub const SIGNATURE: &[u8; 8] = b"DumpBlob";
/// Bytes of the section's header.
pub const SECTION_HEADER_BYTES: u64 = 16;
/// Bytes of a block's header.
pub const BLOB_HEADER_BYTES: u64 = 32;
/// Most blocks that are listed.
const BLOBS_MAX: usize = 4096;

/// A block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Blob {
    /// Its name.
    pub guid: Uuid,
    /// Offset of the data in the file.
    pub offset: u64,
    /// Length of the data.
    pub bytes: u64,
}

/// The section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlobSection {
    /// Its blocks, in the order of the file.
    pub blobs: Vec<Blob>,
    /// What is wrong with it.
    pub problem: Option<String>,
}

/// Reads the section that begins at `start`; the dump ends at `end`.
pub(super) fn read<R: Read + Seek>(
    source: &mut Source<R>,
    start: u64,
    end: u64,
) -> io::Result<BlobSection> {
    let mut section = BlobSection::default();
    let header = source.at_most(start, 16)?;
    let header_bytes = u64::from(le32(&header, 8));
    if !header.starts_with(SIGNATURE) {
        section.problem = Some(format!(
            "the {} bytes behind its body are no secondary data",
            end - start
        ));
        return Ok(section);
    }
    if header_bytes < SECTION_HEADER_BYTES {
        section.problem = Some("the header of its secondary data is damaged".to_owned());
        return Ok(section);
    }
    let mut at = start.saturating_add(header_bytes);
    while at.saturating_add(BLOB_HEADER_BYTES) <= end {
        let header = source.at_most(at, 32)?;
        let [header_bytes, bytes, before, after] =
            [0, 0x14, 0x18, 0x1c].map(|offset| u64::from(le32(&header, offset)));
        if header_bytes == 0 {
            break;
        }
        let mut guid = [0; 16];
        guid.copy_from_slice(&header[4..20]);
        let offset = at + header_bytes + before;
        let data_end = offset + bytes;
        let what = section.blobs.len() + 1;
        if header_bytes < BLOB_HEADER_BYTES || data_end > end {
            section.problem = Some(format!("block {what} of its secondary data is damaged"));
            break;
        }
        if what > BLOBS_MAX {
            section.problem = Some(format!("it has more than {BLOBS_MAX} secondary blocks"));
            break;
        }
        section.blobs.push(Blob {
            guid: Uuid::from_bytes_le(guid),
            offset,
            bytes,
        });
        at = data_end + after;
    }
    Ok(section)
}
