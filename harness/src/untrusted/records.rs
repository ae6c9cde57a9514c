//! Body of the fuzz target `guest_records`: what a bench kernel, or memory that a driver has overwritten, may send as records.
//!
//! What is no record is refused as such. What are records, in whatever order and with whatever figures, is judged: facts, checks and
//! text are total functions of them.

use std::collections::BTreeSet;

use proto::{record::Record, wire};

use super::Input;
use crate::{
    console::Frames,
    options::Options,
    report::{DriverFile, Outcome, Setup},
    session::life::{Boot, Life},
    verdict::{CHECKS, Context, judge},
};

/// Takes the bytes as a stream of the console, in pieces, and as single records, which are then judged as a life.
///
/// # Panics
/// When the pieces matter, when a record does not survive being written, or when a life is not judged in full.
pub fn fuzz_guest_records(data: &[u8]) {
    let whole = frames([data, &[]]);
    let cut = data
        .first()
        .map_or(0, |cut| usize::from(*cut))
        .min(data.len());
    assert_eq!(
        frames(data.split_at(cut).into()),
        whole,
        "records depend on how they come"
    );
    let mut boots = vec![Boot::new(0, String::new())];
    let mut records: Vec<Record> = whole.into_iter().flatten().collect();
    let mut input = Input(data);
    while !input.is_empty() {
        let bytes = match input.number(1) {
            0xff => {
                let number = u32::try_from(boots.len()).unwrap_or(u32::MAX);
                if let Some(last) = boots.last_mut() {
                    last.records.append(&mut records);
                }
                boots.push(Boot::new(number, String::new()));
                continue;
            }
            bytes => usize::try_from(bytes).unwrap_or(0),
        };
        let Ok(record) = wire::from_bytes::<Record>(input.bytes(bytes)) else {
            continue;
        };
        let frame = wire::to_frame(&record).expect("a record has a frame");
        assert_eq!(
            wire::from_frame(&frame),
            Ok(record.clone()),
            "a record is not what was sent"
        );
        records.push(record);
    }
    if let Some(last) = boots.last_mut() {
        last.records.append(&mut records);
    }
    judged(&Life {
        boots,
        failure: None,
    });
}

fn frames(pieces: [&[u8]; 2]) -> Vec<Option<Record>> {
    let mut frames = Frames::default();
    let mut records = Vec::new();
    for piece in pieces {
        frames.feed(piece);
        records.extend(std::iter::from_fn(|| frames.next_record()).map(Result::ok));
    }
    records
}

fn judged(life: &Life) {
    for cycles in [0, 1] {
        let report = judge(life, &context(cycles));
        let names: BTreeSet<&str> = report.checks.iter().map(|check| check.name).collect();
        assert_eq!(names.len(), CHECKS.len(), "a check is missing");
        assert!(
            report.verdict != Outcome::Passed,
            "a life without breakpoints has passed"
        );
        assert!(!report.render().is_empty());
        assert!(report.to_json().is_ok(), "no data of a report");
    }
}

fn context(cycles: u32) -> Context {
    Context {
        cycles,
        crash: None,
        dump: None,
        in_flight: 4,
        setup: Setup {
            driver: DriverFile::default(),
            build_route: String::new(),
            options: Options::default(),
            repeat_with: String::new(),
        },
        memory: Vec::new(),
        disk: None,
        other_disks: Vec::new(),
        disk_left_alone: None,
    }
}
