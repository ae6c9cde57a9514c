//! The dump writer: stands in for the part of NT that hands a dump to the dump stack.
//!
//! The file lies at the start of its partition. Its header is written first without the word that makes it valid, then
//! page map, pages and secondary data, then the header again, whole: an unfinished dump is never taken for one. The
//! first pages of every kind are in order of their addresses, in requests as long as the miniport takes them. The small dump
//! is `small`'s. All of them go through the dump filters ([`crate::dump::write`]).

use alloc::{collections::BTreeSet, vec::Vec};
use core::fmt;

use proto::{
    hiber::PAGE_BYTES,
    owner::OwnerRun,
    record::{DumpFacts, PhysicalRange},
    scenario::{DumpKind, Partition},
};

use super::{
    abi::DumpHeader,
    flow::BugCheck,
    header::dump_type,
    layout::{self, HEADER_BYTES, Layout, Secondary},
    live::{BUILD, Snapshot},
    pages,
    small::SmallError,
};
use crate::{
    bugcheck::run::{self, NamedRange},
    dump::{
        cdb::{Cdb, CdbForm},
        instance,
        mode::DumpMode,
        request::{self, Command, Data, RequestError},
        start::{self, StartError},
        witness,
        write::{self as transfer, Destination},
    },
    hibernate::freeze::Shadow,
    mem::{self, Pa},
    port::{
        abi::{bugcheck::dump_io_type, put},
        random::Random,
    },
    rules,
    rules::Rule,
};

mod small;

/// What a dump is written from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job<'a> {
    /// What it is to hold.
    pub kind: DumpKind,
    /// Where it goes.
    pub partition: Partition,
    /// Bytes per sector of the disk.
    pub sector_bytes: u32,
    /// Seed of the writer's choices.
    pub seed: u64,
    /// Copies of what the dump itself changes.
    pub shadow: &'a Shadow,
    /// Pages through which headers go.
    pub bounce: &'a [PhysicalRange],
    /// Who owns which page.
    pub owners: &'a [OwnerRun],
    /// The system at the moment of the bug check.
    pub snapshot: &'a Snapshot,
    /// Why there is a dump.
    pub bug_check: &'a BugCheck,
}

/// Why there is no dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DumpError {
    /// The crash stack did not start.
    Start(StartError),
    /// The partition is too small.
    TooSmall {
        /// Bytes of the dump.
        needed: u64,
        /// Bytes of the partition.
        available: u64,
    },
    /// The disk failed.
    Request {
        /// What was being written.
        what: &'static str,
        /// What happened.
        error: RequestError,
    },
    /// There are more runs of RAM than a header can list.
    Header,
    /// A small dump cannot hold what it must.
    Small(SmallError),
}

impl fmt::Display for DumpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => error.fmt(f),
            Self::TooSmall { needed, available } => write!(
                f,
                "the dump needs {needed} bytes and its partition has {available}: nothing was written"
            ),
            Self::Request { what, error } => {
                write!(f, "writing the dump ({what}) failed: {error}")
            }
            Self::Header => f.write_str("a dump header cannot list that many runs of RAM"),
            Self::Small(error) => error.fmt(f),
        }
    }
}

/// Starts the crash stack and writes the dump. `HIGH_LEVEL`, interrupts off.
///
/// # Errors
/// [`DumpError`]; the stack was brought to its end all the same.
pub(super) fn write(job: &Job<'_>) -> Result<DumpFacts, DumpError> {
    start::enter(DumpMode::Crash).map_err(DumpError::Start)?;
    instance::with(|port| crate::log!("{}", start::describe(port)));
    for _ in 0..3 {
        request::poll_spuriously();
    }
    let mut writer = Writer {
        job,
        random: Random::new(job.seed, "crash dump"),
    };
    writer.inquiry().map_err(failed("INQUIRY"))?;
    let written = if job.kind == DumpKind::Small {
        writer.write_small()
    } else {
        writer.write_dump()
    };
    // The stack is brought to its end in any case: the disk must not lose what was written.
    let flushed = Writer::command(Cdb::synchronize_cache(), Data::None);
    rules::check(Rule::DumpRequestRefused);
    if let Err(error) = request::execute(&Command::Shutdown) {
        rules::violate(
            Rule::DumpRequestRefused,
            format_args!("SRB_FUNCTION_SHUTDOWN: {error}"),
        );
    }
    witness::conclude();
    transfer::report();
    let facts = written?;
    flushed.map_err(failed("SYNCHRONIZE CACHE"))?;
    Ok(facts)
}

