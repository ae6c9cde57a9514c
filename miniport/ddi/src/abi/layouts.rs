//! Structures: size, alignment, offset and type of every field, bit fields.
#![expect(
    unsafe_code,
    reason = "looks at the bytes that a bit field's setter changed"
)]
// UNSAFETY: structures of plain data are read as bytes.

use std::{
    collections::{BTreeMap, BTreeSet},
    string::{String, ToString},
    vec::Vec,
};

use super::facts::{self, Definitions};
use crate::layout;

/// Structures that the bindings define and the facts do not hold, each with the reason.
const REVIEWED_STRUCTURES: &[(&str, &str)] = &[
    (
        "_OBJECT_ATTRIBUTES",
        "documented; ZwOpenKey takes one, layout::system holds its offsets",
    ),
    (
        "_KEY_VALUE_PARTIAL_INFORMATION",
        "documented; ZwQueryValueKey fills one, layout::system holds its offsets",
    ),
    ("_EPROCESS", "opaque in the headers too"),
    ("_ADAPTER_OBJECT", "opaque in the headers too"),
    ("_KINTERRUPT", "opaque in the headers too"),
    ("_IO_TIMER", "opaque in the headers too"),
    ("_VPB", "opaque here: member of DEVICE_OBJECT"),
    ("_DEVOBJ_EXTENSION", "opaque here: member of DEVICE_OBJECT"),
    ("_FILE_OBJECT", "opaque here: member of IRP"),
    ("_ETHREAD", "opaque in the headers too"),
    ("_KEVENT", "checked by abi/io.rs"),
    ("_IO_REMOVE_LOCK_COMMON_BLOCK", "checked by abi/io.rs"),
    ("_IO_REMOVE_LOCK", "checked by abi/io.rs"),
    ("_DEVICE_OBJECT", "checked by abi/io.rs"),
    ("_IO_STATUS_BLOCK", "checked by abi/io.rs"),
    ("_IO_STATUS_BLOCK__bindgen_ty_1", "checked by abi/io.rs"),
    ("_IRP", "checked by abi/io.rs"),
    ("_IRP__bindgen_ty_4", "checked by abi/io.rs"),
    ("_IRP__bindgen_ty_4__bindgen_ty_1", "checked by abi/io.rs"),
    (
        "_IRP__bindgen_ty_4__bindgen_ty_1__bindgen_ty_2",
        "checked by abi/io.rs",
    ),
    (
        "_IRP__bindgen_ty_4__bindgen_ty_1__bindgen_ty_2__bindgen_ty_1",
        "checked by abi/io.rs",
    ),
    ("_POWER_STATE", "checked by abi/io.rs"),
    ("_IO_STACK_LOCATION", "checked by abi/io.rs"),
    ("_IO_STACK_LOCATION__bindgen_ty_1", "checked by abi/io.rs"),
    (
        "_IO_STACK_LOCATION__bindgen_ty_1_Power",
        "checked by abi/io.rs",
    ),
    (
        "_IO_STACK_LOCATION__bindgen_ty_1_StartDevice",
        "checked by abi/io.rs",
    ),
    (
        "_IO_STACK_LOCATION__bindgen_ty_1_Others",
        "checked by abi/io.rs",
    ),
    ("_CM_PARTIAL_RESOURCE_DESCRIPTOR", "checked by abi/io.rs"),
    (
        "_CM_PARTIAL_RESOURCE_DESCRIPTOR__bindgen_ty_1",
        "checked by abi/io.rs",
    ),
    (
        "_CM_PARTIAL_RESOURCE_DESCRIPTOR__bindgen_ty_1__bindgen_ty_1",
        "checked by abi/io.rs",
    ),
    (
        "_CM_PARTIAL_RESOURCE_DESCRIPTOR__bindgen_ty_1__bindgen_ty_2",
        "checked by abi/io.rs",
    ),
    ("_CM_PARTIAL_RESOURCE_LIST", "checked by abi/io.rs"),
    ("_CM_FULL_RESOURCE_DESCRIPTOR", "checked by abi/io.rs"),
    ("_CM_RESOURCE_LIST", "checked by abi/io.rs"),
    ("_FAST_IO_DISPATCH", "opaque here: member of DRIVER_OBJECT"),
    (
        "_IO_RESOURCE_REQUIREMENTS_LIST",
        "opaque here: passed on by pointer",
    ),
    (
        "_KTRIAGE_DUMP_DATA_ARRAY",
        "opaque here: passed on by pointer",
    ),
    (
        "_PCI_COMMON_HEADER__bindgen_ty_1__PCI_HEADER_TYPE_2__bindgen_ty_1",
        "element of a CardBus bridge's windows, whose size and offset hold it",
    ),
    (
        "_VERSION_DESCRIPTOR",
        "two bytes, part of INQUIRYDATA, whose size and offsets hold it",
    ),
    (
        "__BindgenBitfieldUnit",
        "bindgen's name for the storage of bit fields",
    ),
    (
        "__BindgenOpaqueArray",
        "bindgen's name for a member that it passes over",
    ),
    (
        "__IncompleteArrayField",
        "bindgen's name for an array of unstated length",
    ),
];

