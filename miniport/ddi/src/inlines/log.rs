//! Events for the system log, ETW and telemetry, and reports of failed devices.
//!
//! Rows of the tables in [`super`]: `fn name(parameters) = selector;`. Source: WDK 10.0.22621 `storport.h`.

use core::ffi::c_int;

use wdk_sys::{
    _STORPORT_FUNCTION_CODE, PSCSI_REQUEST_BLOCK, PSTOR_ADDRESS, PSTOR_LOG_EVENT_DETAILS, PUCHAR,
    PULONG, PVOID, PWSTR, STOR_STATUS_NOT_IMPLEMENTED, ULONG, ULONGLONG, USHORT,
    storage::StorPortExtendedFunction,
};

use super::{extended, notification, notification_with_status};

/// `StorportEtwEventDiagnostic`, the channel of the functions that name none.
const ETW_CHANNEL_DIAGNOSTIC: c_int = 0;

extended! {
    fn StorPortLogSystemEvent(
        HwDeviceExtension: PVOID, LogDetails: PSTOR_LOG_EVENT_DETAILS, MaximumSize: PULONG
    ) = ExtFunctionLogSystemEvent;
    fn StorPortEtwChannelEvent2(
        HwDeviceExtension: PVOID, Address: PSTOR_ADDRESS, EventChannel: c_int, EventId: ULONG,
        EventDescription: PWSTR, EventKeywords: ULONGLONG, EventLevel: c_int, EventOpcode: c_int,
        Srb: PSCSI_REQUEST_BLOCK, Parameter1Name: PWSTR, Parameter1Value: ULONGLONG, Parameter2Name: PWSTR,
        Parameter2Value: ULONGLONG
    ) = ExtFunctionMiniportChannelEtwEvent2;
    fn StorPortEtwChannelEvent4(
        HwDeviceExtension: PVOID, Address: PSTOR_ADDRESS, EventChannel: c_int, EventId: ULONG,
        EventDescription: PWSTR, EventKeywords: ULONGLONG, EventLevel: c_int, EventOpcode: c_int,
        Srb: PSCSI_REQUEST_BLOCK, Parameter1Name: PWSTR, Parameter1Value: ULONGLONG, Parameter2Name: PWSTR,
        Parameter2Value: ULONGLONG, Parameter3Name: PWSTR, Parameter3Value: ULONGLONG, Parameter4Name: PWSTR,
        Parameter4Value: ULONGLONG
    ) = ExtFunctionMiniportChannelEtwEvent4;
    fn StorPortEtwChannelEvent8(
        HwDeviceExtension: PVOID, Address: PSTOR_ADDRESS, EventChannel: c_int, EventId: ULONG,
        EventDescription: PWSTR, EventKeywords: ULONGLONG, EventLevel: c_int, EventOpcode: c_int,
        Srb: PSCSI_REQUEST_BLOCK, Parameter1Name: PWSTR, Parameter1Value: ULONGLONG, Parameter2Name: PWSTR,
        Parameter2Value: ULONGLONG, Parameter3Name: PWSTR, Parameter3Value: ULONGLONG, Parameter4Name: PWSTR,
        Parameter4Value: ULONGLONG, Parameter5Name: PWSTR, Parameter5Value: ULONGLONG, Parameter6Name: PWSTR,
        Parameter6Value: ULONGLONG, Parameter7Name: PWSTR, Parameter7Value: ULONGLONG, Parameter8Name: PWSTR,
        Parameter8Value: ULONGLONG
    ) = ExtFunctionMiniportChannelEtwEvent8;
    fn StorPortLogTelemetry(
        HwDeviceExtension: PVOID, StorAddress: PSTOR_ADDRESS, Event: PVOID
    ) = ExtFunctionMiniportTelemetry;
    fn StorPortLogTelemetryEx(
        HwDeviceExtension: PVOID, StorAddress: PSTOR_ADDRESS, Event: PVOID, Category: c_int
    ) = ExtFunctionMiniportTelemetryEx;
    fn StorPortEtwLogError(
        HwDeviceExtension: PVOID, Address: PSTOR_ADDRESS, Id: ULONG, Description: PWSTR,
        DataBufferLength: ULONG, DataBuffer: PVOID
    ) = ExtFunctionLogHardwareError;
    fn StorPortCaptureLiveDump(
        HwDeviceExtension: PVOID, StorAddress: PSTOR_ADDRESS, CaptureLivedump: PVOID
    ) = ExtFunctionCaptureLiveDump;
    fn StorPortEtwLogByteStream(
        HwDeviceExtension: PVOID, Address: PSTOR_ADDRESS, EventChannel: c_int, EventId: ULONG,
        EventDescription: PWSTR, EventKeywords: ULONGLONG, EventLevel: c_int, EventOpcode: c_int,
        DataLength: USHORT, Data: PUCHAR
    ) = ExtFunctionMiniportLogByteStream;
    fn StorPortMiniportReportInternalData(
        HwDeviceExtension: PVOID, Address: PSTOR_ADDRESS, CallbackContext: PVOID, DataCount: ULONG, Data: PVOID
    ) = ExtFunctionMiniportReportInternalData;
}

