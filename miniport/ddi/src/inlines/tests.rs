//! Every inline against the facts: name, parameters with their types, selector with its number, order of the arguments.
//!
//! The tables that the macros leave behind are compared with facts/storport-inlines.json, and each function is called with arguments
//! that differ from one another while the test doubles of the two variadic exports ([`crate::fake`]) record what arrives.

use std::{
    collections::{BTreeMap, BTreeSet},
    string::{String, ToString},
    vec::Vec,
};

use serde_json::Value;
use wdk_sys::{LARGE_INTEGER, STOR_STATUS_NOT_IMPLEMENTED, STOR_UNIT_ATTRIBUTES, ULONG};

use super::{adapter, dpc, log, memory, power, request, topology};
use crate::fake;

/// Inlines that the facts do not hold, each with the reason why its row is right.
const REVIEWED: &[(&str, &str)] = &[
    (
        "StorPortAllocatePool",
        "documented signature; the selector passes the parameters in order",
    ),
    (
        "StorPortFreePool",
        "documented signature; the selector passes the parameters in order",
    ),
    (
        "StorPortAcquireSpinLock",
        "documented signature; the selector passes the parameters in order",
    ),
    (
        "StorPortReleaseSpinLock",
        "documented signature; the selector passes the parameters in order",
    ),
];

/// Inlines of the facts that are not rows: they call nothing, or make the two calls that `etw_events_*` below checks.
const NOT_ROWS: &[&str] = &[
    "StorPortInitializeListHead",
    "StorPortSecureCopyMemory",
    "StorPortEtwEvent2",
    "StorPortEtwEvent4",
    "StorPortEtwEvent8",
];

/// One inline, as its macro saw it.
pub(super) struct Row {
    pub(super) export: &'static str,
    pub(super) name: &'static str,
    pub(super) selector: &'static str,
    /// Name, type as written, and the argument that [`Row::call`] passes.
    pub(super) params: fn() -> Vec<(&'static str, &'static str, u64)>,
    /// Calls the function with the arguments of `params`.
    pub(super) call: fn(),
}

/// Builds a [`Row`]; the n-th parameter gets the n-th probe value.
macro_rules! row {
    ($export:literal, $name:ident, $selector:ident, ($($param:ident: $ty:ty),+)) => {
        super::tests::Row {
            export: $export,
            name: stringify!($name),
            selector: stringify!($selector),
            params: || {
                let mut probes = super::tests::Probes::default();
                std::vec![$((stringify!($param), stringify!($ty), probes.next::<$ty>().1)),+]
            },
            call: || {
                let mut probes = super::tests::Probes::default();
                // SAFETY: The doubles record their arguments and follow none of the pointers.
                let _ = unsafe { $name($(probes.next::<$ty>().0),+) };
            },
        }
    };
}
pub(super) use row;

/// Hands out arguments that differ in every byte that their type has.
#[derive(Default)]
pub(super) struct Probes(u64);

impl Probes {
    pub(super) fn next<T: Probe>(&mut self) -> (T, u64) {
        self.0 += 1;
        let pattern = self.0 * 0x0101_0101_0101_0101;
        (T::from_pattern(pattern), pattern & T::MASK)
    }
}

/// A parameter type of an inline.
pub(super) trait Probe: Sized {
    /// The bits of the pattern that the type carries.
    const MASK: u64 = u64::MAX;

    fn from_pattern(pattern: u64) -> Self;
}

macro_rules! integers {
    ($($ty:ty)+) => {$(
        impl Probe for $ty {
            const MASK: u64 = u64::MAX >> (64 - <$ty>::BITS);

            fn from_pattern(pattern: u64) -> Self {
                let bytes = pattern.to_le_bytes();
                <$ty>::from_le_bytes(*bytes.first_chunk().expect("an integer has at most eight bytes"))
            }
        }
    )+};
}
integers!(u8 u16 u32 i32 u64 i64);

impl<T> Probe for *mut T {
    fn from_pattern(pattern: u64) -> Self {
        core::ptr::without_provenance_mut(usize::try_from(pattern).expect("64-bit host"))
    }
}

