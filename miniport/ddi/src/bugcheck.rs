//! The end of the line: a panic, and what a crash dump is told of this driver ([`callbacks`]).
//!
//! The driver has no panic that data can reach. What is left (a broken invariant of its own) is recorded with file and line and stops the
//! system, in the way that leaves the most evidence.
#![expect(unsafe_code, reason = "stops the system")]
// UNSAFETY: KeBugCheckEx is a C function that does not return.

pub mod callbacks;

use core::panic::PanicInfo;

use wdk_sys::ntddk;

use crate::recorder;

/// Bug check code of a panic in this driver: `HIBP`.
pub const PANIC_CODE: u32 = u32::from_be_bytes(*b"HIBP");

/// Records the panic and stops the system: parameter 1 is the address of the file name, 2 its length, 3 the line, 4 the column.
/// Any IRQL.
pub fn panic(info: &PanicInfo<'_>) -> ! {
    let Some(location) = info.location() else {
        stop([0; 4]);
    };
    recorder::record_panic(location);
    stop([
        location.file().as_ptr().addr() as u64,
        location.file().len() as u64,
        u64::from(location.line()),
        u64::from(location.column()),
    ])
}

/// Bug check code of a dump filter that must not let a write happen: `HIBF`.
pub const FILTER_CODE: u32 = u32::from_be_bytes(*b"HIBF");

/// Stops the system because a write must not reach the disk: parameter 1 is the number of the reason
/// ([`crate::filter::Refusal`]). Any IRQL.
pub(crate) fn stop_filter(reason: u64) -> ! {
    stop_with(FILTER_CODE, [reason, 0, 0, 0])
}

fn stop(parameters: [u64; 4]) -> ! {
    stop_with(PANIC_CODE, parameters)
}

fn stop_with(code: u32, parameters: [u64; 4]) -> ! {
    let [first, second, third, fourth] = parameters;
    // SAFETY: takes plain numbers and is legal at any IRQL.
    unsafe { ntddk::KeBugCheckEx(code, first, second, third, fourth) }
}
