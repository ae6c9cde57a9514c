// storport.h: callbacks, configuration and initialisation data.

#[repr(C)]
#[derive(Debug)]
pub struct _KINTERRUPT {
    _unused: [u8; 0],
}

pub type KMESSAGE_SERVICE_ROUTINE = ::core::option::Option<
    unsafe extern "C" fn(Interrupt: *mut _KINTERRUPT, ServiceContext: PVOID, MessageID: ULONG) -> BOOLEAN,
>;

pub type PKMESSAGE_SERVICE_ROUTINE = KMESSAGE_SERVICE_ROUTINE;

pub type HW_MESSAGE_SIGNALED_INTERRUPT_ROUTINE =
    ::core::option::Option<unsafe extern "C" fn(HwDeviceExtension: PVOID, MessageId: ULONG) -> BOOLEAN>;

pub type PHW_MESSAGE_SIGNALED_INTERRUPT_ROUTINE = HW_MESSAGE_SIGNALED_INTERRUPT_ROUTINE;

#[repr(C)]
#[derive(Copy, Clone)]
pub struct _PORT_CONFIGURATION_INFORMATION {
    pub Length: ULONG,
    pub SystemIoBusNumber: ULONG,
    pub AdapterInterfaceType: INTERFACE_TYPE,
    pub BusInterruptLevel: ULONG,
    pub BusInterruptVector: ULONG,
    pub InterruptMode: KINTERRUPT_MODE,
    pub MaximumTransferLength: ULONG,
    pub NumberOfPhysicalBreaks: ULONG,
    pub DmaChannel: ULONG,
    pub DmaPort: ULONG,
    pub DmaWidth: DMA_WIDTH,
    pub DmaSpeed: DMA_SPEED,
    pub AlignmentMask: ULONG,
    pub NumberOfAccessRanges: ULONG,
    pub AccessRanges: *mut [ACCESS_RANGE; 0usize],
    pub MiniportDumpData: PVOID,
    pub NumberOfBuses: UCHAR,
    pub InitiatorBusId: [CCHAR; 8usize],
    pub ScatterGather: BOOLEAN,
    pub Master: BOOLEAN,
    pub CachesData: BOOLEAN,
    pub AdapterScansDown: BOOLEAN,
    pub AtdiskPrimaryClaimed: BOOLEAN,
    pub AtdiskSecondaryClaimed: BOOLEAN,
    pub Dma32BitAddresses: BOOLEAN,
    pub DemandMode: BOOLEAN,
    pub MapBuffers: UCHAR,
    pub NeedPhysicalAddresses: BOOLEAN,
    pub TaggedQueuing: BOOLEAN,
    pub AutoRequestSense: BOOLEAN,
    pub MultipleRequestPerLu: BOOLEAN,
    pub ReceiveEvent: BOOLEAN,
    pub RealModeInitialized: BOOLEAN,
    pub BufferAccessScsiPortControlled: BOOLEAN,
    pub MaximumNumberOfTargets: UCHAR,
    pub SrbType: UCHAR,
    pub AddressType: UCHAR,
    pub SlotNumber: ULONG,
    pub BusInterruptLevel2: ULONG,
    pub BusInterruptVector2: ULONG,
    pub InterruptMode2: KINTERRUPT_MODE,
    pub DmaChannel2: ULONG,
    pub DmaPort2: ULONG,
    pub DmaWidth2: DMA_WIDTH,
    pub DmaSpeed2: DMA_SPEED,
    pub DeviceExtensionSize: ULONG,
    pub SpecificLuExtensionSize: ULONG,
    pub SrbExtensionSize: ULONG,
    pub Dma64BitAddresses: UCHAR,
    pub ResetTargetSupported: BOOLEAN,
    pub MaximumNumberOfLogicalUnits: UCHAR,
    pub WmiDataProvider: BOOLEAN,
    pub SynchronizationModel: STOR_SYNCHRONIZATION_MODEL,
    pub HwMSInterruptRoutine: PHW_MESSAGE_SIGNALED_INTERRUPT_ROUTINE,
    pub InterruptSynchronizationMode: INTERRUPT_SYNCHRONIZATION_MODE,
    pub DumpRegion: _MEMORY_REGION,
    pub RequestedDumpBufferSize: ULONG,
    pub VirtualDevice: BOOLEAN,
    pub DumpMode: UCHAR,
    pub DmaAddressWidth: UCHAR,
    pub ExtendedFlags1: ULONG,
    pub MaxNumberOfIO: ULONG,
    pub MaxIOsPerLun: ULONG,
    pub InitialLunQueueDepth: ULONG,
    pub BusResetHoldTime: ULONG,
    pub FeatureSupport: ULONG,
}

pub type PORT_CONFIGURATION_INFORMATION = _PORT_CONFIGURATION_INFORMATION;
pub type PPORT_CONFIGURATION_INFORMATION = *mut _PORT_CONFIGURATION_INFORMATION;

pub type STOR_EXT_DELETE_CALLBACK = ::core::option::Option<unsafe extern "C" fn(Context: PVOID)>;