impl<T> Probe for *const T {
    fn from_pattern(pattern: u64) -> Self {
        core::ptr::without_provenance(usize::try_from(pattern).expect("64-bit host"))
    }
}

impl Probe for LARGE_INTEGER {
    fn from_pattern(pattern: u64) -> Self {
        Self {
            QuadPart: pattern.cast_signed(),
        }
    }
}

impl Probe for STOR_UNIT_ATTRIBUTES {
    const MASK: u64 = u32::MAX as u64;

    fn from_pattern(pattern: u64) -> Self {
        let mut attributes = Self::default();
        for bit in 0..32 {
            attributes._bitfield_1.set_bit(bit, pattern >> bit & 1 == 1);
        }
        attributes
    }
}

macro_rules! callbacks {
    ($($param:ident)*) => {
        impl<$($param,)* R> Probe for Option<unsafe extern "C" fn($($param),*) -> R> {
            fn from_pattern(pattern: u64) -> Self {
                // SAFETY: An optional function pointer has the size of an integer; nobody calls it.
                unsafe { core::mem::transmute::<u64, Self>(pattern) }
            }
        }
    };
}
callbacks!(A);
callbacks!(A B);
callbacks!(A B C);
callbacks!(A B C D);
callbacks!(A B C D E);

fn rows() -> impl Iterator<Item = &'static Row> {
    [
        adapter::EXTENDED,
        adapter::NOTIFICATIONS_WITH_STATUS,
        dpc::EXTENDED,
        dpc::NOTIFICATIONS,
        dpc::NOTIFICATIONS_WITH_STATUS,
        log::EXTENDED,
        log::NOTIFICATIONS,
        log::NOTIFICATIONS_WITH_STATUS,
        memory::EXTENDED,
        power::EXTENDED,
        request::EXTENDED,
        topology::EXTENDED,
    ]
    .into_iter()
    .flatten()
}

fn facts() -> BTreeMap<String, Value> {
    let facts: Vec<Value> = serde_json::from_str(include_str!("../../facts/storport-inlines.json"))
        .expect("the facts are JSON");
    facts
        .into_iter()
        .map(|fact| {
            (
                fact["name"]
                    .as_str()
                    .expect("each inline has a name")
                    .to_string(),
                fact,
            )
        })
        .collect()
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array()
        .expect("a list")
        .iter()
        .map(|item| item.as_str().expect("a list of strings"))
        .collect()
}

/// `"PVOID* Mdl"` as name and type in Rust's notation, with what the bindings leave out replaced as the module says.
fn parameter(text: &str) -> (String, String) {
    let text = text.replace("__drv_aliasesMem ", "");
    let split = text.rfind([' ', '*']).expect("a type and a name") + 1;
    let (ty, name) = text.split_at(split);
    let stars = ty.matches('*').count();
    let ty = ty.replace(['*', ' '], "");
    let left_out_enumerations = [
        "LOGICAL_PROCESSOR_RELATIONSHIP",
        "STORPORT_ETW_LEVEL",
        "STORPORT_ETW_EVENT_OPCODE",
        "STORPORT_ETW_EVENT_CHANNEL",
        "STOR_TELEMETRY_CATEGORY",
        "STORPORT_QUERY_CONFIGURATION_TYPE",
        "STOR_EVENT_TYPE",
        "STOR_DEVICE_RESET_TYPE",
        "STOR_THREAD_PRIORITY",
    ];
    let ty = if left_out_enumerations.contains(&ty.as_str()) {
        "c_int"
    } else {
        ty.as_str()
    };
    (name.to_string(), "*mut ".repeat(stars) + ty)
}

#[test]
fn every_inline_of_the_facts_is_here_and_nothing_else() {
    let facts = facts();
    let here: BTreeSet<&str> = rows().map(|row| row.name).collect();
    assert_eq!(here.len(), rows().count(), "a name occurs twice");
    let reviewed: BTreeSet<&str> = REVIEWED.iter().map(|(name, _)| *name).collect();
    let known: BTreeSet<&str> = facts
        .keys()
        .map(String::as_str)
        .filter(|name| !NOT_ROWS.contains(name))
        .collect();
    assert_eq!(here, known.union(&reviewed).copied().collect());
    assert!(
        known.is_disjoint(&reviewed),
        "a reviewed exception is in the facts by now"
    );
}

