//! Storport for the normal role: what a miniport calls, and what calls the miniport.
//!
//! Pure parts, tested on Linux: [`abi`] (structures and constants), [`affinity`] (where messages go), [`callback`] (the miniport's
//! routines), [`locks`] (lock model), [`queue`] (request queues), [`srb`] (request blocks), [`cdb`] (commands), [`fragments`] (scatter/gather
//! choices), [`random`], [`redirection`] (processors of DPCs), [`exhaust`] (which calls are made to fail), [`standing`] (where a request stands in
//! the rings).
//!
//! On the machine: [`exports`] serves the miniport's calls; [`start`], [`scan`], [`power`], [`sleep`], [`remove`] are the PnP life;
//! [`dispatch`], [`handing`], [`complete`], [`timeouts`], [`overdue`] move requests; [`rings`] knows where the device's rings are;
//! [`waiting`] waits for locks; [`adapter`] holds the state.

pub mod abi;
pub mod affinity;
pub mod callback;
pub mod cdb;
pub mod exhaust;
pub mod fragments;
pub mod locks;
pub mod queue;
pub mod random;
pub mod redirection;
pub mod srb;
pub mod standing;

#[cfg(any(target_os = "none", clippy))]
pub mod adapter;
#[cfg(any(target_os = "none", clippy))]
mod complete;
#[cfg(any(target_os = "none", clippy))]
mod configure;
#[cfg(any(target_os = "none", clippy))]
mod control;
#[cfg(any(target_os = "none", clippy))]
mod device;
#[cfg(any(target_os = "none", clippy))]
mod dispatch;
#[cfg(any(target_os = "none", clippy))]
pub mod dump_pointers;
#[cfg(any(target_os = "none", clippy))]
mod error;
#[cfg(any(target_os = "none", clippy))]
pub mod exports;
#[cfg(any(target_os = "none", clippy))]
mod faults;
#[cfg(any(target_os = "none", clippy))]
mod handing;
#[cfg(any(target_os = "none", clippy))]
mod hotplug;
#[cfg(any(target_os = "none", clippy))]
mod interrupts;
#[cfg(any(target_os = "none", clippy))]
mod invoke;
#[cfg(any(target_os = "none", clippy))]
mod overdue;
#[cfg(any(target_os = "none", clippy))]
pub mod power;
#[cfg(any(target_os = "none", clippy))]
mod rare;
#[cfg(any(target_os = "none", clippy))]
mod remove;
#[cfg(any(target_os = "none", clippy))]
pub mod request;
#[cfg(any(target_os = "none", clippy))]
pub(crate) mod rings;
#[cfg(any(target_os = "none", clippy))]
mod scan;
#[cfg(any(target_os = "none", clippy))]
mod services;
#[cfg(any(target_os = "none", clippy))]
mod sleep;
#[cfg(any(target_os = "none", clippy))]
mod start;
#[cfg(any(target_os = "none", clippy))]
mod timeouts;
#[cfg(any(target_os = "none", clippy))]
mod waiting;

#[cfg(any(target_os = "none", clippy))]
pub use self::{
    adapter::{AccessRange, Limits, MappedRange, Unit},
    dispatch::{check_all_fences, execute, idle, poll, set_completion_routine, submit, wait},
    dump_pointers::{DumpPointers, dump_pointers, free_dump_pointers},
    error::PortError,
    exports::EXPORTS,
    hotplug::await_bus_change,
    interrupts::messages,
    power::{
        Drained, PowerAction, PowerWay, drain, hold, in_flight, is_held, power_down, power_up,
        release, waiting,
    },
    rare::send_rare_requests,
    remove::{Census, remove_after_failed_start, stop_and_remove, surprise_remove},
    request::{Buffer, Completion, Request, RequestId},
    scan::scan,
    sleep::{SleepDepth, sleep_and_wake},
    srb::BlockKind,
    start::{Options, start},
    timeouts::{Reset, reset},
};

#[cfg(any(target_os = "none", clippy))]
mod queries {
    use alloc::{collections::BTreeMap, vec::Vec};

    use super::{
        BlockKind,
        adapter::{self, AccessRange, Limits, MappedRange, Unit},
        services::BlockSort,
    };
    use crate::{
        mem::{self, Va},
        processors,
    };

    /// The units that the last scan found.
    #[must_use]
    pub fn units() -> Vec<Unit> {
        adapter::with(|adapter| adapter.units.clone()).unwrap_or_default()
    }

