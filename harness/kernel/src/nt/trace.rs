//! Event tracing and WMI: providers register and are never enabled, as on a system where nobody listens.

use super::{export, memory::demand};
use crate::{
    exports::{Export, ExportCall},
    mem,
};

/// What a registration gets: a handle that is not zero.
const HANDLE: u64 = 0x4554_5731;

/// The routines.
pub static EXPORTS: &[Export] = &[
    export("EtwRegister", register),
    export("EtwUnregister", success),
    export("EtwSetInformation", success),
    export("EtwWrite", success),
    export("EtwWriteEx", success),
    export("EtwWriteTransfer", success),
    export("EtwWriteString", success),
    export("EtwEventEnabled", success),
    export("EtwProviderEnabled", success),
    export("EtwActivityIdControl", success),
    export("IoWMIRegistrationControl", success),
    export("WmiTraceMessage", success),
    export("WmiTraceMessageVa", success),
    export("WmiQueryTraceInformation", not_found),
    export("IoWMIWriteEvent", success),
];

/// `EtwRegister(ProviderId, EnableCallback, CallbackContext, RegHandle)`.
fn register(call: &ExportCall) -> u64 {
    demand(call, mem::write(call.va(3), &HANDLE));
    0
}

/// `STATUS_SUCCESS`, or FALSE where the question is whether anybody listens.
fn success(_call: &ExportCall) -> u64 {
    0
}

/// `STATUS_NOT_FOUND`.
fn not_found(_call: &ExportCall) -> u64 {
    0xC000_0225
}
