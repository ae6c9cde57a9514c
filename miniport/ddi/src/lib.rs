//! Safe wrappers over `wdk-sys`: the only unsafe code of the drivers.
//!
//! A driver implements [`adapter::Adapter`] for one type per life (normal, dump) and calls [`registration::initialize`] from
//! `DriverEntry`. The port's callbacks arrive in [`thunk`], which find the adapter in its device extension and pass it a context: a
//! type that carries the services and the lock proofs that this callback may use, and nothing else.
//!
//! ```text
//! DriverEntry -> registration -> StorPortInitialize -> thunk::* -> Adapter::*(context, srb)
//! context::FindAdapterContext: config, registers (mmio), uncached memory (memory), dump marking (dump)
//! srb::Srb (move only) -> park in srb::table, or complete -> srb::Completed
//! cell::StartIoCell opens with cell::StartIoHeld, made by thunks and by lock guards only
//! ```
//!
//! Architecture invariants:
//! - Raw pointers, status codes and C structures stop here; above there are references, newtypes and enumerations.
//! - A service that has a condition (IRQL, lock, callback) is a method of the context that fulfils it.
//! - A request is a value: it can be completed once, and the types of the entry points demand proof of what became of it.
//! - There are two statics, [`recorder::RECORDER`] and [`instance::INSTANCE`]; `DriverEntry` makes both anew on every entry.
//!
//! Structures, values and prototypes are those of the WDK (10.0.22621), through `wdk-sys`.
#![cfg_attr(not(test), no_std)]
#![expect(
    clippy::cast_possible_truncation,
    reason = "sizes of C structures and constants of the WDK are narrower than their Rust types"
)]

#[cfg(not(target_os = "windows"))]
extern crate std;

#[cfg(test)]
mod abi;
pub mod adapter;
mod arena;
pub mod bugcheck;
pub mod cell;
pub mod config;
pub mod context;
pub mod contiguous;
mod control;
pub mod crash_header;
pub mod dpc;
pub mod dump;
mod extension;
#[cfg(not(target_os = "windows"))]
pub mod fake;
pub mod filter;
#[cfg(not(target_os = "windows"))]
pub mod filter_host;
mod inlines;
pub mod instance;
mod layout;
pub mod lock;
pub mod memory;
pub mod mmio;
pub mod parameters;
pub mod pnp;
pub mod port;
pub mod ports;
pub mod private;
mod processors;
pub mod random;
pub mod recorder;
pub mod registration;
pub mod registry;
pub mod resident;
pub mod scatter;
#[cfg(not(target_os = "windows"))]
pub mod simulator;
pub mod spin;
pub mod srb;
pub mod status;
mod thunk;
pub mod trace;
