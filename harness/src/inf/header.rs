//! The rules that the install information of dumpheader.sys keeps: a device of class System, started on demand.
//!
//! [`check`] reads one. Sources: Microsoft Learn, "INF file sections and directives", "Using a universal INF file", "INF `AddService`
//! directive"; QEMU's ACPI tables for the hardware id.

use std::path::Path;

use anyhow::Result;

use super::parse::Inf;

/// Section, key, value.
const WANTED: &[(&str, &str, &str)] = &[
    ("Version", "Signature", "$WINDOWS NT$"),
    ("Version", "Class", "System"),
    (
        "Version",
        "ClassGuid",
        "{4D36E97D-E325-11CE-BFC1-08002BE10318}",
    ),
    ("Version", "CatalogFile", "dumpheader.cat"),
    ("Version", "PnpLockdown", "1"),
    ("SourceDisksFiles", "dumpheader.sys", "1"),
    ("DestinationDirs", "DefaultDestDir", "13"),
    ("Device.NT", "CopyFiles", "Device.Files"),
    ("Device.Service", "ServiceType", "1"),
    ("Device.Service", "StartType", "3"),
    ("Device.Service", "ErrorControl", "1"),
    ("Device.Service", "ServiceBinary", r"%13%\dumpheader.sys"),
];
/// The device's id, as QEMU's ACPI tables have it.
const HARDWARE_ID: &str = r"ACPI\QEMU0002";

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
    for &(section, key, wanted) in WANTED {
        let value = inf
            .section(section)
            .and_then(|section| section.value(key))
            .unwrap_or_default();
        if !value.eq_ignore_ascii_case(wanted) {
            broken.push(format!("{key} of [{section}] is `{value}`, not `{wanted}`"));
        }
    }
    let models = inf.section("Models.NTamd64.10.0...16299");
    let is_for_device = models.is_some_and(|models| {
        models
            .entries
            .iter()
            .any(|model| model.values == ["Device", HARDWARE_ID])
    });
    if !is_for_device {
        broken.push(format!("no model is for {HARDWARE_ID}"));
    }
    let version = inf
        .section("Version")
        .and_then(|section| section.entry("DriverVer"));
    let wanted = concat!(env!("CARGO_PKG_VERSION"), ".0");
    if version
        .and_then(|entry| entry.values.last())
        .map(String::as_str)
        != Some(wanted)
    {
        broken.push(format!("the version of DriverVer is not {wanted}"));
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = include_str!("../../../inf/dumpheader.inf");

    #[test]
    fn the_file_of_the_repository_is_right() {
        assert_eq!(broken_rules(GOOD), Vec::<String>::new());
    }

    #[test]
    fn each_change_is_noticed() {
        for (from, to) in [
            ("QEMU0002", "QEMU0003"),
            ("= System", "= SCSIAdapter"),
            ("PnpLockdown = 1", "PnpLockdown = 0"),
            ("%13%\\dumpheader.sys", "%12%\\dumpheader.sys"),
            ("SERVICE_DEMAND_START   = 3", "SERVICE_DEMAND_START   = 0"),
            (",0.1.0.0", ",0.2.0.0"),
        ] {
            assert_eq!(broken_rules(&GOOD.replace(from, to)).len(), 1, "{from}");
        }
    }
}
