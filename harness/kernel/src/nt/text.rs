//! Strings: the C library's, `UNICODE_STRING` and `ANSI_STRING`.

use alloc::{string::String, vec::Vec};
use core::cmp::Ordering;

use super::{export, memory::demand};
use crate::{
    exports::{Export, ExportCall},
    mem::{self, Va},
};

/// Longest text that is looked at.
const LIMIT: u64 = 1 << 20;

/// The routines.
pub static EXPORTS: &[Export] = &[
    export("strlen", length),
    export("strnlen", length_limited),
    export("wcslen", wide_length),
    export("wcsnlen", wide_length_limited),
    export("strcmp", compare),
    export("strncmp", compare_limited),
    export("_stricmp", compare_folded),
    export("_strnicmp", compare_folded_limited),
    export("strchr", find_letter),
    export("strstr", find_text),
    export("strcpy", copy),
    export("strncpy", copy_limited),
    export("strcpy_s", copy_checked),
    export("strcat_s", append_checked),
    export("wcscmp", wide_compare),
    export("_wcsicmp", wide_compare_folded),
    export("tolower", lower),
    export("toupper", upper),
    export("atoi", number),
    export("RtlInitString", init_ansi),
    export("RtlInitAnsiString", init_ansi),
    export("RtlInitUnicodeString", init_unicode),
    export("RtlCompareUnicodeString", compare_unicode),
    export("RtlEqualUnicodeString", equal_unicode),
    export("RtlCopyUnicodeString", copy_unicode),
];

fn length(call: &ExportCall) -> u64 {
    bytes_to_zero(call, call.va(0), LIMIT)
}

fn length_limited(call: &ExportCall) -> u64 {
    bytes_to_zero(call, call.va(0), call.arg(1))
}

fn wide_length(call: &ExportCall) -> u64 {
    units_to_zero(call, call.va(0), LIMIT)
}

fn wide_length_limited(call: &ExportCall) -> u64 {
    units_to_zero(call, call.va(0), call.arg(1))
}

fn compare(call: &ExportCall) -> u64 {
    compare_bytes(call, LIMIT, |byte| byte)
}

fn compare_limited(call: &ExportCall) -> u64 {
    compare_bytes(call, call.arg(2), |byte| byte)
}

fn compare_folded(call: &ExportCall) -> u64 {
    compare_bytes(call, LIMIT, |byte| byte.to_ascii_lowercase())
}

fn compare_folded_limited(call: &ExportCall) -> u64 {
    compare_bytes(call, call.arg(2), |byte| byte.to_ascii_lowercase())
}

fn compare_bytes(call: &ExportCall, limit: u64, fold: fn(u8) -> u8) -> u64 {
    for offset in 0..limit {
        let left = fold(demand(call, mem::read::<u8>(call.va(0).offset(offset))));
        let right = fold(demand(call, mem::read::<u8>(call.va(1).offset(offset))));
        if left != right {
            return sign(left.cmp(&right));
        }
        if left == 0 {
            break;
        }
    }
    0
}

fn wide_compare(call: &ExportCall) -> u64 {
    compare_units(call, |unit| unit)
}

fn wide_compare_folded(call: &ExportCall) -> u64 {
    compare_units(call, fold_unit)
}

fn compare_units(call: &ExportCall, fold: fn(u16) -> u16) -> u64 {
    for index in 0..LIMIT {
        let left = fold(demand(call, mem::read::<u16>(call.va(0).offset(index * 2))));
        let right = fold(demand(call, mem::read::<u16>(call.va(1).offset(index * 2))));
        if left != right {
            return sign(left.cmp(&right));
        }
        if left == 0 {
            break;
        }
    }
    0
}

fn find_letter(call: &ExportCall) -> u64 {
    let wanted = call.arg8(1);
    for offset in 0..LIMIT {
        let at = call.va(0).offset(offset);
        let byte = demand(call, mem::read::<u8>(at));
        if byte == wanted {
            return at.0;
        }
        if byte == 0 {
            break;
        }
    }
    0
}

fn find_text(call: &ExportCall) -> u64 {
    let whole = text(call, call.va(0));
    let wanted = text(call, call.va(1));
    whole
        .find(&wanted)
        .map_or(0, |at| call.va(0).offset(at as u64).0)
}

fn copy(call: &ExportCall) -> u64 {
    let bytes = bytes_to_zero(call, call.va(1), LIMIT) + 1;
    demand(call, mem::copy(call.va(0), call.va(1), bytes));
    call.arg(0)
}

fn copy_limited(call: &ExportCall) -> u64 {
    let room = call.arg(2);
    let bytes = bytes_to_zero(call, call.va(1), room);
    demand(call, mem::copy(call.va(0), call.va(1), bytes));
    demand(call, mem::fill(call.va(0).offset(bytes), 0, room - bytes));
    call.arg(0)
}

/// `errno_t strcpy_s(dest, destsz, src)`.
fn copy_checked(call: &ExportCall) -> u64 {
    place_checked(call, 0)
}

/// `errno_t strcat_s(dest, destsz, src)`.
fn append_checked(call: &ExportCall) -> u64 {
    let used = bytes_to_zero(call, call.va(0), call.arg(1));
    place_checked(call, used)
}

