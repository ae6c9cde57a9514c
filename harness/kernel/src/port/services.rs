//! What the port keeps for the miniport's services: DPCs, timers, work items, pool blocks, options.
//!
//! The routines run through [`super::invoke`]; this file owns their book-keeping and the trampolines by which the
//! kernel's DPC queue and clock reach them.

use alloc::{collections::BTreeMap, vec::Vec};

use super::{
    abi::{View, services::StorDpc},
    adapter,
    callback::Routine,
    invoke,
    locks::Lock,
    random::{Random, mix},
    redirection,
};
use crate::{
    dpc::{self, Dpc},
    irql,
    mem::Va,
    processors::{self, park},
    rules::{self, Rule},
    timer::{self, TimerId},
};

/// A DPC that the miniport initialised.
#[derive(Clone, Copy, Debug)]
pub struct MiniDpc {
    /// The `STOR_DPC`.
    pub object: Va,
    /// `HwStorDpcRoutine`.
    pub routine: Va,
    /// Arguments of the pending call.
    pub arguments: Option<(u64, u64)>,
}

/// A timer of the miniport.
#[derive(Clone, Copy, Debug, Default)]
pub struct MiniTimer {
    /// Handle given out; 0 for the one of `RequestTimerCall`.
    pub handle: u64,
    /// Routine.
    pub routine: Va,
    /// Context of `HwStorTimerEx`; `None` for `HwStorTimer`, which gets none.
    pub context: Option<u64>,
    /// The clock's entry while it runs.
    pub running: Option<TimerId>,
}

/// A work item that waits for `PASSIVE_LEVEL`.
#[derive(Clone, Copy, Debug)]
pub struct WorkItem {
    /// The worker.
    pub worker: u64,
    /// `HwStorWorkItem`.
    pub routine: Va,
    /// Its context.
    pub context: u64,
}

/// How a block was allocated, and thus how it must be freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockSort {
    /// `StorPortAllocatePool`.
    Pool,
    /// `StorPortAllocateContiguousMemorySpecifyCacheNode`.
    Contiguous,
    /// `StorPortAllocateDmaMemory`.
    Dma,
    /// `StorPortAllocateMdl`.
    Mdl,
    /// `StorPortAllocateRegistryBuffer`.
    Registry,
    /// A mapping's or the port's own object that the miniport does not free.
    Port,
}

/// Performance options as the miniport set them.
#[derive(Clone, Copy, Debug, Default)]
pub struct PerfOptions {
    /// The query came first.
    pub queried: bool,
    /// Flags that the last query offered.
    pub offered: u32,
    /// Flags granted.
    pub flags: u32,
    /// Concurrent channels.
    pub channels: u32,
    /// First and last message of the redirection, if it was asked for.
    pub messages: Option<(u32, u32)>,
}

/// All of it.
#[derive(Debug, Default)]
pub struct Services {
    /// DPCs.
    pub dpcs: Vec<MiniDpc>,
    /// How many were queued.
    pub dpcs_issued: u64,
    /// Timers; the first one is `RequestTimerCall`'s once that was used.
    pub timers: Vec<MiniTimer>,
    /// Workers by handle.
    pub workers: Vec<u64>,
    /// Work items, oldest first.
    pub work: Vec<WorkItem>,
    /// Live blocks.
    pub blocks: BTreeMap<u64, BlockSort>,
    /// Addresses of blocks that were freed, to tell a double free from a wild one.
    pub freed: Vec<u64>,
    /// Performance options.
    pub perf: PerfOptions,
    /// Handle numbers given out.
    pub last_handle: u64,
    /// Own spin locks, by address.
    pub spin_locks: Vec<u64>,
    /// A routine given to `StorPortStateChangeDetected` and its context.
    pub state_changes: Vec<(Va, u64, u64, u32)>,
    /// The bus changed: a scan is due.
    pub bus_changed: bool,
    /// `StorPortExtendedFunction` codes answered with `NOT_IMPLEMENTED`, with counts.
    pub not_implemented: BTreeMap<u32, u64>,
    /// Device objects given out by `StorPortGetDeviceObjects`.
    pub device_objects: Vec<u64>,
    /// Events by address: signalled or not.
    pub events: BTreeMap<u64, bool>,
}

impl Services {
    /// A handle that no other object has.
    pub fn new_handle(&mut self) -> u64 {
        self.last_handle += 1;
        // Not a valid address on purpose: handles are opaque.
        0x5700_0000 + self.last_handle * 16
    }

    /// Whether a deferred call or a work item is still to come.
    pub fn awaits_dpc(&self) -> bool {
        !self.work.is_empty() || self.dpcs.iter().any(|dpc| dpc.arguments.is_some())
    }
}

/// Queues a miniport DPC; false if it is queued already, `None` if it was never initialised.
pub(super) fn issue_dpc(object: Va, arguments: (u64, u64)) -> Option<bool> {
    let index = adapter::with(|adapter| {
        let dpcs = &mut adapter.services.dpcs;
        let index = dpcs.iter().position(|dpc| dpc.object == object)?;
        let dpc = dpcs.get_mut(index)?;
        if dpc.arguments.is_some() {
            return Some(None);
        }
        dpc.arguments = Some(arguments);
        Some(u64::try_from(index).ok())
    })??;
    let Some(index) = index else {
        return Some(false);
    };
    check_dpc_object(object);
    dpc::queue_on(
        dpc_processor(),
        Dpc {
            routine: run_dpc,
            context: index,
        },
    );
    Some(true)
}

