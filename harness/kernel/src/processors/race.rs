//! Races at the rings, proven: two processors are at the same time about to write one word of a virtqueue.
//!
//! The way of `DataCollider` (Erickson et al., OSDI 2010). Now and then a part of one queue is drawn (descriptors, available
//! ring, index, event index) and writes to its page are made to fault ([`maybe_begin`]). The first processor that writes one of the
//! words is held right there, before its store, while the others run on ([`on_fault`]). If one of them comes to write the
//! same word meanwhile, no lock that both hold can exist, whatever the driver's way of locking is: [`Rule::RingRace`]. Other
//! writes to the page are let through one instruction at a time ([`after_step`]); reads, and what the bench and the device
//! write, do not fault. Instructions that order themselves ([`super::atomic`]) count as no race.
//!
//! Nothing of this needs the bench kernel's lock but beginning and reporting: a held processor must not keep others out.
//! All processors have the same page tables, and none is told that a page is watched; it notices when it takes the lock
//! next. One that does not, or that passes while a page is open for another, is missed, which costs a sample and no more.
//!
//! Pauses are bounded in sum: after one that took `n` nothing is watched for some `n` ([`REST`]).

use core::{
    hint,
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering},
};

use super::{Each, MOST, atomic, delay, giant, park, words::Area};
use crate::{
    call,
    hw::{cpu, entry::Frame},
    image,
    mem::{self, PAGE_BYTES, Va, paging},
    port::rings,
    rules::{self, Rule},
    sync::Lock,
};

/// One in so many callbacks begins to watch, if nothing is watched.
const ONE_IN: u64 = 2;
/// Longest pause in front of a store, in ticks of the time stamp counter.
const LONGEST: u64 = 24_000_000;
/// Entries of others into the driver that end a pause: they came by and wrote elsewhere.
const MOST_ENTRIES: u64 = 24;
/// So many pauses' time passes before the next one.
const REST: u64 = 4;
/// Entries into the driver after which a page that nobody writes is watched no longer.
const MOST_AGE: u64 = 32;
/// Writes elsewhere in the page after which it is watched no longer.
const MOST_PASSED: u32 = 256;
/// Page fault error code: present page, write access, no instruction fetch (Intel SDM volume 3, 4.7).
const ERROR_BITS: u64 = 0x13;
const PROTECTED_WRITE: u64 = 0x3;
/// RFLAGS: one more instruction, then a debug exception; interrupts.
const TRAP_FLAG: u64 = 1 << 8;
const INTERRUPT_FLAG: u64 = 1 << 9;

/// What [`STATE`] holds.
mod state {
    /// Nothing is watched.
    pub(super) const IDLE: u32 = 0;
    /// A page is watched.
    pub(super) const WATCHING: u32 = 1;
    /// A processor that writes one of the words is about to be held.
    pub(super) const CLAIMED: u32 = 2;
    /// It is.
    pub(super) const HELD: u32 = 3;
    /// Another one came to the same word and is reporting it.
    pub(super) const FOUND: u32 = 4;
    /// It has.
    pub(super) const REPORTED: u32 = 5;
}

static STATE: AtomicU32 = AtomicU32::new(state::IDLE);
/// Where the watched words begin, and their length and unit in bytes.
static START: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
static UNIT: AtomicU64 = AtomicU64::new(1);
/// The watched page.
static PAGE: AtomicU64 = AtomicU64::new(0);
/// What is watched, for reports: the bench kernel's lock is held.
static AREA: Lock<Option<Area>> = Lock::new(None);
/// Entries into the driver when the watch began, and writes elsewhere in the page since.
static BEGUN: AtomicU64 = AtomicU64::new(0);
static PASSED: AtomicU32 = AtomicU32::new(0);
/// Who is held, in front of which instruction and word.
static HOLDER: AtomicUsize = AtomicUsize::new(0);
static INSTRUCTION: AtomicU64 = AtomicU64::new(0);
static WORD: AtomicU64 = AtomicU64::new(0);
/// Time stamp before which nothing is watched.
static REST_UNTIL: AtomicU64 = AtomicU64::new(0);

