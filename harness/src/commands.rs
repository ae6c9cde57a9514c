//! One file per command of the command line.

pub mod bench;
pub mod crash;
pub mod cycle;
pub mod debug;
pub mod dump;
pub mod fuzz;
pub mod header;
pub mod matrix;
mod one_run;
pub mod package;
pub mod run;
pub mod stress;
pub mod test;

use std::io::{Write as _, stdout};

/// Prints to standard output. A reader that has seen enough (`| head`) is no error.
fn print_all(text: &str) {
    let mut out = stdout().lock();
    let _gone = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
