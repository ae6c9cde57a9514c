//! The capability walk: what QEMU shows, and one damaged field at a time.

use super::*;
use crate::fake::ConfigSpace;

#[test]
fn qemu_space_is_understood() {
    let caps = capabilities(ConfigSpace::qemu().bytes()).unwrap();
    assert_eq!(caps.device_id, DEVICE_ID_MODERN);
    let region = |offset, length| Region {
        bar: 4,
        offset,
        length,
    };
    assert_eq!(caps.common, region(0, COMMON_BYTES_MAX));
    assert_eq!(caps.isr, region(0x1000, 1));
    assert_eq!(caps.device, region(0x2000, DEVICE_BYTES));
    assert_eq!(caps.notify, region(0x3000, 0x1000));
    assert_eq!(caps.notify_multiplier, 4);
    assert_eq!(caps.bars[4], Bar::Memory { base: 0xFE00_0000 });
    assert_eq!(
        caps.msix,
        Some(Msix {
            table_size: 4,
            enablement: MsixEnablement::Enabled
        })
    );
    assert_eq!(caps.mapped_length(4), 0x4000);
    assert_eq!(caps.mapped_length(1), 0);
}

#[test]
fn transitional_devices_work_and_legacy_only_ones_are_named() {
    let mut space = ConfigSpace::qemu();
    space.put(2, &DEVICE_ID_TRANSITIONAL.to_le_bytes());
    assert_eq!(
        capabilities(space.bytes()).unwrap().device_id,
        DEVICE_ID_TRANSITIONAL
    );

    let mut legacy = ConfigSpace::new();
    legacy.put(2, &DEVICE_ID_TRANSITIONAL.to_le_bytes());
    legacy.capability(CAPABILITY_MSIX, &[3, 0, 1, 0, 0, 0, 1, 8, 0, 0]);
    assert_eq!(capabilities(legacy.bytes()), Err(CapError::LegacyOnly));
    assert_eq!(
        capabilities(ConfigSpace::new().bytes()),
        Err(CapError::NoVirtioCapability)
    );
}

#[test]
fn other_functions_are_refused() {
    let good = ConfigSpace::qemu();
    assert_eq!(
        capabilities(&good.bytes()[..255]),
        Err(CapError::SnapshotTooShort)
    );
    assert_eq!(
        capabilities(&[0xFF; CONFIG_BYTES]),
        Err(CapError::NoFunction)
    );
    for (offset, value) in [(0, 0x8086_u16), (2, 0x1042), (2, 0x1001)] {
        let mut other = good.clone();
        other.put(offset, &value.to_le_bytes());
        assert_eq!(capabilities(other.bytes()), Err(CapError::NotVirtioScsi));
    }
}

#[test]
fn a_list_that_loops_ends() {
    let mut space = ConfigSpace::qemu();
    let at = space.capability(0x05, &[0; 6]);
    space.put(at + 1, &[0x40]);
    assert_eq!(capabilities(space.bytes()), Err(CapError::ListTooLong));
    let mut space = ConfigSpace::qemu();
    space.put(0x41, &[0x10]);
    assert_eq!(capabilities(space.bytes()), Err(CapError::PointerInHeader));
    // The two low bits of a pointer do not count.
    let mut space = ConfigSpace::qemu();
    space.put(0x34, &[0x43]);
    assert!(capabilities(space.bytes()).is_ok());
    // No list at all when the status bit says so.
    let mut space = ConfigSpace::qemu();
    space.put(6, &[0]);
    assert_eq!(
        capabilities(space.bytes()),
        Err(CapError::NoVirtioCapability)
    );
}

/// A good space but for one structure, which is added last with the given fields.
fn with(
    structure: Structure,
    bar: u8,
    offset: u32,
    length: u32,
    multiplier: u32,
) -> Result<VirtioCaps, CapError> {
    let mut space = ConfigSpace::new();
    let good = [
        (Structure::Common, CFG_COMMON, 0),
        (Structure::Notify, CFG_NOTIFY, 0x3000),
        (Structure::Isr, CFG_ISR, 0x1000),
        (Structure::Device, CFG_DEVICE, 0x2000),
    ];
    for (each, cfg_type, good_offset) in good {
        let (bar, offset, length, multiplier) = if each == structure {
            (bar, offset, length, multiplier)
        } else {
            (4, good_offset, 0x1000, 4)
        };
        let extra = multiplier.to_le_bytes();
        space.virtio(
            cfg_type,
            bar,
            offset,
            length,
            if cfg_type == CFG_NOTIFY { &extra } else { &[] },
        );
    }
    capabilities(space.bytes())
}

