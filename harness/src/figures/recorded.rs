//! Figures that were recorded, `harness/figures.toml`, and whether today's are worse.
//!
//! A few that stand for all: those of the brief measurement. A figure may be less than recorded, and at most [`TOLERANCE`] more,
//! if the same compiler built the driver; another one places instructions differently ([`OTHER_COMPILER_TOLERANCE`]).

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use anyhow::{Context as _, Result};
use proto::record::{Flow, Transfer};
use serde::{Deserialize, Serialize};

use super::{Column, rows};
use crate::fault::Fault;

/// The file, from the repository's root.
pub const FILE: &str = "harness/figures.toml";
/// How much more a figure may be.
pub const TOLERANCE: f64 = 0.03;
/// The same if another compiler built the driver.
pub const OTHER_COMPILER_TOLERANCE: f64 = 0.15;

/// The transfers of the brief measurement.
pub const BRIEF: [Transfer; 4] = [
    transfer(Flow::Read, 4096, 1),
    transfer(Flow::Read, 4096, 32),
    transfer(Flow::Write, 4096, 32),
    transfer(Flow::Read, 65536, 8),
];

const fn transfer(flow: Flow, bytes: u32, depth: u32) -> Transfer {
    Transfer { flow, bytes, depth }
}

/// Figures by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// The compiler that built the driver.
    pub compiler: String,
    /// The figures.
    pub figures: BTreeMap<String, f64>,
}

impl Recorded {
    /// The figures of a column that are recorded.
    #[must_use]
    pub fn of(column: &Column, compiler: &str) -> Self {
        let mut figures = BTreeMap::new();
        for row in rows::normal(column) {
            if !BRIEF.contains(&row.transfer) {
                continue;
            }
            let cost = row.instructions;
            for (what, value) in [
                ("BuildIo", Some(cost.build_io)),
                ("StartIo", Some(cost.start_io)),
                ("interrupt", Some(cost.interrupt)),
                ("DPC", Some(cost.dpc)),
                ("all", Some(cost.all)),
                ("doorbells", row.doorbells),
                ("interrupts", Some(row.interrupts)),
                ("locks", Some(row.locks)),
                ("DPCs issued", Some(row.dpcs)),
                ("calls", Some(row.exports.values().sum())),
            ] {
                figures.extend(value.map(|value| (format!("{}: {what}", row.name), value)));
            }
        }
        for row in rows::dump(column) {
            let name = format!("dump {} by MiB", rows::flow(row.flow));
            figures.insert(format!("{name}: all"), row.instructions);
            figures.extend(
                row.doorbells
                    .map(|value| (format!("{name}: doorbells"), value)),
            );
            figures.insert(format!("{name}: calls"), row.exports);
        }
        if let Some(footprint) = column.footprint.map(rows::Memory::from) {
            for (what, bytes) in [
                ("image", footprint.image_bytes),
                ("device extension", footprint.device_extension_bytes),
                ("SRB extension", footprint.srb_extension_bytes),
                ("pool", footprint.pool_bytes),
                ("shared with the device", footprint.shared_bytes),
            ] {
                figures.insert(format!("bytes: {what}"), rows::ratio(bytes, 1));
            }
        }
        Self {
            compiler: compiler.to_owned(),
            figures,
        }
    }

    /// Reads the file.
    ///
    /// # Errors
    /// It is not there, or damaged.
    pub fn read(root: &Path) -> Result<Self> {
        let path = root.join(FILE);
        let text = fs::read_to_string(&path).map_err(|error| {
            Fault::setup(
                format!("cannot read {FILE}: {error}"),
                "record the figures: cargo harness bench --record",
            )
        })?;
        toml::from_str(&text).with_context(|| format!("{FILE} is damaged"))
    }

    /// Writes the file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, root: &Path) -> Result<()> {
        let mut text = String::from(
            "# Figures of this repository's driver by request, recorded by `cargo harness bench --record`.\n\
             # A test fails if one of them is more than 3 % above.\n\n",
        );
        // Writing to a string cannot fail.
        let _ = writeln!(text, "compiler = {:?}\n\n[figures]", self.compiler);
        for (name, value) in &self.figures {
            let _ = writeln!(text, "{name:?} = {value:?}");
        }
        fs::write(root.join(FILE), text).with_context(|| format!("cannot write {FILE}"))
    }

    /// What is worse today than recorded in `self`, in words; empty if nothing is.
    #[must_use]
    pub fn worse(&self, today: &Self) -> Vec<String> {
        let tolerance = if self.compiler == today.compiler {
            TOLERANCE
        } else {
            OTHER_COMPILER_TOLERANCE
        };
        let mut worse = Vec::new();
        for (name, recorded) in &self.figures {
            match today.figures.get(name) {
                None => worse.push(format!(
                    "{name}: {recorded} recorded, not measured any more"
                )),
                Some(now) if *now > recorded * (1.0 + tolerance) => worse.push(format!(
                    "{name}: {now}, recorded {recorded} ({:+.1} %)",
                    (now / recorded.max(f64::MIN_POSITIVE) - 1.0) * 100.0
                )),
                Some(_) => {}
            }
        }
        for name in today.figures.keys() {
            if !self.figures.contains_key(name) {
                worse.push(format!("{name}: not recorded yet"));
            }
        }
        worse
    }
}
