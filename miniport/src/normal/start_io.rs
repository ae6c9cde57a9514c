//! `HwStorStartIo`: hands prepared requests to the device. No waiting, no allocation; for a burst one index store and at most one doorbell.

use ddi::{
    adapter::Started,
    context::StartIoContext,
    port::Port,
    srb::{Function, Srb},
    status::SrbStatus,
};
use hba::ring::SubmitError;

use super::{
    NormalAdapter,
    queue::{Left, Refused},
};
use crate::{lifecycle::State, status};

impl NormalAdapter {
    #[inline]
    pub(super) fn start(&self, context: &mut StartIoContext<'_, Self>, srb: Srb<Self>) -> Started {
        let state = self.lifecycle.state();
        if state != State::Running {
            return refuse(context.port(), srb, state);
        }
        // What HwStorBuildIo has prepared is a command, and nearly everything is: it is not asked for the function again.
        self.submit(context, srb)
    }

    /// Everything but commands.
    #[cold]
    #[inline(never)]
    fn start_other(&self, context: &mut StartIoContext<'_, Self>, srb: Srb<Self>) -> Started {
        match srb.function() {
            Function::ResetLogicalUnit | Function::ResetDevice | Function::ResetBus => {
                self.start_reset(context, srb)
            }
            Function::AbortCommand => self.start_abort(context, srb),
            _ => Started::Completed(srb.complete(context.port(), SrbStatus::InvalidRequest)),
        }
    }

    /// Puts a prepared request into its queue.
    #[inline]
    fn submit(&self, context: &mut StartIoContext<'_, Self>, srb: Srb<Self>) -> Started {
        let port = context.port();
        let Some(queue) = self.queue_for(port, &srb) else {
            return Started::Completed(srb.complete(port, SrbStatus::Busy));
        };
        let submitted = queue
            .state
            .with(context.at_dispatch(), |state| state.submit(srb));
        match submitted {
            Ok((parked, left)) => {
                if left == Left::Call {
                    queue.dpc.issue(port);
                }
                Started::Pending(parked)
            }
            Err((srb, Refused::NotPrepared)) => self.start_other(context, srb),
            Err((srb, Refused::ByRing(error))) => send_back(port, srb, error),
        }
    }
}

/// A request that the queue did not take.
#[cold]
#[inline(never)]
fn send_back(port: Port<'_>, srb: Srb<NormalAdapter>, error: SubmitError) -> Started {
    Started::Completed(match error {
        SubmitError::Full => status::complete(srb, port, &status::QUEUE_IS_FULL, |_, _| 0),
        SubmitError::TooLong | SubmitError::WrongFormat => {
            srb.complete(port, SrbStatus::InvalidRequest)
        }
        SubmitError::Empty => srb.complete(port, SrbStatus::Error),
        SubmitError::Faulted(_) | SubmitError::Closed => srb.complete(port, SrbStatus::Busy),
    })
}

/// A request for an adapter that does not run.
#[cold]
#[inline(never)]
fn refuse(port: Port<'_>, srb: Srb<NormalAdapter>, state: State) -> Started {
    let status = match state {
        State::Found | State::Running | State::Stopped => SrbStatus::Busy,
        State::Failed | State::Removed => SrbStatus::NoHba,
    };
    Started::Completed(srb.complete(port, status))
}
