//! The import table against the reviewed list, and the list against what the dump port driver exports.

use std::collections::BTreeSet;

use anyhow::Result;
use object::read::pe::PeFile64;

/// The port driver's image, under whose name the normal port and the dump port are imported.
const PORT: &str = "storport.sys";

/// Exports of the dump port driver (`dump_diskdump.sys`), as far as they are known: those that published emulations of it look up
/// there. A name outside would make the copy of the driver in the dump stack unloadable. Register and port access are in
/// [`is_dump_port_export`].
const DUMP_PORT_EXPORTS: &[&str] = &[
    "StorPortAllocateRegistryBuffer",
    "StorPortBusy",
    "StorPortCompleteRequest",
    "StorPortConvertUlongToPhysicalAddress",
    "StorPortDebugPrint",
    "StorPortDeviceBusy",
    "StorPortDeviceReady",
    "StorPortExtendedFunction",
    "StorPortFreeDeviceBase",
    "StorPortFreeRegistryBuffer",
    "StorPortGetBusData",
    "StorPortGetDeviceBase",
    "StorPortGetLogicalUnit",
    "StorPortGetPhysicalAddress",
    "StorPortGetScatterGatherList",
    "StorPortGetSrb",
    "StorPortGetUncachedExtension",
    "StorPortGetVirtualAddress",
    "StorPortInitialize",
    "StorPortLogError",
    "StorPortMoveMemory",
    "StorPortNotification",
    "StorPortPause",
    "StorPortPauseDevice",
    "StorPortQuerySystemTime",
    "StorPortReady",
    "StorPortRegistryRead",
    "StorPortRegistryWrite",
    "StorPortResume",
    "StorPortResumeDevice",
    "StorPortSetBusDataByOffset",
    "StorPortSetDeviceQueueDepth",
    "StorPortStallExecution",
    "StorPortSynchronizeAccess",
    "StorPortValidateRange",
];

/// Routines that the compiler calls without being asked. Which of them an image needs changes with the compiler's version, so the list
/// may hold one that the image does not import.
const COMPILER_ROUTINES: &[&str] = &["memcmp", "memcpy", "memmove", "memset"];

/// Whether the dump port driver exports this name.
fn is_dump_port_export(name: &str) -> bool {
    let access = [
        "StorPortReadPort",
        "StorPortWritePort",
        "StorPortReadRegister",
        "StorPortWriteRegister",
    ]
    .iter()
    .find_map(|prefix| name.strip_prefix(prefix));
    let is_access = access.is_some_and(|rest| {
        let width = rest.strip_prefix("Buffer").unwrap_or(rest);
        ["Uchar", "Ushort", "Ulong"].contains(&width)
    });
    is_access || DUMP_PORT_EXPORTS.contains(&name)
}

/// The broken rules: an import that is not on the list, an entry that the image does not import, one that the dump port lacks.
pub(super) fn check(
    file: &PeFile64<'_>,
    imports: &[(String, String)],
    list: &str,
) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    let mut listed = BTreeSet::new();
    for (number, line) in list.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.split_once(' ') {
            Some((module, name)) if !name.trim().contains(' ') => {
                if !listed.insert((module.to_owned(), name.trim().to_owned())) {
                    broken.push(format!("the list of imports names {line} twice"));
                }
            }
            _ => broken.push(format!(
                "line {} of the list of imports is not `module name`",
                number + 1
            )),
        }
    }
    for (module, name) in &listed {
        if module == PORT && !is_dump_port_export(name) {
            broken.push(format!("{name} is no export of the dump port driver"));
        }
    }
    let imported: BTreeSet<(String, String)> = imports
        .iter()
        .map(|(module, name)| (module.to_ascii_lowercase(), name.clone()))
        .collect();
    for (module, name) in imported.difference(&listed) {
        broken.push(format!(
            "it imports {name} from {module}, which is not on the list"
        ));
    }
    for (module, name) in listed.difference(&imported) {
        if !COMPILER_ROUTINES.contains(&name.as_str()) {
            broken.push(format!(
                "the list has {name} of {module}, which it does not import"
            ));
        }
    }
    if has_import_by_number(file)? {
        broken.push("it imports by number".to_owned());
    }
    Ok(broken)
}

fn has_import_by_number(file: &PeFile64<'_>) -> Result<bool> {
    use object::{LittleEndian as LE, pe::ImageNtHeaders64, read::pe::Import};

    let Some(table) = file.import_table()? else {
        return Ok(false);
    };
    let mut descriptors = table.descriptors()?;
    while let Some(descriptor) = descriptors.next()? {
        let mut thunks = table.thunks(descriptor.original_first_thunk.get(LE))?;
        while let Some(thunk) = thunks.next::<ImageNtHeaders64>()? {
            if let Import::Ordinal(_) = table.import::<ImageNtHeaders64>(thunk)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
