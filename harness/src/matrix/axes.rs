//! The properties that the matrix varies, and their values.

use crate::options::{
    Machine, Options,
    hba::{Feature, HbaOptions, Legacy},
};

/// Number of values of each property, in the order of [`Configuration::from_choice`].
pub const SIZES: [usize; 8] = [
    QUEUE_SIZES.len(),
    QUEUES.len(),
    VECTORS.len(),
    SWITCH.len(),
    SWITCH.len(),
    SWITCH.len(),
    LEGACY.len(),
    MACHINES.len(),
];

/// One value of each property, by number.
pub type Choice = [usize; SIZES.len()];

// The first value of each property is the least, the second the most: the first two configurations are the extremes.
const QUEUE_SIZES: [u16; 7] = [16, 1024, 256, 32, 64, 128, 512];
const QUEUES: [u16; 8] = [1, 8, 2, 4, 3, 5, 6, 7];
const VECTORS: [Option<u16>; 4] = [Some(0), None, Some(1), Some(2)];
const SWITCH: [Feature; 2] = [Feature::Hidden, Feature::Offered];
const LEGACY: [Legacy; 2] = [Legacy::ModernOnly, Legacy::Transitional];
const MACHINES: [Machine; 2] = [Machine::Pc, Machine::Q35];

/// A machine of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// Chipset.
    pub machine: Machine,
    /// The HBA.
    pub hba: HbaOptions,
}

impl Configuration {
    /// The configuration of a choice; a number too large counts as the first.
    #[must_use]
    pub fn from_choice(choice: Choice) -> Self {
        let [
            size,
            queues,
            vectors,
            packed,
            event,
            indirect,
            legacy,
            machine,
        ] = choice;
        Self {
            machine: value(&MACHINES, machine),
            hba: HbaOptions {
                queue_size: Some(value(&QUEUE_SIZES, size)),
                queues: value(&QUEUES, queues),
                vectors: value(&VECTORS, vectors),
                packed: value(&SWITCH, packed),
                event_idx: value(&SWITCH, event),
                indirect: value(&SWITCH, indirect),
                legacy: value(&LEGACY, legacy),
                access_platform: Feature::Hidden,
            },
        }
    }

    /// The options of its run.
    #[must_use]
    pub fn options(&self, seed: u64) -> Options {
        Options {
            machine: self.machine,
            hba: self.hba,
            seed,
            resets: true,
            ..Options::default()
        }
    }

    /// The arguments that ask for this machine; the seed is not among them.
    #[must_use]
    pub fn arguments(&self) -> String {
        let mut words = vec![format!("--machine {}", self.machine)];
        words.extend(self.hba.as_arguments());
        words.join(" ")
    }
}

fn value<T: Copy>(values: &[T], index: usize) -> T {
    values.get(index).copied().unwrap_or(values[0])
}

/// Every choice: the full product.
pub fn product() -> impl Iterator<Item = Choice> {
    let total: usize = SIZES.iter().product();
    (0..total).map(|number| {
        let mut rest = number;
        SIZES.map(|size| {
            let index = rest % size;
            rest /= size;
            index
        })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_product_has_every_configuration_once() {
        let all: BTreeSet<String> = product()
            .map(|choice| Configuration::from_choice(choice).arguments())
            .collect();
        assert_eq!(all.len(), SIZES.iter().product::<usize>());
        assert_eq!(all.len(), 7 * 8 * 4 * 2 * 2 * 2 * 2 * 2);
    }

    #[test]
    fn a_configuration_is_told_by_its_arguments() {
        let most = Configuration::from_choice([1; SIZES.len()]);
        assert_eq!(
            most.arguments(),
            "--machine q35 --queue-size 1024 --queues 8 --packed --transitional"
        );
        let least = Configuration::from_choice([0; SIZES.len()]);
        assert_eq!(
            least.arguments(),
            "--machine pc --queue-size 16 --vectors 0 --no-event-idx --no-indirect --modern-only"
        );
    }
}
