//! The hibernation image on the disk, read by the host in the firmware loader's place.
//!
//! [`Image::open`] checks header and tables, [`Image::check_boot_pages`] the pages that the loader restores, and
//! [`Image::write_package`] hands them over. Nothing is written to the disk.
//!
//! Format: [`proto::hiber`].

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufWriter, Write as _},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use proto::{
    hiber::{
        BLOCK_BYTES, FORMAT_VERSION, HeaderError, ImageHeader, ImageState, PACKAGE_BASE,
        PACKAGE_END, PACKAGE_MAGIC, PAGE_BYTES, PackageHeader, TocEntry, WipeRange, checksum,
    },
    owner::{Owner, OwnerRun},
};
use zerocopy::{FromBytes, IntoBytes as _};

use crate::{
    compare::{memory::owner_at, plain},
    disk::{ByteRange, Layout},
    fault::Fault,
    seal::{HIBERNATION_RECORD_OFFSET, Opened, PrivateKey, SECTOR_BYTES},
};

/// Page frames that an x86-64 processor can address (52 bits of physical address).
const FRAMES_MAX: u64 = (1 << 52) / PAGE_BYTES;

/// A hibernation image whose header and tables are sound.
#[derive(Debug)]
pub struct Image {
    file: File,
    path: PathBuf,
    partition: ByteRange,
    opened: Option<Opened>,
    /// Its header.
    pub header: ImageHeader,
    /// The pages that the loader restores.
    pub boot: Vec<TocEntry>,
    /// The pages that the RESUME instance reads.
    pub kernel: Vec<TocEntry>,
    /// What the loader wipes.
    pub wipes: Vec<WipeRange>,
}

impl Image {
    /// Finds the image in the hibernation partition.
    ///
    /// # Errors
    /// A [`Fault`] that says which part is refused, or that the key does not open the image.
    pub fn open(disk: &Path, layout: &Layout, key: Option<&PrivateKey>) -> Result<Self> {
        let file =
            File::open(disk).with_context(|| format!("cannot open the disk {}", disk.display()))?;
        Self::read(file, disk, layout.range(layout.hibernation), key)
    }

    /// The same for a file that is open already; `disk` is its name.
    ///
    /// # Errors
    /// As [`Image::open`].
    pub fn read(
        file: File,
        disk: &Path,
        partition: ByteRange,
        key: Option<&PrivateKey>,
    ) -> Result<Self> {
        let mut source = Source {
            file: &file,
            path: disk,
            partition,
            opened: None,
        };
        let opened = key
            .map(|key| {
                let record = &source.blocks(0, BLOCK_BYTES, "header")?[HIBERNATION_RECORD_OFFSET..];
                key.open(record)
                    .map_err(|error| refused(disk, &error.to_string()))
            })
            .transpose()?;
        source.opened = opened.as_ref();
        let header = ImageHeader::parse(&source.blocks(0, BLOCK_BYTES, "header")?)
            .map_err(|error| header_refused(disk, error))?;
        check_state(disk, &header)?;
        let pages = header
            .boot_pages
            .checked_add(header.kernel_pages)
            .filter(|pages| pages.saturating_mul(PAGE_BYTES) <= partition.bytes)
            .ok_or_else(|| {
                refused(
                    disk,
                    "its header claims more pages than the partition holds",
                )
            })?;
        if data_end(&header, pages).is_none_or(|end| end > partition.bytes) {
            return Err(refused(disk, "its pages lie outside of the partition"));
        }
        let toc = source.table::<TocEntry>(
            header.toc_block,
            pages,
            header.toc_xxh64,
            "table of contents",
        )?;
        let wipes = source.table::<WipeRange>(
            header.wipe_block,
            header.wipe_count,
            header.wipe_xxh64,
            "wipe list",
        )?;
        let boot_pages = usize::try_from(header.boot_pages)?;
        let (boot, kernel) = toc
            .split_at_checked(boot_pages)
            .ok_or_else(|| refused(disk, "its table of contents is too short"))?;
        let image = Self {
            boot: boot.to_vec(),
            kernel: kernel.to_vec(),
            wipes,
            header,
            path: disk.to_path_buf(),
            partition,
            opened,
            file,
        };
        image.check_places()?;
        Ok(image)
    }