fn failed(what: &'static str) -> impl Fn(RequestError) -> DumpError {
    move |error| DumpError::Request { what, error }
}

/// The page frames of ranges that callbacks named.
fn frames(ranges: &[NamedRange]) -> BTreeSet<u64> {
    ranges
        .iter()
        .flat_map(|range| &range.physical)
        .flat_map(|range| {
            let first = range.address / PAGE_BYTES;
            first..first + range.bytes.div_ceil(PAGE_BYTES)
        })
        .collect()
}

/// The blocks of the secondary-data callbacks, where `room` bytes are left for them.
fn ask_for_secondary(room: u64) -> Vec<Secondary> {
    run::secondary(layout::secondary_limit(room))
        .into_iter()
        .map(|block| Secondary {
            guid: block.guid,
            bytes: block.bytes,
        })
        .collect()
}

/// So often the host hears that the dump goes on: a filter that encrypts takes its time.
const SIGN_OF_LIFE_PAGES: u64 = 4096;
/// In place of `DU64` while the dump is not complete.
const UNFINISHED: [u8; 4] = *b"PAGE";

struct Writer<'a> {
    job: &'a Job<'a>,
    random: Random,
}

impl Writer<'_> {
    fn write_dump(&mut self) -> Result<DumpFacts, DumpError> {
        let ram = pages::whole_pages(&mem::ram());
        let code = self.job.bug_check.code;
        let added = frames(&run::add_pages(code));
        let removed = frames(&run::remove_pages(code));
        let (mut layout, dump_type) = if self.job.kind == DumpKind::Full {
            (Layout::full(&ram), dump_type::FULL)
        } else {
            let mut present = pages::kernel_pages(self.job.owners, &added, &ram);
            present.retain(|pfn| !removed.contains(pfn));
            (Layout::kernel(&present, &ram), dump_type::BITMAP_FULL)
        };
        let room = self.room_behind(layout.bytes())?;
        let mut unfinished = self.header(dump_type, layout.bytes())?;
        put(&mut unfinished, DumpHeader::VALID_DUMP, UNFINISHED);
        self.put_bytes(dump_io_type::HEADER, 0, &unfinished)
            .map_err(failed("header"))?;
        self.put_bytes(dump_io_type::HEADER, HEADER_BYTES, &layout.bitmap)
            .map_err(failed("page map"))?;
        self.put_pages(&layout)?;
        let blocks = ask_for_secondary(room);
        layout.set_secondary(&blocks, BUILD);
        self.put_bytes(
            dump_io_type::SECONDARY_DATA,
            layout.secondary_offset(),
            &layout.secondary,
        )
        .map_err(failed("secondary data"))?;
        Self::command(Cdb::synchronize_cache(), Data::None).map_err(failed("SYNCHRONIZE CACHE"))?;
        let header = self.header(dump_type, layout.bytes())?;
        self.put_bytes(dump_io_type::HEADER, 0, &header)
            .map_err(failed("final header"))?;
        transfer::finish().map_err(failed("Dump_Finish"))?;
        run::dump_io_complete();
        Ok(DumpFacts {
            pages: layout.page_count(),
            added_pages: added.len() as u64,
            ..self.facts(layout.bytes(), &blocks)
        })
    }

    /// Figures of a dump without pages.
    fn facts(&self, dump_bytes: u64, blocks: &[Secondary]) -> DumpFacts {
        let figures = instance::with(|port| port.instance.figures).unwrap_or_default();
        DumpFacts {
            kind: self.job.kind,
            dump_bytes,
            pages: 0,
            added_pages: 0,
            secondary_blocks: u32::try_from(blocks.len()).unwrap_or(u32::MAX),
            requests: figures.requests,
            largest_request_bytes: figures.largest_request_bytes,
            polls: figures.polls,
        }
    }

    /// What the partition has left behind `bytes` bytes.
    fn room_behind(&self, bytes: u64) -> Result<u64, DumpError> {
        let available = self.job.partition.sectors * u64::from(self.job.sector_bytes);
        available.checked_sub(bytes).ok_or(DumpError::TooSmall {
            needed: bytes,
            available,
        })
    }

    fn header(&self, dump_type: u32, bytes: u64) -> Result<Vec<u8>, DumpError> {
        self.job
            .snapshot
            .header(dump_type, bytes)
            .map_err(|_| DumpError::Header)
    }

    /// Pages in the order of the file, as many a request as the miniport takes.
    fn put_pages(&mut self, layout: &Layout) -> Result<(), DumpError> {
        let limit = request::limit_blocks();
        let mut offset = layout.first_page();
        let total = layout.page_count();
        let mut done = 0;
        for &(first, count) in &layout.pages {
            let mut pfn = first;
            while pfn < first + count {
                let pages = limit.min(first + count - pfn);
                let mut runs = Vec::new();
                for page in pfn..pfn + pages {
                    let from = self.job.shadow.of(page).unwrap_or(Pa::of_pfn(page));
                    mem::push_merged(&mut runs, from.0, PAGE_BYTES);
                }
                self.put(dump_io_type::BODY, offset, runs)
                    .map_err(failed("pages"))?;
                let half = done < total / 2 && done + pages >= total / 2;
                if half {
                    request::reset_while_idle();
                }
                if done / SIGN_OF_LIFE_PAGES != (done + pages) / SIGN_OF_LIFE_PAGES {
                    crate::log_debug!("{} of {total} pages written", done + pages);
                }
                done += pages;
                offset += pages * PAGE_BYTES;
                pfn += pages;
            }
        }
        Ok(())
    }

    /// Bytes through the bounce pages, padded with zeros to whole pages.
    fn put_bytes(&mut self, kind: u32, offset: u64, bytes: &[u8]) -> Result<(), RequestError> {
        let limit = request::limit_blocks().min(self.bounce_pages());
        let chunk_bytes = mem::size(limit.max(1) * PAGE_BYTES);
        let mut at = offset;
        for chunk in bytes.chunks(chunk_bytes) {
            let pages = (chunk.len() as u64).div_ceil(PAGE_BYTES);
            let mut runs = Vec::new();
            for (index, content) in (0..).zip(chunk.chunks(mem::size(PAGE_BYTES))) {
                let mut page = [0; 4096];
                page[..content.len()].copy_from_slice(content);
                let to = self.bounce_page(index).ok_or(RequestError::NotReady)?;
                mem::write_physical_bytes(to, &page).map_err(|_| RequestError::NotReady)?;
                mem::push_merged(&mut runs, to.0, PAGE_BYTES);
            }
            self.put(kind, at, runs)?;
            at += pages * PAGE_BYTES;
        }
        Ok(())
    }

    fn bounce_pages(&self) -> u64 {
        let bytes: u64 = self.job.bounce.iter().map(|run| run.bytes).sum();
        bytes / PAGE_BYTES
    }

    fn bounce_page(&self, index: u64) -> Option<Pa> {
        self.job
            .bounce
            .iter()
            .flat_map(|run| {
                let pages = run.bytes / PAGE_BYTES;
                (0..pages).map(|page| Pa(run.address + page * PAGE_BYTES))
            })
            .nth(mem::size(index))
    }

    /// One request, of which the callbacks that watch the dump are told.
    fn put(
        &mut self,
        kind: u32,
        offset: u64,
        runs: Vec<PhysicalRange>,
    ) -> Result<(), RequestError> {
        let mut told = offset;
        for part in &runs {
            run::dump_io(run::Write {
                kind,
                offset: told,
                buffer: mem::direct(Pa(part.address)),
                bytes: u32::try_from(part.bytes).unwrap_or(u32::MAX),
            });
            told += part.bytes;
        }
        let form = CdbForm::drawn(&mut self.random);
        let destination = Destination {
            partition: self.job.partition,
            sector_bytes: self.job.sector_bytes,
        };
        transfer::write(destination, form, offset, runs)
    }

    /// INQUIRY, the first command of every dump stack.
    fn inquiry(&self) -> Result<(), RequestError> {
        const BYTES: u8 = 36;
        let page = self.bounce_page(0).ok_or(RequestError::NotReady)?;
        let data = Data::In(Vec::from([PhysicalRange {
            address: page.0,
            bytes: u64::from(BYTES),
        }]));
        Self::command(Cdb::inquiry(BYTES), data)
    }

    fn command(cdb: Cdb, data: Data) -> Result<(), RequestError> {
        request::execute(&Command::Scsi { cdb, data })
    }
}
