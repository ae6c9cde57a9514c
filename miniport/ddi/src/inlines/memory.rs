//! Pool, contiguous and DMA memory, interlocked lists, marking memory for the dump.
//!
//! Rows of the tables in [`super`]: `fn name(parameters) = selector;`. Source: WDK 10.0.22621 `storport.h`.

use wdk_sys::{
    MEMORY_CACHING_TYPE, NODE_REQUIREMENT, PACCESS_RANGE, PHYSICAL_ADDRESS, PPHYSICAL_ADDRESS,
    PSHORT, PULONG, PVOID, SIZE_T, ULONG, ULONG_PTR, ULONGLONG,
};

use super::extended;

extended! {
    /// Nonpaged pool, not executable; not available in the dump stack.
    fn StorPortAllocatePool(
        HwDeviceExtension: PVOID, NumberOfBytes: ULONG, Tag: ULONG, BufferPointer: *mut PVOID
    ) = ExtFunctionAllocatePool;
    fn StorPortFreePool(HwDeviceExtension: PVOID, BufferPointer: PVOID) = ExtFunctionFreePool;
    fn StorPortAllocateContiguousMemorySpecifyCacheNode(
        HwDeviceExtension: PVOID, NumberOfBytes: SIZE_T, LowestAcceptableAddress: PHYSICAL_ADDRESS,
        HighestAcceptableAddress: PHYSICAL_ADDRESS, BoundaryAddressMultiple: PHYSICAL_ADDRESS,
        CacheType: MEMORY_CACHING_TYPE, PreferredNode: NODE_REQUIREMENT, BufferPointer: *mut PVOID
    ) = ExtFunctionAllocateContiguousMemorySpecifyCacheNode;
    fn StorPortFreeContiguousMemorySpecifyCache(
        HwDeviceExtension: PVOID, BaseAddress: PVOID, NumberOfBytes: SIZE_T, CacheType: MEMORY_CACHING_TYPE
    ) = ExtFunctionFreeContiguousMemorySpecifyCache;
    fn StorPortMarkDumpMemory(
        HwDeviceExtension: PVOID, Address: PVOID, Length: ULONG_PTR, Flags: ULONG
    ) = ExtFunctionMarkDumpMemory;
    fn StorPortInitializeSListHead(HwDeviceExtension: PVOID, SListHead: PVOID) = ExtFunctionInitializeSListHead;
    fn StorPortInterlockedFlushSList(
        HwDeviceExtension: PVOID, SListHead: PVOID, Result: *mut PVOID
    ) = ExtFunctionInterlockedFlushSList;
    fn StorPortInterlockedPopEntrySList(
        HwDeviceExtension: PVOID, SListHead: PVOID, Result: *mut PVOID
    ) = ExtFunctionInterlockedPopEntrySList;
    fn StorPortInterlockedPushEntrySList(
        HwDeviceExtension: PVOID, SListHead: PVOID, SListEntry: PVOID, Result: *mut PVOID
    ) = ExtFunctionInterlockedPushEntrySList;
    fn StorPortQueryDepthSList(
        HwDeviceExtension: PVOID, SListHead: PVOID, Result: PSHORT
    ) = ExtFunctionQueryDepthSList;
    fn StorPortAllocateHostMemoryBuffer(
        HwDeviceExtension: PVOID, MinimumBytes: SIZE_T, PreferredBytes: SIZE_T, UtilizationBytes: ULONGLONG,
        AlignmentBytes: ULONG, LowestAcceptableAddress: PHYSICAL_ADDRESS,
        HighestAcceptableAddress: PHYSICAL_ADDRESS, BoundaryAddressMultiple: PHYSICAL_ADDRESS,
        PhysicalAddressRanges: PACCESS_RANGE, PhysicalAddressRangeCount: PULONG
    ) = ExtFunctionAllocateHmb;
    fn StorPortFreeHostMemoryBuffer(
        HwDeviceExtension: PVOID, PhysicalAddressRanges: PACCESS_RANGE, PhysicalAddressRangeCount: ULONG
    ) = ExtFunctionFreeHmb;
    fn StorPortInterlockedInsertHeadList(
        HwDeviceExtension: PVOID, ListHead: PVOID, ListEntry: PVOID, Result: *mut PVOID, Lock: PVOID
    ) = ExtFunctionInterlockedInsertHeadList;
    fn StorPortInterlockedInsertTailList(
        HwDeviceExtension: PVOID, ListHead: PVOID, ListEntry: PVOID, Result: *mut PVOID, Lock: PVOID
    ) = ExtFunctionInterlockedInsertTailList;
    fn StorPortInterlockedRemoveHeadList(
        HwDeviceExtension: PVOID, ListHead: PVOID, Result: *mut PVOID, Lock: PVOID
    ) = ExtFunctionInterlockedRemoveHeadList;
    fn StorPortInitializeSpinlock(HwDeviceExtension: PVOID, Lock: PVOID) = ExtFunctionInitializeSpinlock;
    fn StorPortAllocateDmaMemory(
        HwDeviceExtension: PVOID, NumberOfBytes: SIZE_T, LowestAcceptableAddress: PHYSICAL_ADDRESS,
        HighestAcceptableAddress: PHYSICAL_ADDRESS, BoundaryAddressMultiple: PHYSICAL_ADDRESS,
        CacheType: MEMORY_CACHING_TYPE, PreferredNode: NODE_REQUIREMENT, BufferPointer: *mut PVOID,
        PhysicalAddress: PPHYSICAL_ADDRESS
    ) = ExtFunctionAllocateDmaMemory;
    fn StorPortFreeDmaMemory(
        HwDeviceExtension: PVOID, BaseAddress: PVOID, NumberOfBytes: SIZE_T, CacheType: MEMORY_CACHING_TYPE,
        PhysicalAddress: PHYSICAL_ADDRESS
    ) = ExtFunctionFreeDmaMemory;
}
