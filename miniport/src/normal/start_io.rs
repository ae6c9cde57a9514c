//! `HwStorStartIo`: hands prepared requests to the device. No waiting, no allocation; one index store and at most one doorbell.

use ddi::{
    adapter::Started,
    context::StartIoContext,
    port::Port,
    srb::{Function, Srb},
    status::SrbStatus,
};
use hba::ring::SubmitError;

use super::{Engine, NormalAdapter, interrupt::place_of};
use crate::{lifecycle::State, status};

impl NormalAdapter {
    #[inline]
    pub(super) fn start(&self, context: &mut StartIoContext<'_, Self>, srb: Srb<Self>) -> Started {
        let state = self.lifecycle.state();
        if state != State::Running {
            let (port, _) = context.split();
            return refuse(port, srb, state);
        }
        match srb.function() {
            Function::ExecuteScsi | Function::Flush | Function::Shutdown => {
                let (port, held) = context.split();
                self.engine.get(held).submit(port, srb)
            }
            Function::ResetLogicalUnit | Function::ResetDevice | Function::ResetBus => {
                self.start_reset(context, srb)
            }
            Function::AbortCommand => self.start_abort(context, srb),
            _ => {
                let (port, _) = context.split();
                Started::Completed(srb.complete(port, SrbStatus::InvalidRequest))
            }
        }
    }
}

impl Engine {
    /// Puts a prepared request into the ring and tells the device.
    #[inline]
    fn submit(&mut self, port: Port<'_>, srb: Srb<NormalAdapter>) -> Started {
        let (Some(running), Some(ticket)) = (&mut self.running, srb.attached()) else {
            return Started::Completed(srb.complete(port, SrbStatus::Error));
        };
        let Some(window) = srb.extension() else {
            return Started::Completed(srb.complete(port, SrbStatus::Error));
        };
        match running.requests.submit(&window, &ticket.prepared, 0) {
            Ok(tag) => match self.requests.park(place_of(tag), srb, tag.get()) {
                Ok(parked) => {
                    running.requests.publish();
                    Started::Pending(parked)
                }
                // The table and the ring always agree; if they did not, the device would not have seen the request yet.
                Err(srb) => Started::Completed(srb.complete(port, SrbStatus::Error)),
            },
            Err(SubmitError::Full) => Started::Completed(status::complete(
                srb,
                port,
                &status::QUEUE_IS_FULL,
                |_, _| 0,
            )),
            Err(SubmitError::TooLong | SubmitError::WrongFormat) => {
                Started::Completed(srb.complete(port, SrbStatus::InvalidRequest))
            }
            Err(SubmitError::Faulted(_) | SubmitError::Closed | SubmitError::Empty) => {
                Started::Completed(srb.complete(port, SrbStatus::Busy))
            }
        }
    }
}

/// A request for an adapter that does not run.
#[cold]
fn refuse(port: Port<'_>, srb: Srb<NormalAdapter>, state: State) -> Started {
    let status = match state {
        State::Found | State::Running | State::Stopped => SrbStatus::Busy,
        State::Failed | State::Removed => SrbStatus::NoHba,
    };
    Started::Completed(srb.complete(port, status))
}
