//! Basic types, kernel objects, bug-check callbacks, PCI configuration space.

use wdk_sys::{
    _DRIVER_EXTENSION, _DRIVER_OBJECT, _GROUP_AFFINITY, _GUID, _KBUGCHECK_ADD_PAGES,
    _KBUGCHECK_CALLBACK_RECORD, _KBUGCHECK_DUMP_IO, _KBUGCHECK_REASON_CALLBACK_RECORD,
    _KBUGCHECK_REMOVE_PAGES, _KBUGCHECK_SECONDARY_DUMP_DATA, _KBUGCHECK_TRIAGE_DUMP_DATA, _KDPC,
    _KSPIN_LOCK_QUEUE, _LARGE_INTEGER, _LIST_ENTRY, _MDL, _PCI_CAPABILITIES_HEADER,
    _PCI_COMMON_CONFIG, _PCI_COMMON_HEADER, _PHYSICAL_MEMORY_RANGE, _PROCESSOR_NUMBER,
    _SINGLE_LIST_ENTRY, _SLIST_HEADER, _UNICODE_STRING,
};

super::layouts! {
    _LARGE_INTEGER: 8, 8 {
        __bindgen_anon_1.LowPart 0, __bindgen_anon_1.HighPart 4, u 0, u.LowPart 0, u.HighPart 4, QuadPart 0,
    }
    _GUID: 16, 4 {
        Data1 0, Data2 4, Data3 6, Data4 8,
    }
    _UNICODE_STRING: 16, 8 {
        Length 0, MaximumLength 2, Buffer 8,
    }
    _LIST_ENTRY: 16, 8 {
        Flink 0, Blink 8,
    }
    _SINGLE_LIST_ENTRY: 8, 8 {
        Next 0,
    }
    _SLIST_HEADER: 16, 16 {
        __bindgen_anon_1.Alignment 0, __bindgen_anon_1.Region 8, HeaderX64 0,
    }
    _GROUP_AFFINITY: 16, 8 {
        Mask 0, Group 8, Reserved 10,
    }
    _PROCESSOR_NUMBER: 4, 2 {
        Group 0, Number 2, Reserved 3,
    }
    _KSPIN_LOCK_QUEUE: 16, 8 {
        Next 0, Lock 8,
    }
    _KDPC: 64, 8 {
        __bindgen_anon_1.TargetInfoAsUlong 0, __bindgen_anon_1.__bindgen_anon_1.Type 0,
        __bindgen_anon_1.__bindgen_anon_1.Importance 1, __bindgen_anon_1.__bindgen_anon_1.Number 2, DpcListEntry 8,
        ProcessorHistory 16, DeferredRoutine 24, DeferredContext 32, SystemArgument1 40, SystemArgument2 48,
        DpcData 56,
    }
    _MDL: 48, 8 {
        Next 0, Size 8, MdlFlags 10, Process 16, MappedSystemVa 24, StartVa 32, ByteCount 40, ByteOffset 44,
    }
    _PHYSICAL_MEMORY_RANGE: 16, 8 {
        BaseAddress 0, NumberOfBytes 8,
    }
    _DRIVER_EXTENSION: 40, 8 {
        DriverObject 0, AddDevice 8, Count 16, ServiceKeyName 24,
    }
    _DRIVER_OBJECT: 336, 8 {
        Type 0, Size 2, DeviceObject 8, Flags 16, DriverStart 24, DriverSize 32, DriverSection 40, DriverExtension 48,
        DriverName 56, HardwareDatabase 72, FastIoDispatch 80, DriverInit 88, DriverStartIo 96, DriverUnload 104,
        MajorFunction 112,
    }
    _KBUGCHECK_CALLBACK_RECORD: 64, 8 {
        Entry 0, CallbackRoutine 16, Buffer 24, Length 32, Component 40, Checksum 48, State 56,
    }
    _KBUGCHECK_REASON_CALLBACK_RECORD: 48, 8 {
        Entry 0, CallbackRoutine 16, Component 24, Checksum 32, Reason 40, State 44,
    }
    _KBUGCHECK_SECONDARY_DUMP_DATA: 48, 8 {
        InBuffer 0, InBufferLength 8, MaximumAllowed 12, Guid 16, OutBuffer 32, OutBufferLength 40,
    }
    _KBUGCHECK_DUMP_IO: 24, 8 {
        Offset 0, Buffer 8, BufferLength 16, Type 20,
    }
    _KBUGCHECK_ADD_PAGES: 32, 8 {
        Context 0, Flags 8, BugCheckCode 12, Address 16, Count 24,
    }
    _KBUGCHECK_REMOVE_PAGES: 32, 8 {
        Context 0, Flags 8, BugCheckCode 12, Address 16, Count 24,
    }
    _KBUGCHECK_TRIAGE_DUMP_DATA: 56, 8 {
        DataArray 0, Flags 8, MaxVirtMemSize 12, BugCheckCode 16, BugCheckParameter1 24, BugCheckParameter2 32,
        BugCheckParameter3 40, BugCheckParameter4 48,
    }
    _PCI_COMMON_HEADER: 64, 4 {
        VendorID 0, DeviceID 2, Command 4, Status 6, RevisionID 8, ProgIf 9, SubClass 10, BaseClass 11,
        CacheLineSize 12, LatencyTimer 13, HeaderType 14, BIST 15, u 16, u.type0 16, u.type0.BaseAddresses 16,
        u.type0.CIS 40, u.type0.SubVendorID 44, u.type0.SubSystemID 46, u.type0.ROMBaseAddress 48,
        u.type0.CapabilitiesPtr 52, u.type0.Reserved1 53, u.type0.Reserved2 56, u.type0.InterruptLine 60,
        u.type0.InterruptPin 61, u.type0.MinimumGrant 62, u.type0.MaximumLatency 63, u.type1 16,
        u.type1.BaseAddresses 16, u.type1.PrimaryBus 24, u.type1.SecondaryBus 25, u.type1.SubordinateBus 26,
        u.type1.SecondaryLatency 27, u.type1.IOBase 28, u.type1.IOLimit 29, u.type1.SecondaryStatus 30,
        u.type1.MemoryBase 32, u.type1.MemoryLimit 34, u.type1.PrefetchBase 36, u.type1.PrefetchLimit 38,
        u.type1.PrefetchBaseUpper32 40, u.type1.PrefetchLimitUpper32 44, u.type1.IOBaseUpper16 48,
        u.type1.IOLimitUpper16 50, u.type1.CapabilitiesPtr 52, u.type1.Reserved1 53, u.type1.ROMBaseAddress 56,
        u.type1.InterruptLine 60, u.type1.InterruptPin 61, u.type1.BridgeControl 62, u.type2 16,
        u.type2.SocketRegistersBaseAddress 16, u.type2.CapabilitiesPtr 20, u.type2.Reserved 21,
        u.type2.SecondaryStatus 22, u.type2.PrimaryBus 24, u.type2.SecondaryBus 25, u.type2.SubordinateBus 26,
        u.type2.SecondaryLatency 27, u.type2.Range 28, u.type2.InterruptLine 60, u.type2.InterruptPin 61,
        u.type2.BridgeControl 62,
    }
    _PCI_COMMON_CONFIG: 256, 4 {
        DeviceSpecific 64,
    }
    _PCI_CAPABILITIES_HEADER: 2, 1 {
        CapabilityID 0, Next 1,
    }
}

/// Documented structures that the facts do not hold, so that they are not in the table above.
mod documented {
    use core::mem::{offset_of, size_of};

    use static_assertions::const_assert_eq;
    use wdk_sys::{_KEY_VALUE_PARTIAL_INFORMATION as Value, _OBJECT_ATTRIBUTES as Attributes};

    const_assert_eq!(size_of::<Attributes>(), 48);
    const_assert_eq!(offset_of!(Attributes, RootDirectory), 8);
    const_assert_eq!(offset_of!(Attributes, ObjectName), 16);
    const_assert_eq!(offset_of!(Attributes, Attributes), 24);
    const_assert_eq!(offset_of!(Attributes, SecurityDescriptor), 32);
    const_assert_eq!(offset_of!(Attributes, SecurityQualityOfService), 40);
    const_assert_eq!(size_of::<Value>(), 16);
    const_assert_eq!(offset_of!(Value, Type), 4);
    const_assert_eq!(offset_of!(Value, DataLength), 8);
    const_assert_eq!(offset_of!(Value, Data), 12);
}
