//! Constants and enumerations.

use std::{
    collections::BTreeSet,
    string::{String, ToString},
    vec::Vec,
};

use super::facts::{self, Definitions};

/// Constants that the facts do not hold, each with the reason why its value is right.
const REVIEWED_CONSTANTS: &[(&str, i64, &str)] = &[
    ("CmResourceTypePort", 1, "wdm.h, documented"),
    ("CM_RESOURCE_PORT_IO", 1, "wdm.h, documented"),
    ("DO_DEVICE_INITIALIZING", 128, "wdm.h, documented"),
    ("DO_POWER_PAGABLE", 8192, "wdm.h, documented"),
    ("DUMP_TYPE_FULL", 1, "wdm.h, documented"),
    ("FILE_DEVICE_SECURE_OPEN", 256, "wdm.h, documented"),
    ("FILE_DEVICE_UNKNOWN", 34, "wdm.h, documented"),
    ("IO_NO_INCREMENT", 0, "wdm.h, documented"),
    ("IRP_MJ_PNP", 27, "wdm.h, documented"),
    ("IRP_MJ_POWER", 22, "wdm.h, documented"),
    ("IRP_MJ_SYSTEM_CONTROL", 23, "wdm.h, documented"),
    ("IRP_MN_CANCEL_REMOVE_DEVICE", 3, "wdm.h, documented"),
    ("IRP_MN_CANCEL_STOP_DEVICE", 6, "wdm.h, documented"),
    ("IRP_MN_QUERY_REMOVE_DEVICE", 1, "wdm.h, documented"),
    ("IRP_MN_QUERY_STOP_DEVICE", 5, "wdm.h, documented"),
    ("IRP_MN_REMOVE_DEVICE", 2, "wdm.h, documented"),
    ("IRP_MN_SET_POWER", 2, "wdm.h, documented"),
    ("IRP_MN_START_DEVICE", 0, "wdm.h, documented"),
    ("IRP_MN_STOP_DEVICE", 4, "wdm.h, documented"),
    ("IRP_MN_SURPRISE_REMOVAL", 23, "wdm.h, documented"),
    (
        "SRB_SIMPLE_TAG_REQUEST",
        0x20,
        "the SCSI-2 message codes that QueueAction is documented as",
    ),
    (
        "SRB_HEAD_OF_QUEUE_TAG_REQUEST",
        0x21,
        "the SCSI-2 message codes that QueueAction is documented as",
    ),
    (
        "SRB_ORDERED_QUEUE_TAG_REQUEST",
        0x22,
        "the SCSI-2 message codes that QueueAction is documented as",
    ),
    ("REG_BINARY", 3, "registry value types, documented"),
    ("REG_DWORD", 4, "registry value types, documented"),
    (
        "KEY_QUERY_VALUE",
        1,
        "registry key access rights, documented",
    ),
    (
        "OBJ_CASE_INSENSITIVE",
        0x40,
        "InitializeObjectAttributes, documented",
    ),
    (
        "OBJ_KERNEL_HANDLE",
        0x200,
        "InitializeObjectAttributes, documented",
    ),
    ("FALSE", 0, "truth values of every Windows header"),
    ("TRUE", 1, "truth values of every Windows header"),
    (
        "PASSIVE_LEVEL",
        0,
        "interrupt request levels of x64, documented",
    ),
    (
        "APC_LEVEL",
        1,
        "interrupt request levels of x64, documented; wdk-sys's PAGED_CODE needs it",
    ),
    (
        "DISPATCH_LEVEL",
        2,
        "interrupt request levels of x64, documented",
    ),
    (
        "HIGH_LEVEL",
        15,
        "interrupt request levels of x64, documented",
    ),
];

/// Names and values.
type Enumerators = &'static [(&'static str, i64)];