#[test]
fn parameters_are_those_of_the_header() {
    let facts = facts();
    let type_aliases = crate::abi::facts::type_names();
    for row in rows() {
        let Some(fact) = facts.get(row.name) else {
            continue;
        };
        let expected: Vec<(String, String)> = strings(&fact["params"])
            .into_iter()
            .map(parameter)
            .collect();
        let actual = (row.params)();
        assert_eq!(actual.len(), expected.len(), "{}", row.name);
        for ((name, ty, _), (expected_name, expected_type)) in actual.iter().zip(&expected) {
            assert_eq!(name, expected_name, "{}", row.name);
            // Only a pointer to what the bindings leave out may have turned into a PVOID.
            let expected_base = expected_type.trim_start_matches("*mut ");
            let left_out = !type_aliases.contains(expected_base)
                && *ty == expected_type.replace(expected_base, "PVOID");
            assert!(
                ty == expected_type || left_out,
                "{}: {name} is {ty}, the header says {expected_type}",
                row.name
            );
        }
    }
}

#[test]
fn calls_carry_the_selector_and_the_arguments_in_order() {
    let facts = facts();
    let selectors = crate::abi::facts::enumerators();
    for row in rows() {
        let params = (row.params)();
        let selector = selectors[row.selector];
        fake::reset();
        (row.call)();
        let calls = fake::calls();
        assert_eq!(calls.len(), 1, "{}", row.name);
        let call = &calls[0];
        assert_eq!(call.function, row.export, "{}", row.name);
        assert_eq!(
            u64::from(fake::low_u32(call.arguments[0])),
            selector.cast_unsigned() & 0xFFFF_FFFF,
            "{}",
            row.name
        );
        let mut expected: Vec<Option<u64>> =
            params.iter().map(|(_, _, probe)| Some(*probe)).collect();
        if let Some(fact) = facts.get(row.name) {
            let fact = &fact["calls"][0];
            assert_eq!(fact["call"], row.export, "{}", row.name);
            assert_eq!(fact["selector"], row.selector, "{}", row.name);
            assert_eq!(fact["code"], selector, "{}", row.name);
            // The facts give the order by parameter name; an address is a local variable of the inline.
            expected = strings(&fact["args"])
                .into_iter()
                .map(|argument| {
                    params
                        .iter()
                        .find(|(name, ..)| *name == argument)
                        .map(|(_, _, probe)| *probe)
                })
                .collect();
        }
        for (position, expected) in expected.iter().enumerate() {
            let actual = call.arguments[position + 1];
            match expected {
                // Narrow arguments travel in the low half of their slot.
                Some(expected) if *expected <= 0xFFFF_FFFF => {
                    assert_eq!(
                        u64::from(fake::low_u32(actual)),
                        *expected,
                        "{}: argument {position}",
                        row.name
                    );
                }
                Some(expected) => {
                    assert_eq!(actual, *expected, "{}: argument {position}", row.name);
                }
                None => assert_ne!(
                    actual, 0,
                    "{}: argument {position} is the address of the result",
                    row.name
                ),
            }
        }
    }
}

#[test]
fn results_come_back() {
    fake::reset();
    fake::answer(|call| {
        if call.function == "StorPortNotification" {
            let out = call.arguments[usize::try_from(call.arguments[1]).expect("a position")];
            let out: *mut ULONG =
                core::ptr::with_exposed_provenance_mut(usize::try_from(out).expect("64-bit host"));
            // SAFETY: The inline passes the address of its 32-bit result there.
            unsafe { out.write(1) };
        }
        u64::from(wdk_sys::STOR_STATUS_BUSY)
    });
    let position_of_result = |position: usize| core::ptr::without_provenance_mut(position);
    // SAFETY: The double records its arguments and writes the result alone.
    let enabled = unsafe { dpc::StorPortEnablePassiveInitialization(position_of_result(3), None) };
    assert_eq!(enabled, 1);
    let null = core::ptr::null_mut();
    // SAFETY: As above.
    let issued =
        unsafe { dpc::StorPortIssueDpc(position_of_result(5), core::ptr::null_mut(), null, null) };
    assert_eq!(issued, 1);
    // SAFETY: As above.
    let status = unsafe { memory::StorPortMarkDumpMemory(null, null, 0, 0) };
    assert_eq!(status, wdk_sys::STOR_STATUS_BUSY);
}

