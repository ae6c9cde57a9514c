//! A fault of the disk while a dump is written, as the command line names it.

use std::{fmt, str::FromStr};

use super::parse_seed;
use crate::qemu::machine::DiskError;

/// A fault of the disk at a place of the dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DumpFault {
    /// What the device says.
    pub error: DiskError,
    /// Writes that cover this byte of the dump fail.
    pub offset: u64,
    /// Only the first of them does.
    pub once: bool,
}

impl fmt::Display for DumpFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = match self.error {
            DiskError::Io => "io",
            DiskError::NoSpace => "full",
        };
        let once = if self.once { ",once" } else { "" };
        write!(f, "{error}@{:#x}{once}", self.offset)
    }
}

impl FromStr for DumpFault {
    type Err = String;

    /// `io@0x2000`, `full@0x100000,once`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || "io@OFFSET or full@OFFSET, with ,once behind for a single failure".to_owned();
        let (error, place) = text.split_once('@').ok_or_else(wrong)?;
        let error = match error {
            "io" => DiskError::Io,
            "full" => DiskError::NoSpace,
            _ => return Err(wrong()),
        };
        let (place, once) = match place.split_once(',') {
            None => (place, false),
            Some((place, "once")) => (place, true),
            Some(_) => return Err(wrong()),
        };
        let offset = parse_seed(place).map_err(|_| wrong())?;
        Ok(Self {
            error,
            offset,
            once,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_the_disk_is_read() {
        let fault: DumpFault = "full@0x2000,once".parse().expect("valid");
        assert_eq!(
            fault,
            DumpFault {
                error: DiskError::NoSpace,
                offset: 0x2000,
                once: true
            }
        );
        assert_eq!(fault.to_string(), "full@0x2000,once");
        for bad in ["", "io", "io@", "io@x", "bad@1", "io@1,twice"] {
            assert!(bad.parse::<DumpFault>().is_err(), "{bad}");
        }
    }
}
