// The functions of storport.sys that are real exports; the header's inlines are in miniport/ddi/src/inlines. See types.rs.

#[cfg_attr(target_os = "windows", link(name = "storport.sys", kind = "raw-dylib", modifiers = "+verbatim"))]
unsafe extern "C" {
    pub fn StorPortGetMessageInterruptInformation(
        HwDeviceExtension: PVOID,
        MessageId: ULONG,
        InterruptInfo: PMESSAGE_INTERRUPT_INFORMATION,
    ) -> BOOLEAN;
    pub fn StorPortInitialize(
        Argument1: PVOID,
        Argument2: PVOID,
        HwInitializationData: *mut _HW_INITIALIZATION_DATA,
        HwContext: PVOID,
    ) -> ULONG;
    pub fn StorPortFreeDeviceBase(HwDeviceExtension: PVOID, MappedAddress: PVOID);
    pub fn StorPortGetBusData(
        DeviceExtension: PVOID,
        BusDataType: ULONG,
        SystemIoBusNumber: ULONG,
        SlotNumber: ULONG,
        Buffer: PVOID,
        Length: ULONG,
    ) -> ULONG;
    pub fn StorPortSetBusDataByOffset(
        DeviceExtension: PVOID,
        BusDataType: ULONG,
        SystemIoBusNumber: ULONG,
        SlotNumber: ULONG,
        Buffer: PVOID,
        Offset: ULONG,
        Length: ULONG,
    ) -> ULONG;
    pub fn StorPortGetDeviceBase(
        HwDeviceExtension: PVOID,
        BusType: INTERFACE_TYPE,
        SystemIoBusNumber: ULONG,
        IoAddress: STOR_PHYSICAL_ADDRESS,
        NumberOfBytes: ULONG,
        InIoSpace: BOOLEAN,
    ) -> PVOID;
    pub fn StorPortGetLogicalUnit(HwDeviceExtension: PVOID, PathId: UCHAR, TargetId: UCHAR, Lun: UCHAR) -> PVOID;
    pub fn StorPortGetScatterGatherList(HwDeviceExtension: PVOID, Srb: PSCSI_REQUEST_BLOCK) -> PSTOR_SCATTER_GATHER_LIST;
    pub fn StorPortGetPhysicalAddress(
        HwDeviceExtension: PVOID,
        Srb: PSCSI_REQUEST_BLOCK,
        VirtualAddress: PVOID,
        Length: *mut ULONG,
    ) -> STOR_PHYSICAL_ADDRESS;
    pub fn StorPortGetVirtualAddress(HwDeviceExtension: PVOID, PhysicalAddress: STOR_PHYSICAL_ADDRESS) -> PVOID;
    pub fn StorPortGetUncachedExtension(
        HwDeviceExtension: PVOID,
        ConfigInfo: PPORT_CONFIGURATION_INFORMATION,
        NumberOfBytes: ULONG,
    ) -> PVOID;
    pub fn StorPortPauseDevice(HwDeviceExtension: PVOID, PathId: UCHAR, TargetId: UCHAR, Lun: UCHAR, Timeout: ULONG) -> BOOLEAN;
    pub fn StorPortResumeDevice(HwDeviceExtension: PVOID, PathId: UCHAR, TargetId: UCHAR, Lun: UCHAR) -> BOOLEAN;
    pub fn StorPortPause(HwDeviceExtension: PVOID, Timeout: ULONG) -> BOOLEAN;
    pub fn StorPortResume(HwDeviceExtension: PVOID) -> BOOLEAN;
    pub fn StorPortDeviceBusy(HwDeviceExtension: PVOID, PathId: UCHAR, TargetId: UCHAR, Lun: UCHAR, RequestsToComplete: ULONG) -> BOOLEAN;
    pub fn StorPortDeviceReady(HwDeviceExtension: PVOID, PathId: UCHAR, TargetId: UCHAR, Lun: UCHAR) -> BOOLEAN;
    pub fn StorPortBusy(HwDeviceExtension: PVOID, RequestsToComplete: ULONG) -> BOOLEAN;
    pub fn StorPortReady(HwDeviceExtension: PVOID) -> BOOLEAN;
    pub fn StorPortSetDeviceQueueDepth(HwDeviceExtension: PVOID, PathId: UCHAR, TargetId: UCHAR, Lun: UCHAR, Depth: ULONG) -> BOOLEAN;
    pub fn StorPortNotification(NotificationType: SCSI_NOTIFICATION_TYPE, HwDeviceExtension: PVOID, ...);
    pub fn StorPortLogError(
        HwDeviceExtension: PVOID,
        Srb: PSCSI_REQUEST_BLOCK,
        PathId: UCHAR,
        TargetId: UCHAR,
        Lun: UCHAR,
        ErrorCode: ULONG,
        UniqueId: ULONG,
    );
    pub fn StorPortCompleteRequest(HwDeviceExtension: PVOID, PathId: UCHAR, TargetId: UCHAR, Lun: UCHAR, SrbStatus: UCHAR);
    pub fn StorPortStallExecution(Delay: ULONG);
    pub fn StorPortSynchronizeAccess(
        HwDeviceExtension: PVOID,
        SynchronizedAccessRoutine: PSTOR_SYNCHRONIZED_ACCESS,
        Context: PVOID,
    ) -> BOOLEAN;
    pub fn StorPortConvertUlongToPhysicalAddress(UlongAddress: ULONG_PTR) -> STOR_PHYSICAL_ADDRESS;
    pub fn StorPortConvertPhysicalAddressToUlong(Address: STOR_PHYSICAL_ADDRESS) -> ULONG;
    pub fn StorPortQuerySystemTime(CurrentTime: PLARGE_INTEGER);
    pub fn StorPortAllocateRegistryBuffer(HwDeviceExtension: PVOID, Length: PULONG) -> PUCHAR;
    pub fn StorPortFreeRegistryBuffer(HwDeviceExtension: PVOID, Buffer: PUCHAR);
    pub fn StorPortRegistryRead(
        HwDeviceExtension: PVOID,
        ValueName: PUCHAR,
        Global: ULONG,
        Type: ULONG,
        Buffer: PUCHAR,
        BufferLength: PULONG,
    ) -> BOOLEAN;
    pub fn StorPortRegistryWrite(
        HwDeviceExtension: PVOID,
        ValueName: PUCHAR,
        Global: ULONG,
        Type: ULONG,
        Buffer: PUCHAR,
        BufferLength: ULONG,
    ) -> BOOLEAN;
    pub fn StorPortValidateRange(
        HwDeviceExtension: PVOID,
        BusType: INTERFACE_TYPE,
        SystemIoBusNumber: ULONG,
        IoAddress: STOR_PHYSICAL_ADDRESS,
        NumberOfBytes: ULONG,
        InIoSpace: BOOLEAN,
    ) -> BOOLEAN;
    pub fn StorPortDebugPrint(DebugPrintLevel: ULONG, DebugMessage: PSTR, ...);
    pub fn StorPortExtendedFunction(FunctionCode: STORPORT_FUNCTION_CODE, HwDeviceExtension: PVOID, ...) -> ULONG;
}
