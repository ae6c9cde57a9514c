//! The command line of QEMU, option by option.

use super::*;
use crate::disk::others::of_machine;

fn spec() -> MachineSpec {
    MachineSpec {
        machine: Machine::Q35,
        memory_mib: 256,
        below_4g_mib: 2048,
        hba: Hba::VirtioScsi(HbaOptions::default()),
        disk: "/run/a,b/disk.raw".into(),
        sector_bytes: 512,
        other_disks: Vec::new(),
        disk_driver: DiskDriver::Plain,
        processors: 1,
        clock: GuestClock::Instructions,
        boot: BootFrom::Kernel {
            kernel: "/k".into(),
            bundle: "/b".into(),
        },
        sockets: "/run/a,b".into(),
        debugger: DebuggerPort::Socket,
        vmcoreinfo: false,
        logged_code: None,
    }
}

fn text(spec: &MachineSpec) -> String {
    spec.arguments()
        .iter()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn the_first_start_has_kernel_and_bundle() {
    let text = text(&spec());
    assert!(
        text.contains("-machine q35,sata=off -m 256M -accel tcg -icount shift=0"),
        "{text}"
    );
    assert!(text.contains("-kernel /k -initrd /b"), "{text}");
    assert!(
        text.contains("virtio-scsi-pci,id=hba,num_queues=1 "),
        "{text}"
    );
}

#[test]
fn commas_in_paths_are_doubled() {
    let text = text(&spec());
    assert!(text.contains("file.filename=/run/a,,b/disk.raw"), "{text}");
    assert!(text.contains("socket,id=qmp,path=/run/a,,b/qmp"), "{text}");
}

#[test]
fn several_processors_run_at_the_same_time() {
    let mut spec = spec();
    assert!(!text(&spec).contains("-smp"));
    spec.processors = 4;
    spec.clock = GuestClock::RealTime;
    let text = text(&spec);
    assert!(text.contains("-smp 4 -accel tcg,thread=multi "), "{text}");
    assert!(!text.contains("icount"), "{text}");
}

#[test]
fn other_disks_have_their_own_nodes_and_addresses() {
    let mut spec = spec();
    spec.sector_bytes = 4096;
    spec.other_disks = of_machine(4, "/run/a,b".as_ref());
    let text = text(&spec);
    for words in [
        "-object throttle-group,id=limit-2-300 ",
        "driver=throttle,node-name=unit-2-300,throttle-group=limit-2-300,",
        "file.file.filename=/run/a,,b/disk-2-300.raw",
        "scsi-id=2,lun=300,drive=unit-2-300,serial=unit-2-300,logical_block_size=4096",
        "scsi-id=0,lun=0,drive=disk,",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn the_note_device_is_there_when_asked_for() {
    let mut spec = spec();
    assert!(!text(&spec).contains("vmcoreinfo"));
    spec.vmcoreinfo = true;
    assert!(text(&spec).contains("-device vmcoreinfo"));
}

#[test]
fn what_exceeds_the_part_below_lies_above_four_gib() {
    let mut spec = spec();
    spec.machine = Machine::Pc;
    spec.memory_mib = 3072;
    assert!(text(&spec).contains("-machine pc,max-ram-below-4g=2048M -m 3072M"));
    spec.memory_mib = 2048;
    assert!(text(&spec).contains("-machine pc -m 2048M"));
    spec.machine = Machine::Q35;
    (spec.memory_mib, spec.below_4g_mib) = (192, 128);
    assert!(text(&spec).contains("-machine q35,max-ram-below-4g=128M,sata=off -m 192M"));
}

#[test]
fn a_resume_has_loader_and_package() {
    let mut spec = spec();
    spec.boot = BootFrom::Loader {
        loader: "/l".into(),
        package: "/p".into(),
    };
    spec.hba = Hba::VirtioScsi(HbaOptions {
        queue_size: Some(64),
        ..HbaOptions::default()
    });
    spec.sector_bytes = 4096;
    spec.clock = GuestClock::RealTime;
    spec.debugger = DebuggerPort::Tcp(1234);
    let text = text(&spec);
    assert!(
        text.contains("-kernel /l -device loader,file=/p,addr=0x200000,force-raw=on"),
        "{text}"
    );
    assert!(text.contains("virtqueue_size=64"), "{text}");
    assert!(
        text.contains("logical_block_size=4096,physical_block_size=4096"),
        "{text}"
    );
    assert!(text.contains("-gdb tcp:127.0.0.1:1234"), "{text}");
    assert!(!text.contains("icount"), "{text}");
}
#[test]
fn writes_are_logged_between_the_disk_and_its_file() {
    let mut spec = spec();
    assert!(text(&spec).contains("driver=raw,node-name=disk,"));
    spec.disk_driver = DiskDriver::LogWrites {
        log: "/run/a,b/writes".into(),
    };
    spec.sector_bytes = 4096;
    let text = text(&spec);
    for words in [
        "driver=raw,node-name=base,",
        "driver=file,node-name=log,filename=/run/a,,b/writes",
        "driver=blklogwrites,node-name=disk,log-sector-size=4096,file=base,log=log",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("werror"), "{text}");
}

#[test]
fn a_disk_without_a_file_has_its_size() {
    let mut spec = spec();
    spec.disk_driver = DiskDriver::Null { bytes: 1 << 20 };
    let text = text(&spec);
    assert!(
        text.contains("driver=null-co,node-name=disk,read-zeroes=on,size=1048576"),
        "{text}"
    );
    assert!(!text.contains("disk.raw"), "{text}");
}

#[test]
fn a_failing_disk_tells_the_guest() {
    let mut spec = spec();
    spec.disk_driver = DiskDriver::FailWrites(WriteFault {
        error: DiskError::NoSpace,
        offset: 0x10_0000,
        once: false,
    });
    let text = text(&spec);
    assert!(
        text.contains("driver=blkdebug,node-name=disk,image=base,"),
        "{text}"
    );
    assert!(
        text.contains("errno=28,inject-error.0.sector=2048,inject-error.0.once=off"),
        "{text}"
    );
    assert!(text.contains("werror=report,rerror=report"), "{text}");
}
