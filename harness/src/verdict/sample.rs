//! A good life with two hibernations, made by hand, which the tests then break in one place at a time.

use std::time::Duration;

use proto::{
    hiber::{FORMAT_VERSION, IMAGE_MAGIC, ImageHeader, ImageState, ResumeEntry},
    owner::{Owner, Role},
    record::{AdapterFacts, Checkpoint, DeviceFacts, Mark, PhysicalRange, Record},
    scenario::PROTOCOL_VERSION,
};

use self::parts::{dump_memory, event, image_facts, io, owners, rules};
use super::Context;
use crate::{
    compare::{disk::DiskCompare, memory::MemoryCompare},
    options::{Options, hba::HbaOptions},
    report::{DriverFile, Setup},
    session::life::{Arguments, Boot, Hit, ImageFound, Life, Point, PowerOff},
};

pub(crate) mod crash;
pub(super) mod parts;

/// Virtual address of the context.
pub(crate) const CONTEXT: u64 = 0xffff_a000_0000_1200;
/// Physical address of the context.
pub(crate) const CONTEXT_PA: u64 = 0x600_0200;
/// Length of the context.
pub(crate) const CONTEXT_BYTES: u64 = 0x180;
/// Physical address of the rings.
pub(crate) const RINGS_PA: u64 = 0x700_1000;
/// Length of the rings.
pub(crate) const RINGS_BYTES: u64 = 0x1000;
/// Return address of the marks.
const CALLER: u64 = 0xffff_f800_0010_2345;
const FEATURES: u32 = 0x28;

/// A process with these records and nothing else.
pub(crate) fn boot(number: u32, records: Vec<Record>) -> Boot {
    Boot {
        number,
        records,
        arrivals: Vec::new(),
        events: Vec::new(),
        hits: Vec::new(),
        saves: Vec::new(),
        power_off: PowerOff::None,
        image: None,
        complaints: Vec::new(),
        wall: Duration::from_millis(800),
        command_line: "qemu-system-x86_64 -machine q35".to_owned(),
    }
}

/// Four processors were asked for, and this is what the kernel says of them.
pub(crate) fn at_work(
    life: &mut Life,
    context: &mut Context,
    callbacks: &[u64],
    most_at_once: u32,
) {
    context.setup.options.processors = 4;
    life.boots[0].records.push(Record::Processors {
        callbacks: callbacks.to_vec(),
        most_at_once,
        completed: 500,
        completed_at_home: 400,
    });
}

/// Two hibernations, nothing wrong.
pub(crate) fn life() -> Life {
    let mut first = boot(0, vec![hello(0)]);
    normal_start(&mut first);
    hibernate(&mut first, 1);
    let mut second = boot(1, vec![hello(1)]);
    resume(&mut second, 1);
    hibernate(&mut second, 2);
    let mut third = boot(2, vec![hello(2)]);
    resume(&mut third, 2);
    third.records.extend([
        Record::Io(io("after resume", 8)),
        Record::Rules { rules: rules() },
        Record::NotImplemented {
            role: Role::Normal,
            code: 79,
            count: 2,
        },
        Record::Finished { cycles: 2 },
    ]);
    third.power_off = PowerOff::ShutDown;
    third.events.push(event("SHUTDOWN"));
    Life {
        boots: vec![first, second, third],
        failure: None,
    }
}

/// What was asked for, and good comparisons.
pub(crate) fn context() -> Context {
    Context {
        crash: None,
        dump: None,
        cycles: 2,
        in_flight: 4,
        setup: Setup {
            driver: DriverFile {
                name: "hiberport.sys".to_owned(),
                bytes: 60_000,
                symbols: true,
                own: true,
            },
            build_route: "rustup targets".to_owned(),
            options: Options {
                hba: HbaOptions {
                    queue_size: Some(256),
                    ..HbaOptions::default()
                },
                ..Options::default()
            },
            repeat_with: "cargo harness cycle --count 2 --seed 0x1".to_owned(),
        },
        memory: vec![memory(1), memory(2)],
        disk: Some(DiskCompare {
            disk_bytes: 1 << 28,
            partition_tables_intact: true,
            bytes_outside: 1 << 21,
            outside_unchanged: true,
            ranges_checked: 3,
            bytes_checked: 3 * 4096,
            bytes_unwritten: 1 << 20,
            ..DiskCompare::default()
        }),
        other_disks: Vec::new(),
        disk_left_alone: None,
    }
}