/// Aliases of basic types, which no structure fact covers: name, size in bytes, whether signed.
macro_rules! basic_types {
    ($($name:ident = $ty:ty;)+) => {
        /// The compiled type of each basic alias, held by coercion.
        const BASIC_TYPES: &[&str] = &[$(stringify!($name)),+];
        $(const _: fn($ty) -> wdk_sys::$name = |value| value;)+
    };
}

basic_types! {
    PVOID = *mut core::ffi::c_void; PSECURITY_DESCRIPTOR = *mut core::ffi::c_void; HANDLE = *mut core::ffi::c_void; PHANDLE = *mut *mut core::ffi::c_void;
    CHAR = i8; CCHAR = i8; SHORT = i16; CSHORT = i16; LONG = i32; LONGLONG = i64; LONG64 = i64; NTSTATUS = i32;
    UCHAR = u8; BOOLEAN = u8; KIRQL = u8; USHORT = u16; WCHAR = u16; ULONG = u32; ULONGLONG = u64; ULONG64 = u64;
    ULONG_PTR = u64; SIZE_T = u64; KAFFINITY = u64; KSPIN_LOCK = u64; POOL_FLAGS = u64;
    KPROCESSOR_MODE = i8; NODE_REQUIREMENT = u32; ACCESS_MASK = u32;
    PUCHAR = *mut u8; PBOOLEAN = *mut u8; PKIRQL = *mut u8; PUSHORT = *mut u16; PULONG = *mut u32; PULONGLONG = *mut u64;
    PULONG64 = *mut u64; PULONG_PTR = *mut u64; PSIZE_T = *mut u64; PKAFFINITY = *mut u64; PKSPIN_LOCK = *mut u64;
    PSHORT = *mut i16; PLONG = *mut i32; PLONG64 = *mut i64; PLONGLONG = *mut i64; PNTSTATUS = *mut i32;
    PCHAR = *mut i8; PCH = *mut i8; LPCH = *mut i8; PSTR = *mut i8; LPSTR = *mut i8; NPSTR = *mut i8;
    PCSTR = *const i8; LPCSTR = *const i8;
    PWCHAR = *mut u16; PWCH = *mut u16; LPWCH = *mut u16; PWSTR = *mut u16; LPWSTR = *mut u16; NWPSTR = *mut u16;
    PCWCH = *const u16; LPCWCH = *const u16; PCWSTR = *const u16; LPCWSTR = *const u16;
}

/// A path of the facts: anonymous members have no name there.
fn fact_path(path: &str) -> String {
    path.split('.')
        .filter(|part| !part.is_empty() && !part.starts_with("__bindgen_anon"))
        .collect::<Vec<_>>()
        .join(".")
}

