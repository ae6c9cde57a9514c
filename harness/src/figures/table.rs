//! Columns as text for a terminal.

use std::fmt::Write as _;

use proto::record::{Flow, Stretch, Subject, Transfer};

use super::{CALLBACKS, Column, PerRequest};

/// Name of a transfer, as in `read 4 KiB x 32`.
#[must_use]
pub fn name(transfer: Transfer) -> String {
    let flow = match transfer.flow {
        Flow::Read => "read",
        Flow::Write => "write",
    };
    format!("{flow} {} x {}", size(transfer.bytes), transfer.depth)
}

fn size(bytes: u32) -> String {
    if bytes >= 1 << 20 {
        format!("{} MiB", bytes >> 20)
    } else {
        format!("{} KiB", bytes >> 10)
    }
}

/// All columns, one behind the other.
#[must_use]
pub fn render(columns: &[Column]) -> String {
    let mut out = String::new();
    for column in columns {
        let _ = writeln!(out, "{}", column.driver);
        for stretch in column.of(Subject::Driver) {
            line(&mut out, stretch);
        }
        for stretch in column.of(Subject::Dump) {
            line(&mut out, stretch);
        }
    }
    out
}

fn line(out: &mut String, stretch: &Stretch) {
    let per = PerRequest(stretch);
    let _ = write!(
        out,
        "{:20} {:8.1}",
        name(stretch.transfer),
        per.instructions()
    );
    for (_, names) in CALLBACKS {
        let _ = write!(out, " {:8.1}", per.instructions_in(names));
    }
    let _ = writeln!(
        out,
        " | db {:.3} int {:.3} locks {:.2}+{:.2} dpc {:.3} exports {:.2} depth {} {:?}",
        per.doorbells().unwrap_or(f64::NAN),
        per.share(stretch.interrupts),
        per.share(stretch.locks),
        per.share(stretch.port_locks),
        per.share(stretch.dpcs),
        per.export_calls(),
        stretch.reached_depth,
        stretch.exports,
    );
}
