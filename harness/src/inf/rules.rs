//! What the sections must say.

use std::{collections::BTreeSet, path::Path};

use super::{
    InfFacts,
    parse::{Entry, Inf, Section},
};

/// Directives of an install section that run somebody's code or reach outside of the package.
const FORBIDDEN: &[&str] = &[
    "CoInstallers32",
    "DelFiles",
    "RenFiles",
    "DelReg",
    "DelService",
    "RegisterDlls",
    "BitReg",
    "UpdateInis",
    "Reboot",
];
const SERVICE_KERNEL_DRIVER: u32 = 1;
const SERVICE_BOOT_START: u32 = 0;
const SERVICE_ERROR_CRITICAL: u32 = 3;
const SPSVCINST_ASSOCSERVICE: u32 = 2;
/// `FLG_ADDREG_KEYONLY`.
const KEY_ONLY: u32 = 0x10;
/// `FLG_ADDREG_TYPE_DWORD`.
const DWORD: u32 = 0x0001_0001;

/// Walks from `[Version]` and `[Manufacturer]` down; what no rule reached is left over and named.
pub(super) fn check(inf: &Inf, broken: &mut Vec<String>) -> InfFacts {
    let mut walk = Walk {
        inf,
        broken,
        reached: BTreeSet::new(),
        facts: InfFacts::default(),
    };
    walk.version();
    walk.models();
    walk.sources();
    walk.leftovers();
    walk.facts
}

struct Walk<'a> {
    inf: &'a Inf,
    broken: &'a mut Vec<String>,
    reached: BTreeSet<String>,
    facts: InfFacts,
}

impl<'a> Walk<'a> {
    fn rule(&mut self, holds: bool, text: impl Into<String>) {
        if !holds {
            self.broken.push(text.into());
        }
    }

