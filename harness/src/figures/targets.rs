//! The goals, and whether a driver meets them. They are about one request queue with a split ring.

use proto::record::Flow;
use serde::Serialize;

use super::{
    Column,
    rows::{self, STANDARD},
};

/// A goal: a figure and the most that it may be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Target {
    /// What it is about.
    pub name: String,
    /// The most that it may be.
    pub limit: f64,
    /// What was measured; `None` if it cannot be.
    pub measured: Option<f64>,
    /// Whether it is met.
    pub met: bool,
}

/// All goals with what `column` reaches.
#[must_use]
pub fn of(column: &Column) -> Vec<Target> {
    let normal = rows::normal(column);
    let standard = normal.iter().find(|row| row.transfer == STANDARD);
    let dump = rows::dump(column);
    let written = dump.iter().find(|row| row.flow == Flow::Write);
    let name = rows::name(STANDARD);
    let by_request = |what: &str| format!("{name}: {what} by request");
    vec![
        target(
            by_request("instructions"),
            900.0,
            standard.map(|row| row.instructions.all),
        ),
        target(
            format!("{name}: instructions by those of the floor"),
            1.5,
            standard.and_then(|row| row.ratio),
        ),
        target(
            by_request("instructions in StartIo"),
            150.0,
            standard.map(|row| row.instructions.start_io),
        ),
        target(
            by_request("doorbells"),
            0.1,
            standard.and_then(|row| row.doorbells),
        ),
        target(
            by_request("interrupts"),
            0.1,
            standard.map(|row| row.interrupts),
        ),
        target(
            "dump: instructions by MiB written".to_owned(),
            3000.0,
            written.map(|row| row.instructions),
        ),
        target(
            "dump: doorbells by MiB written".to_owned(),
            1.0,
            written.and_then(|row| row.doorbells),
        ),
    ]
}

fn target(name: String, limit: f64, measured: Option<f64>) -> Target {
    Target {
        name,
        limit,
        measured,
        met: measured.is_some_and(|measured| measured <= limit),
    }
}
