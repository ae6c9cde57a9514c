//! `SRB_FUNCTION_DUMP_POINTERS` and its counterpart: the normal instance hands its context to a dump instance.

use alloc::vec::Vec;

use proto::owner::{Owner, Role};

use super::{
    PortError,
    abi::{
        self, Structure,
        codes::interface_type,
        config::{
            DUMP_MINIPORT_VERSION, DUMP_MINIPORT_VERSION_1, MiniportDumpPointers as P,
            SP_UNINITIALIZED_VALUE,
        },
        init::STOR_FEATURE_DUMP_POINTERS,
        srb::{SRB_FUNCTION_DUMP_POINTERS, SRB_FUNCTION_FREE_DUMP_POINTERS, SRB_STATUS_SUCCESS},
    },
    adapter::{self, Unit},
    dispatch, power,
    request::{Buffer, Direction, Request},
    start,
};
use crate::{
    mem::{self, Allocation, Va},
    rules::{self, Rule},
};

/// Largest `CommonBufferSize` of a physical miniport.
const COMMON_BUFFER_LIMIT: u32 = 64 << 10;
/// The structure must reach at least through `MiniportPrivateDumpData`.
const SMALLEST_SIZE: u16 = 72;

/// What the normal instance answered.
#[derive(Clone, Debug)]
pub struct DumpPointers {
    /// The unit asked about.
    pub unit: Unit,
    /// The `MINIPORT_DUMP_POINTERS` buffer; it goes back with the free request.
    pub allocation: Allocation,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// `MiniportPrivateDumpData`.
    pub context: Va,
    /// `MaximumTransferLength` for dump mode, if it differs.
    pub maximum_transfer_bytes: Option<u32>,
    /// `CommonBufferSize`.
    pub common_buffer_bytes: u32,
}

/// Asks the normal instance for its dump context. `PASSIVE_LEVEL`.
///
/// # Errors
/// If the miniport does not support it, refuses, or answers nonsense.
pub fn dump_pointers(unit: &Unit) -> Result<DumpPointers, PortError> {
    if super::feature_support() & STOR_FEATURE_DUMP_POINTERS == 0 {
        return Err(PortError::DumpPointers(
            "STOR_FEATURE_DUMP_POINTERS is not set",
        ));
    }
    let allocation = start::zeroed(
        P::BYTES,
        Owner::Request(adapter::ROLE),
        "MINIPORT_DUMP_POINTERS",
    )?;
    prefill(&allocation)?;
    let completion = dispatch::execute(request(unit, SRB_FUNCTION_DUMP_POINTERS, &allocation))?;
    if !rules::demand(
        Rule::DumpPointersInvalid,
        completion.status == SRB_STATUS_SUCCESS,
        format_args!(
            "SRB_FUNCTION_DUMP_POINTERS ends with SrbStatus {:#x}",
            completion.srb_status
        ),
    ) {
        let _ = mem::free(allocation.va);
        return Err(PortError::DumpPointers("the request fails"));
    }
    let bytes = mem::read_vec(allocation.va, P::BYTES)
        .map_err(|_| PortError::DumpPointers("the buffer cannot be read"))?;
    let pointers = parse(unit, allocation, bytes)
        .ok_or(PortError::DumpPointers("the structure is too short"))?;
    check(&pointers);
    take_context(&pointers);
    Ok(pointers)
}

/// Gives the context back; the miniport frees it. `PASSIVE_LEVEL`.
///
/// # Errors
/// If the request fails.
pub fn free_dump_pointers(pointers: DumpPointers) -> Result<(), PortError> {
    let DumpPointers {
        unit,
        allocation,
        context,
        ..
    } = pointers;
    let answer = request(&unit, SRB_FUNCTION_FREE_DUMP_POINTERS, &allocation);
    let result = power::demand_success("SRB_FUNCTION_FREE_DUMP_POINTERS", &answer);
    let still_there = !context.is_null() && mem::find(context).is_some();
    rules::demand(
        Rule::DumpPointersInvalid,
        !still_there,
        format_args!(
            "the context at {context} is still allocated after SRB_FUNCTION_FREE_DUMP_POINTERS"
        ),
    );
    let _ = mem::free(allocation.va);
    result
}

fn request(unit: &Unit, function: u8, allocation: &Allocation) -> Request {
    Request {
        buffer: Buffer::of(allocation),
        direction: Direction::In,
        ..Request::function(unit.address, function).direct()
    }
}