    /// A section that must exist; whoever names it reaches it.
    fn section(&mut self, name: &str) -> Option<&'a Section> {
        self.reached.insert(name.to_ascii_lowercase());
        let section = self.inf.section(name);
        self.rule(section.is_some(), format!("there is no [{name}]"));
        section
    }

    fn version(&mut self) {
        let Some(section) = self.section("Version") else {
            return;
        };
        for (key, wanted) in [
            ("Signature", "$WINDOWS NT$"),
            ("Class", "SCSIAdapter"),
            ("ClassGuid", "{4D36E97B-E325-11CE-BFC1-08002BE10318}"),
            ("PnpLockdown", "1"),
        ] {
            let value = section.value(key).unwrap_or_default();
            self.rule(
                value.eq_ignore_ascii_case(wanted),
                format!("{key} is `{value}`, not `{wanted}`"),
            );
        }
        self.rule(
            section
                .value("Provider")
                .is_some_and(|name| !name.is_empty()),
            "there is no Provider",
        );
        let catalog = section.value("CatalogFile").unwrap_or_default();
        let is_catalog = Path::new(catalog)
            .extension()
            .is_some_and(|kind| kind.eq_ignore_ascii_case("cat"));
        self.rule(is_catalog, "there is no CatalogFile");
        catalog.clone_into(&mut self.facts.catalog);

        let empty = Vec::new();
        let date_and_version = section
            .entry("DriverVer")
            .map_or(&empty, |entry| &entry.values);
        let (date, version) = match date_and_version.as_slice() {
            [date, version] => (date.as_str(), version.as_str()),
            _ => ("", ""),
        };
        self.rule(
            is_date(date),
            format!("the date of DriverVer is `{date}`, not mm/dd/yyyy"),
        );
        let wanted = concat!(env!("CARGO_PKG_VERSION"), ".0");
        self.rule(
            version == wanted,
            format!("the version of DriverVer is `{version}`, the driver's is {wanted}"),
        );
        version.clone_into(&mut self.facts.version);
    }

    /// `[Manufacturer]` to the models of each, to their install sections.
    fn models(&mut self) {
        let Some(manufacturers) = self.section("Manufacturer") else {
            return;
        };
        self.rule(!manufacturers.entries.is_empty(), "[Manufacturer] is empty");
        for manufacturer in &manufacturers.entries {
            let [name, platforms @ ..] = manufacturer.values.as_slice() else {
                continue;
            };
            self.rule(
                !platforms.is_empty(),
                format!("the models of {name} are for no platform"),
            );
            for platform in platforms {
                self.rule(
                    platform.starts_with("NTamd64.10.0"),
                    format!("platform {platform} is not x64 Windows 10 or later"),
                );
                let Some(models) = self.section(&format!("{name}.{platform}")) else {
                    continue;
                };
                self.rule(
                    !models.entries.is_empty(),
                    format!("[{}] is empty", models.name),
                );
                for model in &models.entries {
                    self.model(model);
                }
            }
        }
    }

    fn model(&mut self, model: &Entry) {
        self.rule(
            model.key.as_deref().is_some_and(|name| !name.is_empty()),
            "a model has no description",
        );
        let [install, ids @ ..] = model.values.as_slice() else {
            return;
        };
        self.rule(
            !ids.is_empty(),
            format!("a model of {install} has no hardware id"),
        );
        for id in ids {
            self.rule(is_pci_id(id), format!("{id} is no PCI hardware id"));
            self.rule(
                !self.facts.hardware_ids.contains(id),
                format!("{id} is there twice"),
            );
            self.facts.hardware_ids.push(id.clone());
        }
        let install = format!("{install}.NT");
        if !self.reached.contains(&install.to_ascii_lowercase()) {
            self.install(&install);
        }
    }

    fn install(&mut self, name: &str) {
        let Some(install) = self.section(name) else {
            return;
        };
        for forbidden in FORBIDDEN {
            self.rule(
                install.entry(forbidden).is_none(),
                format!("[{name}] has {forbidden}"),
            );
        }
        let copies = install
            .entry("CopyFiles")
            .map_or(&[][..], |entry| &entry.values);
        self.rule(!copies.is_empty(), format!("[{name}] copies no files"));
        for list in copies {
            if let Some(file) = list.strip_prefix('@') {
                self.facts.files.push(file.to_owned());
            } else if let Some(section) = self.section(list) {
                let files = section
                    .entries
                    .iter()
                    .filter_map(|entry| entry.values.first());
                self.facts.files.extend(files.cloned());
            }
        }
        if let Some(hardware) = self.section(&format!("{name}.HW")) {
            self.add_registry(hardware);
            self.interrupts(hardware);
        }
        if let Some(services) = self.section(&format!("{name}.Services")) {
            self.services(services);
        }
    }

    /// Every `AddReg` list of a section: relative to the key that `SetupAPI` opens, nothing else.
    fn add_registry(&mut self, section: &Section) {
        let lists = section
            .entry("AddReg")
            .map_or(&[][..], |entry| &entry.values);
        for list in lists {
            let Some(list) = self.section(list) else {
                continue;
            };
            for entry in &list.entries {
                let text = entry.values.join(",");
                self.rule(
                    entry.values.first().is_some_and(|root| root == "HKR"),
                    format!("`{text}` is outside of HKR"),
                );
                let flags = entry.values.get(3).map_or(Some(0), |flags| number(flags));
                self.rule(flags.is_some(), format!("`{text}` has no number as flags"));
                let has_value = entry.values.get(4).is_some_and(|value| !value.is_empty());
                self.rule(
                    has_value || flags == Some(KEY_ONLY),
                    format!("`{text}` has no value"),
                );
                if flags == Some(DWORD) {
                    let value = entry.values.get(4).and_then(|value| number(value));
                    self.rule(value.is_some(), format!("`{text}` has no number as value"));
                }
            }
        }
    }

    /// Message-signalled interrupts are asked for, with a limit.
    fn interrupts(&mut self, hardware: &Section) {
        let lists = hardware
            .entry("AddReg")
            .map_or(&[][..], |entry| &entry.values);
        let lists = lists.iter().filter_map(|list| self.inf.section(list));
        let values: Vec<(&str, Option<u32>)> = lists
            .flat_map(|list| &list.entries)
            .filter(|entry| {
                entry
                    .values
                    .get(1)
                    .is_some_and(|key| key.ends_with(r"\MessageSignaledInterruptProperties"))
            })
            .filter_map(|entry| Some((entry.values.get(2)?.as_str(), number(entry.values.get(4)?))))
            .collect();
        self.rule(
            values.contains(&("MSISupported", Some(1))),
            "MSISupported is not 1",
        );
        let limit = values
            .iter()
            .find(|(name, _)| *name == "MessageNumberLimit")
            .and_then(|(_, limit)| *limit);
        self.rule(
            limit.is_some_and(|limit| (1..=2048).contains(&limit)),
            "MessageNumberLimit is not 1 to 2048",
        );
    }

    fn services(&mut self, services: &Section) {
        let Some(add) = services.entry("AddService") else {
            self.rule(false, format!("[{}] adds no service", services.name));
            return;
        };
        let (name, flags) = (add.values.first(), add.values.get(1));
        let is_associated = flags.and_then(|flags| number(flags)) == Some(SPSVCINST_ASSOCSERVICE);
        self.rule(
            is_associated,
            "the service is not the function driver of the device",
        );
        self.facts.service = name.cloned().unwrap_or_default();
        if let Some(service) = add.values.get(2).and_then(|section| self.section(section)) {
            self.service(service);
            self.add_registry(service);
        }
        if let Some(log) = add.values.get(3).and_then(|section| self.section(section)) {
            self.add_registry(log);
        }
    }

    fn service(&mut self, service: &Section) {
        for (key, wanted) in [
            ("ServiceType", SERVICE_KERNEL_DRIVER),
            ("StartType", SERVICE_BOOT_START),
            ("ErrorControl", SERVICE_ERROR_CRITICAL),
        ] {
            let value = service.value(key).unwrap_or_default();
            self.rule(
                number(value) == Some(wanted),
                format!("{key} is `{value}`, not {wanted}"),
            );
        }
        let group = service.value("LoadOrderGroup").unwrap_or_default();
        self.rule(
            group == "SCSI Miniport",
            format!("LoadOrderGroup is `{group}`, not `SCSI Miniport`"),
        );
        let binary = service.value("ServiceBinary").unwrap_or_default();
        let file = binary.strip_prefix(r"%13%\");
        self.rule(
            file.is_some_and(|file| self.facts.files.iter().any(|copied| copied == file)),
            format!(
                "ServiceBinary is `{binary}`, which is no copied file in the driver store (%13%)"
            ),
        );
    }

    /// Every copied file comes from a disk and goes to the driver store.
    fn sources(&mut self) {
        let disks = self.section("SourceDisksNames");
        let files = self.section("SourceDisksFiles");
        for file in self.facts.files.clone() {
            let disk = files.and_then(|files| files.value(&file));
            self.rule(
                disk.is_some(),
                format!("{file} is not in [SourceDisksFiles]"),
            );
            let is_known =
                disk.is_none_or(|disk| disks.is_some_and(|disks| disks.entry(disk).is_some()));
            self.rule(
                is_known,
                format!("the disk of {file} is not in [SourceDisksNames]"),
            );
        }
        for entry in files.map_or(&[][..], |files| &files.entries) {
            let is_copied = entry
                .key
                .as_ref()
                .is_some_and(|file| self.facts.files.contains(file));
            self.rule(
                is_copied,
                format!(
                    "{} is a source that nothing copies",
                    entry.key.as_deref().unwrap_or("?")
                ),
            );
        }
        let Some(destinations) = self.section("DestinationDirs") else {
            return;
        };
        let all_in_store = destinations
            .entries
            .iter()
            .all(|entry| entry.values == ["13"]);
        let default = self.inf.value("DestinationDirs", "DefaultDestDir");
        self.rule(
            default == Some("13") && all_in_store,
            "a file goes elsewhere than to the driver store (13)",
        );
    }

    fn leftovers(&mut self) {
        self.reached.insert("strings".to_owned());
        for section in &self.inf.sections {
            if !self.reached.contains(&section.name.to_ascii_lowercase()) {
                self.broken
                    .push(format!("nothing refers to [{}]", section.name));
            }
        }
    }
}

