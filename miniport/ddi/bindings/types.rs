// The part of the WDK's types that Storport miniports, dump filters and dump-header drivers use, for machines without a WDK.
//
// `wdk-sys` includes this file where its own build script would have put bindgen's output (cargo's build-script override; see
// docs/architecture.md). It is written from layout facts (miniport/ddi/facts), never copied from a header, and has the names and types
// that bindgen gives for WDK 10.0.22621, so that code compiled against it compiles against a real WDK unchanged:
// - `_X` is the structure, `X` and `PX` are aliases; an enumeration is a module of constants with a `Type`;
// - a callback type is an `Option` of a function pointer; anonymous members are `__bindgen_anon_N`;
// - a bit field has `name()` and `set_name()` (bindgen's raw accessors and unit constructors are left out).
// Two deliberate differences: ULONG and LONG are 32 bits wide by name (`u32`, `i32`), not through `c_ulong`, because the same file serves
// the unit tests on Linux, where `c_ulong` has 64 bits; and structures that no driver here looks into are opaque.
// miniport/ddi/tests checks every size, offset, value and prototype against the facts.

/// Implements `Default` as all bytes zero, as bindgen does for structures that hold pointers, unions or long arrays.
macro_rules! zeroed_default {
    ($($name:ident,)+) => {$(
        impl Default for $name {
            fn default() -> Self {
                // SAFETY: Plain C data; every member accepts the all-zero bit pattern.
                unsafe { ::core::mem::zeroed() }
            }
        }
    )+};
}

/// Gives a structure the getters and setters of its bit fields: `name, set_name: type = first bit, width`.
macro_rules! bitfields {
    ($name:ident . $unit:ident; $($get:ident, $set:ident: $ty:ty = $bit:literal, $width:literal;)+) => {
        impl $name {$(
            #[inline]
            pub fn $get(&self) -> $ty {
                self.$unit.get($bit, $width) as $ty
            }
            #[inline]
            pub fn $set(&mut self, val: $ty) {
                self.$unit.set($bit, $width, val as u64)
            }
        )+}
    };
}

/// Storage of bit fields, least significant bit first, under the name that bindgen gives it.
#[repr(C)]
#[derive(Copy, Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct __BindgenBitfieldUnit<Storage> {
    storage: Storage,
}

impl<Storage> __BindgenBitfieldUnit<Storage> {
    #[inline]
    pub const fn new(storage: Storage) -> Self {
        Self { storage }
    }
}

impl<Storage: AsRef<[u8]> + AsMut<[u8]>> __BindgenBitfieldUnit<Storage> {
    #[inline]
    pub fn get_bit(&self, index: usize) -> bool {
        self.storage
            .as_ref()
            .get(index / 8)
            .is_some_and(|byte| byte >> (index % 8) & 1 == 1)
    }

    #[inline]
    pub fn set_bit(&mut self, index: usize, val: bool) {
        if let Some(byte) = self.storage.as_mut().get_mut(index / 8) {
            let mask = 1 << (index % 8);
            *byte = if val { *byte | mask } else { *byte & !mask };
        }
    }

    #[inline]
    pub fn get(&self, bit_offset: usize, bit_width: u8) -> u64 {
        (0..usize::from(bit_width)).fold(0, |value, bit| value | u64::from(self.get_bit(bit_offset + bit)) << bit)
    }

    #[inline]
    pub fn set(&mut self, bit_offset: usize, bit_width: u8, val: u64) {
        for bit in 0..usize::from(bit_width) {
            self.set_bit(bit_offset + bit, val >> bit & 1 == 1);
        }
    }
}

/// A member that bindgen passes over, under the name that it gives it.
#[repr(C)]
#[derive(PartialEq, Eq, Copy, Clone, Debug, Hash)]
pub struct __BindgenOpaqueArray<T>(pub T);

/// The array of unstated length at the end of a structure, under the name that bindgen gives it. It has no size of its own.
#[repr(C)]
#[derive(Default)]
pub struct __IncompleteArrayField<T>(::core::marker::PhantomData<T>, [T; 0]);

impl<T> __IncompleteArrayField<T> {
    #[inline]
    pub const fn new() -> Self {
        Self(::core::marker::PhantomData, [])
    }

    #[inline]
    pub fn as_ptr(&self) -> *const T {
        ::core::ptr::from_ref(self).cast()
    }

    #[inline]
    pub fn as_mut_ptr(&mut self) -> *mut T {
        ::core::ptr::from_mut(self).cast()
    }

    /// # Safety
    /// The memory behind the structure must hold `len` initialised elements.
    #[inline]
    pub unsafe fn as_slice(&self, len: usize) -> &[T] {
        // SAFETY: The caller vouches for the elements.
        unsafe { ::core::slice::from_raw_parts(self.as_ptr(), len) }
    }

    /// # Safety
    /// As for `as_slice`.
    #[inline]
    pub unsafe fn as_mut_slice(&mut self, len: usize) -> &mut [T] {
        // SAFETY: The caller vouches for the elements.
        unsafe { ::core::slice::from_raw_parts_mut(self.as_mut_ptr(), len) }
    }
}

impl<T> ::core::fmt::Debug for __IncompleteArrayField<T> {
    fn fmt(&self, fmt: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        fmt.write_str("__IncompleteArrayField")
    }
}

include!("types/basic.rs");
include!("types/kernel.rs");
include!("types/io.rs");
include!("types/bugcheck.rs");
include!("types/pci.rs");
include!("types/scsi.rs");
include!("types/srb.rs");
include!("types/storport.rs");
include!("types/storport_config.rs");
include!("types/dump.rs");
