//! `PORT_CONFIGURATION_INFORMATION`: prepared as Storport does, checked after `HwStorFindAdapter`.

use alloc::vec::Vec;

use proto::{owner::Owner, record::AdapterFacts};

use super::{
    PortError,
    abi::{
        Structure, View,
        codes::{interrupt_mode, interrupt_synchronization, synchronization_model},
        config::{
            self, AccessRange as AccessRangeView, PortConfiguration as C,
            SCSI_DMA64_SYSTEM_SUPPORTED, SP_UNINITIALIZED_VALUE, SRB_TYPE_SCSI_REQUEST_BLOCK,
            SRB_TYPE_STORAGE_REQUEST_BLOCK, STORAGE_ADDRESS_TYPE_BTL8,
        },
    },
    adapter::{self, AccessRange, Limits, ROLE},
    interrupts,
    srb::BlockKind,
    start,
};
use crate::{
    mem::{self, MemFault, Va},
    pci::BarKind,
    rules::{self, Rule},
};

/// Defaults where the miniport sets nothing (registry entries; StorPort documentation).
const DEFAULT_QUEUE_LIMIT: u32 = 1000;
const DEFAULT_UNIT_DEPTH_LIMIT: u32 = 255;
const DEFAULT_UNIT_DEPTH: u32 = 20;
const DEFAULT_TARGETS: u8 = 8;
const DEFAULT_LUNS: u8 = 8;
const TRUE: u8 = 1;
/// `Length`: this is the newest version of the structure (`CONFIG_INFO_VERSION_3`).
const CONFIG_BYTES: u32 = 224;

/// Fills the structure before the first call of `HwStorFindAdapter`; `messages` interrupt messages were assigned.
///
/// # Errors
/// [`PortError::Memory`].
pub(super) fn prepare(messages: u16) -> Result<(), PortError> {
    let ranges = assigned_ranges();
    let wanted = adapter::miniport().map_or(0, |miniport| miniport.access_ranges);
    let memory = match wanted {
        0 => None,
        count => Some(start::zeroed(
            u64::from(count) * AccessRangeView::BYTES,
            Owner::Pool(ROLE),
            "access ranges",
        )?),
    };
    let ranges_va = memory.as_ref().map_or(Va::NULL, |block| block.va);
    let shown = usize::try_from(wanted).unwrap_or(0);
    for (index, range) in (0_u64..).zip(ranges.iter().take(shown)) {
        let view = View::<AccessRangeView>::at(ranges_va.offset(index * AccessRangeView::BYTES));
        let written = view
            .set(AccessRangeView::RANGE_START, range.start)
            .and_then(|()| view.set(AccessRangeView::RANGE_LENGTH, range.bytes))
            .and_then(|()| view.set(AccessRangeView::RANGE_IN_MEMORY, u8::from(range.in_memory)));
        written.map_err(|_| PortError::Memory("access ranges"))?;
    }
    adapter::with(|adapter| {
        adapter.ranges = ranges;
        adapter.ranges_memory = memory;
    });
    fill(messages, wanted, ranges_va).map_err(|_| PortError::Memory("port configuration"))
}

/// The BARs, in the order of the resource list.
fn assigned_ranges() -> Vec<AccessRange> {
    let bars = adapter::with(|adapter| adapter.function)
        .map(|function| function.bars())
        .unwrap_or_default();
    bars.into_iter()
        .filter_map(|bar| {
            Some(AccessRange {
                start: bar.base,
                bytes: u32::try_from(bar.bytes).ok()?,
                in_memory: bar.kind != BarKind::Io,
            })
        })
        .collect()
}

