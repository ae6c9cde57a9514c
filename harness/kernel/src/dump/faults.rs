//! A dump instance touched memory that is not there: which rule is that?
//!
//! [`hook`] names the rule; the fault handler then stops the system. In `MARK_MEMORY` the HBA's registers
//! are hidden; in RESUME every page is hidden that neither the loader restored nor the instance has read yet.

use alloc::{format, string::String};

use proto::owner::{Owner, Role};

use super::{
    instance::{self, Port},
    mark,
    mode::DumpMode,
};
use crate::{
    fault::{Fault, FaultAction},
    hibernate::ranges::Span,
    mem::Va,
    mmio,
    rules::{self, Rule},
};

/// Names the rule before the system stops; for `fault::add_hook`.
#[must_use]
pub fn hook(fault: &Fault) -> FaultAction {
    if matches!(fault.role, Some(Role::Hiber | Role::Crash))
        && let Some((rule, text)) = classify(fault.address)
    {
        rules::violate(rule, text);
    }
    FaultAction::Pass
}

/// The rule that an access to `va` breaks, with a description; `None` if this module knows nothing of it.
fn classify(va: Va) -> Option<(Rule, String)> {
    instance::try_with(|port| match port.instance.mode {
        DumpMode::MarkMemory if mmio::find(va).is_some() => Some((
            Rule::DumpHardwareInMarkMemory,
            format!("the HBA's register at {va} is touched in mode MARK_MEMORY"),
        )),
        DumpMode::Resume => in_resume(port, va),
        _ => None,
    })
    .flatten()
}

fn in_resume(port: &Port, va: Va) -> Option<(Rule, String)> {
    let block = mark::block_at(va)?;
    let begun = block
        .runs
        .iter()
        .filter_map(|run| Span::new(run.address, run.bytes))
        .any(|span| port.stack.kept_marks.touches(span));
    let place = format!(
        "byte {} of \"{}\" ({} bytes at {})",
        va.0 - block.va.0,
        block.name,
        block.bytes,
        block.va
    );
    let context = mark::context_object(port).is_some_and(|(context, _)| context == block.va);
    let (rule, what) = if begun {
        (Rule::DumpMarkIncomplete, "which is marked only in part")
    } else if context || matches!(block.owner, Owner::DumpContext(_)) {
        (
            Rule::DumpMarkMissing,
            "the dump context, which is not marked",
        )
    } else {
        (
            Rule::DumpUnmarkedAccess,
            "which is neither marked nor the port's",
        )
    };
    Some((rule, format!("RESUME touches {place}, {what}")))
}