fn memory(cycle: u32) -> MemoryCompare {
    MemoryCompare {
        cycle,
        pages_compared: 1000,
        bytes_compared: 4_096_000,
        bytes_volatile: 8192,
        ..MemoryCompare::default()
    }
}

fn hello(boot: u32) -> Record {
    Record::Hello {
        protocol_version: PROTOCOL_VERSION,
        boot,
        ram: vec![PhysicalRange {
            address: 0x10_0000,
            bytes: 255 << 20,
        }],
    }
}

fn normal_start(boot: &mut Boot) {
    boot.records.extend([
        Record::StepBegin {
            name: "start".to_owned(),
        },
        Record::StepEnd {
            name: "start".to_owned(),
            instructions: 1_234_567,
        },
        Record::Device(DeviceFacts {
            location: (0, 3, 0),
            ids: (0x1af4, 0x1048),
            offered_features: 1 << 32 | 1 << 29 | 1 << 28 | 6,
            accepted_features: 1 << 32 | 1 << 29 | 1 << 28 | 6,
            queues: 3,
            queue_entries: 256,
            messages: 4,
        }),
        adapter(Role::Normal, 0, 60_000),
        Record::Unit {
            address: (0, 0, 0),
            name: "QEMU QEMU HARDDISK".to_owned(),
            sector_bytes: 512,
            sectors: 1 << 19,
        },
        Record::Io(io("workload", 16)),
    ]);
    hit(
        boot,
        Role::Normal,
        Point::DriverEntry,
        Some(0),
        entry_arguments(0xffff_a000_0000_4000),
    );
    hit(
        boot,
        Role::Normal,
        Point::StorPortInitialize,
        Some(0),
        registration(0xffff_a000_0000_4000),
    );
    hit(
        boot,
        Role::Normal,
        Point::FindAdapter,
        Some(0),
        find_adapter(0, 0),
    );
    hit(
        boot,
        Role::Normal,
        Point::Initialize,
        Some(0),
        Arguments::Initialize { extension: 0x10 },
    );
}

fn hibernate(boot: &mut Boot, cycle: u32) {
    if cycle > 1 {
        boot.records.push(Record::Io(io("workload", 16)));
    }
    boot.records.push(adapter(Role::Hiber, 3, 4096));
    enter(boot, 3);
    boot.records.push(Record::InFlight {
        at_miniport: 2,
        kept_back: 1,
    });
    boot.records.push(Record::OwnerMap { runs: owners() });
    boot.records.push(Record::Volatile {
        ranges: vec![(
            PhysicalRange {
                address: 0x480_1000,
                bytes: 8192,
            },
            "stack of the image writer".to_owned(),
        )],
    });
    boot.records.push(Record::Checkpoint {
        checkpoint: Checkpoint::Freeze,
    });
    boot.records.push(adapter(Role::Hiber, 2, 4096));
    enter(boot, 2);
    boot.records.push(dump_memory(2));
    boot.records.push(Record::CountersTaken);
    boot.records.push(Record::ImageWritten(image_facts()));
    boot.power_off = PowerOff::Hibernated;
    boot.events
        .extend([event("SUSPEND_DISK"), event("SHUTDOWN")]);
    boot.image = Some(ImageFound {
        header: ImageHeader {
            magic: IMAGE_MAGIC,
            version: FORMAT_VERSION,
            state: ImageState::Ready.raw(),
            kernel_id: 1,
            cycle: u64::from(cycle),
            memory_map_xxh64: 2,
            boot_pages: 300,
            kernel_pages: 700,
            toc_block: 1,
            toc_xxh64: 3,
            data_block: 8,
            wipe_count: 0,
            wipe_block: 7,
            wipe_xxh64: 0,
            entry: ResumeEntry {
                cr3: 0x500_0000,
                rip: 0x480_0000,
                rsp: 0x481_0000,
            },
            header_xxh64: 0,
        }
        .sealed(),
        image_bytes: 4_200_000,
        boot_pages_verified: 300,
        plain_pages: None,
        kernel_pages_verified: 700,
    });
}

