//! Readers of dumps written in Python: [`read_with_others`] installs them once into a virtual environment below the target
//! directory and runs `dump_readers.py`. Where they cannot be installed, a test fails and says why: nothing is left out.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::fs::{FlockOperation, flock};
use serde_json::Value;

/// The readers, as the package index names them.
const PACKAGES: [&str; 2] = ["kdmp-parser==0.7.4", "volatility3==2.28.2"];
/// Written when everything is installed.
const DONE: &str = "installed";

/// What the readers make of a dump; of the pages in `frames` each gives the content in hexadecimal.
pub(crate) fn read_with_others(dump: &Path, frames: &[u64]) -> Value {
    let python = environment();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/support/dump_readers.py");
    let output = Command::new(python)
        .arg("-B")
        .arg(script)
        .arg(dump)
        .args(frames.iter().map(u64::to_string))
        .stdin(Stdio::null())
        .output()
        .expect("the environment's Python starts");
    assert!(
        output.status.success(),
        "the readers refuse {}:\n{}",
        dump.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("the script prints JSON")
}

/// The interpreter of the environment with the readers in it.
fn environment() -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dump-readers");
    let python = directory.join("bin/python");
    let done = directory.join(DONE);
    fs::create_dir_all(env!("CARGO_TARGET_TMPDIR")).expect("the target directory is writable");
    let guard = File::create(directory.with_extension("lock")).expect("writable");
    flock(&guard, FlockOperation::LockExclusive).expect("no other test holds it for ever");
    if fs::read_to_string(&done).is_ok_and(|text| text == PACKAGES.join(" ")) {
        return python;
    }
    let _absent = fs::remove_dir_all(&directory);
    step(
        Command::new("python3").args(["-m", "venv"]).arg(&directory),
        "make a Python environment: on Debian, apt-get install python3-venv",
    );
    step(
        Command::new(&python)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            .args(PACKAGES),
        "install the readers of dumps: pip needs the network, or its cache",
    );
    fs::write(&done, PACKAGES.join(" ")).expect("writable");
    python
}

fn step(command: &mut Command, what: &str) {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("cannot {what} ({error})"));
    assert!(
        output.status.success(),
        "cannot {what}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
