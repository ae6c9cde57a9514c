//! The compiled types of functions and callbacks, held by coercion to the signatures of the headers.

use wdk_sys::{
    _HW_INITIALIZATION_DATA, _KBUGCHECK_REASON_CALLBACK_RECORD, _KINTERRUPT, ACCESS_MASK, BOOLEAN,
    CCHAR, DUMP_DEVICE_POWERON_ROUTINE, DUMP_FINISH, DUMP_READ, DUMP_START, DUMP_UNLOAD,
    DUMP_WRITE, HANDLE, HW_ADAPTER_CONTROL, HW_ADAPTER_STATE, HW_BUILDIO, HW_CLEANUP_TRACING,
    HW_COMPLETE_SERVICE_IRP, HW_DMA_STARTED, HW_DPC_ROUTINE, HW_FIND_ADAPTER,
    HW_FREE_ADAPTER_RESOURCES, HW_INITIALIZE, HW_INITIALIZE_TRACING, HW_INTERRUPT,
    HW_MESSAGE_SIGNALED_INTERRUPT_ROUTINE, HW_PASSIVE_INITIALIZE_ROUTINE,
    HW_PROCESS_SERVICE_REQUEST, HW_REGISTRY_NOTIFICATION_ROUTINE, HW_RESET_BUS, HW_STARTIO,
    HW_STATE_CHANGE, HW_TIMER, HW_TIMER_EX, HW_TRACING_ENABLED, HW_UNIT_CONTROL, HW_WORKITEM,
    INTERFACE_TYPE, KBUGCHECK_CALLBACK_REASON, KBUGCHECK_CALLBACK_ROUTINE,
    KBUGCHECK_REASON_CALLBACK_ROUTINE, KEY_VALUE_INFORMATION_CLASS, KIRQL,
    KMESSAGE_SERVICE_ROUTINE, KPROCESSOR_MODE, LARGE_INTEGER, LONG, MEMORY_CACHING_TYPE,
    NODE_REQUIREMENT, NTSTATUS, PBOOLEAN, PCHAR, PCSTR, PCUNICODE_STRING, PCWSTR, PDEVICE_OBJECT,
    PDRIVER_OBJECT, PFILTER_EXTENSION, PHANDLE, PHYSICAL_ADDRESS, PIO_REMOVE_LOCK, PIRP,
    PKBUGCHECK_CALLBACK_RECORD, PKBUGCHECK_CALLBACK_ROUTINE, PKBUGCHECK_REASON_CALLBACK_RECORD,
    PKBUGCHECK_REASON_CALLBACK_ROUTINE, PLARGE_INTEGER, PMDL, PMESSAGE_INTERRUPT_INFORMATION,
    POBJECT_ATTRIBUTES, POOL_FLAGS, PPHYSICAL_MEMORY_RANGE, PPORT_CONFIGURATION_INFORMATION,
    PPROCESSOR_NUMBER, PSCSI_REQUEST_BLOCK, PSTOR_DPC, PSTOR_SCATTER_GATHER_LIST,
    PSTOR_SYNCHRONIZED_ACCESS, PSTR, PUCHAR, PULONG, PUNICODE_STRING, PVOID,
    SCSI_ADAPTER_CONTROL_STATUS, SCSI_ADAPTER_CONTROL_TYPE, SCSI_NOTIFICATION_TYPE,
    SCSI_UNIT_CONTROL_STATUS, SCSI_UNIT_CONTROL_TYPE, SHORT, SIZE_T, STOR_EXT_DELETE_CALLBACK,
    STOR_PHYSICAL_ADDRESS, STOR_SYNCHRONIZED_ACCESS, STOR_THREAD_START_ROUTINE,
    STORPORT_FUNCTION_CODE, UCHAR, ULONG, ULONG_PTR, USHORT, ntddk, storage,
};

const _: unsafe extern "C" fn(PDEVICE_OBJECT, PDEVICE_OBJECT) -> PDEVICE_OBJECT =
    ntddk::IoAttachDeviceToDeviceStack;
const _: unsafe extern "C" fn(PDEVICE_OBJECT) = ntddk::IoDetachDevice;
const _: unsafe extern "C" fn(PDEVICE_OBJECT, PIRP) -> NTSTATUS = ntddk::IofCallDriver;
const _: unsafe extern "C" fn(PIRP, CCHAR) = ntddk::IofCompleteRequest;
const _: unsafe extern "C" fn(PDEVICE_OBJECT, PIRP) -> BOOLEAN = ntddk::IoForwardIrpSynchronously;
const _: unsafe extern "C" fn(PIO_REMOVE_LOCK, ULONG, ULONG, ULONG, ULONG) =
    ntddk::IoInitializeRemoveLockEx;