fn fill(messages: u16, wanted: u32, ranges_va: Va) -> Result<(), MemFault> {
    let Some((view, miniport, location, kind)) = adapter::with(|adapter| {
        (
            View::<C>::at(adapter.config.va),
            adapter.miniport,
            adapter.function.location,
            adapter.block,
        )
    }) else {
        return Ok(());
    };
    let [physical_addresses, tagged, autosense, multiple] = miniport.booleans;
    view.set(C::LENGTH, CONFIG_BYTES)?;
    view.set(C::SYSTEM_IO_BUS_NUMBER, u32::from(location.bus))?;
    view.set(
        C::SLOT_NUMBER,
        u32::from(location.device) | u32::from(location.function) << 5,
    )?;
    view.set(C::ADAPTER_INTERFACE_TYPE, miniport.interface_type)?;
    view.set(C::BUS_INTERRUPT_LEVEL, u32::from(interrupts::LEVEL))?;
    view.set(C::BUS_INTERRUPT_VECTOR, u32::from(interrupts::LEVEL))?;
    let mode = if messages > 0 {
        interrupt_mode::LATCHED
    } else {
        interrupt_mode::LEVEL_SENSITIVE
    };
    view.set(C::INTERRUPT_MODE, mode)?;
    for unset in [
        C::MAXIMUM_TRANSFER_LENGTH,
        C::NUMBER_OF_PHYSICAL_BREAKS,
        C::DMA_CHANNEL,
        C::DMA_PORT,
        C::DMA_CHANNEL2,
        C::DMA_PORT2,
    ] {
        view.set(unset, SP_UNINITIALIZED_VALUE)?;
    }
    view.set(C::NUMBER_OF_ACCESS_RANGES, wanted)?;
    view.set(C::ACCESS_RANGES, ranges_va.0)?;
    view.set(C::NUMBER_OF_BUSES, 1_u8)?;
    view.set(C::INITIATOR_BUS_ID, [0xFF_u8; 8])?;
    view.set(C::SCATTER_GATHER, TRUE)?;
    view.set(C::MASTER, TRUE)?;
    view.set(C::DMA32_BIT_ADDRESSES, TRUE)?;
    view.set(C::DMA64_BIT_ADDRESSES, SCSI_DMA64_SYSTEM_SUPPORTED)?;
    view.set(C::MAP_BUFFERS, miniport.map_buffers)?;
    view.set(C::NEED_PHYSICAL_ADDRESSES, physical_addresses)?;
    view.set(C::TAGGED_QUEUING, tagged)?;
    view.set(C::AUTO_REQUEST_SENSE, autosense)?;
    view.set(C::MULTIPLE_REQUEST_PER_LU, multiple)?;
    view.set(C::MAXIMUM_NUMBER_OF_TARGETS, DEFAULT_TARGETS)?;
    view.set(C::MAXIMUM_NUMBER_OF_LOGICAL_UNITS, DEFAULT_LUNS)?;
    let srb_type = match kind {
        BlockKind::Extended => SRB_TYPE_STORAGE_REQUEST_BLOCK,
        BlockKind::Classic => SRB_TYPE_SCSI_REQUEST_BLOCK,
    };
    view.set(C::SRB_TYPE, srb_type)?;
    view.set(C::ADDRESS_TYPE, STORAGE_ADDRESS_TYPE_BTL8)?;
    view.set(C::DEVICE_EXTENSION_SIZE, miniport.device_extension_bytes)?;
    view.set(C::SPECIFIC_LU_EXTENSION_SIZE, miniport.unit_extension_bytes)?;
    view.set(C::SRB_EXTENSION_SIZE, miniport.srb_extension_bytes)?;
    view.set(C::WMI_DATA_PROVIDER, TRUE)?;
    view.set(C::SYNCHRONIZATION_MODEL, synchronization_model::HALF_DUPLEX)?;
    view.set(
        C::INTERRUPT_SYNCHRONIZATION_MODE,
        interrupt_synchronization::SUPPORT_NONE,
    )?;
    view.set(C::MAX_NUMBER_OF_IO, DEFAULT_QUEUE_LIMIT)?;
    view.set(C::MAX_IOS_PER_LUN, DEFAULT_UNIT_DEPTH_LIMIT)?;
    view.set(C::INITIAL_LUN_QUEUE_DEPTH, DEFAULT_UNIT_DEPTH)
}

/// Checks what `HwStorFindAdapter` left, and takes the limits out of it.
///
/// # Errors
/// [`PortError::Configuration`] if the port cannot work with it.
pub(super) fn check() -> Result<Limits, PortError> {
    let view =
        adapter::with(|adapter| View::<C>::at(adapter.config.va)).ok_or(PortError::NotRunning)?;
    let unreadable = |_| PortError::Configuration("the configuration cannot be read");
    let limits = read_limits(view).map_err(unreadable)?;
    check_rules(view, &limits).map_err(unreadable)?;
    let extension = view.get(C::SRB_EXTENSION_SIZE).map_err(unreadable)?;
    // FindAdapter may still change the size that StorPortInitialize was told.
    adapter::with(|adapter| adapter.miniport.srb_extension_bytes = extension);
    if limits.maximum_transfer_bytes == SP_UNINITIALIZED_VALUE
        || limits.physical_breaks == SP_UNINITIALIZED_VALUE
    {
        return Err(PortError::Configuration("transfer limits are not set"));
    }
    if limits.maximum_transfer_bytes == 0 || limits.physical_breaks == 0 || limits.buses == 0 {
        return Err(PortError::Configuration("a limit is zero"));
    }
    Ok(limits)
}

