//! Storport structures, configuration and initialisation data.

use wdk_sys::{
    _ACCESS_RANGE, _HW_INITIALIZATION_DATA, _MEMORY_REGION, _MESSAGE_INTERRUPT_INFORMATION,
    _PERF_CONFIGURATION_DATA, _PORT_CONFIGURATION_INFORMATION, _SCSI_SUPPORTED_CONTROL_TYPE_LIST,
    _STARTIO_PERFORMANCE_PARAMETERS, _STOR_ADAPTER_CONTROL_POWER, _STOR_DEVICE_CAPABILITIES,
    _STOR_DEVICE_CAPABILITIES_EX, _STOR_DPC, _STOR_FILTER_RESOURCE_REQUIREMENTS, _STOR_LOCK_HANDLE,
    _STOR_LOG_EVENT_DETAILS, _STOR_POWER_CONTROL_HEADER, _STOR_POWER_SETTING_INFO,
    _STOR_RICH_DEVICE_DESCRIPTION, _STOR_SCATTER_GATHER_ELEMENT, _STOR_SCATTER_GATHER_LIST,
    _STOR_UNIT_ATTRIBUTES, _STOR_UNIT_CONTROL_POWER,
};

super::layouts! {
    _ACCESS_RANGE: 16, 8 {
        RangeStart 0, RangeLength 8, RangeInMemory 12,
    }
    _MEMORY_REGION: 24, 8 {
        VirtualBase 0, PhysicalBase 8, Length 16,
    }
    _STOR_SCATTER_GATHER_ELEMENT: 24, 8 {
        PhysicalAddress 0, Length 8, Reserved 16,
    }
    _STOR_SCATTER_GATHER_LIST: 16, 8 {
        NumberOfElements 0, Reserved 8, List 16,
    }
    _STOR_DPC: 72, 8 {
        Dpc 0, Dpc.Type 0, Dpc.Number 2, Dpc.Importance 3, Dpc.__bindgen_anon_1.F 8, Dpc.__bindgen_anon_1.B 16,
        Dpc.DeferredRoutine 24, Dpc.DeferredContext 32, Dpc.SystemArgument1 40, Dpc.SystemArgument2 48,
        Dpc.DpcData 56, Lock 64,
    }
    _STOR_LOCK_HANDLE: 32, 8 {
        Lock 0, Context 8, Context.LockQueue 8, Context.LockQueue.Next 8, Context.LockQueue.Lock 16,
        Context.OldIrql 24,
    }
    _MESSAGE_INTERRUPT_INFORMATION: 32, 8 {
        MessageId 0, MessageData 4, MessageAddress 8, InterruptVector 16, InterruptLevel 20, InterruptMode 24,
    }
    _PERF_CONFIGURATION_DATA: 40, 8 {
        Version 0, Size 4, Flags 8, ConcurrentChannels 12, FirstRedirectionMessageNumber 16,
        LastRedirectionMessageNumber 20, DeviceNode 24, Reserved 28, MessageTargets 32,
    }
    _STARTIO_PERFORMANCE_PARAMETERS: 16, 4 {
        Version 0, Size 4, MessageNumber 8, ChannelNumber 12,
    }
    _STOR_LOG_EVENT_DETAILS: 72, 8 {
        InterfaceRevision 0, Size 4, Flags 8, EventAssociation 12, PathId 16, TargetId 20, LunId 24,
        StorportSpecificErrorCode 28, ErrorCode 32, UniqueId 36, DumpDataSize 40, DumpData 48, StringCount 56,
        StringList 64,
    }
    _STOR_POWER_CONTROL_HEADER: 16, 8 {
        Version 0, Size 4, Address 8,
    }
    _STOR_ADAPTER_CONTROL_POWER: 24, 8 {
        Header 0, PowerAction 16, PowerState 20,
    }
    _STOR_UNIT_CONTROL_POWER: 16, 8 {
        Address 0, PowerAction 8, PowerState 12,
    }
    _STOR_POWER_SETTING_INFO: 32, 8 {
        PowerSettingGuid 0, Value 16, ValueLength 24,
    }
    _STOR_FILTER_RESOURCE_REQUIREMENTS: 16, 8 {
        Version 0, Size 4, IoResourceRequirementsList 8,
    }
    _STOR_RICH_DEVICE_DESCRIPTION: 108, 4 {
        Version 0, Size 4, VendorId 8, ModelNumber 25, FirmwareRevision 90,
    }
    _SCSI_SUPPORTED_CONTROL_TYPE_LIST: 4, 4 {
        MaxControlType 0, SupportedTypeList 4,
    }
    _STOR_DEVICE_CAPABILITIES: 8, 4 {
        Version 0,
    }
    _STOR_DEVICE_CAPABILITIES_EX: 24, 4 {
        Version 0, Size 2, Address 8, UINumber 12, Reserved1 16,
    }
    _STOR_UNIT_ATTRIBUTES: 4, 4 {
    }
    _PORT_CONFIGURATION_INFORMATION: 224, 8 {
        Length 0, SystemIoBusNumber 4, AdapterInterfaceType 8, BusInterruptLevel 12, BusInterruptVector 16,
        InterruptMode 20, MaximumTransferLength 24, NumberOfPhysicalBreaks 28, DmaChannel 32, DmaPort 36, DmaWidth 40,
        DmaSpeed 44, AlignmentMask 48, NumberOfAccessRanges 52, AccessRanges 56, MiniportDumpData 64,
        NumberOfBuses 72, InitiatorBusId 73, ScatterGather 81, Master 82, CachesData 83, AdapterScansDown 84,
        AtdiskPrimaryClaimed 85, AtdiskSecondaryClaimed 86, Dma32BitAddresses 87, DemandMode 88, MapBuffers 89,
        NeedPhysicalAddresses 90, TaggedQueuing 91, AutoRequestSense 92, MultipleRequestPerLu 93, ReceiveEvent 94,
        RealModeInitialized 95, BufferAccessScsiPortControlled 96, MaximumNumberOfTargets 97, SrbType 98,
        AddressType 99, SlotNumber 100, BusInterruptLevel2 104, BusInterruptVector2 108, InterruptMode2 112,
        DmaChannel2 116, DmaPort2 120, DmaWidth2 124, DmaSpeed2 128, DeviceExtensionSize 132,
        SpecificLuExtensionSize 136, SrbExtensionSize 140, Dma64BitAddresses 144, ResetTargetSupported 145,
        MaximumNumberOfLogicalUnits 146, WmiDataProvider 147, SynchronizationModel 148, HwMSInterruptRoutine 152,
        InterruptSynchronizationMode 160, DumpRegion 168, RequestedDumpBufferSize 192, VirtualDevice 196,
        DumpMode 197, DmaAddressWidth 198, ExtendedFlags1 200, MaxNumberOfIO 204, MaxIOsPerLun 208,
        InitialLunQueueDepth 212, BusResetHoldTime 216, FeatureSupport 220,
    }
    _HW_INITIALIZATION_DATA: 208, 8 {
        HwInitializationDataSize 0, AdapterInterfaceType 4, HwInitialize 8, HwStartIo 16, HwInterrupt 24,
        HwFindAdapter 32, HwResetBus 40, HwDmaStarted 48, HwAdapterState 56, DeviceExtensionSize 64,
        SpecificLuExtensionSize 68, SrbExtensionSize 72, NumberOfAccessRanges 76, Reserved 80, MapBuffers 88,
        NeedPhysicalAddresses 89, TaggedQueuing 90, AutoRequestSense 91, MultipleRequestPerLu 92, ReceiveEvent 93,
        VendorIdLength 94, VendorId 96, __bindgen_anon_1.ReservedUshort 104, __bindgen_anon_1.PortVersionFlags 104,
        DeviceIdLength 106, DeviceId 112, HwAdapterControl 120, HwBuildIo 128, HwFreeAdapterResources 136,
        HwProcessServiceRequest 144, HwCompleteServiceIrp 152, HwInitializeTracing 160, HwCleanupTracing 168,
        HwTracingEnabled 176, FeatureSupport 184, SrbTypeFlags 188, AddressTypeFlags 192, Reserved1 196,
        HwUnitControl 200,
    }
}
