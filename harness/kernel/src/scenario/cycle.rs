//! The main job: daily life, hibernation, power-off, resume, daily life; as often as asked for in one life.
//!
//! The order follows what is known of Windows: the hibernate stack is loaded and asked for its marks while I/O goes on,
//! the normal instance is brought to rest with requests kept back, everything is frozen, and the copy takes over. After
//! the resume the normal instance is restarted (FindAdapter is not called again) and the kept-back requests go on.

use alloc::{format, string::String, vec::Vec};

use proto::{
    hiber::{BLOCK_BYTES, checksum},
    owner::{Owner, Role},
    record::{Checkpoint, Record},
    scenario::Bundle,
};

use super::{Stop, exercise, memory::PatternMemory, play_sudden_faults, system::System};
use crate::{
    dump::{instance, mode::DumpMode, stack::DumpStack, start, window},
    hibernate::{
        context::{self, Context},
        freeze::Shadow,
        image::{self, Identity},
        reader, writer,
    },
    hw::{layout, switch},
    interrupt, irql,
    mem::{self, AllocSpec, Contiguity, Pa, Placement, Presence},
    mmio,
    port::{
        self, Buffer, PowerAction, Request, abi::init::STOR_FEATURE_DUMP_RESUME_CAPABLE,
        random::mix,
    },
    processors::{bring_up, park},
    record,
    rules::{self, Rule},
    timer,
    workload::{Held, Workload},
};

/// Runs the job `Cycle`.
pub(super) fn run(bundle: &Bundle, count: u32) -> Result<(), Stop> {
    let scenario = &bundle.scenario;
    let system = record::step("start", || System::start(bundle))?;
    let crash_stack = record::step("load the crash stack", || system.load_stack(Role::Crash))?;
    let memory = record::step("fill memory", || {
        PatternMemory::fill(scenario.workload.pattern_pages, scenario.seed)
    })?;
    let mut workload = Workload::new(scenario, &system.disks());
    record::checkpoint(Checkpoint::Workload);
    play_sudden_faults(&scenario.faults);
    for number in 1..=u64::from(count) {
        let _ = record::step("workload", || workload.run("workload"));
        if scenario.workload.resets {
            let in_flight = scenario.workload.in_flight_at_hibernate;
            record::step("resets", || {
                exercise::reset_each_way(&system, &mut workload, in_flight)
            })
            .map_err(|error| Stop::boot_device(format!("{error}")))?;
        }
        hibernate(&system, &mut workload, number)?;
        record::step("check memory", || {
            let wrong = memory.wrong_pages();
            if wrong != 0 {
                crate::log_warning!("{wrong} pages of the workload's memory did not come back");
            }
        });
    }
    record::step("unload the crash stack", || {
        System::unload_stack(crash_stack)
    })?;
    record::step("stop and remove", || system.stop())
}

/// One hibernation and resume.
pub(super) fn hibernate(
    system: &System<'_>,
    workload: &mut Workload,
    number: u64,
) -> Result<(), Stop> {
    let failed = |error| Stop::power(0, format!("{error}"));
    let stack = record::step("hibernate: load the dump stack", || {
        system.load_stack(Role::Hiber)
    })?;
    let in_flight = system.scenario.workload.in_flight_at_hibernate;
    let share = in_flight / 3;
    let mut flight = workload.launch(in_flight - 2 * share);
    record::step("hibernate: mark memory", || mark_memory(stack))?;
    record::step("hibernate: quiesce", || -> Result<(), Stop> {
        let Held {
            at_miniport,
            kept_back,
        } = workload.launch_and_hold(share, &mut flight);
        record::emit(&Record::InFlight {
            at_miniport,
            kept_back,
        });
        port::drain().map_err(failed)?;
        let way = port::power_down(PowerAction::Hibernate).map_err(failed)?;
        crate::log!("the normal instance is powered down by {way:?}");
        Ok(())
    })?;
    let counters = sleep_and_wake(system, number)?;
    record::step("resume: restart the adapter", || {
        port::power_up(PowerAction::Hibernate).map_err(failed)
    })?;
    port::release();
    let _ = record::step("resume: land the kept-back requests", || {
        workload.land(flight, "in flight at hibernate")
    });
    let _ = record::step("resume: read back", || workload.verify_all("read back"));
    record::step("resume: consume the image", || {
        consume_image(system, &counters).and_then(|()| unload_hibernate_stack())
    })?;
    let _ = record::step("after resume", || workload.run("after resume"));
    Ok(())
}

/// Enters the copy in `MARK_MEMORY`: the normal instance is alive with I/O at the device, so the hardware is hidden.
fn mark_memory(stack: DumpStack) -> Result<(), Stop> {
    window::prepare();
    let capable = stack.features & STOR_FEATURE_DUMP_RESUME_CAPABLE != 0;
    instance::install(stack, DumpMode::MarkMemory);
    if !capable {
        crate::log!(
            "no marks are asked for: the miniport is not resume capable, all memory goes into one set"
        );
        return Ok(());
    }
    rules::check(Rule::DumpHardwareInMarkMemory);
    // Drivers on other processors need the registers that are hidden here.
    let result = park::while_parked(|| {
        irql::at(irql::HIGH_LEVEL, || {
            let flag = interrupt::disable();
            mmio::set_present_all(Presence::Absent);
            let result = start::enter(DumpMode::MarkMemory);
            mmio::set_present_all(Presence::Present);
            interrupt::restore(flag);
            result
        })
    });
    instance::with(|port| {
        let marked = port.instance.marked.clone();
        port.stack.kept_marks.insert_all(&marked);
    });
    result.map_err(|error| Stop::power(0xC, format!("{error}")))
}

