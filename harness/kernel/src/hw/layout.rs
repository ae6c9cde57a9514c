//! Where the linker script put things, and the fixed parts of the address space.
//!
//! UNSAFETY: the linker's symbols are foreign statics; only their addresses are used.
#![expect(unsafe_code, reason = "linker symbols are declared as foreign statics")]

use proto::record::PhysicalRange;

use crate::mem::{Pa, Va};

/// Virtual address of physical address 0 in the direct map of all RAM.
pub const DIRECT_BASE: u64 = 0xFFFF_8000_0000_0000;
/// Memory that drivers are given: pool, extensions, requests, data buffers.
pub const POOL_BASE: u64 = 0xFFFF_A000_0000_0000;
/// Bytes of the pool region.
pub const POOL_BYTES: u64 = 1 << 40;
/// Device registers.
pub const MMIO_BASE: u64 = 0xFFFF_B000_0000_0000;
/// Bytes of the register region.
pub const MMIO_BYTES: u64 = 1 << 38;
/// Driver images.
pub const IMAGE_BASE: u64 = 0xFFFF_F800_0000_0000;
/// Bytes of the image region.
pub const IMAGE_BYTES: u64 = 1 << 36;
/// Bytes of the kernel's own heap.
pub const HEAP_BYTES: u64 = 12 << 20;

macro_rules! symbols {
    ($($name:ident),* $(,)?) => {
        unsafe extern "C" {
            $(static $name: u8;)*
        }
    };
}

symbols!(
    __text_start,
    __text_end,
    __rodata_start,
    __rodata_end,
    __data_start,
    __data_end,
    __kernel_end,
    __main_stack_bottom,
    __main_stack_top,
    __hibernate_stack_bottom,
    __hibernate_stack_top,
    __fault_stack_bottom,
    __fault_stack_top,
    __double_fault_stack_bottom,
    __double_fault_stack_top,
    __nmi_stack_bottom,
    __nmi_stack_top,
);

macro_rules! range {
    ($(#[$doc:meta])* $name:ident, $start:ident, $end:ident) => {
        $(#[$doc])*
        #[must_use]
        pub fn $name() -> PhysicalRange {
            let (start, end) = (&raw const $start as usize as u64, &raw const $end as usize as u64);
            PhysicalRange { address: start, bytes: (end - start).next_multiple_of(4096) }
        }
    };
}

range! {
    /// The kernel's code.
    kernel_text, __text_start, __text_end
}
range! {
    /// The kernel's constants.
    kernel_rodata, __rodata_start, __rodata_end
}
range! {
    /// The kernel's variables.
    kernel_data, __data_start, __data_end
}
range! {
    /// The whole image, stacks and guard pages included.
    kernel_image, __text_start, __kernel_end
}
range! {
    /// The stack of the main flow.
    main_stack, __main_stack_bottom, __main_stack_top
}
range! {
    /// The stack on which the dump stack runs.
    hibernate_stack, __hibernate_stack_bottom, __hibernate_stack_top
}
range! {
    /// The stack of page and protection faults.
    fault_stack, __fault_stack_bottom, __fault_stack_top
}
range! {
    /// The stack of double faults.
    double_fault_stack, __double_fault_stack_bottom, __double_fault_stack_top
}
range! {
    /// The stack of non-maskable interrupts.
    nmi_stack, __nmi_stack_bottom, __nmi_stack_top
}

/// Address of the first byte above a stack.
#[must_use]
pub fn top(stack: PhysicalRange) -> Va {
    Va(stack.address + stack.bytes)
}

/// Direct-map address of a physical one.
#[must_use]
pub const fn direct(pa: Pa) -> Va {
    Va(DIRECT_BASE.wrapping_add(pa.0))
}
