//! The dump port's state: the loaded stack, and the instance that one call of DriverEntry made on it.
//!
//! One stack is at work at a time ([`install`], [`with`], [`take`]). An [`Instance`] lives from DriverEntry to the last
//! request in one `DumpMode`; the next mode starts a new one on the same memory. The lock behind [`with`] is never held
//! across a call into the miniport.

use alloc::{collections::BTreeMap, vec::Vec};

use proto::record::PhysicalRange;

use super::{
    blocks::{BLOCK_ALIGNMENT_BYTES, CommonBuffers, NoncachedDemand},
    filter,
    mode::DumpMode,
    stack::DumpStack,
    witness::Witness,
};
use crate::{
    hibernate::ranges::{RangeSet, Span},
    mem::{self, Va},
    port::srb::BlockKind,
    sync::Lock,
};

static PORT: Lock<Option<Port>> = Lock::new(None);

/// The stack at work and its present instance.
#[derive(Debug)]
pub struct Port {
    /// The loaded stack.
    pub stack: DumpStack,
    /// The instance; a new one for each entry.
    pub instance: Instance,
}

/// Entry points and demands from `HW_INITIALIZATION_DATA`.
#[derive(Clone, Copy, Debug, Default)]
pub struct HwData {
    /// `HwInitialize`.
    pub initialize: Va,
    /// `HwStartIo`.
    pub start_io: Va,
    /// `HwInterrupt`.
    pub interrupt: Va,
    /// `HwFindAdapter`.
    pub find_adapter: Va,
    /// `HwResetBus`.
    pub reset_bus: Va,
    /// `HwBuildIo`; may be null.
    pub build_io: Va,
    /// `HwMSInterruptRoutine` from the configuration information; may be null.
    pub message_interrupt: Va,
    /// `FeatureSupport`.
    pub feature_support: u32,
    /// `SrbTypeFlags`.
    pub srb_type_flags: u32,
    /// `DeviceExtensionSize` in bytes.
    pub device_extension_bytes: u32,
    /// `SpecificLuExtensionSize` in bytes.
    pub unit_extension_bytes: u32,
    /// `SrbExtensionSize` in bytes.
    pub srb_extension_bytes: u32,
    /// `HwInterrupt` of the normal role is not polled; this is the adapter's context argument.
    pub context: u64,
}

/// A block that the miniport was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// First byte.
    pub va: Va,
    /// Length in bytes.
    pub bytes: u64,
}

impl Block {
    /// Does the block hold the byte at `va`?
    #[must_use]
    pub const fn contains(self, va: Va) -> bool {
        va.0.wrapping_sub(self.va.0) < self.bytes
    }

    /// The physical bytes behind it.
    #[must_use]
    pub fn physical(self) -> RangeSet {
        mem::runs(self.va, self.bytes)
            .unwrap_or_default()
            .iter()
            .filter_map(|run| Span::new(run.address, run.bytes))
            .collect()
    }
}

/// What the miniport was given, by use.
#[derive(Clone, Copy, Debug, Default)]
pub struct Blocks {
    /// The device extension.
    pub device_extension: Option<Block>,
    /// The uncached extension.
    pub uncached_extension: Option<Block>,
    /// The unit's extension.
    pub unit_extension: Option<Block>,
    /// The request block.
    pub srb: Option<Block>,
    /// The SRB extension.
    pub srb_extension: Option<Block>,
    /// The scatter/gather list.
    pub scatter_gather: Option<Block>,
}

impl Blocks {
    /// Those that have both a virtual and a physical address for the miniport, with their names.
    pub fn addressable(&self) -> impl Iterator<Item = (&'static str, Block)> {
        [
            ("device extension", self.device_extension),
            ("uncached extension", self.uncached_extension),
            ("unit extension", self.unit_extension),
            ("SRB", self.srb),
            ("SRB extension", self.srb_extension),
        ]
        .into_iter()
        .filter_map(|(name, block)| Some((name, block?)))
    }

    /// Those that are the miniport's own to mark.
    pub fn markable(&self) -> impl Iterator<Item = (&'static str, Block)> {
        [
            ("device extension", self.device_extension),
            ("uncached extension", self.uncached_extension),
            ("unit extension", self.unit_extension),
            ("SRB extension", self.srb_extension),
        ]
        .into_iter()
        .filter_map(|(name, block)| Some((name, block?)))
    }
}

/// The request that the miniport works on.
#[derive(Clone, Debug)]
pub struct ActiveRequest {
    /// Its block.
    pub srb: Va,
    /// The block's shape.
    pub kind: BlockKind,
    /// Where the data lie, in order; empty without data.
    pub data: Vec<PhysicalRange>,
    /// Where the data are mapped; null without data.
    pub data_va: Va,
    /// Completions that the miniport announced.
    pub completions: u32,
}

/// Services that a dump instance asked for and that never come; named if a request then times out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Notes {
    /// The DPC last issued: the `STOR_DPC` and the two arguments.
    pub dpc: Option<(Va, u64, u64)>,
    /// The timer routine last armed.
    pub timer: Option<Va>,
    /// Passive initialisation was asked for.
    pub passive_initialization: bool,
    /// `StorPortQuerySystemTime` calls in the present callback.
    pub system_time_queries: u64,
    /// Microseconds stalled in the present callback.
    pub stalled_us: u64,
}

