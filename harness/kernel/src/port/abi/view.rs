//! A structure of the ABI in driver memory, read and written member by member through the checked memory access.

use core::marker::PhantomData;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::{Field, Structure};
use crate::mem::{self, Access, MemFault, Va};

/// A structure `S` at an address that a driver may have invented.
#[derive(Debug)]
pub struct View<S> {
    base: Va,
    marker: PhantomData<fn() -> S>,
}

impl<S> Clone for View<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for View<S> {}

impl<S: Structure> View<S> {
    /// The structure at `base`; nothing is touched yet.
    #[must_use]
    pub const fn at(base: Va) -> Self {
        Self {
            base,
            marker: PhantomData,
        }
    }

    /// Address of the structure.
    #[must_use]
    pub const fn base(self) -> Va {
        self.base
    }

    /// Address of a member.
    #[must_use]
    pub fn address<T>(self, field: Field<S, T>) -> Va {
        self.base.offset(field.offset)
    }

    /// Whether the whole structure can be read.
    ///
    /// # Errors
    /// The first fault.
    pub fn probe(self) -> Result<(), MemFault> {
        mem::probe(self.base, S::BYTES, Access::Read)
    }

    /// Reads a member.
    ///
    /// # Errors
    /// The fault, if the address cannot be read.
    pub fn get<T: FromBytes + IntoBytes>(self, field: Field<S, T>) -> Result<T, MemFault> {
        mem::read(self.address(field))
    }

    /// Writes a member.
    ///
    /// # Errors
    /// The fault, if the address cannot be written.
    pub fn set<T: IntoBytes + Immutable + Copy>(
        self,
        field: Field<S, T>,
        value: T,
    ) -> Result<(), MemFault> {
        mem::write(self.address(field), &value)
    }
}
