//! The bench kernel's core and the resume loader by themselves: the kernel's own test in QEMU, without a driver.

use std::{
    fs,
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use harness::{build::BenchFiles, progress::Verbosity, setup::Need, trial::Workshop};
use proto::{
    hiber::{PACKAGE_BASE, PACKAGE_END},
    record::Record,
    wire,
};
use tempfile::TempDir;

/// Longest time for one life, in seconds; far more than it takes.
const LIMIT_SECONDS: &str = "300";

fn bench() -> &'static BenchFiles {
    static BENCH: OnceLock<BenchFiles> = OnceLock::new();
    BENCH.get_or_init(|| {
        let workshop = Workshop::open(&[Need::Qemu, Need::Build], Verbosity::Normal)
            .expect("the tools are there");
        workshop.builder().bench().expect("the bench builds")
    })
}

/// A machine whose RAM is a file, so that it can be looked at after the machine is gone.
struct Machine {
    directory: TempDir,
    chipset: &'static str,
    memory: &'static str,
    processors: u32,
}

impl Machine {
    fn new(chipset: &'static str, memory: &'static str) -> Self {
        Self {
            directory: TempDir::new().expect("made"),
            chipset,
            memory,
            processors: 1,
        }
    }

    /// A machine whose processors run at the same time; instructions cannot be counted then.
    fn with_processors(self, processors: u32) -> Self {
        Self { processors, ..self }
    }