/// A number as `SetupAPI` reads it.
fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// `mm/dd/yyyy`.
fn is_date(text: &str) -> bool {
    let parts: Vec<Option<u32>> = text.split('/').map(|part| part.parse().ok()).collect();
    matches!(
        parts.as_slice(),
        [Some(1..=12), Some(1..=31), Some(2000..=2999)]
    ) && text.len() == "mm/dd/yyyy".len()
}

/// `PCI\VEN_vvvv&DEV_dddd`, then any of `&SUBSYS_ssssssss` and `&REV_rr` in this order.
fn is_pci_id(id: &str) -> bool {
    let Some(rest) = id.strip_prefix(r"PCI\") else {
        return false;
    };
    let mut parts = rest.split('&').peekable();
    let mut takes = |prefix: &str, digits: usize| {
        let is_next = parts.peek().is_some_and(|part| {
            part.strip_prefix(prefix).is_some_and(|hex| {
                hex.len() == digits && hex.chars().all(|digit| digit.is_ascii_hexdigit())
            })
        });
        if is_next {
            parts.next();
        }
        is_next
    };
    let has_device = takes("VEN_", 4) && takes("DEV_", 4);
    takes("SUBSYS_", 8);
    takes("REV_", 2);
    has_device && parts.next().is_none()
}
