//! Columns as text for a terminal: a block for each driver, then the drivers side by side, then the goals.

use std::fmt::Write as _;

use proto::record::Subject;

use super::{
    Column,
    rows::{self, DumpRow, Memory, Row, STANDARD},
    targets,
};

/// Appends a line; writing to a string cannot fail.
macro_rules! line {
    ($out:expr) => { $out.push('\n') };
    ($out:expr, $($words:tt)*) => {{ let _ = writeln!($out, $($words)*); }};
}

/// All columns.
#[must_use]
pub fn render(columns: &[Column]) -> String {
    let mut out = String::new();
    for column in columns {
        block(&mut out, column);
        line!(out);
    }
    if columns.len() > 1 {
        side_by_side(&mut out, columns);
    }
    for column in columns {
        goals(&mut out, column);
    }
    out
}

fn block(out: &mut String, column: &Column) {
    line!(out, "{}", title(column));
    if let Some(footprint) = column.footprint {
        memory(out, footprint.into());
    }
    line!(
        out,
        "  {:<18} {:>8} {:>8} {:>9} {:>8} {:>6} {:>8} {:>7} {:>6}  {:>9} {:>10} {:>6} {:>9} {:>6} {:>7}",
        "by request",
        "BuildIo",
        "StartIo",
        "interrupt",
        "DPC",
        "other",
        "all",
        "floor",
        "ratio",
        "doorbells",
        "interrupts",
        "locks",
        "of port",
        "DPCs",
        "exports"
    );
    let normal = rows::normal(column);
    for row in &normal {
        normal_line(out, row);
    }
    for left_out in &column.left_out {
        line!(
            out,
            "  {:<18} not measured{}: {}",
            rows::name(left_out.transfer),
            match left_out.subject {
                Subject::Floor => " for the floor",
                Subject::Driver | Subject::Dump => "",
            },
            left_out.reason
        );
    }
    if let Some(row) = normal.iter().find(|row| row.transfer == STANDARD) {
        line!(out, "  routines called by request, {}:", row.name);
        for (name, count) in &row.exports {
            line!(out, "    {count:>7.3}  {name}");
        }
    }
    for row in rows::dump(column) {
        dump_line(out, &row);
    }
    if let Some(hibernation) = column.hibernation {
        line!(
            out,
            "  hibernate: {:.1} MiB in {:.0} writes and {:.0} reads by GiB of memory; {} bytes marked",
            hibernation.image_mib_by_gib,
            hibernation.write_requests_by_gib,
            hibernation.read_requests_by_gib,
            hibernation.marked_bytes
        );
    }
}

/// Name of a column.
#[must_use]
pub fn title(column: &Column) -> String {
    let rings = match column.footprint {
        Some(footprint) if footprint.request_queues > 0 => format!(
            ", {} request queue{} of {} entries, {} ring",
            footprint.request_queues,
            if footprint.request_queues == 1 {
                ""
            } else {
                "s"
            },
            footprint.queue_entries,
            if footprint.is_packed {
                "packed"
            } else {
                "split"
            }
        ),
        _ => String::new(),
    };
    format!("{}{rings}", column.driver)
}

fn memory(out: &mut String, memory: Memory) {
    let by_queue = memory
        .shared_bytes_by_queue
        .map_or_else(String::new, |bytes| format!(" ({bytes} by queue)"));
    line!(
        out,
        "  bytes: image {}, device extension {}, SRB extension {}, pool {}, shared with the device {}{by_queue}",
        memory.image_bytes,
        memory.device_extension_bytes,
        memory.srb_extension_bytes,
        memory.pool_bytes,
        memory.shared_bytes,
    );
}

fn normal_line(out: &mut String, row: &Row) {
    let cost = row.instructions;
    let reached = if row.reached_depth < row.transfer.depth {
        format!("  (at most {} at a time)", row.reached_depth)
    } else {
        String::new()
    };
    line!(
        out,
        "  {:<18} {:>8.1} {:>8.1} {:>9.1} {:>8.1} {:>6.1} {:>8.1} {:>7} {:>6}  {:>9} {:>10.3} {:>6.3} {:>9.3} {:>6.3} {:>7.2}{reached}",
        row.name,
        cost.build_io,
        cost.start_io,
        cost.interrupt,
        cost.dpc,
        cost.other,
        cost.all,
        optional(row.floor, 1),
        optional(row.ratio, 2),
        optional(row.doorbells, 3),
        row.interrupts,
        row.locks,
        row.port_locks,
        row.dpcs,
        row.exports.values().sum::<f64>()
    );
}

fn dump_line(out: &mut String, row: &DumpRow) {
    line!(
        out,
        "  dump {}: {:.0} instructions, {} doorbells, {:.2} calls of routines by MiB, in requests of {}",
        rows::flow(row.flow),
        row.instructions,
        optional(row.doorbells, 2),
        row.exports,
        rows::size(row.request_bytes)
    );
}

/// A figure that may be missing.
#[must_use]
pub fn optional(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.decimals$}"))
}

/// Instructions of all drivers by transfer.
fn side_by_side(out: &mut String, columns: &[Column]) {
    let _ = write!(out, "{:<20}", "instructions");
    for column in columns {
        let _ = write!(out, " {:>24}", column.driver);
    }
    line!(out);
    let all: Vec<Vec<Row>> = columns.iter().map(rows::normal).collect();
    let mut names: Vec<&str> = Vec::new();
    for row in all.iter().flatten() {
        if !names.contains(&row.name.as_str()) {
            names.push(&row.name);
        }
    }
    for name in names {
        let _ = write!(out, "  {name:<18}");
        for rows in &all {
            let found = rows.iter().find(|row| row.name == name);
            let _ = write!(
                out,
                " {:>24}",
                optional(found.map(|row| row.instructions.all), 1)
            );
        }
        line!(out);
    }
    line!(out);
}

fn goals(out: &mut String, column: &Column) {
    line!(out, "goals of {}", column.driver);
    for target in targets::of(column) {
        line!(
            out,
            "  {} {:<52} {:>8} of at most {}",
            if target.met { "met   " } else { "missed" },
            target.name,
            optional(target.measured, 3),
            target.limit
        );
    }
}
