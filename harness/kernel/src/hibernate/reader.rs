//! Coming back: what runs on the hibernate stack between the loader and the main flow.
//!
//! The loader has restored the boot-phase set and poisoned everything else. The copy of the miniport is entered again
//! in mode RESUME and reads the kernel-phase set; every page is checked and only then shown to drivers again. A wrong
//! checksum stops the system (bug check 0xA0/0x10E) with the disk as it was.

use alloc::{format, vec, vec::Vec};
use core::fmt;

use proto::{
    hiber::{BLOCK_BYTES, PAGE_BYTES, TocEntry, WipeRange, checksum},
    owner::Owner,
    record::{Checkpoint, ImageFacts, Record},
    scenario::{BenchFault, PROTOCOL_VERSION},
};

use super::{
    context::{self, Context},
    freeze::Hidden,
    image::{self, ImageError},
    layout::{Extent, ImageLayout, requests},
    plan::{PagePlan, Phases, PlannedPage, Source},
    ranges::Span,
};
use crate::{
    dump::{
        INTERNAL_POWER_ERROR,
        cdb::Direction,
        handover, instance,
        mode::DumpMode,
        request::{self, RequestError},
        start::{self, StartError},
        witness, write,
    },
    mem::{self, Pa},
    port::random::Random,
    record, rules,
    rules::Rule,
};

/// Why the system cannot come back, as a bug check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The dump stack did not start (0xC).
    Start(StartError),
    /// The disk failed (0x10A).
    Request {
        /// What was being read.
        what: &'static str,
        /// What happened.
        error: RequestError,
    },
    /// The image is damaged (0x10E).
    Image(ImageError),
    /// The bench's own bookkeeping failed.
    Internal(&'static str),
}

impl ReadError {
    /// First parameter of bug check 0xA0.
    #[must_use]
    pub const fn parameter(&self) -> u64 {
        match self {
            Self::Start(_) | Self::Internal(_) => 0xC,
            Self::Request { .. } => 0x10A,
            Self::Image(_) => 0x10E,
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => error.fmt(f),
            Self::Request { what, error } => {
                write!(f, "reading the hibernation image ({what}) failed: {error}")
            }
            Self::Image(error) => write!(f, "the hibernation image is damaged: {error}"),
            Self::Internal(what) => f.write_str(what),
        }
    }
}

impl From<ImageError> for ReadError {
    fn from(error: ImageError) -> Self {
        Self::Image(error)
    }
}

/// Brings the rest of memory back; the routine for `switch::hibernate`.
///
/// # Panics
/// If no hibernation was set up.
pub fn read_rest() {
    let Some(context) = context::get() else {
        panic!("the kernel was resumed without a hibernation");
    };
    record::emit(&Record::Hello {
        protocol_version: PROTOCOL_VERSION,
        boot: u32::try_from(context.identity.cycle).unwrap_or(u32::MAX),
        ram: mem::ram(),
    });
    // The second half of the hibernation's seed: other sizes and orders than at writing.
    let mut random = Random::new(context.seed, "resume");
    match read(&context, &mut random) {
        Ok(facts) => record::emit(&Record::ImageRead(facts)),
        Err(error) => {
            rules::violate(Rule::ResumeFailed, error);
            record::bugcheck(
                INTERNAL_POWER_ERROR,
                [error.parameter(), 0, 0, 0],
                format!("{error}"),
            )
        }
    }
    if context.plays(BenchFault::ChangeRestoredPage) {
        change_restored_page();
    }
    // The host's new process has not seen it: it saves memory by it.
    record::emit(&Record::OwnerMap {
        runs: mem::owner_runs(),
    });
    record::checkpoint(Checkpoint::Resumed);
}

