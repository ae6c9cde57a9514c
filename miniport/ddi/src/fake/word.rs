//! Arguments and results of exported functions as integers.
//!
//! Key trait: [`Word`].

use wdk_sys::LARGE_INTEGER;

/// A type that fits one argument slot.
pub trait Word: Sized {
    /// The value as the integer in its slot.
    fn into_word(self) -> u64;

    /// The value that the integer stands for.
    fn from_word(word: u64) -> Self;
}

macro_rules! integers {
    ($($ty:ty)+) => {$(
        impl Word for $ty {
            fn into_word(self) -> u64 {
                let mut bytes = [0; 8];
                let value = self.to_le_bytes();
                bytes[..value.len()].copy_from_slice(&value);
                u64::from_le_bytes(bytes)
            }

            fn from_word(word: u64) -> Self {
                let mut bytes = [0; size_of::<Self>()];
                bytes.copy_from_slice(&word.to_le_bytes()[..size_of::<Self>()]);
                Self::from_le_bytes(bytes)
            }
        }
    )+};
}
integers!(u8 i8 u16 u32 i32 u64);

impl Word for () {
    fn into_word(self) -> u64 {
        0
    }

    fn from_word(_: u64) {}
}

impl<T> Word for *mut T {
    fn into_word(self) -> u64 {
        self.expose_provenance() as u64
    }

    fn from_word(word: u64) -> Self {
        core::ptr::with_exposed_provenance_mut(usize::try_from(word).unwrap_or_default())
    }
}

impl<T> Word for *const T {
    fn into_word(self) -> u64 {
        self.expose_provenance() as u64
    }

    fn from_word(word: u64) -> Self {
        core::ptr::with_exposed_provenance(usize::try_from(word).unwrap_or_default())
    }
}

impl Word for LARGE_INTEGER {
    fn into_word(self) -> u64 {
        // SAFETY: Every bit pattern is a valid integer.
        unsafe { self.QuadPart }.cast_unsigned()
    }

    fn from_word(word: u64) -> Self {
        Self {
            QuadPart: word.cast_signed(),
        }
    }
}

macro_rules! callbacks {
    ($($param:ident)*) => {
        impl<$($param,)* R> Word for Option<unsafe extern "C" fn($($param),*) -> R> {
            fn into_word(self) -> u64 {
                self.map_or(0, |function| function as usize as u64)
            }

            fn from_word(_: u64) -> Self {
                None
            }
        }
    };
}
callbacks!(A B);
callbacks!(A B C D);
