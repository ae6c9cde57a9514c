//! Sizes, alignments, offsets and signatures that the driver relies on, held at compile time.
//!
//! The numbers are those of WDK 10.0.22621 for x64 (miniport/ddi/facts). They hold for both sources of bindings: the subset in
//! miniport/ddi/bindings, and what bindgen reads from a real WDK; a WDK whose structures differ does not compile. The unit tests in
//! [`crate::abi`] compare the same numbers with the facts and see to it that no structure of the subset is left out.

mod dump;
mod io;
mod port;
mod prototypes;
mod requests;
mod system;

/// One structure with the numbers below, for the tests.
#[cfg(test)]
pub(crate) struct Layout {
    pub(crate) name: &'static str,
    pub(crate) size: usize,
    pub(crate) align: usize,
    pub(crate) fields: &'static [(&'static str, usize)],
}

/// All structures with their numbers.
#[cfg(test)]
pub(crate) fn all() -> impl Iterator<Item = &'static Layout> {
    [
        system::LAYOUTS,
        requests::LAYOUTS,
        port::LAYOUTS,
        dump::LAYOUTS,
    ]
    .into_iter()
    .flatten()
}

/// The structures of I/O requests and resources, which are in part opaque and therefore have a test of their own.
#[cfg(test)]
pub(crate) fn io() -> &'static [Layout] {
    io::LAYOUTS
}

/// `name: size, alignment { field offset, ... }`; a field inside an anonymous or nested member is named by its path.
macro_rules! layouts {
    ($($name:ident: $size:literal, $align:literal { $($($field:ident).+ $offset:literal,)* })+) => {
        $(
            ::static_assertions::const_assert_eq!(::core::mem::size_of::<$name>(), $size);
            ::static_assertions::const_assert_eq!(::core::mem::align_of::<$name>(), $align);
            $(const _: () = assert!(
                ::core::mem::offset_of!($name, $($field).+) == $offset,
                concat!("offset of ", stringify!($name) $(, ".", stringify!($field))+)
            );)*
        )+
        #[cfg(test)]
        pub(super) const LAYOUTS: &[super::Layout] = &[$(
            super::Layout {
                name: stringify!($name),
                size: ::core::mem::size_of::<$name>(),
                align: ::core::mem::align_of::<$name>(),
                fields: &[$((concat!($(".", stringify!($field)),+), ::core::mem::offset_of!($name, $($field).+)),)*],
            },
        )+];
    };
}

use layouts;
