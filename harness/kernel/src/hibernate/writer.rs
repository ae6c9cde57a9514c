//! Writing the image: what runs on the hibernate stack from the freeze to the power-off.
//!
//! Order: the old header is overwritten, then pages (in shuffled requests), table of contents and wipe list, a cache
//! flush, and the header last. An image is whole or it has no header.

use alloc::{format, string::String, vec, vec::Vec};
use core::fmt;

use proto::{
    hiber::{BLOCK_BYTES, PAGE_BYTES, checksum},
    owner::{Owner, Role},
    record::{Checkpoint, ImageFacts, PhysicalRange, Record},
    scenario::BenchFault,
};

use super::{
    context::{self, Context},
    image::{self, TableOfContents},
    layout::{Extent, ImageLayout, LayoutError, requests},
    plan::{PagePlan, Phases, PlannedPage, Source},
};
use crate::{
    dump::{
        INTERNAL_POWER_ERROR,
        cdb::Direction,
        handover::{self, HandoverError},
        instance,
        mode::DumpMode,
        request::{self, Command, RequestError},
        start::{self, StartError},
        witness, write,
    },
    hw::switch,
    mem::{self, Pa},
    port::random::Random,
    power, record, rules,
    rules::Rule,
};

/// Why no image could be written, as a bug check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// The dump stack did not start (0xC).
    Start(StartError),
    /// The partition is too small (0xB).
    Layout(LayoutError),
    /// The disk failed (0x108).
    Request {
        /// What was being written.
        what: &'static str,
        /// What happened.
        error: RequestError,
    },
    /// The bench's own bookkeeping failed.
    Internal(&'static str),
}

impl WriteError {
    /// First parameter of bug check 0xA0.
    #[must_use]
    pub const fn parameter(&self) -> u64 {
        match self {
            Self::Start(_) | Self::Internal(_) => 0xC,
            Self::Layout(_) => 0xB,
            Self::Request { .. } => 0x108,
        }
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => error.fmt(f),
            Self::Layout(LayoutError::PartitionTooSmall { needed, available }) => write!(
                f,
                "the hibernation partition is too small: the image needs {needed} blocks of 4096 bytes, there are {available}"
            ),
            Self::Layout(LayoutError::SectorSize(bytes)) => {
                write!(
                    f,
                    "a sector of {bytes} bytes cannot hold the image's blocks"
                )
            }
            Self::Request { what, error } => {
                write!(f, "writing the hibernation image ({what}) failed: {error}")
            }
            Self::Internal(what) => f.write_str(what),
        }
    }
}

impl From<HandoverError> for WriteError {
    fn from(_: HandoverError) -> Self {
        Self::Internal("the marks do not fit into the hand-over block")
    }
}

/// Freezes, writes the image, and turns the machine off; the routine for `switch::hibernate`.
///
/// # Panics
/// If no hibernation was set up.
pub fn freeze_and_write() -> ! {
    let Some(context) = context::get() else {
        panic!("there is no hibernation to write");
    };
    context.shadow.take();
    announce_memory();
    record::checkpoint(Checkpoint::Freeze);
    match write_image(&context) {
        Ok(facts) => {
            record::emit(&Record::ImageWritten(facts));
            super::report_not_implemented();
            record::checkpoint(Checkpoint::ImageComplete);
            power::sleep_s4()
        }
        Err(error) => {
            let text = format!("{error}");
            record::bugcheck(INTERNAL_POWER_ERROR, [error.parameter(), 0, 0, 0], text)
        }
    }
}

/// Tells the host who owns which page, and which pages need not be the same after the resume.
fn announce_memory() {
    let runs = mem::owner_runs();
    let volatile = runs
        .iter()
        .filter_map(|run| {
            let reason = volatile_reason(run.owner)?;
            let range = PhysicalRange {
                address: run.first_pfn * PAGE_BYTES,
                bytes: run.pages * PAGE_BYTES,
            };
            Some((range, String::from(reason)))
        })
        .collect();
    record::emit(&Record::OwnerMap { runs });
    record::emit(&Record::Volatile { ranges: volatile });
}

