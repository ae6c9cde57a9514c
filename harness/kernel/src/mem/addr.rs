//! Addresses as types: virtual ([`Va`]) and physical ([`Pa`]) never mix.

use core::fmt;

/// Bytes of a page.
pub const PAGE_BYTES: u64 = 4096;

macro_rules! address {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl $name {
            /// The address that many bytes further on; wraps, as the hardware's arithmetic does.
            #[must_use]
            pub const fn offset(self, bytes: u64) -> Self {
                Self(self.0.wrapping_add(bytes))
            }

            /// Start of the page that holds this byte.
            #[must_use]
            pub const fn page(self) -> Self {
                Self(self.0 & !(PAGE_BYTES - 1))
            }

            /// Offset in bytes into the page.
            #[must_use]
            pub const fn page_offset(self) -> u64 {
                self.0 & (PAGE_BYTES - 1)
            }

            /// Page number.
            #[must_use]
            pub const fn pfn(self) -> u64 {
                self.0 / PAGE_BYTES
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:#x}", self.0)
            }
        }
    };
}

address! {
    /// A virtual address, the driver's or the bench kernel's.
    Va
}

address! {
    /// A physical address.
    Pa
}

impl Va {
    /// The null pointer.
    pub const NULL: Self = Self(0);

    /// Whether this is the null pointer.
    #[must_use]
    pub const fn is_null(self) -> bool {
        self.0 == 0
    }
}

impl Pa {
    /// First byte of a page frame.
    #[must_use]
    pub const fn of_pfn(pfn: u64) -> Self {
        Self(pfn.wrapping_mul(PAGE_BYTES))
    }
}

/// Number of pages that `bytes` bytes take when they begin `offset` bytes into the first one.
#[must_use]
pub const fn pages_for(offset: u64, bytes: u64) -> u64 {
    offset.saturating_add(bytes).div_ceil(PAGE_BYTES)
}

/// A length or an index in the machine's own width.
#[must_use]
pub fn size(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
