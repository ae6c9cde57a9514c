//! `StorPortInitialize` in a dump role: FindAdapter and HwInitialize run before it returns, at `HIGH_LEVEL`.
//!
//! The configuration information is a copy of the normal instance's, with `DumpMode` and `MiniportDumpData` filled in
//! and everything that FindAdapter has to decide taken out. In `MARK_MEMORY` HwInitialize is not called: the instance
//! only says which memory it needs, and the hardware belongs to the normal instance.

use alloc::vec::Vec;

use proto::record::Record;

use super::{
    blocks::{BLOCK_ALIGNMENT_BYTES, FEATURE_ALIGNMENT_BYTES},
    instance::{self, Block, HwData, InitError, Port},
    mark,
    mode::DumpMode,
    start,
};
use crate::{
    call::{Callback, CallbackKind},
    exports::ExportCall,
    mem::{self, Va},
    port::{
        self,
        abi::{
            Structure, View,
            config::{AccessRange, PortConfiguration, SP_RETURN_FOUND},
            init::{
                ADDRESS_TYPE_FLAG_BTL8, HwInitializationData, STOR_FEATURE_DUMP_16_BYTE_ALIGNMENT,
            },
            put,
        },
        srb::{BlockKind, SrbSpec},
    },
    record, rules,
    rules::Rule,
};

/// `SP_UNINITIALIZED_VALUE`.
const UNINITIALIZED: u32 = u32::MAX;
/// `StorSynchronizeFullDuplex`.
const FULL_DUPLEX: u32 = 1;
/// Size of `HW_INITIALIZATION_DATA` up to `HwStorBuildIo`: the oldest one of a physical miniport.
const OLDEST_INITIALIZATION_BYTES: u32 = 136;
/// `STATUS_SUCCESS`.
const STATUS_SUCCESS: u64 = 0;
/// `STATUS_INVALID_PARAMETER`.
const STATUS_INVALID_PARAMETER: u64 = 0xC000_000D;
/// `STATUS_INSUFFICIENT_RESOURCES`.
const STATUS_INSUFFICIENT_RESOURCES: u64 = 0xC000_009A;
/// `STATUS_DEVICE_DOES_NOT_EXIST`.
const STATUS_DEVICE_DOES_NOT_EXIST: u64 = 0xC000_00C0;
/// `STATUS_ADAPTER_HARDWARE_ERROR`.
const STATUS_ADAPTER_HARDWARE_ERROR: u64 = 0xC000_00C2;

/// Layout of the port's own block.
mod block {
    pub(super) const CONFIGURATION: u64 = 0;
    pub(super) const ACCESS_RANGES: u64 = 512;
    pub(super) const MOST_ACCESS_RANGES: u64 = 16;
    pub(super) const ARGUMENTS: u64 = 1024;
    pub(super) const AGAIN: u64 = 1056;
    pub(super) const SCATTER_GATHER: u64 = 2048;
}

/// `StorPortInitialize(Argument1, Argument2, HwInitializationData, HwContext)`.
pub(super) fn storport_initialize(call: &ExportCall) -> u64 {
    let outcome = initialize(call);
    instance::with(|port| port.instance.outcome = Some(outcome));
    match outcome {
        Ok(()) => STATUS_SUCCESS,
        Err(InitError::Arguments) => STATUS_INVALID_PARAMETER,
        Err(InitError::Memory) => STATUS_INSUFFICIENT_RESOURCES,
        Err(InitError::Initialize) => STATUS_ADAPTER_HARDWARE_ERROR,
        Err(_) => STATUS_DEVICE_DOES_NOT_EXIST,
    }
}

fn initialize(call: &ExportCall) -> Result<(), InitError> {
    let hw = read_initialization_data(call)?;
    let Some((mode, extension)) = instance::with(|port| set_up(port, hw)) else {
        return Err(InitError::NotCalled);
    };
    let extension = extension?;
    find_adapter(mode, hw, extension)?;
    if mode == DumpMode::MarkMemory {
        return Ok(());
    }
    let callback = callback(CallbackKind::Initialize, "HwStorInitialize");
    let returned = start::call(callback, mode, hw.initialize, &[extension.va.0]);
    super::witness::observe("HwStorInitialize");
    if !is_true(returned) {
        return Err(InitError::Initialize);
    }
    Ok(())
}

/// A BOOLEAN in RAX: only the low byte counts.
fn is_true(returned: u64) -> bool {
    returned.to_le_bytes()[0] != 0
}

