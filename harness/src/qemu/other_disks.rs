//! The disks beside the first one, as QEMU is asked for them: at its start, and while the machine runs.

use serde_json::{Value, json};

use crate::disk::others::UnitAddress;

/// Name of the block node and of the device of the unit at `address`.
#[must_use]
pub fn node_name(address: UnitAddress) -> String {
    format!("unit-{}-{}", address.target, address.lun)
}

/// Name of the group that limits the requests to the unit's disk a second: without a limit at first, so that it can be given one
/// while the machine runs.
#[must_use]
pub fn throttle_group(address: UnitAddress) -> String {
    format!("limit-{}-{}", address.target, address.lun)
}

/// Arguments of `qom-set` that let so many requests a second through to the disk at `address`; 0: all.
#[must_use]
pub fn limit(address: UnitAddress, requests_a_second: u32) -> Value {
    json!({
        "path": format!("/objects/{}", throttle_group(address)),
        "property": "limits",
        "value": { "iops-total": requests_a_second },
    })
}

/// The device of a disk beside the first one; its node has its name.
#[must_use]
pub(super) fn other_disk(address: UnitAddress, sector_bytes: u32) -> String {
    let UnitAddress { target, lun } = address;
    let name = node_name(address);
    format!(
        "scsi-hd,bus=hba.0,id={name},scsi-id={target},lun={lun},drive={name},serial={name},logical_block_size={sector_bytes},physical_block_size={sector_bytes}"
    )
}

/// The same for the monitor's `device_add`.
#[must_use]
pub fn other_disk_properties(address: UnitAddress, sector_bytes: u32) -> Value {
    let name = node_name(address);
    json!({
        "driver": "scsi-hd",
        "bus": "hba.0",
        "id": name,
        "scsi-id": address.target,
        "lun": address.lun,
        "drive": name,
        "serial": name,
        "logical_block_size": sector_bytes,
        "physical_block_size": sector_bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::others::ADDRESSES;

    #[test]
    fn what_is_plugged_in_later_is_the_same_device() {
        for address in ADDRESSES {
            let line = other_disk(address, 4096);
            let plugged = other_disk_properties(address, 4096);
            let properties = plugged.as_object().expect("an object");
            assert_eq!(properties.len(), line.split(',').count());
            for (name, value) in properties {
                let value = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                let words = if name == "driver" {
                    value
                } else {
                    format!(",{name}={value}")
                };
                assert!(line.contains(&words), "{words}: {line}");
            }
        }
    }
}
