//! Waiting for a spin lock that another processor holds, as `KeAcquireSpinLock` does: busily, at the raised IRQL. The others go
//! on meanwhile. A wait that cannot end stops the system, as the watchdog of DPCs would.

use alloc::{format, string::String, vec::Vec};

use super::{
    adapter,
    callback::Routine,
    locks::{Lock, Wait},
};
use crate::{
    processors::{self, giant},
    record,
    rules::{self, Rule},
    timer,
};

/// Longest wait for a lock. A holder that waits for nobody may have lost its host's processor for a while, no longer.
const LIMIT_US: u64 = 30_000_000;
/// `DPC_WATCHDOG_VIOLATION`.
const DPC_WATCHDOG_VIOLATION: u32 = 0x133;

/// Repeats `attempt` until it does not have to wait any more; its result, `None` if there is no adapter.
pub(super) fn until_free<T>(attempt: impl Fn() -> Option<Result<T, Wait>>) -> Option<T> {
    let mut begun = None;
    loop {
        let wait = match attempt()? {
            Ok(done) => return Some(done),
            Err(wait) => wait,
        };
        let me = processors::current();
        if let Some(circle) = adapter::with(|adapter| adapter.locks.deadlock(me)).flatten() {
            let waits: Vec<String> = circle.iter().map(describe).collect();
            stop(wait.lock, &format!("a deadlock: {}", waits.join("; ")));
        }
        let now = timer::now_us();
        if now.saturating_sub(*begun.get_or_insert(now)) > LIMIT_US {
            stop(
                wait.lock,
                &format!(
                    "no end after {} s: {}",
                    LIMIT_US / 1_000_000,
                    describe(&wait)
                ),
            );
        }
        giant::breathe();
    }
}

fn describe(wait: &Wait) -> String {
    let (waiter, waiting) = wait.waiter;
    let (holder, holding) = wait.holder;
    format!(
        "processor {waiter} waits in {} for {:?}, which processor {holder} holds in {}",
        waiting.map_or("no callback", Routine::name),
        wait.lock,
        holding.name()
    )
}

fn stop(lock: Lock, what: &str) -> ! {
    rules::violate(Rule::StorPortSpinLock, format_args!("{lock:?}: {what}"));
    record::bugcheck(
        DPC_WATCHDOG_VIOLATION,
        [0; 4],
        format!("a processor waits for a spin lock for ever: {what}"),
    )
}
