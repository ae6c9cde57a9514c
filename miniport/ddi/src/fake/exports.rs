//! The doubles themselves: one per function of the bindings' `storage.rs` and `ntddk.rs`, and `BCryptGenRandom` of cng.sys.

use std::{process, vec::Vec};

use wdk_sys::{
    _HW_INITIALIZATION_DATA, ACCESS_MASK, BOOLEAN, CCHAR, HANDLE, INTERFACE_TYPE,
    KBUGCHECK_CALLBACK_REASON, KEY_VALUE_INFORMATION_CLASS, KIRQL, KPROCESSOR_MODE, LARGE_INTEGER,
    MEMORY_CACHING_TYPE, NODE_REQUIREMENT, NTSTATUS, PCSTR, PCUNICODE_STRING, PCWSTR,
    PDEVICE_OBJECT, PDRIVER_OBJECT, PHANDLE, PHYSICAL_ADDRESS, PIO_REMOVE_LOCK, PIRP,
    PKBUGCHECK_CALLBACK_RECORD, PKBUGCHECK_CALLBACK_ROUTINE, PKBUGCHECK_REASON_CALLBACK_RECORD,
    PKBUGCHECK_REASON_CALLBACK_ROUTINE, PLARGE_INTEGER, PMDL, PMESSAGE_INTERRUPT_INFORMATION,
    POBJECT_ATTRIBUTES, POOL_FLAGS, PPHYSICAL_MEMORY_RANGE, PPORT_CONFIGURATION_INFORMATION,
    PPROCESSOR_NUMBER, PSCSI_REQUEST_BLOCK, PSTOR_SCATTER_GATHER_LIST, PSTOR_SYNCHRONIZED_ACCESS,
    PSTR, PUCHAR, PULONG, PUNICODE_STRING, PVOID, SCSI_NOTIFICATION_TYPE, SIZE_T,
    STOR_PHYSICAL_ADDRESS, STORPORT_FUNCTION_CODE, UCHAR, ULONG, ULONG_PTR, USHORT,
};

use super::{Word, record};

/// Most arguments that an inline of storport.h passes behind the selector and the extension (`StorPortEtwChannelEvent8`).
const VARIABLE_ARGUMENTS: usize = 24;

macro_rules! doubles {
    ($(fn $name:ident($($param:ident: $ty:ty),* $(,)?) $(-> $ret:ty)?;)+) => {$(
        // SAFETY: The only definition of this symbol in a test program.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($param: $ty),*) $(-> $ret)? {
            let result = record(stringify!($name), std::vec![$($param.into_word()),*]);
            Word::from_word(result)
        }
    )+};
}

/// Doubles of variadic functions: the fixed parameters, then as many slots as any caller fills.
macro_rules! variadic_doubles {
    ($(fn $name:ident($($param:ident: $ty:ty),+; $($slot:ident)+) $(-> $ret:ty)?;)+) => {$(
        // SAFETY: The only definition of this symbol in a test program.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($param: $ty,)+ $($slot: u64),+) $(-> $ret)? {
            let slots: [u64; VARIABLE_ARGUMENTS] = [$($slot),+];
            let mut arguments: Vec<u64> = std::vec![$($param.into_word()),+];
            arguments.extend(slots);
            let result = record(stringify!($name), arguments);
            Word::from_word(result)
        }
    )+};
}

