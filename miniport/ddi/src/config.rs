//! The description of the adapter for the port: `PORT_CONFIGURATION_INFORMATION`.
//!
//! Key types: [`ConfigInfo`], [`Limits`]. Source: `ns-storport-_port_configuration_information.md`.

use wdk_sys::{
    _INTERRUPT_SYNCHRONIZATION_MODE, _STOR_SYNCHRONIZATION_MODEL, PORT_CONFIGURATION_INFORMATION,
    SCSI_DMA64_MINIPORT_FULL64BIT_SUPPORTED, STOR_ADAPTER_FEATURE_ABORT_COMMAND,
    STOR_MAP_NON_READ_WRITE_BUFFERS,
};

use crate::{adapter::Adapter, srb::Srb, thunk};

/// Length of the structure up to and including `MaxIOsPerLun` and its successors (`CONFIG_INFO_VERSION_3`), in bytes.
const VERSION_3_BYTES: u32 = size_of::<PORT_CONFIGURATION_INFORMATION>() as u32;

/// What the adapter can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest transfer of a request in bytes; finite.
    pub maximum_transfer_bytes: u32,
    /// Pieces that a request may consist of; finite.
    pub physical_breaks: u32,
    /// Number of targets on the bus.
    pub targets: u8,
    /// Number of logical units of a target.
    pub logical_units: u8,
    /// Requests that the adapter may have outstanding.
    pub requests: u32,
    /// Requests that a logical unit may have outstanding.
    pub requests_per_unit: u32,
}

/// The adapter's entry in the port's books, during `HwStorFindAdapter`.
pub struct ConfigInfo<'find> {
    raw: &'find mut PORT_CONFIGURATION_INFORMATION,
}

impl<'find> ConfigInfo<'find> {
    pub(crate) const fn new(raw: &'find mut PORT_CONFIGURATION_INFORMATION) -> Self {
        Self { raw }
    }

    /// Describes a PCI bus master with scatter/gather, 64-bit addresses, full duplex and tagged queuing. Comes before
    /// [`uncached_extension`](crate::context::FindAdapterContext::uncached_extension), which needs it.
    pub fn describe(&mut self, limits: Limits) {
        self.raw.MaximumTransferLength = limits.maximum_transfer_bytes;
        self.raw.NumberOfPhysicalBreaks = limits.physical_breaks;
        self.raw.AlignmentMask = 0x3;
        self.raw.NumberOfBuses = 1;
        self.raw.ScatterGather = 1;
        self.raw.Master = 1;
        self.raw.CachesData = 1;
        self.raw.Dma32BitAddresses = 1;
        self.raw.Dma64BitAddresses = SCSI_DMA64_MINIPORT_FULL64BIT_SUPPORTED as u8;
        self.raw.MapBuffers = STOR_MAP_NON_READ_WRITE_BUFFERS as u8;
        self.raw.NeedPhysicalAddresses = 1;
        self.raw.TaggedQueuing = 1;
        self.raw.AutoRequestSense = 1;
        self.raw.MultipleRequestPerLu = 1;
        self.raw.MaximumNumberOfTargets = limits.targets;
        self.raw.MaximumNumberOfLogicalUnits = limits.logical_units;
        self.raw.ResetTargetSupported = 1;
        self.raw.WmiDataProvider = 0;
        self.raw.VirtualDevice = 0;
        self.raw.SynchronizationModel = _STOR_SYNCHRONIZATION_MODEL::StorSynchronizeFullDuplex;
        self.raw.MaxNumberOfIO = limits.requests;
        if self.raw.Length >= VERSION_3_BYTES {
            self.raw.MaxIOsPerLun = limits.requests_per_unit;
            self.raw.InitialLunQueueDepth = limits.requests_per_unit;
            self.raw.FeatureSupport |= STOR_ADAPTER_FEATURE_ABORT_COMMAND;
        }
    }

    /// Sets the size of the SRB extension that adapter type `A` registered, which the port wants to see here too.
    pub fn set_srb_extension<A: Adapter>(&mut self) {
        self.raw.SrbExtensionSize = Srb::<A>::EXTENSION_BYTES;
    }

    /// Asks for message-signalled interrupts, each with a lock of its own. Without messages the port uses the line interrupt.
    pub fn enable_message_interrupts<A: Adapter>(&mut self) {
        self.raw.HwMSInterruptRoutine = Some(thunk::message_interrupt::<A>);
        self.raw.InterruptSynchronizationMode =
            _INTERRUPT_SYNCHRONIZATION_MODE::InterruptSynchronizePerMessage;
    }
}
