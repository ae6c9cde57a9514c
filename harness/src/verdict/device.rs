//! The HBA: is it the one of the command line, and did the driver accept what it offers and nothing else?

use proto::scenario::InterruptMode;

use super::{Evidence, Finding};
use crate::{
    disk::others::{ADDRESSES, FIRST, UnitAddress},
    options::{
        Options,
        hba::{Feature, HbaOptions, Legacy},
        parameter::Parameter,
    },
    report::Device,
};

/// PCI ids of a virtio-scsi device with and without the interface of virtio 0.9 (virtio 1.2, section 4.1.2).
const TRANSITIONAL_IDS: &str = "1af4:1004";
const MODERN_IDS: &str = "1af4:1048";
/// Control and event queue come before the request queues (virtio 1.2, section 5.6.2).
const OTHER_QUEUES: u16 = 2;

/// `device-as-asked`: the HBA, the sectors and the interrupts are those of the command line.
pub(super) fn device_as_asked(evidence: &Evidence<'_>) -> Finding {
    let options = &evidence.context.setup.options;
    let Some(device) = &evidence.report.device else {
        return Finding::Broken("the kernel found no HBA".to_owned());
    };
    let mut faults = Vec::new();
    if device.ids.starts_with("1af4:") {
        queue_faults(device, &options.hba, &mut faults);
        feature_faults(device, &options.hba, &mut faults);
        if evidence.context.setup.driver.own {
            own_faults(device, options, &mut faults);
        }
    }
    message_faults(device, options, &mut faults);
    unit_faults(evidence, options.sector_bytes, &mut faults);
    Finding::unless(
        &faults,
        format!(
            "{} request queues of {} entries, sectors of {} bytes, {} messages; of {}",
            device.queues.saturating_sub(OTHER_QUEUES),
            device.queue_entries,
            options.sector_bytes,
            device.messages,
            ring_features(device),
        ),
    )
}

/// `units-as-asked`: the bus scan found every disk that can be addressed, and nothing else.
pub(super) fn units_as_asked(evidence: &Evidence<'_>) -> Finding {
    let disks = evidence.context.setup.options.disks;
    let all = std::iter::once(FIRST).chain(ADDRESSES).take(disks);
    let (there, beyond): (Vec<UnitAddress>, Vec<UnitAddress>) =
        all.partition(|unit| unit.is_addressable());
    let found: Vec<&str> = evidence
        .report
        .units
        .iter()
        .map(|unit| unit.address.as_str())
        .collect();
    let mut faults: Vec<String> = there
        .iter()
        .map(UnitAddress::to_string)
        .filter(|unit| !found.contains(&unit.as_str()))
        .map(|unit| format!("unit {unit} was not found"))
        .collect();
    let strange = found
        .iter()
        .filter(|unit| there.iter().all(|known| known.to_string() != **unit));
    faults.extend(strange.map(|unit| format!("unit {unit} was found, where no disk is")));
    let left = if beyond.is_empty() {
        String::new()
    } else {
        format!(", {} out of reach", beyond.len())
    };
    Finding::unless(&faults, format!("{} units{left}", there.len()))
}

fn queue_faults(device: &Device, asked: &HbaOptions, faults: &mut Vec<String>) {
    if device.queue_entries == 0 {
        faults.push("the size of the request queue could not be read".to_owned());
    }
    if let Some(wanted) = asked.queue_size
        && device.queue_entries != wanted
    {
        faults.push(format!(
            "queues of {} entries instead of {wanted}",
            device.queue_entries
        ));
    }
    let wanted = asked.queues.saturating_add(OTHER_QUEUES);
    if device.queues != wanted {
        faults.push(format!(
            "{} queues in all instead of {wanted}",
            device.queues
        ));
    }
}

/// What the device offers and is compared with the command line.
fn ring_options(asked: &HbaOptions) -> [(&'static str, Feature); 4] {
    [
        ("RING_PACKED", asked.packed),
        ("RING_EVENT_IDX", asked.event_idx),
        ("RING_INDIRECT_DESC", asked.indirect),
        ("ACCESS_PLATFORM", asked.access_platform),
    ]
}

fn has(features: &[String], name: &str) -> bool {
    features.iter().any(|feature| feature == name)
}

fn feature_faults(device: &Device, asked: &HbaOptions, faults: &mut Vec<String>) {
    for (name, wanted) in ring_options(asked) {
        let offered = has(&device.offered_features, name);
        if offered != (wanted == Feature::Offered) {
            faults.push(format!(
                "{name} is {}offered",
                if offered { "" } else { "not " }
            ));
        }
    }
    for name in &device.accepted_features {
        if !has(&device.offered_features, name) {
            faults.push(format!("the driver accepted {name}, which is not offered"));
        }
    }
    let wanted = match asked.legacy {
        Legacy::Usual => return,
        Legacy::ModernOnly => MODERN_IDS,
        Legacy::Transitional => TRANSITIONAL_IDS,
    };
    if device.ids != wanted {
        faults.push(format!("the HBA is {} instead of {wanted}", device.ids));
    }
}

/// This repository's driver takes every ring feature that is offered, unless a parameter says otherwise.
fn own_faults(device: &Device, options: &Options, faults: &mut Vec<String>) {
    for (name, wanted) in ring_options(&options.hba) {
        let is_declined = name == "RING_PACKED" && options.parameters.contains(&split_rings());
        let accepted = has(&device.accepted_features, name);
        if accepted != (wanted == Feature::Offered && !is_declined) {
            faults.push(format!(
                "the driver has {}accepted {name}",
                if accepted { "" } else { "not " }
            ));
        }
    }
}

/// The parameter by which the driver leaves packed rings alone.
fn split_rings() -> Parameter {
    Parameter {
        name: "PackedRing".to_owned(),
        value: 0,
    }
}

fn message_faults(device: &Device, options: &Options, faults: &mut Vec<String>) {
    let by_mode = match options.interrupts {
        InterruptMode::Line => 0,
        InterruptMode::MessagesAtMost(most) => most,
        InterruptMode::Messages => u16::MAX,
    };
    let most = by_mode.min(options.hba.vectors.unwrap_or(u16::MAX));
    if device.messages > most {
        faults.push(format!(
            "{} interrupt messages where there are {most}",
            device.messages
        ));
    }
}

fn unit_faults(evidence: &Evidence<'_>, sector_bytes: u32, faults: &mut Vec<String>) {
    if evidence.report.units.is_empty() {
        faults.push("the bus scan found no logical unit".to_owned());
    }
    for unit in &evidence.report.units {
        if unit.sector_bytes != sector_bytes {
            faults.push(format!(
                "unit {} has sectors of {} bytes instead of {sector_bytes}",
                unit.address, unit.sector_bytes
            ));
        }
    }
}

/// Which ring features were accepted, for the reader.
fn ring_features(device: &Device) -> String {
    let (accepted, left): (Vec<&str>, Vec<&str>) =
        ["RING_PACKED", "RING_EVENT_IDX", "RING_INDIRECT_DESC"]
            .into_iter()
            .filter(|name| has(&device.offered_features, name))
            .partition(|name| has(&device.accepted_features, name));
    let list = |names: &[&str]| {
        if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        }
    };
    format!(
        "the ring features accepted {}, left {}",
        list(&accepted),
        list(&left)
    )
}
