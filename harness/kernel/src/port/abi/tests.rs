//! The bench's view of the ABI against the numbers read off the WDK's headers.

use std::{collections::BTreeMap, fs, path::Path, string::String, vec::Vec};

use serde_json::Value;

use super::{
    FieldFact, Structure, bugcheck, codes, config, extended, filter, init, io, services, srb,
};

fn facts(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../miniport/ddi/facts")
        .join(file);
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

fn number(value: &Value) -> i64 {
    value
        .as_i64()
        .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
        .unwrap_or_else(|| panic!("no number: {value}"))
}

/// Bytes of a C type, where its name tells them.
fn bytes_of(c_type: &str) -> Option<u64> {
    let sized = |base: &str| match base {
        "UCHAR" | "BOOLEAN" | "CCHAR" | "CHAR" | "KIRQL" => Some(1),
        "USHORT" | "WCHAR" | "CSHORT" => Some(2),
        "ULONG" | "LONG" => Some(4),
        "_LARGE_INTEGER" | "ULONGLONG" | "LONGLONG" | "ULONG_PTR" | "KAFFINITY" | "PVOID" => {
            Some(8)
        }
        _ => None,
    };
    if let Some((base, rest)) = c_type.split_once('[') {
        let count: u64 = rest.trim_end_matches(']').parse().ok()?;
        return sized(base).map(|bytes| bytes * count);
    }
    if c_type.contains('*') || c_type.starts_with("PHW_") {
        return Some(8);
    }
    sized(c_type)
}

fn structures() -> Vec<(&'static str, u64, &'static [FieldFact])> {
    macro_rules! all {
        ($($module:ident :: $name:ident),* $(,)?) => {
            vec![$((
                <$module::$name as Structure>::NAME,
                <$module::$name as Structure>::BYTES,
                $module::$name::FACTS,
            )),*]
        };
    }
    all![
        init::HwInitializationData,
        filter::FilterExtension,
        filter::FilterInitializationData,
        config::PortConfiguration,
        config::AccessRange,
        config::MemoryRegion,
        config::MiniportDumpPointers,
        srb::ScsiRequestBlock,
        srb::StorageRequestBlock,
        srb::SrbExData,
        srb::SrbExDataScsiCdb16,
        srb::SrbExDataScsiCdb32,
        srb::SrbExDataPower,
        srb::SrbExDataPnp,
        srb::SrbExDataIoInfo,
        srb::ScsiPnpRequestBlock,
        srb::ScsiPowerRequestBlock,
        srb::StorAddrBtl8,
        srb::SrbIoControl,
        srb::ScatterGatherList,
        srb::ScatterGatherElement,
        services::StorDpc,
        services::StorLockHandle,
        services::PerfConfigurationData,
        services::StartIoPerformanceParameters,
        services::MessageInterruptInformation,
        services::StorAdapterControlPower,
        services::StorUnitControlPower,
        services::SupportedControlTypeList,
        services::StorLogEventDetails,
        services::Mdl,
        services::GroupAffinity,
        services::ProcessorNumber,
        services::SlistHeader,
        services::ListEntry,
        services::SingleListEntry,
        services::UnicodeString,
        services::DeviceObject,
        services::DriverObject,
        services::PciCommonConfig,
        bugcheck::ReasonCallbackRecord,
        bugcheck::CallbackRecord,
        bugcheck::AddPages,
        bugcheck::RemovePages,
        bugcheck::SecondaryDumpData,
        bugcheck::DumpIo,
        io::Irp,
        io::Location,
        bugcheck::TriageDumpData,
    ]
}

#[test]
fn sizes_and_offsets_match_the_facts() {
    let layouts = facts("wdk-x64-layouts.json");
    let mut compared = 0;
    for (name, bytes, fields) in structures() {
        let layout = &layouts[name];
        assert_eq!(
            number(&layout["size"]),
            bytes.cast_signed(),
            "size of {name}"
        );
        for fact in fields {
            let expected = &layout["fields"][fact.field];
            assert!(
                expected.is_object(),
                "{name}.{} is not in the facts",
                fact.field
            );
            assert_eq!(
                number(&expected["offset"]),
                fact.offset.cast_signed(),
                "{name}.{}",
                fact.field
            );
            let c_type = expected["type"].as_str().unwrap();
            if let Some(expected_bytes) = bytes_of(c_type) {
                assert_eq!(
                    expected_bytes, fact.bytes,
                    "{name}.{}: {c_type}",
                    fact.field
                );
            }
            compared += 1;
        }
    }
    assert!(compared > 250, "only {compared} members compared");
}

#[test]
fn constants_match_the_facts() {
    let constants = facts("wdk-x64-constants.json");
    let tables = [
        init::CONSTANTS,
        config::CONSTANTS,
        srb::FUNCTIONS,
        srb::STATUSES,
        srb::FLAGS,
        srb::SCSI,
        srb::ADDRESSES,
        srb::SIZES,
        services::CONSTANTS,
        filter::FLAGS,
        services::REGISTRY,
        codes::STOR_STATUSES,
        bugcheck::PAGE_FLAGS,
    ];
    for (name, value) in tables.into_iter().flatten() {
        let expected = &constants["constants"][name];
        assert!(!expected.is_null(), "{name} is not in the facts");
        assert_eq!(number(expected).cast_unsigned(), *value, "{name}");
    }
}

#[test]
fn enumerations_match_the_facts_and_extended_codes_are_complete() {
    let constants = facts("wdk-x64-constants.json");
    let all: BTreeMap<String, i64> = constants["enums"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|values| values.as_object().unwrap())
        .map(|(name, value)| (name.clone(), number(value)))
        .collect();
    macro_rules! compare {
        ($($module:path),* $(,)?) => {
            $({
                use $module as module;
                for (name, value) in module::NAMES {
                    assert_eq!(all.get(*name), Some(&i64::from(*value)), "{name}");
                }
            })*
        };
    }
    compare!(
        extended::code,
        codes::notification,
        codes::adapter_control,
        codes::adapter_control_status,
        codes::unit_control,
        codes::unit_control_status,
        codes::spin_lock,
        codes::interrupt_synchronization,
        codes::synchronization_model,
        codes::interface_type,
        codes::interrupt_mode,
        codes::bus_data_type,
        codes::device_power_state,
        codes::power_action,
        codes::pnp_action,
        codes::srbex,
        codes::memory_caching,
        bugcheck::reason,
        bugcheck::dump_io_type,
    );
    let codes = constants["enums"]["_STORPORT_FUNCTION_CODE"]
        .as_object()
        .unwrap();
    assert_eq!(codes.len(), extended::code::NAMES.len());
}
