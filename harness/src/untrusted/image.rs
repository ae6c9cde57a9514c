//! Body of the fuzz target `hibernation_image`: whatever a guest may leave where its hibernation image is expected.
//!
//! As it is, and with what a check would otherwise stop put right: magic number, version, and the three checksums.

use std::{fs::File, os::unix::fs::FileExt as _, path::Path};

use proto::hiber::{
    BLOCK_BYTES, FORMAT_VERSION, IMAGE_MAGIC, ImageHeader, PACKAGE_END, TocEntry, WipeRange,
    checksum,
};
use zerocopy::{FromBytes as _, IntoBytes as _};

use super::Input;
use crate::{disk::ByteRange, hibernation::Image};

const _: () = assert!(BLOCK as u64 == BLOCK_BYTES);
/// Where the partition begins on the disk.
const START: u64 = 4096;
/// Bytes of a block, as a length of memory.
const BLOCK: usize = 4096;
/// Length of the partition: header, tables, a few pages.
const PARTITION_BYTES: usize = 16 * BLOCK;
/// Blocks that a repaired header names, of a partition of 16.
const BLOCKS: u64 = 24;

/// Reads a partition that holds `data`, on a disk that ends with it.
///
/// # Panics
/// When an image is taken that lies outside of its partition.
pub fn fuzz_hibernation_image(data: &[u8]) {
    let mut raw = data.to_vec();
    raw.resize(PARTITION_BYTES, 0);
    read(&raw);
    read(&repaired(data));
}

/// A partition whose header has the counts and places that the bytes say, small ones more often than not, and checksums that are right.
fn repaired(data: &[u8]) -> Vec<u8> {
    let mut input = Input(data);
    let mut partition = vec![0; PARTITION_BYTES];
    let block = vec![0; BLOCK];
    let (mut header, _) = ImageHeader::read_from_prefix(&block).expect("a block is enough");
    header.magic = IMAGE_MAGIC;
    header.version = FORMAT_VERSION;
    header.state = 1;
    let mut number = |limit: u64| match input.number(1) {
        any @ 0..=0xdf => any % limit,
        _ => input.number(8),
    };
    header.boot_pages = number(8);
    header.kernel_pages = number(8);
    header.toc_block = number(BLOCKS);
    header.wipe_block = number(BLOCKS);
    header.wipe_count = number(8);
    header.data_block = number(BLOCKS);
    // The rest is what lies behind the header; frames above the loader's windows, unless the bytes say otherwise.
    let body = BLOCK;
    for (target, byte) in partition[body..].iter_mut().zip(input.0) {
        *target = *byte;
    }
    let first_frame = PACKAGE_END / BLOCK_BYTES;
    for block in partition[body..].chunks_exact_mut(BLOCK) {
        for entry in block.chunks_exact_mut(size_of::<TocEntry>()).take(16) {
            entry[4..8].fill(0);
            let (frame, _) = entry.split_at_mut(8);
            let value = u64::from_le_bytes(frame.try_into().expect("8 bytes"));
            frame.copy_from_slice(&(value + first_frame).to_le_bytes());
        }
    }
    let sum = |partition: &[u8], block: u64, count: u64, bytes: usize| {
        let start = usize::try_from(block).ok()?.checked_mul(BLOCK)?;
        let end = start.checked_add(usize::try_from(count).ok()?.checked_mul(bytes)?)?;
        partition.get(start..end).map(checksum)
    };
    let pages = header.boot_pages.saturating_add(header.kernel_pages);
    header.toc_xxh64 = sum(&partition, header.toc_block, pages, size_of::<TocEntry>()).unwrap_or(0);
    header.wipe_xxh64 = sum(
        &partition,
        header.wipe_block,
        header.wipe_count,
        size_of::<WipeRange>(),
    )
    .unwrap_or(0);
    let header = header.sealed();
    partition[..size_of::<ImageHeader>()].copy_from_slice(header.as_bytes());
    partition
}

fn read(content: &[u8]) {
    let file = rustix::fs::memfd_create("fuzz", rustix::fs::MemfdFlags::CLOEXEC).expect("memory");
    let file = File::from(file);
    file.write_all_at(content, START).expect("memory");
    let partition = ByteRange {
        offset: START,
        bytes: content.len() as u64,
    };
    let Ok(image) = Image::read(file, Path::new("fuzz"), partition, None) else {
        return;
    };
    let pages = (image.boot.len() + image.kernel.len()) as u64;
    assert!(
        pages * BLOCK_BYTES <= partition.bytes,
        "more pages than there is room for"
    );
    let _boot = image.check_boot_pages();
    let _kernel = image.check_kernel_pages();
    if let Ok(sound) = image.sound_kernel_pages() {
        assert!(sound <= image.kernel.len() as u64);
        assert!(
            image.bytes() <= partition.bytes,
            "the image ends outside of its partition"
        );
        assert!(image.page_offset(pages) <= START + partition.bytes);
    }
}
