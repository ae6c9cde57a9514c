//! Names of the numbers in a report: feature bits, dump modes, owners.

use proto::owner::{Owner, Role};

/// PCI vendor id of virtio devices (virtio 1.2, section 4.1.2).
const VIRTIO_VENDOR: u16 = 0x1af4;

/// Feature bits of a virtio-scsi device (virtio 1.2, sections 5.6.3 and 6).
const VIRTIO_SCSI_FEATURES: [(u32, &str); 19] = [
    (0, "INOUT"),
    (1, "HOTPLUG"),
    (2, "CHANGE"),
    (3, "T10_PI"),
    (24, "NOTIFY_ON_EMPTY"),
    (27, "ANY_LAYOUT"),
    (28, "RING_INDIRECT_DESC"),
    (29, "RING_EVENT_IDX"),
    (32, "VERSION_1"),
    (33, "ACCESS_PLATFORM"),
    (34, "RING_PACKED"),
    (35, "IN_ORDER"),
    (36, "ORDER_PLATFORM"),
    (37, "SR_IOV"),
    (38, "NOTIFICATION_DATA"),
    (39, "NOTIF_CONFIG_DATA"),
    (40, "RING_RESET"),
    (41, "ADMIN_VQ"),
    (30, "BAD_FEATURE"),
];

/// Bits of `HW_INITIALIZATION_DATA.FeatureSupport` (`STOR_FEATURE_*`).
const STOR_FEATURES: [(u32, &str); 17] = [
    (0, "VIRTUAL_MINIPORT"),
    (1, "ATA_PASS_THROUGH"),
    (2, "FULL_PNP_DEVICE_CAPABILITIES"),
    (3, "DUMP_POINTERS"),
    (4, "DEVICE_NAME_NO_SUFFIX"),
    (5, "DUMP_RESUME_CAPABLE"),
    (6, "DEVICE_DESCRIPTOR_FROM_ATA_INFO_VPD"),
    (7, "EXTRA_IO_INFORMATION"),
    (8, "ADAPTER_CONTROL_PRE_FINDADAPTER"),
    (9, "ADAPTER_NOT_REQUIRE_IO_PORT"),
    (10, "DUMP_16_BYTE_ALIGNMENT"),
    (11, "SET_ADAPTER_INTERFACE_TYPE"),
    (12, "DUMP_INFO"),
    (13, "DMA_ALLOCATION_NO_BOUNDARY"),
    (14, "NVME"),
    (15, "REPORT_INTERNAL_DATA"),
    (16, "EARLY_DUMP"),
];

/// `STOR_FEATURE_DUMP_RESUME_CAPABLE`.
pub const DUMP_RESUME_CAPABLE: u32 = 1 << 5;

/// Names of a device's feature bits; bits without a name, and those of other vendors, as `bit N`.
#[must_use]
pub fn device_features(vendor: u16, bits: u64) -> Vec<String> {
    let table: &[(u32, &str)] = if vendor == VIRTIO_VENDOR {
        &VIRTIO_SCSI_FEATURES
    } else {
        &[]
    };
    names_of(bits, table)
}

/// Names of the bits of `FeatureSupport`.
#[must_use]
pub fn stor_features(bits: u32) -> Vec<String> {
    names_of(u64::from(bits), &STOR_FEATURES)
}

fn names_of(bits: u64, table: &[(u32, &str)]) -> Vec<String> {
    (0..u64::BITS)
        .filter(|bit| bits & (1 << bit) != 0)
        .map(|bit| {
            table
                .iter()
                .find(|(known, _)| *known == bit)
                .map_or_else(|| format!("bit {bit}"), |(_, name)| (*name).to_owned())
        })
        .collect()
}

/// `ConfigInfo.DumpMode` by name (`DUMP_MODE_*`).
#[must_use]
pub fn dump_mode(mode: u8) -> String {
    match mode {
        0 => "NORMAL".to_owned(),
        1 => "CRASH".to_owned(),
        2 => "HIBER".to_owned(),
        3 => "MARK_MEMORY".to_owned(),
        4 => "RESUME".to_owned(),
        other => format!("{other}"),
    }
}

/// The `Flags` of `StorPortMarkDumpMemory`.
#[must_use]
pub fn mark_flags(flags: u32) -> String {
    match flags {
        0 => "virtual".to_owned(),
        1 => "physical".to_owned(),
        other => format!("{other:#x}"),
    }
}

/// A role in one word.
#[must_use]
pub const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Normal => "normal",
        Role::Crash => "crash",
        Role::Hiber => "hiber",
    }
}

/// An owner of memory in words.
#[must_use]
pub fn owner_name(owner: Owner) -> String {
    let (what, role) = match owner {
        Owner::Free => ("free", None),
        Owner::Firmware => ("firmware", None),
        Owner::Loader => ("loader window", None),
        Owner::KernelText => ("kernel text", None),
        Owner::KernelData => ("kernel data", None),
        Owner::KernelStack => ("kernel stack", None),
        Owner::HibernateStack => ("hibernate stack", None),
        Owner::PageTables => ("page tables", None),
        Owner::Image(role) => ("image", Some(role)),
        Owner::DeviceExtension(role) => ("device extension", Some(role)),
        Owner::UncachedExtension(role) => ("uncached extension", Some(role)),
        Owner::Request(role) => ("request", Some(role)),
        Owner::Pool(role) => ("pool", Some(role)),
        Owner::DumpContext(role) => ("dump context", Some(role)),
        Owner::DumpPort(role) => ("dump port", Some(role)),
        Owner::DataBuffer => ("data buffer", None),
        Owner::Workload => ("workload", None),
        Owner::Scratch => ("scratch", None),
    };
    role.map_or_else(
        || what.to_owned(),
        |role| format!("{what} ({})", role_name(role)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feature_bits_have_their_names_and_unknown_ones_their_number() {
        assert_eq!(
            device_features(0x1af4, 1 << 32 | 1 << 29 | 1 << 60),
            ["RING_EVENT_IDX", "VERSION_1", "bit 60"]
        );
        assert_eq!(device_features(0x1000, 1), ["bit 0"]);
        assert_eq!(
            stor_features(0x28),
            ["DUMP_POINTERS", "DUMP_RESUME_CAPABLE"]
        );
        assert_eq!(stor_features(DUMP_RESUME_CAPABLE), ["DUMP_RESUME_CAPABLE"]);
    }

    #[test]
    fn an_owner_names_its_instance() {
        assert_eq!(
            owner_name(Owner::DumpContext(Role::Normal)),
            "dump context (normal)"
        );
        assert_eq!(owner_name(Owner::Workload), "workload");
    }
}
