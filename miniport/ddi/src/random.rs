//! Random bytes from the system's generator.
//!
//! Key function: [`fill`]. For key material that a driver makes at load; `PASSIVE_LEVEL` only.
#![expect(unsafe_code, reason = "calls an export of cng.sys")]
// UNSAFETY: BCryptGenRandom is a C function that writes through a pointer.

use core::ffi::c_void;

/// `BCRYPT_USE_SYSTEM_PREFERRED_RNG` of bcrypt.h: no algorithm handle is given.
const BCRYPT_USE_SYSTEM_PREFERRED_RNG: u32 = 2;

// bcrypt.h, which wdk-sys does not cover. In kernel mode the routine is exported by cng.sys.
#[cfg_attr(
    target_os = "windows",
    link(name = "cng.sys", kind = "raw-dylib", modifiers = "+verbatim")
)]
unsafe extern "C" {
    fn BCryptGenRandom(algorithm: *mut c_void, buffer: *mut u8, bytes: u32, flags: u32) -> i32;
}

/// Fills `buffer`; the NTSTATUS if the generator refuses. `PASSIVE_LEVEL`.
///
/// # Errors
/// The status as the generator gave it.
pub fn fill(buffer: &mut [u8]) -> Result<(), i32> {
    let bytes = u32::try_from(buffer.len()).map_err(|_| super::filter::STATUS_INVALID_PARAMETER)?;
    let start = buffer.as_mut_ptr();
    // SAFETY: the buffer is writable for its length; no handle is needed with this flag.
    let status = unsafe {
        BCryptGenRandom(
            core::ptr::null_mut(),
            start,
            bytes,
            BCRYPT_USE_SYSTEM_PREFERRED_RNG,
        )
    };
    if status >= 0 { Ok(()) } else { Err(status) }
}
