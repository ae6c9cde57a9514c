//! The header of a crash dump of the running system.

use alloc::vec::Vec;

use super::{export, memory::demand};
use crate::{
    crash::{
        header::{self, Bugcheck, dump_type},
        live,
    },
    exports::{Export, ExportCall},
    hw::entry::{self, Frame},
    mem::{self, Va},
};

/// `STATUS_SUCCESS`.
const SUCCESS: u64 = 0;
/// `STATUS_INSUFFICIENT_RESOURCES`.
const INSUFFICIENT_RESOURCES: u64 = 0xC000_009A;

/// The routines.
pub static EXPORTS: &[Export] = &[export("KeInitializeCrashDumpHeader", crash_dump_header)];

/// `KeInitializeCrashDumpHeader(DumpType, Flags, Buffer, BufferSize, BufferNeeded)`: the size is told whatever comes of the call.
fn crash_dump_header(call: &ExportCall) -> u64 {
    let needed = call.va(4);
    if !needed.is_null() {
        demand(
            call,
            mem::write(needed, &u32::try_from(header::HEADER_BYTES).unwrap_or(0)),
        );
    }
    if let Some(status) = header::refusal(call.arg32(0), call.arg32(1), call.arg32(3)) {
        return status.into();
    }
    match header_of_the_moment(call.return_address) {
        Some(bytes) => {
            demand(call, mem::write_bytes(call.va(2), &bytes));
            SUCCESS
        }
        None => INSUFFICIENT_RESOURCES,
    }
}

/// The header of a complete dump of the running system; `caller` stands for the instruction pointer.
fn header_of_the_moment(caller: Va) -> Option<Vec<u8>> {
    if !live::prepare() {
        return None;
    }
    let frame = Frame {
        rip: caller.0,
        ..entry::here()
    };
    let snapshot = live::update(Bugcheck::default(), &frame)?;
    let bytes = header::full_dump_bytes(snapshot.runs());
    snapshot.header(dump_type::FULL, bytes).ok()
}