fn read_limits(view: View<C>) -> Result<Limits, MemFault> {
    let or_default = |value: u32, default: u32| match value {
        0 | SP_UNINITIALIZED_VALUE => default,
        other => other,
    };
    let unit_depth_limit = or_default(view.get(C::MAX_IOS_PER_LUN)?, DEFAULT_UNIT_DEPTH_LIMIT);
    Ok(Limits {
        maximum_transfer_bytes: view.get(C::MAXIMUM_TRANSFER_LENGTH)?,
        physical_breaks: view.get(C::NUMBER_OF_PHYSICAL_BREAKS)?,
        alignment_mask: view.get(C::ALIGNMENT_MASK)?,
        queue_limit: or_default(view.get(C::MAX_NUMBER_OF_IO)?, DEFAULT_QUEUE_LIMIT),
        unit_depth: or_default(view.get(C::INITIAL_LUN_QUEUE_DEPTH)?, DEFAULT_UNIT_DEPTH)
            .min(unit_depth_limit),
        unit_depth_limit,
        buses: view.get(C::NUMBER_OF_BUSES)?,
        targets: view.get(C::MAXIMUM_NUMBER_OF_TARGETS)?,
        luns: view.get(C::MAXIMUM_NUMBER_OF_LOGICAL_UNITS)?,
    })
}

fn check_rules(view: View<C>, limits: &Limits) -> Result<(), MemFault> {
    rules::demand(
        Rule::StorPortFindAdapter,
        limits.maximum_transfer_bytes != SP_UNINITIALIZED_VALUE
            && limits.physical_breaks != SP_UNINITIALIZED_VALUE,
        format_args!(
            "MaximumTransferLength {:#x}, NumberOfPhysicalBreaks {:#x}",
            limits.maximum_transfer_bytes, limits.physical_breaks
        ),
    );
    let model = view.get(C::SYNCHRONIZATION_MODEL)?;
    rules::demand(
        Rule::SpDuplex,
        model == synchronization_model::FULL_DUPLEX,
        format_args!("SynchronizationModel is {model}"),
    );
    rules::demand(
        Rule::StorPortVirtualDevice,
        view.get(C::VIRTUAL_DEVICE)? == 0,
        "VirtualDevice is TRUE for a physical miniport",
    );
    let expected =
        adapter::with(|adapter| adapter.ranges_memory.as_ref().map_or(0, |block| block.va.0));
    let facts: [(bool, &str); 8] = [
        (view.get(C::LENGTH)? == CONFIG_BYTES, "Length was changed"),
        (
            Some(view.get(C::ACCESS_RANGES)?) == expected,
            "AccessRanges was changed",
        ),
        (view.get(C::MASTER)? != 0, "Master is FALSE"),
        (
            limits
                .alignment_mask
                .checked_add(1)
                .is_some_and(u32::is_power_of_two),
            "AlignmentMask + 1 is no power of two",
        ),
        (limits.buses > 0, "NumberOfBuses is 0"),
        (
            limits.targets > 0
                && u32::from(limits.targets) < config::SCSI_MAXIMUM_TARGETS_PER_BUS * 2,
            "MaximumNumberOfTargets is out of bounds",
        ),
        (
            limits.luns > 0,
            "MaximumNumberOfLogicalUnits is out of bounds",
        ),
        (
            u64::from(limits.physical_breaks) * mem::PAGE_BYTES
                >= u64::from(limits.maximum_transfer_bytes.min(1 << 30)),
            "NumberOfPhysicalBreaks pages do not hold MaximumTransferLength",
        ),
    ];
    for (holds, text) in facts {
        rules::demand(Rule::ConfigInformation, holds, text);
    }
    Ok(())
}

/// The declaration for the report.
#[must_use]
pub(super) fn facts() -> AdapterFacts {
    let read = |field| {
        adapter::with(|adapter| View::<C>::at(adapter.config.va))
            .and_then(|view| view.get(field).ok())
            .unwrap_or(0)
    };
    let requested_dump_buffer_bytes = read(C::REQUESTED_DUMP_BUFFER_SIZE);
    adapter::with(|adapter| AdapterFacts {
        role: ROLE,
        dump_mode: 0,
        feature_support: adapter.miniport.feature_support,
        maximum_transfer_bytes: adapter.limits.maximum_transfer_bytes,
        physical_breaks: adapter.limits.physical_breaks,
        device_extension_bytes: adapter.miniport.device_extension_bytes,
        srb_extension_bytes: adapter.miniport.srb_extension_bytes,
        uncached_extension_bytes: adapter
            .uncached
            .as_ref()
            .and_then(|block| u32::try_from(block.bytes).ok())
            .unwrap_or(0),
        requested_dump_buffer_bytes,
        uncached_extension_address: adapter.uncached.as_ref().map_or(0, |block| block.pa().0),
    })
    .unwrap_or(AdapterFacts {
        role: ROLE,
        dump_mode: 0,
        feature_support: 0,
        maximum_transfer_bytes: 0,
        physical_breaks: 0,
        device_extension_bytes: 0,
        srb_extension_bytes: 0,
        uncached_extension_bytes: 0,
        requested_dump_buffer_bytes: 0,
        uncached_extension_address: 0,
    })
}
