//! Figures from counts that a person can check.

use std::{collections::BTreeSet, fs, path::Path};

use proto::record::{Cost, Flow, Footprint, LeftOut, Stretch, Subject, Transfer};
use serde_json::Value;

use super::{
    Column,
    hibernation::HibernationFigures,
    markdown,
    recorded::{OTHER_COMPILER_TOLERANCE, Recorded, TOLERANCE},
    report::{ColumnReport, Report},
    rows::{self, STANDARD},
    table, targets,
};

fn stretch(subject: Subject, transfer: Transfer, costs: &[(&str, u64)]) -> Stretch {
    Stretch {
        subject,
        transfer,
        requests: 100,
        reached_depth: transfer.depth,
        costs: costs
            .iter()
            .map(|&(name, instructions)| Cost {
                name: name.to_owned(),
                calls: 100,
                instructions,
            })
            .collect(),
        exports: vec![("memcpy".to_owned(), 100), ("memset".to_owned(), 50)],
        doorbells: Some(5),
        interrupts: 4,
        locks: 16,
        port_locks: 104,
        dpcs: 3,
    }
}

/// 800 instructions by request, 100 of them in `StartIo`; the floor has 200. The dump stack has 2000 by MiB.
fn column() -> Column {
    let dump = Transfer {
        flow: Flow::Write,
        bytes: 1 << 20,
        depth: 1,
    };
    Column {
        driver: "sample.sys".to_owned(),
        own: true,
        footprint: Some(Footprint {
            image_bytes: 65536,
            device_extension_bytes: 4096,
            srb_extension_bytes: 4400,
            pool_bytes: 9000,
            shared_bytes: 24576,
            request_queues: 2,
            queue_entries: 256,
            is_packed: false,
        }),
        stretches: vec![
            stretch(
                Subject::Driver,
                STANDARD,
                &[
                    ("HwStorBuildIo", 50_000),
                    ("HwStorStartIo", 10_000),
                    ("HwMSInterruptRoutine", 500),
                    ("HwStorDpcRoutine", 19_000),
                    ("HwStorTimer", 500),
                ],
            ),
            stretch(
                Subject::Floor,
                STANDARD,
                &[("submit", 15_000), ("drain", 5000)],
            ),
            Stretch {
                doorbells: Some(100),
                ..stretch(Subject::Dump, dump, &[("HwStorStartIo", 200_000)])
            },
        ],
        left_out: Vec::new(),
        hibernation: None,
    }
}

#[test]
#[expect(clippy::float_cmp, reason = "quotients of small integers, rounded")]
fn counts_become_figures_by_request() {
    let rows = rows::normal(&column());
    let [row] = rows.as_slice() else {
        panic!("one row: {rows:?}");
    };
    assert_eq!(row.name, "read 4 KiB x 32");
    let cost = row.instructions;
    assert_eq!(
        [
            cost.build_io,
            cost.start_io,
            cost.interrupt,
            cost.dpc,
            cost.other,
            cost.all
        ],
        [500.0, 100.0, 5.0, 190.0, 5.0, 800.0]
    );
    assert_eq!((row.floor, row.ratio), (Some(200.0), Some(4.0)));
    assert_eq!(row.doorbells, Some(0.05));
    assert_eq!(
        [row.interrupts, row.locks, row.port_locks, row.dpcs],
        [0.04, 0.16, 1.04, 0.03]
    );
    assert_eq!(row.exports.values().sum::<f64>(), 1.5);
    let dump = rows::dump(&column());
    assert_eq!(
        (dump[0].instructions, dump[0].doorbells),
        (2000.0, Some(1.0))
    );
    let memory = rows::Memory::from(column().footprint.expect("there"));
    assert_eq!(memory.shared_bytes_by_queue, Some(12288));
}

#[test]
fn goals_are_met_or_missed_by_what_was_measured() {
    let missed = |column: &Column| -> Vec<String> {
        let targets = targets::of(column).into_iter();
        targets
            .filter(|target| !target.met)
            .map(|target| target.name)
            .collect()
    };
    assert_eq!(
        missed(&column()),
        ["read 4 KiB x 32: instructions by those of the floor"]
    );
    let mut slow = column();
    slow.stretches[0].costs[1].instructions = 15_100;
    slow.stretches[0].doorbells = None;
    slow.stretches[2].costs[0].instructions = 300_100;
    assert_eq!(
        missed(&slow),
        [
            "read 4 KiB x 32: instructions by those of the floor",
            "read 4 KiB x 32: instructions in StartIo by request",
            "read 4 KiB x 32: doorbells by request",
            "dump: instructions by MiB written",
        ]
    );
    let mut nothing = column();
    nothing.stretches.clear();
    assert_eq!(missed(&nothing).len(), targets::of(&nothing).len());
}