/// Enumerations that the facts do not hold, with the reason.
const REVIEWED_ENUMERATIONS: &[(&str, Enumerators, &str)] = &[
    (
        "_SYSTEM_POWER_STATE",
        &[
            ("PowerSystemUnspecified", 0),
            ("PowerSystemWorking", 1),
            ("PowerSystemSleeping1", 2),
            ("PowerSystemSleeping2", 3),
            ("PowerSystemSleeping3", 4),
            ("PowerSystemHibernate", 5),
            ("PowerSystemShutdown", 6),
            ("PowerSystemMaximum", 7),
        ],
        "documented values; IRP_MN_SET_POWER carries one",
    ),
    (
        "_POWER_STATE_TYPE",
        &[("SystemPowerState", 0), ("DevicePowerState", 1)],
        "documented values; IRP_MN_SET_POWER carries one",
    ),
    (
        "_KEY_VALUE_INFORMATION_CLASS",
        &[
            ("KeyValueBasicInformation", 0),
            ("KeyValueFullInformation", 1),
            ("KeyValuePartialInformation", 2),
        ],
        "documented values; argument of ZwQueryValueKey",
    ),
    (
        "_MEDIA_TYPE",
        &[("Unknown", 0), ("RemovableMedia", 11), ("FixedMedia", 12)],
        "documented values; FILTER_EXTENSION carries one",
    ),
    (
        "_PARTITION_STYLE",
        &[
            ("PARTITION_STYLE_MBR", 0),
            ("PARTITION_STYLE_GPT", 1),
            ("PARTITION_STYLE_RAW", 2),
        ],
        "documented values; FILTER_EXTENSION carries one",
    ),
];

#[test]
fn constants_have_the_values_of_the_headers() {
    let facts = facts::constants();
    let definitions = Definitions::read();
    let reviewed: BTreeSet<&str> = REVIEWED_CONSTANTS.iter().map(|(name, ..)| *name).collect();
    for (name, (ty, value)) in &definitions.constants {
        assert_eq!(
            ty, "u32",
            "{name}: bindgen gives a constant that fits the type u32"
        );
        match facts.get(name) {
            Some(expected) => assert_eq!(value, expected, "{name}"),
            None => assert!(
                reviewed.contains(name.as_str()),
                "{name} is in no fact and in no review"
            ),
        }
    }
    for (name, value, _) in REVIEWED_CONSTANTS {
        assert!(!facts.contains_key(*name), "{name} is in the facts by now");
        assert_eq!(definitions.constants[*name].1, *value, "{name}");
    }
    let missing: Vec<_> = facts
        .keys()
        .filter(|name| !definitions.constants.contains_key(*name))
        .collect();
    assert_eq!(
        missing,
        Vec::<&String>::new(),
        "constants of the facts that the bindings leave out"
    );
}

#[test]
fn enumerations_have_the_values_of_the_headers() {
    let facts = facts::enumerations();
    let definitions = Definitions::read();
    for (tag, values) in &definitions.enumerations {
        let Some(expected) = facts.get(tag) else {
            let (_, expected, _) = REVIEWED_ENUMERATIONS
                .iter()
                .find(|(name, ..)| name == tag)
                .unwrap_or_else(|| panic!("{tag} is in no fact and in no review"));
            let expected = expected
                .iter()
                .map(|(name, value)| ((*name).to_string(), *value))
                .collect();
            assert_eq!(values, &expected, "{tag}");
            continue;
        };
        assert_eq!(values, expected, "{tag}");
        // A tagged enumeration has an alias without the underscore; one without a tag is its own name.
        if let Some(name) = tag.strip_prefix('_') {
            assert_eq!(
                definitions.aliases[name],
                std::format!("{tag}::Type"),
                "{tag}"
            );
        }
    }
    let missing: Vec<_> = facts
        .keys()
        .filter(|tag| !definitions.enumerations.contains_key(*tag))
        .collect();
    assert_eq!(
        missing,
        Vec::<&String>::new(),
        "enumerations of the facts that the bindings leave out"
    );
}

#[test]
fn every_type_of_an_enumeration_is_a_c_int() {
    // The compiled values, not the text: one of each width and sign that the enumerations have.
    assert_eq!(size_of::<wdk_sys::SCSI_ADAPTER_CONTROL_TYPE>(), 4);
    assert_eq!(
        wdk_sys::_SCSI_ADAPTER_CONTROL_TYPE::MakeAdapterControlTypeSizeOfUlong,
        -1
    );
    assert_eq!(
        wdk_sys::_SRBEXDATATYPE::SrbExDataTypeMSReservedStart,
        -268_435_456
    );
    assert_eq!(
        wdk_sys::_SCSI_NOTIFICATION_TYPE::EnablePassiveInitialization,
        0x1000
    );
    assert_eq!(wdk_sys::STOR_STATUS_NOT_IMPLEMENTED, 0xC100_0002);
}
