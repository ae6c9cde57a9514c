//! Processors: how many there are, which one this is, and which message suits a request.
//!
//! Methods of [`Port`]. Source: `nf-storport-storportgetactivegroupcount.md`, `nf-storport-storportgetgroupaffinity.md`,
//! `nf-storport-storportgetcurrentprocessornumber.md`, `nf-storport-storportgetstartioperfparams.md`.
#![expect(unsafe_code, reason = "calls services with out-parameters")]
// UNSAFETY: answers come through raw pointers.

use wdk_sys::{PROCESSOR_NUMBER, STARTIO_PERFORMANCE_PARAMETERS};

use crate::{adapter::Adapter, inlines, port::Port, srb::Srb, status::StorError};

/// Processors of a group at most: bits of a `KAFFINITY`.
pub(crate) const GROUP_PROCESSORS: u32 = u64::BITS;

impl Port<'_> {
    /// Processors of the system, all groups together; `None` when the port does not tell. IRQL: at most `DISPATCH_LEVEL`.
    #[must_use]
    pub fn processor_count(self) -> Option<u32> {
        let mut groups = 0;
        // SAFETY: the extension is live (type invariant of Port); the count is a local.
        let code =
            unsafe { inlines::StorPortGetActiveGroupCount(self.extension(), &raw mut groups) };
        StorError::check(code).ok()?;
        let mut processors = 0u32;
        for group in 0..groups {
            let mut mask = 0;
            // SAFETY: as above, with the mask.
            let code = unsafe {
                inlines::StorPortGetGroupAffinity(self.extension(), group, &raw mut mask)
            };
            StorError::check(code).ok()?;
            processors = processors.saturating_add(mask.count_ones());
        }
        (processors != 0).then_some(processors)
    }

    /// A number of the processor that runs this, different for each; `None` when the port does not tell. IRQL: at most `DISPATCH_LEVEL`.
    #[must_use]
    #[inline]
    pub fn current_processor(self) -> Option<u32> {
        let mut number = PROCESSOR_NUMBER::default();
        // SAFETY: the extension is live (type invariant of Port); the number is a local.
        let code = unsafe {
            inlines::StorPortGetCurrentProcessorNumber(self.extension(), &raw mut number)
        };
        StorError::check(code).ok()?;
        Some(u32::from(number.Group) * GROUP_PROCESSORS + u32::from(number.Number))
    }

    /// The message by which the device had best answer a request, from `HwStorStartIo` alone; `None` when the port has none.
    /// IRQL: `DISPATCH_LEVEL`.
    #[must_use]
    #[inline]
    pub fn message_of<A: Adapter>(self, srb: &Srb<A>) -> Option<u32> {
        let mut parameters = STARTIO_PERFORMANCE_PARAMETERS {
            Size: size_of::<STARTIO_PERFORMANCE_PARAMETERS>() as u32,
            ..Default::default()
        };
        // SAFETY: (1) the extension is live (type invariant of Port); (2) the request is one that the port passed to `HwStorStartIo` and
        // that was not completed since; (3) the structure is a local of the size that it says.
        let code = unsafe {
            inlines::StorPortGetStartIoPerfParams(
                self.extension(),
                srb.pointer(),
                &raw mut parameters,
            )
        };
        StorError::check(code).ok()?;
        // 0 stands for none.
        (parameters.MessageNumber != 0).then_some(parameters.MessageNumber)
    }
}