/// Processors that execute one instruction with the page open, and whether interrupts were enabled.
static STEPPING: Each<AtomicBool> = Each::new([const { AtomicBool::new(false) }; MOST]);
static INTERRUPTS: Each<AtomicBool> = Each::new([const { AtomicBool::new(false) }; MOST]);

/// A callback of the normal instance is about to begin: begins to watch now and then, and ends what leads nowhere. The bench
/// kernel's lock is held.
pub fn maybe_begin() {
    if super::is_single() {
        return;
    }
    match STATE.load(Ordering::SeqCst) {
        state::IDLE => {}
        state::WATCHING => {
            let age = delay::entries().wrapping_sub(BEGUN.load(Ordering::Relaxed));
            if age > MOST_AGE || PASSED.load(Ordering::Relaxed) > MOST_PASSED {
                end();
            }
            return;
        }
        _ => return,
    }
    let drawn = delay::draw();
    if drawn.is_multiple_of(ONE_IN)
        && cpu::time_stamp() > REST_UNTIL.load(Ordering::Relaxed)
        && !park::is_wanted()
        && let Some((area, start)) = rings::draw(drawn >> 8)
    {
        begin(area, start, drawn >> 32);
    }
}

/// Watches one page of `area`, which begins at `start` in the driver's view.
fn begin(area: Area, start: Va, drawn: u64) {
    let pages = mem::pages_for(start.page_offset(), area.bytes);
    let page = start.page().offset(drawn % pages.max(1) * PAGE_BYTES);
    START.store(start.0, Ordering::Relaxed);
    BYTES.store(area.bytes, Ordering::Relaxed);
    UNIT.store(area.unit, Ordering::Relaxed);
    PAGE.store(page.0, Ordering::Relaxed);
    BEGUN.store(delay::entries(), Ordering::Relaxed);
    PASSED.store(0, Ordering::Relaxed);
    *AREA.lock() = Some(area);
    STATE.store(state::WATCHING, Ordering::SeqCst);
    if paging::watch(page) {
        giant::translations_may_be_stale();
    } else {
        end();
    }
}

/// Watches nothing any more, if nobody is held: the others are about to stand still, or the rings go away.
pub fn end() {
    if exchange(state::WATCHING, state::IDLE) {
        paging::unwatch(page());
    }
}

/// All others were stopped for good, wherever they were: nobody is held any more.
pub fn abandon() {
    if STATE.swap(state::IDLE, Ordering::SeqCst) != state::IDLE {
        paging::unwatch(page());
    }
}

/// A page fault: the flags to go on with, if it is a write to a watched page. Interrupts disabled, the lock not held.
pub fn on_fault(frame: &Frame) -> Option<u64> {
    if super::is_single() || frame.error & ERROR_BITS != PROTECTED_WRITE {
        return None;
    }
    let address = cpu::fault_address();
    if !paging::is_watched(address.page()) {
        return None;
    }
    if STATE.load(Ordering::SeqCst) == state::IDLE || address.page() != page() {
        // It was watched until a moment ago.
        paging::unwatch(address.page());
        return Some(frame.flags);
    }
    // What the bench kernel writes is not the driver's, and nobody may be held with its lock.
    if word(address).is_some() && !giant::is_mine() {
        if exchange(state::WATCHING, state::CLAIMED) {
            // Once more: another part may have been drawn a moment ago.
            match word(address) {
                Some(word) => hold(word, frame.instruction()),
                None => rest(),
            }
            return Some(frame.flags);
        }
        if exchange(state::HELD, state::FOUND) {
            let is_same = word(address) == Some(WORD.load(Ordering::SeqCst));
            if is_same {
                report(address, frame.instruction());
            }
            STATE.store(
                if is_same {
                    state::REPORTED
                } else {
                    state::HELD
                },
                Ordering::SeqCst,
            );
        }
    }
    Some(let_through(address, frame.flags))
}