variadic_doubles! {
    fn StorPortExtendedFunction(FunctionCode: STORPORT_FUNCTION_CODE, HwDeviceExtension: PVOID; v0 v1 v2 v3 v4 v5 v6 v7 v8 v9 v10 v11 v12 v13 v14 v15 v16 v17 v18 v19 v20 v21 v22 v23) -> ULONG;
    fn StorPortNotification(NotificationType: SCSI_NOTIFICATION_TYPE, HwDeviceExtension: PVOID; v0 v1 v2 v3 v4 v5 v6 v7 v8 v9 v10 v11 v12 v13 v14 v15 v16 v17 v18 v19 v20 v21 v22 v23);
    fn StorPortDebugPrint(DebugPrintLevel: ULONG, DebugMessage: PSTR; v0 v1 v2 v3 v4 v5 v6 v7 v8 v9 v10 v11 v12 v13 v14 v15 v16 v17 v18 v19 v20 v21 v22 v23);
    fn DbgPrint(Format: PCSTR; v0 v1 v2 v3 v4 v5 v6 v7 v8 v9 v10 v11 v12 v13 v14 v15 v16 v17 v18 v19 v20 v21 v22 v23) -> ULONG;
    fn DbgPrintEx(ComponentId: ULONG, Level: ULONG, Format: PCSTR; v0 v1 v2 v3 v4 v5 v6 v7 v8 v9 v10 v11 v12 v13 v14 v15 v16 v17 v18 v19 v20 v21 v22 v23) -> ULONG;
}

