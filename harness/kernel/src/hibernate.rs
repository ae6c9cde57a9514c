//! Hibernation: freezing the system, writing its memory through the dump stack, and coming back.
//!
//! Pure parts, tested on Linux: [`ranges`] (sets of bytes), [`plan`] (which page goes into which set), [`layout`]
//! (where on the partition, in which requests), [`image`] (header and tables). Parts that drive the machine:
//! `context` (what both directions share), `freeze` (shadow copy, hidden pages), `writer`, `reader`. The dump stack
//! itself is in `crate::dump`, the order of events in `crate::scenario`.

pub mod image;
pub mod layout;
pub mod plan;
pub mod ranges;

#[cfg(any(target_os = "none", clippy))]
pub mod context;
#[cfg(any(target_os = "none", clippy))]
pub mod freeze;
#[cfg(any(target_os = "none", clippy))]
pub mod reader;
#[cfg(any(target_os = "none", clippy))]
pub mod writer;

/// Reports the extended functions that the dump instance asked for in vain.
#[cfg(any(target_os = "none", clippy))]
pub(crate) fn report_not_implemented() {
    use crate::{dump::instance, record};
    let codes = instance::with(|port| (port.stack.role, port.instance.not_implemented.clone()));
    let Some((role, codes)) = codes else {
        return;
    };
    for (code, count) in codes {
        record::emit(&proto::record::Record::NotImplemented { role, code, count });
    }
}