pub type PSTOR_EXT_DELETE_CALLBACK = STOR_EXT_DELETE_CALLBACK;

pub type HW_INITIALIZE = ::core::option::Option<unsafe extern "C" fn(DeviceExtension: PVOID) -> BOOLEAN>;

pub type PHW_INITIALIZE = HW_INITIALIZE;

pub type HW_BUILDIO =
    ::core::option::Option<unsafe extern "C" fn(DeviceExtension: PVOID, Srb: PSCSI_REQUEST_BLOCK) -> BOOLEAN>;

pub type PHW_BUILDIO = HW_BUILDIO;

pub type HW_STARTIO =
    ::core::option::Option<unsafe extern "C" fn(DeviceExtension: PVOID, Srb: PSCSI_REQUEST_BLOCK) -> BOOLEAN>;

pub type PHW_STARTIO = HW_STARTIO;

pub type HW_INTERRUPT = ::core::option::Option<unsafe extern "C" fn(DeviceExtension: PVOID) -> BOOLEAN>;

pub type PHW_INTERRUPT = HW_INTERRUPT;
pub type HW_TIMER = ::core::option::Option<unsafe extern "C" fn(DeviceExtension: PVOID)>;
pub type PHW_TIMER = HW_TIMER;

pub type HW_TIMER_EX = ::core::option::Option<unsafe extern "C" fn(DeviceExtension: PVOID, Context: PVOID)>;

pub type PHW_TIMER_EX = HW_TIMER_EX;

pub type HW_DMA_STARTED = ::core::option::Option<unsafe extern "C" fn(DeviceExtension: PVOID)>;

pub type PHW_DMA_STARTED = HW_DMA_STARTED;

pub type HW_FIND_ADAPTER = ::core::option::Option<
    unsafe extern "C" fn(
        DeviceExtension: PVOID,
        HwContext: PVOID,
        BusInformation: PVOID,
        ArgumentString: PCHAR,
        ConfigInfo: PPORT_CONFIGURATION_INFORMATION,
        Reserved3: PBOOLEAN,
    ) -> ULONG,
>;

pub type PHW_FIND_ADAPTER = HW_FIND_ADAPTER;

pub type HW_RESET_BUS =
    ::core::option::Option<unsafe extern "C" fn(DeviceExtension: PVOID, PathId: ULONG) -> BOOLEAN>;

pub type PHW_RESET_BUS = HW_RESET_BUS;

pub type HW_ADAPTER_STATE = ::core::option::Option<
    unsafe extern "C" fn(DeviceExtension: PVOID, Context: PVOID, SaveState: BOOLEAN) -> BOOLEAN,
>;

pub type PHW_ADAPTER_STATE = HW_ADAPTER_STATE;

pub type HW_ADAPTER_CONTROL = ::core::option::Option<
    unsafe extern "C" fn(
        DeviceExtension: PVOID,
        ControlType: SCSI_ADAPTER_CONTROL_TYPE,
        Parameters: PVOID,
    ) -> SCSI_ADAPTER_CONTROL_STATUS,
>;

pub type PHW_ADAPTER_CONTROL = HW_ADAPTER_CONTROL;

pub type HW_PASSIVE_INITIALIZE_ROUTINE =
    ::core::option::Option<unsafe extern "C" fn(DeviceExtension: PVOID) -> BOOLEAN>;

pub type PHW_PASSIVE_INITIALIZE_ROUTINE = HW_PASSIVE_INITIALIZE_ROUTINE;

pub type HW_DPC_ROUTINE = ::core::option::Option<
    unsafe extern "C" fn(
        Dpc: PSTOR_DPC,
        HwDeviceExtension: PVOID,
        SystemArgument1: PVOID,
        SystemArgument2: PVOID,
    ),
>;

pub type PHW_DPC_ROUTINE = HW_DPC_ROUTINE;

pub type HW_REGISTRY_NOTIFICATION_ROUTINE =
    ::core::option::Option<unsafe extern "C" fn(HwDeviceExtension: PVOID)>;

pub type PHW_REGISTRY_NOTIFICATION_ROUTINE = HW_REGISTRY_NOTIFICATION_ROUTINE;

pub type HW_WORKITEM =
    ::core::option::Option<unsafe extern "C" fn(HwDeviceExtension: PVOID, Context: PVOID, Worker: PVOID)>;

pub type PHW_WORKITEM = HW_WORKITEM;

pub type HW_STATE_CHANGE = ::core::option::Option<
    unsafe extern "C" fn(
        HwDeviceExtension: PVOID,
        Context: PVOID,
        AddressType: SHORT,
        Address: PVOID,
        Status: ULONG,
    ),
>;

pub type PHW_STATE_CHANGE = HW_STATE_CHANGE;

pub type HW_TRACING_ENABLED =
    ::core::option::Option<unsafe extern "C" fn(HwDeviceExtension: PVOID, Enabled: BOOLEAN)>;

pub type PHW_TRACING_ENABLED = HW_TRACING_ENABLED;

pub type HW_UNIT_CONTROL = ::core::option::Option<
    unsafe extern "C" fn(
        DeviceExtension: PVOID,
        ControlType: SCSI_UNIT_CONTROL_TYPE,
        Parameters: PVOID,
    ) -> SCSI_UNIT_CONTROL_STATUS,
