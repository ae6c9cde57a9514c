//! `HwStorAdapterControl` and `HwStorUnitControl`: the lists of supported types, and calling with the right IRQL and lock.

use alloc::vec;

use proto::owner::Owner;

use super::{
    PortError,
    abi::{
        Structure,
        codes::{
            adapter_control::{self, ADAPTER_CONTROL_MAX, QUERY_SUPPORTED_CONTROL_TYPES},
            adapter_control_status,
            unit_control::{self, UNIT_CONTROL_MAX},
            unit_control_status,
        },
        services::{StorUnitControlPower, SupportedControlTypeList},
        srb::{STOR_ADDR_BTL8_ADDRESS_LENGTH, STOR_ADDRESS_TYPE_BTL8, StorAddrBtl8},
    },
    adapter::{self, ControlTypes},
    callback::Routine,
    invoke,
    locks::Lock,
    queue::Address,
    start,
};
use crate::{
    irql,
    mem::{self, Va},
    rules::{self, Rule},
};

/// What bytes behind the list hold, to see a miniport that writes past `MaxControlType`.
const FENCE: u8 = 0x5C;
const FENCE_BYTES: usize = 16;

/// Asks `HwStorAdapterControl` for its list.
pub(super) fn query_adapter_types() {
    let types = query(ADAPTER_CONTROL_MAX, |list| {
        call_adapter(QUERY_SUPPORTED_CONTROL_TYPES, list) == adapter_control_status::SUCCESS
    });
    for (kind, name) in [
        (adapter_control::STOP_ADAPTER, "ScsiStopAdapter"),
        (adapter_control::RESTART_ADAPTER, "ScsiRestartAdapter"),
    ] {
        rules::demand(
            Rule::ControlTypeList,
            types.has(kind),
            format_args!("{name} is not supported: the adapter cannot be stopped for PnP or power"),
        );
    }
    adapter::with(|adapter| adapter.adapter_controls = types);
}

/// Asks `HwStorUnitControl` for its list, if there is one.
pub(super) fn query_unit_types() {
    let routine = adapter::miniport().map_or(Va::NULL, |miniport| miniport.unit_control);
    if routine.is_null() {
        return;
    }
    let types = query(UNIT_CONTROL_MAX, |list| {
        call_unit(unit_control::QUERY_SUPPORTED_UNIT_CONTROL_TYPES, list)
            == unit_control_status::SUCCESS
    });
    adapter::with(|adapter| adapter.unit_controls = types);
}

/// One query: a list of `count` BOOLEANs, with a fence behind.
fn query(count: u32, ask: impl FnOnce(Va) -> bool) -> ControlTypes {
    let flags = usize::try_from(count).unwrap_or(0);
    let header = mem::size(SupportedControlTypeList::BYTES);
    let mut bytes = vec![0; header + flags];
    bytes.splice(..4, count.to_le_bytes());
    bytes.extend([FENCE; FENCE_BYTES]);
    let length = u64::try_from(bytes.len()).unwrap_or(0);
    let Ok(block) = start::zeroed(length, Owner::Scratch, "control type list") else {
        return ControlTypes::default();
    };
    let _ = mem::write_bytes(block.va, &bytes);
    let answered = ask(block.va);
    let after = mem::read_vec(block.va, length).unwrap_or_default();
    let _ = mem::free(block.va);
    rules::demand(
        Rule::ControlTypeList,
        answered,
        "the query for supported control types fails",
    );
    rules::demand(
        Rule::ControlTypeList,
        after.get(..4) == Some(&count.to_le_bytes())
            && after
                .get(header + flags..)
                .is_some_and(|fence| fence.iter().all(|byte| *byte == FENCE)),
        "the list of supported control types is written beyond MaxControlType",
    );
    let supported = after.get(header..header + flags).unwrap_or_default();
    let mask = (0..)
        .zip(supported)
        .filter(|(_, flag)| **flag != 0)
        .fold(0, |mask: u32, (kind, _)| {
            mask | 1_u32.checked_shl(kind).unwrap_or(0)
        });
    ControlTypes(mask)
}

