//! The rule registry: every rule that the bench knows, how often it was looked at, how often it was broken.
//!
//! * [`Rule`] names them; [`table`] holds set, meaning and coverage of each.
//! * [`check`] counts a look, [`violate`] reports a breach, [`demand`] does both.
//! * [`states`] is the list for the end of the run, with the rules that are not checked yet by name.
//!
//! Neighbours: everything that serves a driver calls in here; `record` carries the reports to the host.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::{
    fmt::Display,
    sync::atomic::{AtomicU64, Ordering},
};

use proto::record::{RuleOutcome, RuleState};

mod table;
#[cfg(test)]
mod tests;

pub use table::{Coverage, Rule, RuleInfo, RuleSet};

/// Reports of one rule that are sent in full; later ones are only counted, so that a driver that breaks a rule in
/// each request does not drown the rest.
pub const REPORTS_PER_RULE: u64 = 8;

static CHECKS: [AtomicU64; Rule::COUNT] = [const { AtomicU64::new(0) }; Rule::COUNT];
static VIOLATIONS: [AtomicU64; Rule::COUNT] = [const { AtomicU64::new(0) }; Rule::COUNT];

/// Counts one look at `rule`.
pub fn check(rule: Rule) {
    count(&CHECKS, rule);
}

/// Reports that `rule` was broken, with the values that show it. Any IRQL.
pub fn violate(rule: Rule, detail: impl Display) {
    if count(&VIOLATIONS, rule) < REPORTS_PER_RULE {
        emit(rule, detail.to_string());
    }
}

/// Counts a look at `rule` and reports a breach unless `holds`; returns `holds`.
pub fn demand(rule: Rule, holds: bool, detail: impl Display) -> bool {
    check(rule);
    if !holds {
        violate(rule, detail);
    }
    holds
}

/// Looks at `rule` so far.
#[must_use]
pub fn checks(rule: Rule) -> u64 {
    load(&CHECKS, rule)
}

/// Breaches of `rule` so far.
#[must_use]
pub fn violations(rule: Rule) -> u64 {
    load(&VIOLATIONS, rule)
}

/// Breaches of all rules so far.
#[must_use]
pub fn total_violations() -> u64 {
    VIOLATIONS
        .iter()
        .map(|counter| counter.load(Ordering::Relaxed))
        .sum()
}

/// All counters, looks and breaches of each rule in the order of the table: what happens between the freeze and the
/// power-off is not in the memory that comes back, so it travels with the image ([`absorb`]).
#[must_use]
pub fn counters() -> Vec<[u64; 2]> {
    Rule::ALL
        .iter()
        .map(|&rule| [checks(rule), violations(rule)])
        .collect()
}

/// Adds what [`counters`] grew by from `before` to `after`.
pub fn absorb(before: &[[u64; 2]], after: &[[u64; 2]]) {
    for ((&rule, old), new) in Rule::ALL.iter().zip(before).zip(after) {
        let [looks, breaches] = [0, 1].map(|kind| new[kind].saturating_sub(old[kind]));
        for (counters, more) in [(&CHECKS, looks), (&VIOLATIONS, breaches)] {
            if let Some(counter) = counters.get(rule.index()) {
                counter.fetch_add(more, Ordering::Relaxed);
            }
        }
    }
}

/// Every rule with what became of it, in the order of the table.
#[must_use]
pub fn states() -> Vec<RuleState> {
    Rule::ALL
        .iter()
        .map(|&rule| RuleState {
            rule: String::from(rule.name()),
            state: outcome(rule),
        })
        .collect()
}

fn outcome(rule: Rule) -> RuleOutcome {
    let (checks, violations) = (checks(rule), violations(rule));
    match rule.info().coverage {
        Coverage::OnRequest if checks == 0 && violations == 0 => RuleOutcome::NotChecked,
        Coverage::Checked | Coverage::OnRequest => RuleOutcome::Checked {
            checks: checks.max(violations),
            violations,
        },
        Coverage::NotApplicable(reason) => RuleOutcome::NotApplicable(String::from(reason)),
    }
}

fn count(counters: &[AtomicU64; Rule::COUNT], rule: Rule) -> u64 {
    counters
        .get(rule.index())
        .map_or(0, |counter| counter.fetch_add(1, Ordering::Relaxed))
}

fn load(counters: &[AtomicU64; Rule::COUNT], rule: Rule) -> u64 {
    counters
        .get(rule.index())
        .map_or(0, |counter| counter.load(Ordering::Relaxed))
}

#[cfg(target_os = "none")]
fn emit(rule: Rule, detail: String) {
    let context = crate::call::context();
    crate::record::emit(&proto::record::Record::Violation(
        proto::record::Violation {
            rule: String::from(rule.name()),
            role: context.role,
            detail,
            callback: context.callback,
            trace: context.trace,
        },
    ));
}

/// On Linux the reports go to the test that provokes them.
#[cfg(not(target_os = "none"))]
fn emit(rule: Rule, detail: String) {
    host::REPORTS.with(|reports| reports.borrow_mut().push((rule, detail)));
}

/// What unit tests on Linux read instead of the debug console.
#[cfg(not(target_os = "none"))]
pub mod host {
    extern crate std;

    use alloc::{string::String, vec::Vec};
    use core::cell::RefCell;

    use super::Rule;

    std::thread_local! {
        pub(super) static REPORTS: RefCell<Vec<(Rule, String)>> = const { RefCell::new(Vec::new()) };
    }

    /// Takes the reports that this thread produced.
    #[must_use]
    pub fn take_reports() -> Vec<(Rule, String)> {
        REPORTS.with(|reports| core::mem::take(&mut *reports.borrow_mut()))
    }
}
