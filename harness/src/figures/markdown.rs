//! The figures as a table of a document, between two markers: [`insert`].

use std::{collections::BTreeMap, fmt::Write as _};

use anyhow::Result;

use super::{
    Column,
    rows::{self},
    table::{optional, title},
    targets,
};
use crate::fault::Fault;

/// The lines between which the tables stand.
pub const BEGIN: &str = "<!-- figures: begin -->";
/// The last of them.
pub const END: &str = "<!-- figures: end -->";

/// The document with the tables of today in the place of those of before.
///
/// # Errors
/// The document has no such place.
pub fn insert(document: &str, tables: &str) -> Result<String> {
    let places = document
        .split_once(BEGIN)
        .and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let Some((before, after)) = places else {
        return Err(Fault::setup(
            format!("docs/performance.md has no lines `{BEGIN}` and `{END}`"),
            "put them where the figures belong",
        )
        .into());
    };
    Ok(format!("{before}{BEGIN}\n{tables}{END}{after}"))
}

/// The tables of all columns; `origin` says where they come from.
#[must_use]
pub fn render(columns: &[Column], origin: &str) -> String {
    let mut out = format!("{origin}\n");
    for column in columns {
        let _ = write!(out, "\n**{}**\n\n", title(column));
        normal(&mut out, column);
        dump(&mut out, column);
        memory(&mut out, column);
        goals(&mut out, column);
    }
    out.push('\n');
    out
}

fn normal(out: &mut String, column: &Column) {
    out.push_str(
        "| transfer | BuildIo | StartIo | interrupt | DPC | all | floor | ratio | doorbells | interrupts | locks | calls |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for row in rows::normal(column) {
        let cost = row.instructions;
        let _ = writeln!(
            out,
            "| {} | {:.0} | {:.0} | {:.1} | {:.0} | {:.0} | {} | {} | {} | {:.3} | {:.2} | {:.2} |",
            row.name,
            cost.build_io,
            cost.start_io,
            cost.interrupt,
            cost.dpc,
            cost.all,
            optional(row.floor, 0),
            optional(row.ratio, 1),
            optional(row.doorbells, 3),
            row.interrupts,
            row.locks,
            row.exports.values().sum::<f64>()
        );
    }
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for left_out in &column.left_out {
        let names = reasons.entry(&left_out.reason).or_default();
        names.push(rows::name(left_out.transfer));
    }
    for (reason, names) in reasons {
        let _ = writeln!(
            out,
            "\nNot measured, because {reason}: {}.",
            names.join(", ")
        );
    }
}

fn dump(out: &mut String, column: &Column) {
    out.push_str(
        "\n| dump path, by MiB | instructions | doorbells | calls | request |\n|---|--:|--:|--:|--:|\n",
    );
    for row in rows::dump(column) {
        let _ = writeln!(
            out,
            "| {} | {:.0} | {} | {:.2} | {} |",
            rows::flow(row.flow),
            row.instructions,
            optional(row.doorbells, 2),
            row.exports,
            rows::size(row.request_bytes)
        );
    }
}

fn memory(out: &mut String, column: &Column) {
    let Some(footprint) = column.footprint else {
        return;
    };
    let memory = rows::Memory::from(footprint);
    out.push_str("\n| bytes | |\n|---|--:|\n");
    let lines = [
        ("image", Some(memory.image_bytes)),
        ("device extension", Some(memory.device_extension_bytes)),
        ("SRB extension", Some(memory.srb_extension_bytes)),
        ("pool", Some(memory.pool_bytes)),
        (
            "shared with the device, by request queue",
            memory.shared_bytes_by_queue,
        ),
        (
            "marked for hibernation",
            column.hibernation.map(|figures| figures.marked_bytes),
        ),
    ];
    for (name, bytes) in lines {
        if let Some(bytes) = bytes {
            let _ = writeln!(out, "| {name} | {bytes} |");
        }
    }
    if let Some(figures) = column.hibernation {
        let _ = writeln!(
            out,
            "\nHibernation, by GiB of memory: {:.0} MiB of image, {:.0} writes, {:.0} reads by the resuming instance.",
            figures.image_mib_by_gib, figures.write_requests_by_gib, figures.read_requests_by_gib
        );
    }
}

fn goals(out: &mut String, column: &Column) {
    out.push_str("\n| goal | at most | measured | |\n|---|--:|--:|---|\n");
    for target in targets::of(column) {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} |",
            target.name,
            target.limit,
            optional(target.measured, 3),
            if target.met { "met" } else { "missed" }
        );
    }
}
