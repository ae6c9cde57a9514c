//! `memcpy` and its like. The compiler emits calls of them, so they are checked for bad pointers as an access of the
//! driver's own would be: the simulated system stops.

use alloc::format;

use super::export;
use crate::{
    exports::{Export, ExportCall},
    mem::{self, MemFault, Va},
    record,
};

/// `SYSTEM_SERVICE_EXCEPTION` would be wrong here: `KMODE_EXCEPTION_NOT_HANDLED`, as an access violation in a routine
/// of the kernel shows up.
const KMODE_EXCEPTION_NOT_HANDLED: u32 = 0x1E;
/// `STATUS_ACCESS_VIOLATION`.
const ACCESS_VIOLATION: u64 = 0xC000_0005;

/// The routines.
pub static EXPORTS: &[Export] = &[
    export("memcpy", copy),
    export("memmove", copy),
    export("RtlCopyMemory", copy),
    export("RtlMoveMemory", copy),
    export("RtlCopyMemoryNonTemporal", copy),
    export("memset", set),
    export("RtlFillMemory", fill),
    export("RtlZeroMemory", zero),
    export("memcmp", compare),
    export("memchr", find),
    export("RtlCompareMemory", equal_bytes),
    export("RtlEqualMemory", is_equal),
    export("memcpy_s", copy_checked),
    export("memmove_s", copy_checked),
];

/// Gives the value, or stops the simulated system as the access would have.
pub(super) fn demand<T>(call: &ExportCall, result: Result<T, MemFault>) -> T {
    match result {
        Ok(value) => value,
        Err(fault) => {
            let text = format!("{} was given a bad pointer: {fault}", call.export.name);
            let parameters = [ACCESS_VIOLATION, call.return_address.0, 0, fault.va.0];
            record::bugcheck(KMODE_EXCEPTION_NOT_HANDLED, parameters, text)
        }
    }
}

fn copy(call: &ExportCall) -> u64 {
    demand(call, mem::copy(call.va(0), call.va(1), call.arg(2)));
    call.arg(0)
}

fn set(call: &ExportCall) -> u64 {
    demand(call, mem::fill(call.va(0), call.arg8(1), call.arg(2)));
    call.arg(0)
}

fn fill(call: &ExportCall) -> u64 {
    demand(call, mem::fill(call.va(0), call.arg8(2), call.arg(1)));
    0
}

fn zero(call: &ExportCall) -> u64 {
    demand(call, mem::fill(call.va(0), 0, call.arg(1)));
    0
}

/// The sign of the first difference, as an `int`.
fn compare(call: &ExportCall) -> u64 {
    match first_difference(call, call.arg(2)) {
        Some((_, first, second)) if first < second => u64::from(u32::MAX),
        Some(_) => 1,
        None => 0,
    }
}

/// How many bytes are equal from the start.
fn equal_bytes(call: &ExportCall) -> u64 {
    first_difference(call, call.arg(2)).map_or(call.arg(2), |(at, ..)| at)
}

fn is_equal(call: &ExportCall) -> u64 {
    u64::from(first_difference(call, call.arg(2)).is_none())
}

fn find(call: &ExportCall) -> u64 {
    let wanted = call.arg8(1);
    for offset in 0..call.arg(2) {
        let at = call.va(0).offset(offset);
        if demand(call, mem::read::<u8>(at)) == wanted {
            return at.0;
        }
    }
    0
}

/// `errno_t memcpy_s(dest, destsz, src, count)`.
fn copy_checked(call: &ExportCall) -> u64 {
    const EINVAL: u64 = 22;
    const ERANGE: u64 = 34;
    let (to, room, from, bytes) = (call.va(0), call.arg(1), call.va(2), call.arg(3));
    if bytes == 0 {
        return 0;
    }
    if to.is_null() {
        return EINVAL;
    }
    if from.is_null() || room < bytes {
        demand(call, mem::fill(to, 0, room));
        return if from.is_null() { EINVAL } else { ERANGE };
    }
    demand(call, mem::copy(to, from, bytes));
    0
}

/// Offset and both values of the first byte in which arguments 0 and 1 differ.
fn first_difference(call: &ExportCall, bytes: u64) -> Option<(u64, u8, u8)> {
    const CHUNK: u64 = 256;
    let (first, second): (Va, Va) = (call.va(0), call.va(1));
    let (mut left, mut right) = ([0; 256], [0; 256]);
    let mut done = 0;
    while done < bytes {
        let now = (bytes - done).min(CHUNK);
        let (Some(left), Some(right)) = (
            left.get_mut(..mem::size(now)),
            right.get_mut(..mem::size(now)),
        ) else {
            return None;
        };
        demand(call, mem::read_bytes(first.offset(done), left));
        demand(call, mem::read_bytes(second.offset(done), right));
        let differing = (done..)
            .zip(left.iter().zip(right.iter()))
            .find(|(_, (left, right))| left != right);
        if let Some((at, (&left, &right))) = differing {
            return Some((at, left, right));
        }
        done += now;
    }
    None
}
