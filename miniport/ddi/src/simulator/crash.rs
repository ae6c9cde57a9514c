//! Bug check callbacks in the simulated kernel: the list, and the calls that a crash makes.

use std::{ffi::c_void, vec::Vec};

use wdk_sys::{
    _KBUGCHECK_CALLBACK_REASON as reason, KBUGCHECK_ADD_PAGES, KBUGCHECK_REASON_CALLBACK_RECORD,
    KBUGCHECK_SECONDARY_DUMP_DATA,
};

use super::{Simulator, State};
use crate::fake::low_u32;

/// A registered callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    record: u64,
    routine: u64,
    /// `KBUGCHECK_CALLBACK_REASON`.
    pub reason: i32,
}

type Routine = unsafe extern "C" fn(i32, *mut KBUGCHECK_REASON_CALLBACK_RECORD, *mut c_void, u32);

impl Registered {
    fn call<T>(&self, data: &mut T) {
        // SAFETY: the driver registered a KBUGCHECK_REASON_CALLBACK_ROUTINE.
        let routine: Routine = unsafe { core::mem::transmute(self.routine as usize) };
        let length = size_of::<T>() as u32;
        // SAFETY: the record is the registered one, the data the structure of its reason.
        unsafe {
            routine(
                self.reason,
                core::ptr::with_exposed_provenance_mut(self.record as usize),
                core::ptr::from_mut(data).cast(),
                length,
            );
        };
    }
}

/// `KeRegisterBugCheckReasonCallback`.
pub(super) fn register(state: &mut State, arguments: &[u64], is_dump: bool) -> u64 {
    assert!(
        !is_dump,
        "a bug check callback is registered in the dump stack"
    );
    let registered = Registered {
        record: arguments[0],
        routine: arguments[1],
        reason: low_u32(arguments[2]).cast_signed(),
    };
    assert_ne!(arguments[3], 0, "no component string");
    let known = state
        .callbacks
        .iter()
        .any(|known| known.record == registered.record);
    if !known {
        state.callbacks.push(registered);
    }
    u64::from(!known)
}

/// `KeDeregisterBugCheckReasonCallback`.
pub(super) fn deregister(state: &mut State, arguments: &[u64]) -> u64 {
    let before = state.callbacks.len();
    state
        .callbacks
        .retain(|registered| registered.record != arguments[0]);
    u64::from(state.callbacks.len() != before)
}

impl Simulator {
    /// The registered callbacks, in order.
    #[must_use]
    pub fn crash_callbacks(&self) -> Vec<Registered> {
        self.state.borrow().callbacks.clone()
    }

    /// `HwStorFreeAdapterResources`; returns whether the driver registered it.
    pub fn free_adapter_resources(&mut self) -> bool {
        let routine = self.initialization().HwFreeAdapterResources;
        let extension = self.extension();
        match routine {
            // SAFETY: the extension is the adapter's.
            Some(routine) => unsafe { routine(extension) },
            None => return false,
        }
        true
    }

    /// What the callbacks add to a crash dump: flags, address and number of pages of each range.
    ///
    /// # Panics
    /// When a callback does not come to an end.
    #[must_use]
    pub fn added_pages(&self) -> Vec<(u32, u64, u64)> {
        let mut ranges = Vec::new();
        for callback in self.with_reason(reason::KbCallbackAddPages) {
            let mut data = KBUGCHECK_ADD_PAGES::default();
            loop {
                data.Flags = 0;
                callback.call(&mut data);
                ranges.push((data.Flags & 3, data.Address, data.Count));
                assert!(ranges.len() < 16, "no end of ranges");
                if data.Flags >> 31 == 0 {
                    break;
                }
            }
        }
        ranges
    }

    /// The first block that the callbacks append to a crash dump when `maximum` bytes are allowed.
    ///
    /// # Panics
    /// When the second answer is not as long as the first.
    #[must_use]
    pub fn secondary_data(&self, maximum: u32) -> Option<Vec<u8>> {
        let callback = *self
            .with_reason(reason::KbCallbackSecondaryDumpData)
            .first()?;
        let mut buffer = [0u8; 512];
        let mut data = KBUGCHECK_SECONDARY_DUMP_DATA {
            InBuffer: buffer.as_mut_ptr().cast(),
            InBufferLength: buffer.len() as u32,
            MaximumAllowed: maximum,
            ..Default::default()
        };
        callback.call(&mut data);
        let offered = data.OutBufferLength;
        data.OutBuffer = data.InBuffer;
        callback.call(&mut data);
        assert_eq!(data.OutBufferLength, offered, "the length changed");
        let length = data.OutBufferLength as usize;
        if length == 0 {
            return Some(Vec::new());
        }
        // SAFETY: the driver names resident memory of that length.
        let bytes = unsafe { core::slice::from_raw_parts(data.OutBuffer.cast::<u8>(), length) };
        Some(bytes.to_vec())
    }

    fn with_reason(&self, reason: i32) -> Vec<Registered> {
        let mut callbacks = self.crash_callbacks();
        callbacks.retain(|callback| callback.reason == reason);
        callbacks
    }
}
