//! Removal, orderly or by surprise, and the census of what the instance leaves behind.

use alloc::{string::String, vec::Vec};

use proto::owner::Owner;

use super::{
    PortError,
    abi::{
        codes::{adapter_control, pnp_action, unit_control},
        srb::{
            SRB_FUNCTION_FLUSH, SRB_FUNCTION_PNP, SRB_FUNCTION_SHUTDOWN, SRB_STATUS_NO_DEVICE,
            SRB_STATUS_SUCCESS,
        },
    },
    adapter::{self, Phase},
    callback::Routine,
    complete, control, dispatch,
    faults::{self, Hidden},
    interrupts, invoke, power,
    queue::Address,
    request::{Request, RetryPolicy},
    rings,
    services::{self, BlockSort},
    srb::Parameters,
    timeouts,
};
use crate::{
    bugcheck::exports as callbacks,
    irql,
    mem::{self, Va},
    mmio,
    pci::MsixState,
    processors::{park, race},
    rules::{self, Rule},
};

/// `SRB_PNP_FLAGS_ADAPTER_REQUEST`.
const ADAPTER_REQUEST: u32 = 1;
const COMMAND_OFFSET: u16 = 4;
/// PCI command register: memory space and bus master.
const COMMAND_DECODE_AND_MASTER: u16 = 0b110;

/// What was left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Blocks that the miniport did not free.
    pub leaked_blocks: u32,
    /// Their bytes.
    pub leaked_bytes: u64,
}

/// Orderly removal: caches, PnP requests, stop, resources, census. `PASSIVE_LEVEL`.
///
/// # Errors
/// The first step that fails; the adapter is gone in any case.
pub fn stop_and_remove() -> Result<Census, PortError> {
    power::hold();
    let result = power::drain().and_then(|_| quiesce());
    let census = tear_down();
    result.map(|()| census)
}

/// As the PnP manager does: the removal is prepared for all units (`IRP_MN_QUERY_REMOVE_DEVICE`) before the first of them goes.
fn quiesce() -> Result<(), PortError> {
    fail_waiting();
    let units = super::units();
    for unit in &units {
        for (what, function) in [
            ("SRB_FUNCTION_FLUSH", SRB_FUNCTION_FLUSH),
            ("SRB_FUNCTION_SHUTDOWN", SRB_FUNCTION_SHUTDOWN),
        ] {
            let request = Request {
                retry: RetryPolicy::Class,
                ..Request::function(unit.address, function).direct()
            };
            power::demand_success(what, &request)?;
        }
    }
    for unit in &units {
        pnp(unit.address, 0, pnp_action::REMOVE_DEVICE)?;
        control::unit(unit_control::UNIT_REMOVE, unit.address, None);
    }
    pnp(
        Address::default(),
        ADAPTER_REQUEST,
        pnp_action::REMOVE_DEVICE,
    )?;
    if adapter::phase() == Some(Phase::Running) {
        power::stop_adapter()?;
    }
    Ok(())
}

/// `SRB_FUNCTION_PNP`; a miniport may answer `INVALID_REQUEST` to actions that do not concern it.
fn pnp(address: Address, flags: u32, action: u32) -> Result<(), PortError> {
    let completion = dispatch::execute(Request {
        parameters: Parameters::Pnp { flags, action },
        ..Request::function(address, SRB_FUNCTION_PNP).direct()
    })?;
    rules::check(Rule::RequestRefused);
    if completion.status != SRB_STATUS_SUCCESS {
        log!(
            "SRB_FUNCTION_PNP action {action} is answered with SrbStatus {:#x}",
            completion.srb_status
        );
    }
    Ok(())
}

/// The HBA is pulled out: it answers nothing any more, and the miniport is told. `PASSIVE_LEVEL`.
///
/// # Errors
/// [`PortError::NotRunning`].
pub fn surprise_remove() -> Result<Census, PortError> {
    let function = adapter::with(|adapter| adapter.function).ok_or(PortError::NotRunning)?;
    power::hold();
    function.set_msix(MsixState::Disabled);
    function.write16(
        COMMAND_OFFSET,
        function.read16(COMMAND_OFFSET) & !COMMAND_DECODE_AND_MASTER,
    );
    for unit in super::units() {
        control::unit(unit_control::UNIT_SURPRISE_REMOVAL, unit.address, None);
    }
    let supported = adapter::with(|adapter| {
        adapter
            .adapter_controls
            .has(adapter_control::ADAPTER_SURPRISE_REMOVAL)
    });
    if supported == Some(true) {
        let status = control::call_adapter(adapter_control::ADAPTER_SURPRISE_REMOVAL, Va::NULL);
        rules::demand(
            Rule::ControlTypeList,
            control::demand_success(adapter_control::ADAPTER_SURPRISE_REMOVAL, status).is_ok(),
            "ScsiAdapterSurpriseRemoval fails",
        );
    }
    // DPCs and interrupts that were under way on other processors come to their end first.
    park::while_parked(|| {});
    irql::at(irql::DISPATCH_LEVEL, complete::process);
    account_for_outstanding();
    fail_waiting();
    // From here on the miniport knows; a touch of the registers faults.
    faults::hide_registers(Hidden::Removed);
    rules::check(Rule::StopTouchedHardware);
    if adapter::phase() == Some(Phase::Running) {
        let _ = power::stop_adapter();
    }
    let census = tear_down();
    faults::show_registers();
    Ok(census)
}

