//! The adapter: everything that the port knows of the one normal instance.
//!
//! The state sits behind one lock that is held for book-keeping only, never while the miniport runs.
//! [`with`] gives access; it yields `None` while there is no adapter.

use alloc::{
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};

use proto::{owner::Role, scenario::RegistryValue};

use super::{
    abi::{
        View,
        init::{HwInitializationData, SRB_TYPE_FLAG_STORAGE_REQUEST_BLOCK},
    },
    affinity::Affinities,
    locks::Locks,
    queue::{Address, Queues, Ticket},
    request::Table,
    services::Services,
    srb::BlockKind,
    timeouts::Ladder,
};
use crate::{
    interrupt::Connection,
    irql::Irql,
    mem::{Allocation, MemFault, Va},
    pci,
    processors::Each,
    sync::Lock,
};

/// The role that all of this serves.
pub const ROLE: Role = Role::Normal;

static ADAPTER: Lock<Option<Adapter>> = Lock::new(None);

/// What the miniport handed to `StorPortInitialize`, copied.
#[derive(Clone, Copy, Debug)]
pub struct Miniport {
    /// `HwContext` of `StorPortInitialize`.
    pub context: u64,
    /// `HwStorFindAdapter`.
    pub find_adapter: Va,
    /// `HwStorInitialize`.
    pub initialize: Va,
    /// `HwStorBuildIo`; null if there is none.
    pub build_io: Va,
    /// `HwStorStartIo`.
    pub start_io: Va,
    /// `HwStorInterrupt`.
    pub interrupt: Va,
    /// `HwStorResetBus`.
    pub reset_bus: Va,
    /// `HwStorAdapterControl`.
    pub adapter_control: Va,
    /// `HwStorUnitControl`; null if there is none.
    pub unit_control: Va,
    /// `HwStorFreeAdapterResources`; null if there is none.
    pub free_adapter_resources: Va,
    /// `AdapterInterfaceType`.
    pub interface_type: u32,
    /// Device extension in bytes.
    pub device_extension_bytes: u32,
    /// Logical unit extension in bytes.
    pub unit_extension_bytes: u32,
    /// SRB extension in bytes.
    pub srb_extension_bytes: u32,
    /// `NumberOfAccessRanges`.
    pub access_ranges: u32,
    /// `MapBuffers`.
    pub map_buffers: u8,
    /// `NeedPhysicalAddresses`, `TaggedQueuing`, `AutoRequestSense`, `MultipleRequestPerLu`.
    pub booleans: [u8; 4],
    /// `FeatureSupport`.
    pub feature_support: u32,
    /// `SrbTypeFlags`.
    pub srb_type_flags: u32,
}

impl Miniport {
    /// Copies the structure at `data`.
    ///
    /// # Errors
    /// The fault, if it cannot be read.
    pub fn read(data: Va, context: u64) -> Result<Self, MemFault> {
        use HwInitializationData as D;
        let view = View::<D>::at(data);
        let routine = |field| view.get(field).map(Va);
        Ok(Self {
            context,
            find_adapter: routine(D::HW_FIND_ADAPTER)?,
            initialize: routine(D::HW_INITIALIZE)?,
            build_io: routine(D::HW_BUILD_IO)?,
            start_io: routine(D::HW_START_IO)?,
            interrupt: routine(D::HW_INTERRUPT)?,
            reset_bus: routine(D::HW_RESET_BUS)?,
            adapter_control: routine(D::HW_ADAPTER_CONTROL)?,
            unit_control: routine(D::HW_UNIT_CONTROL)?,
            free_adapter_resources: routine(D::HW_FREE_ADAPTER_RESOURCES)?,
            interface_type: view.get(D::ADAPTER_INTERFACE_TYPE)?,
            device_extension_bytes: view.get(D::DEVICE_EXTENSION_SIZE)?,
            unit_extension_bytes: view.get(D::SPECIFIC_LU_EXTENSION_SIZE)?,
            srb_extension_bytes: view.get(D::SRB_EXTENSION_SIZE)?,
            access_ranges: view.get(D::NUMBER_OF_ACCESS_RANGES)?,
            map_buffers: view.get(D::MAP_BUFFERS)?,
            booleans: [
                view.get(D::NEED_PHYSICAL_ADDRESSES)?,
                view.get(D::TAGGED_QUEUING)?,
                view.get(D::AUTO_REQUEST_SENSE)?,
                view.get(D::MULTIPLE_REQUEST_PER_LU)?,
            ],
            feature_support: view.get(D::FEATURE_SUPPORT)?,
            srb_type_flags: view.get(D::SRB_TYPE_FLAGS)?,
        })
    }

    /// The request block that `SrbTypeFlags` selects: the extended one if the miniport takes it.
    #[must_use]
    pub const fn block_kind(&self) -> BlockKind {
        if self.srb_type_flags & SRB_TYPE_FLAG_STORAGE_REQUEST_BLOCK != 0 {
            BlockKind::Extended
        } else {
            BlockKind::Classic
        }
    }
}

/// Where the adapter is in its life; transitions in [`Phase::may_become`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// `HwStorFindAdapter` has not returned yet.
    Finding,
    /// Found; `HwStorInitialize` has not returned yet.
    Initializing,
    /// Takes requests.
    Running,
    /// Powered down or stopped; may be restarted.
    Stopped,
    /// Surprise-removed or removed; nothing comes after.
    Removed,
}

impl Phase {
    /// Whether `next` may follow.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Finding, Self::Initializing)
                | (Self::Initializing | Self::Stopped, Self::Running)
                | (Self::Running, Self::Stopped)
                | (_, Self::Removed)
        )
    }
}

