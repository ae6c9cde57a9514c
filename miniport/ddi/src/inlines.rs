//! The functions that storport.h defines as inlines, which bindgen therefore does not emit.
//!
//! Each is one call of `StorPortExtendedFunction` (macro `extended!`) or `StorPortNotification` (`notification!`,
//! `notification_with_status!`) with a selector and the function's own parameters in their own order; only such calls reach services
//! newer than Windows Server 2003, and they need no import beyond those two names. Names, parameters and order are the header's
//! (facts/storport-inlines.json); the safe layer above ([`crate::port`], [`crate::context`]) is what drivers use.
//!
//! A parameter whose structure the bindings leave out is a `PVOID`, an enumeration that they leave out a `c_int`: both pass through the
//! variable argument list exactly as the header's type does.
#![expect(unsafe_code, reason = "raw calls into the port driver")]
#![expect(
    non_snake_case,
    clippy::too_many_arguments,
    reason = "names and signatures of the DDI"
)]
#![cfg_attr(
    not(test),
    expect(
        dead_code,
        reason = "the table is complete; this driver uses a part of it"
    )
)]
// UNSAFETY: every function is a C call on raw pointers; the caller keeps the contract that Microsoft documents for it.

mod adapter;
mod dpc;
mod log;
mod memory;
mod power;
mod promote;
mod request;
mod topology;

#[cfg(test)]
mod tests;

use wdk_sys::{BOOLEAN, FALSE, STOR_STATUS_NOT_IMPLEMENTED, ULONG};

#[expect(unused_imports, reason = "one list for the safe layer to choose from")]
pub(crate) use self::{adapter::*, dpc::*, log::*, memory::*, power::*, request::*, topology::*};

/// Functions that are a `StorPortExtendedFunction` call: `fn name(extension, parameters...) = ExtFunction...;`, returning a
/// `STOR_STATUS_*` value.
macro_rules! extended {
    ($($(#[$meta:meta])* fn $name:ident($ext:ident: $ext_ty:ty $(, $param:ident: $ty:ty)* $(,)?) = $selector:ident;)+) => {
        $(
            $(#[$meta])*
            #[inline]
            pub(crate) unsafe fn $name($ext: $ext_ty $(, $param: $ty)*) -> ::wdk_sys::ULONG {
                // SAFETY: The selector takes just these arguments; the caller keeps the function's documented contract.
                unsafe {
                    ::wdk_sys::storage::StorPortExtendedFunction(
                        ::wdk_sys::_STORPORT_FUNCTION_CODE::$selector,
                        $ext
                        $(, $crate::inlines::promote::Promote::promote($param))*
                    )
                }
            }
        )+
        #[cfg(test)]
        pub(super) const EXTENDED: &[super::tests::Row] = &[$(
            super::tests::row!("StorPortExtendedFunction", $name, $selector, ($ext: $ext_ty $(, $param: $ty)*)),
        )+];
    };
}

/// Functions that are a `StorPortNotification` call and return nothing.
macro_rules! notification {
    ($($(#[$meta:meta])* fn $name:ident($ext:ident: $ext_ty:ty $(, $param:ident: $ty:ty)* $(,)?) = $selector:ident;)+) => {
        $(
            $(#[$meta])*
            #[inline]
            pub(crate) unsafe fn $name($ext: $ext_ty $(, $param: $ty)*) {
                // SAFETY: The selector takes just these arguments; the caller keeps the function's documented contract.
                unsafe {
                    ::wdk_sys::storage::StorPortNotification(
                        ::wdk_sys::_SCSI_NOTIFICATION_TYPE::$selector,
                        $ext
                        $(, $crate::inlines::promote::Promote::promote($param))*
                    );
                }
            }
        )+
        #[cfg(test)]
        pub(super) const NOTIFICATIONS: &[super::tests::Row] = &[$(
            super::tests::row!("StorPortNotification", $name, $selector, ($ext: $ext_ty $(, $param: $ty)*)),
        )+];
    };
}

/// Functions that are a `StorPortNotification` call whose last argument points to the result.
macro_rules! notification_with_status {
    ($($(#[$meta:meta])* fn $name:ident($ext:ident: $ext_ty:ty $(, $param:ident: $ty:ty)* $(,)?) -> $ret:ty = $selector:ident;)+) => {
        $(
            $(#[$meta])*
            #[inline]
            pub(crate) unsafe fn $name($ext: $ext_ty $(, $param: $ty)*) -> $ret {
                let mut word = <$ret as $crate::inlines::Outcome>::START;
                // SAFETY: The selector takes just these arguments; the caller keeps the function's documented contract.
                unsafe {
                    ::wdk_sys::storage::StorPortNotification(
                        ::wdk_sys::_SCSI_NOTIFICATION_TYPE::$selector,
                        $ext
                        $(, $crate::inlines::promote::Promote::promote($param))*,
                        &raw mut word
                    );
                }
                <$ret as $crate::inlines::Outcome>::from_word(word)
            }
        )+
        #[cfg(test)]
        pub(super) const NOTIFICATIONS_WITH_STATUS: &[super::tests::Row] = &[$(
            super::tests::row!("StorPortNotification", $name, $selector, ($ext: $ext_ty $(, $param: $ty)*)),
        )+];
    };
}

/// What a notification hands back through its last argument. The word is 32 bits wide whatever the function returns, so that a port
/// driver that writes a `LONG` truth value stays within it; it starts as what a port driver that ignores the selector leaves there.
trait Outcome {
    const START: ULONG;

    fn from_word(word: ULONG) -> Self;
}

impl Outcome for BOOLEAN {
    const START: ULONG = FALSE;

    fn from_word(word: ULONG) -> Self {
        Self::from(word != FALSE)
    }
}

impl Outcome for ULONG {
    const START: ULONG = STOR_STATUS_NOT_IMPLEMENTED;

    fn from_word(word: ULONG) -> Self {
        word
    }
}

use {extended, notification, notification_with_status};
