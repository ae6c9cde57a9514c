//! A dump stack in memory: the miniport's copy, the port's buffers, and what the normal instance handed over.
//!
//! Loaded at `PASSIVE_LEVEL` ([`DumpStack::load`]); from then on nothing is allocated. The crash stack is only loaded;
//! the hibernate stack is entered for each `DumpMode` in turn ([`super::start`]), always on the same image and the
//! same buffers, which nobody cleans in between.

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use proto::owner::{Owner, Role};

use super::{
    blocks::{COMMON_BUFFER_BYTES, COMMON_BUFFERS, Piece},
    filter::{self, Filter},
    filter_calls, handover, witness,
};
use crate::{
    hibernate::ranges::RangeSet,
    mem::{self, AllocError, AllocSpec, Allocation, Contiguity, Placement, Va},
    mmio, pci,
    pe::{self, LoadError, LoadedImage, Protection},
    port::{
        self, DumpPointers, MappedRange, Unit,
        abi::{self, config::PortConfiguration, init::STOR_FEATURE_DUMP_RESUME_CAPABLE},
        random::Random,
    },
};

/// Bytes of the port's own block: configuration information, access ranges, argument string, scatter/gather list.
const BLOCK_BYTES: u64 = 16 * 1024;
/// Most memory that is granted through `RequestedDumpBufferSize` (nvmewin asks for 5 × 64 KiB and a LUN table).
const REGION_LIMIT_BYTES: u32 = 1 << 20;

/// What the loader put into a writable section of the image.
#[derive(Clone, Debug)]
struct PristineSection {
    va: Va,
    bytes: Vec<u8>,
}

/// A loaded dump stack.
#[derive(Debug)]
pub struct DumpStack {
    /// Crash or hibernate stack.
    pub role: Role,
    /// The miniport's copy.
    pub image: LoadedImage,
    /// The two common buffers.
    pub buffers: Vec<Allocation>,
    /// The port's own block.
    pub block: Allocation,
    /// What the normal instance asked for by `RequestedDumpBufferSize`.
    pub region: Option<Allocation>,
    /// `MiniportPrivateDumpData`; null if there is none.
    pub context: Va,
    /// The answer to `SRB_FUNCTION_DUMP_POINTERS`, to be given back.
    pub pointers: Option<DumpPointers>,
    /// The configuration information as the normal instance's FindAdapter left it.
    pub configuration: Vec<u8>,
    /// Register ranges that the normal instance mapped.
    pub mapped: Vec<MappedRange>,
    /// The disk that takes the dump.
    pub unit: Unit,
    /// The HBA.
    pub hba: pci::Function,
    /// The HBA's common configuration, mapped for the witness; `None` if there is no witness for this HBA.
    pub common_configuration: Option<Va>,
    /// Carries the marks of the HIBER instance to the RESUME instance ([`super::handover`]).
    pub handover: Allocation,
    /// Physical bytes that `MARK_MEMORY` and `HIBER` marked.
    pub kept_marks: RangeSet,
    /// `FeatureSupport`: the normal instance's, then that of the copy's last life.
    pub features: u32,
    /// How often the image was entered.
    pub entries: u32,
    /// The dump filters, in their order.
    pub filters: Vec<Filter>,
    /// What they are passed with each transfer ([`super::filter_calls`]).
    pub filter_block: Allocation,
    pristine: Vec<PristineSection>,
}

/// Why a dump stack cannot be loaded.
#[derive(Debug)]
pub enum StackError {
    /// The miniport's copy: Windows logs event 45 and can neither dump nor hibernate.
    Image(LoadError),
    /// Memory.
    Memory(AllocError),
}

impl fmt::Display for StackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(error) => write!(
                f,
                "the dump stack could not be loaded (Windows: System log event 45): {error}"
            ),
            Self::Memory(error) => write!(f, "no memory for the dump stack: {error:?}"),
        }
    }
}

