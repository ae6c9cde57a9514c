//! Deferred work: passive initialisation, DPCs, locks, timers, workers, threads, events and clocks.
//!
//! Rows of the tables in [`super`]: `fn name(parameters) = selector;`. Source: WDK 10.0.22621 `storport.h`.

use core::ffi::c_int;

use wdk_sys::{
    BOOLEAN, LONGLONG, PHW_DPC_ROUTINE, PHW_PASSIVE_INITIALIZE_ROUTINE, PHW_TIMER_EX, PHW_WORKITEM,
    PKIRQL, PLARGE_INTEGER, PMESSAGE_INTERRUPT_INFORMATION, PSTOR_DPC, PSTOR_LOCK_HANDLE,
    PSTOR_THREAD_START_ROUTINE, PULONG, PVOID, STOR_SPINLOCK, ULONG, ULONGLONG,
};

use super::{extended, notification, notification_with_status};

extended! {
    fn StorPortAcquireMSISpinLock(
        HwDeviceExtension: PVOID, MessageId: ULONG, OldIrql: PULONG
    ) = ExtFunctionAcquireMSISpinLock;
    fn StorPortReleaseMSISpinLock(
        HwDeviceExtension: PVOID, MessageId: ULONG, OldIrql: ULONG
    ) = ExtFunctionReleaseMSISpinLock;
    fn StorPortGetMSIInfo(
        HwDeviceExtension: PVOID, MessageId: ULONG, InterruptInfo: PMESSAGE_INTERRUPT_INFORMATION
    ) = ExtFunctionGetMessageInterruptInformation;
    fn StorPortQueryPerformanceCounter(
        HwDeviceExtension: PVOID, PerformanceFrequency: PLARGE_INTEGER, PerformanceCounter: PLARGE_INTEGER
    ) = ExtFunctionQueryPerformanceCounter;
    fn StorPortInitializeWorker(HwDeviceExtension: PVOID, Worker: *mut PVOID) = ExtFunctionInitializeWorker;
    fn StorPortQueueWorkItem(
        HwDeviceExtension: PVOID, WorkItemCallback: PHW_WORKITEM, Worker: PVOID, Context: PVOID
    ) = ExtFunctionQueueWorkItem;
    fn StorPortFreeWorker(HwDeviceExtension: PVOID, Worker: PVOID) = ExtFunctionFreeWorker;
    fn StorPortInitializeTimer(HwDeviceExtension: PVOID, TimerHandle: *mut PVOID) = ExtFunctionInitializeTimer;
    fn StorPortRequestTimer(
        HwDeviceExtension: PVOID, TimerHandle: PVOID, TimerCallback: PHW_TIMER_EX, CallbackContext: PVOID,
        TimerValue: ULONGLONG, TolerableDelay: ULONGLONG
    ) = ExtFunctionRequestTimer;
    fn StorPortFreeTimer(HwDeviceExtension: PVOID, TimerHandle: PVOID) = ExtFunctionFreeTimer;
    fn StorPortInitializeHighResolutionTimer(
        HwDeviceExtension: PVOID, Callback: PHW_TIMER_EX, Context: PVOID, TimerHandle: *mut PVOID
    ) = ExtFunctionInitializeHighResolutionTimer;
    fn StorPortRequestHighResolutionTimer(
        HwDeviceExtension: PVOID, TimerHandle: PVOID, DueTime: LONGLONG, Period: LONGLONG, Parameters: PVOID,
        ReturnValue: *mut BOOLEAN
    ) = ExtFunctionRequestHighResolutionTimer;
    fn StorPortCancelHighResolutionTimer(
        HwDeviceExtension: PVOID, TimerHandle: PVOID, Parameters: PVOID, ReturnValue: *mut BOOLEAN
    ) = ExtFunctionCancelHighResolutionTimer;
    fn StorPortFreeHighResolutionTimer(
        HwDeviceExtension: PVOID, TimerHandle: PVOID, Cancel: BOOLEAN, Wait: BOOLEAN, Parameters: PVOID,
        ReturnValue: *mut BOOLEAN
    ) = ExtFunctionFreeHighResolutionTimer;
    fn StorPortAcquireSpinLockEx(
        HwDeviceExtension: PVOID, SpinLock: STOR_SPINLOCK, LockContext: PVOID, LockHandle: PSTOR_LOCK_HANDLE
    ) = ExtFunctionAcquireSpinLock;
    fn StorPortCancelDpc(HwDeviceExtension: PVOID, Dpc: PSTOR_DPC, ReturnValue: *mut BOOLEAN) = ExtFunctionCancelDpc;
    fn StorPortDelayExecution(HwDeviceExtension: PVOID, DelayInMicroseconds: ULONG) = ExtFunctionDelayExecution;
    fn StorPortInitializeEvent(
        HwDeviceExtension: PVOID, Event: PVOID, Type: c_int, State: BOOLEAN
    ) = ExtFunctionInitializeEvent;
    fn StorPortWaitForSingleObject(
        HwDeviceExtension: PVOID, Object: PVOID, Alertable: BOOLEAN, Timeout: PLARGE_INTEGER
    ) = ExtFunctionWaitForEvent;
    fn StorPortSetEvent(HwDeviceExtension: PVOID, Event: PVOID) = ExtFunctionSetEvent;
    fn StorPortQueryDpcWatchdogInformation(
        HwDeviceExtension: PVOID, DpcWatchdogInformation: PVOID
    ) = ExtFunctionQueryDpcWatchdogInformation;
    fn StorPortQueryTimerMinInterval(
        HwDeviceExtension: PVOID, TimerMinInterval: PULONG
    ) = ExtFunctionQueryTimerMinInterval;
    fn StorPortMaskMsixInterrupt(
        HwDeviceExtension: PVOID, MessageId: ULONG, Mask: BOOLEAN
    ) = ExtFunctionMaskPciMsixEntry;
    fn StorPortGetCurrentIrql(HwDeviceExtension: PVOID, Irql: PKIRQL) = ExtFunctionGetCurrentIrql;
    fn StorPortCreateSystemThread(
        HwDeviceExtension: PVOID, StartRoutine: PSTOR_THREAD_START_ROUTINE, StartContext: PVOID,
        Priority: PVOID, ThreadContext: *mut PVOID
    ) = ExtFunctionCreateSystemThread;
    fn StorPortSetPriorityThread(
        HwDeviceExtension: PVOID, ThreadContext: PVOID, Priority: c_int
    ) = ExtFunctionSetPriorityThread;
    fn StorPortSetSystemGroupAffinityThread(
        HwDeviceExtension: PVOID, ThreadContext: PVOID, Affinity: PVOID, PreviousAffinity: PVOID
    ) = ExtFunctionSetSystemGroupAffinityThread;
    fn StorPortRevertToUserGroupAffinityThread(
        HwDeviceExtension: PVOID, ThreadContext: PVOID, PreviousAffinity: PVOID
    ) = ExtFunctionRevertToUserGroupAffinityThread;
}

