//! The rules that the install information of the dump filter keeps: it has no device, so it is judged by other rules than a
//! miniport's.
//!
//! [`check`] reads one. Sources: Microsoft Learn, "Crash dump filter drivers", "Filter installation"; "INF `AddReg` directive" (flags);
//! "INF `DefaultInstall` section" (primitive drivers).

use std::{collections::BTreeSet, path::Path};

use anyhow::Result;

use super::parse::{Inf, Section};

/// `FLG_ADDREG_APPEND` of a `REG_MULTI_SZ`: other filters stay in the list.
const MULTI_SZ_APPEND: u32 = 0x0001_0008;
/// `FLG_DELREG_MULTI_SZ_DELSTRING`.
const DELETE_STRING: u32 = 0x0001_8002;
/// `SERVICE_DEMAND_START`: nobody starts the service.
const DEMAND_START: u32 = 3;
const LIST_KEY: &str = r"SYSTEM\CurrentControlSet\Control\CrashControl";
const IMAGE: &str = "dumpfilter.sys";

/// Holds the file to the rules.
///
/// # Errors
/// A [`crate::fault::Fault`] that names every broken rule.
pub fn check(path: &Path) -> Result<()> {
    super::hold(path, broken_rules)
}

fn broken_rules(text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    if !text.is_ascii() {
        broken.push("it has characters outside of ASCII".to_owned());
    }
    let inf = Inf::parse(text, &mut broken);
    let wanted = [
        ("Version", "Class", "System"),
        ("Version", "PnpLockdown", "1"),
        ("Version", "CatalogFile", "dumpfilter.cat"),
        ("SourceDisksFiles", IMAGE, "1"),
        ("DestinationDirs", "DefaultDestDir", "12"),
        ("DefaultInstall.NTamd64", "CopyFiles", "Filter.Files"),
        ("DefaultInstall.NTamd64", "AddReg", "Filter.List"),
        (
            "DefaultInstall.NTamd64.Services",
            "AddService",
            "dumpfilter",
        ),
        ("DefaultUninstall.NTamd64", "DelReg", "Filter.Unlist"),
    ];
    for (section, key, value) in wanted {
        let found = inf.value(section, key).unwrap_or_default();
        if found != value {
            broken.push(format!("{key} in [{section}] is `{found}`, not `{value}`"));
        }
    }
    let version = inf
        .section("Version")
        .and_then(|section| section.entry("DriverVer"));
    let version = version.and_then(|entry| entry.values.get(1));
    if version.map(String::as_str) != Some(concat!(env!("CARGO_PKG_VERSION"), ".0")) {
        broken.push("DriverVer has another version than the driver".to_owned());
    }
    for (name, flags) in [
        ("Filter.List", MULTI_SZ_APPEND),
        ("Filter.Unlist", DELETE_STRING),
    ] {
        if !inf
            .section(name)
            .is_some_and(|section| lists_filter(section, flags))
        {
            broken.push(format!("[{name}] does not keep other filters in the list"));
        }
    }
    let start = inf.value("Filter.Service", "StartType").and_then(number);
    if start != Some(DEMAND_START) {
        broken.push("the service is started by somebody".to_owned());
    }
    let files: BTreeSet<&str> = inf
        .section("Filter.Files")
        .into_iter()
        .flat_map(|section| &section.entries)
        .flat_map(|entry| &entry.values)
        .map(String::as_str)
        .collect();
    if files != BTreeSet::from([IMAGE]) {
        broken.push(format!("[Filter.Files] is {files:?}"));
    }
    broken
}

/// One entry: the list of dump filters, the flags, and the image's name.
fn lists_filter(section: &Section, flags: u32) -> bool {
    let [entry] = section.entries.as_slice() else {
        return false;
    };
    match entry.values.as_slice() {
        [root, key, value, found, image] => {
            root == "HKLM"
                && key == LIST_KEY
                && value == "DumpFilters"
                && number(found) == Some(flags)
                && image == IMAGE
        }
        _ => false,
    }
}

fn number(text: &str) -> Option<u32> {
    text.strip_prefix("0x").map_or_else(
        || text.parse().ok(),
        |digits| u32::from_str_radix(digits, 16).ok(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = include_str!("../../../inf/dumpfilter.inf");

    #[test]
    fn the_file_of_this_repository_keeps_every_rule() {
        assert_eq!(broken_rules(FILE), Vec::<String>::new());
    }

    #[test]
    fn copies_that_break_a_rule_are_named() {
        for (old, new, rule) in [
            ("0x00010008", "0x00010000", "other filters"),
            ("0x00018002", "0x00000000", "other filters"),
            (
                "DefaultDestDir = 12",
                "DefaultDestDir = 13",
                "DefaultDestDir",
            ),
            (
                "SERVICE_DEMAND_START   = 3",
                "SERVICE_DEMAND_START   = 0",
                "started by",
            ),
            ("0.1.0.0", "0.1.0.1", "another version"),
            ("DumpFilters,", "DumpFilter,", "other filters"),
        ] {
            assert!(FILE.contains(old), "{old}");
            let broken = broken_rules(&FILE.replace(old, new));
            assert!(broken.iter().any(|text| text.contains(rule)), "{broken:?}");
        }
    }
}