const _: unsafe extern "C" fn(PIO_REMOVE_LOCK, PVOID, PCSTR, ULONG, ULONG) -> NTSTATUS =
    ntddk::IoAcquireRemoveLockEx;
const _: unsafe extern "C" fn(PIO_REMOVE_LOCK, PVOID, ULONG) = ntddk::IoReleaseRemoveLockEx;
const _: unsafe extern "C" fn(PIO_REMOVE_LOCK, PVOID, ULONG) = ntddk::IoReleaseRemoveLockAndWaitEx;
const _: unsafe extern "C" fn(PUNICODE_STRING) -> PVOID = ntddk::MmGetSystemRoutineAddress;
const _: unsafe extern "C" fn(PHANDLE, ACCESS_MASK, POBJECT_ATTRIBUTES) -> NTSTATUS =
    ntddk::ZwOpenKey;
const _: unsafe extern "C" fn(
    HANDLE,
    PUNICODE_STRING,
    KEY_VALUE_INFORMATION_CLASS,
    PVOID,
    ULONG,
    PULONG,
) -> NTSTATUS = ntddk::ZwQueryValueKey;
const _: unsafe extern "C" fn(HANDLE) -> NTSTATUS = ntddk::ZwClose;
const _: unsafe extern "C" fn(PVOID, ULONG, PMESSAGE_INTERRUPT_INFORMATION) -> BOOLEAN =
    storage::StorPortGetMessageInterruptInformation;
const _: unsafe extern "C" fn(PVOID, PVOID, *mut _HW_INITIALIZATION_DATA, PVOID) -> ULONG =
    storage::StorPortInitialize;
const _: unsafe extern "C" fn(PVOID, PVOID) = storage::StorPortFreeDeviceBase;
const _: unsafe extern "C" fn(PVOID, ULONG, ULONG, ULONG, PVOID, ULONG) -> ULONG =
    storage::StorPortGetBusData;
const _: unsafe extern "C" fn(PVOID, ULONG, ULONG, ULONG, PVOID, ULONG, ULONG) -> ULONG =
    storage::StorPortSetBusDataByOffset;
const _: unsafe extern "C" fn(
    PVOID,
    INTERFACE_TYPE,
    ULONG,
    STOR_PHYSICAL_ADDRESS,
    ULONG,
    BOOLEAN,
) -> PVOID = storage::StorPortGetDeviceBase;
const _: unsafe extern "C" fn(PVOID, UCHAR, UCHAR, UCHAR) -> PVOID =
    storage::StorPortGetLogicalUnit;
const _: unsafe extern "C" fn(PVOID, PSCSI_REQUEST_BLOCK) -> PSTOR_SCATTER_GATHER_LIST =
    storage::StorPortGetScatterGatherList;
const _: unsafe extern "C" fn(
    PVOID,
    PSCSI_REQUEST_BLOCK,
    PVOID,
    *mut ULONG,
) -> STOR_PHYSICAL_ADDRESS = storage::StorPortGetPhysicalAddress;
const _: unsafe extern "C" fn(PVOID, STOR_PHYSICAL_ADDRESS) -> PVOID =
    storage::StorPortGetVirtualAddress;
const _: unsafe extern "C" fn(PVOID, PPORT_CONFIGURATION_INFORMATION, ULONG) -> PVOID =
    storage::StorPortGetUncachedExtension;
const _: unsafe extern "C" fn(PVOID, UCHAR, UCHAR, UCHAR, ULONG) -> BOOLEAN =
    storage::StorPortPauseDevice;
const _: unsafe extern "C" fn(PVOID, UCHAR, UCHAR, UCHAR) -> BOOLEAN =
    storage::StorPortResumeDevice;
const _: unsafe extern "C" fn(PVOID, ULONG) -> BOOLEAN = storage::StorPortPause;
const _: unsafe extern "C" fn(PVOID) -> BOOLEAN = storage::StorPortResume;
const _: unsafe extern "C" fn(PVOID, UCHAR, UCHAR, UCHAR, ULONG) -> BOOLEAN =
    storage::StorPortDeviceBusy;
const _: unsafe extern "C" fn(PVOID, UCHAR, UCHAR, UCHAR) -> BOOLEAN = storage::StorPortDeviceReady;
const _: unsafe extern "C" fn(PVOID, ULONG) -> BOOLEAN = storage::StorPortBusy;
const _: unsafe extern "C" fn(PVOID) -> BOOLEAN = storage::StorPortReady;
const _: unsafe extern "C" fn(PVOID, UCHAR, UCHAR, UCHAR, ULONG) -> BOOLEAN =
    storage::StorPortSetDeviceQueueDepth;