doubles! {
    fn StorPortGetMessageInterruptInformation(HwDeviceExtension: PVOID, MessageId: ULONG, InterruptInfo: PMESSAGE_INTERRUPT_INFORMATION) -> BOOLEAN;
    fn StorPortInitialize(Argument1: PVOID, Argument2: PVOID, HwInitializationData: *mut _HW_INITIALIZATION_DATA, HwContext: PVOID) -> ULONG;
    fn StorPortFreeDeviceBase(HwDeviceExtension: PVOID, MappedAddress: PVOID);
    fn StorPortGetBusData(DeviceExtension: PVOID, BusDataType: ULONG, SystemIoBusNumber: ULONG, SlotNumber: ULONG, Buffer: PVOID, Length: ULONG) -> ULONG;
    fn StorPortSetBusDataByOffset(DeviceExtension: PVOID, BusDataType: ULONG, SystemIoBusNumber: ULONG, SlotNumber: ULONG, Buffer: PVOID, Offset: ULONG, Length: ULONG) -> ULONG;
    fn StorPortGetDeviceBase(HwDeviceExtension: PVOID, BusType: INTERFACE_TYPE, SystemIoBusNumber: ULONG, IoAddress: STOR_PHYSICAL_ADDRESS, NumberOfBytes: ULONG, InIoSpace: BOOLEAN) -> PVOID;
    fn StorPortGetLogicalUnit(HwDeviceExtension: PVOID, PathId: UCHAR, TargetId: UCHAR, Lun: UCHAR) -> PVOID;
    fn StorPortGetScatterGatherList(HwDeviceExtension: PVOID, Srb: PSCSI_REQUEST_BLOCK) -> PSTOR_SCATTER_GATHER_LIST;
    fn StorPortGetPhysicalAddress(HwDeviceExtension: PVOID, Srb: PSCSI_REQUEST_BLOCK, VirtualAddress: PVOID, Length: *mut ULONG) -> STOR_PHYSICAL_ADDRESS;
    fn StorPortGetVirtualAddress(HwDeviceExtension: PVOID, PhysicalAddress: STOR_PHYSICAL_ADDRESS) -> PVOID;
    fn StorPortGetUncachedExtension(HwDeviceExtension: PVOID, ConfigInfo: PPORT_CONFIGURATION_INFORMATION, NumberOfBytes: ULONG) -> PVOID;
    fn StorPortPauseDevice(HwDeviceExtension: PVOID, PathId: UCHAR, TargetId: UCHAR, Lun: UCHAR, Timeout: ULONG) -> BOOLEAN;
    fn StorPortResumeDevice(HwDeviceExtension: PVOID, PathId: UCHAR, TargetId: UCHAR, Lun: UCHAR) -> BOOLEAN;
    fn StorPortPause(HwDeviceExtension: PVOID, Timeout: ULONG) -> BOOLEAN;
    fn StorPortResume(HwDeviceExtension: PVOID) -> BOOLEAN;
    fn StorPortDeviceBusy(HwDeviceExtension: PVOID, PathId: UCHAR, TargetId: UCHAR, Lun: UCHAR, RequestsToComplete: ULONG) -> BOOLEAN;
    fn StorPortDeviceReady(HwDeviceExtension: PVOID, PathId: UCHAR, TargetId: UCHAR, Lun: UCHAR) -> BOOLEAN;
    fn StorPortBusy(HwDeviceExtension: PVOID, RequestsToComplete: ULONG) -> BOOLEAN;
    fn StorPortReady(HwDeviceExtension: PVOID) -> BOOLEAN;
    fn StorPortSetDeviceQueueDepth(HwDeviceExtension: PVOID, PathId: UCHAR, TargetId: UCHAR, Lun: UCHAR, Depth: ULONG) -> BOOLEAN;
    fn StorPortLogError(HwDeviceExtension: PVOID, Srb: PSCSI_REQUEST_BLOCK, PathId: UCHAR, TargetId: UCHAR, Lun: UCHAR, ErrorCode: ULONG, UniqueId: ULONG);
    fn StorPortCompleteRequest(HwDeviceExtension: PVOID, PathId: UCHAR, TargetId: UCHAR, Lun: UCHAR, SrbStatus: UCHAR);
    fn StorPortStallExecution(Delay: ULONG);
    fn StorPortSynchronizeAccess(HwDeviceExtension: PVOID, SynchronizedAccessRoutine: PSTOR_SYNCHRONIZED_ACCESS, Context: PVOID) -> BOOLEAN;
    fn StorPortConvertUlongToPhysicalAddress(UlongAddress: ULONG_PTR) -> STOR_PHYSICAL_ADDRESS;
    fn StorPortConvertPhysicalAddressToUlong(Address: STOR_PHYSICAL_ADDRESS) -> ULONG;
    fn StorPortQuerySystemTime(CurrentTime: PLARGE_INTEGER);
    fn StorPortAllocateRegistryBuffer(HwDeviceExtension: PVOID, Length: PULONG) -> PUCHAR;
    fn StorPortFreeRegistryBuffer(HwDeviceExtension: PVOID, Buffer: PUCHAR);
    fn StorPortRegistryRead(HwDeviceExtension: PVOID, ValueName: PUCHAR, Global: ULONG, Type: ULONG, Buffer: PUCHAR, BufferLength: PULONG) -> BOOLEAN;
    fn StorPortRegistryWrite(HwDeviceExtension: PVOID, ValueName: PUCHAR, Global: ULONG, Type: ULONG, Buffer: PUCHAR, BufferLength: ULONG) -> BOOLEAN;
    fn StorPortValidateRange(HwDeviceExtension: PVOID, BusType: INTERFACE_TYPE, SystemIoBusNumber: ULONG, IoAddress: STOR_PHYSICAL_ADDRESS, NumberOfBytes: ULONG, InIoSpace: BOOLEAN) -> BOOLEAN;
    fn KeRegisterBugCheckReasonCallback(CallbackRecord: PKBUGCHECK_REASON_CALLBACK_RECORD, CallbackRoutine: PKBUGCHECK_REASON_CALLBACK_ROUTINE, Reason: KBUGCHECK_CALLBACK_REASON, Component: PUCHAR) -> BOOLEAN;
    fn KeDeregisterBugCheckReasonCallback(CallbackRecord: PKBUGCHECK_REASON_CALLBACK_RECORD) -> BOOLEAN;
    fn KeRegisterBugCheckCallback(CallbackRecord: PKBUGCHECK_CALLBACK_RECORD, CallbackRoutine: PKBUGCHECK_CALLBACK_ROUTINE, Buffer: PVOID, Length: ULONG, Component: PUCHAR) -> BOOLEAN;
    fn KeDeregisterBugCheckCallback(CallbackRecord: PKBUGCHECK_CALLBACK_RECORD) -> BOOLEAN;
    fn KeInitializeCrashDumpHeader(DumpType: ULONG, Flags: ULONG, Buffer: PVOID, BufferSize: ULONG, BufferNeeded: PULONG) -> NTSTATUS;
    fn MmGetPhysicalAddress(BaseAddress: PVOID) -> PHYSICAL_ADDRESS;
    fn MmMapIoSpaceEx(PhysicalAddress: PHYSICAL_ADDRESS, NumberOfBytes: SIZE_T, Protect: ULONG) -> PVOID;
    fn MmMapIoSpace(PhysicalAddress: PHYSICAL_ADDRESS, NumberOfBytes: SIZE_T, CacheType: MEMORY_CACHING_TYPE) -> PVOID;
    fn MmUnmapIoSpace(BaseAddress: PVOID, NumberOfBytes: SIZE_T);
    fn MmAllocateContiguousMemorySpecifyCache(NumberOfBytes: SIZE_T, LowestAcceptableAddress: PHYSICAL_ADDRESS, HighestAcceptableAddress: PHYSICAL_ADDRESS, BoundaryAddressMultiple: PHYSICAL_ADDRESS, CacheType: MEMORY_CACHING_TYPE) -> PVOID;
    fn MmFreeContiguousMemory(BaseAddress: PVOID);
    fn MmFreeContiguousMemorySpecifyCache(BaseAddress: PVOID, NumberOfBytes: SIZE_T, CacheType: MEMORY_CACHING_TYPE);
    fn MmAllocateContiguousNodeMemory(NumberOfBytes: SIZE_T, LowestAcceptableAddress: PHYSICAL_ADDRESS, HighestAcceptableAddress: PHYSICAL_ADDRESS, BoundaryAddressMultiple: PHYSICAL_ADDRESS, Protect: ULONG, PreferredNode: NODE_REQUIREMENT) -> PVOID;
    fn ExAllocatePool2(Flags: POOL_FLAGS, NumberOfBytes: SIZE_T, Tag: ULONG) -> PVOID;
    fn ExFreePool(P: PVOID);
    fn ExFreePoolWithTag(P: PVOID, Tag: ULONG);
    fn KeQueryActiveProcessorCountEx(GroupNumber: USHORT) -> ULONG;
    fn KeQueryMaximumProcessorCountEx(GroupNumber: USHORT) -> ULONG;
    fn KeGetCurrentProcessorNumberEx(ProcNumber: PPROCESSOR_NUMBER) -> ULONG;
    fn KeStallExecutionProcessor(MicroSeconds: ULONG);
    fn KeQueryPerformanceCounter(PerformanceFrequency: PLARGE_INTEGER) -> LARGE_INTEGER;
    fn KeGetCurrentIrql() -> KIRQL;
    fn MmBuildMdlForNonPagedPool(MemoryDescriptorList: PMDL);
    fn IoAllocateMdl(VirtualAddress: PVOID, Length: ULONG, SecondaryBuffer: BOOLEAN, ChargeQuota: BOOLEAN, Irp: PIRP) -> PMDL;
    fn IoFreeMdl(Mdl: PMDL);
    fn MmGetPhysicalMemoryRanges() -> PPHYSICAL_MEMORY_RANGE;
    fn RtlInitUnicodeString(DestinationString: PUNICODE_STRING, SourceString: PCWSTR);
    fn RtlCopyUnicodeString(DestinationString: PUNICODE_STRING, SourceString: PCUNICODE_STRING);
    fn KeQuerySystemTimePrecise(CurrentTime: PLARGE_INTEGER);
    fn IoRegisterShutdownNotification(DeviceObject: PDEVICE_OBJECT) -> NTSTATUS;
    fn KeFlushIoBuffers(Mdl: PMDL, ReadOperation: BOOLEAN, DmaOperation: BOOLEAN);
    fn MmMapLockedPagesSpecifyCache(MemoryDescriptorList: PMDL, AccessMode: KPROCESSOR_MODE, CacheType: MEMORY_CACHING_TYPE, RequestedAddress: PVOID, BugCheckOnFailure: ULONG, Priority: ULONG) -> PVOID;
    fn PoSetHiberRange(MemoryMap: PVOID, Flags: ULONG, Address: PVOID, Length: ULONG_PTR, Tag: ULONG);
    fn IoCreateDevice(DriverObject: PDRIVER_OBJECT, DeviceExtensionSize: ULONG, DeviceName: PUNICODE_STRING, DeviceType: ULONG, DeviceCharacteristics: ULONG, Exclusive: BOOLEAN, DeviceObject: *mut PDEVICE_OBJECT) -> NTSTATUS;
    fn IoDeleteDevice(DeviceObject: PDEVICE_OBJECT);
    fn IoAttachDeviceToDeviceStack(SourceDevice: PDEVICE_OBJECT, TargetDevice: PDEVICE_OBJECT) -> PDEVICE_OBJECT;
    fn IoDetachDevice(TargetDevice: PDEVICE_OBJECT);
    fn IofCallDriver(DeviceObject: PDEVICE_OBJECT, Irp: PIRP) -> NTSTATUS;
    fn IofCompleteRequest(Irp: PIRP, PriorityBoost: CCHAR);
    fn IoForwardIrpSynchronously(DeviceObject: PDEVICE_OBJECT, Irp: PIRP) -> BOOLEAN;
    fn IoInitializeRemoveLockEx(Lock: PIO_REMOVE_LOCK, AllocateTag: ULONG, MaxLockedMinutes: ULONG, HighWatermark: ULONG, RemlockSize: ULONG);
    fn IoAcquireRemoveLockEx(RemoveLock: PIO_REMOVE_LOCK, Tag: PVOID, File: PCSTR, Line: ULONG, RemlockSize: ULONG) -> NTSTATUS;
    fn IoReleaseRemoveLockEx(RemoveLock: PIO_REMOVE_LOCK, Tag: PVOID, RemlockSize: ULONG);
    fn IoReleaseRemoveLockAndWaitEx(RemoveLock: PIO_REMOVE_LOCK, Tag: PVOID, RemlockSize: ULONG);
    fn MmGetSystemRoutineAddress(SystemRoutineName: PUNICODE_STRING) -> PVOID;
    fn ZwOpenKey(KeyHandle: PHANDLE, DesiredAccess: ACCESS_MASK, ObjectAttributes: POBJECT_ATTRIBUTES) -> NTSTATUS;
    fn ZwQueryValueKey(KeyHandle: HANDLE, ValueName: PUNICODE_STRING, KeyValueInformationClass: KEY_VALUE_INFORMATION_CLASS, KeyValueInformation: PVOID, Length: ULONG, ResultLength: PULONG) -> NTSTATUS;
    fn ZwClose(Handle: HANDLE) -> NTSTATUS;
    fn BCryptGenRandom(hAlgorithm: PVOID, pbBuffer: PUCHAR, cbBuffer: ULONG, dwFlags: ULONG) -> NTSTATUS;
}

/// Never returns, as in the kernel: it says so and ends the test program, since nothing may unwind through a C call.
///
/// # Safety
///
/// None needed; the signature is the kernel's.
#[unsafe(no_mangle)]
unsafe extern "C" fn KeBugCheckEx(
    BugCheckCode: ULONG,
    first: ULONG_PTR,
    second: ULONG_PTR,
    third: ULONG_PTR,
    fourth: ULONG_PTR,
) -> ! {
    std::eprintln!(
        "bug check {BugCheckCode:#x} ({first:#x}, {second:#x}, {third:#x}, {fourth:#x})"
    );
    process::abort()
}
