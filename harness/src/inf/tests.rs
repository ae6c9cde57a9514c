//! The repository's own file, and copies of it that each break one rule.

use super::*;

const HIBERPORT: &str = include_str!("../../../inf/hiberport.inf");

/// The rules that a copy with `old` replaced by `new` breaks.
fn broken(old: &str, new: &str) -> String {
    assert!(HIBERPORT.contains(old), "{old}");
    broken_by(&HIBERPORT.replacen(old, new, 1))
}

fn broken_by(text: &str) -> String {
    check_bytes("copy.inf", text.as_bytes())
        .expect_err("a rule is broken")
        .to_string()
}

#[track_caller]
fn assert_names(message: &str, rule: &str) {
    assert!(message.contains(rule), "{message}");
}

#[test]
fn the_package_of_this_repository_keeps_every_rule() {
    let facts = check_bytes("hiberport.inf", HIBERPORT.as_bytes()).expect("no rule is broken");
    assert_eq!(facts.version, concat!(env!("CARGO_PKG_VERSION"), ".0"));
    assert_eq!(facts.catalog, "hiberport.cat");
    assert_eq!(facts.files, ["hiberport.sys"]);
    assert_eq!(facts.service, "hiberport");
    let ids = [
        r"PCI\VEN_1AF4&DEV_1048",
        r"PCI\VEN_1AF4&DEV_1004&SUBSYS_00081AF4",
    ];
    assert_eq!(facts.hardware_ids, ids);
}

#[test]
fn lines_end_as_the_tools_of_the_wdk_want_them() {
    let lines = HIBERPORT.matches('\n').count();
    let whole = HIBERPORT.matches("\r\n").count();
    assert!(
        whole == lines || whole == 0,
        "{whole} of {lines} lines end in CR LF"
    );
}

#[test]
fn the_version_section_is_that_of_a_storage_driver() {
    assert_names(&broken("SCSIAdapter", "HDC"), "Class is `HDC`");
    assert_names(&broken("4D36E97B", "4D36E97C"), "ClassGuid is `{4D36E97C");
    assert_names(
        &broken("PnpLockdown = 1", "PnpLockdown = 0"),
        "PnpLockdown is `0`",
    );
    assert_names(
        &broken("CatalogFile = hiberport.cat", ""),
        "there is no CatalogFile",
    );
    assert_names(
        &broken("$WINDOWS NT$", "$CHICAGO$"),
        "Signature is `$CHICAGO$`",
    );
    assert_names(
        &broken("11/21/2026,0.1.0.0", "2026-11-21,0.1.0.0"),
        "the date of DriverVer",
    );
    assert_names(
        &broken("11/21/2026,0.1.0.0", "11/21/2026,9.9.9.0"),
        "the version of DriverVer is `9.9.9.0`",
    );
}

#[test]
fn the_package_stays_in_the_driver_store() {
    assert_names(
        &broken("DefaultDestDir = 13", "DefaultDestDir = 12"),
        "elsewhere than to the driver store",
    );
    assert_names(
        &broken(r"%13%\hiberport.sys", r"%12%\hiberport.sys"),
        "ServiceBinary is `%12%",
    );
    assert_names(
        &broken(r"%13%\hiberport.sys", r"%13%\other.sys"),
        r"ServiceBinary is `%13%\other.sys`",
    );
}

#[test]
fn the_package_writes_below_its_own_keys_alone() {
    assert_names(
        &broken("HKR,,TypesSupported", "HKLM,Software,TypesSupported"),
        "is outside of HKR",
    );
    assert_names(
        &broken("TypesSupported,%REG_DWORD%,7", "TypesSupported,%REG_DWORD%"),
        "has no value",
    );
    assert_names(
        &broken(
            "TypesSupported,%REG_DWORD%,7",
            "TypesSupported,%REG_DWORD%,seven",
        ),
        "has no number as value",
    );
    assert_names(
        &broken("[Adapter.NT]", "[Adapter.NT]\nDelFiles = Adapter.Files"),
        "has DelFiles",
    );
}

