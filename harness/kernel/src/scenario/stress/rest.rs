//! Rounds in which the miniport is stopped and started again with requests waiting: sleep, and other resources.
//!
//! A third of the requests is on its way when the queues are held, as many reach the miniport in that moment, and as many wait at the
//! port until it runs again. All of them must end well.

use proto::record::{Record, Rest, StressAction};

use super::Course;
use crate::{
    port::{self, PortError, PowerWay, SleepDepth},
    record,
    workload::{Held, Workload},
};

/// Shortest and longest sleep.
const SLEEP_US: (u64, u64) = (1_000, 30_000);

impl Course {
    /// The adapter goes to D3, loses what it knew, and comes back; every other time, from the first on, the whole system sleeps.
    pub(super) fn sleep(&mut self, workload: &mut Workload) -> Result<(), PortError> {
        let (shortest, longest) = SLEEP_US;
        let us = self.random.between(shortest, longest);
        let depth = self.next_sleep;
        self.next_sleep = match depth {
            SleepDepth::System => SleepDepth::Adapter,
            SleepDepth::Adapter => SleepDepth::System,
        };
        self.stop_under(workload, StressAction::Sleep, || {
            let way = port::sleep_and_wake(us, depth)?;
            Ok(Rest::Sleep {
                by_adapter_power: way == PowerWay::AdapterPower,
                system: depth == SleepDepth::System,
            })
        })
    }

    /// The adapter is stopped, and restarted with as many messages or fewer.
    pub(super) fn rebalance(&mut self, workload: &mut Workload) -> Result<(), PortError> {
        let messages = self.other_messages();
        self.stop_under(workload, StressAction::Rebalance, || {
            port::drain()?;
            port::power::rebalance(messages)?;
            Ok(Rest::Rebalance {
                messages: port::messages(),
            })
        })
    }

    /// All messages, half of them, the fewest that are no single one, or a single one. Never the line instead: that is another kind of
    /// resource, and a restart finds those that were assigned (`ne-storport-scsi_adapter_control_type.md`).
    fn other_messages(&mut self) -> u16 {
        let most = self.messages;
        let counts = [most, most.div_ceil(2), 2.min(most), 1.min(most)];
        self.random.pick(&counts).copied().unwrap_or(most)
    }

    /// Runs `stop_and_start` with requests waiting.
    fn stop_under(
        &self,
        workload: &mut Workload,
        action: StressAction,
        stop_and_start: impl FnOnce() -> Result<Rest, PortError>,
    ) -> Result<(), PortError> {
        let share = self.in_flight / 3;
        let mut flight = workload.launch(self.in_flight - 2 * share);
        let Held {
            at_miniport,
            kept_back,
        } = workload.launch_and_hold(share, &mut flight);
        let rest = stop_and_start()?;
        record::emit(&Record::StressRest {
            rest,
            at_miniport,
            kept_back,
        });
        port::release();
        let _ = workload.land(flight, action.name());
        Ok(())
    }
}