fn read_initialization_data(call: &ExportCall) -> Result<HwData, InitError> {
    let rule = Rule::F1_1000_InitializeBadArguments;
    let nulls = call.arg(0) == 0 && call.arg(1) == 0;
    rules::demand(
        rule,
        nulls,
        "in dump mode DriverEntry passes its two NULL arguments on to StorPortInitialize",
    );
    let view = View::<HwInitializationData>::at(call.va(2));
    let bad = |_| InitError::Arguments;
    let size = view
        .get(HwInitializationData::HW_INITIALIZATION_DATA_SIZE)
        .map_err(bad)?;
    if !rules::demand(
        rule,
        size >= OLDEST_INITIALIZATION_BYTES,
        format_args!("HwInitializationDataSize is {size}"),
    ) {
        return Err(InitError::Arguments);
    }
    // Members that an older structure does not have read as 0.
    let known = mem::read_vec(
        view.base(),
        u64::from(size).min(HwInitializationData::BYTES),
    )
    .map_err(bad)?;
    let mut data = known;
    data.resize(usize::try_from(HwInitializationData::BYTES).unwrap_or(0), 0);
    let hw = HwData {
        initialize: routine(&data, HwInitializationData::HW_INITIALIZE),
        start_io: routine(&data, HwInitializationData::HW_START_IO),
        interrupt: routine(&data, HwInitializationData::HW_INTERRUPT),
        find_adapter: routine(&data, HwInitializationData::HW_FIND_ADAPTER),
        reset_bus: routine(&data, HwInitializationData::HW_RESET_BUS),
        build_io: routine(&data, HwInitializationData::HW_BUILD_IO),
        message_interrupt: Va::NULL,
        feature_support: number(&data, HwInitializationData::FEATURE_SUPPORT),
        srb_type_flags: number(&data, HwInitializationData::SRB_TYPE_FLAGS),
        device_extension_bytes: number(&data, HwInitializationData::DEVICE_EXTENSION_SIZE),
        unit_extension_bytes: number(&data, HwInitializationData::SPECIFIC_LU_EXTENSION_SIZE),
        srb_extension_bytes: number(&data, HwInitializationData::SRB_EXTENSION_SIZE),
        context: call.arg(3),
    };
    let routines = [
        hw.initialize,
        hw.start_io,
        hw.interrupt,
        hw.find_adapter,
        hw.reset_bus,
    ];
    if !rules::demand(
        rule,
        routines.iter().all(|routine| !routine.is_null()),
        "a required routine of HW_INITIALIZATION_DATA is NULL",
    ) {
        return Err(InitError::Arguments);
    }
    let address_type = number(&data, HwInitializationData::ADDRESS_TYPE_FLAGS);
    if address_type & !ADDRESS_TYPE_FLAG_BTL8 != 0 {
        crate::log_warning!(
            "AddressTypeFlags {address_type:#x}: the dump port uses BTL8 addresses"
        );
    }
    Ok(hw)
}

fn routine(data: &[u8], field: port::abi::Field<HwInitializationData, u64>) -> Va {
    Va(port::abi::get(data, field).unwrap_or(0))
}

fn number(data: &[u8], field: port::abi::Field<HwInitializationData, u32>) -> u32 {
    port::abi::get(data, field).unwrap_or(0)
}

/// Cuts the blocks whose sizes are known and fills the configuration information.
fn set_up(port: &mut Port, hw: HwData) -> (DumpMode, Result<Block, InitError>) {
    let mode = port.instance.mode;
    port.instance.hw = Some(hw);
    port.stack.features = hw.feature_support;
    let demand = &mut port.instance.demand;
    demand.device_extension_bytes = u64::from(hw.device_extension_bytes);
    demand.unit_extension_bytes = u64::from(hw.unit_extension_bytes);
    demand.srb_extension_bytes = u64::from(hw.srb_extension_bytes);
    let align = if hw.feature_support & STOR_FEATURE_DUMP_16_BYTE_ALIGNMENT == 0 {
        BLOCK_ALIGNMENT_BYTES
    } else {
        FEATURE_ALIGNMENT_BYTES
    };
    let extension = port.cut_aligned(u64::from(hw.device_extension_bytes).max(8), align);
    let blocks = (
        extension,
        port.cut(SrbSpec::block_bytes(BlockKind::Extended)),
    );
    let (Some(extension), Some(srb)) = blocks else {
        return (mode, Err(InitError::Memory));
    };
    // Storport zeroes a new extension; the one of an image that is entered again stays as it was left.
    if port.stack.entries == 1 && mem::fill(extension.va, 0, extension.bytes).is_err() {
        return (mode, Err(InitError::Memory));
    }
    port.instance.blocks.device_extension = Some(extension);
    port.instance.blocks.srb = Some(srb);
    port.instance.blocks.scatter_gather = Some(Block {
        va: port.stack.block.va.offset(block::SCATTER_GATHER),
        bytes: port.stack.block.bytes - block::SCATTER_GATHER,
    });
    if write_configuration(port).is_none() {
        return (mode, Err(InitError::Memory));
    }
    (mode, Ok(extension))
}

