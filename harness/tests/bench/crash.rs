//! Crash dumps of whole runs, as all readers find them, and disks that fail while a dump is written.

use std::{
    fmt::Write as _,
    fs::{self, File},
    path::Path,
};

use crate::support::{error_line, run};
use harness::dumpfile::DumpFile;
use serde_json::Value;
use tempfile::TempDir;

/// Pages of which every reader gives the content.
const SAMPLES: usize = 64;

/// What a run of `crash` left behind.
struct Crash {
    passed: bool,
    report: Value,
    text: String,
    directory: TempDir,
}

impl Crash {
    fn run(arguments: &[&str]) -> Self {
        let directory = TempDir::new().expect("made");
        let file = |name: &str| directory.path().join(name).display().to_string();
        let (json, dump) = (file("report.json"), file("memory.dmp"));
        let mut words = vec!["crash", "--seed", "7", "--json", &json, "--dump", &dump];
        words.extend(arguments);
        let output = run(&words);
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        let report = fs::read_to_string(&json).unwrap_or_else(|_| panic!("no report\n{text}"));
        Self {
            passed: output.status.success(),
            report: serde_json::from_str(&report).expect("JSON"),
            text,
            directory,
        }
    }

    /// `passed`, `failed` or `not applicable`.
    fn outcome(&self, check: &str) -> &str {
        self.report["checks"]
            .as_array()
            .expect("a list")
            .iter()
            .find(|entry| entry["name"] == check)
            .and_then(|entry| entry["outcome"].as_str())
            .unwrap_or_else(|| panic!("no check {check}\n{}", self.text))
    }

    fn dump(&self) -> std::path::PathBuf {
        self.directory.path().join("memory.dmp")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("text");
        text
    })
}

/// Two readers in Python find the pages that this repository's reader finds, with the same content.
fn others_agree(path: &Path) {
    let mut dump = DumpFile::open(File::open(path).expect("there")).expect("a dump");
    let frames: Vec<u64> = dump.pages().expect("pages").frames().collect();
    let step = (frames.len() / SAMPLES).max(1);
    let samples: Vec<u64> = frames.iter().copied().step_by(step).collect();
    let found = crate::support::python::read_with_others(path, &samples);
    for reader in ["kdmp_parser", "volatility3"] {
        let theirs = &found[reader];
        assert_eq!(theirs["type"], dump.header.dump_type.raw(), "{reader}");
        assert_eq!(theirs["pages"], frames.len(), "{reader}");
        for pfn in &samples {
            let mut page = vec![0; 4096];
            assert!(dump.read_page(*pfn, &mut page).expect("read"));
            let ours = hex(&page);
            assert_eq!(
                theirs["samples"][pfn.to_string()],
                ours,
                "{reader}, page {pfn:#x}"
            );
        }
    }
    assert_eq!(found["kdmp_parser"]["code"], dump.header.bug_check_code);
}

#[test]
fn a_kernel_dump_after_an_nmi_is_read_by_four_readers() {
    let crash = Crash::run(&["--kind", "kernel", "--by", "nmi"]);
    assert!(crash.passed, "{}", crash.text);
    for check in [
        "dump-kernel-pages-exact",
        "dump-pages-equal",
        "dump-write-order",
    ] {
        assert_eq!(crash.outcome(check), "passed", "{check}");
    }
    assert_eq!(crash.report["crash"]["compare"]["bytes_different"], 0);
    others_agree(&crash.dump());
}

#[test]
fn a_full_dump_is_read_by_four_readers() {
    let crash = Crash::run(&["--kind", "full", "--sector-size", "4096"]);
    assert!(crash.passed, "{}", crash.text);
    assert_eq!(crash.outcome("dump-full-pages-exact"), "passed");
    assert_eq!(crash.outcome("dump-pages-equal"), "passed");
    others_agree(&crash.dump());
}

