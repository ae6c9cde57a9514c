//! The figures as data (`--json`). Each field is described in `docs/performance.md`; a test holds the two together.

use proto::record::{LeftOut, Subject};
use serde::Serialize;

use super::{
    Column,
    hibernation::HibernationFigures,
    rows::{self, DumpRow, Memory, Row},
    targets::{self, Target},
};

/// What `--json` writes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The commit of the sources, with a plus sign if they were changed since.
    pub commit: String,
    /// How driver and bench kernel were built.
    pub build_route: String,
    /// The compiler of both.
    pub compiler: String,
    /// Drivers, this repository's first.
    pub columns: Vec<ColumnReport>,
}

/// A driver.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnReport {
    driver: String,
    own: bool,
    memory: Option<Memory>,
    normal: Vec<Row>,
    dump: Vec<DumpRow>,
    hibernation: Option<HibernationFigures>,
    left_out: Vec<LeftOutReport>,
    goals: Vec<Target>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct LeftOutReport {
    subject: &'static str,
    name: String,
    reason: String,
}

impl ColumnReport {
    /// The figures of a column.
    #[must_use]
    pub fn of(column: &Column) -> Self {
        Self {
            driver: column.driver.clone(),
            own: column.own,
            memory: column.footprint.map(Memory::from),
            normal: rows::normal(column),
            dump: rows::dump(column),
            hibernation: column.hibernation,
            left_out: column.left_out.iter().map(left_out).collect(),
            goals: targets::of(column),
        }
    }
}

fn left_out(left_out: &LeftOut) -> LeftOutReport {
    LeftOutReport {
        subject: match left_out.subject {
            Subject::Driver => "normal path",
            Subject::Floor => "floor",
            Subject::Dump => "dump path",
        },
        name: rows::name(left_out.transfer),
        reason: left_out.reason.clone(),
    }
}