/// Writes configuration information, access ranges and argument string into the port's block.
fn write_configuration(port: &Port) -> Option<()> {
    let base = port.stack.block.va;
    // NumberOfAccessRanges counts unused ranges too: those have length 0.
    mem::fill(base, 0, port.stack.block.bytes).ok()?;
    let mut configuration: Vec<u8> = port.stack.configuration.clone();
    configuration.resize(usize::try_from(PortConfiguration::BYTES).ok()?, 0);
    let bytes = &mut configuration[..];
    put(
        bytes,
        PortConfiguration::LENGTH,
        u32::try_from(PortConfiguration::BYTES).ok()?,
    );
    put(
        bytes,
        PortConfiguration::MAXIMUM_TRANSFER_LENGTH,
        UNINITIALIZED,
    );
    put(
        bytes,
        PortConfiguration::NUMBER_OF_PHYSICAL_BREAKS,
        UNINITIALIZED,
    );
    put(
        bytes,
        PortConfiguration::DUMP_MODE,
        port.instance.mode.raw(),
    );
    put(
        bytes,
        PortConfiguration::MINIPORT_DUMP_DATA,
        port.stack.context.0,
    );
    put(bytes, PortConfiguration::HW_MS_INTERRUPT_ROUTINE, 0);
    put(bytes, PortConfiguration::INTERRUPT_SYNCHRONIZATION_MODE, 0);
    put(bytes, PortConfiguration::REQUESTED_DUMP_BUFFER_SIZE, 0);
    put(bytes, PortConfiguration::DUMP_REGION_VIRTUAL_BASE, 0);
    put(bytes, PortConfiguration::DUMP_REGION_PHYSICAL_BASE, 0);
    put(bytes, PortConfiguration::DUMP_REGION_LENGTH, 0);
    put(
        bytes,
        PortConfiguration::ACCESS_RANGES,
        base.offset(block::ACCESS_RANGES).0,
    );
    mem::write_bytes(base.offset(block::CONFIGURATION), bytes).ok()?;
    for (index, range) in (0..block::MOST_ACCESS_RANGES).zip(port::access_ranges()) {
        let at = base.offset(block::ACCESS_RANGES + index * AccessRange::BYTES);
        let view = View::<AccessRange>::at(at);
        view.set(AccessRange::RANGE_START, range.start).ok()?;
        view.set(AccessRange::RANGE_LENGTH, range.bytes).ok()?;
        view.set(AccessRange::RANGE_IN_MEMORY, u8::from(range.in_memory))
            .ok()?;
    }
    mem::write_bytes(base.offset(block::ARGUMENTS), b"dump=1;\0").ok()?;
    mem::write(base.offset(block::AGAIN), &0_u64).ok()
}

fn callback(kind: CallbackKind, name: &'static str) -> Callback {
    Callback {
        role: instance::with(|port| port.stack.role).unwrap_or(proto::owner::Role::Hiber),
        kind,
        name,
    }
}

fn find_adapter(mode: DumpMode, hw: HwData, extension: Block) -> Result<(), InitError> {
    let base = instance::with(|port| port.stack.block.va).unwrap_or(Va::NULL);
    let configuration = base.offset(block::CONFIGURATION);
    let arguments = [
        extension.va.0,
        hw.context,
        0,
        base.offset(block::ARGUMENTS).0,
        configuration.0,
        base.offset(block::AGAIN).0,
    ];
    let callback = callback(CallbackKind::FindAdapter, "HwStorFindAdapter");
    let returned = start::call(callback, mode, hw.find_adapter, &arguments) & 0xFFFF_FFFF;
    let returned = u32::try_from(returned).unwrap_or(u32::MAX);
    rules::demand(
        Rule::SpReturnValue,
        returned <= 3,
        format_args!("HwStorFindAdapter returned {returned}"),
    );
    if returned != SP_RETURN_FOUND {
        return Err(InitError::FindAdapter(returned));
    }
    let bytes =
        mem::read_vec(configuration, PortConfiguration::BYTES).map_err(|_| InitError::Limits)?;
    let facts = instance::with(|port| accept_configuration(port, &bytes));
    let Some(accepted) = facts else {
        return Err(InitError::NotCalled);
    };
    accepted?;
    if let Some(facts) = instance::with(|port| start::adapter_facts(port, &bytes)) {
        record::emit(&Record::Adapter(facts));
    }
    mark::judge_after_find_adapter();
    Ok(())
}

