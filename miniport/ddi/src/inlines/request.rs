//! What belongs to one request: MDLs, buffers, scatter/gather lists, cryptographic information.
//!
//! Rows of the tables in [`super`]: `fn name(parameters) = selector;`. Source: WDK 10.0.22621 `storport.h`.

use wdk_sys::{BOOLEAN, LPGUID, PSCSI_REQUEST_BLOCK, PSTOR_SCATTER_GATHER_LIST, PVOID, ULONG};

use super::extended;

extended! {
    fn StorPortBuildMdlForNonPagedPool(HwDeviceExtension: PVOID, Mdl: PVOID) = ExtFunctionBuildMdlForNonPagedPool;
    fn StorPortGetSystemAddress(
        HwDeviceExtension: PVOID, Srb: PSCSI_REQUEST_BLOCK, SystemAddress: *mut PVOID
    ) = ExtFunctionGetSystemAddress;
    fn StorPortGetOriginalMdl(
        HwDeviceExtension: PVOID, Srb: PSCSI_REQUEST_BLOCK, Mdl: *mut PVOID
    ) = ExtFunctionGetOriginalMdl;
    fn StorPortCompleteServiceIrp(HwDeviceExtension: PVOID, Irp: PVOID) = ExtFunctionCompleteServiceIrp;
    fn StorPortBuildScatterGatherList(
        HwDeviceExtension: PVOID, Mdl: PVOID, CurrentVa: PVOID, Length: ULONG, ExecutionRoutine: PVOID,
        Context: PVOID, WriteToDevice: BOOLEAN, ScatterGatherBuffer: PVOID, ScatterGatherBufferLength: ULONG
    ) = ExtFunctionBuildScatterGatherList;
    fn StorPortPutScatterGatherList(
        HwDeviceExtension: PVOID, ScatterGatherList: PSTOR_SCATTER_GATHER_LIST, WriteToDevice: BOOLEAN
    ) = ExtFunctionPutScatterGatherList;
    fn StorPortGetActivityIdSrb(
        HwDeviceExtension: PVOID, Srb: PSCSI_REQUEST_BLOCK, ActivityId: LPGUID
    ) = ExtFunctionGetActivityId;
    fn StorPortGetDataInBufferMdl(
        HwDeviceExtension: PVOID, Srb: PSCSI_REQUEST_BLOCK, Mdl: *mut PVOID
    ) = ExtFunctionGetDataInBufferMdl;
    fn StorPortGetDataInBufferSystemAddress(
        HwDeviceExtension: PVOID, Srb: PSCSI_REQUEST_BLOCK, SystemAddress: *mut PVOID
    ) = ExtFunctionGetDataInBufferSystemAddress;
    fn StorPortGetDataInBufferScatterGatherList(
        HwDeviceExtension: PVOID, Srb: PSCSI_REQUEST_BLOCK, SgList: *mut PSTOR_SCATTER_GATHER_LIST
    ) = ExtFunctionGetDataInBufferScatterGatherList;
    fn StorPortFlushDataBufferMdl(HwDeviceExtension: PVOID, Srb: PSCSI_REQUEST_BLOCK) = ExtFunctionFlushDataBufferMdl;
    fn StorPortGetRequestInfo(
        HwDeviceExtension: PVOID, Srb: PSCSI_REQUEST_BLOCK, RequestInfo: PVOID
    ) = ExtFunctionGetRequestInfo;
    fn StorPortPropagateIrpExtension(
        HwDeviceExtension: PVOID, Srb: PSCSI_REQUEST_BLOCK, TargetIrp: PVOID, Flags: ULONG
    ) = ExtFunctionPropagateIrpExtension;
    fn StorPortGetPfns(
        HwDeviceExtension: PVOID, Srb: PSCSI_REQUEST_BLOCK, Mdl: PVOID, Pfns: *mut PVOID, PfnCount: *mut ULONG,
        StartingOffset: *mut ULONG
    ) = ExtFunctionGetPfns;
    fn StorPortGetRequestCryptoInfo(
        HwDeviceExtension: PVOID, Srb: PSCSI_REQUEST_BLOCK, CryptoKeyInfo: PVOID
    ) = ExtFunctionGetRequestCryptoInfo;
}
