//! Dump pointers and dump filters.

use wdk_sys::{
    _DISK_GEOMETRY, _DUMP_POINTERS, _DUMP_POINTERS_EX, _FILTER_EXTENSION,
    _FILTER_INITIALIZATION_DATA, _MINIPORT_DUMP_POINTERS,
};

super::layouts! {
    _DUMP_POINTERS: 56, 8 {
        AdapterObject 0, MappedRegisterBase 8, DumpData 16, CommonBufferVa 24, CommonBufferPa 32, CommonBufferSize 40,
        AllocateCommonBuffers 44, UseDiskDump 45, Spare1 46, DeviceObject 48,
    }
    _DUMP_POINTERS_EX: 104, 8 {
        Header 0, Header.Version 0, Header.Size 4, DumpData 8, CommonBufferVa 16, CommonBufferSize 24,
        AllocateCommonBuffers 28, DeviceObject 32, DriverList 40, dwPortFlags 48, MaxDeviceDumpSectionSize 52,
        MaxDeviceDumpLevel 56, MaxTransferSize 60, AdapterObject 64, MappedRegisterBase 72, DeviceReady 80,
        DumpDevicePowerOn 88, DumpDevicePowerOnContext 96,
    }
    _MINIPORT_DUMP_POINTERS: 112, 8 {
        Version 0, Size 2, DriverName 4, AdapterObject 40, MappedRegisterBase 48, CommonBufferSize 56,
        MiniportPrivateDumpData 64, SystemIoBusNumber 72, AdapterInterfaceType 76, MaximumTransferLength 80,
        NumberOfPhysicalBreaks 84, AlignmentMask 88, NumberOfAccessRanges 92, AccessRanges 96, NumberOfBuses 104,
        Master 105, MapBuffers 106, MaximumNumberOfTargets 107,
    }
    _DISK_GEOMETRY: 24, 8 {
        Cylinders 0, MediaType 8, TracksPerCylinder 12, SectorsPerTrack 16, BytesPerSector 20,
    }
    _FILTER_EXTENSION: 88, 8 {
        DumpType 0, DeviceObject 8, Geometry 16, DiskSize 40, PartitionInfo 48, PartitionInfo.SizeOfPartitionInfo 48,
        PartitionInfo.PartitionStyle 52, PartitionInfo.__bindgen_anon_1.Mbr 56,
        PartitionInfo.__bindgen_anon_1.Mbr.Signature 56, PartitionInfo.__bindgen_anon_1.Mbr.CheckSum 60,
        PartitionInfo.__bindgen_anon_1.Gpt 56, PartitionInfo.__bindgen_anon_1.Gpt.DiskId 56, DumpData 72, Size 80,
        Flags 84,
    }
    _FILTER_INITIALIZATION_DATA: 64, 8 {
        MajorVersion 0, MinorVersion 4, DumpStart 8, DumpWrite 16, DumpFinish 24, DumpUnload 32, DumpData 40,
        MaxPagesPerWrite 48, Flags 52, DumpRead 56,
    }
}