const fn volatile_reason(owner: Owner) -> Option<&'static str> {
    match owner {
        Owner::Firmware => Some("firmware: used only to start processors"),
        Owner::Loader => Some("windows of the loader and its package"),
        Owner::KernelData => {
            Some("bench kernel's variables and heap: restored, then used to read the rest")
        }
        Owner::PageTables => {
            Some("page tables: accessed and dirty bits, pages hidden until they were read")
        }
        Owner::HibernateStack => Some("the stack on which the image is written and read"),
        Owner::Image(Role::Hiber)
        | Owner::DumpPort(Role::Hiber)
        | Owner::DeviceExtension(Role::Hiber)
        | Owner::UncachedExtension(Role::Hiber)
        | Owner::Request(Role::Hiber) => {
            Some("the dump stack itself: saved while it was at work, then at work again")
        }
        _ => None,
    }
}

fn write_image(context: &Context) -> Result<ImageFacts, WriteError> {
    let mut random = Random::new(context.seed, "image");
    record::step("hibernate: start the dump stack", || {
        start::enter(DumpMode::Hiber).map_err(WriteError::Start)
    })?;
    instance::with(|port| crate::log!("{}", start::describe(port)));
    for _ in 0..3 {
        request::poll_spuriously();
    }
    context.inquiry().map_err(failed("INQUIRY"))?;
    let (plan, phases) = make_plan()?;
    let layout = ImageLayout::new(plan.pages(), plan.wipes.len());
    layout
        .check(context.partition, context.sector_bytes)
        .map_err(WriteError::Layout)?;
    let result = record::step("hibernate: write the image", || {
        write_blocks(context, &plan, &layout, &mut random)
    });
    witness::conclude();
    result?;
    let figures = instance::with(|port| port.instance.figures).unwrap_or_default();
    write::report();
    Ok(ImageFacts {
        two_phase: phases == Phases::Two,
        boot_pages: plan.boot.len() as u64,
        kernel_pages: plan.kernel.len() as u64,
        image_bytes: layout.blocks() * BLOCK_BYTES,
        requests: figures.requests,
        largest_request_bytes: figures.largest_request_bytes,
        polls: figures.polls,
    })
}

/// The page sets by owners and marks; the marks are handed over to RESUME.
fn make_plan() -> Result<(PagePlan, Phases), WriteError> {
    let known = instance::with(|port| {
        let marked = port.instance.marked.clone();
        port.stack.kept_marks.insert_all(&marked);
        (
            port.stack.kept_marks.clone(),
            port.stack.handover.va,
            port.stack.single_phase_reason(),
        )
    });
    let (marked, handover, reason) = known.ok_or(WriteError::Internal("no dump stack"))?;
    let phases = if let Some(reason) = reason {
        crate::log_warning!("single-phase: {reason}, so the loader restores all memory");
        Phases::Single
    } else {
        Phases::Two
    };
    handover::store(handover, &marked)?;
    Ok((PagePlan::new(&mem::owner_runs(), &marked, phases), phases))
}

fn failed(what: &'static str) -> impl Fn(RequestError) -> WriteError {
    move |error| WriteError::Request { what, error }
}

fn write_blocks(
    context: &Context,
    plan: &PagePlan,
    layout: &ImageLayout,
    random: &mut Random,
) -> Result<(), WriteError> {
    let header_extent = Extent {
        first_block: 0,
        blocks: 1,
    };
    let zero = vec![0; mem::size(BLOCK_BYTES)];
    write_bytes(context, header_extent, &zero, random).map_err(failed("clearing the header"))?;
    let mut toc = TableOfContents::new(plan);
    let limit = request::limit_blocks();
    let parts = requests(layout.data, limit, random);
    let middle = parts.len() / 2;
    for (number, part) in parts.into_iter().enumerate() {
        write_pages(context, plan, layout, part, &mut toc, random)?;
        if number == middle {
            request::reset_while_idle();
        }
    }
    write_bytes(context, layout.toc, toc.as_bytes(), random)
        .map_err(failed("table of contents"))?;
    write_bytes(
        context,
        layout.wipes,
        image::wipe_bytes(&plan.wipes),
        random,
    )
    .map_err(failed("wipe list"))?;
    Context::synchronize().map_err(failed("SYNCHRONIZE CACHE"))?;
    let header = image::header(context.identity, plan, layout, &toc, switch::entry());
    let counters = rules::counters();
    record::emit(&Record::CountersTaken);
    write_bytes(
        context,
        header_extent,
        &image::header_block_with(&header, &counters),
        random,
    )
    .map_err(failed("header"))?;
    write::finish().map_err(failed("Dump_Finish"))?;
    Context::synchronize().map_err(failed("SYNCHRONIZE CACHE"))?;
    rules::check(Rule::DumpRequestRefused);
    match request::execute(&Command::Shutdown) {
        Ok(()) => Ok(()),
        Err(error) => {
            rules::violate(
                Rule::DumpRequestRefused,
                format_args!("SRB_FUNCTION_SHUTDOWN: {error}"),
            );
            Ok(())
        }
    }
}

