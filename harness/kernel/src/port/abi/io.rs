//! I/O request packets, as the I/O manager handles them.

use super::structure;

structure! {
    /// The members of a packet that the I/O manager handles.
    Irp = "IRP", 208 {
        TYPE: u16 = "Type" @ 0,
        SIZE: u16 = "Size" @ 2,
        STATUS: u32 = "IoStatus.Status" @ 48,
        STACK_COUNT: u8 = "StackCount" @ 66,
        CURRENT_LOCATION: u8 = "CurrentLocation" @ 67,
        CURRENT_STACK_LOCATION: u64 = "Tail.Overlay.CurrentStackLocation" @ 184,
    }
}

structure! {
    /// A stack location.
    Location = "IO_STACK_LOCATION", 72 {
        MAJOR: u8 = "MajorFunction" @ 0,
        MINOR: u8 = "MinorFunction" @ 1,
        FIRST: u64 = "Parameters.Others.Argument1" @ 8,
        SECOND: u64 = "Parameters.Others.Argument2" @ 16,
        THIRD: u64 = "Parameters.Others.Argument3" @ 24,
        DEVICE_OBJECT: u64 = "DeviceObject" @ 40,
    }
}
