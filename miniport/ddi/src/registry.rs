//! Values of a registry key, for drivers that are not miniports (a miniport reads the registry through Storport).
//!
//! Key type: [`Key`]. Names are UTF-16 constants made by [`utf16`]. `PASSIVE_LEVEL` only.
#![expect(unsafe_code, reason = "calls the registry routines of the kernel")]
// UNSAFETY: the Zw routines are C functions that take pointers to structures.

use core::ptr;

use wdk_sys::{
    _KEY_VALUE_INFORMATION_CLASS, HANDLE, KEY_QUERY_VALUE, KEY_VALUE_PARTIAL_INFORMATION,
    OBJ_CASE_INSENSITIVE, OBJ_KERNEL_HANDLE, OBJECT_ATTRIBUTES, REG_BINARY, REG_DWORD, ULONG,
    UNICODE_STRING, ntddk,
};

/// Longest value that is read, in bytes.
const MAXIMUM_BYTES: usize = 64;
/// Where a value's data begin in `KEY_VALUE_PARTIAL_INFORMATION`.
const DATA_OFFSET: usize = core::mem::offset_of!(KEY_VALUE_PARTIAL_INFORMATION, Data);

/// `KEY_VALUE_PARTIAL_INFORMATION` with room for the longest value.
#[repr(C, align(8))]
struct Answer {
    bytes: [u8; DATA_OFFSET + MAXIMUM_BYTES],
}

/// An ASCII text as UTF-16, at compile time.
///
/// # Panics
/// The text is not ASCII, or not of that length: at compile time, where the result is a constant.
#[must_use]
pub const fn utf16<const LENGTH: usize>(text: &str) -> [u16; LENGTH] {
    let bytes = text.as_bytes();
    assert!(
        bytes.len() == LENGTH,
        "the length is the text's, without a terminator"
    );
    let mut units = [0; LENGTH];
    let mut index = 0;
    while index < LENGTH {
        assert!(
            bytes[index].is_ascii(),
            "names of keys and values are ASCII"
        );
        units[index] = bytes[index] as u16;
        index += 1;
    }
    units
}

/// An open registry key.
///
/// # Invariants
/// `handle` is open until the key is dropped.
#[derive(Debug)]
pub struct Key {
    handle: HANDLE,
}

impl Key {
    /// Opens a key by its full path. `PASSIVE_LEVEL`.
    ///
    /// # Errors
    /// The NTSTATUS of `ZwOpenKey`.
    pub fn open(path: &[u16]) -> Result<Self, i32> {
        let mut name = counted(path);
        let mut attributes = OBJECT_ATTRIBUTES {
            Length: size_of::<OBJECT_ATTRIBUTES>() as ULONG,
            ObjectName: &raw mut name,
            Attributes: OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE,
            ..OBJECT_ATTRIBUTES::default()
        };
        let mut handle = ptr::null_mut();
        // SAFETY: all three live until the call returns, and the name's buffer outlives them.
        let status =
            unsafe { ntddk::ZwOpenKey(&raw mut handle, KEY_QUERY_VALUE, &raw mut attributes) };
        if status >= 0 {
            // INVARIANT: the call succeeded.
            Ok(Self { handle })
        } else {
            Err(status)
        }
    }

    /// A `REG_DWORD`; `None` if there is no such value or it has another type.
    #[must_use]
    pub fn dword(&self, name: &[u16]) -> Option<u32> {
        self.value(name, REG_DWORD).map(u32::from_le_bytes)
    }

    /// A `REG_BINARY` of exactly that many bytes; `None` if there is none.
    #[must_use]
    pub fn binary<const BYTES: usize>(&self, name: &[u16]) -> Option<[u8; BYTES]> {
        self.value(name, REG_BINARY)
    }

    fn value<const BYTES: usize>(&self, name: &[u16], kind: ULONG) -> Option<[u8; BYTES]> {
        const { assert!(BYTES <= MAXIMUM_BYTES) };
        let mut name = counted(name);
        let mut answer = Answer {
            bytes: [0; DATA_OFFSET + MAXIMUM_BYTES],
        };
        let room = answer.bytes.len() as ULONG;
        let mut length: ULONG = 0;
        // SAFETY: the handle is open (type invariant); name, answer and length live until the call returns, and the length
        // given is that of the answer.
        let status = unsafe {
            ntddk::ZwQueryValueKey(
                self.handle,
                &raw mut name,
                _KEY_VALUE_INFORMATION_CLASS::KeyValuePartialInformation,
                answer.bytes.as_mut_ptr().cast(),
                room,
                &raw mut length,
            )
        };
        if status < 0 {
            return None;
        }
        let word = |offset: usize| -> Option<u32> {
            let bytes = answer.bytes.get(offset..offset + 4)?;
            Some(u32::from_le_bytes(bytes.try_into().ok()?))
        };
        let found_kind = word(core::mem::offset_of!(KEY_VALUE_PARTIAL_INFORMATION, Type))?;
        let found_bytes = word(core::mem::offset_of!(
            KEY_VALUE_PARTIAL_INFORMATION,
            DataLength
        ))?;
        if found_kind != kind || usize::try_from(found_bytes) != Ok(BYTES) {
            return None;
        }
        answer
            .bytes
            .get(DATA_OFFSET..DATA_OFFSET + BYTES)?
            .try_into()
            .ok()
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: the handle is open (type invariant) and not used again.
        let status = unsafe { ntddk::ZwClose(self.handle) };
        // A kernel handle that was just open can be closed; there is nobody to tell otherwise.
        let _ = status;
    }
}

/// A counted string over `text`; the routines that take it do not write to it.
const fn counted(text: &[u16]) -> UNICODE_STRING {
    let bytes = size_of_val(text) as u16;
    UNICODE_STRING {
        Length: bytes,
        MaximumLength: bytes,
        Buffer: text.as_ptr().cast_mut(),
    }
}
