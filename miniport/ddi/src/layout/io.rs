//! Device objects, I/O request packets, resources of a device, remove locks.

use wdk_sys::{
    _CM_FULL_RESOURCE_DESCRIPTOR, _CM_PARTIAL_RESOURCE_DESCRIPTOR, _CM_PARTIAL_RESOURCE_LIST,
    _CM_RESOURCE_LIST, _DEVICE_OBJECT, _IO_REMOVE_LOCK, _IO_STACK_LOCATION, _IRP, _KEVENT,
};

super::layouts! {
    _KEVENT: 24, 8 {
        Header 0,
    }
    _IO_REMOVE_LOCK: 32, 8 {
        Common.Removed 0, Common.IoCount 4, Common.RemoveEvent 8,
    }
    _DEVICE_OBJECT: 336, 16 {
        Type 0, Size 2, ReferenceCount 4, DriverObject 8, NextDevice 16, AttachedDevice 24, CurrentIrp 32, Timer 40, Flags 48,
        Characteristics 52, Vpb 56, DeviceExtension 64, DeviceType 72, StackSize 76, Queue 80, AlignmentRequirement 152,
        DeviceQueue 160, Dpc 200, ActiveThreadCount 264, SecurityDescriptor 272, DeviceLock 280, SectorSize 304, Spare1 306,
        DeviceObjectExtension 312, Reserved 320,
    }
    _IRP: 208, 16 {
        Type 0, Size 2, MdlAddress 8, Flags 16, AssociatedIrp 24, ThreadListEntry 32, IoStatus 48, IoStatus.Information 56,
        RequestorMode 64, PendingReturned 65, StackCount 66, CurrentLocation 67, Cancel 68, CancelIrql 69, ApcEnvironment 70,
        AllocationFlags 71, UserEvent 80, Overlay 88, CancelRoutine 104, UserBuffer 112, Tail 120, Tail.Overlay.Thread 152,
        Tail.Overlay.AuxiliaryBuffer 160, Tail.Overlay.__bindgen_anon_2.ListEntry 168,
        Tail.Overlay.__bindgen_anon_2.__bindgen_anon_1.CurrentStackLocation 184, Tail.Overlay.OriginalFileObject 192,
    }
    _IO_STACK_LOCATION: 72, 8 {
        MajorFunction 0, MinorFunction 1, Flags 2, Control 3, Parameters 8, Parameters.Power.SystemContext 8,
        Parameters.Power.Type 16, Parameters.Power.State 24, Parameters.Power.ShutdownType 32,
        Parameters.StartDevice.AllocatedResources 8, Parameters.StartDevice.AllocatedResourcesTranslated 16,
        Parameters.Others.Argument4 32, DeviceObject 40, FileObject 48, CompletionRoutine 56, Context 64,
    }
    _CM_PARTIAL_RESOURCE_DESCRIPTOR: 20, 4 {
        Type 0, ShareDisposition 1, Flags 2, u 4, u.Port.Start 4, u.Port.Length 12,
    }
    _CM_PARTIAL_RESOURCE_LIST: 28, 4 {
        Version 0, Revision 2, Count 4, PartialDescriptors 8,
    }
    _CM_FULL_RESOURCE_DESCRIPTOR: 36, 4 {
        InterfaceType 0, BusNumber 4, PartialResourceList 8,
    }
    _CM_RESOURCE_LIST: 40, 4 {
        Count 0, List 4,
    }
}
