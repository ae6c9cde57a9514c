//! Suspend to RAM (S3): the machine sleeps, memory stays, every device forgets what it was.
//!
//! The host wakes the machine when QEMU says that it sleeps (QMP `SUSPEND`). QEMU then resets the machine, and its firmware enters the waking
//! vector in real mode, where processor 0 takes the way of a starting processor (`hw::trampoline`) and comes back as after a
//! hibernation (`hw::switch`); the others are started anew.
//!
//! With the reset QEMU loads the kernel's file again, variables included. They are copied aside as the last thing before the
//! sleep, and the first thing after it puts them back.

use core::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use proto::{
    owner::Owner,
    record::{PhysicalRange, Record},
};

use crate::{
    acpi,
    hw::{layout, switch, trampoline},
    interrupt, irql,
    mem::{self, AllocSpec, Contiguity, PAGE_BYTES, Pa, Placement, Va},
    mmio::{self, Width},
    pci::{Function, SavedConfig},
    power,
    processors::{bring_up, park},
    record, timer,
};

/// Virtual address of the waking vector; 0 if the firmware has none.
static VECTOR: AtomicU64 = AtomicU64::new(0);
/// Physical address that the variables are copied to.
static COPY: AtomicU64 = AtomicU64::new(0);

/// Maps the firmware's table with the waking vector, whose physical address is `facs`. At boot.
pub fn init(facs: u64) {
    if let Some(va) = mmio::map_for_kernel(Pa(facs), acpi::FACS_BYTES) {
        VECTOR.store(va.offset(acpi::WAKING_VECTOR).0, Ordering::Relaxed);
    }
}

/// Why the machine did not sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuspendError {
    /// The firmware has no table for it, or QEMU does not offer S3.
    NotOffered,
    /// There is no memory for the copy.
    NoMemory,
}

impl fmt::Display for SuspendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOffered => "it does not offer S3",
            Self::NoMemory => "there is no memory for a copy of the kernel's variables",
        })
    }
}

/// Sleeps, and gives `hba` the configuration `awake`, as the bus driver does. The adapter must be powered down. `PASSIVE_LEVEL`, on the main stack.
///
/// # Errors
/// The machine did not sleep.
///
/// # Panics
/// If the HBA remembers its configuration: then the machine did not lose its power.
pub fn suspend(hba: &Function, awake: &SavedConfig) -> Result<(), SuspendError> {
    let vector = Va(VECTOR.load(Ordering::Relaxed));
    if vector.is_null() || !power::prepare_s3() {
        return Err(SuspendError::NotOffered);
    }
    let variables = variables();
    let copy = mem::alloc(AllocSpec {
        bytes: variables.bytes,
        align: PAGE_BYTES,
        contiguous: Contiguity::Contiguous,
        placement: Placement::Any,
        owner: Owner::Scratch,
        name: "the kernel's variables during a sleep",
    })
    .map_err(|_| SuspendError::NoMemory)?;
    let frame = mem::translate(copy.va).ok_or(SuspendError::NoMemory)?;
    COPY.store(frame.0, Ordering::Relaxed);
    let (asleep, registers) = (hba.save(), power::SavedChipset::take());
    // In the machine that wakes they are in reset and come back by `start_again`.
    park::park_others();
    let level = irql::raise(irql::HIGH_LEVEL);
    let flag = interrupt::disable();
    trampoline::prepare_wake(
        layout::direct(Pa(variables.address)),
        copy.va,
        variables.bytes,
    );
    mem::registers::write(vector, Width::Dword, trampoline::PAGE.0);
    switch::hibernate(copy_and_sleep, || ());
    mem::registers::write(vector, Width::Dword, 0);
    trampoline::remove();
    assert_ne!(
        hba.save(),
        asleep,
        "the HBA still has its configuration: the machine did not sleep"
    );
    registers.restore();
    hba.restore(awake);
    interrupt::reprogram();
    timer::resume();
    interrupt::restore(flag);
    irql::lower(level);
    bring_up::start_again();
    let _ = mem::free(copy.va);
    record::emit(&Record::Slept);
    Ok(())
}

/// Runs on the hibernate stack, whose content is not needed any more when the machine wakes. Takes no lock: locks are among what is copied.
fn copy_and_sleep() -> ! {
    let variables = variables();
    mem::copy_frames(
        Pa(COPY.load(Ordering::Relaxed)),
        Pa(variables.address),
        variables.bytes / PAGE_BYTES,
    );
    power::sleep_s3()
}

/// The kernel's variables and the main stack, with the page between them that is not mapped at its own address.
fn variables() -> PhysicalRange {
    let (data, stack) = (layout::kernel_data(), layout::main_stack());
    PhysicalRange {
        address: data.address,
        bytes: stack.address + stack.bytes - data.address,
    }
}