#[test]
fn the_service_starts_at_boot() {
    assert_names(
        &broken("SERVICE_BOOT_START     = 0", "SERVICE_BOOT_START     = 3"),
        "StartType is `3`, not 0",
    );
    assert_names(
        &broken("SERVICE_KERNEL_DRIVER  = 1", "SERVICE_KERNEL_DRIVER  = 2"),
        "ServiceType is `2`",
    );
    assert_names(
        &broken("SERVICE_ERROR_CRITICAL = 3", "SERVICE_ERROR_CRITICAL = 1"),
        "ErrorControl is `1`",
    );
    assert_names(
        &broken("SCSI Miniport", "SCSI Class"),
        "LoadOrderGroup is `SCSI Class`",
    );
    assert_names(
        &broken("ASSOCSERVICE = 0x00000002", "ASSOCSERVICE = 0"),
        "not the function driver",
    );
}

#[test]
fn message_signalled_interrupts_are_asked_for() {
    assert_names(
        &broken("MSISupported,%REG_DWORD%,1", "MSISupported,%REG_DWORD%,0"),
        "MSISupported is not 1",
    );
    assert_names(
        &broken(
            "MessageNumberLimit,%REG_DWORD%,17",
            "MessageNumberLimit,%REG_DWORD%,0",
        ),
        "MessageNumberLimit is not",
    );
}

#[test]
fn every_reference_leads_somewhere_and_every_section_is_referred_to() {
    assert_names(
        &broken("[Adapter.Parameters]", "[Adapter.Parameter]"),
        "there is no [Adapter.Parameters]",
    );
    assert_names(
        &broken("[Adapter.Parameters]", "[Adapter.Parameter]"),
        "nothing refers to [Adapter.Parameter]",
    );
    assert_names(
        &broken("[Adapter.NT.HW]", "[Adapter.HW]"),
        "there is no [Adapter.NT.HW]",
    );
    assert_names(
        &broken("hiberport.sys = 1", "hiberport.sys = 2"),
        "the disk of hiberport.sys",
    );
    assert_names(
        &broken("hiberport.sys = 1", "other.sys = 1"),
        "other.sys is a source that nothing copies",
    );
    assert_names(
        &broken("[Adapter.Files]", "[Adapter.Files]\nextra.sys"),
        "extra.sys is not in [SourceDisksFiles]",
    );
    assert_names(&broken("NTamd64.10.0...16299", "NTx86"), "platform NTx86");
}

#[test]
fn strings_are_there_and_used() {
    assert_names(
        &broken("DisplayName    = %ServiceName%", "DisplayName = %Missing%"),
        "string Missing is not in [Strings]",
    );
    assert_names(
        &broken("DisplayName    = %ServiceName%", "DisplayName = x"),
        "string servicename is not used",
    );
    assert_names(
        &broken(
            "DisplayName    = %ServiceName%",
            "DisplayName = %ServiceName",
        ),
        "open percent sign",
    );
}

#[test]
fn hardware_ids_are_spelt_right() {
    assert_names(
        &broken("VEN_1AF4&DEV_1048", "VEN_1AF4&DEV_104"),
        "is no PCI hardware id",
    );
    assert_names(
        &broken("SUBSYS_00081AF4", "SUBSYS_0008"),
        "is no PCI hardware id",
    );
    assert_names(
        &broken("DEV_1004&SUBSYS_00081AF4", "DEV_1048"),
        "is there twice",
    );
}

#[test]
fn the_syntax_is_held() {
    assert_names(
        &broken("[Strings]", "[Strings]\n[Version]"),
        "[Version] is there twice",
    );
    assert_names(
        &broken("; hiberport.inf", "a = b\n; hiberport.inf"),
        "is in no section",
    );
    assert_names(
        &broken("\"hiberport installation disk\"", "\"hiberport"),
        "an open quotation mark",
    );
    assert_names(
        &broken("installation disk", "installation disk\u{e4}"),
        "outside of ASCII",
    );
}

#[test]
fn quotes_protect_what_separates() {
    let mut broken = Vec::new();
    let text = "[A]\nkey = \"a;b,c=d\" , e ; rest\nplain,,x\n";
    let inf = parse::Inf::parse(text, &mut broken);
    assert!(broken.is_empty(), "{broken:?}");
    let section = inf
        .section("a")
        .expect("names are the same in upper and lower case");
    assert_eq!(section.entries[0].key.as_deref(), Some("key"));
    assert_eq!(section.entries[0].values, ["a;b,c=d", "e"]);
    assert_eq!(section.entries[1].key, None);
    assert_eq!(section.entries[1].values, ["plain", "", "x"]);
}
