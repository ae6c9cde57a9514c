//! `DUMP_POINTERS` and `FREE_DUMP_POINTERS`: what the dump life needs to know, in memory of its own.
//!
//! The port asks once for the crash stack and once for each hibernation, so each answer is a context of its own.

use ddi::{
    adapter::Built,
    context::BuildIoContext,
    dump::DumpPointers,
    recorder::{self, Event},
    srb::Srb,
    status::{SrbStatus, StorError},
};

use super::NormalAdapter;
use crate::{dump_context::DumpContext, request::PATH};

impl NormalAdapter {
    /// `DUMP_POINTERS`: the request's unit is the one that the dump goes to.
    #[cold]
    pub(super) fn hand_out_dump_pointers(
        &self,
        context: &BuildIoContext<'_, Self>,
        mut srb: Srb<Self>,
    ) -> Built<Self> {
        let status = match self.answer_dump_pointers(context, &mut srb) {
            Ok(()) => SrbStatus::Success,
            Err(StorError::BufferTooSmall | StorError::InvalidParameter) => {
                SrbStatus::InvalidRequest
            }
            Err(_) => SrbStatus::InsufficientResources,
        };
        Built::Completed(srb.complete(context.port(), status))
    }

    fn answer_dump_pointers(
        &self,
        context: &BuildIoContext<'_, Self>,
        srb: &mut Srb<Self>,
    ) -> Result<(), StorError> {
        let unit = srb.address();
        let found = self.found.as_ref().filter(|_| unit.path == PATH);
        let (found, plan) = found
            .and_then(|found| Some((found, found.dump_plan.as_ref()?)))
            .ok_or(StorError::InvalidParameter)?;
        let contents = DumpContext {
            unit,
            plan: *plan,
            ranges: found.ranges,
        }
        .encode();
        let private_data = self.dump_contexts.hand_out(context, &contents)?;
        let answer = DumpPointers {
            private_data,
            maximum_transfer_bytes: plan.transfer_bytes(),
            physical_breaks: plan.segments().into(),
        };
        recorder::record(
            Event::DumpPointers,
            private_data.addr().get() as u64,
            contents.len() as u64,
        );
        srb.answer_dump_pointers(&answer).inspect_err(|_| {
            // The port cannot take it, so it will not give it back either.
            let _ = self.dump_contexts.take_back(context, private_data.as_ptr());
        })
    }

    /// `FREE_DUMP_POINTERS`: the context comes back.
    #[cold]
    pub(super) fn take_back_dump_pointers(
        &self,
        context: &BuildIoContext<'_, Self>,
        mut srb: Srb<Self>,
    ) -> Built<Self> {
        let returned = srb.returned_dump_data().and_then(|pointer| {
            if pointer.is_null() {
                Ok(())
            } else {
                self.dump_contexts.take_back(context, pointer)
            }
        });
        let status = match returned {
            Ok(()) => SrbStatus::Success,
            Err(_) => SrbStatus::InvalidRequest,
        };
        Built::Completed(srb.complete(context.port(), status))
    }
}