    /// What FindAdapter settled.
    #[must_use]
    pub fn limits() -> Limits {
        adapter::with(|adapter| adapter.limits).unwrap_or_default()
    }

    /// What the miniport mapped by `StorPortGetDeviceBase`.
    #[must_use]
    pub fn mapped_ranges() -> Vec<MappedRange> {
        adapter::with(|adapter| adapter.mapped.clone()).unwrap_or_default()
    }

    /// The bus address ranges that PnP assigned.
    #[must_use]
    pub fn access_ranges() -> Vec<AccessRange> {
        adapter::with(|adapter| adapter.ranges.clone()).unwrap_or_default()
    }

    /// `PORT_CONFIGURATION_INFORMATION` as FindAdapter left it.
    #[must_use]
    pub fn config_information() -> Vec<u8> {
        adapter::with(|adapter| (adapter.config.va, adapter.config.bytes))
            .and_then(|(va, bytes)| mem::read_vec(va, bytes).ok())
            .unwrap_or_default()
    }

    /// Whether callbacks of the miniport on this processor hold a lock.
    #[must_use]
    pub fn holds_lock() -> bool {
        let me = processors::current();
        adapter::with(|adapter| adapter.locks.holds_any(me)).unwrap_or(false)
    }

    /// `HW_INITIALIZATION_DATA.FeatureSupport`.
    #[must_use]
    pub fn feature_support() -> u32 {
        adapter::miniport().map_or(0, |miniport| miniport.feature_support)
    }

    /// The request block in use.
    #[must_use]
    pub fn block_kind() -> BlockKind {
        adapter::with(|adapter| adapter.block).unwrap_or(BlockKind::Classic)
    }

    /// `HW_INITIALIZATION_DATA.SrbTypeFlags`.
    #[must_use]
    pub fn srb_type_flags() -> u32 {
        adapter::miniport().map_or(0, |miniport| miniport.srb_type_flags)
    }

    /// Extended function codes that were answered with `NOT_IMPLEMENTED`, with counts.
    #[must_use]
    pub fn not_implemented() -> BTreeMap<u32, u64> {
        adapter::with(|adapter| adapter.services.not_implemented.clone()).unwrap_or_default()
    }

    /// Most requests at the miniport at one time since the last call.
    #[must_use]
    pub fn take_peak_in_flight() -> u32 {
        adapter::with(|adapter| adapter.queues.take_peak()).unwrap_or(0)
    }

    /// Memory that the miniport asked for.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Sizes {
        /// Device extension in bytes.
        pub device_extension_bytes: u64,
        /// Extension of a request in bytes.
        pub srb_extension_bytes: u64,
        /// Pool in bytes.
        pub pool_bytes: u64,
        /// Uncached extension, contiguous and DMA memory in bytes.
        pub shared_bytes: u64,
    }

    /// What the miniport asked for.
    #[must_use]
    pub fn sizes() -> Sizes {
        adapter::with(|adapter| {
            let bytes_of = |sorts: &[BlockSort]| -> u64 {
                let blocks = adapter.services.blocks.iter();
                blocks
                    .filter(|(_, sort)| sorts.contains(sort))
                    .filter_map(|(&va, _)| mem::find(Va(va)))
                    .map(|block| block.bytes)
                    .sum()
            };
            let shared = bytes_of(&[BlockSort::Contiguous, BlockSort::Dma]);
            Sizes {
                device_extension_bytes: adapter.miniport.device_extension_bytes.into(),
                srb_extension_bytes: adapter.miniport.srb_extension_bytes.into(),
                pool_bytes: bytes_of(&[BlockSort::Pool]),
                shared_bytes: shared + adapter.uncached.as_ref().map_or(0, |block| block.bytes),
            }
        })
        .unwrap_or_default()
    }

    /// Resets that the port made because of time-outs.
    #[must_use]
    pub fn timeout_resets() -> u32 {
        adapter::with(|adapter| adapter.ladder.resets).unwrap_or(0)
    }
}

#[cfg(any(target_os = "none", clippy))]
pub use queries::{
    Sizes, access_ranges, block_kind, config_information, feature_support, holds_lock, limits,
    mapped_ranges, not_implemented, sizes, srb_type_flags, take_peak_in_flight, timeout_resets,
    units,
};
