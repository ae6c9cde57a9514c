//! Checks that the exports share: device extension, IRQL, calling routine, output pointers.

use zerocopy::{Immutable, IntoBytes};

use super::super::{adapter, callback::Routine};
use crate::{
    exports::ExportCall,
    irql::{self, Irql},
    mem::{self, Va},
    processors,
    rules::{self, Rule},
};

/// Whether argument `n` is the adapter's device extension.
pub(super) fn is_adapter(call: &ExportCall, n: u64) -> bool {
    let given = call.va(n);
    let expected = adapter::extension();
    rules::demand(
        Rule::PortArgument,
        !expected.is_null() && given == expected,
        format_args!(
            "{}: HwDeviceExtension is {given}, the adapter's is {expected}",
            call.export.name
        ),
    )
}

/// Whether the IRQL is at most `limit`.
pub(super) fn irql_at_most(what: &str, limit: Irql) -> bool {
    let now = irql::current();
    rules::demand(
        Rule::StorPortIrql,
        now <= limit,
        format_args!("{what} is called at IRQL {now}; it is limited to {limit}"),
    )
}

/// The routine that the miniport is in; `None` in DriverEntry.
pub(super) fn routine() -> Option<Routine> {
    adapter::with(|adapter| adapter.locks.routine(processors::current())).flatten()
}

/// Whether the miniport is in one of `allowed`.
pub(super) fn called_from(rule: Rule, what: &str, allowed: &[Routine]) -> bool {
    let routine = routine();
    rules::demand(
        rule,
        routine.is_some_and(|routine| allowed.contains(&routine)),
        format_args!(
            "{what} is called from {}",
            routine.map_or("outside of any callback", Routine::name)
        ),
    )
}

/// A call that waits or allocates, which `HwStorStartIo` must not make.
pub(super) fn may_wait(what: &str) {
    let must_not = routine().is_some_and(Routine::must_not_wait);
    rules::demand(
        Rule::SpNoWait,
        !must_not,
        format_args!("{what} is called from HwStorStartIo"),
    );
}

/// Writes an output parameter; a bad pointer is the miniport's fault. False if it could not be written.
pub(super) fn put<T: IntoBytes + Immutable>(what: &str, to: Va, value: &T) -> bool {
    match mem::write(to, value) {
        Ok(()) => {
            rules::check(Rule::PortArgument);
            true
        }
        Err(fault) => {
            rules::violate(
                Rule::PortArgument,
                format_args!("{what}: the output pointer {to} cannot be written: {fault}"),
            );
            false
        }
    }
}
