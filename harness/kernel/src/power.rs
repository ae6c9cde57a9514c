//! Power states by ACPI registers, and the ACPI timer.
//!
//! The register block is found where the chipset has it (ICH9 and PIIX4: PMBASE in their configuration space), the
//! values of the sleep types in QEMU's `etc/system-states`.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU16, Ordering};

use crate::{
    hw::{cpu, port},
    pci::{self, Location},
};

/// Offset of `PM1a` control (ACPI 4.8.3.2.1).
const CONTROL: u16 = 4;
/// Offset of the timer (ACPI 4.8.3.3).
const TIMER: u16 = 8;
/// `SLP_EN`.
const SLEEP_ENABLE: u16 = 1 << 13;
/// Position of `SLP_TYP`.
const SLEEP_TYPE_SHIFT: u16 = 10;

/// Where a chipset keeps the place of the register block.
struct Chipset {
    location: Location,
    id: u32,
    /// `PMBASE`.
    base: u16,
    mask: u16,
    /// The register with the bit that switches the block on.
    switch: u16,
    /// The ISA bridge, and its registers that say which pin of the I/O APIC a function's interrupt line goes to.
    bridge: Location,
    routes: &'static [u16],
}

/// The ISA bridge of q35 (ICH9, 13.1.13 and 13.1.14), and the power management function of pc (PIIX4, 7.1 and
/// 7.2). Routes: `PIRQx_ROUT` and `PIRQRC`.
const CHIPSETS: [Chipset; 2] = [
    Chipset {
        location: Location::new(0, 31, 0),
        id: 0x2918_8086,
        base: 0x40,
        mask: 0xFF80,
        switch: 0x44,
        bridge: Location::new(0, 31, 0),
        routes: &[0x60, 0x68],
    },
    Chipset {
        location: Location::new(0, 1, 3),
        id: 0x7113_8086,
        base: 0x40,
        mask: 0xFFC0,
        switch: 0x80,
        bridge: Location::new(0, 1, 0),
        routes: &[0x60],
    },
];

const FW_CFG_SELECT: u16 = 0x510;
const FW_CFG_DATA: u16 = 0x511;
const FW_CFG_DIRECTORY: u16 = 0x19;
/// `etc/system-states` has a byte for each of S0 to S5; bit 7: supported.
const STATES: usize = 6;
const SUPPORTED: u8 = 0x80;

static BASE: AtomicU16 = AtomicU16::new(0);
static S3: AtomicU16 = AtomicU16::new(0);

/// Finds the register block. At boot.
///
/// # Panics
/// On a machine that is neither q35 nor pc.
pub fn init() {
    let chipset = chipset();
    let [low, high, ..] = pci::read32(chipset.location, chipset.base).to_le_bytes();
    BASE.store(
        u16::from_le_bytes([low, high]) & chipset.mask,
        Ordering::Relaxed,
    );
}

fn chipset() -> &'static Chipset {
    let found = CHIPSETS
        .iter()
        .find(|chipset| pci::read32(chipset.location, 0) == chipset.id);
    match found {
        Some(chipset) => chipset,
        None => panic!("no ACPI registers: the machine is neither q35 nor pc"),
    }
}

/// Where the register block is and where interrupt lines go, to be put back after a reset: not every firmware does that when the
/// machine wakes, and the routes are the operating system's (ACPI 6.2.16, `_SRS`).
#[derive(Clone, Debug)]
pub struct SavedChipset {
    registers: Vec<(Location, u16, u32)>,
}

impl SavedChipset {
    /// What the chipset says now.
    #[must_use]
    pub fn take() -> Self {
        let Chipset {
            location,
            base,
            switch,
            bridge,
            routes,
            ..
        } = *chipset();
        let routes = routes.iter().map(|&route| (bridge, route));
        let registers = [(location, base), (location, switch)].into_iter();
        Self {
            registers: registers
                .chain(routes)
                .map(|(location, offset)| (location, offset, pci::read32(location, offset)))
                .collect(),
        }
    }

    /// Puts it back.
    pub fn restore(&self) {
        for &(location, offset, value) in &self.registers {
            pci::write32(location, offset, value);
        }
    }
}

/// The ACPI timer, 24 bits.
#[must_use]
pub fn acpi_timer() -> u32 {
    port::in32(BASE.load(Ordering::Relaxed) + TIMER) & 0xFF_FFFF
}

/// Turns the machine off (S5).
pub fn off() -> ! {
    // Without QEMU's list of states the type is 0.
    enter(sleep_type(5).unwrap_or(0))
}

/// Suspends the machine to disk (S4).
///
/// # Panics
/// If the machine does not offer S4.
pub fn sleep_s4() -> ! {
    match sleep_type(4) {
        Some(value) => enter(value),
        None => panic!("the machine does not offer S4"),
    }
}

/// Sees to it that [`sleep_s3`] needs nothing but registers; whether the machine offers S3.
#[must_use]
pub fn prepare_s3() -> bool {
    let offered = sleep_type(3);
    S3.store(offered.unwrap_or(0), Ordering::Relaxed);
    offered.is_some()
}

/// Suspends the machine to RAM (S3), after [`prepare_s3`]. The processor comes back by the firmware's waking vector.
pub fn sleep_s3() -> ! {
    enter(S3.load(Ordering::Relaxed))
}

/// What is to be written for a state that the machine offers.
fn sleep_type(state: usize) -> Option<u16> {
    let value = system_states().get(state).copied()?;
    (value & SUPPORTED != 0).then_some(u16::from(value & 7) << SLEEP_TYPE_SHIFT)
}

fn enter(sleep_type: u16) -> ! {
    port::out16(
        BASE.load(Ordering::Relaxed) + CONTROL,
        sleep_type | SLEEP_ENABLE,
    );
    cpu::stop()
}

/// QEMU's `etc/system-states`; without that file, no state is supported and S5 has type 0.
fn system_states() -> [u8; STATES] {
    let mut states = [0; STATES];
    port::out16(FW_CFG_SELECT, FW_CFG_DIRECTORY);
    let mut count = [0; 4];
    read_fw_cfg(&mut count);
    for _ in 0..u32::from_be_bytes(count) {
        let mut entry = [0; 64];
        read_fw_cfg(&mut entry);
        let name = &entry[8..];
        if name.starts_with(b"etc/system-states\0") {
            port::out16(FW_CFG_SELECT, u16::from_be_bytes([entry[4], entry[5]]));
            read_fw_cfg(&mut states);
            break;
        }
    }
    states
}

fn read_fw_cfg(into: &mut [u8]) {
    for byte in into {
        *byte = port::in8(FW_CFG_DATA);
    }
}
