//! Processors, nodes, interrupt messages and performance options.
//!
//! Rows of the tables in [`super`]: `fn name(parameters) = selector;`. Source: WDK 10.0.22621 `storport.h`.

use core::ffi::c_int;

use wdk_sys::{
    BOOLEAN, PBOOLEAN, PGROUP_AFFINITY, PKAFFINITY, PPERF_CONFIGURATION_DATA, PPROCESSOR_NUMBER,
    PSCSI_REQUEST_BLOCK, PSTARTIO_PERFORMANCE_PARAMETERS, PULONG, PUSHORT, PVOID, ULONG, USHORT,
};

use super::extended;

extended! {
    fn StorPortInitializePerfOpts(
        HwDeviceExtension: PVOID, Query: BOOLEAN, PerfConfigData: PPERF_CONFIGURATION_DATA
    ) = ExtFunctionInitializePerformanceOptimizations;
    fn StorPortGetStartIoPerfParams(
        HwDeviceExtension: PVOID, Srb: PSCSI_REQUEST_BLOCK, StartIoPerfParams: PSTARTIO_PERFORMANCE_PARAMETERS
    ) = ExtFunctionGetStartIoPerformanceParameters;
    fn StorPortGetCurrentProcessorNumber(
        HwDeviceExtension: PVOID, ProcNumber: PPROCESSOR_NUMBER
    ) = ExtFunctionGetCurrentProcessorNumber;
    fn StorPortGetGroupAffinity(
        HwDeviceExtension: PVOID, GroupNumber: USHORT, GroupAffinityMask: PKAFFINITY
    ) = ExtFunctionGetGroupAffinity;
    fn StorPortGetActiveGroupCount(HwDeviceExtension: PVOID, NumberGroups: PUSHORT) = ExtFunctionGetActiveGroupCount;
    fn StorPortGetNodeAffinity(
        HwDeviceExtension: PVOID, NodeNumber: ULONG, NodeAffinityMask: PGROUP_AFFINITY
    ) = ExtFunctionGetNodeAffinity;
    fn StorPortGetNodeAffinity2(
        HwDeviceExtension: PVOID, NodeNumber: ULONG, GroupAffinities: PGROUP_AFFINITY,
        GroupAffinitiesCount: USHORT, GroupAffinitiesCountRequired: PUSHORT
    ) = ExtFunctionGetNodeAffinity2;
    fn StorPortGetActiveNodeCount(HwDeviceExtension: PVOID, NumberNodes: PULONG) = ExtFunctionGetActiveNodeCount;
    fn StorPortGetHighestNodeNumber(HwDeviceExtension: PVOID, HighestNode: PULONG) = ExtFunctionGetHighestNodeNumber;
    fn StorPortGetProcessorIndexFromNumber(
        HwDeviceExtension: PVOID, ProcessorNumber: PPROCESSOR_NUMBER, ProcessorIndex: PULONG
    ) = ExtFunctionGetProcessorIndexFromNumber;
    fn StorPortGetCurrentProcessorIndex(
        HwDeviceExtension: PVOID, ProcessorIndex: PULONG
    ) = ExtFunctionGetCurrentProcessorIndex;
    fn StorPortGetProcessorCount(HwDeviceExtension: PVOID, ProcessorCount: PULONG) = ExtFunctionGetProcessorCount;
    fn StorPortGetLogicalProcessorRelationship(
        HwDeviceExtension: PVOID, ProcessorNumber: PPROCESSOR_NUMBER, RelationshipType: c_int,
        Information: PVOID, Length: PULONG
    ) = ExtFunctionGetLogicalProcessorRelationship;
    fn StorPortQueryConfiguration(
        HwDeviceExtension: PVOID, Type: c_int, Enabled: PBOOLEAN
    ) = ExtFunctionQueryConfiguration;
    fn StorPortGetMessageInterruptIDFromProcessorIndex(
        HwDeviceExtension: PVOID, ProcessorIndex: ULONG, MessageInterruptID: PULONG
    ) = ExtFunctionGetMessageInterruptIDFromProcessorIndex;
}
