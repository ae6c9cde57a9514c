//! `DbgPrint`, `_snprintf` and their relatives.

use alloc::string::String;

use proto::record::Record;

use super::{export, memory::demand};
use crate::{
    exports::{Export, ExportCall},
    format::{self, Source, Width},
    mem::{self, Va},
    record,
};

/// Longest format string.
const FORMAT_LIMIT: usize = 4096;
/// `(int)-1`.
const CUT: u64 = 0xFFFF_FFFF;

/// The routines.
pub static EXPORTS: &[Export] = &[
    export("DbgPrint", dbg_print),
    export("DbgPrintEx", dbg_print_ex),
    export("vDbgPrintEx", dbg_print_list),
    export("vDbgPrintExWithPrefix", dbg_print_prefix),
    export("_snprintf", snprintf),
    export("_vsnprintf", vsnprintf),
    export("sprintf", sprintf),
    export("vsprintf", vsprintf),
    export("sprintf_s", sprintf_s),
    export("_snprintf_s", snprintf_s),
    export("_vsnprintf_s", vsnprintf_s),
    export("DbgBreakPoint", nothing),
    export("DbgBreakPointWithStatus", nothing),
];

/// Formats the string at `template` with the 64-bit slots from `args` on, which is how both a variadic call and a
/// `va_list` lie in memory.
#[must_use]
pub fn format(template: Va, args: Va) -> String {
    match mem::read_ansi(template, FORMAT_LIMIT) {
        Ok(text) => format::format(&text, &mut Slots(args)),
        Err(fault) => alloc::format!("(format string at {fault})"),
    }
}

struct Slots(Va);

impl Source for Slots {
    fn next(&mut self) -> u64 {
        let value = mem::read(self.0).unwrap_or(0);
        self.0 = self.0.offset(8);
        value
    }

    fn ansi(&self, address: u64, limit: usize) -> Option<String> {
        mem::read_ansi(Va(address), limit).ok()
    }

    fn wide(&self, address: u64, limit: usize) -> Option<String> {
        let units = (0..limit)
            .take_while(|&index| {
                !matches!(
                    mem::read::<u16>(Va(address).offset(index as u64 * 2)),
                    Ok(0) | Err(_)
                )
            })
            .count();
        mem::read_wide(Va(address), units).ok()
    }

    fn counted(&self, address: u64, width: Width) -> Option<String> {
        let bytes = mem::read::<u16>(Va(address)).ok()?;
        let buffer = mem::read::<u64>(Va(address).offset(8)).ok()?;
        match width {
            Width::Ansi => mem::read_ansi(Va(buffer), bytes.into()).ok(),
            Width::Wide => mem::read_wide(Va(buffer), usize::from(bytes / 2)).ok(),
        }
    }
}

fn show(call: &ExportCall, text: &str) -> u64 {
    let text = String::from(text.trim_end_matches(['\r', '\n']));
    record::emit(&Record::DriverPrint {
        role: call.role_or_normal(),
        text,
    });
    0
}

fn dbg_print(call: &ExportCall) -> u64 {
    show(call, &format(call.va(0), slots_after(call, 1)))
}

/// `DbgPrintEx(ComponentId, Level, Format, ...)`.
fn dbg_print_ex(call: &ExportCall) -> u64 {
    show(call, &format(call.va(2), slots_after(call, 3)))
}

/// `vDbgPrintEx(ComponentId, Level, Format, arglist)`.
fn dbg_print_list(call: &ExportCall) -> u64 {
    show(call, &format(call.va(2), call.va(3)))
}

/// `vDbgPrintExWithPrefix(Prefix, ComponentId, Level, Format, arglist)`.
fn dbg_print_prefix(call: &ExportCall) -> u64 {
    let mut text = mem::read_ansi(call.va(0), FORMAT_LIMIT).unwrap_or_default();
    text.push_str(&format(call.va(3), call.va(4)));
    show(call, &text)
}

/// `_snprintf(buffer, count, format, ...)`: no zero if the text fills the buffer, -1 if it is longer.
fn snprintf(call: &ExportCall) -> u64 {
    let text = format(call.va(2), slots_after(call, 3));
    store(call, call.arg(1), &text, Ending::IfItFits)
}

/// `_vsnprintf(buffer, count, format, argptr)`.
fn vsnprintf(call: &ExportCall) -> u64 {
    let text = format(call.va(2), call.va(3));
    store(call, call.arg(1), &text, Ending::IfItFits)
}

fn sprintf(call: &ExportCall) -> u64 {
    let text = format(call.va(1), slots_after(call, 2));
    store(call, u64::MAX, &text, Ending::Always)
}

fn vsprintf(call: &ExportCall) -> u64 {
    let text = format(call.va(1), call.va(2));
    store(call, u64::MAX, &text, Ending::Always)
}

/// `sprintf_s(buffer, size, format, ...)`.
fn sprintf_s(call: &ExportCall) -> u64 {
    let text = format(call.va(2), slots_after(call, 3));
    store(call, call.arg(1), &text, Ending::Always)
}

/// `_snprintf_s(buffer, size, count, format, ...)`.
fn snprintf_s(call: &ExportCall) -> u64 {
    let text = format(call.va(3), slots_after(call, 4));
    let room = call.arg(1).min(call.arg(2).saturating_add(1));
    store(call, room, &text, Ending::Always)
}

/// `_vsnprintf_s(buffer, size, count, format, argptr)`.
fn vsnprintf_s(call: &ExportCall) -> u64 {
    let text = format(call.va(3), call.va(4));
    let room = call.arg(1).min(call.arg(2).saturating_add(1));
    store(call, room, &text, Ending::Always)
}

fn nothing(_call: &ExportCall) -> u64 {
    0
}

/// When the zero is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Always,
    IfItFits,
}

/// Writes the text to the buffer in argument 0, 8-bit characters; returns its length or -1.
fn store(call: &ExportCall, room: u64, text: &str, ending: Ending) -> u64 {
    let mut bytes: alloc::vec::Vec<u8> = text
        .chars()
        .map(|letter| u8::try_from(letter).unwrap_or(b'?'))
        .collect();
    let length = bytes.len() as u64;
    let kept = match ending {
        Ending::IfItFits => length.min(room),
        Ending::Always => length.min(room.saturating_sub(1)),
    };
    bytes.truncate(mem::size(kept));
    if kept < room {
        bytes.push(0);
    }
    demand(call, mem::write_bytes(call.va(0), &bytes));
    if kept < length { CUT } else { length }
}

fn slots_after(call: &ExportCall, arguments: u64) -> Va {
    call.args_va().offset(arguments * 8)
}