/// Storport fills in what it knows of a physical adapter.
fn prefill(allocation: &Allocation) -> Result<(), PortError> {
    let mut bytes = alloc::vec![0; mem::size(P::BYTES)];
    let limits = super::limits();
    let ranges = adapter::with(|adapter| {
        (
            adapter.ranges_memory.as_ref().map_or(0, |block| block.va.0),
            adapter.miniport.access_ranges,
            adapter.function.location.bus,
            adapter.miniport.map_buffers,
        )
    });
    let (ranges_va, count, bus, map_buffers) = ranges.ok_or(PortError::NotRunning)?;
    let bus_type = interface_type::PCI_BUS.cast_unsigned();
    abi::put(&mut bytes, P::SYSTEM_IO_BUS_NUMBER, u32::from(bus));
    abi::put(&mut bytes, P::ADAPTER_INTERFACE_TYPE, bus_type);
    abi::put(
        &mut bytes,
        P::MAXIMUM_TRANSFER_LENGTH,
        SP_UNINITIALIZED_VALUE,
    );
    abi::put(
        &mut bytes,
        P::NUMBER_OF_PHYSICAL_BREAKS,
        limits.physical_breaks,
    );
    abi::put(&mut bytes, P::ALIGNMENT_MASK, limits.alignment_mask);
    abi::put(&mut bytes, P::NUMBER_OF_ACCESS_RANGES, count);
    abi::put(&mut bytes, P::ACCESS_RANGES, ranges_va);
    abi::put(&mut bytes, P::NUMBER_OF_BUSES, limits.buses);
    abi::put(&mut bytes, P::MASTER, 1_u8);
    abi::put(&mut bytes, P::MAP_BUFFERS, map_buffers);
    abi::put(&mut bytes, P::MAXIMUM_NUMBER_OF_TARGETS, limits.targets);
    mem::write_bytes(allocation.va, &bytes).map_err(|_| PortError::Memory("MINIPORT_DUMP_POINTERS"))
}

fn parse(unit: &Unit, allocation: Allocation, bytes: Vec<u8>) -> Option<DumpPointers> {
    let transfer: u32 = abi::get(&bytes, P::MAXIMUM_TRANSFER_LENGTH)?;
    Some(DumpPointers {
        unit: unit.clone(),
        context: Va(abi::get(&bytes, P::MINIPORT_PRIVATE_DUMP_DATA)?),
        maximum_transfer_bytes: (transfer != SP_UNINITIALIZED_VALUE).then_some(transfer),
        common_buffer_bytes: abi::get(&bytes, P::COMMON_BUFFER_SIZE)?,
        allocation,
        bytes,
    })
}

fn check(pointers: &DumpPointers) {
    let version = abi::get(&pointers.bytes, P::VERSION).unwrap_or(0_u16);
    let size = abi::get(&pointers.bytes, P::SIZE).unwrap_or(0_u16);
    let adapter_object = abi::get(&pointers.bytes, P::ADAPTER_OBJECT).unwrap_or(0_u64);
    let facts: [(bool, &str); 5] = [
        (
            matches!(version, DUMP_MINIPORT_VERSION_1 | DUMP_MINIPORT_VERSION),
            "Version is unknown",
        ),
        (
            size >= SMALLEST_SIZE && u64::from(size) <= P::BYTES,
            "Size is out of bounds",
        ),
        (adapter_object == 0, "AdapterObject is not NULL"),
        (
            pointers.common_buffer_bytes <= COMMON_BUFFER_LIMIT,
            "CommonBufferSize exceeds 64 KiB",
        ),
        (
            pointers
                .maximum_transfer_bytes
                .is_none_or(|bytes| bytes >= 4096),
            "MaximumTransferLength is below a page",
        ),
    ];
    for (holds, text) in facts {
        rules::demand(Rule::DumpPointersInvalid, holds, text);
    }
}

/// The context must be a live block of the instance's; from now on it belongs to the dump stack.
fn take_context(pointers: &DumpPointers) {
    if pointers.context.is_null() {
        return;
    }
    let block = mem::find(pointers.context);
    let own = block.as_ref().is_some_and(|block| {
        matches!(
            block.owner,
            Owner::Pool(Role::Normal) | Owner::DumpContext(_)
        )
    });
    rules::demand(
        Rule::DumpPointersInvalid,
        own,
        format_args!(
            "MiniportPrivateDumpData {} is not in nonpaged memory of the instance",
            pointers.context
        ),
    );
    if let Some(block) = block.filter(|_| own) {
        let _ = mem::set_owner(block.va, Owner::DumpContext(Role::Hiber));
    }
}
