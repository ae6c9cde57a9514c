//! QEMU's own Windows dump with the header that dumpheader.sys publishes, read by a parser that nobody here wrote.

use std::{fs, path::Path};

use crate::support::{error_line, run};
use kdmp_parser::{phys, structs::DumpType, virt};
use tempfile::TempDir;

/// The smallest, because whole memory is written and read several times.
const MEMORY: [&str; 2] = ["--memory", "128M"];

/// `CONTEXT_ALL` as QEMU sets it: AMD64, control, integer, segments, floating point, debug registers.
const QEMU_CONTEXT_FLAGS: u32 = 0x10_001F;

/// Reads `N` bytes at a virtual address.
fn at<const N: usize>(parser: &kdmp_parser::parse::KernelDumpParser, address: u64) -> [u8; N] {
    let mut bytes = [0; N];
    virt::Reader::new(parser)
        .read_exact(address.into(), &mut bytes)
        .expect("mapped");
    bytes
}

fn pages_are_those_of_memory(dump: &Path, memory: &Path) {
    let parser = kdmp_parser::parse::KernelDumpParser::new(dump).expect("a dump");
    assert_eq!(parser.dump_type(), DumpType::Full);
    let headers = parser.headers();
    assert_eq!(headers.bug_check_code, 0x161, "a live system");
    assert_eq!(headers.number_processors, 1);
    let modules: Vec<&str> = parser.kernel_modules().map(|(_, name)| name).collect();
    assert!(modules.contains(&"ntoskrnl.exe"), "{modules:?}");
    assert!(modules.contains(&"dumpheader.sys"), "{modules:?}");
    // The context that QEMU filled in: KdDebuggerDataBlock, KiProcessorBlock, the processor's block, its context.
    let block = headers.kd_debugger_data_block;
    assert_eq!(&at::<4>(&parser, block + 0x10), b"KDBG");
    let processors = u64::from_le_bytes(at(&parser, block + 0x218));
    let offset = u64::from(u16::from_le_bytes(at(&parser, block + 0x338)));
    let processor = u64::from_le_bytes(at(&parser, processors));
    let context = u64::from_le_bytes(at(&parser, processor + offset));
    let flags = u32::from_le_bytes(at(&parser, context + 0x30));
    assert_eq!(flags, QEMU_CONTEXT_FLAGS);
    // Every page, read through the parser, is the page of memory, the one with the context aside.
    let memory = fs::read(memory).expect("a copy of memory");
    let reader = phys::Reader::new(&parser);
    let (mut pages, mut other) = (0, 0);
    for ((address, _), expected) in parser.physmem().zip(memory.chunks(0x1000)) {
        let mut page = [0; 0x1000];
        reader.read_exact(address, &mut page).expect("in the dump");
        pages += 1;
        other += usize::from(page != *expected);
    }
    assert_eq!(pages * 0x1000, memory.len());
    assert!(pages > 20_000, "{pages} pages of 128 MiB");
    assert!((1..=2).contains(&other), "{other} pages differ");
}

#[test]
fn qemu_writes_a_windows_dump_with_the_published_header() {
    let stage = TempDir::new().expect("made");
    let out = stage.path().display().to_string();
    let output = run(&["header", MEMORY[0], MEMORY[1], "--out", &out]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{output:?}");
    assert!(text.contains("verdict: passed"), "{text}");
    assert!(text.contains("ok     header-qemu-silent"), "{text}");
    pages_are_those_of_memory(
        &stage.path().join("header-0.dmp"),
        &stage.path().join("header-0.memory"),
    );
}

#[test]
fn without_the_device_the_driver_starts_and_qemu_refuses() {
    let output = run(&["header", MEMORY[0], MEMORY[1], "--without-vmcoreinfo"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{output:?}");
    assert!(
        text.contains("nothing published: QEMU has no etc/vmcoreinfo"),
        "{text}"
    );
}

#[test]
fn a_header_that_is_not_withdrawn_is_noticed() {
    let output = run(&["header", MEMORY[0], MEMORY[1], "--keep-header"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let line = error_line(&output);
    assert!(line.contains("header-withdrawn"), "{line}");
}