notification! {
    fn StorPortMarkDeviceFailed(
        HwDeviceExtension: PVOID, StorAddress: PSTOR_ADDRESS, Flags: ULONG, FailReason: PWSTR
    ) = MarkDeviceFailed;
}

notification_with_status! {
    fn StorPortMarkDeviceFailedEx(
        HwDeviceExtension: PVOID, StorAddress: PSTOR_ADDRESS, Flags: ULONG, FaultCode: USHORT,
        FaultDescription: PWSTR, AdditionalDataSize: USHORT, AdditionalData: PUCHAR, CriticalDataSize: USHORT,
        CriticalData: PUCHAR
    ) -> ULONG = MarkDeviceFailedEx;
}

/// Writes an ETW event on the diagnostic channel; a port driver that knows no channels gets the older call.
macro_rules! etw {
    ($($name:ident, $channel:ident, $plain:ident: $($param:ident $value:ident),+;)+) => {$(
        #[inline]
        pub(crate) unsafe fn $name(
            HwDeviceExtension: PVOID,
            Address: PSTOR_ADDRESS,
            EventId: ULONG,
            EventDescription: PWSTR,
            EventKeywords: ULONGLONG,
            EventLevel: c_int,
            EventOpcode: c_int,
            Srb: PSCSI_REQUEST_BLOCK,
            $($param: PWSTR, $value: ULONGLONG,)+
        ) -> ULONG {
            // SAFETY: The selector takes just these arguments; the caller keeps the function's documented contract.
            let status = unsafe {
                StorPortExtendedFunction(
                    _STORPORT_FUNCTION_CODE::$channel, HwDeviceExtension, Address, ETW_CHANNEL_DIAGNOSTIC, EventId,
                    EventDescription, EventKeywords, EventLevel, EventOpcode, Srb, $($param, $value),+
                )
            };
            if status != STOR_STATUS_NOT_IMPLEMENTED {
                return status;
            }
            // SAFETY: As above.
            unsafe {
                StorPortExtendedFunction(
                    _STORPORT_FUNCTION_CODE::$plain, HwDeviceExtension, Address, EventId,
                    EventDescription, EventKeywords, EventLevel, EventOpcode, Srb, $($param, $value),+
                )
            }
        }
    )+};
}

etw! {
    StorPortEtwEvent2, ExtFunctionMiniportChannelEtwEvent2, ExtFunctionMiniportEtwEvent2:
        Parameter1Name Parameter1Value, Parameter2Name Parameter2Value;
    StorPortEtwEvent4, ExtFunctionMiniportChannelEtwEvent4, ExtFunctionMiniportEtwEvent4:
        Parameter1Name Parameter1Value, Parameter2Name Parameter2Value, Parameter3Name Parameter3Value,
        Parameter4Name Parameter4Value;
    StorPortEtwEvent8, ExtFunctionMiniportChannelEtwEvent8, ExtFunctionMiniportEtwEvent8:
        Parameter1Name Parameter1Value, Parameter2Name Parameter2Value, Parameter3Name Parameter3Value,
        Parameter4Name Parameter4Value, Parameter5Name Parameter5Value, Parameter6Name Parameter6Value,
        Parameter7Name Parameter7Value, Parameter8Name Parameter8Value;
}
