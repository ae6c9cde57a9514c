//! Damage that the host does on purpose between two boots or to a running QEMU, so that tests see it noticed.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::FileExt as _,
    path::Path,
};

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use proto::hiber::BLOCK_BYTES;

use crate::{disk::Layout, hibernation::Image};

/// A fault that the host plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HostFault {
    /// One bit of the image's header is flipped.
    CorruptHeader,
    /// One bit of the image's table of contents is flipped.
    CorruptTable,
    /// One bit of a page that the loader restores is flipped.
    CorruptBootPage,
    /// One bit of a page that the RESUME instance reads is flipped.
    CorruptKernelPage,
    /// The disk loses its second half.
    TruncateDisk,
    /// QEMU is killed when the workload begins.
    KillQemu,
}

/// Damages the disk while no QEMU runs; [`HostFault::KillQemu`] does nothing here.
///
/// # Errors
/// There is no image to damage.
pub fn damage_disk(fault: HostFault, disk: &Path, layout: &Layout) -> Result<()> {
    let image = Image::open(disk, layout, None).context("nothing to damage")?;
    let start = layout.range(layout.hibernation).offset;
    let offset = match fault {
        HostFault::CorruptHeader => start + 40,
        HostFault::CorruptTable => start + image.header.toc_block * BLOCK_BYTES + 9,
        HostFault::CorruptBootPage => image.page_offset(image.header.boot_pages / 2) + 77,
        HostFault::CorruptKernelPage => {
            image.page_offset(image.header.boot_pages + image.header.kernel_pages / 2) + 77
        }
        HostFault::TruncateDisk => {
            open(disk)?.set_len(layout.bytes() / 2)?;
            return Ok(());
        }
        HostFault::KillQemu => return Ok(()),
    };
    let file = open(disk)?;
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset)?;
    byte[0] ^= 0x10;
    file.write_all_at(&byte, offset)?;
    Ok(())
}

fn open(disk: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(disk)
        .with_context(|| format!("cannot open {}", disk.display()))
}