const _: unsafe extern "C" fn(SCSI_NOTIFICATION_TYPE, PVOID, ...) = storage::StorPortNotification;
const _: unsafe extern "C" fn(PVOID, PSCSI_REQUEST_BLOCK, UCHAR, UCHAR, UCHAR, ULONG, ULONG) =
    storage::StorPortLogError;
const _: unsafe extern "C" fn(PVOID, UCHAR, UCHAR, UCHAR, UCHAR) = storage::StorPortCompleteRequest;
const _: unsafe extern "C" fn(ULONG) = storage::StorPortStallExecution;
const _: unsafe extern "C" fn(PVOID, PSTOR_SYNCHRONIZED_ACCESS, PVOID) -> BOOLEAN =
    storage::StorPortSynchronizeAccess;
const _: unsafe extern "C" fn(ULONG_PTR) -> STOR_PHYSICAL_ADDRESS =
    storage::StorPortConvertUlongToPhysicalAddress;
const _: unsafe extern "C" fn(STOR_PHYSICAL_ADDRESS) -> ULONG =
    storage::StorPortConvertPhysicalAddressToUlong;
const _: unsafe extern "C" fn(PLARGE_INTEGER) = storage::StorPortQuerySystemTime;
const _: unsafe extern "C" fn(PVOID, PULONG) -> PUCHAR = storage::StorPortAllocateRegistryBuffer;
const _: unsafe extern "C" fn(PVOID, PUCHAR) = storage::StorPortFreeRegistryBuffer;
const _: unsafe extern "C" fn(PVOID, PUCHAR, ULONG, ULONG, PUCHAR, PULONG) -> BOOLEAN =
    storage::StorPortRegistryRead;
const _: unsafe extern "C" fn(PVOID, PUCHAR, ULONG, ULONG, PUCHAR, ULONG) -> BOOLEAN =
    storage::StorPortRegistryWrite;
const _: unsafe extern "C" fn(
    PVOID,
    INTERFACE_TYPE,
    ULONG,
    STOR_PHYSICAL_ADDRESS,
    ULONG,
    BOOLEAN,
) -> BOOLEAN = storage::StorPortValidateRange;
const _: unsafe extern "C" fn(ULONG, PSTR, ...) = storage::StorPortDebugPrint;
const _: unsafe extern "C" fn(STORPORT_FUNCTION_CODE, PVOID, ...) -> ULONG =
    storage::StorPortExtendedFunction;

const _: unsafe extern "C" fn(PCSTR, ...) -> ULONG = ntddk::DbgPrint;
const _: unsafe extern "C" fn(ULONG, ULONG, PCSTR, ...) -> ULONG = ntddk::DbgPrintEx;
const _: unsafe extern "C" fn(ULONG, ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR) -> ! =
    ntddk::KeBugCheckEx;
const _: unsafe extern "C" fn(
    PKBUGCHECK_REASON_CALLBACK_RECORD,
    PKBUGCHECK_REASON_CALLBACK_ROUTINE,
    KBUGCHECK_CALLBACK_REASON,
    PUCHAR,
) -> BOOLEAN = ntddk::KeRegisterBugCheckReasonCallback;
const _: unsafe extern "C" fn(PKBUGCHECK_REASON_CALLBACK_RECORD) -> BOOLEAN =
    ntddk::KeDeregisterBugCheckReasonCallback;
const _: unsafe extern "C" fn(
    PKBUGCHECK_CALLBACK_RECORD,
    PKBUGCHECK_CALLBACK_ROUTINE,
    PVOID,
    ULONG,
    PUCHAR,
) -> BOOLEAN = ntddk::KeRegisterBugCheckCallback;
const _: unsafe extern "C" fn(PKBUGCHECK_CALLBACK_RECORD) -> BOOLEAN =
    ntddk::KeDeregisterBugCheckCallback;
const _: unsafe extern "C" fn(ULONG, ULONG, PVOID, ULONG, PULONG) -> NTSTATUS =
    ntddk::KeInitializeCrashDumpHeader;
const _: unsafe extern "C" fn(PVOID) -> PHYSICAL_ADDRESS = ntddk::MmGetPhysicalAddress;
const _: unsafe extern "C" fn(PHYSICAL_ADDRESS, SIZE_T, ULONG) -> PVOID = ntddk::MmMapIoSpaceEx;
const _: unsafe extern "C" fn(PHYSICAL_ADDRESS, SIZE_T, MEMORY_CACHING_TYPE) -> PVOID =
    ntddk::MmMapIoSpace;
