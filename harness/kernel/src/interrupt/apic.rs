//! The local APIC and the I/O APIC (Intel SDM volume 3, chapter 11; 82093AA datasheet), both at their fixed addresses.

use core::sync::atomic::{AtomicU64, Ordering};

use super::{SPURIOUS_VECTOR, mask_pics};
use crate::{
    mem::{Pa, Va, registers},
    mmio::{self, Width},
};

const LOCAL_BASE: Pa = Pa(0xFEE0_0000);
const IO_BASE: Pa = Pa(0xFEC0_0000);

// Registers of the local APIC.
const ID: u64 = 0x20;
const END_OF_INTERRUPT: u64 = 0xB0;
const SPURIOUS: u64 = 0xF0;
const COMMAND_LOW: u64 = 0x300;
const COMMAND_HIGH: u64 = 0x310;
const TIMER: u64 = 0x320;
const LINT0: u64 = 0x350;
const LINT1: u64 = 0x360;
const ERROR: u64 = 0x370;
const INITIAL_COUNT: u64 = 0x380;
const CURRENT_COUNT: u64 = 0x390;
const DIVIDE: u64 = 0x3E0;

const MASKED: u32 = 1 << 16;
/// What the pin `LINT1` is wired to on a PC.
const DELIVER_NMI: u32 = 0b100 << 8;
const DELIVER_INIT: u32 = 0b101 << 8;
const DELIVER_START_UP: u32 = 0b110 << 8;
const SOFTWARE_ENABLE: u32 = 1 << 8;
const DESTINATION_SELF: u32 = 1 << 18;
const LEVEL_ASSERT: u32 = 1 << 14;
const DIVIDE_BY_16: u32 = 0b0011;

// The I/O APIC.
const SELECT: u64 = 0;
const WINDOW: u64 = 0x10;
const VERSION: u32 = 1;
const REDIRECTION: u32 = 0x10;
const LEVEL_TRIGGERED: u32 = 1 << 15;

static LOCAL: AtomicU64 = AtomicU64::new(0);
static IO: AtomicU64 = AtomicU64::new(0);

/// Maps the registers. Once.
///
/// # Panics
/// If there is no room, which at boot cannot be.
pub(super) fn map() {
    let local = mmio::map_for_kernel(LOCAL_BASE, 4096);
    let io = mmio::map_for_kernel(IO_BASE, 4096);
    let (Some(local), Some(io)) = (local, io) else {
        panic!("the interrupt controllers cannot be mapped");
    };
    LOCAL.store(local.0, Ordering::Relaxed);
    IO.store(io.0, Ordering::Relaxed);
}

/// Masks every source but the NMI, and enables the local APIC of processor 0.
pub(super) fn start() {
    mask_pics();
    start_local();
    write(LINT1, DELIVER_NMI);
    let pins = (read_io(VERSION) >> 16 & 0xFF) + 1;
    for pin in 0..pins {
        write_io(REDIRECTION + 2 * pin, MASKED);
    }
}

/// Enables this processor's local APIC with all its own sources masked: the host's NMI is processor 0's.
pub(super) fn start_local() {
    for source in [TIMER, LINT0, LINT1, ERROR] {
        write(source, MASKED);
    }
    write(SPURIOUS, SOFTWARE_ENABLE | u32::from(SPURIOUS_VECTOR));
    write(DIVIDE, DIVIDE_BY_16);
}

/// This processor's identification. QEMU counts processors of one socket from 0 on.
pub(super) fn id() -> usize {
    read(ID).to_be_bytes()[0].into()
}

pub(super) fn end_of_interrupt() {
    write(END_OF_INTERRUPT, 0);
}

pub(super) fn send_to_self(vector: u8) {
    write(
        COMMAND_LOW,
        DESTINATION_SELF | LEVEL_ASSERT | u32::from(vector),
    );
}

/// Sends a vector to processor `number`.
pub(super) fn send(number: usize, vector: u8) {
    command(number, LEVEL_ASSERT | u32::from(vector));
}

pub(super) fn send_non_maskable(number: usize) {
    command(number, LEVEL_ASSERT | DELIVER_NMI);
}

pub(super) fn send_init(number: usize) {
    command(number, LEVEL_ASSERT | DELIVER_INIT);
}

/// Sends the start-up message: processor `number` begins in real mode at `page`, which is below 1 MiB.
pub(super) fn send_start_up(number: usize, page: Pa) {
    let vector = u32::try_from(page.pfn() & 0xFF).unwrap_or(0);
    command(number, LEVEL_ASSERT | DELIVER_START_UP | vector);
}

fn command(number: usize, low: u32) {
    // An interrupt handler in between would use the register too.
    let flag = super::disable();
    write(COMMAND_HIGH, destination(number));
    write(COMMAND_LOW, low);
    super::restore(flag);
}

fn destination(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(0) << 24
}

pub(super) fn set_timer(vector: u8, ticks: u32) {
    write(TIMER, u32::from(vector));
    write(INITIAL_COUNT, ticks);
}

pub(super) fn timer_ticks() -> u32 {
    read(CURRENT_COUNT)
}

/// Address of a message for processor `number`.
pub(super) fn message_address(number: usize) -> u64 {
    LOCAL_BASE.0 | u64::from(destination(number)) >> 24 << 12
}

/// Routes a pin of the I/O APIC: level triggered, active high, to processor 0.
pub(super) fn set_pin(pin: u8, vector: u8) {
    let register = REDIRECTION + 2 * u32::from(pin);
    write_io(register + 1, destination(0));
    write_io(register, LEVEL_TRIGGERED | u32::from(vector));
}

pub(super) fn mask_pin(pin: u8) {
    write_io(REDIRECTION + 2 * u32::from(pin), MASKED);
}

fn read(register: u64) -> u32 {
    low(registers::read(local(register), Width::Dword))
}

fn write(register: u64, value: u32) {
    registers::write(local(register), Width::Dword, value.into());
}

fn read_io(register: u32) -> u32 {
    registers::write(io(SELECT), Width::Dword, register.into());
    low(registers::read(io(WINDOW), Width::Dword))
}

fn write_io(register: u32, value: u32) {
    registers::write(io(SELECT), Width::Dword, register.into());
    registers::write(io(WINDOW), Width::Dword, value.into());
}

fn local(register: u64) -> Va {
    Va(LOCAL.load(Ordering::Relaxed)).offset(register)
}

fn io(register: u64) -> Va {
    Va(IO.load(Ordering::Relaxed)).offset(register)
}

fn low(value: u64) -> u32 {
    let [b0, b1, b2, b3, ..] = value.to_le_bytes();
    u32::from_le_bytes([b0, b1, b2, b3])
}