impl DumpStack {
    /// Loads a copy of the miniport for `role` and gives it its buffers. `PASSIVE_LEVEL`.
    ///
    /// # Errors
    /// [`StackError`].
    pub fn load(
        role: Role,
        driver: &str,
        file: &[u8],
        hba: &pci::Function,
        unit: &Unit,
        pointers: Option<DumpPointers>,
        seed: u64,
    ) -> Result<Self, StackError> {
        let prefix = match role {
            Role::Crash => "dump_",
            Role::Normal | Role::Hiber => "hiber_",
        };
        let image =
            pe::load(&format!("{prefix}{driver}"), file, role).map_err(StackError::Image)?;
        let pristine = writable_sections(&image);
        let mut random = Random::new(seed, "dump stack");
        let buffers = (0..COMMON_BUFFERS)
            .map(|_| common_buffer(role, &mut random))
            .collect::<Result<Vec<_>, _>>()
            .map_err(StackError::Memory)?;
        let block = mem::alloc(AllocSpec {
            bytes: BLOCK_BYTES,
            align: 16,
            contiguous: Contiguity::Contiguous,
            placement: Placement::Any,
            owner: Owner::DumpPort(role),
            name: "dump port block",
        })
        .map_err(StackError::Memory)?;
        let handover = mem::alloc(AllocSpec {
            bytes: handover::BYTES,
            align: 16,
            contiguous: Contiguity::Contiguous,
            placement: Placement::Any,
            owner: Owner::DumpPort(role),
            name: "dump port hand-over",
        })
        .map_err(StackError::Memory)?;
        let filter_block = mem::alloc(AllocSpec {
            bytes: filter_calls::BLOCK_BYTES,
            align: 16,
            contiguous: Contiguity::Contiguous,
            placement: Placement::Any,
            owner: Owner::DumpPort(role),
            name: "dump port filter block",
        })
        .map_err(StackError::Memory)?;
        let configuration = port::config_information();
        let region = dump_region(role, &configuration).map_err(StackError::Memory)?;
        Ok(Self {
            role,
            image,
            buffers,
            block,
            region,
            context: pointers
                .as_ref()
                .map_or(Va::NULL, |pointers| pointers.context),
            pointers,
            configuration,
            mapped: port::mapped_ranges(),
            unit: unit.clone(),
            hba: *hba,
            common_configuration: witness::map_common_configuration(hba),
            handover,
            kept_marks: RangeSet::new(),
            features: port::feature_support(),
            entries: 0,
            filters: Vec::new(),
            filter_block,
            pristine,
        })
    }

    /// Largest transfer that the normal instance allows for dumps; `None` if it said nothing.
    #[must_use]
    pub fn transfer_limit_bytes(&self) -> Option<u32> {
        self.pointers
            .as_ref()
            .and_then(|pointers| pointers.maximum_transfer_bytes)
    }

    /// Virtual address of a piece of the common buffers.
    #[must_use]
    pub fn piece_va(&self, piece: Piece) -> Va {
        self.buffers
            .get(piece.buffer)
            .map_or(Va::NULL, |buffer| buffer.va.offset(piece.offset))
    }

    /// Puts the image's variables back to what the loader made them, for the diagnosis of a failed re-entry.
    pub fn restore_pristine_variables(&self) {
        for section in &self.pristine {
            // The pages are the image's own and writable: a failure leaves the dirty state, which is reported anyway.
            let _ = mem::write_bytes(section.va, &section.bytes);
        }
    }

    /// Frees image and buffers. `PASSIVE_LEVEL`, after the instance's last request.
    pub fn unload(self) {
        filter::unload(self.role, self.filters);
        let blocks = self
            .buffers
            .iter()
            .chain([&self.block, &self.handover, &self.filter_block])
            .chain(&self.region)
            .map(|allocation| allocation.va);
        for va in blocks {
            if let Err(error) = mem::free(va) {
                crate::log_warning!("the dump stack's memory at {va} cannot be freed: {error:?}");
            }
        }
        if let Some(registers) = self.common_configuration {
            mmio::unmap(registers);
        }
        self.image.unload();
    }

    /// Why the resume must be single-phase; `None` if it need not.
    #[must_use]
    pub fn single_phase_reason(&self) -> Option<String> {
        if self.features & STOR_FEATURE_DUMP_RESUME_CAPABLE == 0 {
            return Some(String::from(
                "the miniport does not set STOR_FEATURE_DUMP_RESUME_CAPABLE",
            ));
        }
        let blind = self.filters.iter().find(|filter| filter.read.is_null())?;
        Some(format!(
            "the dump filter {} does not support reads",
            blind.image.name
        ))
    }

    /// The image's name, for reports.
    #[must_use]
    pub fn name(&self) -> String {
        self.image.name.clone()
    }
}

fn writable_sections(image: &LoadedImage) -> Vec<PristineSection> {
    image
        .sections
        .iter()
        .filter(|section| section.protection == Protection::Write)
        .filter_map(|section| {
            Some(PristineSection {
                va: section.va,
                bytes: mem::read_vec(section.va, section.bytes).ok()?,
            })
        })
        .collect()
}

/// 64 KiB of contiguous memory that starts in the middle of a page, aligned to 8 bytes and no more.
fn common_buffer(role: Role, random: &mut Random) -> Result<Allocation, AllocError> {
    let offset = 8 + 16 * random.below(254);
    mem::alloc_at_offset(
        AllocSpec {
            bytes: COMMON_BUFFER_BYTES,
            align: 8,
            contiguous: Contiguity::Contiguous,
            placement: Placement::Any,
            owner: Owner::DumpPort(role),
            name: "dump port common buffer",
        },
        offset,
    )
}

fn dump_region(role: Role, configuration: &[u8]) -> Result<Option<Allocation>, AllocError> {
    let asked = abi::get(configuration, PortConfiguration::REQUESTED_DUMP_BUFFER_SIZE).unwrap_or(0);
    if asked == 0 {
        return Ok(None);
    }
    mem::alloc(AllocSpec {
        bytes: u64::from(asked.min(REGION_LIMIT_BYTES)),
        align: mem::PAGE_BYTES,
        contiguous: Contiguity::Contiguous,
        placement: Placement::Any,
        owner: Owner::DumpPort(role),
        name: "dump region",
    })
    .map(Some)
}