#[test]
fn a_port_driver_that_ignores_a_notification_yields_failure() {
    fake::reset();
    let null = core::ptr::null_mut();
    // SAFETY: The double records its arguments.
    let enabled = unsafe { dpc::StorPortEnablePassiveInitialization(null, None) };
    assert_eq!(enabled, 0);
    // SAFETY: As above.
    let changed = unsafe {
        adapter::StorPortStateChangeDetected(null, 0, core::ptr::null_mut(), 0, None, null)
    };
    assert_eq!(changed, STOR_STATUS_NOT_IMPLEMENTED);
}

/// Calls an ETW inline with one probe for each parameter (`n` stands for any name).
macro_rules! call_with_probes {
    ($function:path, $($n:ident)+) => {{
        let mut probes = Probes::default();
        // SAFETY: The double records its arguments and follows none of the pointers.
        unsafe { $function($({ let _ = stringify!($n); probes.next().0 }),+) }
    }};
}

#[test]
fn etw_events_fall_back_to_the_call_without_a_channel() {
    check_etw(
        "StorPortEtwEvent2",
        || call_with_probes!(log::StorPortEtwEvent2, n n n n n n n n n n n n),
    );
    check_etw(
        "StorPortEtwEvent4",
        || call_with_probes!(log::StorPortEtwEvent4, n n n n n n n n n n n n n n n n),
    );
    check_etw(
        "StorPortEtwEvent8",
        || call_with_probes!(log::StorPortEtwEvent8, n n n n n n n n n n n n n n n n n n n n n n n n),
    );
}

fn check_etw(name: &str, call: fn() -> ULONG) {
    let fact = &facts()[name];
    let selectors = crate::abi::facts::enumerators();
    let fact_calls = fact["calls"].as_array().expect("two calls");
    let with_channel = selectors[fact_calls[0]["selector"].as_str().expect("a name")];
    fake::reset();
    fake::answer(move |call| {
        let knows_no_channel = i64::from(fake::low_u32(call.arguments[0])) == with_channel;
        u64::from(if knows_no_channel {
            STOR_STATUS_NOT_IMPLEMENTED
        } else {
            0
        })
    });
    assert_eq!(call(), 0, "{name}");
    let names: Vec<String> = strings(&fact["params"])
        .into_iter()
        .map(|text| parameter(text).0)
        .collect();
    let calls = fake::calls();
    assert_eq!(calls.len(), 2, "{name}");
    for (call, fact) in calls.iter().zip(fact_calls) {
        let selector = fact["selector"].as_str().expect("a name");
        assert_eq!(
            i64::from(fake::low_u32(call.arguments[0])),
            selectors[selector],
            "{name}"
        );
        for (position, argument) in strings(&fact["args"]).into_iter().enumerate() {
            let actual = fake::low_u32(call.arguments[position + 1]);
            match names.iter().position(|name| name == argument) {
                Some(index) => {
                    let pattern = (index as u64 + 1) * 0x0101_0101_0101_0101;
                    assert_eq!(actual, fake::low_u32(pattern), "{name}: {argument}");
                }
                None => assert_eq!(
                    (argument, actual),
                    ("StorportEtwEventDiagnostic", 0),
                    "{name}"
                ),
            }
        }
    }
    // A port driver that takes the call with a channel gets no second one.
    fake::reset();
    assert_eq!(call(), 0, "{name}");
    assert_eq!(fake::calls().len(), 1, "{name}");
}
