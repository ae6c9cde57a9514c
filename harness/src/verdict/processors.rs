//! Several processors: that they were at work.

use super::{Evidence, Finding};

/// `processors-at-work`: each processor asked for ran callbacks of the driver, and at least two did so at the same time.
pub(super) fn processors_at_work(evidence: &Evidence<'_>) -> Finding {
    let asked = evidence.context.setup.options.processors;
    if asked == 1 {
        return Finding::NotApplicable("one processor was asked for".to_owned());
    }
    let Some(seen) = &evidence.report.processors else {
        return Finding::Broken("the kernel gave no account of its processors".to_owned());
    };
    let mut faults = Vec::new();
    if seen.callbacks.len() != usize::try_from(asked).unwrap_or(usize::MAX) {
        faults.push(format!(
            "{} processors instead of {asked}",
            seen.callbacks.len()
        ));
    }
    for (number, _) in seen
        .callbacks
        .iter()
        .enumerate()
        .filter(|(_, callbacks)| **callbacks == 0)
    {
        faults.push(format!("processor {number} never ran the driver"));
    }
    if seen.most_at_once < 2 {
        faults.push("the driver never ran on two processors at the same time".to_owned());
    }
    Finding::unless(
        &faults,
        format!(
            "callbacks by processor: {:?}, {} at the same time; {} of {} reads and writes ended where they began",
            seen.callbacks, seen.most_at_once, seen.completed_at_home, seen.completed
        ),
    )
}
