//! Images made by hand, sound and damaged in one place at a time.

use std::{fs::OpenOptions, os::unix::fs::FileExt as _, path::PathBuf};

use proto::{
    hiber::{
        BLOCK_BYTES, FORMAT_VERSION, IMAGE_MAGIC, ImageHeader, ImageState, PACKAGE_END, PAGE_BYTES,
        PackageHeader, ResumeEntry, TocEntry, WipeRange, checksum,
    },
    owner::{Owner, OwnerRun, Role},
};
use tempfile::TempDir;
use zerocopy::{FromBytes as _, IntoBytes as _};

use super::Image;
use crate::{
    disk::{self, Layout},
    fault::one_line,
};

const FIRST_PFN: u64 = PACKAGE_END / PAGE_BYTES;

struct Disk {
    _directory: TempDir,
    path: PathBuf,
    layout: Layout,
    start: u64,
}

fn page(index: u64) -> Vec<u8> {
    index.to_le_bytes().repeat(512)
}

fn write(disk: &Disk, block: u64, content: &[u8]) {
    let file = OpenOptions::new()
        .write(true)
        .open(&disk.path)
        .expect("opened");
    file.write_all_at(content, disk.start + block * BLOCK_BYTES)
        .expect("written");
}

/// Two boot-phase pages and one of the kernel phase; `change` alters table and header before they are sealed.
fn disk_with(change: impl FnOnce(&mut Vec<TocEntry>, &mut ImageHeader)) -> Disk {
    let directory = tempfile::tempdir().expect("made");
    let path = directory.path().join("disk");
    let layout = disk::create(&path, 512, 1 << 20).expect("created");
    let disk = Disk {
        start: layout.range(layout.hibernation).offset,
        _directory: directory,
        path,
        layout,
    };
    let mut toc: Vec<_> = (0..3)
        .map(|index| TocEntry {
            pfn: FIRST_PFN + index,
            xxh64: checksum(&page(index)),
        })
        .collect();
    let wipes = [WipeRange {
        address: PACKAGE_END,
        bytes: 16,
    }];
    let mut header = ImageHeader {
        magic: IMAGE_MAGIC,
        version: FORMAT_VERSION,
        state: ImageState::Ready.raw(),
        kernel_id: 1,
        cycle: 1,
        memory_map_xxh64: 0,
        boot_pages: 2,
        kernel_pages: 1,
        toc_block: 1,
        toc_xxh64: 0,
        data_block: 3,
        wipe_count: 1,
        wipe_block: 2,
        wipe_xxh64: checksum(wipes.as_bytes()),
        entry: ResumeEntry {
            cr3: 0x1000,
            rip: 0x2000,
            rsp: 0x3000,
        },
        header_xxh64: 0,
    };
    change(&mut toc, &mut header);
    if header.toc_xxh64 == 0 {
        header.toc_xxh64 = checksum(toc.as_bytes());
    }
    write(&disk, 0, header.sealed().as_bytes());
    write(&disk, 1, toc.as_bytes());
    write(&disk, 2, wipes.as_bytes());
    for index in 0..3 {
        write(&disk, 3 + index, &page(index));
    }
    disk
}

fn sound() -> Disk {
    disk_with(|_, _| ())
}

fn refusal(disk: &Disk) -> String {
    let image = disk::ByteRange {
        offset: disk.start,
        bytes: 16 * BLOCK_BYTES,
    };
    let before = disk::read(&disk.path, image).expect("read");
    let error = Image::open(&disk.path, &disk.layout, None)
        .and_then(|image| image.check_boot_pages())
        .expect_err("refused");
    assert!(
        before == disk::read(&disk.path, image).expect("read"),
        "the disk was changed"
    );
    one_line(&error)
}

#[test]
fn a_sound_image_is_read_and_packed() {
    let disk = sound();
    let image = Image::open(&disk.path, &disk.layout, None).expect("sound");
    assert_eq!(image.check_boot_pages().expect("sound"), 2);
    assert_eq!(image.check_kernel_pages().expect("sound"), 1);
    assert_eq!(image.bytes(), 6 * BLOCK_BYTES);
    let package = disk.path.with_extension("package");
    image.write_package(&package, 0x10).expect("written");
    let bytes = std::fs::read(&package).expect("read");
    let header = PackageHeader::parse(&bytes).expect("sealed");
    assert_eq!(
        (header.pages, header.wipes, header.hba_location),
        (2, 1, 0x10)
    );
    assert_eq!(header.entry, image.header.entry);
    let (wipe, rest) =
        WipeRange::read_from_prefix(&bytes[size_of::<PackageHeader>()..]).expect("there");
    assert_eq!(wipe, image.wipes[0]);
    let (entry, _) = TocEntry::read_from_prefix(rest).expect("there");
    assert_eq!(entry, image.boot[0]);
    let data = usize::try_from(header.data_offset).expect("small");
    assert_eq!(data % 4096, 0);
    assert_eq!(bytes[data..], [page(0), page(1)].concat());
}