>;

pub type PHW_UNIT_CONTROL = HW_UNIT_CONTROL;

pub type STOR_THREAD_START_ROUTINE = ::core::option::Option<unsafe extern "C" fn(StartContext: PVOID)>;

pub type PSTOR_THREAD_START_ROUTINE = STOR_THREAD_START_ROUTINE;

pub type HW_FREE_ADAPTER_RESOURCES = ::core::option::Option<unsafe extern "C" fn(DeviceExtension: PVOID)>;

pub type PHW_FREE_ADAPTER_RESOURCES = HW_FREE_ADAPTER_RESOURCES;

pub type HW_PROCESS_SERVICE_REQUEST =
    ::core::option::Option<unsafe extern "C" fn(DeviceExtension: PVOID, Irp: PVOID)>;

pub type PHW_PROCESS_SERVICE_REQUEST = HW_PROCESS_SERVICE_REQUEST;

pub type HW_COMPLETE_SERVICE_IRP = ::core::option::Option<unsafe extern "C" fn(DeviceExtension: PVOID)>;

pub type PHW_COMPLETE_SERVICE_IRP = HW_COMPLETE_SERVICE_IRP;

pub type HW_INITIALIZE_TRACING = ::core::option::Option<unsafe extern "C" fn(Arg1: PVOID, Arg2: PVOID)>;

pub type PHW_INITIALIZE_TRACING = HW_INITIALIZE_TRACING;
pub type HW_CLEANUP_TRACING = ::core::option::Option<unsafe extern "C" fn(Arg1: PVOID)>;
pub type PHW_CLEANUP_TRACING = HW_CLEANUP_TRACING;

pub type STOR_SYNCHRONIZED_ACCESS =
    ::core::option::Option<unsafe extern "C" fn(HwDeviceExtension: PVOID, Context: PVOID) -> BOOLEAN>;

pub type PSTOR_SYNCHRONIZED_ACCESS = STOR_SYNCHRONIZED_ACCESS;

#[repr(C)]
#[derive(Copy, Clone)]
pub struct _HW_INITIALIZATION_DATA {
    pub HwInitializationDataSize: ULONG,
    pub AdapterInterfaceType: INTERFACE_TYPE,
    pub HwInitialize: PHW_INITIALIZE,
    pub HwStartIo: PHW_STARTIO,
    pub HwInterrupt: PHW_INTERRUPT,
    pub HwFindAdapter: PVOID,
    pub HwResetBus: PHW_RESET_BUS,
    pub HwDmaStarted: PHW_DMA_STARTED,
    pub HwAdapterState: PHW_ADAPTER_STATE,
    pub DeviceExtensionSize: ULONG,
    pub SpecificLuExtensionSize: ULONG,
    pub SrbExtensionSize: ULONG,
    pub NumberOfAccessRanges: ULONG,
    pub Reserved: PVOID,
    pub MapBuffers: UCHAR,
    pub NeedPhysicalAddresses: BOOLEAN,
    pub TaggedQueuing: BOOLEAN,
    pub AutoRequestSense: BOOLEAN,
    pub MultipleRequestPerLu: BOOLEAN,
    pub ReceiveEvent: BOOLEAN,
    pub VendorIdLength: USHORT,
    pub VendorId: PVOID,
    pub __bindgen_anon_1: _HW_INITIALIZATION_DATA__bindgen_ty_1,
    pub DeviceIdLength: USHORT,
    pub DeviceId: PVOID,
    pub HwAdapterControl: PHW_ADAPTER_CONTROL,
    pub HwBuildIo: PHW_BUILDIO,
    pub HwFreeAdapterResources: PHW_FREE_ADAPTER_RESOURCES,
    pub HwProcessServiceRequest: PHW_PROCESS_SERVICE_REQUEST,
    pub HwCompleteServiceIrp: PHW_COMPLETE_SERVICE_IRP,
    pub HwInitializeTracing: PHW_INITIALIZE_TRACING,
    pub HwCleanupTracing: PHW_CLEANUP_TRACING,
    pub HwTracingEnabled: PHW_TRACING_ENABLED,
    pub FeatureSupport: ULONG,
    pub SrbTypeFlags: ULONG,
    pub AddressTypeFlags: ULONG,
    pub Reserved1: ULONG,
    pub HwUnitControl: PHW_UNIT_CONTROL,
}

#[repr(C)]
#[derive(Copy, Clone)]
pub union _HW_INITIALIZATION_DATA__bindgen_ty_1 {
    pub ReservedUshort: USHORT,
    pub PortVersionFlags: USHORT,
}

pub type HW_INITIALIZATION_DATA = _HW_INITIALIZATION_DATA;
pub type PHW_INITIALIZATION_DATA = *mut _HW_INITIALIZATION_DATA;

zeroed_default! {
    _PORT_CONFIGURATION_INFORMATION,
    _HW_INITIALIZATION_DATA__bindgen_ty_1,
    _HW_INITIALIZATION_DATA,
}