/// How the HBA interrupts.
#[derive(Debug, Default)]
pub struct Interrupts {
    /// Live connections.
    pub connections: Vec<Connection>,
    /// Messages granted; 0 = line interrupt.
    pub messages: u16,
    /// `HwMSInterruptRoutine`; null with a line interrupt.
    pub message_routine: Va,
    /// One lock per message instead of one for all.
    pub per_message: bool,
    /// DIRQL of all of them.
    pub irql: Irql,
    /// Where the messages go.
    pub affinities: Affinities,
    /// How often they were connected: each time they may go elsewhere.
    pub times_connected: u64,
}

/// A bus address range that PnP assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessRange {
    /// First bus address.
    pub start: u64,
    /// Length in bytes.
    pub bytes: u32,
    /// Memory rather than I/O ports.
    pub in_memory: bool,
}

/// A range that the miniport mapped by `StorPortGetDeviceBase`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappedRange {
    /// First bus address.
    pub physical: u64,
    /// Length in bytes.
    pub bytes: u32,
    /// What the miniport was given.
    pub va: Va,
    /// I/O ports rather than memory.
    pub in_io_space: bool,
}

/// What FindAdapter settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// `MaximumTransferLength` in bytes.
    pub maximum_transfer_bytes: u32,
    /// `NumberOfPhysicalBreaks`: scatter/gather elements of one request.
    pub physical_breaks: u32,
    /// `AlignmentMask`.
    pub alignment_mask: u32,
    /// Requests that the adapter takes at a time.
    pub queue_limit: u32,
    /// Initial depth of a unit's queue.
    pub unit_depth: u32,
    /// Highest depth of a unit's queue.
    pub unit_depth_limit: u32,
    /// Paths.
    pub buses: u8,
    /// Targets per path.
    pub targets: u8,
    /// Units per target.
    pub luns: u8,
}

/// A logical unit that the bus scan found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Path, target, LUN.
    pub address: Address,
    /// INQUIRY vendor and product.
    pub name: alloc::string::String,
    /// Bytes per sector.
    pub sector_bytes: u32,
    /// Number of sectors.
    pub sectors: u64,
}

/// Which control types a miniport supports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ControlTypes(pub u32);

impl ControlTypes {
    /// Whether control type number `kind` is supported.
    #[must_use]
    pub const fn has(self, kind: u32) -> bool {
        kind < 32 && self.0 & (1 << kind) != 0
    }
}

/// Requests that one processor is to issue for another.
#[derive(Debug, Default)]
pub struct Handed {
    /// Oldest first.
    pub tickets: VecDeque<Ticket>,
    /// One of them is being issued.
    pub is_busy: bool,
}

/// The adapter.
#[derive(Debug)]
pub struct Adapter {
    /// What the miniport declared.
    pub miniport: Miniport,
    /// The HBA.
    pub function: pci::Function,
    /// Device extension.
    pub extension: Allocation,
    /// `PORT_CONFIGURATION_INFORMATION`.
    pub config: Allocation,
    /// The access ranges in driver memory.
    pub ranges_memory: Option<Allocation>,
    /// The same.
    pub ranges: Vec<AccessRange>,
    /// Mapped registers.
    pub mapped: Vec<MappedRange>,
    /// Uncached extension.
    pub uncached: Option<Allocation>,
    /// Request block in use.
    pub block: BlockKind,
    /// Life.
    pub phase: Phase,
    /// FindAdapter's results.
    pub limits: Limits,
    /// Supported adapter controls.
    pub adapter_controls: ControlTypes,
    /// Supported unit controls.
    pub unit_controls: ControlTypes,
    /// Interrupts.
    pub interrupts: Interrupts,
    /// Lock model.
    pub locks: Locks,
    /// Queues.
    pub queues: Queues,
    /// Requests.
    pub table: Table,
    /// Requests that other processors are to issue.
    pub handed: Each<Handed>,
    /// Time-outs and resets.
    pub ladder: Ladder,
    /// DPCs, timers, work items, pool and the like.
    pub services: Services,
    /// Units found by the scan.
    pub units: Vec<Unit>,
    /// Logical unit extensions.
    pub unit_extensions: BTreeMap<Address, Allocation>,
    /// Registry values below the driver's parameters key.
    pub registry: Vec<RegistryValue>,
    /// Routine of `StorPortEnablePassiveInitialization`.
    pub passive_routine: Va,
    /// `HwStorInitialize` is being called on the restart path.
    pub restarting: bool,
    /// Seed for choices.
    pub seed: u64,
}

/// Makes `adapter` the adapter.
pub fn install(adapter: Adapter) {
    *ADAPTER.lock() = Some(adapter);
}

/// Takes the adapter away.
pub fn uninstall() -> Option<Adapter> {
    ADAPTER.lock().take()
}

/// Works on the adapter's state; `None` if there is none. Any IRQL; `action` must not call the miniport.
pub fn with<R>(action: impl FnOnce(&mut Adapter) -> R) -> Option<R> {
    ADAPTER.lock().as_mut().map(action)
}

/// The miniport's device extension, null if there is no adapter.
#[must_use]
pub fn extension() -> Va {
    with(|adapter| adapter.extension.va).unwrap_or(Va::NULL)
}

/// The miniport's routines.
#[must_use]
pub fn miniport() -> Option<Miniport> {
    with(|adapter| adapter.miniport)
}

/// Where the adapter is in its life.
#[must_use]
pub fn phase() -> Option<Phase> {
    with(|adapter| adapter.phase)
}

/// Moves the adapter on in its life.
///
/// # Panics
/// If the bench itself asks for an impossible step.
pub fn set_phase(next: Phase) {
    with(|adapter| {
        assert!(
            adapter.phase.may_become(next),
            "the bench moves the adapter from {:?} to {next:?}",
            adapter.phase
        );
        adapter.phase = next;
    });
}
