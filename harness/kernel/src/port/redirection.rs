//! Which processor a DPC of the miniport runs on.
//!
//! `StorPortIssueDpc` queues by `KeInsertQueueDpc` (its page), that is on the processor that runs ("Organization of DPC Queues"). With
//! `STOR_PERF_DPC_REDIRECTION` the port spreads DPCs over processors, unless `STOR_PERF_DPC_REDIRECTION_CURRENT_CPU` asks for the one that
//! requests it (`ns-storport-_perf_configuration_data.md`). Which one it is otherwise is open: now and then another, by the seed. Pure.
//!
//! A DPC object that is in no queue may be issued, so also one whose routine runs: the routine may then run on two processors. The page of
//! `StorPortIssueDpc` concludes from the same fact that it never does; the bench keeps to the queue, which is the stricter of the two.

use super::{
    abi::services::{STOR_PERF_DPC_REDIRECTION, STOR_PERF_DPC_REDIRECTION_CURRENT_CPU},
    random::Random,
};

/// Of so many DPCs one is redirected.
const ONE_IN: u64 = 4;

/// The processor for a DPC that `here` issues, of `count`, with the performance options `flags` granted.
#[must_use]
pub fn processor(flags: u32, random: &mut Random, here: usize, count: usize) -> usize {
    let is_spread = flags & STOR_PERF_DPC_REDIRECTION != 0
        && flags & STOR_PERF_DPC_REDIRECTION_CURRENT_CPU == 0;
    if count < 2 || !is_spread || !random.one_in(ONE_IN) {
        return here;
    }
    let others = u64::try_from(count - 1).unwrap_or(1);
    let step = usize::try_from(1 + random.below(others)).unwrap_or(1);
    (here + step) % count
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: u32 = STOR_PERF_DPC_REDIRECTION | STOR_PERF_DPC_REDIRECTION_CURRENT_CPU;

    /// How often each of four processors is chosen in 400 DPCs that processor 2 issues.
    fn spread(flags: u32) -> [u32; 4] {
        let mut random = Random::new(9, "test");
        let mut chosen = [0; 4];
        for _ in 0..400 {
            chosen[processor(flags, &mut random, 2, 4)] += 1;
        }
        chosen
    }

    #[test]
    fn a_dpc_leaves_its_processor_only_if_the_miniport_lets_the_port_spread_them() {
        for flags in [0, BOTH, STOR_PERF_DPC_REDIRECTION_CURRENT_CPU] {
            assert_eq!(spread(flags), [0, 0, 400, 0], "{flags:#x}");
        }
        let [first, second, own, last] = spread(STOR_PERF_DPC_REDIRECTION);
        assert!(
            [first, second, last].iter().all(|count| *count > 10) && own > 250,
            "{first} {second} {own} {last}"
        );
    }

    #[test]
    fn a_single_processor_runs_them_all() {
        let mut random = Random::new(9, "test");
        for _ in 0..50 {
            assert_eq!(processor(STOR_PERF_DPC_REDIRECTION, &mut random, 0, 1), 0);
        }
    }
}
