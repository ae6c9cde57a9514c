//! What drivers import that are no miniports: registry, random numbers, contiguous memory. Dump filters call all of these at
//! `PASSIVE_LEVEL`.

use alloc::{format, string::String, vec::Vec};

use proto::scenario::{RegistryData, RegistryValue};

use super::{export, memory::demand};
use crate::{
    dump::filter,
    exports::{Export, ExportCall},
    irql,
    mem::{self, AllocSpec, Contiguity, PAGE_BYTES, Placement, Va},
    port::random::Random,
    record,
    rules::{self, Rule},
    sync::Lock,
};

/// The key that exists.
const KEY: &str = r"\Registry\Machine\System\CurrentControlSet\Services\dumpfilter\Parameters";
/// Its handle.
const HANDLE: u64 = 0x8000_0044;
const SUCCESS: u64 = 0;
/// `STATUS_INVALID_HANDLE`.
const INVALID_HANDLE: u64 = 0xC000_0008;
/// `STATUS_OBJECT_NAME_NOT_FOUND`.
const NOT_FOUND: u64 = 0xC000_0034;
/// `STATUS_BUFFER_OVERFLOW`, a warning.
const BUFFER_OVERFLOW: u64 = 0x8000_0005;
/// `STATUS_INVALID_PARAMETER`.
const INVALID_PARAMETER: u64 = 0xC000_000D;
/// `PFN_LIST_CORRUPT` with its first parameter for a page that is not in use: what freeing foreign memory leads to.
const PFN_LIST_CORRUPT: u32 = 0x4E;
const NOT_ALLOCATED: u64 = 7;
/// `KeyValuePartialInformation`.
const PARTIAL_INFORMATION: u32 = 2;
/// Offset of `ObjectName` in `OBJECT_ATTRIBUTES`.
const OBJECT_NAME: u64 = 16;
/// Offset of `Buffer` in `UNICODE_STRING`.
const STRING_BUFFER: u64 = 8;

static STATE: Lock<State> = Lock::new(State {
    values: Vec::new(),
    random: None,
});

struct State {
    values: Vec<RegistryValue>,
    random: Option<Random>,
}

/// The routines.
pub static EXPORTS: &[Export] = &[
    export("ZwOpenKey", open_key),
    export("ZwQueryValueKey", query_value),
    export("ZwClose", close),
    export("BCryptGenRandom", generate),
    export("MmAllocateContiguousMemorySpecifyCache", allocate),
    export("MmAllocateContiguousMemory", allocate),
    export("MmFreeContiguousMemory", release),
    export("MmFreeContiguousMemorySpecifyCache", release),
];

/// Sets what dump filters read, and where their random numbers begin.
pub fn configure(values: &[RegistryValue], seed: u64) {
    let mut state = STATE.lock();
    state.values = values.to_vec();
    state.random = Some(Random::new(seed, "BCryptGenRandom"));
}

/// All of these need `PASSIVE_LEVEL`.
fn check_level(call: &ExportCall) {
    if filter::is_code(call.return_address) {
        rules::demand(
            Rule::FilterServiceAtHighLevel,
            irql::current() == irql::PASSIVE_LEVEL,
            format_args!("{} at IRQL {}", call.export.name, irql::current()),
        );
    }
}

fn text(call: &ExportCall, string: Va) -> String {
    let bytes: u16 = demand(call, mem::read(string));
    let buffer: u64 = demand(call, mem::read(string.offset(STRING_BUFFER)));
    demand(call, mem::read_wide(Va(buffer), usize::from(bytes / 2)))
}

/// `ZwOpenKey(KeyHandle, DesiredAccess, ObjectAttributes)`.
fn open_key(call: &ExportCall) -> u64 {
    check_level(call);
    let name: u64 = demand(call, mem::read(call.va(2).offset(OBJECT_NAME)));
    if !text(call, Va(name)).eq_ignore_ascii_case(KEY) {
        return NOT_FOUND;
    }
    demand(call, mem::write(call.va(0), &HANDLE));
    SUCCESS
}

