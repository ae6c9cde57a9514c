//! A good life, and for each check one with a single fault.

use super::*;
use crate::dump_header::dump::Differences;

fn dump() -> DumpFacts {
    DumpFacts {
        file_bytes: 0x2000 + 0x5000,
        signature_is_right: true,
        machine: AMD64,
        dump_type: 1,
        bugcheck: LIVE_SYSTEM,
        processors: 1,
        required_bytes: 0x2000 + 0x5000,
        runs: vec![(0x1000, 0x2000), (0x10_0000, 0x3000)],
        differences: None,
    }
}

fn asked(checkpoint: Checkpoint, answer: Result<DumpFacts, String>) -> Asked {
    Asked {
        checkpoint,
        answer,
        words: String::new(),
    }
}

fn refused() -> Result<DumpFacts, String> {
    Err("QEMU refused dump-guest-memory: win-dump: invalid vmcoreinfo note size".to_owned())
}

fn good() -> Seen {
    let mut first = dump();
    first.differences = Some(Differences {
        compared: 0x5000,
        different: 40,
        span: 200,
    });
    Seen {
        device: NoteDevice::Present,
        asked: vec![
            asked(Checkpoint::HeaderPublished, Ok(first)),
            asked(Checkpoint::HeaderPublished, Ok(dump())),
            asked(Checkpoint::HeaderWithdrawn, refused()),
            asked(Checkpoint::HeaderPublished, Ok(dump())),
            asked(Checkpoint::HeaderWithdrawn, refused()),
        ],
        prints: ["published at 0x1", "withdrawn", "published at 0x1", "withdrawn"]
            .map(|text| format!("dumpheader: header {text}"))
            .to_vec(),
        finished: true,
        stopped: None,
    }
}

fn without_device() -> Seen {
    let mut seen = good();
    seen.device = NoteDevice::Absent;
    for asked in &mut seen.asked {
        asked.answer = refused();
        asked.words = "warning: guest note is not present".to_owned();
    }
    seen.prints = vec!["dumpheader: nothing published: QEMU has no etc/vmcoreinfo: x".to_owned(); 2];
    seen
}

fn broken(seen: &Seen) -> Vec<&'static str> {
    judge(seen)
        .into_iter()
        .filter(|check| check.result.is_err())
        .map(|check| check.name)
        .collect()
}

#[test]
fn a_good_life_passes_with_and_without_the_device() {
    assert_eq!(broken(&good()), Vec::<&str>::new());
    assert_eq!(broken(&without_device()), Vec::<&str>::new());
}

type Fault = fn(&mut Seen);

/// Each breaks the check of its name alone.
const FAULTS: &[(&str, Fault)] = &[
    ("header-life", |seen| seen.finished = false),
    ("header-life", |seen| seen.stopped = Some("bug check 0xca".to_owned())),
    ("header-said", |seen| seen.prints.truncate(3)),
    ("header-dumps", |seen| {
        seen.asked[3].answer = Err("win-dump: invalid KDBG OwnerTag".to_owned());
    }),
    ("header-qemu-silent", |seen| {
        seen.asked[1].words = "warning: win-dump: failed to read MmPfnDatabase".to_owned();
    }),
    ("header-sound", |seen| {
        if let Ok(dump) = &mut seen.asked[1].answer {
            dump.required_bytes += 1;
        }
    }),
    ("header-memory-equal", |seen| {
        if let Ok(dump) = &mut seen.asked[0].answer {
            dump.differences = Some(Differences {
                compared: 0x5000,
                different: 2,
                span: 4000,
            });
        }
    }),
    ("header-withdrawn", |seen| seen.asked[4].answer = Ok(dump())),
];

#[test]
fn every_check_has_a_fault_that_breaks_it_alone() {
    for (name, fault) in FAULTS {
        let mut seen = good();
        fault(&mut seen);
        assert_eq!(broken(&seen), [*name]);
    }
    for (name, _) in CHECKS {
        assert!(FAULTS.iter().any(|(fault, _)| fault == name), "{name}");
    }
}

#[test]
fn a_dump_without_the_device_is_a_fault() {
    let mut seen = without_device();
    seen.asked[0].answer = Ok(dump());
    assert_eq!(broken(&seen), [
            "header-dumps",
            "header-qemu-silent",
            "header-memory-equal"
        ]);
}
