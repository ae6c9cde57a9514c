//! Numbers from the registry for a miniport: values below the driver's `Parameters\Device` keys.
//!
//! Key type: [`AdapterRegistry`], made by [`FindAdapterContext::registry`](crate::context::FindAdapterContext::registry) in normal life
//! alone: the dump stack has no registry (CDB: every routine is called above `PASSIVE_LEVEL` there). Drivers that are no miniports have
//! [`crate::registry`].
//! Source: `nf-storport-storportregistryread.md`, `nf-storport-storportallocateregistrybuffer.md`.
#![expect(unsafe_code, reason = "reads through a buffer of the port driver")]
// UNSAFETY: the port lends a buffer as a raw pointer and fills it.

use core::{ffi::CStr, ptr::NonNull};

use wdk_sys::{MINIPORT_REG_DWORD, UCHAR, ULONG, storage};

use crate::port::Port;

/// Bytes of the value types that are read: `REG_DWORD`.
const DWORD_BYTES: u32 = size_of::<u32>() as u32;

/// Which key a value is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
enum Scope {
    /// `Parameters\Device<n>`: this adapter, by its port number.
    Adapter = 0,
    /// `Parameters\Device`: every adapter of the driver.
    Driver = 1,
}

/// The driver's values in the registry, while the callback runs. `PASSIVE_LEVEL`.
///
/// # Invariants
/// `buffer` is a registry buffer of at least four bytes that is freed when this is dropped.
#[derive(Debug)]
pub struct AdapterRegistry<'call> {
    port: Port<'call>,
    buffer: NonNull<UCHAR>,
}

impl<'call> AdapterRegistry<'call> {
    /// Takes a registry buffer; `None` when the port has none.
    pub(crate) fn open(port: Port<'call>) -> Option<Self> {
        let mut bytes: ULONG = DWORD_BYTES;
        // SAFETY: the extension is live (invariant of Port); the length is a local.
        let buffer =
            unsafe { storage::StorPortAllocateRegistryBuffer(port.extension(), &raw mut bytes) };
        let registry = Self {
            port,
            buffer: NonNull::new(buffer)?,
        };
        // INVARIANT: a buffer that is too short is given back at once.
        (bytes >= DWORD_BYTES).then_some(registry)
    }

    /// The `REG_DWORD` of this name: this adapter's own value if there is one, else the driver's. `None` if there is neither, or it has
    /// another type.
    #[must_use]
    pub fn dword(&self, name: &CStr) -> Option<u32> {
        self.read(name, Scope::Adapter)
            .or_else(|| self.read(name, Scope::Driver))
    }

    fn read(&self, name: &CStr, scope: Scope) -> Option<u32> {
        let mut length: ULONG = DWORD_BYTES;
        // SAFETY: the extension is live (invariant of Port); the name ends in a zero byte and is only read; the buffer has at least
        // as many bytes as the length says (type invariant).
        let found = unsafe {
            storage::StorPortRegistryRead(
                self.port.extension(),
                name.as_ptr().cast_mut().cast(),
                scope as ULONG,
                MINIPORT_REG_DWORD,
                self.buffer.as_ptr(),
                &raw mut length,
            )
        };
        if found == 0 || length != DWORD_BYTES {
            return None;
        }
        // SAFETY: the buffer has at least four bytes (type invariant); it need not be aligned.
        Some(unsafe { self.buffer.cast::<u32>().read_unaligned() })
    }
}

impl Drop for AdapterRegistry<'_> {
    fn drop(&mut self) {
        // SAFETY: the extension is live (invariant of Port); the buffer is the port's and not used again.
        unsafe {
            storage::StorPortFreeRegistryBuffer(self.port.extension(), self.buffer.as_ptr());
        };
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::AdapterRegistry;
    use crate::{
        fake::{self, Call, low_u32},
        port::Port,
    };

    /// A port that has `values`, each with the scope that it is found in.
    fn port_with(bytes: u32, values: Vec<(&'static str, u32, u32)>) -> Port<'static> {
        static BUFFER: [core::sync::atomic::AtomicU32; 4] =
            [const { core::sync::atomic::AtomicU32::new(0) }; 4];
        fake::reset();
        fake::answer(move |call: &Call| match call.function {
            "StorPortAllocateRegistryBuffer" => {
                let length =
                    core::ptr::with_exposed_provenance_mut::<u32>(call.arguments[1] as usize);
                // SAFETY: the caller passes a pointer to its length.
                unsafe { length.write(bytes) };
                BUFFER.as_ptr().expose_provenance() as u64
            }
            "StorPortRegistryRead" => {
                let name = core::ptr::with_exposed_provenance::<i8>(call.arguments[1] as usize);
                // SAFETY: the caller passes a text with a final zero.
                let name = unsafe { core::ffi::CStr::from_ptr(name) };
                let scope = low_u32(call.arguments[2]);
                let found = values
                    .iter()
                    .find(|(known, of, _)| name.to_bytes() == known.as_bytes() && *of == scope);
                let Some((_, _, value)) = found else {
                    return 0;
                };
                BUFFER[0].store(*value, core::sync::atomic::Ordering::Relaxed);
                1
            }
            _ => 0,
        });
        Port::new(core::ptr::NonNull::dangling())
    }

    fn calls_of(name: &str) -> usize {
        fake::calls()
            .iter()
            .filter(|call| call.function == name)
            .count()
    }

    #[test]
    fn the_adapters_own_value_comes_first() {
        let port = port_with(
            16,
            [("Depth", 0, 7), ("Depth", 1, 9), ("Ring", 1, 64)].into(),
        );
        let registry = AdapterRegistry::open(port).expect("there is a buffer");
        assert_eq!(registry.dword(c"Depth"), Some(7));
        assert_eq!(registry.dword(c"Ring"), Some(64));
        assert_eq!(registry.dword(c"Other"), None);
        drop(registry);
        assert_eq!(calls_of("StorPortFreeRegistryBuffer"), 1);
    }

    #[test]
    fn a_buffer_that_is_too_short_is_given_back() {
        let port = port_with(3, Vec::new());
        assert!(AdapterRegistry::open(port).is_none());
        assert_eq!(calls_of("StorPortFreeRegistryBuffer"), 1);
    }
}
