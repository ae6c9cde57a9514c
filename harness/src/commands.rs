//! One file per command of the command line.

pub mod cycle;
pub mod debug;
pub mod package;
pub mod run;
pub mod test;
