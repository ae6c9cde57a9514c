//! The default argument promotions of C, which a call with variable arguments needs.
//!
//! Key trait: [`Promote`]. C widens integers narrower than `int`; everything else passes as it is. Rust does not widen by itself and
//! refuses narrow integers there, so each parameter goes through this trait.

use core::ffi::c_int;

use wdk_sys::{LARGE_INTEGER, STOR_UNIT_ATTRIBUTES};

/// A type that can be a variable argument, after promotion.
pub(crate) trait Promote {
    /// The type after promotion.
    type Variadic;

    /// The value after promotion.
    fn promote(self) -> Self::Variadic;
}

macro_rules! widened {
    ($($ty:ty)+) => {$(
        impl Promote for $ty {
            type Variadic = c_int;

            #[inline]
            fn promote(self) -> c_int {
                c_int::from(self)
            }
        }
    )+};
}

macro_rules! unchanged {
    ($($ty:ty)+) => {$(
        impl Promote for $ty {
            type Variadic = Self;

            #[inline]
            fn promote(self) -> Self {
                self
            }
        }
    )+};
}

/// Nullable C function pointers pass as pointers.
macro_rules! callbacks {
    ($($param:ident)*) => {
        impl<$($param,)* R> Promote for Option<unsafe extern "C" fn($($param),*) -> R> {
            type Variadic = Self;

            #[inline]
            fn promote(self) -> Self {
                self
            }
        }
    };
}

widened!(u8 u16);
unchanged!(i32 u32 i64 u64 LARGE_INTEGER STOR_UNIT_ATTRIBUTES);
callbacks!(A);
callbacks!(A B);
callbacks!(A B C);
callbacks!(A B C D);
callbacks!(A B C D E);

impl<T> Promote for *mut T {
    type Variadic = Self;

    #[inline]
    fn promote(self) -> Self {
        self
    }
}

impl<T> Promote for *const T {
    type Variadic = Self;

    #[inline]
    fn promote(self) -> Self {
        self
    }
}
