//! The matrix: the driver on machines that differ in every property of the HBA that a driver may meet.
//!
//! * [`axes`]: the properties and their values; a [`axes::Configuration`] has one of each.
//! * [`cover`]: few configurations that contain every pair of values, from a seed.
//! * [`run`]: each configuration as a life of its own, several at a time.
//! * [`table`]: the results as text and as data.

pub mod axes;
pub mod cover;
pub mod run;
pub mod table;