#[test]
fn an_empty_partition_has_no_header() {
    let disk = sound();
    write(&disk, 0, &[0; 4096]);
    assert!(refusal(&disk).contains("is refused: it has no header"));
}

#[test]
fn each_damaged_part_is_named() {
    let disk = sound();
    write(
        &disk,
        0,
        &ImageHeader {
            cycle: 9,
            ..Image::open(&disk.path, &disk.layout, None)
                .expect("sound")
                .header
        }
        .as_bytes()[..40],
    );
    assert!(refusal(&disk).contains("header has a wrong checksum"));

    let disk = sound();
    write(&disk, 1, &[1]);
    assert!(refusal(&disk).contains("table of contents has checksum"));

    let disk = sound();
    write(&disk, 2, &[1]);
    assert!(refusal(&disk).contains("wipe list has checksum"));

    let disk = sound();
    write(&disk, 4, &[0xff]);
    assert!(refusal(&disk).contains("boot-phase page 0x4201 has checksum"));
}

#[test]
fn a_damaged_kernel_phase_page_is_seen_by_its_own_check() {
    let disk = sound();
    write(&disk, 5, &[0xff]);
    let image = Image::open(&disk.path, &disk.layout, None).expect("header and tables are sound");
    image.check_boot_pages().expect("not a boot-phase page");
    let message = one_line(&image.check_kernel_pages().expect_err("damaged"));
    assert!(
        message.contains("kernel-phase page 0x4202 has checksum"),
        "{message}"
    );
}

#[test]
fn states_and_versions_are_checked() {
    let consumed = disk_with(|_, header| header.state = ImageState::Consumed.raw());
    assert!(refusal(&consumed).contains("resumed from before"));
    let unknown = disk_with(|_, header| header.state = 7);
    assert!(refusal(&unknown).contains("its state is 7"));
    let version = disk_with(|_, header| header.version = 9);
    assert!(refusal(&version).contains("of version 9"));
}

#[test]
fn impossible_figures_are_refused() {
    let pages = disk_with(|_, header| header.boot_pages = u64::MAX);
    assert!(refusal(&pages).contains("more pages than the partition holds"));
    let outside = disk_with(|_, header| header.toc_block = 1 << 60);
    assert!(refusal(&outside).contains("outside of the partition"));
    let wipes = disk_with(|_, header| header.wipe_count = u64::MAX);
    assert!(refusal(&wipes).contains("wipe list is larger"));
    let data = disk_with(|_, header| header.data_block = 1 << 30);
    assert!(refusal(&data).contains("its pages lie outside of the partition"));
    let wrapped = disk_with(|_, header| header.data_block = u64::MAX);
    assert!(refusal(&wrapped).contains("its pages lie outside of the partition"));
    let high = disk_with(|toc, _| toc[0].pfn = 1 << 52);
    assert!(refusal(&high).contains("lies above all memory"));
    let twice = disk_with(|toc, _| toc[1].pfn = toc[0].pfn);
    assert!(refusal(&twice).contains("in its table twice"));
    let low = disk_with(|toc, _| toc[0].pfn = 5);
    assert!(refusal(&low).contains("page 0x5 lies in the loader's windows"));
}

#[test]
fn pages_of_the_dump_stack_are_not_looked_for_in_plain() {
    let disk = sound();
    let image = Image::open(&disk.path, &disk.layout, None).expect("sound");
    // Page 0 is one byte repeated.
    assert_eq!(image.plain_pages(&[]).expect("read"), 2);
    let dump_stack = OwnerRun {
        first_pfn: FIRST_PFN + 1,
        pages: 1,
        owner: Owner::DumpPort(Role::Hiber),
    };
    assert_eq!(image.plain_pages(&[dump_stack]).expect("read"), 1);
}