/// Calls `HwStorAdapterControl` at the present IRQL, without a lock.
pub(super) fn call_adapter(kind: u32, parameters: Va) -> u32 {
    call(kind, parameters, Routine::AdapterControl, &[])
}

/// Calls `HwStorAdapterControl` with `ScsiStopAdapter` or `ScsiRestartAdapter`: at DIRQL with the interrupt lock, the
/// stricter of the two documents.
pub(super) fn call_stop_or_restart(kind: u32) -> u32 {
    let level = adapter::with(|adapter| adapter.interrupts.irql).unwrap_or(irql::DISPATCH_LEVEL);
    irql::at(level, || {
        call(kind, Va::NULL, Routine::StopOrRestart, &[Lock::Interrupt])
    })
}

/// The same, as an error unless it succeeds.
///
/// # Errors
/// [`PortError::Control`].
pub(super) fn demand_success(kind: u32, status: u32) -> Result<(), PortError> {
    if status == adapter_control_status::SUCCESS {
        Ok(())
    } else {
        Err(PortError::Control(kind, status))
    }
}

fn call(kind: u32, parameters: Va, routine: Routine, locks: &[Lock]) -> u32 {
    let Some((entry, extension)) =
        adapter::with(|adapter| (adapter.miniport.adapter_control, adapter.extension.va))
    else {
        return adapter_control_status::UNSUCCESSFUL;
    };
    let returned = invoke::call(
        routine,
        entry,
        locks,
        &[extension.0, u64::from(kind), parameters.0],
    );
    let [b0, b1, b2, b3, ..] = returned.to_le_bytes();
    u32::from_le_bytes([b0, b1, b2, b3])
}

fn call_unit(kind: u32, parameters: Va) -> u32 {
    let Some((entry, extension)) =
        adapter::with(|adapter| (adapter.miniport.unit_control, adapter.extension.va))
    else {
        return unit_control_status::UNSUCCESSFUL;
    };
    let returned = invoke::call(
        Routine::UnitControl,
        entry,
        &[],
        &[extension.0, u64::from(kind), parameters.0],
    );
    let [b0, b1, b2, b3, ..] = returned.to_le_bytes();
    u32::from_le_bytes([b0, b1, b2, b3])
}

/// Calls `HwStorUnitControl` for one unit if it supports `kind`: start, remove and surprise removal at `PASSIVE_LEVEL`,
/// power at `DISPATCH_LEVEL`.
pub(super) fn unit(kind: u32, address: Address, power: Option<(u32, u32)>) {
    let supported = adapter::with(|adapter| adapter.unit_controls.has(kind)).unwrap_or(false);
    if !supported {
        return;
    }
    let Ok(block) = start::zeroed(64, Owner::Scratch, "unit control parameters") else {
        return;
    };
    write_address(block.va, address);
    let (level, parameters) = match power {
        None => (irql::PASSIVE_LEVEL, block.va),
        Some((action, state)) => {
            let at = block.va.offset(32);
            let view = super::abi::View::<StorUnitControlPower>::at(at);
            let _ = view.set(StorUnitControlPower::ADDRESS, block.va.0);
            let _ = view.set(StorUnitControlPower::POWER_ACTION, action);
            let _ = view.set(StorUnitControlPower::POWER_STATE, state);
            (irql::DISPATCH_LEVEL, at)
        }
    };
    let status = irql::at(level, || call_unit(kind, parameters));
    let _ = mem::free(block.va);
    rules::demand(
        Rule::ControlTypeList,
        status == unit_control_status::SUCCESS,
        format_args!("HwStorUnitControl type {kind} is listed as supported and answers {status}"),
    );
}

/// Writes a BTL8 address.
pub(super) fn write_address(to: Va, address: Address) {
    let view = super::abi::View::<StorAddrBtl8>::at(to);
    let _ = view.set(StorAddrBtl8::TYPE, STOR_ADDRESS_TYPE_BTL8);
    let _ = view.set(StorAddrBtl8::ADDRESS_LENGTH, STOR_ADDR_BTL8_ADDRESS_LENGTH);
    let _ = view.set(StorAddrBtl8::PATH, address.path);
    let _ = view.set(StorAddrBtl8::TARGET, address.target);
    let _ = view.set(StorAddrBtl8::LUN, address.lun);
}
