//! Queue control: pause and resume, busy and ready, depths.

use super::{
    super::{
        adapter::{self, Adapter},
        dispatch,
        queue::Address,
    },
    args, boolean, ulong,
};
use crate::{
    exports::ExportCall,
    rules::{self, Rule},
    timer,
};

const SECOND_US: u64 = 1_000_000;

fn change(call: &ExportCall, action: impl FnOnce(&mut Adapter) -> bool) -> u64 {
    if !args::is_adapter(call, 0) {
        return boolean(false);
    }
    let done = adapter::with(action).unwrap_or(false);
    dispatch::kick();
    boolean(done)
}

fn address(call: &ExportCall) -> Address {
    Address {
        path: call.arg8(1),
        target: call.arg8(2),
        lun: call.arg8(3),
    }
}

/// `StorPortPause(ext, Timeout)`.
pub(super) fn pause(call: &ExportCall) -> u64 {
    let until = timer::now_us() + u64::from(ulong(call, 1)) * SECOND_US;
    change(call, |adapter| {
        adapter.queues.pause_adapter(until);
        true
    })
}

/// `StorPortResume(ext)`.
pub(super) fn resume(call: &ExportCall) -> u64 {
    change(call, |adapter| {
        adapter.queues.resume_adapter();
        true
    })
}

/// `StorPortPauseDevice(ext, PathId, TargetId, Lun, Timeout)`.
pub(super) fn pause_device(call: &ExportCall) -> u64 {
    let until = timer::now_us() + u64::from(ulong(call, 4)) * SECOND_US;
    change(call, |adapter| {
        adapter.queues.pause_unit(address(call), until)
    })
}

/// `StorPortResumeDevice(ext, PathId, TargetId, Lun)`.
pub(super) fn resume_device(call: &ExportCall) -> u64 {
    change(call, |adapter| adapter.queues.resume_unit(address(call)))
}

/// `StorPortBusy(ext, RequestsToComplete)`.
pub(super) fn busy(call: &ExportCall) -> u64 {
    let requests = ulong(call, 1);
    change(call, |adapter| {
        adapter.queues.busy_adapter(requests);
        true
    })
}

/// `StorPortReady(ext)`.
pub(super) fn ready(call: &ExportCall) -> u64 {
    change(call, |adapter| {
        adapter.queues.ready_adapter();
        true
    })
}

/// `StorPortDeviceBusy(ext, PathId, TargetId, Lun, RequestsToComplete)`.
pub(super) fn device_busy(call: &ExportCall) -> u64 {
    let requests = ulong(call, 4);
    change(call, |adapter| {
        adapter.queues.busy_unit(address(call), requests)
    })
}

/// `StorPortDeviceReady(ext, PathId, TargetId, Lun)`.
pub(super) fn device_ready(call: &ExportCall) -> u64 {
    change(call, |adapter| adapter.queues.ready_unit(address(call)))
}

/// `StorPortSetDeviceQueueDepth(ext, PathId, TargetId, Lun, Depth)`.
pub(super) fn set_device_queue_depth(call: &ExportCall) -> u64 {
    let depth = ulong(call, 4);
    let limit = adapter::with(|adapter| adapter.limits.unit_depth_limit).unwrap_or(0);
    if !rules::demand(
        Rule::PortArgument,
        depth > 0 && depth <= limit,
        format_args!("StorPortSetDeviceQueueDepth to {depth}; the limit is {limit}"),
    ) {
        return boolean(false);
    }
    change(call, |adapter| {
        adapter.queues.set_depth(address(call), depth)
    })
}
