//! A stress run that is good, and what may be wrong with its course.

use proto::record::{HostAction, Record, Rest, StressAction};

use super::{
    super::{Context, judge, sample},
    device::other_disk,
    faults::{Fault, replace},
    outcome,
};
use crate::{
    report::Outcome,
    session::{
        life::{Life, QmpEvent},
        stress::StressEnd,
    },
};

/// The faults, each of which breaks the good course in one place.
pub(super) const FAULTS: &[(&str, Fault)] = &[
    // A run that was to be one, and has no rounds.
    ("stress-course", |_, context| {
        context.setup.options.stress = Some(StressEnd::Rounds(1));
    }),
    ("stress-course", |life, context| {
        good(life, context);
        context.setup.options.stress = Some(StressEnd::Rounds(21));
    }),
    ("stress-course", |life, context| {
        good(life, context);
        context.cycles = 1;
    }),
    ("stress-course", |life, context| {
        good(life, context);
        change_round(life, 3, |_, round| *round = 5);
    }),
    // Only one of the plugs is needed: a turn without a sleep, one without a restart, one without any other kind.
    ("stress-course", |life, context| {
        good(life, context);
        change_round(life, 6, |action, _| *action = StressAction::Exchange);
        life.boots[0].records.retain(|record| {
            !matches!(
                record,
                Record::StressRest {
                    rest: Rest::Sleep { .. },
                    ..
                }
            )
        });
    }),
    ("stress-course", |life, context| {
        good(life, context);
        change_round(life, 2, |action, _| *action = StressAction::Exchange);
    }),
    // A disk that was never plugged in again, one that QEMU knows nothing of, a pause that did not come.
    ("stress-course", |life, context| {
        good(life, context);
        forget_first(life, |record| {
            matches!(
                record,
                Record::HostWanted {
                    action: HostAction::Plug { .. }
                }
            )
        });
    }),
    ("stress-course", |life, context| {
        good(life, context);
        life.boots[0].events.retain(|event| event.name != DELETED);
    }),
    ("stress-course", |life, context| {
        good(life, context);
        forget_first(life, |record| {
            matches!(
                record,
                Record::HostWanted {
                    action: HostAction::Pause { .. }
                }
            )
        });
    }),
    // A stop of which the kernel tells nothing, one at which nothing waited, stops that no request was under way at.
    ("stress-course", |life, context| {
        good(life, context);
        forget_first(life, |record| matches!(record, Record::StressRest { .. }));
    }),
    ("stress-course", |life, context| {
        good(life, context);
        replace(life, |record| {
            if let Record::StressRest { kept_back, .. } = record {
                *kept_back = 0;
            }
        });
    }),
    ("stress-course", |life, context| {
        good(life, context);
        replace(life, |record| {
            if let Record::StressRest { at_miniport, .. } = record {
                *at_miniport = 0;
            }
        });
    }),
];

const DELETED: &str = "DEVICE_DELETED";

/// Adds two turns to a life with two hibernations.
fn good(life: &mut Life, context: &mut Context) {
    context.setup.options.stress = Some(StressEnd::Rounds(20));
    let mut round = 0;
    for boot in [0, 1] {
        let more = [StressAction::Exchange; StressAction::MORE_OF_A_TURN];
        for action in StressAction::ALL.into_iter().chain(more) {
            round += 1;
            life.boots[boot]
                .records
                .push(Record::StressRound { round, action });
            life.boots[boot].records.extend(told(action));
            if action == StressAction::Unplug {
                life.boots[boot].events.push(QmpEvent {
                    name: DELETED.to_owned(),
                    data: serde_json::Value::Null,
                    after_records: 0,
                });
            }
        }
    }
    life.boots[2].records.push(Record::StressRound {
        round: round + 1,
        action: StressAction::Reset,
    });
}

/// What the kernel tells of a round.
fn told(action: StressAction) -> Option<Record> {
    let (target, lun) = (1, 0);
    let rest = |rest| Record::StressRest {
        rest,
        at_miniport: 4,
        kept_back: 4,
    };
    match action {
        StressAction::Exchange | StressAction::Reset => None,
        StressAction::Unplug => Some(Record::HostWanted {
            action: HostAction::Unplug { target, lun },
        }),
        StressAction::Plug => Some(Record::HostWanted {
            action: HostAction::Plug { target, lun },
        }),
        StressAction::Pause => Some(Record::HostWanted {
            action: HostAction::Pause { milliseconds: 1 },
        }),
        StressAction::Sleep => Some(rest(Rest::Sleep {
            by_adapter_power: true,
            system: false,
        })),
        StressAction::Rebalance => Some(rest(Rest::Rebalance { messages: 2 })),
    }
}

/// Changes the round with this number in the first boot.
fn change_round(life: &mut Life, number: u32, change: fn(&mut StressAction, &mut u32)) {
    for record in &mut life.boots[0].records {
        if let Record::StressRound { round, action } = record
            && *round == number
        {
            change(action, round);
            return;
        }
    }
}

fn forget_first(life: &mut Life, is_it: fn(&Record) -> bool) {
    let records = &mut life.boots[0].records;
    let position = records.iter().position(is_it).expect("it is there");
    records.remove(position);
}

#[test]
fn a_good_course_passes_and_is_told_by_kinds() {
    let (mut life, mut context) = (sample::life(), sample::context());
    good(&mut life, &mut context);
    let report = judge(&life, &context);
    let (outcome, detail) = outcome(&report, "stress-course");
    assert_eq!(outcome, Outcome::Passed, "{detail}");
    for words in [
        "20 rounds: 8 exchange",
        "2 sleep",
        "2 restart",
        "16 requests waited",
    ] {
        assert!(detail.contains(words), "{words}: {detail}");
    }
    let stress = report.stress.as_ref().expect("there were rounds");
    assert_eq!(stress.rounds["sleep"], 2);
    assert_eq!(stress.stops.len(), 4);
    let text = report.render();
    for words in [
        "restart 2",
        "sleep    in round 6 by adapter-power: 4 requests at the miniport before, 4 kept back\n",
        "with 2 messages from then on",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn a_course_of_less_than_a_turn_may_leave_a_disk_unwritten() {
    let disk_equal = |rounds: fn(&mut Life, &mut Context)| {
        let (mut life, mut context) = (sample::life(), sample::context());
        rounds(&mut life, &mut context);
        other_disk(&mut context, |compare| compare.ranges_checked = 0);
        outcome(&judge(&life, &context), "disk-equal").0
    };
    let one_round = |life: &mut Life, context: &mut Context| {
        context.setup.options.stress = Some(StressEnd::Rounds(1));
        for round in [1, 2] {
            life.boots[0].records.push(Record::StressRound {
                round,
                action: StressAction::Reset,
            });
        }
    };
    assert_eq!(disk_equal(one_round), Outcome::Passed);
    assert_eq!(disk_equal(good), Outcome::Failed);
}

#[test]
fn the_driver_is_loaded_once_without_a_hibernation_too() {
    let (mut life, mut context) = (sample::life(), sample::context());
    context.cycles = 0;
    let found =
        |life: &Life, context: &Context| outcome(&judge(life, context), "find-adapter-once").0;
    assert_eq!(
        found(&life, &context),
        Outcome::Failed,
        "a run loads it twice"
    );
    good(&mut life, &mut context);
    assert_eq!(found(&life, &context), Outcome::Passed);
}