    /// Bytes that the image takes on the disk, header and tables included.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let pages = (self.boot.len() + self.kernel.len()) as u64;
        (self.header.data_block + pages) * BLOCK_BYTES
    }

    /// Verifies the checksum of every page that the loader restores.
    ///
    /// # Errors
    /// A [`Fault`] that names the first damaged page.
    pub fn check_boot_pages(&self) -> Result<u64> {
        self.check_pages(&self.boot, 0, "boot-phase")
    }

    /// Verifies the checksum of every page that the RESUME instance reads.
    ///
    /// # Errors
    /// A [`Fault`] that names the first damaged page.
    pub fn check_kernel_pages(&self) -> Result<u64> {
        self.check_pages(&self.kernel, self.boot.len() as u64, "kernel-phase")
    }

    /// Counts the pages for the RESUME instance whose checksum is right; it is the guest that must refuse the others.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn sound_kernel_pages(&self) -> Result<u64> {
        let mut sound = 0;
        for (index, entry) in (self.boot.len() as u64..).zip(&self.kernel) {
            sound += u64::from(checksum(&self.page(index)?) == entry.xxh64);
        }
        Ok(sound)
    }

    /// Writes what the loader is given: header, wipe list, table, pages.
    ///
    /// `hba_location` is bus << 8 | device << 3 | function of the HBA that the loader dirties as firmware would.
    ///
    /// # Errors
    /// A boot-phase page is damaged, the set does not fit into the window, or the file cannot be written.
    pub fn write_package(&self, path: &Path, hba_location: u64) -> Result<()> {
        self.check_boot_pages()?;
        let tables =
            size_of::<PackageHeader>() + self.wipes.as_bytes().len() + self.boot.as_bytes().len();
        let data_offset = (tables as u64).next_multiple_of(PAGE_BYTES);
        let total = data_offset + self.boot.len() as u64 * PAGE_BYTES;
        let window = PACKAGE_END - PACKAGE_BASE;
        if total > window {
            return Err(refused(
                &self.path,
                &format!(
                    "its boot-phase set takes {total} bytes, the loader's window holds {window}"
                ),
            ));
        }
        let header = PackageHeader {
            magic: PACKAGE_MAGIC,
            version: FORMAT_VERSION,
            reserved: 0,
            pages: self.boot.len() as u64,
            wipes: self.wipes.len() as u64,
            data_offset,
            hba_location,
            entry: self.header.entry,
            header_xxh64: 0,
        }
        .sealed();
        let mut out = BufWriter::new(
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?,
        );
        out.write_all(header.as_bytes())?;
        out.write_all(self.wipes.as_bytes())?;
        out.write_all(self.boot.as_bytes())?;
        out.write_all(&vec![0; usize::try_from(data_offset)? - tables])?;
        for index in 0..self.boot.len() as u64 {
            out.write_all(&self.page(index)?)?;
        }
        out.flush()?;
        Ok(())
    }

    /// Offset on the disk of a page of the image, by its place in the table of contents.
    #[must_use]
    pub fn page_offset(&self, index: u64) -> u64 {
        self.partition.offset + (self.header.data_block + index) * BLOCK_BYTES
    }

    fn page(&self, index: u64) -> Result<Vec<u8>> {
        self.source()
            .blocks(self.header.data_block + index, PAGE_BYTES, "page")
    }

    fn source(&self) -> Source<'_> {
        Source {
            file: &self.file,
            path: &self.path,
            partition: self.partition,
            opened: self.opened.as_ref(),
        }
    }

    /// Counts the pages of the guest that lie on the partition as they were in memory, anywhere in it.
    ///
    /// The pages of the dump stack itself are left out: the buffer from which the filter has its ciphertext written is among them,
    /// and what it held last is on the disk as it was in memory.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn plain_pages(&self, owners: &[OwnerRun]) -> Result<u64> {
        let of_dump_stack =
            |pfn: u64| matches!(owner_at(owners, pfn * PAGE_BYTES), Some(Owner::DumpPort(_)));
        let pages: BTreeSet<u64> = self
            .boot
            .iter()
            .chain(&self.kernel)
            .filter(|entry| !of_dump_stack(entry.pfn))
            .map(|entry| entry.xxh64)
            .collect();
        plain::count(&self.path, self.partition, &pages)
            .map_err(|error| refused(&self.path, &format!("its blocks cannot be read ({error})")))
    }

    fn check_pages(&self, entries: &[TocEntry], first: u64, phase: &str) -> Result<u64> {
        for (index, entry) in (first..).zip(entries) {
            let found = checksum(&self.page(index)?);
            if found != entry.xxh64 {
                return Err(refused(
                    &self.path,
                    &format!(
                        "{phase} page {:#x} has checksum {found:#018x}, its table says {:#018x}",
                        entry.pfn, entry.xxh64
                    ),
                ));
            }
        }
        Ok(entries.len() as u64)
    }

    /// A page may be in each set once (in both: the loader wiped a part of it), in memory, and not over the loader and its package.
    fn check_places(&self) -> Result<()> {
        let mut frames = Vec::new();
        for set in [&self.boot, &self.kernel] {
            let mut own: Vec<_> = set.iter().map(|entry| entry.pfn).collect();
            own.sort_unstable();
            if let Some([twice, ..]) = own.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(refused(
                    &self.path,
                    &format!("page {twice:#x} is in its table twice"),
                ));
            }
            frames.append(&mut own);
        }
        frames.sort_unstable();
        if let Some(high) = frames.last().filter(|pfn| **pfn >= FRAMES_MAX) {
            return Err(refused(
                &self.path,
                &format!("page {high:#x} lies above all memory"),
            ));
        }
        if let Some(low) = frames
            .first()
            .filter(|pfn| **pfn < PACKAGE_END / PAGE_BYTES)
        {
            return Err(refused(
                &self.path,
                &format!("page {low:#x} lies in the loader's windows"),
            ));
        }
        Ok(())
    }
}

