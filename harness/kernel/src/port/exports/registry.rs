//! Registry access below the driver's parameters key.

use alloc::{string::String, vec::Vec};

use proto::{
    owner::Owner,
    scenario::{RegistryData, RegistryValue},
};

use super::{
    super::{
        abi::services::{
            MINIPORT_REG_BINARY, MINIPORT_REG_DWORD, MINIPORT_REG_MULTI_SZ, MINIPORT_REG_SZ,
        },
        adapter::{self, ROLE},
        services::BlockSort,
    },
    NOTHING, args, boolean, pool, ulong,
};
use crate::{
    exports::ExportCall,
    irql,
    mem::{self, Va},
    rules::{self, Rule},
};

/// Longest value name that is read.
const NAME_LIMIT: usize = 256;
/// Default length of a registry buffer in bytes.
const BUFFER_BYTES: u32 = 1024;

/// `StorPortAllocateRegistryBuffer(ext, *Length)`.
pub(super) fn allocate_buffer(call: &ExportCall) -> u64 {
    let length = call.va(1);
    if !args::is_adapter(call, 0) {
        return 0;
    }
    args::irql_at_most("StorPortAllocateRegistryBuffer", irql::PASSIVE_LEVEL);
    let asked = mem::read::<u32>(length).unwrap_or(0);
    let bytes = if asked == 0 { BUFFER_BYTES } else { asked };
    let Some(block) = pool::allocate(
        u64::from(bytes),
        BlockSort::Registry,
        Owner::Pool(ROLE),
        "registry buffer",
    ) else {
        return 0;
    };
    // The buffer is zeroed: StorPortAllocateRegistryBuffer, remarks.
    let _ = mem::fill(block, 0, u64::from(bytes));
    args::put("StorPortAllocateRegistryBuffer", length, &bytes);
    block.0
}

/// `StorPortFreeRegistryBuffer(ext, Buffer)`.
pub(super) fn free_buffer(call: &ExportCall) -> u64 {
    if args::is_adapter(call, 0) {
        pool::free(
            call.va(1),
            BlockSort::Registry,
            "StorPortFreeRegistryBuffer",
        );
    }
    NOTHING
}

/// `StorPortRegistryRead(ext, ValueName, Global, Type, Buffer, *BufferLength)`.
pub(super) fn read(call: &ExportCall) -> u64 {
    if !args::is_adapter(call, 0) {
        return boolean(false);
    }
    args::irql_at_most("StorPortRegistryRead", irql::PASSIVE_LEVEL);
    boolean(read_value(
        call.va(1),
        ulong(call, 3),
        call.va(4),
        call.va(5),
    ))
}

/// Reads a value into a buffer of the miniport.
fn read_value(name: Va, kind: u32, buffer: Va, length: Va) -> bool {
    let (Ok(name), Ok(capacity)) = (mem::read_ansi(name, NAME_LIMIT), mem::read::<u32>(length))
    else {
        rules::violate(Rule::PortArgument, "StorPortRegistryRead: bad pointer");
        return false;
    };
    let Some(bytes) = value_bytes(&name, kind) else {
        return false;
    };
    let Ok(needed) = u32::try_from(bytes.len()) else {
        return false;
    };
    args::put("StorPortRegistryRead", length, &needed);
    if needed > capacity {
        return false;
    }
    mem::write_bytes(buffer, &bytes)
        .inspect_err(|fault| {
            rules::violate(
                Rule::PortArgument,
                format_args!("StorPortRegistryRead: bad buffer: {fault}"),
            );
        })
        .is_ok()
}

/// A value of the wanted type as bytes: numbers little endian, texts as ANSI with a final zero.
#[must_use]
pub fn value_bytes(name: &str, kind: u32) -> Option<Vec<u8>> {
    let data =
        adapter::with(|adapter| RegistryValue::find(&adapter.registry, name).cloned()).flatten()?;
    match (data, kind) {
        (RegistryData::Dword(number), MINIPORT_REG_DWORD) => Some(number.to_le_bytes().to_vec()),
        (RegistryData::Text(text), MINIPORT_REG_SZ | MINIPORT_REG_MULTI_SZ) => {
            let mut bytes = text.into_bytes();
            bytes.push(0);
            Some(bytes)
        }
        (RegistryData::Binary(bytes), MINIPORT_REG_BINARY) => Some(bytes),
        _ => None,
    }
}

/// `StorPortRegistryWrite(ext, ValueName, Global, Type, Buffer, BufferLength)`.
pub(super) fn write(call: &ExportCall) -> u64 {
    if !args::is_adapter(call, 0) {
        return boolean(false);
    }
    args::irql_at_most("StorPortRegistryWrite", irql::PASSIVE_LEVEL);
    let (Ok(name), Ok(bytes)) = (
        mem::read_ansi(call.va(1), NAME_LIMIT),
        mem::read_vec(call.va(4), u64::from(ulong(call, 5))),
    ) else {
        rules::violate(Rule::PortArgument, "StorPortRegistryWrite: bad pointer");
        return boolean(false);
    };
    let data = match ulong(call, 3) {
        MINIPORT_REG_DWORD => {
            let Some(number) = bytes.first_chunk::<4>() else {
                return boolean(false);
            };
            RegistryData::Dword(u32::from_le_bytes(*number))
        }
        MINIPORT_REG_SZ => RegistryData::Text(
            String::from_utf8_lossy(&bytes)
                .trim_end_matches('\0')
                .into(),
        ),
        _ => RegistryData::Binary(bytes),
    };
    adapter::with(|adapter| {
        adapter
            .registry
            .retain(|value| !value.name.eq_ignore_ascii_case(&name));
        adapter.registry.push(RegistryValue { name, data });
    });
    boolean(true)
}
