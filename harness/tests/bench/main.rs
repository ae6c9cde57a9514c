//! The harness as a whole, started as a user starts it: scenarios in QEMU, bad input, set-up, and the rules of the house.
//!
//! One program, because linking the harness once per file takes longer than running most of the files.

mod crash;
mod cycle;
mod debug;
mod dump;
mod features;
mod figures;
mod fuzz;
mod guard;
mod header;
mod house;
mod input;
mod kernel;
mod matrix;
mod processors;
mod readers;
mod setup;
mod stress;
mod support;
