//! Power settings, ACPI, run-time power management and hardware resets.
//!
//! Rows of the tables in [`super`]: `fn name(parameters) = selector;`. Source: WDK 10.0.22621 `storport.h`.

use core::ffi::c_int;

use wdk_sys::{
    LPCGUID, LPGUID, PBOOLEAN, PSCSI_REQUEST_BLOCK, PSIZE_T, PSTOR_ADDRESS, PULONG, PVOID, SIZE_T,
    ULONG, ULONGLONG,
};

use super::extended;

extended! {
    fn StorPortSetPowerSettingNotificationGuids(
        HwDeviceExtension: PVOID, GuidCount: ULONG, Guid: LPGUID
    ) = ExtFunctionSetPowerSettingNotificationGuids;
    fn StorPortInvokeAcpiMethod(
        HwDeviceExtension: PVOID, Address: PSTOR_ADDRESS, MethodName: ULONG, InputBuffer: PVOID,
        InputBufferLength: ULONG, OutputBuffer: PVOID, OutputBufferLength: ULONG, BytesReturned: PULONG
    ) = ExtFunctionInvokeAcpiMethod;
    fn StorPortInitializePoFxPower(
        HwDeviceExtension: PVOID, Address: PSTOR_ADDRESS, Device: PVOID, D3ColdEnabled: PBOOLEAN
    ) = ExtFunctionInitializePoFxPower;
    fn StorPortPoFxActivateComponent(
        HwDeviceExtension: PVOID, Address: PSTOR_ADDRESS, Srb: PSCSI_REQUEST_BLOCK, Component: ULONG,
        Flags: ULONG
    ) = ExtFunctionPoFxActivateComponent;
    fn StorPortPoFxIdleComponent(
        HwDeviceExtension: PVOID, Address: PSTOR_ADDRESS, Srb: PSCSI_REQUEST_BLOCK, Component: ULONG,
        Flags: ULONG
    ) = ExtFunctionPoFxIdleComponent;
    fn StorPortPoFxSetComponentLatency(
        HwDeviceExtension: PVOID, Address: PSTOR_ADDRESS, Component: ULONG, Latency: ULONGLONG
    ) = ExtFunctionPoFxSetComponentLatency;
    fn StorPortPoFxSetComponentResidency(
        HwDeviceExtension: PVOID, Address: PSTOR_ADDRESS, Component: ULONG, Residency: ULONGLONG
    ) = ExtFunctionPoFxSetComponentResidency;
    fn StorPortPoFxPowerControl(
        HwDeviceExtension: PVOID, Address: PSTOR_ADDRESS, PowerControlCode: LPCGUID, InBuffer: PVOID,
        InBufferSize: SIZE_T, OutBuffer: PVOID, OutBufferSize: SIZE_T, BytesReturned: PSIZE_T
    ) = ExtFunctionPoFxPowerControl;
    fn StorPortPoFxSetIdleTimeout(
        HwDeviceExtension: PVOID, Address: PSTOR_ADDRESS, IdleTimeoutInMS: ULONG
    ) = ExtFunctionPoFxSetIdleTimeout;
    fn StorPortPoFxRegisterPerfStates(
        HwDeviceExtension: PVOID, Address: PSTOR_ADDRESS, Component: ULONG, Flags: ULONGLONG,
        PerfSetCount: ULONG, PerfSets: PVOID
    ) = ExtFunctionPoFxRegisterPerfStates;
    fn StorPortPoFxRegisterPerfStatesEx(
        HwDeviceExtension: PVOID, Address: PSTOR_ADDRESS, Component: ULONG, Flags: ULONGLONG,
        PerfSetCount: PULONG, PerfSets: PVOID, PerfSetsFromPEP: *mut PVOID
    ) = ExtFunctionPoFxRegisterPerfStatesEx;
    fn StorPortPoFxSetPerfState(
        HwDeviceExtension: PVOID, Address: PSTOR_ADDRESS, Component: ULONG, Flags: ULONG, SetIndex: ULONG,
        State: ULONG, Context: PVOID
    ) = ExtFunctionPoFxSetPerfState;
    fn StorPortGetD3ColdSupport(
        HwDeviceExtension: PVOID, Address: PVOID, Supported: PBOOLEAN
    ) = ExtFunctionGetD3ColdSupport;
    fn StorPortHardwareReset(HwDeviceExtension: PVOID, Type: c_int) = ExtFunctionDeviceReset;
    fn StorPortHardwareResetEx(
        HwDeviceExtension: PVOID, ResetType: c_int, Flags: ULONGLONG, AdditionalParameters: PVOID
    ) = ExtFunctionDeviceResetEx;
}
