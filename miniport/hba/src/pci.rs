//! Discovery from a snapshot of PCI configuration space: BARs, MSI-X and the virtio capabilities (virtio 4.1.2, 4.1.4).
//!
//! [`capabilities`] is a pure function of 256 bytes, so the same walk serves the normal driver, the dump driver, the tests and
//! the fuzz target. The bytes come from the device and are not trusted: the walk is bounded and each field is checked.

mod bars;
mod walk;

pub use bars::{BAR_COUNT, Bar};

use walk::{Snapshot, VendorCapability};

/// PCI vendor id of every virtio device (virtio 4.1.2).
pub const VENDOR_ID: u16 = 0x1AF4;
/// Device id of a non-transitional SCSI host device: 0x1040 plus the virtio device id 8 (virtio 4.1.2.1).
pub const DEVICE_ID_MODERN: u16 = 0x1048;
/// Device id of a transitional SCSI host device (virtio 4.1.2.3).
pub const DEVICE_ID_TRANSITIONAL: u16 = 0x1004;
/// Bytes of conventional configuration space that a snapshot must have.
pub const CONFIG_BYTES: usize = 256;

/// Bytes of the common configuration structure up to and including `queue_device` (virtio 4.1.4.3).
pub const COMMON_BYTES: u32 = 56;
/// Bytes of the common configuration structure in virtio 1.3, `queue_reset` included, rounded up.
pub const COMMON_BYTES_MAX: u32 = 64;
/// Bytes of the SCSI host device configuration (virtio 5.6.4).
pub const DEVICE_BYTES: u32 = 36;

/// Most bytes of the notification area that are mapped: 256 queues at the largest distance in use, a page (QEMU's
/// `page-per-vq=on`). A device may announce gibibytes; a queue whose address lies beyond is refused at bring-up.
pub const NOTIFY_BYTES_MAX: u32 = 1 << 20;

const CAPABILITY_VENDOR: u8 = 0x09;
const CAPABILITY_MSIX: u8 = 0x11;
const CFG_COMMON: u8 = 1;
const CFG_NOTIFY: u8 = 2;
const CFG_ISR: u8 = 3;
const CFG_DEVICE: u8 = 4;

/// Which of the four structures an error speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Structure {
    /// Common configuration (virtio 4.1.4.3).
    Common,
    /// Notification area (virtio 4.1.4.4).
    Notify,
    /// ISR status (virtio 4.1.4.5).
    Isr,
    /// Device-specific configuration (virtio 4.1.4.6).
    Device,
}

/// Why a configuration space is not one of a usable virtio-scsi function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapError {
    /// The snapshot has fewer than [`CONFIG_BYTES`] bytes.
    SnapshotTooShort,
    /// Vendor and device id read as all ones: there is no function (any more).
    NoFunction,
    /// Vendor or device id are not those of a virtio SCSI host device.
    NotVirtioScsi,
    /// A transitional device without any virtio capability: only the legacy interface of virtio 0.9 is offered
    /// (QEMU: `disable-modern=on`). This driver needs virtio 1.0 or newer.
    LegacyOnly,
    /// A modern device id, but the capability list is absent or has no virtio capability.
    NoVirtioCapability,
    /// A pointer of the capability list points into the header.
    PointerInHeader,
    /// The capability list has more entries than fit into configuration space: it is a loop.
    ListTooLong,
    /// A virtio capability is shorter than its type demands, or does not fit into configuration space.
    CapabilityTooShort,
    /// A structure that is needed is missing.
    Missing(Structure),
    /// Offset plus length of a structure exceed 32 bits.
    RegionOverflow(Structure),
    /// A structure is too small for what must be in it.
    RegionTooSmall(Structure),
    /// A structure is not aligned as virtio 4.1.4 demands.
    RegionMisaligned(Structure),
    /// The BAR of a structure is not implemented, is the upper half of another, or has a reserved type.
    BarUnusable(Structure),
    /// The BAR of a structure has no address assigned.
    BarUnassigned(Structure),
    /// The notification multiplier is neither 0 nor an even power of two (virtio 4.1.4.4).
    NotifyMultiplier,
}

