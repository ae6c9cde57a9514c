//! What writer and reader of one hibernation share: set up at `PASSIVE_LEVEL`, restored with the kernel's variables.

use alloc::vec::Vec;

use proto::{
    hiber::{BLOCK_BYTES, PAGE_BYTES},
    owner::Owner,
    record::PhysicalRange,
    scenario::{BenchFault, Partition},
};

use super::{freeze::Shadow, image::Identity, layout::Extent};
use crate::{
    dump::{
        cdb::{Cdb, CdbForm, Direction},
        request::{self, Command, Data, RequestError},
        window,
        write::{self, Destination},
    },
    mem::{self, Pa},
    port::random::Random,
    sync::Lock,
};

static CONTEXT: Lock<Option<Context>> = Lock::new(None);

/// One hibernation.
#[derive(Clone, Debug)]
pub struct Context {
    /// Kernel, machine and number of the hibernation.
    pub identity: Identity,
    /// Seed of its choices.
    pub seed: u64,
    /// Where the image goes.
    pub partition: Partition,
    /// Bytes per sector of the disk.
    pub sector_bytes: u32,
    /// Rule counters at the freeze.
    pub counters: Vec<[u64; 2]>,
    /// Faults that the bench plays.
    pub faults: Vec<BenchFault>,
    /// Copies of the kernel's own changing pages.
    pub shadow: Shadow,
    /// Pages through which data go that change, and the image's tables: as many as a request can carry.
    pub bounce: Vec<PhysicalRange>,
}

/// Makes `context` the present one. `PASSIVE_LEVEL`.
pub fn set(context: Context) {
    *CONTEXT.lock() = Some(context);
}

/// A copy of the present context.
#[must_use]
pub fn get() -> Option<Context> {
    CONTEXT.lock().clone()
}

/// Takes the context out of use.
pub fn take() -> Option<Context> {
    CONTEXT.lock().take()
}

/// Pages for [`Context::bounce`]. `PASSIVE_LEVEL`.
#[must_use]
pub fn take_bounce_pages() -> Option<Vec<PhysicalRange>> {
    mem::take_pages(Owner::Scratch, window::PAGES)
}

impl Context {
    /// Is the bench to play `fault`?
    #[must_use]
    pub fn plays(&self, fault: BenchFault) -> bool {
        self.faults.contains(&fault)
    }

    /// Address of bounce page `index`.
    #[must_use]
    pub fn bounce_page(&self, index: u64) -> Option<Pa> {
        let mut left = index;
        for run in &self.bounce {
            let pages = run.bytes / PAGE_BYTES;
            if left < pages {
                return Some(Pa(run.address + left * PAGE_BYTES));
            }
            left -= pages;
        }
        None
    }

    /// The first `pages` bounce pages as runs.
    #[must_use]
    pub fn bounce_runs(&self, pages: u64) -> Vec<PhysicalRange> {
        let mut runs = Vec::new();
        for page in (0..pages).filter_map(|index| self.bounce_page(index)) {
            mem::push_merged(&mut runs, page.0, PAGE_BYTES);
        }
        runs
    }

    /// Reads or writes an extent of the partition.
    ///
    /// # Errors
    /// [`RequestError`].
    pub fn transfer(
        &self,
        direction: Direction,
        extent: Extent,
        runs: Vec<PhysicalRange>,
        random: &mut Random,
    ) -> Result<(), RequestError> {
        let destination = Destination {
            partition: self.partition,
            sector_bytes: self.sector_bytes,
        };
        let offset = extent.first_block * BLOCK_BYTES;
        match direction {
            Direction::Read => write::read(destination, CdbForm::drawn(random), offset, &runs),
            Direction::Write => write::write(destination, CdbForm::drawn(random), offset, runs),
        }
    }

    /// SYNCHRONIZE CACHE.
    ///
    /// # Errors
    /// [`RequestError`].
    pub fn synchronize() -> Result<(), RequestError> {
        request::execute(&Command::Scsi {
            cdb: Cdb::synchronize_cache(),
            data: Data::None,
        })
    }

    /// INQUIRY, the first command of every dump stack.
    ///
    /// # Errors
    /// [`RequestError`].
    pub fn inquiry(&self) -> Result<(), RequestError> {
        const BYTES: u8 = 36;
        let page = self.bounce_page(0).ok_or(RequestError::NotReady)?;
        request::execute(&Command::Scsi {
            cdb: Cdb::inquiry(BYTES),
            data: Data::In(Vec::from([PhysicalRange {
                address: page.0,
                bytes: u64::from(BYTES),
            }])),
        })
    }
}
