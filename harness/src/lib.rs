//! The host's half of the bench: builds the driver and the bench kernel, runs them in QEMU, watches from outside, and judges.
//!
//! From the command down: [`cli`] reads the arguments, [`commands`] has one file per command; [`setup`] finds the tools and
//! [`build`] the products; [`session`] drives QEMU processes ([`qemu`], [`qmp`], [`gdb`], [`console`]) over one disk
//! ([`disk`], [`hibernation`]) and yields a [`session::life::Life`], which is data only. Nothing here believes the guest:
//! what the guest reports is one witness, the debugger and QEMU are the others.
#![forbid(unsafe_code)]

pub mod build;
pub mod bundle;
pub mod cli;
pub mod commands;
pub mod compare;
pub mod console;
pub mod crash;
pub mod disk;
pub mod dump_header;
pub mod dumpfile;
pub mod fault;
pub mod figures;
pub mod fuzz;
pub mod gdb;
pub mod hibernation;
pub mod image;
pub mod inf;
pub mod interrupt;
pub mod matrix;
pub mod options;
pub mod progress;
pub mod qemu;
pub mod qmp;
pub mod readers;
pub mod recorder;
pub mod red;
pub mod report;
pub mod repository;
pub mod run_directory;
pub mod seal;
pub mod session;
pub mod setup;
pub mod symbols;
pub mod trial;
pub mod untrusted;
pub mod verdict;
pub mod write_log;
