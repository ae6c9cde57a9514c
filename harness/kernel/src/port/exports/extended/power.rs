//! The power framework's routines: components stay active, D3cold is not enabled.

use super::super::{super::abi::codes::STOR_STATUS_SUCCESS, args};
use crate::{exports::ExportCall, irql};

const FALSE: u8 = 0;

/// `StorPortInitializePoFxPower(ext, Address, Device, *D3ColdEnabled)`.
pub(super) fn initialize(call: &ExportCall) -> u32 {
    args::irql_at_most("StorPortInitializePoFxPower", irql::PASSIVE_LEVEL);
    let enabled = call.va(4);
    if !enabled.is_null() {
        args::put("StorPortInitializePoFxPower", enabled, &FALSE);
    }
    STOR_STATUS_SUCCESS
}

/// `StorPortGetD3ColdSupport(ext, Address, *Supported)`.
pub(super) fn d3_cold_support(call: &ExportCall) -> u32 {
    args::put("StorPortGetD3ColdSupport", call.va(3), &FALSE);
    STOR_STATUS_SUCCESS
}