#[test]
fn sizes_and_offsets_are_those_of_the_headers() {
    let facts = facts::layouts();
    for layout in layout::all() {
        let fact = &facts[&layout.name[1..]];
        assert_eq!(
            (layout.size as u64, layout.align as u64),
            (fact.size, fact.align),
            "{}",
            layout.name
        );
        for (path, offset) in layout.fields {
            let (expected, _) = fact
                .fields
                .get(&fact_path(path))
                .unwrap_or_else(|| panic!("{}{path} is in no fact", layout.name));
            assert_eq!(*offset as u64, *expected, "{}{path}", layout.name);
        }
    }
}

/// Whether a member is bindgen's own: padding, alignment or the storage of bit fields.
fn is_artefact(field: &str) -> bool {
    field.starts_with("__bindgen_padding")
        || field.starts_with("_bindgen_align")
        || field.starts_with("_bitfield_")
}

#[test]
fn every_field_of_every_structure_is_checked() {
    let definitions = Definitions::read();
    let table: BTreeMap<&str, BTreeSet<&str>> = layout::all()
        .map(|layout| {
            (
                layout.name,
                layout.fields.iter().map(|(path, _)| *path).collect(),
            )
        })
        .collect();
    let reviewed: BTreeSet<&str> = REVIEWED_STRUCTURES.iter().map(|(name, _)| *name).collect();
    // Nested structures are reached by paths of the structures that hold them.
    let mut reached: BTreeSet<String> = BTreeSet::new();
    for (name, paths) in &table {
        let mut open = std::vec![(String::new(), (*name).to_string())];
        while let Some((prefix, structure)) = open.pop() {
            for (field, ty) in &definitions.structures[&structure] {
                if is_artefact(field) {
                    continue;
                }
                let path = std::format!("{prefix}.{field}");
                let ty = resolve(&definitions, ty);
                if !table.contains_key(ty.as_str())
                    && definitions.structures.contains_key(&ty)
                    && !reviewed.contains(ty.as_str())
                {
                    reached.insert(ty.clone());
                    open.push((path.clone(), ty));
                }
                assert!(
                    paths.contains(path.as_str()) || field.starts_with("__bindgen_anon"),
                    "{name}{path} is not checked"
                );
            }
        }
    }
    for name in definitions.structures.keys() {
        let known = table.contains_key(name.as_str())
            || reached.contains(name)
            || reviewed.contains(name.as_str());
        assert!(known, "{name} is in no fact and in no review");
    }
    for name in reviewed {
        assert!(
            definitions.structures.contains_key(name),
            "{name} needs no review"
        );
        assert!(!table.contains_key(name), "{name} is in the facts by now");
    }
}

#[test]
fn fields_have_the_types_of_the_headers() {
    let facts = facts::layouts();
    let definitions = Definitions::read();
    for layout in layout::all() {
        let fact = &facts[&layout.name[1..]];
        let mut open = std::vec![(String::new(), layout.name.to_string())];
        while let Some((prefix, structure)) = open.pop() {
            for (field, ty) in &definitions.structures[&structure] {
                if is_artefact(field) {
                    continue;
                }
                if field.starts_with("__bindgen_anon") {
                    open.push((prefix.clone(), ty.clone()));
                    continue;
                }
                let path = std::format!("{prefix}{field}");
                let (_, expected) = &fact.fields[&path];
                let expected = rust_type(expected);
                // A member without a tag has the name of its parent in the facts, one with a tag its own.
                let is_nested = ty.contains("__bindgen_ty") || ty.contains("_PCI_HEADER_TYPE_");
                assert!(
                    is_nested || resolve(&definitions, ty) == resolve(&definitions, &expected),
                    "{}.{path} is {ty}, the headers say {expected}",
                    layout.name
                );
            }
        }
    }
}

