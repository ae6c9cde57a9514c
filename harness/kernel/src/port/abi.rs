//! The bench's own view of the Windows driver ABI on x64: sizes and offsets as constants, typed access to driver
//! memory through them.
//!
//! * [`Field`] is one member of a structure; [`View`] reads and writes members of a structure in driver memory.
//! * One module per family: [`init`], [`config`], [`io`], [`srb`], [`services`], [`codes`], [`extended`],
//!   [`bugcheck`], [`filter`].
//!
//! This view is deliberately not shared with the driver's bindings: two views that agree are evidence. A unit test
//! checks every size, offset and constant here against the numbers in `miniport/ddi/facts`.

use core::marker::PhantomData;

pub mod bugcheck;
pub mod codes;
pub mod config;
pub mod extended;
pub mod filter;
pub mod init;
pub mod io;
pub mod services;
pub mod srb;
#[cfg(test)]
mod tests;
#[cfg(any(target_os = "none", clippy))]
pub mod view;

#[cfg(any(target_os = "none", clippy))]
pub use view::View;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// A structure of the ABI.
pub trait Structure {
    /// Its C name, as in the facts.
    const NAME: &'static str;
    /// Its size in bytes.
    const BYTES: u64;
}

/// A member of the structure `S`, read and written as `T`.
#[derive(Debug)]
pub struct Field<S, T> {
    /// Bytes from the start of the structure.
    pub offset: u64,
    marker: PhantomData<fn(S) -> T>,
}

impl<S, T> Clone for Field<S, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S, T> Copy for Field<S, T> {}

impl<S, T> Field<S, T> {
    /// The member at `offset` bytes.
    #[must_use]
    pub const fn at(offset: u64) -> Self {
        Self {
            offset,
            marker: PhantomData,
        }
    }

    /// Bytes from the start of the structure to the end of this member.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.offset + size_of::<T>() as u64
    }
}

/// Reads a member of a structure that starts `bytes`; `None` if `bytes` is too short.
#[must_use]
pub fn get<S, T: FromBytes>(bytes: &[u8], field: Field<S, T>) -> Option<T> {
    let start = usize::try_from(field.offset).ok()?;
    let (value, _) = T::read_from_prefix(bytes.get(start..)?).ok()?;
    Some(value)
}

/// Writes a member of a structure that starts `bytes`; false if `bytes` is too short.
pub fn put<S, T: IntoBytes + Immutable + Copy>(
    bytes: &mut [u8],
    field: Field<S, T>,
    value: T,
) -> bool {
    usize::try_from(field.offset)
        .ok()
        .and_then(|start| bytes.get_mut(start..))
        .is_some_and(|tail| value.write_to_prefix(tail).is_ok())
}

/// A member with its C name, for the comparison with the facts.
#[derive(Clone, Copy, Debug)]
pub struct FieldFact {
    /// C name of the structure.
    pub structure: &'static str,
    /// C name of the member, nested members with dots.
    pub field: &'static str,
    /// Offset in bytes.
    pub offset: u64,
    /// Bytes with which the bench accesses it.
    pub bytes: u64,
}

/// Declares a structure: marker type, size, members, and the table for the comparison.
macro_rules! structure {
    (
        $(#[$doc:meta])*
        $name:ident = $c_name:literal, $bytes:literal {
            $($(#[$field_doc:meta])* $field:ident: $type:ty = $c_field:literal @ $offset:literal,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl $crate::port::abi::Structure for $name {
            const NAME: &'static str = $c_name;
            const BYTES: u64 = $bytes;
        }

        impl $name {
            $(
                $(#[$field_doc])*
                #[doc = concat!("`", $c_field, "`.")]
                pub const $field: $crate::port::abi::Field<Self, $type> =
                    $crate::port::abi::Field::at($offset);
            )*

            /// Members for the comparison with the facts.
            pub const FACTS: &[$crate::port::abi::FieldFact] = &[
                $($crate::port::abi::FieldFact {
                    structure: $c_name,
                    field: $c_field,
                    offset: $offset,
                    bytes: size_of::<$type>() as u64,
                },)*
            ];
        }
    };
}

/// Declares constants under their C names, and the table for the comparison.
macro_rules! constants {
    ($table:ident: $($(#[$doc:meta])* $name:ident: $type:ty = $value:literal;)*) => {
        $(
            $(#[$doc])*
            #[doc = concat!("`", stringify!($name), "`.")]
            pub const $name: $type = $value;
        )*

        /// Names and values for the comparison with the facts.
        pub const $table: &[(&str, u64)] = &[$((stringify!($name), $value as u64),)*];
    };
}

/// Declares the values of an enumeration in a module of their own, with their C names.
macro_rules! enumeration {
    (
        $(#[$doc:meta])*
        $module:ident: $type:ty {
            $($name:ident = $c_name:literal @ $value:literal,)*
        }
    ) => {
        $(#[$doc])*
        pub mod $module {
            $(
                #[doc = concat!("`", $c_name, "`.")]
                pub const $name: $type = $value;
            )*

            /// C names and values.
            pub const NAMES: &[(&str, $type)] = &[$(($c_name, $name),)*];
        }
    };
}

pub(crate) use {constants, enumeration, structure};