#[test]
fn a_small_dump_after_a_fault_of_the_driver_holds_what_it_must() {
    let crash = Crash::run(&["--kind", "small", "--by", "fault"]);
    assert!(crash.passed, "{}", crash.text);
    assert_eq!(crash.outcome("dump-small-equal"), "passed");
    assert_eq!(crash.outcome("dump-triage-data"), "passed");
    assert_eq!(crash.outcome("dump-secondary-data"), "passed");
    let names: Vec<&str> = crash.report["crash"]["dump"]["drivers"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|driver| driver["name"].as_str())
        .collect();
    assert!(
        names.iter().any(|name| name.ends_with("hiberport.sys")),
        "{names:?}"
    );
}

#[test]
fn an_encrypted_dump_is_decrypted_with_its_private_key_alone() {
    let crash = Crash::run(&["--kind", "kernel", "--filter", "encrypt"]);
    assert!(crash.passed, "{}", crash.text);
    for check in ["filter-at-work", "dump-encrypted", "dump-pages-equal"] {
        assert_eq!(crash.outcome(check), "passed", "{check}");
    }
    assert_eq!(crash.report["crash"]["sealed"]["plain_pages"], 0);
    let sealed = crash.dump().display().to_string();
    let output = run(&["dump", "info", &sealed]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("encrypted by the dump filter"));
    let plain = crash.directory.path().join("plain.dmp");
    let (key, out) = (format!("{sealed}.key"), plain.display().to_string());
    let output = run(&["dump", "decrypt", "--key", &key, &sealed, &out]);
    assert!(output.status.success(), "{output:?}");
    others_agree(&plain);
    let output = run(&["dump", "decrypt", "--key", &sealed, &sealed, &out]);
    assert!(error_line(&output).contains("is no private key"));
}

#[test]
#[ignore = "long: cargo harness test --all"]
fn full_and_small_dumps_are_encrypted_too() {
    for (kind, content) in [("full", "dump-pages-equal"), ("small", "dump-small-equal")] {
        let crash = Crash::run(&["--kind", kind, "--filter", "encrypt"]);
        assert!(crash.passed, "{}", crash.text);
        for check in ["filter-at-work", "dump-encrypted", content] {
            assert_eq!(crash.outcome(check), "passed", "{kind}: {check}");
        }
    }
}

#[test]
#[ignore = "long: cargo harness test --all"]
fn a_dump_passes_a_filter_that_is_told_so() {
    let crash = Crash::run(&["--kind", "kernel", "--filter", "pass"]);
    assert!(crash.passed, "{}", crash.text);
    for check in ["filter-at-work", "dump-encrypted", "dump-pages-equal"] {
        assert_eq!(crash.outcome(check), "passed", "{check}");
    }
    others_agree(&crash.dump());
}

/// The dump fails and says why; the driver answers to the end, and nothing else of the disk is touched.
fn fails(cause: &str, fault: &str) {
    let crash = Crash::run(&["--kind", "kernel", "--by", cause, "--disk-fault", fault]);
    assert!(!crash.passed, "{}", crash.text);
    assert_eq!(crash.outcome("dump-complete"), "failed");
    for check in [
        "life-complete",
        "disk-outside-untouched",
        "dump-outside-untouched",
        "bench-sound",
    ] {
        assert_eq!(crash.outcome(check), "passed", "{check}\n{}", crash.text);
    }
    let refusal = crash.report["crash"]["refusal"].as_str().expect("refused");
    assert!(refusal.contains("no complete dump"), "{refusal}");
    assert!(!crash.dump().exists());
    assert_eq!(
        crash.report["violations"].as_array().map(Vec::len),
        Some(0),
        "{}",
        crash.text
    );
}

#[test]
fn a_bad_sector_in_the_body_fails_the_dump() {
    fails("stack-overflow", "io@0x100000");
}

#[test]
#[ignore = "long: cargo harness test --all"]
fn a_bad_sector_in_the_header_fails_the_dump() {
    fails("double-fault", "io@0");
}

#[test]
#[ignore = "long: cargo harness test --all"]
fn a_full_disk_fails_the_dump() {
    fails("bugcheck", "full@0x40000");
}