/// `ZwQueryValueKey(KeyHandle, ValueName, Class, Information, Length, ResultLength)`: partial information only.
fn query_value(call: &ExportCall) -> u64 {
    const REG_SZ: u32 = 1;
    const REG_BINARY: u32 = 3;
    const REG_DWORD: u32 = 4;
    check_level(call);
    if call.arg(0) != HANDLE {
        return INVALID_HANDLE;
    }
    if call.arg32(2) != PARTIAL_INFORMATION {
        return INVALID_PARAMETER;
    }
    let name = text(call, call.va(1));
    let found = RegistryValue::find(&STATE.lock().values, &name).cloned();
    let Some(found) = found else {
        return NOT_FOUND;
    };
    let (kind, data) = match found {
        RegistryData::Dword(value) => (REG_DWORD, value.to_le_bytes().to_vec()),
        RegistryData::Binary(bytes) => (REG_BINARY, bytes),
        RegistryData::Text(text) => {
            let units = text.encode_utf16().chain([0]);
            (REG_SZ, units.flat_map(u16::to_le_bytes).collect())
        }
    };
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut answer: Vec<u8> = [0, kind, length]
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect();
    answer.extend(data);
    let needed = u32::try_from(answer.len()).unwrap_or(u32::MAX);
    demand(call, mem::write(call.va(5), &needed));
    let room = mem::size(call.arg32(4).into());
    let fits = answer.len() <= room;
    answer.truncate(room);
    demand(call, mem::write_bytes(call.va(3), &answer));
    if fits { SUCCESS } else { BUFFER_OVERFLOW }
}

/// `ZwClose(Handle)`.
fn close(call: &ExportCall) -> u64 {
    check_level(call);
    if call.arg(0) == HANDLE {
        SUCCESS
    } else {
        INVALID_HANDLE
    }
}

/// `BCryptGenRandom(Algorithm, Buffer, Bytes, Flags)`: reproducible, as everything in a run.
fn generate(call: &ExportCall) -> u64 {
    const SYSTEM_PREFERRED: u32 = 2;
    check_level(call);
    if call.arg(0) != 0 || call.arg32(3) != SYSTEM_PREFERRED {
        return INVALID_PARAMETER;
    }
    let bytes: Vec<u8> = {
        let mut state = STATE.lock();
        let Some(random) = state.random.as_mut() else {
            return INVALID_PARAMETER;
        };
        (0..call.arg32(2))
            .map(|_| random.next_u64().to_le_bytes()[7])
            .collect()
    };
    demand(call, mem::write_bytes(call.va(1), &bytes));
    SUCCESS
}

/// `MmAllocateContiguousMemorySpecifyCache(Bytes, Lowest, Highest, Boundary, CacheType)`, and the older form with the highest address
/// alone: whole pages, above 4 GiB where the caller permits it and the machine has memory there.
fn allocate(call: &ExportCall) -> u64 {
    check_level(call);
    let (owner, name) = filter::ownership(
        call.return_address,
        call.role_or_normal(),
        "contiguous memory",
    );
    let highest = if call.export.name.ends_with("SpecifyCache") {
        call.arg(2)
    } else {
        call.arg(1)
    };
    mem::alloc(AllocSpec {
        bytes: call.arg(0).max(1).next_multiple_of(PAGE_BYTES),
        align: PAGE_BYTES,
        contiguous: Contiguity::Contiguous,
        placement: if highest < 1 << 32 {
            Placement::Low
        } else {
            Placement::High
        },
        owner,
        name,
    })
    .map_or(0, |block| block.va.0)
}

/// `MmFreeContiguousMemory(BaseAddress)`.
fn release(call: &ExportCall) -> u64 {
    check_level(call);
    let Ok(freed) = mem::free(call.va(0)) else {
        let text = format!(
            "{} of {}, which is no live block",
            call.export.name,
            call.va(0)
        );
        record::bugcheck(PFN_LIST_CORRUPT, [NOT_ALLOCATED, call.va(0).0, 0, 0], text)
    };
    rules::demand(
        Rule::PoolOverrun,
        freed.redzone_intact,
        format_args!("{} of {}", call.export.name, call.va(0)),
    );
    SUCCESS
}