/// Offset in the partition of the first byte behind the image's pages.
fn data_end(header: &ImageHeader, pages: u64) -> Option<u64> {
    header
        .data_block
        .checked_add(pages)?
        .checked_mul(BLOCK_BYTES)
}

/// The partition, by blocks.
#[derive(Clone, Copy)]
struct Source<'a> {
    file: &'a File,
    path: &'a Path,
    partition: ByteRange,
    opened: Option<&'a Opened>,
}

impl Source<'_> {
    fn blocks(&self, block: u64, bytes: u64, what: &str) -> Result<Vec<u8>> {
        // A cipher knows whole sectors only, and a table may end within one.
        let whole = bytes.next_multiple_of(SECTOR_BYTES as u64);
        let offset = block
            .checked_mul(BLOCK_BYTES)
            .filter(|offset| offset.saturating_add(whole) <= self.partition.bytes)
            .ok_or_else(|| {
                refused(
                    self.path,
                    &format!("its {what} lies outside of the partition"),
                )
            })?;
        let mut content = vec![0; usize::try_from(whole)?];
        self.file
            .read_exact_at(&mut content, self.partition.offset + offset)
            .map_err(|error| refused(self.path, &format!("its {what} cannot be read ({error})")))?;
        if let Some(opened) = self.opened {
            // The first block is plain.
            let plain = BLOCK_BYTES.saturating_sub(offset).min(whole);
            let ciphered = content.get_mut(usize::try_from(plain)?..);
            opened.decrypt(offset + plain, ciphered.unwrap_or_default());
        }
        content.truncate(usize::try_from(bytes)?);
        Ok(content)
    }

    fn table<T: FromBytes + Copy>(
        &self,
        block: u64,
        count: u64,
        expected: u64,
        what: &str,
    ) -> Result<Vec<T>> {
        let bytes = count
            .checked_mul(size_of::<T>() as u64)
            .filter(|bytes| *bytes <= self.partition.bytes)
            .ok_or_else(|| {
                refused(
                    self.path,
                    &format!("its {what} is larger than the partition"),
                )
            })?;
        let content = self.blocks(block, bytes, what)?;
        let found = checksum(&content);
        if found != expected {
            return Err(refused(
                self.path,
                &format!("its {what} has checksum {found:#018x}, the header says {expected:#018x}"),
            ));
        }
        Ok(content
            .chunks_exact(size_of::<T>())
            .filter_map(|entry| T::read_from_bytes(entry).ok())
            .collect())
    }
}

fn check_state(disk: &Path, header: &ImageHeader) -> Result<()> {
    match ImageState::from_raw(header.state) {
        ImageState::Ready => Ok(()),
        ImageState::Consumed => Err(refused(disk, "it was resumed from before")),
        ImageState::Unknown(raw) => Err(refused(disk, &format!("its state is {raw}"))),
    }
}

fn header_refused(disk: &Path, error: HeaderError) -> anyhow::Error {
    let what = match error {
        HeaderError::Short => "its header is cut short".to_owned(),
        HeaderError::Magic => "it has no header".to_owned(),
        HeaderError::Version(version) => {
            format!("its header is of version {version}, this program knows {FORMAT_VERSION}")
        }
        HeaderError::Checksum => "its header has a wrong checksum".to_owned(),
    };
    refused(disk, &what)
}

fn refused(disk: &Path, what: &str) -> anyhow::Error {
    Fault::check(
        format!(
            "the hibernation image on {} is refused: {what}",
            disk.display()
        ),
        "start over with a new disk",
    )
    .into()
}
