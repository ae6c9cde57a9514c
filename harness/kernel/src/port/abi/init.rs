//! `HW_INITIALIZATION_DATA`: what a miniport hands to `StorPortInitialize`.

use super::{constants, structure};

structure! {
    /// What a miniport hands to `StorPortInitialize`.
    HwInitializationData = "HW_INITIALIZATION_DATA", 208 {
        HW_INITIALIZATION_DATA_SIZE: u32 = "HwInitializationDataSize" @ 0,
        ADAPTER_INTERFACE_TYPE: u32 = "AdapterInterfaceType" @ 4,
        HW_INITIALIZE: u64 = "HwInitialize" @ 8,
        HW_START_IO: u64 = "HwStartIo" @ 16,
        HW_INTERRUPT: u64 = "HwInterrupt" @ 24,
        HW_FIND_ADAPTER: u64 = "HwFindAdapter" @ 32,
        HW_RESET_BUS: u64 = "HwResetBus" @ 40,
        HW_DMA_STARTED: u64 = "HwDmaStarted" @ 48,
        HW_ADAPTER_STATE: u64 = "HwAdapterState" @ 56,
        DEVICE_EXTENSION_SIZE: u32 = "DeviceExtensionSize" @ 64,
        SPECIFIC_LU_EXTENSION_SIZE: u32 = "SpecificLuExtensionSize" @ 68,
        SRB_EXTENSION_SIZE: u32 = "SrbExtensionSize" @ 72,
        NUMBER_OF_ACCESS_RANGES: u32 = "NumberOfAccessRanges" @ 76,
        MAP_BUFFERS: u8 = "MapBuffers" @ 88,
        NEED_PHYSICAL_ADDRESSES: u8 = "NeedPhysicalAddresses" @ 89,
        TAGGED_QUEUING: u8 = "TaggedQueuing" @ 90,
        AUTO_REQUEST_SENSE: u8 = "AutoRequestSense" @ 91,
        MULTIPLE_REQUEST_PER_LU: u8 = "MultipleRequestPerLu" @ 92,
        RECEIVE_EVENT: u8 = "ReceiveEvent" @ 93,
        VENDOR_ID_LENGTH: u16 = "VendorIdLength" @ 94,
        VENDOR_ID: u64 = "VendorId" @ 96,
        DEVICE_ID_LENGTH: u16 = "DeviceIdLength" @ 106,
        DEVICE_ID: u64 = "DeviceId" @ 112,
        HW_ADAPTER_CONTROL: u64 = "HwAdapterControl" @ 120,
        HW_BUILD_IO: u64 = "HwBuildIo" @ 128,
        HW_FREE_ADAPTER_RESOURCES: u64 = "HwFreeAdapterResources" @ 136,
        HW_PROCESS_SERVICE_REQUEST: u64 = "HwProcessServiceRequest" @ 144,
        HW_COMPLETE_SERVICE_IRP: u64 = "HwCompleteServiceIrp" @ 152,
        HW_INITIALIZE_TRACING: u64 = "HwInitializeTracing" @ 160,
        HW_CLEANUP_TRACING: u64 = "HwCleanupTracing" @ 168,
        HW_TRACING_ENABLED: u64 = "HwTracingEnabled" @ 176,
        FEATURE_SUPPORT: u32 = "FeatureSupport" @ 184,
        SRB_TYPE_FLAGS: u32 = "SrbTypeFlags" @ 188,
        ADDRESS_TYPE_FLAGS: u32 = "AddressTypeFlags" @ 192,
        HW_UNIT_CONTROL: u64 = "HwUnitControl" @ 200,
    }
}

constants! {
    CONSTANTS:
    STOR_FEATURE_ADAPTER_CONTROL_PRE_FINDADAPTER: u32 = 0x100;
    STOR_FEATURE_ADAPTER_NOT_REQUIRE_IO_PORT: u32 = 0x200;
    STOR_FEATURE_ATA_PASS_THROUGH: u32 = 2;
    STOR_FEATURE_DEVICE_DESCRIPTOR_FROM_ATA_INFO_VPD: u32 = 0x40;
    STOR_FEATURE_DEVICE_NAME_NO_SUFFIX: u32 = 0x10;
    STOR_FEATURE_DMA_ALLOCATION_NO_BOUNDARY: u32 = 0x2000;
    STOR_FEATURE_DUMP_16_BYTE_ALIGNMENT: u32 = 0x400;
    STOR_FEATURE_DUMP_INFO: u32 = 0x1000;
    STOR_FEATURE_DUMP_POINTERS: u32 = 8;
    STOR_FEATURE_DUMP_RESUME_CAPABLE: u32 = 0x20;
    STOR_FEATURE_EARLY_DUMP: u32 = 0x0001_0000;
    STOR_FEATURE_EXTRA_IO_INFORMATION: u32 = 0x80;
    STOR_FEATURE_FULL_PNP_DEVICE_CAPABILITIES: u32 = 4;
    STOR_FEATURE_NVME: u32 = 0x4000;
    STOR_FEATURE_REPORT_INTERNAL_DATA: u32 = 0x8000;
    STOR_FEATURE_SET_ADAPTER_INTERFACE_TYPE: u32 = 0x800;
    STOR_FEATURE_VIRTUAL_MINIPORT: u32 = 1;
    SRB_TYPE_FLAG_SCSI_REQUEST_BLOCK: u32 = 1;
    SRB_TYPE_FLAG_STORAGE_REQUEST_BLOCK: u32 = 2;
    ADDRESS_TYPE_FLAG_BTL8: u32 = 1;
    STOR_MAP_NO_BUFFERS: u8 = 0;
    STOR_MAP_ALL_BUFFERS: u8 = 1;
    STOR_MAP_NON_READ_WRITE_BUFFERS: u8 = 2;
    STOR_MAP_ALL_BUFFERS_INCLUDING_READ_WRITE: u8 = 3;
}
