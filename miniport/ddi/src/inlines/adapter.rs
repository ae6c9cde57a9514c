//! What concerns the adapter or a unit: registry, attributes, limits, state changes.
//!
//! Rows of the tables in [`super`]: `fn name(parameters) = selector;`. Source: WDK 10.0.22621 `storport.h`.

use wdk_sys::{
    BOOLEAN, LPCGUID, PBOOLEAN, PHW_REGISTRY_NOTIFICATION_ROUTINE, PHW_STATE_CHANGE, PSTOR_ADDRESS,
    PUCHAR, PULONG, PVOID, STOR_UNIT_ATTRIBUTES, ULONG, ULONGLONG,
};

use super::{extended, notification_with_status};

extended! {
    fn StorPortInitializeRpmb(
        HwDeviceExtension: PVOID, StorAddress: PSTOR_ADDRESS, RpmbCapabilitiesData: PVOID
    ) = ExtFunctionInitializeRpmb;
    fn StorPortRegistryReadAdapterKey(
        HwDeviceExtension: PVOID, SubKeyName: PUCHAR, ValueName: PUCHAR, ValueType: ULONG,
        ValueData: *mut PVOID, ValueDataLength: PULONG
    ) = ExtFunctionRegistryReadAdapterKey;
    fn StorPortRegistryWriteAdapterKey(
        HwDeviceExtension: PVOID, SubKeyName: PUCHAR, ValueName: PUCHAR, ValueType: ULONG, ValueData: PVOID,
        ValueDataLength: ULONG
    ) = ExtFunctionRegistryWriteAdapterKey;
    fn StorPortSetUnitAttributes(
        HwDeviceExtension: PVOID, Address: PSTOR_ADDRESS, Attributes: STOR_UNIT_ATTRIBUTES
    ) = ExtFunctionSetUnitAttributes;
    fn StorPortGetSystemPortNumber(HwDeviceExtension: PVOID, Address: PSTOR_ADDRESS) = ExtFunctionGetSystemPortNumber;
    fn StorPortSetAdapterBusType(HwDeviceExtension: PVOID, BusType: ULONG) = ExtFunctionSetAdapterBusType;
    fn StorPortIsDeviceOperationAllowed(
        HwDeviceExtension: PVOID, Address: PSTOR_ADDRESS, DeviceOperation: LPCGUID, AllowedFlag: *mut ULONG
    ) = ExtFunctionDeviceOperationAllowed;
    fn StorPortIsCurrentOsInstallationUpgrade(
        HwDeviceExtension: PVOID, Upgraded: *mut BOOLEAN
    ) = ExtFunctionCurrentOsInstallationUpgrade;
    fn StorPortInitializeCryptoEngine(
        HwDeviceExtension: PVOID, CryptoCapabilitiesData: PVOID
    ) = ExtFunctionInitializeCryptoEngine;
    fn StorPortUpdateAdapterMaxIO(HwDeviceExtension: PVOID, MaxIoCount: ULONG) = ExtFunctionUpdateAdapterMaxIO;
    fn StorPortUpdatePortConfigMaxIOInfo(
        HwDeviceExtension: PVOID, MaxIoCount: ULONG, MaxIosPerLun: ULONG
    ) = ExtFunctionUpdateAdapterMaxIOInfo;
    fn StorPortSetFeatureList(
        HwDeviceExtension: PVOID, FeatureCount: ULONG, FeatureList: PBOOLEAN
    ) = ExtFunctionSetFeatureList;
    fn StorPortEnableRegistryKeyNotification(
        HwDeviceExtension: PVOID, NotificationCallback: PHW_REGISTRY_NOTIFICATION_ROUTINE
    ) = ExtFunctionEnableRegistryKeyNotification;
}

notification_with_status! {
    fn StorPortStateChangeDetected(
        HwDeviceExtension: PVOID, ChangedEntity: ULONG, Address: PSTOR_ADDRESS, Attributes: ULONG,
        HwStateChange: PHW_STATE_CHANGE, HwStateChangeContext: PVOID
    ) -> ULONG = StateChangeDetectedCall;
    fn StorPortAsyncNotificationDetected(
        HwDeviceExtension: PVOID, Address: PSTOR_ADDRESS, Flags: ULONGLONG
    ) -> ULONG = AsyncNotificationDetected;
}