/// The start failed: what there is goes away. A miniport that was not found has cleaned up by itself, and
/// `HwStorFreeAdapterResources` is not called. `None` if it did not even come that far. `PASSIVE_LEVEL`.
#[must_use]
pub fn remove_after_failed_start() -> Option<Census> {
    let phase = adapter::phase()?;
    power::hold();
    if phase == Phase::Finding {
        adapter::with(|adapter| adapter.miniport.free_adapter_resources = Va::NULL);
    }
    Some(tear_down())
}

/// Everything that was at the miniport must have come back by now.
fn account_for_outstanding() {
    let out = adapter::with(|adapter| adapter.table.at_miniport(|_| true)).unwrap_or_default();
    rules::check(Rule::RequestLost);
    for ticket in out {
        rules::violate(
            Rule::RequestLost,
            format_args!(
                "request {ticket} is not completed when the adapter is removed by surprise"
            ),
        );
        complete::take_back(ticket, Some(SRB_STATUS_NO_DEVICE));
    }
}

/// Requests that the port still keeps back end with `NO_DEVICE`.
fn fail_waiting() {
    adapter::with(|adapter| {
        let addresses: Vec<Address> = adapter
            .table
            .iter()
            .filter_map(|(_, slot)| slot.request.as_ref().map(|request| request.address))
            .collect();
        for address in addresses {
            for ticket in adapter.queues.take_waiting(address) {
                if let Some(slot) = adapter.table.slot_mut(ticket) {
                    slot.completion = Some(no_device());
                    slot.state = super::request::SlotState::Done;
                }
            }
        }
    });
}

const fn no_device() -> super::Completion {
    super::Completion {
        status: SRB_STATUS_NO_DEVICE,
        srb_status: SRB_STATUS_NO_DEVICE,
        scsi_status: 0,
        transferred: 0,
        sense: Vec::new(),
        system_status: 0,
        retries: 0,
    }
}

/// `HwStorFreeAdapterResources`, then everything of the port's own.
fn tear_down() -> Census {
    services::run_passive_work();
    services::stop_all();
    timeouts::stop();
    let routine = adapter::with(|adapter| {
        (
            adapter.miniport.free_adapter_resources,
            adapter.extension.va,
        )
    });
    if let Some((routine, extension)) = routine
        && !routine.is_null()
    {
        invoke::call(Routine::FreeAdapterResources, routine, &[], &[extension.0]);
    }
    interrupts::disconnect();
    dispatch::check_all_fences();
    adapter::set_phase(Phase::Removed);
    count_rules_of_a_life();
    let census = take_census();
    free_everything();
    census
}

/// Rules about calls that a good miniport never makes: they were watched for the whole life of the instance.
fn count_rules_of_a_life() {
    for rule in [
        Rule::StorPortDeprecated,
        Rule::StorPortCompleteRequest,
        Rule::StorPortDDIsPortOnly,
        Rule::StorPortMSILock,
        Rule::StorPortAllocatePool,
        Rule::DoubleExFreePool,
        Rule::F1_1001_StallTooLong,
        Rule::F1_1007_ResetHold,
        Rule::F1_FreeDeviceBase,
    ] {
        rules::check(rule);
    }
}

fn take_census() -> Census {
    let left: Vec<u64> = adapter::with(|adapter| {
        adapter
            .services
            .blocks
            .iter()
            .filter(|(_, sort)| **sort != BlockSort::Port)
            .map(|(va, _)| *va)
            .collect()
    })
    .unwrap_or_default();
    let mut census = Census::default();
    rules::check(Rule::PoolLeak);
    rules::check(Rule::StorPortAllocatePool2);
    for va in left {
        let Some(info) = mem::find(Va(va)) else {
            continue;
        };
        census.leaked_blocks += 1;
        census.leaked_bytes += info.bytes;
        let name: String = info.name.into();
        rules::violate(
            Rule::PoolLeak,
            format_args!(
                "{} bytes of {name} at {} are never freed",
                info.bytes, info.va
            ),
        );
    }
    census
}

fn free_everything() {
    race::end();
    rings::detach();
    let Some(mut adapter) = adapter::uninstall() else {
        return;
    };
    for range in adapter.mapped.iter().filter(|range| !range.in_io_space) {
        mmio::unmap(range.va);
    }
    let slots = adapter.table.take_slots();
    let request_blocks = slots.into_iter().flat_map(|slot| {
        [
            Some(slot.block),
            Some(slot.sense),
            Some(slot.list),
            slot.extension,
        ]
        .into_iter()
        .flatten()
    });
    let own = [
        Some(adapter.extension),
        Some(adapter.config),
        adapter.ranges_memory,
        adapter.uncached,
    ]
    .into_iter()
    .flatten();
    let units = adapter.unit_extensions.into_values();
    for block in request_blocks.chain(own).chain(units) {
        free_checked(block.va, block.owner);
    }
    for va in adapter.services.blocks.into_keys() {
        if let Some(block) = mem::find(Va(va)) {
            callbacks::forget_within(Va(va), block.bytes, block.name);
        }
        let _ = mem::free(Va(va));
    }
}

/// Frees a block of the port's and looks at the bytes around it.
fn free_checked(va: Va, owner: Owner) {
    if let Some(block) = mem::find(va) {
        callbacks::forget_within(va, block.bytes, block.name);
    }
    if let Ok(freed) = mem::free(va) {
        rules::demand(
            Rule::PoolOverrun,
            freed.redzone_intact,
            format_args!("bytes around the {owner:?} block at {va} were changed"),
        );
    }
}