/// Checks what FindAdapter left and takes it over.
fn accept_configuration(port: &mut Port, bytes: &[u8]) -> Result<(), InitError> {
    let field = |field| port::abi::get(bytes, field).unwrap_or(0);
    let transfer = field(PortConfiguration::MAXIMUM_TRANSFER_LENGTH);
    let breaks = field(PortConfiguration::NUMBER_OF_PHYSICAL_BREAKS);
    let page = u32::try_from(mem::PAGE_BYTES).unwrap_or(u32::MAX);
    let needed = (transfer / page).saturating_add(1);
    let usable = rules::demand(
        Rule::DumpMaxTransferInvalid,
        transfer != UNINITIALIZED && breaks != UNINITIALIZED && transfer >= page && breaks >= 2,
        format_args!(
            "MaximumTransferLength is {transfer:#x}, NumberOfPhysicalBreaks is {breaks:#x}"
        ),
    );
    if !usable {
        return Err(InitError::Limits);
    }
    rules::demand(
        Rule::DumpMaxTransferInvalid,
        breaks >= needed,
        format_args!(
            "a transfer of {transfer} bytes can have {needed} pieces, NumberOfPhysicalBreaks is {breaks}"
        ),
    );
    let duplex = field(PortConfiguration::SYNCHRONIZATION_MODEL);
    rules::demand(
        Rule::SpDuplex,
        duplex == FULL_DUPLEX,
        format_args!("SynchronizationModel is {duplex}"),
    );
    let virtual_device: u8 = port::abi::get(bytes, PortConfiguration::VIRTUAL_DEVICE).unwrap_or(0);
    rules::demand(
        Rule::StorPortVirtualDevice,
        virtual_device == 0,
        "VirtualDevice was set",
    );
    port.instance.maximum_transfer_bytes = port
        .stack
        .transfer_limit_bytes()
        .map_or(transfer, |limit| limit.min(transfer));
    port.instance.physical_breaks = breaks;
    let message_interrupt = port::abi::get(bytes, PortConfiguration::HW_MS_INTERRUPT_ROUTINE);
    let late_extension = field(PortConfiguration::SRB_EXTENSION_SIZE);
    if let Some(hw) = &mut port.instance.hw {
        hw.message_interrupt = Va(message_interrupt.unwrap_or(0));
        // FindAdapter may still raise the size that HW_INITIALIZATION_DATA gave.
        hw.srb_extension_bytes = hw.srb_extension_bytes.max(late_extension);
        port.instance.demand.srb_extension_bytes = u64::from(hw.srb_extension_bytes);
        let bytes = u64::from(hw.srb_extension_bytes).max(8);
        let unit_bytes = u64::from(hw.unit_extension_bytes);
        port.instance.blocks.srb_extension = port.cut(bytes);
        if unit_bytes > 0 {
            port.instance.blocks.unit_extension = port.cut(unit_bytes);
        }
    }
    rules::demand(
        Rule::DumpMemoryLimit32K,
        port.instance.demand.within_limit(),
        format_args!("the instance asked for {}", port.instance.demand),
    );
    if port.instance.blocks.srb_extension.is_none() {
        return Err(InitError::Memory);
    }
    offer_dump_region(port, bytes);
    Ok(())
}

/// The dump region exists from the end of FindAdapter on.
fn offer_dump_region(port: &Port, bytes: &[u8]) {
    let asked = port::abi::get(bytes, PortConfiguration::REQUESTED_DUMP_BUFFER_SIZE).unwrap_or(0);
    let Some(region) = &port.stack.region else {
        return;
    };
    if asked == 0 || u64::from(asked) > region.bytes {
        return;
    }
    let view = View::<PortConfiguration>::at(port.stack.block.va.offset(block::CONFIGURATION));
    let written = view
        .set(PortConfiguration::DUMP_REGION_VIRTUAL_BASE, region.va.0)
        .and_then(|()| view.set(PortConfiguration::DUMP_REGION_PHYSICAL_BASE, region.pa().0))
        .and_then(|()| view.set(PortConfiguration::DUMP_REGION_LENGTH, asked));
    if let Err(fault) = written {
        crate::log_warning!("the dump region cannot be offered: {fault}");
    }
}