fn read(context: &Context, random: &mut Random) -> Result<ImageFacts, ReadError> {
    let Some((handover, capable)) = instance::with(|port| {
        (
            port.stack.handover.va,
            port.stack.single_phase_reason().is_none(),
        )
    }) else {
        return Err(ReadError::Internal("no dump stack"));
    };
    let marked = handover::load(handover)
        .map_err(|_| ReadError::Internal("the hand-over block is damaged"))?;
    instance::with(|port| port.stack.kept_marks = marked.clone());
    let phases = if capable { Phases::Two } else { Phases::Single };
    let plan = PagePlan::new(&mem::owner_runs(), &marked, phases);
    let facts = ImageFacts {
        two_phase: phases == Phases::Two,
        boot_pages: plan.boot.len() as u64,
        kernel_pages: plan.kernel.len() as u64,
        image_bytes: ImageLayout::new(plan.pages(), plan.wipes.len()).blocks() * BLOCK_BYTES,
        requests: 0,
        largest_request_bytes: 0,
        polls: 0,
    };
    if phases == Phases::Single {
        return Ok(facts);
    }
    rules::check(Rule::ResumeFailed);
    rules::check(Rule::DumpUnmarkedAccess);
    let hidden = Hidden::all_but(&plan.boot_pfns());
    crate::log!(
        "{} pages are restored, {} pages of drivers are hidden until they are read",
        plan.boot.len(),
        hidden.count()
    );
    record::step("resume: start the dump stack", || {
        start::enter(DumpMode::Resume).map_err(ReadError::Start)
    })?;
    request::poll_spuriously();
    context.inquiry().map_err(failed("INQUIRY"))?;
    let patches = record::step("resume: read the kernel-phase set", || {
        read_image(context, &plan, random)
    })?;
    witness::conclude();
    super::report_not_implemented();
    hidden.reveal();
    for patch in &patches {
        patch.apply()?;
    }
    let figures = instance::with(|port| port.instance.figures).unwrap_or_default();
    write::report();
    Ok(ImageFacts {
        requests: figures.requests,
        largest_request_bytes: figures.largest_request_bytes,
        polls: figures.polls,
        ..facts
    })
}

fn failed(what: &'static str) -> impl Fn(RequestError) -> ReadError {
    move |error| ReadError::Request { what, error }
}

/// Bytes that the loader wiped in a restored page, as they were.
struct Patch {
    address: u64,
    bytes: Vec<u8>,
}

impl Patch {
    fn apply(&self) -> Result<(), ReadError> {
        mem::write_physical_bytes(Pa(self.address), &self.bytes)
            .map_err(|_| ReadError::Internal("a wiped byte is not in memory"))
    }
}

fn read_image(
    context: &Context,
    plan: &PagePlan,
    random: &mut Random,
) -> Result<Vec<Patch>, ReadError> {
    let header_extent = Extent {
        first_block: 0,
        blocks: 1,
    };
    let block = read_bytes(context, header_extent, random).map_err(failed("header"))?;
    let (header, layout) = image::accept_header(&block, context.identity)?;
    let blocks = read_bytes(context, layout.toc, random).map_err(failed("table of contents"))?;
    let toc = image::accept_toc(&header, &blocks)?;
    let blocks = read_bytes(context, layout.wipes, random).map_err(failed("wipe list"))?;
    let wipes = image::accept_wipes(&header, &blocks)?;
    let planned = plan.boot.iter().chain(&plan.kernel).map(|page| page.pfn);
    if header.boot_pages != plan.boot.len() as u64 || !toc.iter().map(|entry| entry.pfn).eq(planned)
    {
        return Err(ReadError::Image(ImageError::Geometry));
    }
    let data = Extent {
        first_block: layout.data.first_block + header.boot_pages,
        blocks: header.kernel_pages,
    };
    let mut patches = Vec::new();
    for part in requests(data, request::limit_blocks(), random) {
        let first = mem::size(part.first_block - layout.data.first_block);
        let pages: Vec<PlannedPage> = (first..)
            .map_while(|index| plan.page(index))
            .take(mem::size(part.blocks))
            .collect();
        read_pages(context, part, &pages, random)?;
        for (slot, page) in (0..).zip(&pages) {
            let entry = toc
                .get(first + mem::size(slot))
                .ok_or(ReadError::Image(ImageError::Geometry))?;
            let bytes = check_page(context, *page, slot, entry, part.first_block + slot)?;
            if page.source == Source::Patch {
                patches.extend(patches_of(page.pfn, &bytes, &wipes));
            }
        }
    }
    Ok(patches)
}

