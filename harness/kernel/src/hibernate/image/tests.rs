//! Tests of header and tables: what the writer makes the reader accepts, and nothing else.

use super::{
    super::plan::{PlannedPage, Source},
    *,
};

const IDENTITY: Identity = Identity {
    kernel_id: 11,
    cycle: 2,
    memory_map_xxh64: 33,
};

const ENTRY: ResumeEntry = ResumeEntry {
    cr3: 1,
    rip: 2,
    rsp: 3,
};

fn plan() -> PagePlan {
    let page = |pfn| PlannedPage {
        pfn,
        source: Source::InPlace,
    };
    PagePlan {
        boot: (100..400).map(page).collect(),
        kernel: (500..507).map(page).collect(),
        wipes: vec![WipeRange {
            address: 0x6_4010,
            bytes: 16,
        }],
    }
}

fn image() -> (ImageHeader, TableOfContents) {
    let plan = plan();
    let layout = ImageLayout::new(plan.pages(), plan.wipes.len());
    let mut toc = TableOfContents::new(&plan);
    for index in 0..plan.pages() {
        toc.set(index, u64::try_from(index).unwrap() * 7);
    }
    (header(IDENTITY, &plan, &layout, &toc, ENTRY), toc)
}

#[test]
fn what_was_written_is_accepted() {
    let (header, toc) = image();
    let (read, layout) = accept_header(&header_block(&header), IDENTITY).unwrap();
    assert_eq!(read, header);
    assert_eq!(layout.data.first_block, 4);
    let mut blocks = toc.as_bytes().to_vec();
    blocks.resize(2 * 4096, 0);
    let entries = accept_toc(&header, &blocks).unwrap();
    assert_eq!(entries.len(), 307);
    assert_eq!((entries[306].pfn, entries[306].xxh64), (506, 306 * 7));
    assert_eq!(
        accept_wipes(&header, wipe_bytes(&plan().wipes)).unwrap(),
        plan().wipes
    );
    assert_eq!(entries_of::<TocEntry>(toc.as_bytes()), entries);
}

#[test]
fn every_damaged_bit_of_the_header_is_found() {
    let (header, _) = image();
    let good = header_block(&header);
    for bit in 0..header.as_bytes().len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(accept_header(&bad, IDENTITY).is_err(), "bit {bit}");
    }
}

#[test]
fn a_consumed_image_is_refused() {
    let (header, _) = image();
    let used = consumed(&header_block(&header)).unwrap();
    assert_eq!(
        accept_header(&header_block(&used), IDENTITY),
        Err(ImageError::State(ImageState::Consumed.raw()))
    );
    assert_eq!(consumed(&[0; 4096]), None);
}

#[test]
fn another_system_is_refused() {
    let (header, _) = image();
    let other = Identity {
        cycle: 3,
        ..IDENTITY
    };
    assert_eq!(
        accept_header(&header_block(&header), other),
        Err(ImageError::Identity)
    );
}

#[test]
fn damaged_tables_are_refused() {
    let (header, toc) = image();
    let mut blocks = toc.as_bytes().to_vec();
    assert_eq!(
        accept_toc(&header, &blocks[..100]),
        Err(ImageError::Geometry)
    );
    blocks[17] ^= 1;
    assert_eq!(accept_toc(&header, &blocks), Err(ImageError::TocChecksum));
    assert_eq!(
        accept_wipes(&header, &[0; 4096]),
        Err(ImageError::WipeChecksum)
    );
    let absurd = ImageHeader {
        boot_pages: u64::MAX,
        ..header
    };
    assert_eq!(accept_toc(&absurd, &blocks), Err(ImageError::Geometry));
}

#[test]
fn counters_travel_behind_the_header() {
    let (header, _) = image();
    let counters = [[1, 2], [3, 4], [5, 6]];
    let block = header_block_with(&header, &counters);
    assert_eq!(counters_of(&block, 3), counters);
    assert_eq!(ImageHeader::parse(&block), Ok(header));
    assert_eq!(counters_of(&block[..1030], 3), [[0; 2]; 3]);
}