    fn execution(&self) -> Vec<String> {
        let words = if self.processors == 1 {
            "-accel tcg -icount shift=0".to_owned()
        } else {
            format!("-accel tcg,thread=multi -smp {}", self.processors)
        };
        words.split(' ').map(str::to_owned).collect()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Starts a program, waits for its end, and returns what it reported.
    fn start(&self, program: &Path, arguments: &[&str]) -> Vec<Record> {
        let console = self.path("console");
        let status = Command::new("timeout")
            .args([LIMIT_SECONDS, "qemu-system-x86_64"])
            .args([
                "-nodefaults",
                "-no-user-config",
                "-display",
                "none",
                "-no-reboot",
            ])
            .args(["-machine", &format!("{},memory-backend=ram", self.chipset)])
            .args(["-m", self.memory])
            .args(self.execution())
            .arg("-object")
            .arg(format!(
                "memory-backend-file,id=ram,share=on,size={},mem-path={}",
                self.memory,
                self.path("ram").display()
            ))
            .arg("-chardev")
            .arg(format!("file,id=console,path={}", console.display()))
            .args(["-device", "isa-debugcon,iobase=0xe9,chardev=console"])
            .args(["-device", "virtio-scsi-pci"])
            .arg("-kernel")
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .status()
            .expect("QEMU starts");
        assert!(status.success(), "{status}");
        let output = fs::read(&console).expect("written");
        output
            .split_inclusive(|&byte| byte == 0)
            .map(|frame| wire::from_frame(frame).expect("a record"))
            .collect()
    }

    fn kernel(&self, command_line: &str) -> Vec<Record> {
        self.start(&bench().kernel, &["-append", command_line])
    }

    /// Takes the package out of the window of the machine that is gone, whose memory it clears.
    fn take_package(&self) -> PathBuf {
        let mut ram = fs::File::open(self.path("ram")).expect("written");
        ram.seek(SeekFrom::Start(PACKAGE_BASE)).expect("inside");
        let mut package = Vec::new();
        ram.take(PACKAGE_END - PACKAGE_BASE)
            .read_to_end(&mut package)
            .expect("read");
        fs::remove_file(self.path("ram")).expect("removed");
        let file = self.path("package");
        fs::write(&file, package).expect("written");
        file
    }

    fn loader(&self, package: &Path) -> Vec<Record> {
        let device = format!(
            "loader,file={},addr={PACKAGE_BASE:#x},force-raw=on",
            package.display()
        );
        self.start(&bench().loader, &["-device", &device])
    }
}

#[track_caller]
fn assert_finished(records: &[Record], steps: usize) {
    assert!(
        matches!(records.last(), Some(Record::Finished { .. })),
        "{records:#?}"
    );
    let ended = records
        .iter()
        .filter(|record| matches!(record, Record::StepEnd { .. }));
    assert_eq!(ended.count(), steps, "{records:#?}");
}

fn panic_text(records: &[Record]) -> &str {
    match records.last() {
        Some(Record::KernelPanic { text }) => text,
        _ => panic!("no panic: {records:#?}"),
    }
}

#[test]
fn the_core_keeps_its_promises_on_every_machine() {
    for (machine, memory) in [
        ("q35,sata=off", "128M"),
        ("pc", "128M"),
        ("pc,max-ram-below-4g=128M", "192M"),
    ] {
        assert_finished(&Machine::new(machine, memory).kernel("selftest"), 5);
    }
}

/// The self-test on so many processors.
fn keeps_its_promises(machine: &'static str, processors: u32) {
    let records = Machine::new(machine, "128M")
        .with_processors(processors)
        .kernel(&format!("selftest processors={processors}"));
    assert_finished(&records, 6);
}

#[test]
fn two_processors_keep_their_promises() {
    keeps_its_promises("q35,sata=off", 2);
}

#[test]
#[ignore = "long: cargo harness test --all"]
fn four_and_eight_processors_keep_their_promises() {
    keeps_its_promises("pc", 4);
    keeps_its_promises("q35,sata=off", 8);
}

#[test]
fn more_processors_than_the_bench_runs_are_refused() {
    let records = Machine::new("pc", "128M")
        .with_processors(2)
        .kernel("selftest processors=9");
    let text = panic_text(&records);
    assert!(text.contains("the bench runs 1 to 8"), "{text}");
}

#[test]
#[ignore = "long: cargo harness test --all"]
fn the_loader_brings_several_processors_back() {
    let machine = Machine::new("q35,sata=off", "128M").with_processors(4);
    let before = machine.kernel("selftest=hibernate processors=4");
    assert!(
        matches!(before.last(), Some(Record::StepBegin { name }) if name == "package"),
        "{before:#?}"
    );
    let package = machine.take_package();
    let after = machine.loader(&package);
    assert!(
        matches!(after.last(), Some(Record::Finished { .. })),
        "{after:#?}"
    );
}

#[test]
fn the_loader_brings_the_kernel_back() {
    let machine = Machine::new("q35,sata=off", "128M");
    let before = machine.kernel("selftest=hibernate");
    assert!(matches!(before.last(), Some(Record::StepBegin { name }) if name == "package"));
    let package = machine.take_package();
    let after = machine.loader(&package);
    assert!(
        matches!(&after[0], Record::Log { text, .. } if text.contains("HBA left in use")),
        "{after:#?}"
    );
    assert!(
        matches!(after.last(), Some(Record::Finished { .. })),
        "{after:#?}"
    );
}

#[test]
fn the_loader_refuses_a_damaged_package() {
    let machine = Machine::new("pc", "128M");
    machine.kernel("selftest=hibernate");
    let package = machine.take_package();
    let mut file = fs::OpenOptions::new()
        .write(true)
        .open(&package)
        .expect("written");
    // The first pages are the kernel's code, behind the tables; there are more than 1000 of them.
    file.seek(SeekFrom::Start(2 << 20)).expect("inside");
    file.write_all(b"damage").expect("written");
    let text = panic_text(&machine.loader(&package)).to_owned();
    assert!(text.contains("the package has a damaged page"), "{text}");

    fs::remove_file(machine.path("ram")).expect("removed");
    fs::write(&package, [0; 4096]).expect("written");
    let text = panic_text(&machine.loader(&package)).to_owned();
    assert!(text.contains("the package is not there"), "{text}");
}

#[test]
fn what_a_driver_does_wrong_stops_the_simulated_system() {
    let records = Machine::new("pc", "128M").kernel("selftest=null");
    let Some(Record::Bugcheck {
        code,
        parameters,
        text,
        ..
    }) = records.last()
    else {
        panic!("no bug check: {records:#?}");
    };
    assert_eq!((*code, parameters[0], parameters[1]), (0xD1, 8, 2));
    assert!(text.contains("null pointer"), "{text}");

    let records = Machine::new("pc", "128M").kernel("selftest=overflow");
    let Some(Record::Bugcheck { text, .. }) = records.last() else {
        panic!("no bug check: {records:#?}");
    };
    assert!(text.contains("stack"), "{text}");
}

#[test]
fn a_kernel_without_a_bundle_says_so() {
    let records = Machine::new("pc", "128M").kernel("");
    let text = panic_text(&records);
    assert!(text.contains("no bundle"), "{text}");
}
