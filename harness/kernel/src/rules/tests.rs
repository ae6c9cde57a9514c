//! The table of rules: complete, and every name once.

use alloc::collections::BTreeSet;

use super::*;

#[test]
fn all_44_sdv_rules_are_listed() {
    let sdv = Rule::ALL
        .iter()
        .filter(|rule| rule.info().set == RuleSet::Sdv)
        .count();
    assert_eq!(sdv, 44);
}

#[test]
fn names_are_unique_and_indices_match() {
    let names: BTreeSet<&str> = Rule::ALL.iter().map(|rule| rule.name()).collect();
    assert_eq!(names.len(), Rule::COUNT);
    for (index, rule) in Rule::ALL.iter().enumerate() {
        assert_eq!(rule.index(), index, "{}", rule.name());
    }
}

#[test]
fn a_breach_is_counted_always_and_reported_up_to_the_limit() {
    let rule = Rule::StorPortTimer;
    let before = violations(rule);
    for number in 0..REPORTS_PER_RULE + 3 {
        assert!(!demand(rule, false, format_args!("breach {number}")));
    }
    assert_eq!(violations(rule) - before, REPORTS_PER_RULE + 3);
    let reports = host::take_reports();
    assert_eq!(reports.len() as u64, REPORTS_PER_RULE);
    assert_eq!(reports[0], (rule, "breach 0".into()));
}

#[test]
fn a_rule_that_holds_is_counted_and_not_reported() {
    let rule = Rule::SpDuplex;
    let before = checks(rule);
    assert!(demand(rule, true, "unused"));
    assert_eq!(checks(rule), before + 1);
    assert_eq!(violations(rule), 0);
}

#[test]
fn unchecked_rules_are_in_the_final_list_by_name() {
    let states = states();
    assert_eq!(states.len(), Rule::COUNT);
    let null_check = states.iter().find(|state| state.rule == "NullCheck");
    assert_eq!(
        null_check.map(|state| &state.state),
        Some(&RuleOutcome::NotChecked)
    );
    let count = checks(Rule::NullCheck);
    check(Rule::NullCheck);
    let asked_for = super::states();
    let null_check = asked_for.iter().find(|state| state.rule == "NullCheck");
    assert_eq!(
        null_check.map(|state| &state.state),
        Some(&RuleOutcome::Checked {
            checks: count + 1,
            violations: 0
        })
    );
    let queued = states.iter().find(|state| state.rule == "QueuedSpinLock");
    assert!(matches!(
        queued.map(|state| &state.state),
        Some(RuleOutcome::NotApplicable(_))
    ));
}

#[test]
fn counters_that_were_lost_are_added() {
    let rule = Rule::SpIrql;
    let before = counters();
    let mut after = before.clone();
    after[rule.index()] = [before[rule.index()][0] + 5, before[rule.index()][1] + 2];
    absorb(&before, &after);
    assert_eq!(checks(rule), before[rule.index()][0] + 5);
    assert_eq!(violations(rule), before[rule.index()][1] + 2);
}