notification! {
    fn StorPortAcquireSpinLock(
        DeviceExtension: PVOID, SpinLock: STOR_SPINLOCK, LockContext: PVOID, LockHandle: PSTOR_LOCK_HANDLE
    ) = AcquireSpinLock;
    fn StorPortReleaseSpinLock(DeviceExtension: PVOID, LockHandle: PSTOR_LOCK_HANDLE) = ReleaseSpinLock;
    fn StorPortInitializeDpc(DeviceExtension: PVOID, Dpc: PSTOR_DPC, HwDpcRoutine: PHW_DPC_ROUTINE) = InitializeDpc;
    fn StorPortInitializeDpcWithContext(
        DeviceExtension: PVOID, Dpc: PSTOR_DPC, HwDpcRoutine: PHW_DPC_ROUTINE, Context: PVOID,
        Importance: ULONG
    ) = InitializeDpcWithContext;
    fn StorPortInitializeThreadedDpc(
        DeviceExtension: PVOID, Dpc: PSTOR_DPC, HwDpcRoutine: PHW_DPC_ROUTINE, Context: PVOID,
        Importance: BOOLEAN
    ) = InitializeThreadedDpc;
    fn StorPortTerminateSystemThread(HwDeviceExtension: PVOID, ThreadContext: PVOID) = TerminateSystemThread;
}

notification_with_status! {
    fn StorPortEnablePassiveInitialization(
        DeviceExtension: PVOID, HwPassiveInitializeRoutine: PHW_PASSIVE_INITIALIZE_ROUTINE
    ) -> BOOLEAN = EnablePassiveInitialization;
    fn StorPortIssueDpc(
        DeviceExtension: PVOID, Dpc: PSTOR_DPC, SystemArgument1: PVOID, SystemArgument2: PVOID
    ) -> BOOLEAN = IssueDpc;
}