const _: unsafe extern "C" fn(PVOID, SIZE_T) = ntddk::MmUnmapIoSpace;
const _: unsafe extern "C" fn(
    SIZE_T,
    PHYSICAL_ADDRESS,
    PHYSICAL_ADDRESS,
    PHYSICAL_ADDRESS,
    MEMORY_CACHING_TYPE,
) -> PVOID = ntddk::MmAllocateContiguousMemorySpecifyCache;
const _: unsafe extern "C" fn(PVOID) = ntddk::MmFreeContiguousMemory;
const _: unsafe extern "C" fn(PVOID, SIZE_T, MEMORY_CACHING_TYPE) =
    ntddk::MmFreeContiguousMemorySpecifyCache;
const _: unsafe extern "C" fn(
    SIZE_T,
    PHYSICAL_ADDRESS,
    PHYSICAL_ADDRESS,
    PHYSICAL_ADDRESS,
    ULONG,
    NODE_REQUIREMENT,
) -> PVOID = ntddk::MmAllocateContiguousNodeMemory;
const _: unsafe extern "C" fn(POOL_FLAGS, SIZE_T, ULONG) -> PVOID = ntddk::ExAllocatePool2;
const _: unsafe extern "C" fn(PVOID) = ntddk::ExFreePool;
const _: unsafe extern "C" fn(PVOID, ULONG) = ntddk::ExFreePoolWithTag;
const _: unsafe extern "C" fn(USHORT) -> ULONG = ntddk::KeQueryActiveProcessorCountEx;
const _: unsafe extern "C" fn(USHORT) -> ULONG = ntddk::KeQueryMaximumProcessorCountEx;
const _: unsafe extern "C" fn(PPROCESSOR_NUMBER) -> ULONG = ntddk::KeGetCurrentProcessorNumberEx;
const _: unsafe extern "C" fn(ULONG) = ntddk::KeStallExecutionProcessor;
const _: unsafe extern "C" fn(PLARGE_INTEGER) -> LARGE_INTEGER = ntddk::KeQueryPerformanceCounter;
const _: unsafe extern "C" fn() -> KIRQL = ntddk::KeGetCurrentIrql;
const _: unsafe extern "C" fn(PMDL) = ntddk::MmBuildMdlForNonPagedPool;
const _: unsafe extern "C" fn(PVOID, ULONG, BOOLEAN, BOOLEAN, PIRP) -> PMDL = ntddk::IoAllocateMdl;
const _: unsafe extern "C" fn(PMDL) = ntddk::IoFreeMdl;
const _: unsafe extern "C" fn() -> PPHYSICAL_MEMORY_RANGE = ntddk::MmGetPhysicalMemoryRanges;
const _: unsafe extern "C" fn(PUNICODE_STRING, PCWSTR) = ntddk::RtlInitUnicodeString;
const _: unsafe extern "C" fn(PUNICODE_STRING, PCUNICODE_STRING) = ntddk::RtlCopyUnicodeString;
const _: unsafe extern "C" fn(PLARGE_INTEGER) = ntddk::KeQuerySystemTimePrecise;
const _: unsafe extern "C" fn(PDEVICE_OBJECT) -> NTSTATUS = ntddk::IoRegisterShutdownNotification;
const _: unsafe extern "C" fn(PMDL, BOOLEAN, BOOLEAN) = ntddk::KeFlushIoBuffers;
const _: unsafe extern "C" fn(
    PMDL,
    KPROCESSOR_MODE,
    MEMORY_CACHING_TYPE,
    PVOID,
    ULONG,
    ULONG,
) -> PVOID = ntddk::MmMapLockedPagesSpecifyCache;
const _: unsafe extern "C" fn(PVOID, ULONG, PVOID, ULONG_PTR, ULONG) = ntddk::PoSetHiberRange;
const _: unsafe extern "C" fn(
    PDRIVER_OBJECT,
    ULONG,
    PUNICODE_STRING,
    ULONG,
    ULONG,
    BOOLEAN,
    *mut PDEVICE_OBJECT,
) -> NTSTATUS = ntddk::IoCreateDevice;
const _: unsafe extern "C" fn(PDEVICE_OBJECT) = ntddk::IoDeleteDevice;

/// Holds a callback type to be an optional pointer to a function of the given type.
macro_rules! callbacks {
    ($($name:ident: $ty:ty;)+) => {$(
        const _: fn($ty) -> $name = |function| Some(function);
    )+};
}