/// The processor for the next DPC. Where the others are about to stand still, this one.
fn dpc_processor() -> usize {
    let here = processors::current();
    if processors::is_single() || park::is_wanted() {
        return here;
    }
    adapter::with(|adapter| {
        let services = &mut adapter.services;
        services.dpcs_issued += 1;
        let seed = adapter.seed ^ mix(services.dpcs_issued);
        let mut random = Random::new(seed, "DPC processor");
        redirection::processor(services.perf.flags, &mut random, here, processors::count())
    })
    .unwrap_or(here)
}

/// Takes a queued DPC back; true if it was queued.
pub(super) fn cancel_dpc(object: Va) -> bool {
    adapter::with(|adapter| {
        let dpcs = &mut adapter.services.dpcs;
        let index = dpcs.iter().position(|dpc| dpc.object == object)?;
        let dpc = dpcs.get_mut(index)?;
        dpc.arguments.take()?;
        let context = u64::try_from(index).ok()?;
        Some(dpc::remove(Dpc {
            routine: run_dpc,
            context,
        }))
    })
    .flatten()
    .unwrap_or(false)
}

/// The routine that initialisation stored must still be there: restart paths that zero their DPCs break them.
fn check_dpc_object(object: Va) {
    let stored = View::<StorDpc>::at(object).get(StorDpc::DPC_DEFERRED_ROUTINE);
    let expected = adapter::with(|adapter| {
        adapter
            .services
            .dpcs
            .iter()
            .find(|dpc| dpc.object == object)
            .map(|dpc| dpc.routine.0)
    })
    .flatten();
    rules::demand(
        Rule::PortArgument,
        stored.ok() == expected,
        format_args!("the STOR_DPC at {object} was overwritten after its initialisation"),
    );
}

fn run_dpc(index: u64) {
    let Some((dpc, arguments, extension)) = adapter::with(|adapter| {
        let dpc = adapter
            .services
            .dpcs
            .get_mut(usize::try_from(index).ok()?)?;
        let arguments = dpc.arguments.take()?;
        Some((*dpc, arguments, adapter.extension.va))
    })
    .flatten() else {
        return;
    };
    invoke::call(
        Routine::Dpc,
        dpc.routine,
        &[],
        &[dpc.object.0, extension.0, arguments.0, arguments.1],
    );
}

/// Starts, restarts or (with 0 microseconds) cancels a timer; false if the handle is unknown.
pub(super) fn request_timer(handle: u64, routine: Va, context: Option<u64>, after_us: u64) -> bool {
    let Some((index, old)) = adapter::with(|adapter| {
        let timers = &mut adapter.services.timers;
        let index = timers.iter().position(|timer| timer.handle == handle)?;
        let timer = timers.get_mut(index)?;
        let old = timer.running.take();
        timer.routine = routine;
        timer.context = context;
        Some((index, old))
    })
    .flatten() else {
        return false;
    };
    let Ok(number) = u64::try_from(index) else {
        return false;
    };
    if let Some(old) = old {
        timer::cancel(old);
        dpc::remove(Dpc {
            routine: run_timer,
            context: number,
        });
    }
    if after_us > 0 {
        let id = timer::set_after_us(
            after_us,
            Dpc {
                routine: run_timer,
                context: number,
            },
        );
        adapter::with(|adapter| {
            if let Some(timer) = adapter.services.timers.get_mut(index) {
                timer.running = Some(id);
            }
        });
    }
    true
}

fn run_timer(index: u64) {
    let Some((timer, extension)) = adapter::with(|adapter| {
        let timer = adapter
            .services
            .timers
            .get_mut(usize::try_from(index).ok()?)?;
        timer.running.take()?;
        Some((*timer, adapter.extension.va))
    })
    .flatten() else {
        return;
    };
    match timer.context {
        None => invoke::call(
            Routine::Timer,
            timer.routine,
            &[Lock::StartIo],
            &[extension.0],
        ),
        Some(context) => invoke::call(
            Routine::Timer,
            timer.routine,
            &[Lock::StartIo],
            &[extension.0, context],
        ),
    };
}

/// Stops everything that could still call the miniport.
pub(super) fn stop_all() {
    let (timers, dpcs) = adapter::with(|adapter| {
        let services = &mut adapter.services;
        services.work.clear();
        services.state_changes.clear();
        for dpc in &mut services.dpcs {
            dpc.arguments = None;
        }
        let running: Vec<TimerId> = services
            .timers
            .iter_mut()
            .filter_map(|timer| timer.running.take())
            .collect();
        (running, services.dpcs.len())
    })
    .unwrap_or_default();
    for id in timers {
        timer::cancel(id);
    }
    for context in (0..dpcs).filter_map(|index| u64::try_from(index).ok()) {
        dpc::remove(Dpc {
            routine: run_dpc,
            context,
        });
    }
}

/// Runs work items and state-change routines that wait. Only at `PASSIVE_LEVEL`; elsewhere nothing happens.
pub(super) fn run_passive_work() {
    while irql::current() == irql::PASSIVE_LEVEL {
        let Some((item, extension)) = adapter::with(|adapter| {
            let work = &mut adapter.services.work;
            (!work.is_empty()).then(|| (work.remove(0), adapter.extension.va))
        })
        .flatten() else {
            break;
        };
        invoke::call(
            Routine::WorkItem,
            item.routine,
            &[],
            &[extension.0, item.context, item.worker],
        );
    }
    run_state_changes();
}

fn run_state_changes() {
    loop {
        let Some(((routine, context, address, status), extension)) = adapter::with(|adapter| {
            let changes = &mut adapter.services.state_changes;
            (!changes.is_empty()).then(|| (changes.remove(0), adapter.extension.va))
        })
        .flatten() else {
            return;
        };
        irql::at(irql::DISPATCH_LEVEL, || {
            invoke::call(
                Routine::StateChange,
                routine,
                &[Lock::StartIo],
                &[extension.0, context, 1, address, u64::from(status)],
            )
        });
    }
}