/// A C type of the facts as the bindings write it, without spaces.
fn rust_type(text: &str) -> String {
    let text = text.replace("volatile", "").replace(' ', "");
    let text = match text.as_str() {
        "unsignedlong" => return "u32".to_string(),
        "unsignedshort" => return "u16".to_string(),
        // An enumeration without a tag is a module; its type is inside.
        "STOR_POWER_ACTION" | "STOR_PNP_ACTION" => return std::format!("{text}::Type"),
        other => other.replace("unsignedchar", "u8"),
    };
    if let Some(element) = text.strip_suffix("(*)[]") {
        return std::format!("*mut[{element};0usize]");
    }
    if let Some((element, lengths)) = text.split_once('[') {
        let (outer, inner) = lengths.split_once(']').unwrap_or((lengths, ""));
        let element = match inner
            .strip_prefix('[')
            .and_then(|inner| inner.strip_suffix(']'))
        {
            Some(inner) => std::format!("[{element};{inner}usize]"),
            None => element.to_string(),
        };
        return match outer {
            "" | "0" => std::format!("__IncompleteArrayField<{element}>"),
            length => std::format!("[{element};{length}usize]"),
        };
    }
    match text.strip_suffix('*') {
        Some(pointee) => std::format!("*mut{pointee}"),
        None => text,
    }
}

/// Follows aliases to a structure's own name.
fn resolve(definitions: &Definitions, ty: &str) -> String {
    let mut ty = ty;
    while let Some(target) = definitions.aliases.get(ty) {
        ty = target;
    }
    ty.to_string()
}

#[test]
fn every_alias_is_of_something_checked() {
    let definitions = Definitions::read();
    for (name, target) in &definitions.aliases {
        if BASIC_TYPES.contains(&name.as_str()) || definitions.callback(name).is_some() {
            continue;
        }
        let pointee = target
            .trim_start_matches("*mut")
            .trim_start_matches("*const");
        let enumeration = pointee.strip_suffix("::Type").unwrap_or(pointee);
        let known = definitions.structures.contains_key(pointee)
            || definitions.enumerations.contains_key(enumeration)
            || definitions.aliases.contains_key(pointee);
        assert!(known, "{name} = {target}");
        // `X` stands for `_X`, `PX` for a pointer to it; the headers' names for the same thing twice are few.
        let same = enumeration.trim_start_matches('_');
        let is_pointer = target.starts_with('*');
        let plain =
            !is_pointer && name == same || is_pointer && name.strip_prefix('P') == Some(same);
        let reviewed = matches!(
            (name.as_str(), target.as_str()),
            ("PHYSICAL_ADDRESS", "LARGE_INTEGER")
                | ("PPHYSICAL_ADDRESS", "*mutLARGE_INTEGER")
                | ("STOR_PHYSICAL_ADDRESS", "PHYSICAL_ADDRESS")
                | ("PSTOR_PHYSICAL_ADDRESS", "*mutPHYSICAL_ADDRESS")
                | ("LPGUID", "*mutGUID")
                | ("LPCGUID", "*constGUID")
                | ("PCUNICODE_STRING", "*constUNICODE_STRING")
                | ("PRKDPC", "*mut_KDPC")
        ) || definitions.callback(target).is_some()
            && name.strip_prefix('P') == Some(target);
        assert!(plain || reviewed, "{name} = {target} is in no review");
    }
}

/// Where a setter puts its bits: the first bit and how many, found by setting all of them.
fn span(bytes: &[u8]) -> (u64, u64) {
    let bits = (0..bytes.len() * 8).filter(|bit| bytes[bit / 8] >> (bit % 8) & 1 == 1);
    let bits: Vec<u64> = bits.map(|bit| bit as u64).collect();
    let first = *bits.first().expect("the setter sets a bit");
    (first, bits.len() as u64)
}

