//! What this copy of the image is and which adapter it drives: the second and last static of the driver.
//!
//! Key type: [`Instance`]. A dump stack has one boot device and drives one adapter; the first `HwStorFindAdapter` that takes one
//! claims the copy, and every other is refused. A debugger, and the code that puts the adapter's memory into a dump, find the adapter
//! here.

use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use crate::port::Port;

/// First four bytes of the instance record: `HBIN`.
const MAGIC: u32 = u32::from_le_bytes(*b"HBIN");

/// The record.
#[derive(Debug)]
#[repr(C)]
pub struct Instance {
    magic: AtomicU32,
    is_dump: AtomicU32,
    /// Device extension of the (last) adapter that was taken; 0 before.
    device_extension: AtomicUsize,
    /// Callback record of the adapter that gives the recorder to a crash dump; 0 before one did.
    recorder_giver: AtomicUsize,
}

/// The record of this copy of the image.
#[used]
pub static INSTANCE: Instance = Instance {
    magic: AtomicU32::new(MAGIC),
    is_dump: AtomicU32::new(0),
    device_extension: AtomicUsize::new(0),
    recorder_giver: AtomicUsize::new(0),
};

impl Instance {
    /// Starts over on whatever the data section held.
    pub(crate) fn reinitialise(&self, is_dump: u32) {
        self.magic.store(MAGIC, Ordering::Relaxed);
        self.is_dump.store(is_dump, Ordering::Relaxed);
        self.device_extension.store(0, Ordering::Release);
        self.recorder_giver.store(0, Ordering::Release);
    }

    /// Whether the adapter with this callback record is the one that gives the recorder to a crash dump: the first that is asked.
    pub(crate) fn claim_recorder(&self, record: usize) -> bool {
        let claimed =
            self.recorder_giver
                .compare_exchange(0, record, Ordering::AcqRel, Ordering::Acquire);
        claimed == Ok(0) || claimed == Err(record)
    }

    /// The adapter with this callback record goes; another may give the recorder.
    pub(crate) fn release_recorder(&self, record: usize) {
        // Fails if it was another's: then there is nothing to do.
        let _ =
            self.recorder_giver
                .compare_exchange(record, 0, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Notes that the adapter was taken (normal life: the last of several stays noted).
    pub fn note(&self, port: Port<'_>) {
        self.device_extension
            .store(port.extension().addr(), Ordering::Release);
    }

    /// Claims a copy in the dump stack for this adapter; false when it has one already.
    #[must_use]
    pub fn claim(&self, port: Port<'_>) -> bool {
        self.device_extension
            .compare_exchange(
                0,
                port.extension().addr(),
                Ordering::AcqRel,
                Ordering::Acquire,
            )
            .is_ok()
    }

    /// Whether this copy runs in the dump stack.
    #[must_use]
    pub fn is_dump(&self) -> bool {
        self.is_dump.load(Ordering::Relaxed) != 0
    }
}
