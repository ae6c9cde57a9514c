//! Functions and callback types.
//!
//! The text of each declaration is compared with the facts here; [`crate::layout`] holds the compiled types to the same signatures by
//! coercion.

use std::{collections::BTreeSet, string::String, vec::Vec};

use super::facts::{self, Definitions};

/// Functions that the facts do not hold, with the reason.
const REVIEWED_FUNCTIONS: &[(&str, &str)] = &[
    ("IoAttachDeviceToDeviceStack", "wdm.h, documented"),
    ("IoDetachDevice", "wdm.h, documented"),
    ("IofCallDriver", "wdm.h, documented"),
    ("IofCompleteRequest", "wdm.h, documented"),
    ("IoForwardIrpSynchronously", "wdm.h, documented"),
    ("IoInitializeRemoveLockEx", "wdm.h, documented"),
    ("IoAcquireRemoveLockEx", "wdm.h, documented"),
    ("IoReleaseRemoveLockEx", "wdm.h, documented"),
    ("IoReleaseRemoveLockAndWaitEx", "wdm.h, documented"),
    ("MmGetSystemRoutineAddress", "wdm.h, documented"),
    (
        "memcpy",
        "C standard; the compiler calls it, ntoskrnl.exe exports it",
    ),
    (
        "memmove",
        "C standard; the compiler calls it, ntoskrnl.exe exports it",
    ),
    (
        "memset",
        "C standard; the compiler calls it, ntoskrnl.exe exports it",
    ),
    (
        "memcmp",
        "C standard; the compiler calls it, ntoskrnl.exe exports it",
    ),
];

/// Callback types that the facts do not hold, with the reason.
const REVIEWED_CALLBACKS: &[(&str, &str)] = &[
    ("DRIVER_CANCEL", "documented; member of IRP"),
    (
        "IO_COMPLETION_ROUTINE",
        "documented; member of IO_STACK_LOCATION",
    ),
    ("DRIVER_INITIALIZE", "documented; members of DRIVER_OBJECT"),
    ("DRIVER_STARTIO", "documented; members of DRIVER_OBJECT"),
    ("DRIVER_UNLOAD", "documented; members of DRIVER_OBJECT"),
    ("DRIVER_DISPATCH", "documented; members of DRIVER_OBJECT"),
    (
        "DRIVER_ADD_DEVICE",
        "documented; member of DRIVER_EXTENSION",
    ),
    ("KDEFERRED_ROUTINE", "documented; member of KDPC"),
];

#[test]
fn functions_have_the_prototypes_of_the_headers() {
    let definitions = Definitions::read();
    let mut facts = facts::prototypes("storport");
    facts.extend(facts::prototypes("ntoskrnl"));
    let reviewed: BTreeSet<&str> = REVIEWED_FUNCTIONS.iter().map(|(name, _)| *name).collect();
    for (name, prototype) in &definitions.functions {
        match facts.get(name) {
            Some(expected) => assert_eq!(prototype, expected, "{name}"),
            None => assert!(
                reviewed.contains(name.as_str()),
                "{name} is in no fact and in no review"
            ),
        }
    }
    for name in reviewed {
        assert!(
            definitions.functions.contains_key(name) && !facts.contains_key(name),
            "{name} needs no review"
        );
    }
    let missing: Vec<&str> = facts
        .keys()
        .map(String::as_str)
        .filter(|name| !definitions.functions.contains_key(*name))
        .collect();
    assert!(missing.is_empty(), "left out: {missing:?}");
}

#[test]
fn callbacks_have_the_prototypes_of_the_headers() {
    let definitions = Definitions::read();
    let facts = facts::prototypes("callbacks");
    let reviewed: BTreeSet<&str> = REVIEWED_CALLBACKS.iter().map(|(name, _)| *name).collect();
    let callbacks = definitions
        .aliases
        .keys()
        .filter_map(|name| Some((name, definitions.callback(name)?)));
    for (name, prototype) in callbacks {
        match facts.get(name) {
            Some(expected) => assert_eq!(&prototype, expected, "{name}"),
            None => assert!(
                reviewed.contains(name.as_str()),
                "{name} is in no fact and in no review"
            ),
        }
    }
    for name in facts.keys() {
        assert!(definitions.callback(name).is_some(), "{name} is missing");
    }
    // A pointer to a function type is the same type in bindgen's rendering.
    for name in facts.keys().map(String::as_str).chain(reviewed) {
        assert_eq!(&definitions.aliases[&std::format!("P{name}")], name);
    }
}
