//! The resume loader: plays the firmware's loader in a new machine.
//!
//! The host put the boot-phase pages and where to go into the package window; this program overwrites all other memory
//! with poison, places the pages, verifies them, destroys what the dump instance did not mark, leaves the HBA as a
//! firmware that booted from it would, and jumps.
//!
//! | module | what |
//! |---|---|
//! | [`package`] | reading the package (pure) |
//! | `tables` | mapping memory above 4 GiB |
//! | `hba` | using the HBA and leaving it in use |

#[cfg(any(target_os = "none", clippy))]
mod hba;
pub mod package;
#[cfg(any(target_os = "none", clippy))]
mod place;
#[cfg(any(target_os = "none", clippy))]
mod tables;

#[cfg(any(target_os = "none", clippy))]
pub use place::run;
