//! Records between the host (`harness`) and the bench kernel: the only code that both sides share.
//!
//! * [`scenario`]: what the host asks for, handed over as the boot module ([`scenario::Bundle`]).
//! * [`record`]: what the kernel reports, framed on the debug console ([`record::Record`]).
//! * [`hiber`]: the hibernation image on the disk, and the package that plays the firmware loader's part.
//! * [`owner`]: who owns which page of memory.
//! * [`version`]: a fingerprint of all that, by which a program of another version is known.
//! * [`wire`]: encoding and framing of the records.
//!
//! Pure data: no unsafe code, no hardware, no clock.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod hiber;
pub mod owner;
pub mod record;
pub mod scenario;
pub mod version;
pub mod wire;
