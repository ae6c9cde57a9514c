//! The HBA that the user asks for: [`HbaArgs`] on the command line, [`HbaOptions`] inside.
//!
//! Every option is a property of QEMU's `virtio-scsi-pci`; [`HbaOptions::properties`] writes them down,
//! [`HbaOptions::as_arguments`] says how to ask for them again, and the check `device-as-asked` compares them with what
//! the guest found ([`crate::verdict`]).

use clap::Args;
use serde::Serialize;

/// Smallest size of a queue: QEMU wants more than two entries, and a size is a power of two.
const LEAST_QUEUE_ENTRIES: u16 = 4;
/// Largest size of a queue that QEMU takes (`VIRTQUEUE_MAX_SIZE`).
const MOST_QUEUE_ENTRIES: u16 = 1024;
/// Most request queues that QEMU takes.
const MOST_QUEUES: i64 = 1022;
/// Entries of the largest MSI-X table (PCI 3.0, section 6.8.2).
const MOST_VECTORS: i64 = 2048;

/// Options of the HBA, shared by all commands that start a machine.
#[derive(Clone, Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line; HbaOptions has their meaning"
)]
pub struct HbaArgs {
    /// Entries of each of the device's queues: a power of two, 4 to 1024 [default: the device's own, 256]
    #[arg(long, value_name = "N", value_parser = parse_queue_size)]
    pub queue_size: Option<u16>,
    /// Request queues of the device
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=MOST_QUEUES))]
    pub queues: u16,
    /// Entries of the device's MSI-X table, 0 for none [default: one a queue and one for the configuration]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=MOST_VECTORS))]
    pub vectors: Option<u16>,
    /// Offer packed rings beside split ones
    #[arg(long)]
    pub packed: bool,
    /// Do not offer the event index
    #[arg(long)]
    pub no_event_idx: bool,
    /// Do not offer indirect descriptors
    #[arg(long)]
    pub no_indirect: bool,
    /// Leave out the interface of virtio 0.9 (`disable-legacy=on`): other PCI ids, no I/O ports
    #[arg(long, conflicts_with = "transitional")]
    pub modern_only: bool,
    /// Have the interface of virtio 0.9 beside the present one (`disable-legacy=off`)
    #[arg(long)]
    pub transitional: bool,
    /// Have the device say that its addresses go through the platform; the machine has no IOMMU, so they are physical
    /// ones. Implies `--modern-only`
    #[arg(long, conflicts_with = "transitional")]
    pub iommu_platform: bool,
}

/// Whether the device has the interface of virtio 0.9 as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Legacy {
    /// As QEMU has it on the bus: there it is, on the root buses of both machines.
    #[default]
    Usual,
    /// No.
    ModernOnly,
    /// Yes.
    Transitional,
}

/// Whether the device offers a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Feature {
    /// It does.
    Offered,
    /// It does not.
    Hidden,
}

impl Feature {
    const fn hidden_if(hidden: bool) -> Self {
        if hidden { Self::Hidden } else { Self::Offered }
    }
}

/// The HBA of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct HbaOptions {
    /// Entries per queue; `None` leaves it to the device.
    pub queue_size: Option<u16>,
    /// Request queues.
    pub queues: u16,
    /// Entries of the MSI-X table; `None` leaves it to the device.
    pub vectors: Option<u16>,
    /// `VIRTIO_F_RING_PACKED`.
    pub packed: Feature,
    /// `VIRTIO_F_EVENT_IDX`.
    pub event_idx: Feature,
    /// `VIRTIO_F_INDIRECT_DESC`.
    pub indirect: Feature,
    /// The interface of virtio 0.9.
    pub legacy: Legacy,
    /// `VIRTIO_F_ACCESS_PLATFORM`.
    pub access_platform: Feature,
}

impl Default for HbaOptions {
    fn default() -> Self {
        Self {
            queue_size: None,
            queues: 1,
            vectors: None,
            packed: Feature::Hidden,
            event_idx: Feature::Offered,
            indirect: Feature::Offered,
            legacy: Legacy::Usual,
            access_platform: Feature::Hidden,
        }
    }
}

impl HbaArgs {
    /// The same for a session.
    #[must_use]
    pub const fn options(&self) -> HbaOptions {
        HbaOptions {
            queue_size: self.queue_size,
            queues: self.queues,
            vectors: self.vectors,
            packed: Feature::hidden_if(!self.packed),
            event_idx: Feature::hidden_if(self.no_event_idx),
            indirect: Feature::hidden_if(self.no_indirect),
            legacy: if self.modern_only || self.iommu_platform {
                Legacy::ModernOnly
            } else if self.transitional {
                Legacy::Transitional
            } else {
                Legacy::Usual
            },
            access_platform: Feature::hidden_if(!self.iommu_platform),
        }
    }
}