/// A range inside a BAR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// BAR number, 0 to 5.
    pub bar: u8,
    /// Offset in the BAR, in bytes.
    pub offset: u32,
    /// Length in bytes: what the driver needs of what the device announces. `offset + length` does not overflow.
    pub length: u32,
}

/// State of the MSI-X capability (PCI Local Bus 3.0, 6.8.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Msix {
    /// Number of table entries, 1 to 2048.
    pub table_size: u16,
    /// The enable bit as found: messages are in use and the ISR status register is not maintained.
    pub enablement: MsixEnablement,
}

/// The MSI-X enable bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MsixEnablement {
    /// Interrupts come by line, or not at all.
    Disabled,
    /// Interrupts come by message.
    Enabled,
}

/// What the configuration space says about the device: the result of the walk.
///
/// # Invariants
/// Each region lies in a usable BAR with an address, is aligned, large enough, and does not overflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VirtioCaps {
    /// Device id, [`DEVICE_ID_MODERN`] or [`DEVICE_ID_TRANSITIONAL`].
    pub device_id: u16,
    /// Common configuration.
    pub common: Region,
    /// Notification area.
    pub notify: Region,
    /// Bytes between the notification addresses of consecutive `queue_notify_off` values; may be 0.
    pub notify_multiplier: u32,
    /// ISR status.
    pub isr: Region,
    /// Device-specific configuration.
    pub device: Region,
    /// The six BARs, decoded.
    pub bars: [Bar; BAR_COUNT],
    /// MSI-X, when the function has it.
    pub msix: Option<Msix>,
}

impl VirtioCaps {
    /// The four regions, in the order common, notify, ISR, device.
    #[must_use]
    pub const fn regions(&self) -> [Region; 4] {
        [self.common, self.notify, self.isr, self.device]
    }

    /// Bytes from the start of `bar` that must be mapped to reach every structure in it; 0 when none is there.
    ///
    /// Map the same range in the normal and in the dump instance: the dump port hands out existing mappings only.
    #[must_use]
    pub fn mapped_length(&self, bar: u8) -> u32 {
        let ends = self
            .regions()
            .into_iter()
            .filter(|region| region.bar == bar);
        ends.map(|region| region.offset.saturating_add(region.length))
            .max()
            .unwrap_or(0)
    }
}

/// Reads BARs, MSI-X state and the virtio capabilities out of a snapshot of configuration space.
///
/// Of several structures of one type the first usable one counts (virtio 4.1.4.1). Reserved structure types and reserved BAR
/// numbers are skipped, longer capabilities and longer regions are accepted, as that section demands.
///
/// # Errors
/// The first rule that the snapshot breaks, see [`CapError`].
pub fn capabilities(config: &[u8]) -> Result<VirtioCaps, CapError> {
    let snapshot = Snapshot::new(config)?;
    let device_id = identify(&snapshot)?;
    let mut found = Found::default();
    for capability in snapshot.capabilities() {
        let at = capability?;
        match snapshot.u8(at) {
            CAPABILITY_VENDOR => found.note_vendor(&snapshot, at)?,
            CAPABILITY_MSIX if found.msix.is_none() => found.msix = Some(msix(&snapshot, at)),
            _ => {}
        }
    }
    found.finish(device_id, bars::decode(&snapshot))
}

fn identify(snapshot: &Snapshot<'_>) -> Result<u16, CapError> {
    match (snapshot.u16(0), snapshot.u16(2)) {
        (0xFFFF, 0xFFFF) => Err(CapError::NoFunction),
        (VENDOR_ID, device @ (DEVICE_ID_MODERN | DEVICE_ID_TRANSITIONAL)) => Ok(device),
        _ => Err(CapError::NotVirtioScsi),
    }
}

fn msix(snapshot: &Snapshot<'_>, at: u8) -> Msix {
    let control = snapshot.u16(at.saturating_add(2));
    Msix {
        // The field holds the size minus one in eleven bits, so the sum cannot overflow.
        table_size: (control & 0x07FF).saturating_add(1),
        enablement: if control & 0x8000 == 0 {
            MsixEnablement::Disabled
        } else {
            MsixEnablement::Enabled
        },
    }
}

