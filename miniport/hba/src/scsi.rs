//! SCSI as far as an HBA needs it: addresses and command descriptor blocks.

pub mod cdb;
pub mod lun;