/// A driver whose figures are as recorded passes; each figure that is raised by more than the tolerance is named.
#[test]
fn a_figure_above_the_recorded_one_is_named() {
    let recorded = Recorded::of(&column(), "rustc 1");
    assert!(recorded.figures.len() > 15, "{recorded:?}");
    assert_eq!(recorded.worse(&recorded), Vec::<String>::new());
    for name in recorded.figures.keys() {
        let raised = |by: f64, compiler: &str| {
            let mut today = recorded.clone();
            compiler.clone_into(&mut today.compiler);
            if let Some(value) = today.figures.get_mut(name) {
                *value *= 1.0 + by;
            }
            recorded.worse(&today)
        };
        assert_eq!(raised(TOLERANCE * 0.9, "rustc 1"), Vec::<String>::new());
        let worse = raised(TOLERANCE * 1.1, "rustc 1");
        assert_eq!(worse.len(), 1, "{worse:?}");
        assert!(worse[0].starts_with(name.as_str()), "{worse:?}");
        assert_eq!(raised(TOLERANCE * 1.1, "rustc 2"), Vec::<String>::new());
        assert_eq!(raised(OTHER_COMPILER_TOLERANCE * 1.1, "rustc 2").len(), 1);
    }
}

#[test]
fn figures_that_come_or_go_are_named() {
    let recorded = Recorded::of(&column(), "rustc 1");
    let mut today = recorded.clone();
    let gone = today.figures.pop_first().expect("there").0;
    today.figures.insert("new".to_owned(), 1.0);
    let worse = recorded.worse(&today);
    assert_eq!(worse.len(), 2, "{worse:?}");
    assert!(
        worse[0].starts_with(&gone) && worse[1].starts_with("new"),
        "{worse:?}"
    );
}

#[test]
fn the_file_reads_back_what_was_written() {
    let directory = tempfile::TempDir::new().expect("made");
    std::fs::create_dir(directory.path().join("harness")).expect("made");
    let recorded = Recorded::of(&column(), "rustc 1");
    recorded.write(directory.path()).expect("written");
    assert_eq!(Recorded::read(directory.path()).expect("read"), recorded);
}

#[test]
fn tables_hold_the_figures() {
    let columns = [column(), column()];
    let text = table::render(&columns);
    for words in [
        "sample.sys, 2 request queues of 256 entries, split ring",
        "24576 (12288 by queue)",
        "memcpy",
        "missed read 4 KiB x 32: instructions by those of the floor",
        "met    read 4 KiB x 32: doorbells by request",
    ] {
        assert!(text.contains(words), "{words}:\n{text}");
    }
    let tables = markdown::render(&columns[..1], "From somewhere.");
    assert!(
        tables.contains("| read 4 KiB x 32 | 500 | 100 | 5.0 | 190 | 800 | 200 | 4.0 | 0.050 | 0.040 | 0.16 | 1.50 |"),
        "{tables}"
    );
    let old = format!(
        "above\n{}\nold\n{}\nbelow\n",
        markdown::BEGIN,
        markdown::END
    );
    let new = markdown::insert(&old, &tables).expect("there is a place");
    assert!(
        new.starts_with("above\n") && new.ends_with("\nbelow\n"),
        "{new}"
    );
    assert!(
        new.contains("From somewhere.") && !new.contains("old"),
        "{new}"
    );
    assert!(markdown::insert("no place", &tables).is_err());
}

fn paths(value: &Value, prefix: &str, found: &mut BTreeSet<String>) {
    match value {
        // Its names are those of routines.
        _ if prefix.ends_with(".exports") && value.is_object() => {}
        Value::Object(fields) => {
            for (name, inner) in fields {
                let path = format!("{prefix}.{name}");
                found.insert(path.trim_start_matches('.').to_owned());
                paths(inner, &path, found);
            }
        }
        Value::Array(entries) => {
            for entry in entries {
                paths(entry, &format!("{prefix}[]"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn the_document_names_every_field_and_no_other() {
    let mut column = column();
    column.left_out.push(LeftOut {
        subject: Subject::Driver,
        transfer: STANDARD,
        reason: "too long".to_owned(),
    });
    column.hibernation = Some(HibernationFigures {
        memory_bytes: 1 << 27,
        image_bytes: 1 << 24,
        write_requests: 16,
        read_requests: 8,
        image_mib_by_gib: 128.0,
        write_requests_by_gib: 128.0,
        read_requests_by_gib: 64.0,
        marked_bytes: 4096,
    });
    let report = Report {
        commit: "0".to_owned(),
        build_route: "some".to_owned(),
        compiler: "rustc".to_owned(),
        columns: vec![ColumnReport::of(&column)],
    };
    let mut found = BTreeSet::new();
    let value = serde_json::to_value(&report).expect("serialisable");
    paths(&value, "", &mut found);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/performance.md");
    let document = fs::read_to_string(file).expect("readable");
    let (_, data) = document.split_once("## The data").expect("the section");
    let named: BTreeSet<String> = data
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .map(|(name, _)| name.to_owned())
        .collect();
    assert_eq!(found, named);
}
