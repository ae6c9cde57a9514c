//! Bad input: one line that names cause and remedy, exit status 2, nothing left behind.

use std::{fs, path::PathBuf};

use crate::support::{error_line, run};
use tempfile::TempDir;

struct Files {
    directory: TempDir,
}

impl Files {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().expect("made"),
        }
    }

    fn write(&self, name: &str, content: &[u8]) -> String {
        let path = self.directory.path().join(name);
        fs::write(&path, content).expect("written");
        path.display().to_string()
    }
}

fn refused(arguments: &[&str], expected: &str) {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let line = error_line(&output);
    assert!(line.contains(expected), "{line}");
    assert!(line.contains("; "), "cause and remedy: {line}");
}

/// The driver as it was built, with its bytes.
fn driver() -> Vec<u8> {
    let stage = tempfile::tempdir().expect("made");
    let out = stage.path().display().to_string();
    let output = run(&["package", "--out", &out]);
    assert!(output.status.success(), "{output:?}");
    let path: PathBuf = stage.path().join("hiberport/hiberport.sys");
    fs::read(path).expect("staged")
}

#[test]
fn a_file_that_is_not_there() {
    refused(
        &["run", "/nonexistent/x.sys"],
        "cannot read /nonexistent/x.sys",
    );
}

#[test]
fn a_file_that_is_no_image() {
    let files = Files::new();
    let text = files.write("text.sys", b"This is no driver.\n");
    refused(&["run", &text], "text.sys is no PE image");
    refused(&["cycle", "--driver", &text], "text.sys is no PE image");
    let empty = files.write("empty.sys", b"");
    refused(&["run", &empty], "empty.sys is no PE image");
}

#[test]
fn an_image_that_is_changed_in_one_place() {
    let files = Files::new();
    let image = driver();
    let headers = usize::try_from(u32::from_le_bytes(
        image[0x3c..0x40].try_into().expect("four bytes"),
    ))
    .expect("small");

    let mut arm = image.clone();
    arm[headers + 4..headers + 6].copy_from_slice(&0xaa64_u16.to_le_bytes());
    let arm = files.write("arm.sys", &arm);
    refused(
        &["run", &arm],
        "arm.sys is for another machine (ARM64), not x86-64",
    );

    let mut console = image.clone();
    // Subsystem of the optional header (PE format, "Optional Header Windows-Specific Fields").
    console[headers + 24 + 68..headers + 24 + 70].copy_from_slice(&3_u16.to_le_bytes());
    let console = files.write("console.sys", &console);
    refused(
        &["run", &console],
        "console.sys is no driver: its subsystem is 3",
    );

    let short = files.write("short.sys", &image[..image.len() / 2]);
    refused(&["run", &short], "short.sys");

    let mut import = image;
    let name = b"StorPortInitialize\0";
    let at = import
        .windows(name.len())
        .position(|window| window == name)
        .expect("every miniport imports it");
    import[at + 8..at + 12].copy_from_slice(b"Xyzz");
    let import = files.write("import.sys", &import);
    refused(
        &["run", &import],
        "import.sys imports what nobody exports: ",
    );
}

#[test]
fn figures_that_no_machine_has() {
    for arguments in [
        ["cycle", "--memory", "1M"],
        ["cycle", "--sector-size", "1000"],
        ["cycle", "--queue-size", "63"],
        ["cycle", "--count", "0"],
        ["debug", "--at", "nowhere"],
        ["debug", "--port", "99999"],
    ] {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(arguments[1]), "{text}");
    }
}
