//! Non-maskable messages from one processor to another: they get through whatever its IRQL and its interrupt flag are.
//!
//! The sender owns the bench kernel's lock and waits until the message was acted on, so there is never more than one on the
//! way to a processor. A non-maskable interrupt without a message is the host's.

use core::{
    hint,
    sync::atomic::{AtomicU32, Ordering},
};

use super::{Each, MOST, giant, race};
use crate::{
    hw::{cpu, entry::Frame},
    interrupt,
    sync::Lock,
};

/// Forget cached translations.
const TRANSLATIONS: u32 = 1;
/// Never run again.
const STOP: u32 = 2;

static MESSAGES: Each<AtomicU32> = Each::new([const { AtomicU32::new(0) }; MOST]);
/// Registers of the processors that were stopped.
static STOPPED: Lock<Each<Option<Frame>>> = Lock::new(Each::new([None; MOST]));

/// A page that was mapped is mapped otherwise or not at all: no other processor goes on with the old translation in code of a
/// driver. The processor's own was dropped by the caller.
pub fn translations_changed() {
    if super::is_single() {
        return;
    }
    let change = giant::CHANGES.fetch_add(1, Ordering::SeqCst) + 1;
    giant::ACTED_ON
        .of(super::current())
        .store(change, Ordering::SeqCst);
    // The others act on it before they do anything in the bench kernel.
    for number in super::all_others().filter(|&number| giant::runs_driver(number)) {
        send(number, TRANSLATIONS);
    }
}

/// Stops all others for good (the system came down).
pub fn stop_others() {
    for number in super::all_others() {
        send(number, STOP);
    }
    race::abandon();
    // Who was stopped in a driver's code runs it no more, and answers no message.
    giant::forget_others();
}

/// Registers that processor `number` had when it was stopped.
#[must_use]
pub fn stopped_registers(number: usize) -> Option<Frame> {
    *STOPPED.lock().of(number)
}

/// What the handler of non-maskable interrupts calls first: whether it was a message.
pub fn take_message(frame: &Frame) -> bool {
    if super::is_single() {
        return false;
    }
    let me = super::current();
    let messages = MESSAGES.of(me).load(Ordering::SeqCst);
    if messages & STOP != 0 {
        keep_registers(me, frame);
        MESSAGES.of(me).store(0, Ordering::SeqCst);
        cpu::stop()
    }
    if messages & TRANSLATIONS != 0 {
        let changes = giant::CHANGES.load(Ordering::SeqCst);
        cpu::forget_translations();
        giant::ACTED_ON.of(me).store(changes, Ordering::SeqCst);
    }
    MESSAGES.of(me).store(0, Ordering::SeqCst);
    // Only processor 0 hears the host's.
    messages != 0 || me != 0
}

fn keep_registers(me: usize, frame: &Frame) {
    loop {
        // Others that are being stopped may be here too.
        if let Some(mut stopped) = STOPPED.try_lock() {
            *stopped.of_mut(me) = Some(*frame);
            return;
        }
        hint::spin_loop();
    }
}

fn send(number: usize, message: u32) {
    MESSAGES.of(number).store(message, Ordering::SeqCst);
    interrupt::send_non_maskable(number);
    while MESSAGES.of(number).load(Ordering::SeqCst) != 0 {
        hint::spin_loop();
    }
}