callbacks! {
    KMESSAGE_SERVICE_ROUTINE: unsafe extern "C" fn(*mut _KINTERRUPT, PVOID, ULONG) -> BOOLEAN;
    KBUGCHECK_CALLBACK_ROUTINE: unsafe extern "C" fn(PVOID, ULONG);
    KBUGCHECK_REASON_CALLBACK_ROUTINE: unsafe extern "C" fn(KBUGCHECK_CALLBACK_REASON, *mut _KBUGCHECK_REASON_CALLBACK_RECORD, PVOID, ULONG);
    DUMP_DEVICE_POWERON_ROUTINE: unsafe extern "C" fn(PVOID) -> LONG;
    DUMP_START: unsafe extern "C" fn(PFILTER_EXTENSION) -> NTSTATUS;
    DUMP_WRITE: unsafe extern "C" fn(PFILTER_EXTENSION, PLARGE_INTEGER, PMDL) -> NTSTATUS;
    DUMP_FINISH: unsafe extern "C" fn(PFILTER_EXTENSION) -> NTSTATUS;
    DUMP_UNLOAD: unsafe extern "C" fn(PFILTER_EXTENSION) -> NTSTATUS;
    DUMP_READ: unsafe extern "C" fn(PFILTER_EXTENSION, PLARGE_INTEGER, PMDL) -> NTSTATUS;
    HW_MESSAGE_SIGNALED_INTERRUPT_ROUTINE: unsafe extern "C" fn(PVOID, ULONG) -> BOOLEAN;
    STOR_EXT_DELETE_CALLBACK: unsafe extern "C" fn(PVOID);
    HW_INITIALIZE: unsafe extern "C" fn(PVOID) -> BOOLEAN;
    HW_BUILDIO: unsafe extern "C" fn(PVOID, PSCSI_REQUEST_BLOCK) -> BOOLEAN;
    HW_STARTIO: unsafe extern "C" fn(PVOID, PSCSI_REQUEST_BLOCK) -> BOOLEAN;
    HW_INTERRUPT: unsafe extern "C" fn(PVOID) -> BOOLEAN;
    HW_TIMER: unsafe extern "C" fn(PVOID);
    HW_TIMER_EX: unsafe extern "C" fn(PVOID, PVOID);
    HW_DMA_STARTED: unsafe extern "C" fn(PVOID);
    HW_FIND_ADAPTER: unsafe extern "C" fn(PVOID, PVOID, PVOID, PCHAR, PPORT_CONFIGURATION_INFORMATION, PBOOLEAN) -> ULONG;
    HW_RESET_BUS: unsafe extern "C" fn(PVOID, ULONG) -> BOOLEAN;
    HW_ADAPTER_STATE: unsafe extern "C" fn(PVOID, PVOID, BOOLEAN) -> BOOLEAN;
    HW_ADAPTER_CONTROL: unsafe extern "C" fn(PVOID, SCSI_ADAPTER_CONTROL_TYPE, PVOID) -> SCSI_ADAPTER_CONTROL_STATUS;
    HW_PASSIVE_INITIALIZE_ROUTINE: unsafe extern "C" fn(PVOID) -> BOOLEAN;
    HW_DPC_ROUTINE: unsafe extern "C" fn(PSTOR_DPC, PVOID, PVOID, PVOID);
    HW_REGISTRY_NOTIFICATION_ROUTINE: unsafe extern "C" fn(PVOID);
    HW_WORKITEM: unsafe extern "C" fn(PVOID, PVOID, PVOID);
    HW_STATE_CHANGE: unsafe extern "C" fn(PVOID, PVOID, SHORT, PVOID, ULONG);
    HW_TRACING_ENABLED: unsafe extern "C" fn(PVOID, BOOLEAN);
    HW_UNIT_CONTROL: unsafe extern "C" fn(PVOID, SCSI_UNIT_CONTROL_TYPE, PVOID) -> SCSI_UNIT_CONTROL_STATUS;
    STOR_THREAD_START_ROUTINE: unsafe extern "C" fn(PVOID);
    HW_FREE_ADAPTER_RESOURCES: unsafe extern "C" fn(PVOID);
    HW_PROCESS_SERVICE_REQUEST: unsafe extern "C" fn(PVOID, PVOID);
    HW_COMPLETE_SERVICE_IRP: unsafe extern "C" fn(PVOID);
    HW_INITIALIZE_TRACING: unsafe extern "C" fn(PVOID, PVOID);
    HW_CLEANUP_TRACING: unsafe extern "C" fn(PVOID);
    STOR_SYNCHRONIZED_ACCESS: unsafe extern "C" fn(PVOID, PVOID) -> BOOLEAN;
}