/// Figures of an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Requests sent.
    pub requests: u64,
    /// Calls of `HwStorInterrupt`.
    pub polls: u64,
    /// Largest data transfer in bytes.
    pub largest_request_bytes: u32,
    /// `Dump_Start` was called.
    pub filters_started: bool,
    /// Transfers that dump filters were shown.
    pub filter_transfers: u64,
    /// Writes of which they replaced the data.
    pub filter_replaced: u64,
}

/// One life of the miniport's copy.
#[derive(Debug)]
pub struct Instance {
    /// Why it was started.
    pub mode: DumpMode,
    /// Set when `StorPortInitialize` was called.
    pub hw: Option<HwData>,
    /// What `StorPortInitialize` came to; `None` before its end.
    pub outcome: Option<Result<(), InitError>>,
    /// Memory handed to the miniport.
    pub blocks: Blocks,
    /// Divides the common buffers.
    pub common: CommonBuffers,
    /// Memory that the miniport asked for.
    pub demand: NoncachedDemand,
    /// Largest transfer in bytes, after FindAdapter.
    pub maximum_transfer_bytes: u32,
    /// Most scatter/gather elements, after FindAdapter.
    pub physical_breaks: u32,
    /// Physical bytes marked.
    pub marked: RangeSet,
    /// The request at the miniport.
    pub request: Option<ActiveRequest>,
    /// Services asked for in vain.
    pub notes: Notes,
    /// Spin locks held, a bit per `STOR_SPINLOCK` value.
    pub locks_held: u32,
    /// Figures for the report.
    pub figures: Figures,
    /// `StorPortExtendedFunction` codes answered with `STOR_STATUS_NOT_IMPLEMENTED`.
    pub not_implemented: BTreeMap<u32, u64>,
    /// What the device was given.
    pub witness: Witness,
}

/// Why an instance did not come up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitError {
    /// DriverEntry returned without calling `StorPortInitialize`.
    NotCalled,
    /// `HW_INITIALIZATION_DATA` is unusable.
    Arguments,
    /// The extension does not fit into the common buffers.
    Memory,
    /// FindAdapter returned this value.
    FindAdapter(u32),
    /// FindAdapter left no usable limits.
    Limits,
    /// `HwInitialize` returned FALSE.
    Initialize,
    /// DriverEntry returned this status.
    DriverEntry(u32),
}

impl Instance {
    /// A new instance in `mode` on the memory of `stack`.
    #[must_use]
    pub fn new(mode: DumpMode, stack: &DumpStack) -> Self {
        let base = |index: usize| stack.buffers.get(index).map_or(0, |buffer| buffer.va.0);
        Self {
            mode,
            hw: None,
            outcome: None,
            blocks: Blocks::default(),
            common: CommonBuffers::new([base(0), base(1)]),
            demand: NoncachedDemand::default(),
            maximum_transfer_bytes: 0,
            physical_breaks: 0,
            marked: RangeSet::new(),
            request: None,
            notes: Notes::default(),
            locks_held: 0,
            figures: Figures::default(),
            not_implemented: BTreeMap::new(),
            witness: Witness::default(),
        }
    }
}

impl Port {
    /// Cuts a block from the common buffers; `None` if it does not fit.
    pub fn cut(&mut self, bytes: u64) -> Option<Block> {
        self.cut_aligned(bytes, BLOCK_ALIGNMENT_BYTES)
    }

    /// Cuts a block with an alignment from the common buffers; `None` if it does not fit.
    pub fn cut_aligned(&mut self, bytes: u64, align: u64) -> Option<Block> {
        let piece = self.instance.common.cut(bytes, align)?;
        Some(Block {
            va: self.stack.piece_va(piece),
            bytes,
        })
    }

    /// The physical bytes of the stack that the port keeps over the resume: image, buffers, own block, region.
    #[must_use]
    pub fn port_owned(&self) -> RangeSet {
        let stack = &self.stack;
        let mut owned = Block {
            va: stack.image.base,
            bytes: stack.image.bytes,
        }
        .physical();
        let allocations = stack
            .buffers
            .iter()
            .chain([&stack.block, &stack.handover])
            .chain(&stack.region);
        let filters = filter::memory(stack.role);
        let allocations = allocations.chain([&stack.filter_block]).chain(&filters);
        for run in allocations.flat_map(|allocation| &allocation.runs) {
            owned.insert_range(run.address, run.bytes);
        }
        for filter in &stack.filters {
            let image = Block {
                va: filter.image.base,
                bytes: filter.image.bytes,
            };
            owned.insert_all(&image.physical());
        }
        owned
    }
}

/// Makes `stack` the one at work, with an instance in `mode`.
pub fn install(stack: DumpStack, mode: DumpMode) {
    let instance = Instance::new(mode, &stack);
    *PORT.lock() = Some(Port { stack, instance });
}

/// Takes the stack out of service.
pub fn take() -> Option<Port> {
    PORT.lock().take()
}

/// Works on the port's state; `None` if no dump stack is at work. Never calls the miniport.
pub fn with<R>(work: impl FnOnce(&mut Port) -> R) -> Option<R> {
    PORT.lock().as_mut().map(work)
}

/// Works on the port's state if nobody else does: for the fault handler.
pub fn try_with<R>(work: impl FnOnce(&mut Port) -> R) -> Option<R> {
    PORT.try_lock()?.as_mut().map(work)
}