/// A debug exception: whether interrupts are to be enabled again, if it comes behind an instruction that was let through.
pub fn after_step() -> Option<bool> {
    if super::is_single() {
        return None;
    }
    let me = super::current();
    if !STEPPING.of(me).swap(false, Ordering::Relaxed) {
        return None;
    }
    paging::close(page());
    Some(INTERRUPTS.of(me).load(Ordering::Relaxed))
}

/// Has the instruction that wants to write at `address` executed, and this processor come back right after it.
fn let_through(address: Va, flags: u64) -> u64 {
    let me = super::current();
    PASSED.fetch_add(1, Ordering::Relaxed);
    if !STEPPING.of(me).swap(true, Ordering::Relaxed) {
        INTERRUPTS
            .of(me)
            .store(flags & INTERRUPT_FLAG != 0, Ordering::Relaxed);
    }
    paging::open(address.page());
    (flags | TRAP_FLAG) & !INTERRUPT_FLAG
}

/// Stands still in front of a store until another processor wants to write the same word, others have come by, or the time is
/// over. The page is not watched afterwards.
fn hold(word: u64, instruction: Va) {
    rules::check(Rule::RingRace);
    HOLDER.store(super::current(), Ordering::SeqCst);
    INSTRUCTION.store(instruction.0, Ordering::SeqCst);
    WORD.store(word, Ordering::SeqCst);
    STATE.store(state::HELD, Ordering::SeqCst);
    let (begun, seen) = (cpu::time_stamp(), delay::entries());
    let is_over = || {
        cpu::time_stamp().wrapping_sub(begun) > LONGEST
            || delay::entries().wrapping_sub(seen) > MOST_ENTRIES
    };
    while !(is_over() && exchange(state::HELD, state::CLAIMED))
        && STATE.load(Ordering::SeqCst) != state::REPORTED
    {
        hint::spin_loop();
    }
    let now = cpu::time_stamp();
    REST_UNTIL.store(
        now.wrapping_add(now.wrapping_sub(begun).saturating_mul(REST)),
        Ordering::Relaxed,
    );
    rest();
}

/// Whoever has the page to itself ends the watch.
fn rest() {
    paging::unwatch(page());
    STATE.store(state::IDLE, Ordering::SeqCst);
}

/// Says that this processor wants to write at `address` by `instruction` while another is held in front of that word.
fn report(address: Va, instruction: Va) {
    let entered = giant::enter();
    let word = WORD.load(Ordering::SeqCst);
    let holder = HOLDER.load(Ordering::SeqCst);
    let held = Va(INSTRUCTION.load(Ordering::SeqCst));
    let area = *AREA.lock();
    if let Some(area) = area
        && !is_atomic(held)
        && !is_atomic(instruction)
    {
        let me = super::current();
        rules::violate(
            Rule::RingRace,
            format_args!(
                "two processors write {} (at {address}) at the same time, which a lock would exclude: processor {holder} at {} in {}, processor {me} at {} in {}",
                area.name(word),
                image::symbolise(held),
                call::names_on(holder),
                image::symbolise(instruction),
                call::names_on(me),
            ),
        );
    }
    giant::leave(entered);
}

fn is_atomic(instruction: Va) -> bool {
    let mut bytes = [0; atomic::LONGEST];
    // An instruction at the very end of its section is not read, and not taken for atomic.
    mem::read_bytes(instruction, &mut bytes).is_ok() && atomic::is_atomic(&bytes)
}

/// Number of the watched word at `address`.
fn word(address: Va) -> Option<u64> {
    let offset = address.0.checked_sub(START.load(Ordering::Relaxed))?;
    (offset < BYTES.load(Ordering::Relaxed)).then(|| offset / UNIT.load(Ordering::Relaxed).max(1))
}

fn page() -> Va {
    Va(PAGE.load(Ordering::SeqCst))
}

fn exchange(old: u32, new: u32) -> bool {
    STATE
        .compare_exchange(old, new, Ordering::SeqCst, Ordering::SeqCst)
        .is_ok()
}
