//! The verdict on a life of dumpheader.sys: every check by name, on plain data.

use proto::record::Checkpoint;

use super::{Asked, NoteDevice, Seen, dump::DumpFacts};

/// `LIVE_SYSTEM_DUMP`, which QEMU enters for a system that did not stop.
const LIVE_SYSTEM: u32 = 0x161;
/// `IMAGE_FILE_MACHINE_AMD64`.
const AMD64: u32 = 0x8664;
/// Bytes of the context record that QEMU fills in the dump, and only there.
const CONTEXT_BYTES: u64 = 1232;
/// QEMU's words when there is no note, or none that it could take a Windows header from.
const NO_NOTE: &str = "invalid vmcoreinfo note size";

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// What was seen: it holds, or why not.
    pub result: Result<String, String>,
}

type Function = fn(&Seen) -> Result<String, String>;

/// All checks, in the order of the report.
pub const CHECKS: &[(&str, Function)] = &[
    ("header-life", life),
    ("header-said", said),
    ("header-dumps", dumps),
    ("header-qemu-silent", qemu_silent),
    ("header-sound", sound),
    ("header-memory-equal", memory_equal),
    ("header-withdrawn", withdrawn),
];

/// Makes every check.
#[must_use]
pub fn judge(seen: &Seen) -> Vec<Check> {
    CHECKS
        .iter()
        .map(|&(name, check)| Check {
            name,
            result: check(seen),
        })
        .collect()
}

fn published(seen: &Seen) -> impl Iterator<Item = &Asked> {
    seen.asked
        .iter()
        .filter(|asked| asked.checkpoint == Checkpoint::HeaderPublished)
}

fn facts(seen: &Seen) -> impl Iterator<Item = &DumpFacts> {
    published(seen).filter_map(|asked| asked.answer.as_ref().ok())
}

/// The driver started, stopped, started again, was removed and unloaded.
fn life(seen: &Seen) -> Result<String, String> {
    if let Some(stopped) = &seen.stopped {
        return Err(stopped.clone());
    }
    if !seen.finished {
        return Err("the guest did not finish".to_owned());
    }
    let withdrawn = seen.asked.len() - published(seen).count();
    match (published(seen).count(), withdrawn) {
        (3, 2) => Ok("start, wake, stop, start, removal".to_owned()),
        (published, withdrawn) => Err(format!(
            "{published} publications and {withdrawn} withdrawals instead of 3 and 2"
        )),
    }
}

/// The driver said what it did, or what it lacks.
fn said(seen: &Seen) -> Result<String, String> {
    let wanted: &[(&str, usize)] = match seen.device {
        NoteDevice::Present => &[("header published", 2), ("header withdrawn", 2)],
        NoteDevice::Absent => &[("nothing published: QEMU has no etc/vmcoreinfo", 2)],
    };
    for &(text, times) in wanted {
        let count = seen.prints.iter().filter(|line| line.contains(text)).count();
        if count != times {
            return Err(format!("\"{text}\" {count} times instead of {times}: {:?}", seen.prints));
        }
    }
    Ok(seen.prints.join("; "))
}

/// QEMU wrote a dump whenever the header was published; without its device it refused as documented.
fn dumps(seen: &Seen) -> Result<String, String> {
    for asked in published(seen) {
        match (&asked.answer, seen.device) {
            (Ok(_), NoteDevice::Present) => {}
            (Ok(_), NoteDevice::Absent) => return Err("a dump without a note".to_owned()),
            (Err(words), NoteDevice::Present) => return Err(words.clone()),
            (Err(words), NoteDevice::Absent) if words.contains(NO_NOTE) => {}
            (Err(words), NoteDevice::Absent) => return Err(format!("another refusal: {words}")),
        }
    }
    Ok(format!("{} dumps", facts(seen).count()))
}

/// QEMU had nothing to say: no fall-back, no patch that failed.
fn qemu_silent(seen: &Seen) -> Result<String, String> {
    for asked in published(seen) {
        if asked.answer.is_ok() && !asked.words.trim().is_empty() {
            return Err(asked.words.trim().to_owned());
        }
    }
    Ok("no warning".to_owned())
}

/// The header describes the file and the machine.
fn sound(seen: &Seen) -> Result<String, String> {
    for facts in facts(seen) {
        let memory: u64 = facts.runs.iter().map(|(_, bytes)| bytes).sum();
        let whole = 0x2000 + memory;
        let is_sound = facts.signature_is_right
            && facts.machine == AMD64
            && facts.dump_type == 1
            && facts.processors == 1
            && facts.bugcheck == LIVE_SYSTEM
            && facts.required_bytes == whole
            && facts.file_bytes == whole
            && memory > 0;
        if !is_sound {
            return Err(format!("{facts:?}"));
        }
    }
    Ok(match facts(seen).next() {
        Some(facts) => format!("full dump of {} bytes, {} runs", facts.file_bytes, facts.runs.len()),
        None => "no dump to look at".to_owned(),
    })
}

/// Every byte is that of memory, the context that QEMU fills in aside.
fn memory_equal(seen: &Seen) -> Result<String, String> {
    if facts(seen).next().is_none() {
        return match seen.device {
            NoteDevice::Absent => Ok("no dump to compare".to_owned()),
            NoteDevice::Present => Err("no dump to compare".to_owned()),
        };
    }
    let Some(found) = facts(seen).find_map(|facts| facts.differences) else {
        return Err("no dump was compared".to_owned());
    };
    if found.compared == 0 || found.different == 0 || found.span > CONTEXT_BYTES {
        return Err(format!(
            "{} of {} bytes differ, over {} bytes; only a context record may",
            found.different, found.compared, found.span
        ));
    }
    Ok(format!(
        "{} bytes compared, {} differ, all in one context record",
        found.compared, found.different
    ))
}

/// After the withdrawal QEMU refuses as if nothing had ever been published.
fn withdrawn(seen: &Seen) -> Result<String, String> {
    let mut count = 0;
    for asked in &seen.asked {
        if asked.checkpoint != Checkpoint::HeaderWithdrawn {
            continue;
        }
        match &asked.answer {
            Err(words) if words.contains(NO_NOTE) => count += 1,
            Err(words) => return Err(format!("another refusal: {words}")),
            Ok(_) => return Err("QEMU still writes a dump".to_owned()),
        }
    }
    if count == 0 {
        return Err("nothing was withdrawn".to_owned());
    }
    Ok(format!("refused {count} times"))
}

#[cfg(test)]
mod tests;
