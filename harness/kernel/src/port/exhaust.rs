//! Which calls are made to fail, so that every value that may be NULL is NULL once (rule `NullCheck`).
//!
//! Pure: [`refusal`] says what a routine answers when it cannot; [`Exhaust`] picks one call in each life of an instance,
//! a place in the driver that has not had it yet, until none is left. Neighbours: `exports::refuse` asks for every call,
//! `scenario::exhaust` makes the lives.

use alloc::collections::{BTreeMap, BTreeSet};

use super::abi::{codes::STOR_STATUS_INSUFFICIENT_RESOURCES, extended::code};

/// A place in a driver is often a wrapper with several callers: so many of its calls in a life are told apart.
const CALLS_PER_PLACE: u32 = 4;

/// A call that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site {
    /// The routine.
    pub routine: &'static str,
    /// Function code of `StorPortExtendedFunction`, else 0.
    pub code: u32,
    /// Where it returns to, from the image's base.
    pub rva: u64,
    /// Which of the calls from there in one life, from 1.
    pub call: u32,
}

/// What `routine` returns when it cannot do what it is asked for; `None` if its page knows no such answer.
#[must_use]
pub fn refusal(routine: &str, number: u32) -> Option<u64> {
    match routine {
        // Documented to return NULL.
        "StorPortGetUncachedExtension"
        | "StorPortGetDeviceBase"
        | "StorPortGetVirtualAddress"
        | "StorPortGetScatterGatherList"
        | "StorPortGetLogicalUnit"
        | "StorPortGetSrb"
        | "StorPortAllocateRegistryBuffer"
        | "ExAllocatePool"
        | "ExAllocatePool2"
        | "ExAllocatePoolWithTag"
        | "ExAllocatePoolWithTagPriority"
        | "ExAllocatePoolZero" => Some(0),
        // The pointer that they fill in stays as it is.
        "StorPortExtendedFunction" => matches!(
            number,
            code::ALLOCATE_POOL
                | code::ALLOCATE_MDL
                | code::ALLOCATE_CONTIGUOUS_MEMORY_SPECIFY_CACHE_NODE
                | code::ALLOCATE_DMA_MEMORY
                | code::GET_SYSTEM_ADDRESS
                | code::INITIALIZE_WORKER
                | code::INITIALIZE_TIMER
        )
        .then_some(u64::from(STOR_STATUS_INSUFFICIENT_RESOURCES)),
        _ => None,
    }
}

/// What was made to fail so far.
#[derive(Clone, Debug, Default)]
pub struct Exhaust {
    done: BTreeSet<Site>,
    calls_of_life: BTreeMap<(&'static str, u32, u64), u32>,
    failed: Option<Site>,
    armed: bool,
}

impl Exhaust {
    /// A new life begins, in which one call is going to fail.
    pub fn begin_life(&mut self) {
        self.calls_of_life.clear();
        self.failed = None;
        self.armed = true;
    }

    /// The life is over; what failed in it, `None` if nothing was left to fail.
    pub fn end_life(&mut self) -> Option<Site> {
        self.armed = false;
        self.failed.take()
    }

    /// A call of a routine that can fail: whether this one does.
    pub fn fails(&mut self, routine: &'static str, code: u32, rva: u64) -> bool {
        if !self.armed {
            return false;
        }
        let call = self.calls_of_life.entry((routine, code, rva)).or_default();
        *call += 1;
        let site = Site {
            routine,
            code,
            rva,
            call: *call,
        };
        if self.failed.is_some() || site.call > CALLS_PER_PLACE || !self.done.insert(site) {
            return false;
        }
        self.failed = Some(site);
        true
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    const BASE: &str = "StorPortGetDeviceBase";
    const POOL: &str = "StorPortExtendedFunction";

    /// A driver that gives up at the first failure; returns the place at which it did.
    fn life(exhaust: &mut Exhaust) -> Option<u64> {
        exhaust.begin_life();
        [(BASE, 0, 0x10), (BASE, 0, 0x10), (POOL, 0, 0x20)]
            .into_iter()
            .find(|(routine, code, rva)| exhaust.fails(routine, *code, *rva))
            .map(|(_, _, rva)| rva)
    }

    #[test]
    fn each_place_fails_once_and_then_a_life_goes_through() {
        let mut exhaust = Exhaust::default();
        let mut failures = Vec::new();
        for _ in 0..4 {
            let at = life(&mut exhaust);
            assert_eq!(exhaust.end_life().map(|site| site.rva), at);
            failures.push(at);
        }
        assert_eq!(failures, [Some(0x10), Some(0x10), Some(0x20), None]);
    }

    #[test]
    fn one_call_fails_in_a_life_and_none_between_lives() {
        let mut exhaust = Exhaust::default();
        assert!(!exhaust.fails(BASE, 0, 0x10));
        exhaust.begin_life();
        assert!(exhaust.fails(BASE, 0, 0x10));
        assert!(!exhaust.fails(BASE, 0, 0x30));
        let site = exhaust.end_life().unwrap();
        assert_eq!((site.rva, site.call), (0x10, 1));
        assert!(!exhaust.fails(BASE, 0, 0x30));
    }

    #[test]
    fn a_call_in_a_loop_does_not_go_on_for_ever() {
        let mut exhaust = Exhaust::default();
        let mut lives = 0;
        loop {
            exhaust.begin_life();
            for _ in 0..1000 {
                exhaust.fails("StorPortGetScatterGatherList", 0, 0x40);
            }
            if exhaust.end_life().is_none() {
                break;
            }
            lives += 1;
        }
        assert_eq!(lives, CALLS_PER_PLACE);
    }

    #[test]
    fn only_what_can_fail_is_refused() {
        assert_eq!(refusal(BASE, 0), Some(0));
        assert_eq!(refusal(POOL, code::ALLOCATE_POOL), Some(0xC100_0003));
        assert_eq!(refusal(POOL, code::FREE_POOL), None);
        assert_eq!(refusal("StorPortInitialize", 0), None);
        assert_eq!(refusal("StorPortNotification", 0), None);
    }
}