#[derive(Default)]
struct Found {
    common: Option<Region>,
    notify: Option<(Region, u32)>,
    isr: Option<Region>,
    device: Option<Region>,
    msix: Option<Msix>,
}

impl Found {
    /// Takes note of one vendor capability if it is the first usable one of its type.
    fn note_vendor(&mut self, snapshot: &Snapshot<'_>, at: u8) -> Result<(), CapError> {
        let capability = VendorCapability::read(snapshot, at)?;
        if usize::from(capability.region.bar) >= BAR_COUNT {
            return Ok(());
        }
        match capability.cfg_type {
            CFG_COMMON if self.common.is_none() => self.common = Some(capability.checked()?),
            CFG_ISR if self.isr.is_none() => self.isr = Some(capability.checked()?),
            CFG_DEVICE if self.device.is_none() => self.device = Some(capability.checked()?),
            CFG_NOTIFY if self.notify.is_none() => {
                self.notify = Some((
                    capability.checked()?,
                    capability.notify_multiplier(snapshot)?,
                ));
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(self, device_id: u16, bars: [Bar; BAR_COUNT]) -> Result<VirtioCaps, CapError> {
        let Self {
            common,
            notify,
            isr,
            device,
            msix,
        } = self;
        if common.is_none() && notify.is_none() && isr.is_none() && device.is_none() {
            return Err(match device_id {
                DEVICE_ID_TRANSITIONAL => CapError::LegacyOnly,
                _ => CapError::NoVirtioCapability,
            });
        }
        let common = common.ok_or(CapError::Missing(Structure::Common))?;
        let (notify, notify_multiplier) = notify.ok_or(CapError::Missing(Structure::Notify))?;
        let isr = isr.ok_or(CapError::Missing(Structure::Isr))?;
        let device = device.ok_or(CapError::Missing(Structure::Device))?;
        let caps = VirtioCaps {
            device_id,
            common,
            notify,
            notify_multiplier,
            isr,
            device,
            bars,
            msix,
        };
        caps.check()?;
        Ok(caps)
    }
}

impl VirtioCaps {
    /// Checks the invariants; [`crate::plan::Plan`] uses it too when it comes back from bytes.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self) -> Result<(), CapError> {
        let Self {
            device_id,
            common,
            notify,
            notify_multiplier,
            isr,
            device,
            bars,
            msix: _,
        } = self;
        if !matches!(*device_id, DEVICE_ID_MODERN | DEVICE_ID_TRANSITIONAL) {
            return Err(CapError::NotVirtioScsi);
        }
        for (structure, region, least, alignment) in [
            (Structure::Common, common, COMMON_BYTES, 4),
            (Structure::Notify, notify, 2, 2),
            (Structure::Isr, isr, 1, 1),
            (Structure::Device, device, DEVICE_BYTES, 4),
        ] {
            check_region(structure, *region, least, alignment)?;
            bars.get(usize::from(region.bar))
                .copied()
                .unwrap_or(Bar::Unused)
                .check(structure)?;
        }
        check_multiplier(*notify_multiplier)
    }
}

fn check_region(
    structure: Structure,
    region: Region,
    least: u32,
    alignment: u32,
) -> Result<(), CapError> {
    if region.offset.checked_add(region.length).is_none() {
        return Err(CapError::RegionOverflow(structure));
    }
    if region.length < least {
        return Err(CapError::RegionTooSmall(structure));
    }
    if !region.offset.is_multiple_of(alignment) {
        return Err(CapError::RegionMisaligned(structure));
    }
    Ok(())
}

fn check_multiplier(multiplier: u32) -> Result<(), CapError> {
    if multiplier == 0 || (multiplier.is_power_of_two() && multiplier > 1) {
        Ok(())
    } else {
        Err(CapError::NotifyMultiplier)
    }
}

#[cfg(test)]
mod tests;
