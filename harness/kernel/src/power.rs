//! Power states by ACPI registers, and the ACPI timer.
//!
//! The register block is found where the chipset has it (ICH9 and PIIX4: PMBASE in their configuration space), the
//! values of the sleep types in QEMU's `etc/system-states`.

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

/// The ISA bridge of q35.
const ICH9: (Location, u32) = (Location::new(0, 31, 0), 0x2918_8086);
/// The power management function of pc.
const PIIX4: (Location, u32) = (Location::new(0, 1, 3), 0x7113_8086);

const FW_CFG_SELECT: u16 = 0x510;
const FW_CFG_DATA: u16 = 0x511;
const FW_CFG_DIRECTORY: u16 = 0x19;
/// `etc/system-states` has a byte for each of S0 to S5; bit 7: supported.
const STATES: usize = 6;
const SUPPORTED: u8 = 0x80;

static BASE: AtomicU16 = AtomicU16::new(0);

/// Finds the register block. At boot.
///
/// # Panics
/// On a machine that is neither q35 nor pc.
pub fn init() {
    for ((location, id), offset, mask) in [(ICH9, 0x40, 0xFF80), (PIIX4, 0x40, 0xFFC0)] {
        if pci::read32(location, 0) == id {
            let [low, high, ..] = pci::read32(location, offset).to_le_bytes();
            BASE.store(u16::from_le_bytes([low, high]) & mask, Ordering::Relaxed);
            return;
        }
    }
    panic!("no ACPI registers: the machine is neither q35 nor pc");
}

/// The ACPI timer, 24 bits.
#[must_use]
pub fn acpi_timer() -> u32 {
    port::in32(BASE.load(Ordering::Relaxed) + TIMER) & 0xFF_FFFF
}

/// Turns the machine off (S5).
pub fn off() -> ! {
    sleep(5)
}

/// Suspends the machine to disk (S4).
pub fn sleep_s4() -> ! {
    sleep(4)
}

fn sleep(state: usize) -> ! {
    let states = system_states();
    let value = states.get(state).copied().unwrap_or(0);
    assert!(
        value & SUPPORTED != 0 || state != 4,
        "the machine does not offer S4"
    );
    let kind = u16::from(value & 7) << SLEEP_TYPE_SHIFT;
    port::out16(BASE.load(Ordering::Relaxed) + CONTROL, kind | SLEEP_ENABLE);
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
