//! Which request queue a processor uses when the port has nothing to say about a request.
//!
//! Key type: [`Homes`], a table by processor that is made once, when the performance options are negotiated. A processor uses a queue
//! whose message goes to it, so that the completion runs where the request came from. Several such queues are shared among the
//! processors that could use them; a processor that no message goes to takes one by its number.

use core::sync::atomic::{AtomicU8, Ordering};

use ddi::context::Affinity;

use super::QUEUES_MAX;

/// Processors in the table: four whole groups. Those beyond take a queue by their number.
const PROCESSORS: usize = 256;
/// The table was not made.
const NONE: u8 = u8::MAX;

/// The queue of each processor, by its number as [`ddi::port::Port::current_processor`] gives it.
#[derive(Debug)]
pub(crate) struct Homes([AtomicU8; PROCESSORS]);

impl Homes {
    /// Every processor takes a queue by its number.
    pub(super) const fn by_number() -> Self {
        Self([const { AtomicU8::new(NONE) }; PROCESSORS])
    }

    /// Makes the table for queues whose messages go to these processors, in the order of the queues. Before there are requests.
    pub(super) fn settle(&self, affinities: &[Affinity]) {
        let queues = u16::try_from(affinities.len()).unwrap_or(QUEUES_MAX);
        for (processor, place) in (0u32..).zip(&self.0) {
            let queue = home(processor, queues, |queue| {
                affinities
                    .get(usize::from(queue))
                    .is_some_and(|affinity| affinity.contains(processor))
            });
            place.store(u8::try_from(queue).unwrap_or(NONE), Ordering::Relaxed);
        }
    }

    /// The queue of a processor, below `queues`, which is not 0. One load.
    #[inline]
    pub(super) fn of(&self, processor: u32, queues: u16) -> u16 {
        let settled = usize::try_from(processor)
            .ok()
            .and_then(|index| self.0.get(index))
            .map_or(NONE, |queue| queue.load(Ordering::Relaxed));
        if u16::from(settled) < queues {
            u16::from(settled)
        } else {
            by_number(processor, queues)
        }
    }
}

/// A queue of a processor by its number alone.
fn by_number(processor: u32, queues: u16) -> u16 {
    processor
        .checked_rem(u32::from(queues))
        .and_then(|queue| u16::try_from(queue).ok())
        .unwrap_or(0)
}

/// The queue of a processor, of those that `goes_here` holds for, if it does for any.
fn home(processor: u32, queues: u16, goes_here: impl Fn(u16) -> bool) -> u16 {
    let usual = by_number(processor, queues);
    if goes_here(usual) {
        return usual;
    }
    let near = || (0..queues).filter(|&queue| goes_here(queue));
    let count = u16::try_from(near().count()).unwrap_or(0);
    near()
        .nth(usize::from(by_number(processor, count)))
        .unwrap_or(usual)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(group: u16, mask: u64) -> Affinity {
        Affinity { group, mask }
    }

    fn homes<const N: usize>(affinities: &[Affinity], processors: [u32; N]) -> [u16; N] {
        let homes = Homes::by_number();
        homes.settle(affinities);
        let queues = u16::try_from(affinities.len()).unwrap();
        processors.map(|processor| homes.of(processor, queues))
    }

    #[test]
    fn each_processor_has_the_queue_whose_message_goes_to_it() {
        let turned = [at(0, 0b0010), at(0, 0b0100), at(0, 0b1000), at(0, 0b0001)];
        assert_eq!(homes(&turned, [0, 1, 2, 3]), [3, 0, 1, 2]);
        // Several processors for each message.
        let pairs = [at(0, 0b0011), at(0, 0b1100)];
        assert_eq!(homes(&pairs, [0, 1, 2, 3]), [0, 0, 1, 1]);
    }

    #[test]
    fn queues_that_all_go_to_a_processor_are_shared_by_its_neighbours() {
        assert_eq!(
            homes(&[at(0, 0xFF); 4], [0, 1, 2, 3, 4, 7]),
            [0, 1, 2, 3, 0, 3]
        );
        // Two nodes of four processors with two queues each.
        let nodes = [at(0, 0x0F), at(0, 0x0F), at(0, 0xF0), at(0, 0xF0)];
        assert_eq!(
            homes(&nodes, [0, 1, 2, 3, 4, 5, 6, 7]),
            [0, 1, 0, 1, 2, 3, 2, 3]
        );
    }

    #[test]
    fn a_processor_that_no_message_goes_to_takes_one_by_its_number() {
        assert_eq!(
            homes(&[at(0, 0b1000), at(0, 0)], [0, 1, 2, 3]),
            [0, 1, 0, 0]
        );
        assert_eq!(homes(&[Affinity::NOWHERE; 3], [0, 1, 2, 3]), [0, 1, 2, 0]);
        // Before the negotiation, and beyond the table.
        assert_eq!(Homes::by_number().of(5, 4), 1);
        assert_eq!(homes(&[at(0, 2), at(0, 1)], [257, 1_000_000]), [1, 0]);
    }

    #[test]
    fn processors_of_another_group_are_others() {
        let groups = [at(1, 0b01), at(0, 0b01), at(1, 0b10), at(0, 0b10)];
        assert_eq!(homes(&groups, [0, 1, 64, 65]), [1, 3, 0, 2]);
        // 66 is nobody's.
        assert_eq!(homes(&groups, [66]), [2]);
    }
}
