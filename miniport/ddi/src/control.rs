//! The parameters of `HwStorAdapterControl` and `HwStorUnitControl`, taken apart.
//!
//! Neighbours: [`crate::thunk`] calls these, [`crate::adapter`] has the methods behind them.
//! Source: `nc-storport-hw_adapter_control.md`, `nc-storport-hw_unit_control.md`.
#![expect(unsafe_code, reason = "parameters whose type depends on a number")]
// UNSAFETY: the control type says what the parameter pointer points to.

use core::{ffi::c_void, ptr::NonNull};

use wdk_sys::{
    _SCSI_ADAPTER_CONTROL_TYPE as adapter_type, _SCSI_UNIT_CONTROL_TYPE as unit_type,
    _STOR_DEVICE_POWER_STATE, SCSI_SUPPORTED_CONTROL_TYPE_LIST, STOR_ADAPTER_CONTROL_POWER,
    STOR_ADDR_BTL8, STOR_ADDRESS_TYPE_BTL8, STOR_POWER_ACTION, STOR_UNIT_CONTROL_POWER,
};

use crate::{
    adapter::{Adapter, PowerAction, PowerState, UnitControl},
    context::{LockFreeContext, RestartContext, StopContext},
    port::{Port, UnitAddress},
};

/// Marks the supported types in the port's list, which older systems make shorter (`MaxControlType`).
///
/// # Safety
/// `parameters` is null or points to a `SCSI_SUPPORTED_CONTROL_TYPE_LIST`.
pub(crate) unsafe fn answer_query(
    parameters: *mut c_void,
    supported: impl Iterator<Item = i32>,
) -> bool {
    const FIRST: usize = core::mem::offset_of!(SCSI_SUPPORTED_CONTROL_TYPE_LIST, SupportedTypeList);
    let Some(list) = NonNull::new(parameters) else {
        return false;
    };
    let list = list.cast::<SCSI_SUPPORTED_CONTROL_TYPE_LIST>();
    // SAFETY: the caller vouches for the list.
    let count = unsafe { list.as_ref() }.MaxControlType;
    // SAFETY: the array begins at this offset of the list.
    let first = unsafe { list.cast::<u8>().add(FIRST) };
    // SAFETY: the array has MaxControlType elements of one byte.
    let types = unsafe { core::slice::from_raw_parts_mut(first.as_ptr(), count as usize) };
    for control in supported {
        let place = usize::try_from(control)
            .ok()
            .and_then(|index| types.get_mut(index));
        if let Some(place) = place {
            *place = 1;
        }
    }
    true
}

/// Calls the adapter's method for a control type; false for those that are not supported.
///
/// # Safety
/// `parameters` is what the documentation of the control type says.
pub(crate) unsafe fn adapter<A: Adapter>(
    adapter: &A,
    port: Port<'_>,
    control_type: i32,
    parameters: *mut c_void,
) -> bool {
    if !A::REGISTRATION
        .adapter_controls
        .iter()
        .any(|&control| control as i32 == control_type)
    {
        return false;
    }
    match control_type {
        adapter_type::ScsiStopAdapter => adapter.stop(&StopContext::new(port)),
        adapter_type::ScsiRestartAdapter => adapter.restart(&mut RestartContext::new(port)),
        adapter_type::ScsiAdapterPower => {
            let Some(power) = NonNull::new(parameters.cast::<STOR_ADAPTER_CONTROL_POWER>()) else {
                return false;
            };
            // SAFETY: for this type the parameters are a STOR_ADAPTER_CONTROL_POWER.
            let power = unsafe { power.as_ref() };
            adapter.power(
                &LockFreeContext::new(port),
                power_state(power.PowerState),
                power_action(power.PowerAction),
            )
        }
        adapter_type::ScsiAdapterSurpriseRemoval => {
            adapter.surprise_removal(&LockFreeContext::new(port))
        }
        _ => false,
    }
}

/// Calls the adapter's method for a unit control type; false for those that are not supported.
///
/// # Safety
/// `parameters` is what the documentation of the control type says.
pub(crate) unsafe fn unit<A: Adapter>(
    adapter: &A,
    port: Port<'_>,
    control_type: i32,
    parameters: *mut c_void,
) -> bool {
    let Some(&control) = A::REGISTRATION
        .unit_controls
        .iter()
        .find(|&&control| control as i32 == control_type)
    else {
        return false;
    };
    let address = match control_type {
        unit_type::ScsiUnitPower => {
            let Some(power) = NonNull::new(parameters.cast::<STOR_UNIT_CONTROL_POWER>()) else {
                return false;
            };
            // SAFETY: for this type the parameters are a STOR_UNIT_CONTROL_POWER.
            unsafe { power.as_ref() }.Address.cast::<c_void>()
        }
        // Start, remove and surprise removal have the address itself as parameter.
        _ => parameters,
    };
    if control == UnitControl::QuerySupported {
        return false;
    }
    // SAFETY: the parameters of these types lead to a STOR_ADDRESS.
    match unsafe { unit_address(address) } {
        Some(unit) => adapter.unit_control(&LockFreeContext::new(port), control, unit),
        None => false,
    }
}

/// # Safety
/// `address` is null or points to a `STOR_ADDRESS`.
unsafe fn unit_address(address: *mut c_void) -> Option<UnitAddress> {
    let address = NonNull::new(address)?.cast::<STOR_ADDR_BTL8>();
    // SAFETY: every STOR_ADDRESS is at least as long as its BTL8 form (16 bytes).
    let address = unsafe { address.as_ref() };
    (u32::from(address.Type) == STOR_ADDRESS_TYPE_BTL8).then_some(UnitAddress {
        path: address.Path,
        target: address.Target,
        lun: address.Lun,
    })
}

const fn power_state(value: i32) -> PowerState {
    match value {
        _STOR_DEVICE_POWER_STATE::StorPowerDeviceD0 => PowerState::D0,
        _STOR_DEVICE_POWER_STATE::StorPowerDeviceD3 => PowerState::D3,
        other => PowerState::Other(other),
    }
}

const fn power_action(value: i32) -> PowerAction {
    match value {
        STOR_POWER_ACTION::StorPowerActionHibernate => PowerAction::Hibernate,
        STOR_POWER_ACTION::StorPowerActionSleep => PowerAction::Sleep,
        STOR_POWER_ACTION::StorPowerActionShutdown
        | STOR_POWER_ACTION::StorPowerActionShutdownReset
        | STOR_POWER_ACTION::StorPowerActionShutdownOff => PowerAction::Shutdown,
        other => PowerAction::Other(other),
    }
}
