//! Register and port access by routine: drivers built for x64 have these inline, older ones call.

use super::{NOTHING, ulong};
use crate::{
    exports::ExportCall,
    hw::port,
    mem::{self, Va},
    mmio::{self, Width},
    rules::{self, Rule},
};

fn read_one(register: Va, width: Width) -> u64 {
    mmio::read(register, width).unwrap_or_else(|fault| {
        rules::violate(
            Rule::MemoryFault,
            format_args!("register read at {register}: {fault}"),
        );
        u64::MAX
    })
}

fn write_one(register: Va, width: Width, value: u64) {
    if let Err(fault) = mmio::write(register, width, value) {
        rules::violate(
            Rule::MemoryFault,
            format_args!("register write at {register}: {fault}"),
        );
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// Copies `count` items between a register (the same one each time for ports, ascending for memory) and a buffer.
fn read_many(call: &ExportCall, bytes: u64, one: impl Fn(u64) -> u64) -> u64 {
    let buffer = call.va(2);
    for index in 0..u64::from(ulong(call, 3)) {
        let value = one(index).to_le_bytes();
        let item = value.get(..mem::size(bytes)).unwrap_or(&value);
        if let Err(fault) = mem::write_bytes(buffer.offset(index * bytes), item) {
            rules::violate(
                Rule::PortArgument,
                format_args!("{}: {fault}", call.export.name),
            );
            break;
        }
    }
    NOTHING
}

fn write_many(call: &ExportCall, bytes: u64, one: impl Fn(u64, u64)) -> u64 {
    let buffer = call.va(2);
    for index in 0..u64::from(ulong(call, 3)) {
        match mem::read_vec(buffer.offset(index * bytes), bytes) {
            Ok(item) => one(index, number(&item)),
            Err(fault) => {
                rules::violate(
                    Rule::PortArgument,
                    format_args!("{}: {fault}", call.export.name),
                );
                break;
            }
        }
    }
    NOTHING
}

/// Declares the six routines of one width of memory register.
macro_rules! registers {
    ($width:expr, $bytes:literal, $read:ident, $write:ident, $read_many:ident, $write_many:ident) => {
        /// Reads a register.
        pub(super) fn $read(call: &ExportCall) -> u64 {
            read_one(call.va(1), $width)
        }

        /// Writes a register.
        pub(super) fn $write(call: &ExportCall) -> u64 {
            write_one(call.va(1), $width, call.arg(2));
            NOTHING
        }

        /// Reads neighbouring registers into a buffer.
        pub(super) fn $read_many(call: &ExportCall) -> u64 {
            read_many(call, $bytes, |index| {
                read_one(call.va(1).offset(index * $bytes), $width)
            })
        }

        /// Writes neighbouring registers from a buffer.
        pub(super) fn $write_many(call: &ExportCall) -> u64 {
            write_many(call, $bytes, |index, value| {
                write_one(call.va(1).offset(index * $bytes), $width, value);
            })
        }
    };
}

registers!(
    Width::Byte,
    1,
    read_register8,
    write_register8,
    read_register_buffer8,
    write_register_buffer8
);
registers!(
    Width::Word,
    2,
    read_register16,
    write_register16,
    read_register_buffer16,
    write_register_buffer16
);
registers!(
    Width::Dword,
    4,
    read_register32,
    write_register32,
    read_register_buffer32,
    write_register_buffer32
);
registers!(
    Width::Qword,
    8,
    read_register64,
    write_register64,
    read_register_buffer64,
    write_register_buffer64
);

/// The low part of an argument.
fn low<T: zerocopy::FromBytes>(value: u64) -> T {
    let bytes = value.to_le_bytes();
    T::read_from_prefix(&bytes).map_or_else(|_| T::new_zeroed(), |(low, _)| low)
}

/// The I/O port that an argument names.
fn io_port(call: &ExportCall) -> u16 {
    let [b0, b1, ..] = call.arg(1).to_le_bytes();
    u16::from_le_bytes([b0, b1])
}

/// Declares the four routines of one width of I/O port.
macro_rules! ports {
    ($bytes:literal, $type:ty, $in:path, $out:path, $read:ident, $write:ident, $read_many:ident, $write_many:ident) => {
        /// Reads an I/O port.
        pub(super) fn $read(call: &ExportCall) -> u64 {
            u64::from($in(io_port(call)))
        }

        /// Writes an I/O port.
        pub(super) fn $write(call: &ExportCall) -> u64 {
            $out(io_port(call), low::<$type>(call.arg(2)));
            NOTHING
        }

        /// Reads an I/O port repeatedly into a buffer.
        pub(super) fn $read_many(call: &ExportCall) -> u64 {
            read_many(call, $bytes, |_| u64::from($in(io_port(call))))
        }

        /// Writes an I/O port repeatedly from a buffer.
        pub(super) fn $write_many(call: &ExportCall) -> u64 {
            write_many(call, $bytes, |_, value| {
                $out(io_port(call), low::<$type>(value))
            })
        }
    };
}

ports!(
    1,
    u8,
    port::in8,
    port::out8,
    read_port8,
    write_port8,
    read_port_buffer8,
    write_port_buffer8
);
ports!(
    2,
    u16,
    port::in16,
    port::out16,
    read_port16,
    write_port16,
    read_port_buffer16,
    write_port_buffer16
);
ports!(
    4,
    u32,
    port::in32,
    port::out32,
    read_port32,
    write_port32,
    read_port_buffer32,
    write_port_buffer32
);