#[test]
fn each_field_of_a_structure_is_checked() {
    use CapError::{BarUnassigned, BarUnusable, Missing, NotifyMultiplier};
    use CapError::{RegionMisaligned, RegionOverflow, RegionTooSmall};
    use Structure::{Common, Device, Isr, Notify};
    assert!(with(Common, 4, 0, 56, 4).is_ok());
    assert_eq!(with(Common, 4, 0, 55, 4), Err(RegionTooSmall(Common)));
    assert_eq!(with(Notify, 4, 0x3000, 1, 4), Err(RegionTooSmall(Notify)));
    assert_eq!(with(Isr, 4, 0x1000, 0, 4), Err(RegionTooSmall(Isr)));
    assert_eq!(with(Device, 4, 0x2000, 35, 4), Err(RegionTooSmall(Device)));
    assert_eq!(
        with(Common, 4, 0xFFFF_FFF0, 0x1000, 4),
        Err(RegionOverflow(Common))
    );
    assert_eq!(with(Common, 4, 2, 0x1000, 4), Err(RegionMisaligned(Common)));
    assert_eq!(
        with(Notify, 4, 0x3001, 0x1000, 4),
        Err(RegionMisaligned(Notify))
    );
    assert_eq!(
        with(Device, 4, 0x2001, 0x1000, 4),
        Err(RegionMisaligned(Device))
    );
    assert!(with(Isr, 4, 0x1001, 1, 4).is_ok());
    assert_eq!(with(Common, 0, 0, 0x1000, 4), Err(BarUnassigned(Common)));
    assert_eq!(with(Common, 5, 0, 0x1000, 4), Err(BarUnusable(Common)));
    // Reserved BAR numbers are skipped, so the structure is missing.
    assert_eq!(with(Isr, 6, 0, 0x1000, 4), Err(Missing(Isr)));
    assert!(with(Notify, 4, 0x3000, 0x1000, 0).is_ok());
    for multiplier in [1, 3, 6, u32::MAX] {
        assert_eq!(
            with(Notify, 4, 0x3000, 0x1000, multiplier),
            Err(NotifyMultiplier)
        );
    }
}

#[test]
fn of_two_structures_the_first_counts() {
    let mut space = ConfigSpace::new();
    // A reserved BAR does not count as the first.
    space.virtio(CFG_COMMON, 7, 0x9000, 0x1000, &[]);
    space.virtio(CFG_COMMON, 4, 0x100, 0x1000, &[]);
    space.virtio(CFG_COMMON, 4, 0x200, 0x1000, &[]);
    space.virtio(CFG_NOTIFY, 4, 0x3000, 0x1000, &[2, 0, 0, 0]);
    space.virtio(CFG_NOTIFY, 4, 0x5000, 0x1000, &[8, 0, 0, 0]);
    space.virtio(CFG_ISR, 4, 0x1000, 1, &[]);
    space.virtio(CFG_DEVICE, 4, 0x2000, 0x1000, &[]);
    let caps = capabilities(space.bytes()).unwrap();
    assert_eq!(caps.common.offset, 0x100);
    assert_eq!((caps.notify.offset, caps.notify_multiplier), (0x3000, 2));
}

#[test]
fn short_capabilities_are_refused_and_long_ones_accepted() {
    let mut space = ConfigSpace::qemu();
    // The notification capability of the QEMU space, told to be one byte too short.
    let notify = (0x40..0xF0)
        .find(|&at| space.bytes()[at..at + 4] == [9, space.bytes()[at + 1], 20, 2])
        .unwrap();
    space.put(notify + 2, &[19]);
    assert_eq!(
        capabilities(space.bytes()),
        Err(CapError::CapabilityTooShort)
    );
    space.put(notify + 2, &[24]);
    assert!(capabilities(space.bytes()).is_ok());
    // One that would reach past the end of configuration space.
    let mut space = ConfigSpace::new();
    space.put(0x34, &[0xF4]);
    space.put(0xF4, &[9, 0, 16, CFG_COMMON]);
    assert_eq!(
        capabilities(space.bytes()),
        Err(CapError::CapabilityTooShort)
    );
}

#[test]
fn unexpectedly_long_regions_are_used_as_far_as_needed() {
    use Structure::{Common, Device, Isr, Notify};
    let length = |structure, region: fn(&VirtioCaps) -> Region| {
        let caps = with(structure, 4, 0x8000, 0x7FFF_0000, 4).unwrap();
        assert!(caps.mapped_length(4) <= 0x8000 + NOTIFY_BYTES_MAX);
        region(&caps).length
    };
    assert_eq!(length(Common, |caps| caps.common), COMMON_BYTES_MAX);
    assert_eq!(length(Notify, |caps| caps.notify), NOTIFY_BYTES_MAX);
    assert_eq!(length(Isr, |caps| caps.isr), 1);
    assert_eq!(length(Device, |caps| caps.device), DEVICE_BYTES);
}

#[test]
fn io_bars_are_accepted() {
    let mut space = ConfigSpace::qemu();
    space.put(0x20, &0xC001_u32.to_le_bytes());
    assert_eq!(
        capabilities(space.bytes()).unwrap().bars[4],
        Bar::Io { base: 0xC000 }
    );
}