/// `structure, structure of the facts, path of the anonymous or nested member, its offset: getters and setters`.
macro_rules! bit_fields {
    ($($name:ident in $fact:literal at $path:literal + $base:literal {
        $($get:ident $set:ident: $ty:ty,)+
    })+) => {
        fn bit_fields() -> Vec<(&'static str, &'static str, &'static str, u64, u64, u64)> {
            let mut spans = Vec::new();
            $($({
                let mut value = wdk_sys::$name::default();
                value.$set(<$ty>::MAX);
                assert_ne!(value.$get(), 0, stringify!($get));
                let pointer = (&raw const value).cast::<u8>();
                // SAFETY: The structure is plain data without padding that a setter could not reach, and was zeroed.
                let bytes = unsafe { core::slice::from_raw_parts(pointer, size_of_val(&value)) };
                let (first, width) = span(bytes);
                spans.push((stringify!($name), $fact, concat!($path, stringify!($get)), first + $base * 8, width, u64::from(value.$get())));
            })+)+
            spans
        }
    };
}

bit_fields! {
    _SLIST_HEADER__bindgen_ty_2 in "SLIST_HEADER" at "HeaderX64." + 0 {
        Depth set_Depth: u64, Sequence set_Sequence: u64, Reserved set_Reserved: u64, NextEntry set_NextEntry: u64,
    }
    _STOR_DEVICE_CAPABILITIES in "STOR_DEVICE_CAPABILITIES" at "" + 0 {
        DeviceD1 set_DeviceD1: u32, DeviceD2 set_DeviceD2: u32, LockSupported set_LockSupported: u32,
        EjectSupported set_EjectSupported: u32, Removable set_Removable: u32, DockDevice set_DockDevice: u32,
        UniqueID set_UniqueID: u32, SilentInstall set_SilentInstall: u32, SurpriseRemovalOK set_SurpriseRemovalOK: u32,
        NoDisplayInUI set_NoDisplayInUI: u32,
    }
    _STOR_DEVICE_CAPABILITIES_EX in "STOR_DEVICE_CAPABILITIES_EX" at "" + 0 {
        DeviceD1 set_DeviceD1: u32, DeviceD2 set_DeviceD2: u32, LockSupported set_LockSupported: u32,
        EjectSupported set_EjectSupported: u32, Removable set_Removable: u32, DockDevice set_DockDevice: u32,
        UniqueID set_UniqueID: u32, SilentInstall set_SilentInstall: u32, RawDeviceOK set_RawDeviceOK: u32,
        SurpriseRemovalOK set_SurpriseRemovalOK: u32, NoDisplayInUI set_NoDisplayInUI: u32,
        DefaultWriteCacheEnabled set_DefaultWriteCacheEnabled: u32, Reserved0 set_Reserved0: u32,
    }
    _STOR_UNIT_ATTRIBUTES in "STOR_UNIT_ATTRIBUTES" at "" + 0 {
        DeviceAttentionSupported set_DeviceAttentionSupported: u32, AsyncNotificationSupported set_AsyncNotificationSupported: u32,
        D3ColdNotSupported set_D3ColdNotSupported: u32, BypassIOSupported set_BypassIOSupported: u32, Reserved set_Reserved: u32,
    }
    _INQUIRYDATA in "INQUIRYDATA" at "" + 0 {
        DeviceType set_DeviceType: u8, DeviceTypeQualifier set_DeviceTypeQualifier: u8, DeviceTypeModifier set_DeviceTypeModifier: u8,
        RemovableMedia set_RemovableMedia: u8, ResponseDataFormat set_ResponseDataFormat: u8, HiSupport set_HiSupport: u8,
        NormACA set_NormACA: u8, TerminateTask set_TerminateTask: u8, AERC set_AERC: u8, Addr16 set_Addr16: u8,
        Addr32 set_Addr32: u8, AckReqQ set_AckReqQ: u8, MediumChanger set_MediumChanger: u8, MultiPort set_MultiPort: u8,
        ReservedBit2 set_ReservedBit2: u8, EnclosureServices set_EnclosureServices: u8, ReservedBit3 set_ReservedBit3: u8,
        SoftReset set_SoftReset: u8, CommandQueue set_CommandQueue: u8, TransferDisable set_TransferDisable: u8,
        LinkedCommands set_LinkedCommands: u8, Synchronous set_Synchronous: u8, Wide16Bit set_Wide16Bit: u8,
        Wide32Bit set_Wide32Bit: u8, RelativeAddressing set_RelativeAddressing: u8,
    }
    _INQUIRYDATA__bindgen_ty_1__bindgen_ty_1 in "INQUIRYDATA" at "" + 2 {
        ANSIVersion set_ANSIVersion: u8, ECMAVersion set_ECMAVersion: u8, ISOVersion set_ISOVersion: u8,
    }
    _INQUIRYDATA__bindgen_ty_2__bindgen_ty_1 in "INQUIRYDATA" at "" + 5 {
        PROTECT set_PROTECT: u8, Reserved_1 set_Reserved_1: u8, ThirdPartyCoppy set_ThirdPartyCoppy: u8, TPGS set_TPGS: u8,
        ACC set_ACC: u8, SCCS set_SCCS: u8,
    }
    _SENSE_DATA in "SENSE_DATA" at "" + 0 {
        ErrorCode set_ErrorCode: u8, Valid set_Valid: u8, SenseKey set_SenseKey: u8, Reserved set_Reserved: u8,
        IncorrectLength set_IncorrectLength: u8, EndOfMedia set_EndOfMedia: u8, FileMark set_FileMark: u8,
    }
}