/// From the freeze to the moment in the resumed machine when memory, interrupts and clock are back.
/// Returns the rule counters at the freeze.
fn sleep_and_wake(system: &System<'_>, number: u64) -> Result<Vec<[u64; 2]>, Stop> {
    let scenario = system.scenario;
    let no_memory = || Stop::power(0xC, "no memory for the hibernation's buffers".into());
    let bounce = context::take_bounce_pages().ok_or_else(no_memory)?;
    let identity = Identity {
        kernel_id: kernel_id(),
        cycle: number,
        memory_map_xxh64: memory_map_hash(),
    };
    let shadow = Shadow::reserve().ok_or_else(no_memory)?;
    context::set(Context {
        identity,
        seed: mix(scenario.seed ^ mix(number)),
        partition: scenario.hibernation,
        sector_bytes: scenario.sector_bytes,
        counters: rules::counters(),
        faults: scenario.faults.clone(),
        shadow,
        bounce,
    });
    let saved = system.hba.save();
    // In the resumed machine they are in reset and come back by `start_again`.
    park::park_others();
    let level = irql::raise(irql::HIGH_LEVEL);
    let flag = interrupt::disable();
    switch::hibernate(writer::freeze_and_write, reader::read_rest);
    record::step("resume: restore the machine", || {
        system.hba.restore(&saved);
        interrupt::reprogram();
        timer::resume();
    });
    interrupt::restore(flag);
    irql::lower(level);
    bring_up::start_again();
    let context = context::take()
        .ok_or_else(|| Stop::power(0, "the hibernation's context did not come back".into()))?;
    context.shadow.release();
    mem::release_pages(&context.bounce);
    Ok(context.counters)
}

/// Marks the image as used up, so that no later start resumes from it; takes over what the writer counted.
fn consume_image(system: &System<'_>, at_freeze: &[[u64; 2]]) -> Result<(), Stop> {
    let failed = |error| Stop::power(0, error);
    let scenario = system.scenario;
    let unit = &system.unit;
    let sectors = u32::try_from(BLOCK_BYTES).unwrap_or(0) / scenario.sector_bytes.max(1);
    let block = mem::alloc(AllocSpec {
        bytes: BLOCK_BYTES,
        align: 16,
        contiguous: Contiguity::Contiguous,
        placement: Placement::Any,
        owner: Owner::DataBuffer,
        name: "image header",
    })
    .map_err(|error| Stop::power(0, format!("{error}")))?;
    let lba = scenario.hibernation.first_lba;
    let read = Request::read(unit, lba, sectors, Buffer::of(&block));
    let write = Request::write(unit, lba, sectors, Buffer::of(&block));
    demand("reading the image's header", read).map_err(failed)?;
    let bytes =
        mem::read_vec(block.va, block.bytes).map_err(|fault| Stop::power(0, format!("{fault}")))?;
    rules::absorb(at_freeze, &image::counters_of(&bytes, at_freeze.len()));
    let header = image::consumed(&bytes)
        .ok_or_else(|| Stop::power(0x10E, "the image's header is not there any more".into()))?;
    if let Err(fault) = mem::write_bytes(block.va, &image::header_block(&header)) {
        return Err(Stop::power(0, format!("{fault}")));
    }
    demand("writing the image's header", write).map_err(failed)?;
    demand(
        "flushing the image's header",
        Request::synchronize_cache(unit),
    )
    .map_err(failed)?;
    if let Err(error) = mem::free(block.va) {
        crate::log_warning!("the header's buffer cannot be freed: {error:?}");
    }
    Ok(())
}

/// Executes a request that must succeed.
fn demand(what: &str, request: Request) -> Result<(), String> {
    let completion = port::execute(request).map_err(|error| format!("{what}: {error}"))?;
    if completion.is_success() {
        Ok(())
    } else {
        Err(format!("{what}: {completion:?}"))
    }
}

fn unload_hibernate_stack() -> Result<(), Stop> {
    match instance::take() {
        Some(port) => System::unload_stack(port.stack),
        None => Ok(()),
    }
}

/// Identifies the kernel's build: a hash of its code and constants.
fn kernel_id() -> u64 {
    [layout::kernel_text(), layout::kernel_rodata()]
        .iter()
        .fold(0, |hash, range| {
            let mut page = [0; 4096];
            (range.address..range.address + range.bytes)
                .step_by(page.len())
                .fold(hash, |hash, address| {
                    let _ = mem::read_physical_bytes(Pa(address), &mut page);
                    mix(hash ^ checksum(&page))
                })
        })
}

/// Identifies the machine's memory; a machine of another size must not resume.
fn memory_map_hash() -> u64 {
    let bytes: Vec<u8> = mem::ram()
        .iter()
        .flat_map(|range| [range.address, range.bytes])
        .flat_map(u64::to_le_bytes)
        .collect();
    checksum(&bytes)
}
