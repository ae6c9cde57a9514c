//! The disks beside the first one: no partitions, each at its own address, some of which try a driver.
//!
//! [`ADDRESSES`] says where they are. One shares a target with another unit, one is a LUN without a LUN 0, and one has a LUN
//! above 255, which no request of Windows can name (`STOR_ADDR_BTL8`, docs of Storport): port and driver must leave it alone.

use std::{
    fmt,
    fs::File,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// Most disks of a machine, the first one counted.
pub const MOST_DISKS: usize = ADDRESSES.len() + 1;
/// Size of each in bytes; sparse.
const BYTES: u64 = 16 << 20;
/// Largest LUN that Storport scans: `SCSI_MAXIMUM_LUNS_PER_TARGET` is 255, and a port counts from 0.
const LARGEST_LUN: u16 = 254;

/// Where a logical unit is on the HBA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnitAddress {
    /// Target (`scsi-id`).
    pub target: u8,
    /// LUN.
    pub lun: u16,
}

impl UnitAddress {
    /// Whether Windows can address it.
    #[must_use]
    pub const fn is_addressable(self) -> bool {
        self.lun <= LARGEST_LUN
    }
}

/// As the report names units: path, target and LUN.
impl fmt::Display for UnitAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0:{}:{}", self.target, self.lun)
    }
}

/// Where the first disk is.
pub const FIRST: UnitAddress = at(0, 0);

/// Where the others are, in the order in which `--disks` adds them.
pub const ADDRESSES: [UnitAddress; 7] = [
    at(1, 0),
    at(1, 3),
    at(2, 300),
    at(4, 1),
    at(5, 0),
    at(7, 0),
    at(7, 254),
];

const fn at(target: u8, lun: u16) -> UnitAddress {
    UnitAddress { target, lun }
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherDisk {
    /// Where it is.
    pub address: UnitAddress,
    /// Its file, raw.
    pub file: PathBuf,
}

/// The disks beside the first one of a machine that has `disks` in all; their files are in `directory`.
#[must_use]
pub fn of_machine(disks: usize, directory: &Path) -> Vec<OtherDisk> {
    ADDRESSES
        .into_iter()
        .take(disks.saturating_sub(1))
        .map(|address| OtherDisk {
            address,
            file: directory.join(format!("disk-{}-{}.raw", address.target, address.lun)),
        })
        .collect()
}

/// Makes their files, empty.
///
/// # Errors
/// A file cannot be made.
pub fn create(disks: &[OtherDisk]) -> Result<()> {
    for disk in disks {
        File::create(&disk.file)
            .and_then(|file| file.set_len(BYTES))
            .with_context(|| format!("cannot create the disk {}", disk.file.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_differ_and_one_is_out_of_reach() {
        let mut all = ADDRESSES.to_vec();
        all.push(FIRST);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), MOST_DISKS);
        let beyond: Vec<_> = all.iter().filter(|unit| !unit.is_addressable()).collect();
        assert_eq!(beyond, [&at(2, 300)]);
    }

    #[test]
    fn files_are_made_for_all_but_the_first() {
        let directory = tempfile::tempdir().expect("made");
        assert!(of_machine(1, directory.path()).is_empty());
        let disks = of_machine(3, directory.path());
        create(&disks).expect("made");
        assert_eq!(disks.len(), 2);
        assert!(disks.iter().all(|disk| disk.file.is_file()));
    }
}