#[test]
fn bit_fields_are_where_the_headers_put_them() {
    let facts = facts::layouts();
    let mut checked: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (structure, fact, path, first, width, value) in bit_fields() {
        let (offset, ty) = &facts[fact].fields[path];
        let (_, bits) = ty
            .split_once("bits:")
            .unwrap_or_else(|| panic!("{fact}.{path} is no bit field"));
        let (low, high) = bits.split_once('-').expect("a range");
        let (low, high): (u64, u64) = (low.parse().expect("a bit"), high.parse().expect("a bit"));
        assert_eq!(
            (first, width),
            (offset * 8 + low, high - low + 1),
            "{structure}.{path}"
        );
        assert_eq!(
            value,
            u64::MAX >> (64 - width),
            "{structure}.{path} reads back"
        );
        let name = path.rsplit('.').next().expect("a name").to_string();
        checked.entry(structure.to_string()).or_default().push(name);
    }
    assert_eq!(checked, Definitions::read().bit_fields);
}

#[test]
fn every_bit_field_of_the_headers_has_accessors() {
    let facts = facts::layouts();
    let checked: BTreeSet<(String, String)> = bit_fields()
        .into_iter()
        .map(|(_, fact, path, ..)| (fact.to_string(), path.to_string()))
        .collect();
    for layout in layout::all() {
        let fact = &layout.name[1..];
        for (path, (_, ty)) in &facts[fact].fields {
            if ty.contains("bits:") {
                assert!(
                    checked.contains(&(fact.to_string(), path.clone())),
                    "{fact}.{path}"
                );
            }
        }
    }
}

#[test]
fn every_field_of_the_headers_is_in_the_structure() {
    let facts = facts::layouts();
    // bindgen passes over the anonymous common header; drivers read PCI_COMMON_HEADER instead.
    let passed_over =
        |structure: &str, path: &str| structure == "_PCI_COMMON_CONFIG" && path != "DeviceSpecific";
    for layout in layout::all() {
        let paths: BTreeSet<String> = layout
            .fields
            .iter()
            .map(|(path, _)| fact_path(path))
            .collect();
        for (path, (_, ty)) in &facts[&layout.name[1..]].fields {
            // A nested field is checked with the structure that defines it; here the structure's own suffice.
            let own = !path.contains('.');
            if own && !ty.contains("bits:") && !passed_over(layout.name, path) {
                assert!(paths.contains(path), "{}.{path}", layout.name);
            }
        }
    }
}
