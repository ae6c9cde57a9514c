//! The device extension: the adapter's home.
//!
//! Key type: [`DeviceExtension`]. The port allocates it (zeroed once), passes it to every callback, and frees it with the adapter. In the dump
//! stack it is aligned to 8 bytes only, and on re-entry it may hold what an earlier life left. What depends on the device found lies in a
//! block of pool ([`crate::arena`]), which the extension keeps: it begins and ends with the adapter.
#![expect(unsafe_code, reason = "the adapter lives in memory of the port driver")]
// UNSAFETY: the port driver passes the extension as a raw pointer.

use core::{
    cell::UnsafeCell,
    ffi::c_void,
    mem::MaybeUninit,
    ptr::NonNull,
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{adapter::Adapter, arena::PoolBlock, port::Port};

/// What the device extension holds.
///
/// # Invariants
/// While `signature` is the one that `A` registers, `adapter` is initialised.
#[repr(C)]
pub(crate) struct DeviceExtension<A> {
    signature: AtomicU32,
    reserved: u32,
    /// Private memory beside the extension.
    pool: PoolBlock,
    adapter: UnsafeCell<MaybeUninit<A>>,
}

impl<A: Adapter> DeviceExtension<A> {
    /// Size of the fixed part in bytes; private memory follows it.
    pub(crate) const BYTES: u32 = {
        assert!(
            align_of::<Self>() <= 8,
            "the dump stack aligns device extensions to 8 bytes"
        );
        assert!(size_of::<Self>() < 1 << 20);
        size_of::<Self>() as u32
    };

    /// Size of the whole extension in bytes.
    pub(crate) const TOTAL_BYTES: u32 = Self::BYTES + A::REGISTRATION.private_bytes;
}

/// Makes an adapter anew in its extension, whatever the extension held before; its private memory is there for the taking.
///
/// # Safety
/// `device_extension` is null, or the extension that the port passed to `HwStorFindAdapter`, with no other callback running.
pub(crate) unsafe fn construct<'call, A: Adapter>(
    device_extension: *mut c_void,
) -> Option<(&'call mut A, Port<'call>, &'call PoolBlock)> {
    let place = NonNull::new(device_extension)?;
    let mut home = place.cast::<MaybeUninit<DeviceExtension<A>>>();
    // SAFETY: the port allocated the size that was registered, aligned to 8 bytes at least, and nobody else uses it now.
    let home = unsafe { home.as_mut() };
    let home = home.write(DeviceExtension {
        signature: AtomicU32::new(0),
        reserved: 0,
        pool: PoolBlock::none(),
        adapter: UnsafeCell::new(MaybeUninit::uninit()),
    });
    let adapter = home.adapter.get_mut().write(A::UNCONFIGURED);
    // INVARIANT: the adapter was just written.
    home.signature
        .store(A::REGISTRATION.signature, Ordering::Release);
    Some((adapter, Port::new(place), &home.pool))
}

/// Ends the adapter in an extension, if there is one of this type: its private memory goes back to the port, and no callback finds it any more.
///
/// # Safety
/// `device_extension` is null, or the extension that the port passed to a callback that adapter type `A` registered. No other callback runs,
/// and the caller has no reference to the adapter.
pub(crate) unsafe fn destroy<A: Adapter>(device_extension: *mut c_void) {
    let Some(place) = NonNull::new(device_extension) else {
        return;
    };
    let home = place.cast::<DeviceExtension<A>>();
    // SAFETY: the extension is zeroed memory or was constructed; both are values of the type.
    let home = unsafe { home.as_ref() };
    if home.signature.swap(0, Ordering::AcqRel) == A::REGISTRATION.signature {
        // SAFETY: the adapter, which alone knows what was carved from the block, is not reached any more.
        unsafe { home.pool.free(Port::new(place)) };
    }
}

/// The adapter in an extension, if there is one of this type.
///
/// # Safety
/// `device_extension` is the extension that the port passed to a callback that adapter type `A` registered.
#[inline]
pub(crate) unsafe fn shared<'call, A: Adapter>(
    device_extension: *mut c_void,
) -> Option<(&'call A, Port<'call>)> {
    // SAFETY: there is no callback without an extension.
    let place = unsafe { NonNull::new_unchecked(device_extension) };
    let home = place.cast::<DeviceExtension<A>>();
    // SAFETY: the extension is zeroed memory or was constructed; both are values of the type.
    let home = unsafe { home.as_ref() };
    if home.signature.load(Ordering::Acquire) != A::REGISTRATION.signature {
        return None;
    }
    // SAFETY: the cell's contents are only borrowed mutably during `construct`, when no other callback runs.
    let adapter = unsafe { &*home.adapter.get() };
    // SAFETY: the signature says that the adapter is initialised.
    Some((unsafe { adapter.assume_init_ref() }, Port::new(place)))
}