impl HbaOptions {
    /// The properties of `virtio-scsi-pci`, each with a comma before it.
    #[must_use]
    pub fn properties(&self) -> String {
        let mut text = format!(",num_queues={}", self.queues);
        for (property, value) in [
            ("virtqueue_size", self.queue_size),
            ("vectors", self.vectors),
        ] {
            if let Some(value) = value {
                text += ",";
                text += property;
                text += "=";
                text += &value.to_string();
            }
        }
        for (differs, property) in [
            (self.packed == Feature::Offered, ",packed=on"),
            (self.event_idx == Feature::Hidden, ",event_idx=off"),
            (self.indirect == Feature::Hidden, ",indirect_desc=off"),
            (self.legacy == Legacy::ModernOnly, ",disable-legacy=on"),
            (self.legacy == Legacy::Transitional, ",disable-legacy=off"),
            (
                self.access_platform == Feature::Offered,
                ",iommu_platform=on",
            ),
        ] {
            if differs {
                text += property;
            }
        }
        text
    }

    /// The arguments that ask for the same HBA again; none for the usual one.
    #[must_use]
    pub fn as_arguments(&self) -> Vec<String> {
        let mut words = Vec::new();
        if let Some(size) = self.queue_size {
            words.push(format!("--queue-size {size}"));
        }
        if self.queues != 1 {
            words.push(format!("--queues {}", self.queues));
        }
        if let Some(vectors) = self.vectors {
            words.push(format!("--vectors {vectors}"));
        }
        let implied = self.access_platform == Feature::Offered;
        for (differs, word) in [
            (self.packed == Feature::Offered, "--packed"),
            (self.event_idx == Feature::Hidden, "--no-event-idx"),
            (self.indirect == Feature::Hidden, "--no-indirect"),
            (
                self.legacy == Legacy::ModernOnly && !implied,
                "--modern-only",
            ),
            (self.legacy == Legacy::Transitional, "--transitional"),
            (implied, "--iommu-platform"),
        ] {
            if differs {
                words.push(word.to_owned());
            }
        }
        words
    }
}

fn parse_queue_size(text: &str) -> Result<u16, String> {
    text.parse::<u16>()
        .ok()
        .filter(|size| {
            size.is_power_of_two() && (LEAST_QUEUE_ENTRIES..=MOST_QUEUE_ENTRIES).contains(size)
        })
        .ok_or_else(|| format!("a power of two from {LEAST_QUEUE_ENTRIES} to {MOST_QUEUE_ENTRIES}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        hba: HbaArgs,
    }

    fn read(words: &str) -> Result<HbaOptions, clap::Error> {
        Line::try_parse_from(std::iter::once("x").chain(words.split_whitespace()))
            .map(|line| line.hba.options())
    }

    #[test]
    fn the_usual_hba_needs_no_argument() {
        let usual = read("").expect("valid");
        assert_eq!(usual, HbaOptions::default());
        assert_eq!(usual.properties(), ",num_queues=1");
        assert!(usual.as_arguments().is_empty());
    }

    #[test]
    fn each_option_is_a_property_and_reads_back() {
        for (words, property) in [
            ("--queue-size 16", "virtqueue_size=16"),
            ("--queues 8", "num_queues=8"),
            ("--vectors 0", "vectors=0"),
            ("--packed", "packed=on"),
            ("--no-event-idx", "event_idx=off"),
            ("--no-indirect", "indirect_desc=off"),
            ("--modern-only", "disable-legacy=on"),
            ("--transitional", "disable-legacy=off"),
            ("--iommu-platform", "disable-legacy=on,iommu_platform=on"),
        ] {
            let options = read(words).expect(words);
            assert!(
                options.properties().ends_with(property),
                "{words}: {}",
                options.properties()
            );
            assert_eq!(options.as_arguments().join(" "), words);
        }
    }

    #[test]
    fn what_the_device_does_not_take_is_refused() {
        for bad in [
            "--queue-size 2",
            "--queue-size 24",
            "--queue-size 2048",
            "--queues 0",
            "--queues 1023",
            "--vectors 2049",
            "--modern-only --transitional",
            "--iommu-platform --transitional",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