fn place_checked(call: &ExportCall, used: u64) -> u64 {
    const EINVAL: u64 = 22;
    const ERANGE: u64 = 34;
    let (to, room, from) = (call.va(0), call.arg(1), call.va(2));
    if to.is_null() || room == 0 || from.is_null() {
        return EINVAL;
    }
    let bytes = bytes_to_zero(call, from, LIMIT) + 1;
    if used + bytes > room {
        demand(call, mem::write(to, &0_u8));
        return ERANGE;
    }
    demand(call, mem::copy(to.offset(used), from, bytes));
    0
}

fn lower(call: &ExportCall) -> u64 {
    u64::from(call.arg8(0).to_ascii_lowercase())
}

fn upper(call: &ExportCall) -> u64 {
    u64::from(call.arg8(0).to_ascii_uppercase())
}

fn number(call: &ExportCall) -> u64 {
    let text = text(call, call.va(0));
    let text = text.trim_start();
    let end = text
        .char_indices()
        .find(|&(at, letter)| !(letter.is_ascii_digit() || (at == 0 && "+-".contains(letter))))
        .map_or(text.len(), |(at, _)| at);
    let value: i32 = text
        .get(..end)
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0);
    u64::from(value.cast_unsigned())
}

/// `ANSI_STRING`: length, room, 4 bytes of nothing, pointer.
fn init_ansi(call: &ExportCall) -> u64 {
    let text = call.va(1);
    let bytes = if text.is_null() {
        None
    } else {
        Some(bytes_to_zero(call, text, 0xFFFE))
    };
    write_counted(call, bytes, 1)
}

/// `UNICODE_STRING`.
fn init_unicode(call: &ExportCall) -> u64 {
    let text = call.va(1);
    let bytes = if text.is_null() {
        None
    } else {
        Some(units_to_zero(call, text, 0x7FFE) * 2)
    };
    write_counted(call, bytes, 2)
}

fn write_counted(call: &ExportCall, bytes: Option<u64>, zero_bytes: u64) -> u64 {
    let length = bytes.unwrap_or(0);
    let room = bytes.map_or(0, |bytes| bytes + zero_bytes);
    let [l0, l1, ..] = length.to_le_bytes();
    let [r0, r1, ..] = room.to_le_bytes();
    let to = call.va(0);
    demand(call, mem::write(to, &[l0, l1, r0, r1]));
    demand(call, mem::write(to.offset(8), &call.arg(1)));
    0
}

fn compare_unicode(call: &ExportCall) -> u64 {
    sign(order_of_unicode(call))
}

fn equal_unicode(call: &ExportCall) -> u64 {
    u64::from(order_of_unicode(call) == Ordering::Equal)
}

fn order_of_unicode(call: &ExportCall) -> Ordering {
    let fold: fn(u16) -> u16 = if call.arg8(2) == 0 {
        |unit| unit
    } else {
        fold_unit
    };
    let read = |at: Va| -> Vec<u16> { counted_units(call, at).into_iter().map(fold).collect() };
    read(call.va(0)).cmp(&read(call.va(1)))
}

/// Copies what fits; a null source makes an empty string.
fn copy_unicode(call: &ExportCall) -> u64 {
    let (to, from) = (call.va(0), call.va(1));
    let units = if from.is_null() {
        Vec::new()
    } else {
        counted_units(call, from)
    };
    let room = demand(call, mem::read::<u16>(to.offset(2)));
    let buffer = Va(demand(call, mem::read::<u64>(to.offset(8))));
    let mut length = 0_u16;
    for unit in units.into_iter().take(usize::from(room / 2)) {
        demand(call, mem::write(buffer.offset(length.into()), &unit));
        length += 2;
    }
    demand(call, mem::write(to, &length));
    0
}

/// Code units of the `UNICODE_STRING` at an address.
fn counted_units(call: &ExportCall, at: Va) -> Vec<u16> {
    let bytes = demand(call, mem::read::<u16>(at));
    let buffer = Va(demand(call, mem::read::<u64>(at.offset(8))));
    (0..u64::from(bytes / 2))
        .map(|index| demand(call, mem::read::<u16>(buffer.offset(index * 2))))
        .collect()
}

fn text(call: &ExportCall, at: Va) -> String {
    demand(call, mem::read_ansi(at, mem::size(LIMIT)))
}

fn bytes_to_zero(call: &ExportCall, at: Va, limit: u64) -> u64 {
    (0..limit)
        .find(|&offset| demand(call, mem::read::<u8>(at.offset(offset))) == 0)
        .unwrap_or(limit)
}

fn units_to_zero(call: &ExportCall, at: Va, limit: u64) -> u64 {
    (0..limit)
        .find(|&index| demand(call, mem::read::<u16>(at.offset(index * 2))) == 0)
        .unwrap_or(limit)
}

/// Upper case of what ASCII knows.
fn fold_unit(unit: u16) -> u16 {
    if (u16::from(b'a')..=u16::from(b'z')).contains(&unit) {
        unit - 32
    } else {
        unit
    }
}

/// As an `int`.
fn sign(order: Ordering) -> u64 {
    match order {
        Ordering::Less => u64::from(u32::MAX),
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    }
}