/// Writes the pages behind one extent of data blocks.
fn write_pages(
    context: &Context,
    plan: &PagePlan,
    layout: &ImageLayout,
    part: Extent,
    toc: &mut TableOfContents,
    random: &mut Random,
) -> Result<(), WriteError> {
    let first = mem::size(part.first_block - layout.data.first_block);
    let mut runs = Vec::new();
    for slot in 0..part.blocks {
        let index = first + mem::size(slot);
        let page = plan
            .page(index)
            .ok_or(WriteError::Internal("a block without a page"))?;
        let damaged = context.plays(BenchFault::FlipBitInImage)
            && index == plan.boot.len() + plan.kernel.len() / 2;
        let damage = if damaged {
            Damage::OneBit
        } else {
            Damage::None
        };
        let (address, xxh64) = place_page(context, page, slot, damage)
            .ok_or(WriteError::Internal("a page cannot be read"))?;
        toc.set(index, xxh64);
        mem::push_merged(&mut runs, address.0, PAGE_BYTES);
    }
    context
        .transfer(Direction::Write, part, runs, random)
        .map_err(failed("pages"))
}

/// What happens to a page on its way to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Damage {
    None,
    OneBit,
}

/// Where the page's bytes are to be written from, and their checksum.
fn place_page(
    context: &Context,
    page: PlannedPage,
    slot: u64,
    damage: Damage,
) -> Option<(Pa, u64)> {
    let from = match page.source {
        Source::Shadow => context.shadow.of(page.pfn)?,
        Source::InPlace | Source::Bounce | Source::Patch => Pa::of_pfn(page.pfn),
    };
    let mut data = [0; 4096];
    mem::read_physical_bytes(from, &mut data).ok()?;
    let xxh64 = checksum(&data);
    if damage == Damage::OneBit {
        data[1234] ^= 0x10;
        crate::log!(
            "bench fault: one bit of page {:#x} is flipped in the image",
            page.pfn
        );
    } else if matches!(page.source, Source::InPlace | Source::Shadow) {
        return Some((from, xxh64));
    }
    let bounce = context.bounce_page(slot)?;
    mem::write_physical_bytes(bounce, &data).ok()?;
    Some((bounce, xxh64))
}

/// Writes bytes to an extent, padded with zeros, through the bounce pages.
fn write_bytes(
    context: &Context,
    extent: Extent,
    bytes: &[u8],
    random: &mut Random,
) -> Result<(), RequestError> {
    for part in requests(extent, request::limit_blocks(), random) {
        let start = mem::size((part.first_block - extent.first_block) * BLOCK_BYTES);
        for slot in 0..part.blocks {
            let mut block = [0; 4096];
            let from = start + mem::size(slot * BLOCK_BYTES);
            let rest = bytes.get(from..).unwrap_or_default();
            let length = rest.len().min(block.len());
            block[..length].copy_from_slice(&rest[..length]);
            let page = context.bounce_page(slot).ok_or(RequestError::NotReady)?;
            mem::write_physical_bytes(page, &block).map_err(|_| RequestError::NotReady)?;
        }
        context.transfer(
            Direction::Write,
            part,
            context.bounce_runs(part.blocks),
            random,
        )?;
    }
    Ok(())
}