fn resume(boot: &mut Boot, _cycle: u32) {
    boot.records.push(adapter(Role::Hiber, 4, 4096));
    enter(boot, 4);
    boot.records.push(dump_memory(4));
    boot.records.push(Record::ImageRead(image_facts()));
    boot.records.push(Record::Checkpoint {
        checkpoint: Checkpoint::Resumed,
    });
    boot.records
        .push(Record::Io(io("in flight at hibernate", 4)));
}

/// One entry of the hibernate stack's image: `DriverEntry`, FindAdapter with both marks, and `HwStorInitialize` where it runs.
fn enter(boot: &mut Boot, mode: u8) {
    hit(
        boot,
        Role::Hiber,
        Point::DriverEntry,
        None,
        entry_arguments(0),
    );
    hit(
        boot,
        Role::Hiber,
        Point::StorPortInitialize,
        None,
        registration(0),
    );
    hit(
        boot,
        Role::Hiber,
        Point::FindAdapter,
        Some(mode),
        find_adapter(mode, CONTEXT),
    );
    mark(
        boot,
        mode,
        CONTEXT,
        CONTEXT_BYTES,
        0,
        CONTEXT_PA,
        Owner::DumpContext(Role::Hiber),
    );
    mark(
        boot,
        mode,
        RINGS_PA,
        RINGS_BYTES,
        1,
        RINGS_PA,
        Owner::DumpPort(Role::Hiber),
    );
    let mut routines = vec!["DriverEntry", "HwStorFindAdapter"];
    if mode != 3 {
        hit(
            boot,
            Role::Hiber,
            Point::Initialize,
            Some(mode),
            Arguments::Initialize { extension: 0x20 },
        );
        routines.push("HwStorInitialize");
    }
    boot.records
        .extend(routines.into_iter().map(|routine| Record::DumpCall {
            role: Role::Hiber,
            dump_mode: mode,
            routine: routine.to_owned(),
            returned: 1,
            instructions: 5000,
        }));
}

fn mark(boot: &mut Boot, mode: u8, address: u64, length: u64, flags: u32, pa: u64, owner: Owner) {
    boot.records.push(Record::Mark(Mark {
        role: Role::Hiber,
        dump_mode: mode,
        address,
        length,
        flags,
        status: 0,
        caller: CALLER,
        callback: "HwStorFindAdapter".to_owned(),
        covers: vec![PhysicalRange {
            address: pa,
            bytes: length,
        }],
        owner,
    }));
    hit(
        boot,
        Role::Hiber,
        Point::MarkDumpMemory,
        Some(mode),
        Arguments::MarkDumpMemory {
            extension: 0x20,
            address,
            length,
            flags,
        },
    );
}

fn hit(boot: &mut Boot, role: Role, point: Point, dump_mode: Option<u8>, arguments: Arguments) {
    boot.hits.push(Hit {
        point,
        role,
        boot: boot.number,
        after_records: boot.records.len(),
        address: 0xffff_f800_0010_0000,
        symbol: Some("routine".to_owned()),
        caller: CALLER,
        caller_symbol: Some("hiberport::dump::find_adapter+0x45".to_owned()),
        dump_mode,
        arguments,
    });
}

fn entry_arguments(value: u64) -> Arguments {
    Arguments::DriverEntry {
        driver_object: value,
        registry_path: value,
    }
}

fn registration(value: u64) -> Arguments {
    Arguments::StorPortInitialize {
        driver_object: value,
        registry_path: value,
        find_adapter: 0xffff_f800_0010_0100,
        initialize: 0xffff_f800_0010_0200,
        feature_support: FEATURES,
    }
}

fn find_adapter(dump_mode: u8, dump_data: u64) -> Arguments {
    Arguments::FindAdapter {
        extension: 0x20,
        config: 0xffff_a000_0000_8000,
        dump_mode,
        dump_data,
    }
}

fn adapter(role: Role, dump_mode: u8, uncached_extension_bytes: u32) -> Record {
    Record::Adapter(AdapterFacts {
        role,
        dump_mode,
        feature_support: FEATURES,
        maximum_transfer_bytes: 1 << 20,
        physical_breaks: 257,
        device_extension_bytes: 2048,
        srb_extension_bytes: 5000,
        uncached_extension_bytes,
        requested_dump_buffer_bytes: 0,
        uncached_extension_address: RINGS_PA,
    })
}
