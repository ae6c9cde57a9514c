//! A dump in words and as data: [`Summary`], what `cargo harness dump info` prints.

use std::{
    fmt::Write as _,
    io::{self, Read, Seek},
    time::{Duration, SystemTime},
};

use serde::Serialize;

use super::{
    Body, DumpFile,
    blobs::Blob,
    header::{Header, MACHINE_AMD64},
    triage::Triage,
};

/// Seconds from 1601 to 1970.
const EPOCH_SECONDS: u64 = 11_644_473_600;
/// Units of 100 ns in a second.
const TICKS_PER_SECOND: u64 = 10_000_000;
/// Runs, blocks that are printed one by one.
const LISTED: usize = 16;
/// First bytes of a secondary block that are printed.
const PREVIEW_BYTES: usize = 16;

/// Everything that is worth knowing of a dump without a debugger.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Length of the file.
    pub file_bytes: u64,
    /// Whether nothing is wrong.
    pub complete: bool,
    /// What is wrong.
    pub problems: Vec<String>,
    /// Type in words.
    pub type_name: &'static str,
    /// The header's fields.
    pub header: Header,
    /// Date and time of the crash (UTC); `None` if the header has none.
    pub crashed_at: Option<String>,
    /// Physical pages that the dump holds.
    pub pages: u64,
    /// Runs of consecutive pages that the dump holds.
    pub page_runs: u64,
    /// The small dump's blocks.
    pub triage: Option<Triage>,
    /// The secondary data.
    pub secondary: Vec<Secondary>,
}

/// A block of the secondary data.
#[derive(Clone, Debug, Serialize)]
pub struct Secondary {
    /// Name and place.
    #[serde(flatten)]
    pub blob: Blob,
    /// First bytes, hexadecimal.
    pub begins_with: String,
    /// What it is, if this program knows the name.
    pub meaning: Option<String>,
}

impl Summary {
    /// Reads what there is to know.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of<R: Read + Seek>(dump: &mut DumpFile<R>) -> io::Result<Self> {
        let mut secondary = Vec::new();
        for blob in dump.blobs.clone() {
            let data = dump.read_blob(&blob)?;
            secondary.push(Secondary {
                blob,
                begins_with: hex(&data[..data.len().min(PREVIEW_BYTES)]),
                meaning: None,
            });
        }
        let header = dump.header.clone();
        Ok(Self {
            file_bytes: dump.length(),
            complete: dump.problems.is_empty(),
            problems: dump.problems.clone(),
            type_name: header.dump_type.name(),
            crashed_at: date(header.system_time),
            header,
            pages: dump.pages().map_or(0, super::pages::PageMap::count),
            page_runs: dump.pages().map_or(0, |pages| pages.runs().len() as u64),
            triage: match &dump.body {
                Body::Blocks(triage) => Some(triage.clone()),
                Body::Pages(_) | Body::Sealed | Body::Unreadable => None,
            },
            secondary,
        })
    }

    /// The summary as text, with a line end.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: String| {
            // Writing to a string does not fail.
            let _ok = writeln!(text, "{name:<14}{value}");
        };
        let header = &self.header;
        let complete = if self.complete { "complete" } else { "DAMAGED" };
        line(
            "dump",
            format!(
                "type {} ({}), {} bytes, {complete}",
                header.dump_type.raw(),
                self.type_name,
                self.file_bytes
            ),
        );
        let machine = if header.machine == MACHINE_AMD64 {
            "x64".to_owned()
        } else {
            format!("{:#x}", header.machine)
        };
        line(
            "system",
            format!(
                "{machine}, {} processors, build {}",
                header.processors, header.minor_version
            ),
        );
        let parameters = header.parameters.map(|value| format!("{value:#x}"));
        line(
            "bug check",
            format!("{:#x} ({})", header.bug_check_code, parameters.join(", ")),
        );
        if let Some(date) = &self.crashed_at {
            let up = header.up_time / TICKS_PER_SECOND;
            line("time", format!("{date}, {up} s after the start"));
        }
        line("page tables", format!("{:#x}", header.directory_table_base));
        line(
            "memory",
            format!(
                "{} pages in {} runs: {}",
                header.page_count,
                header.runs.len(),
                self.runs()
            ),
        );
        match &self.triage {
            _ if header.sealed => line(
                "content",
                "encrypted by the dump filter: it takes the private key to read it".to_owned(),
            ),
            Some(triage) => line(
                "content",
                format!(
                    "{} blocks, {} bytes of stack",
                    triage.blocks.len(),
                    triage.stack.map_or(0, |stack| stack.bytes)
                ),
            ),
            None => line(
                "content",
                format!("{} pages in {} runs", self.pages, self.page_runs),
            ),
        }
        if !header.comment.is_empty() {
            line("comment", header.comment.clone());
        }
        if self.secondary.is_empty() {
            line("secondary", "none".to_owned());
        }
        for block in &self.secondary {
            let what = block
                .meaning
                .clone()
                .unwrap_or_else(|| format!("begins with {}", block.begins_with));
            line(
                "secondary",
                format!("{} {} bytes, {what}", block.blob.guid, block.blob.bytes),
            );
        }
        for problem in &self.problems {
            line("PROBLEM", problem.clone());
        }
        text
    }

    fn runs(&self) -> String {
        let runs = &self.header.runs;
        let mut words: Vec<String> = runs
            .iter()
            .take(LISTED)
            .map(|run| format!("{:#x}+{:#x}", run.first_pfn, run.pages))
            .collect();
        if runs.len() > LISTED {
            words.push(format!("and {} more", runs.len() - LISTED));
        }
        words.join(" ")
    }
}

/// A time of Windows as date and time of day (UTC).
fn date(ticks: u64) -> Option<String> {
    let seconds = (ticks / TICKS_PER_SECOND).checked_sub(EPOCH_SECONDS)?;
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
    // The crate knows years up to 9999.
    (seconds < 253_402_300_800).then(|| humantime::format_rfc3339_seconds(time).to_string())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ok = write!(text, "{byte:02x}");
        text
    })
}