fn place_of(context: &Context, page: PlannedPage, slot: u64) -> Result<Pa, ReadError> {
    match page.source {
        Source::Patch => context
            .bounce_page(slot)
            .ok_or(ReadError::Internal("too few bounce pages")),
        Source::InPlace | Source::Shadow | Source::Bounce => Ok(Pa::of_pfn(page.pfn)),
    }
}

fn read_pages(
    context: &Context,
    part: Extent,
    pages: &[PlannedPage],
    random: &mut Random,
) -> Result<(), ReadError> {
    let mut runs = Vec::new();
    for (slot, page) in (0..).zip(pages) {
        let place = place_of(context, *page, slot)?;
        mem::push_merged(&mut runs, place.0, PAGE_BYTES);
    }
    context
        .transfer(Direction::Read, part, runs, random)
        .map_err(failed("pages"))
}

fn check_page(
    context: &Context,
    page: PlannedPage,
    slot: u64,
    entry: &TocEntry,
    block: u64,
) -> Result<Vec<u8>, ReadError> {
    let place = place_of(context, page, slot)?;
    let mut data = vec![0; mem::size(PAGE_BYTES)];
    mem::read_physical_bytes(place, &mut data)
        .map_err(|_| ReadError::Internal("a page is not in memory"))?;
    if checksum(&data) != entry.xxh64 {
        return Err(ReadError::Image(ImageError::PageChecksum {
            pfn: page.pfn,
            block,
        }));
    }
    Ok(data)
}

/// The wiped bytes of one page.
fn patches_of(pfn: u64, data: &[u8], wipes: &[WipeRange]) -> Vec<Patch> {
    let Some(page) = super::plan::page_span(pfn) else {
        return Vec::new();
    };
    wipes
        .iter()
        .filter_map(|wipe| Span::new(wipe.address, wipe.bytes)?.intersection(page))
        .filter_map(|span| {
            let start = mem::size(span.start - page.start);
            let end = mem::size(span.end - page.start);
            Some(Patch {
                address: span.start,
                bytes: data.get(start..end)?.to_vec(),
            })
        })
        .collect()
}

/// Reads an extent through the bounce pages.
fn read_bytes(
    context: &Context,
    extent: Extent,
    random: &mut Random,
) -> Result<Vec<u8>, RequestError> {
    let mut bytes = vec![0; mem::size(extent.blocks * BLOCK_BYTES)];
    for part in requests(extent, request::limit_blocks(), random) {
        let runs = context.bounce_runs(part.blocks);
        context.transfer(Direction::Read, part, runs, random)?;
        let start = mem::size((part.first_block - extent.first_block) * BLOCK_BYTES);
        for slot in 0..part.blocks {
            let from = start + mem::size(slot * BLOCK_BYTES);
            let page = context.bounce_page(slot).ok_or(RequestError::NotReady)?;
            let target = bytes
                .get_mut(from..from + mem::size(BLOCK_BYTES))
                .ok_or(RequestError::NotReady)?;
            mem::read_physical_bytes(page, target).map_err(|_| RequestError::NotReady)?;
        }
    }
    Ok(bytes)
}

/// Bench fault: one byte of the workload's memory differs from what was saved.
fn change_restored_page() {
    let Some(run) = mem::owner_runs()
        .into_iter()
        .find(|run| run.owner == Owner::Workload)
    else {
        return;
    };
    let address = Pa(run.first_pfn * PAGE_BYTES + 77);
    let changed = mem::read_physical::<u8>(address)
        .and_then(|byte| mem::write_physical(address, &(byte ^ 1)));
    if changed.is_ok() {
        crate::log!("bench fault: the byte at {address} is changed after the resume");
    }
}
