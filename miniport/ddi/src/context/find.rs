//! `HwStorFindAdapter`: the only callback that may take resources, and the only one that may mark dump memory.
//!
//! Key types: [`FindAdapterContext`], [`DumpMode`], [`DumpRange`]. Neighbours: [`crate::config`] describes the adapter to the port,
//! [`crate::dump`] has the context that the normal instance left.
//! Source: `nc-storport-hw_find_adapter.md`, `nf-storport-storportmarkdumpmemory.md`, `nf-storport-storportgetuncachedextension.md`.
#![expect(unsafe_code, reason = "takes resources from the port driver")]
// UNSAFETY: resources come as raw pointers whose size and lifetime only the documentation tells.

use core::{ffi::c_void, ptr::NonNull};

use wdk_sys::{
    _BUS_DATA_TYPE, ACCESS_RANGE, LARGE_INTEGER, MARK_DUMP_MEMORY_FLAG_PHYSICAL_ADDRESS,
    PORT_CONFIGURATION_INFORMATION, storage,
};

use crate::{
    arena::{self, Arena, PoolBlock},
    config::ConfigInfo,
    dump::DumpData,
    inlines,
    memory::{BusRange, UncachedMemory, quad},
    mmio::RegisterRange,
    parameters::AdapterRegistry,
    port::Port,
    private::PrivateArea,
    resident::Residents,
    status::StorError,
};

/// Page size of the platform in bytes.
const PAGE_BYTES: u32 = 4096;

/// In which life the miniport runs (`PORT_CONFIGURATION_INFORMATION.DumpMode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpMode {
    /// Normal operation.
    None,
    /// Writes a crash dump.
    Crash,
    /// Writes a hibernation file.
    Hiber,
    /// Marks its memory, and does nothing else.
    MarkMemory,
    /// Reads the rest of a hibernation file in the restored system.
    Resume,
    /// A mode that a later Windows may bring.
    Other(u8),
}

impl DumpMode {
    const fn from_code(code: u8) -> Self {
        match code as u32 {
            0 => Self::None,
            wdk_sys::DUMP_MODE_CRASH => Self::Crash,
            wdk_sys::DUMP_MODE_HIBER => Self::Hiber,
            wdk_sys::DUMP_MODE_MARK_MEMORY => Self::MarkMemory,
            wdk_sys::DUMP_MODE_RESUME => Self::Resume,
            _ => Self::Other(code),
        }
    }

    /// The mode as a number, for the flight recorder.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Crash => wdk_sys::DUMP_MODE_CRASH as u8,
            Self::Hiber => wdk_sys::DUMP_MODE_HIBER as u8,
            Self::MarkMemory => wdk_sys::DUMP_MODE_MARK_MEMORY as u8,
            Self::Resume => wdk_sys::DUMP_MODE_RESUME as u8,
            Self::Other(code) => code,
        }
    }
}

/// A range to keep for the dump.
#[derive(Clone, Copy, Debug)]
pub enum DumpRange<'a> {
    /// The context that the normal instance left, by virtual address.
    Context(&'a DumpData),
    /// The device extension, by virtual address.
    DeviceExtension,
    /// Memory that the device works on, by physical address.
    Physical(BusRange),
}

/// A range of device addresses that PnP assigned to the adapter (`ACCESS_RANGE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessRange {
    /// First bus address.
    pub start: u64,
    /// Length in bytes.
    pub bytes: u32,
    /// Whether the range is in memory space, not in I/O space.
    pub in_memory_space: bool,
}

/// `HwStorFindAdapter`: PASSIVE without lock in normal life, HIGH in the dump stack.
pub struct FindAdapterContext<'call> {
    port: Port<'call>,
    config: &'call mut PORT_CONFIGURATION_INFORMATION,
    memory: PrivateMemory<'call>,
    argument_says_dump: bool,
}

/// What an adapter has of private memory.
pub(crate) struct PrivateMemory<'call> {
    /// Size of the whole device extension in bytes.
    pub(crate) extension_bytes: u32,
    /// Where areas and residents come from.
    pub(crate) arena: Arena,
    /// Keeps what was got beside the extension.
    pub(crate) pool: &'call PoolBlock,
}

impl<'call> FindAdapterContext<'call> {
    pub(crate) const fn new(
        port: Port<'call>,
        config: &'call mut PORT_CONFIGURATION_INFORMATION,
        memory: PrivateMemory<'call>,
        argument_says_dump: bool,
    ) -> Self {
        Self {
            port,
            config,
            memory,
            argument_says_dump,
        }
    }

    /// The port handle.
    #[must_use]
    pub const fn port(&self) -> Port<'call> {
        self.port
    }

    /// In which life the miniport runs. Before Windows 8 there is no mode, and `dump=1` in the argument string says it.
    #[must_use]
    pub const fn dump_mode(&self) -> DumpMode {
        match DumpMode::from_code(self.config.DumpMode) {
            DumpMode::None if self.argument_says_dump => DumpMode::Crash,
            mode => mode,
        }
    }

    /// The driver's values in the registry; `None` in the dump stack, which has none, or when the port has no memory for a buffer.
    #[must_use]
    pub fn registry(&self) -> Option<AdapterRegistry<'call>> {
        match self.dump_mode() {
            DumpMode::None => AdapterRegistry::open(self.port),
            _ => None,
        }
    }

    /// The description of the adapter for the port.
    pub const fn config(&mut self) -> ConfigInfo<'_> {
        ConfigInfo::new(self.config)
    }

    /// The context that the normal instance left for the dump stack (`MiniportDumpData`), if there is one; `bytes` is the length
    /// that the normal instance gave it.
    #[must_use]
    pub const fn dump_data(&self, bytes: u32) -> Option<DumpData> {
        match NonNull::new(self.config.MiniportDumpData) {
            Some(data) => Some(DumpData::new(data.cast(), bytes)),
            None => None,
        }
    }

    /// Gets `bytes` bytes of private memory beside the device extension, once and not in the dump stack, which has no pool; areas and
    /// residents come from there afterwards. It ends with the adapter: after [`free_resources`](crate::adapter::Adapter::free_resources), or
    /// at once when the adapter is not taken.
    ///
    /// # Errors
    /// [`StorError::NotImplemented`]: in the dump stack. [`StorError::Busy`]: there is such memory already. Otherwise the port's status.
    pub fn take_pool(&mut self, bytes: u32) -> Result<(), StorError> {
        if self.dump_mode() != DumpMode::None {
            return Err(StorError::NotImplemented);
        }
        self.memory.arena = self.memory.pool.allocate(self.port, bytes)?;
        Ok(())
    }

    /// Takes an array of `count` times `value` out of the private memory; `None` when it is used up.
    pub fn private_area<T: Copy>(&mut self, count: u16, value: T) -> Option<PrivateArea<T>> {
        self.memory.arena.area(count, value)
    }

    /// Makes `count` objects in the private memory, on the boundary that their type asks for; `make` may take areas of its own for each.
    /// `None` when the memory is used up or `make` gives up.
    pub fn residents<T>(
        &mut self,
        count: u16,
        mut make: impl FnMut(&mut Self, u16) -> Option<T>,
    ) -> Option<Residents<T>> {
        let first = self.memory.arena.places(count)?;
        // SAFETY: the places were just taken, for this type and count.
        unsafe { arena::fill(first, count, |index| make(self, index)) }
    }

    /// Keeps a range for the dump: it is restored before the dump stack runs in the resumed system (`StorPortMarkDumpMemory`).
    /// Legal in this callback alone.
    ///
    /// # Errors
    /// The port's status. Outside of `MARK_MEMORY` and HIBER a refusal means nothing.
    pub fn mark_dump_memory(&self, range: DumpRange<'_>) -> Result<(), StorError> {
        let (address, bytes, flags) = match range {
            DumpRange::Context(data) => (data.address().cast::<c_void>(), data.bytes() as usize, 0),
            DumpRange::DeviceExtension => {
                let bytes = self.memory.extension_bytes as usize;
                (self.port.extension(), bytes, 0)
            }
            DumpRange::Physical(range) => (
                core::ptr::without_provenance_mut(range.address() as usize),
                range.bytes() as usize,
                MARK_DUMP_MEMORY_FLAG_PHYSICAL_ADDRESS,
            ),
        };
        // SAFETY: the extension is live (invariant of Port); the port does not dereference the address here.
        let code = unsafe {
            inlines::StorPortMarkDumpMemory(self.port.extension(), address, bytes as u64, flags)
        };
        StorError::check(code)
    }

    /// Reads the beginning of the function's PCI configuration space; returns how many bytes there were.
    #[must_use]
    pub fn read_pci_config(&self, buffer: &mut [u8]) -> u32 {
        let Ok(length) = u32::try_from(buffer.len()) else {
            return 0;
        };
        // SAFETY: the extension is live (invariant of Port); the buffer has the length that is passed.
        let read = unsafe {
            storage::StorPortGetBusData(
                self.port.extension(),
                _BUS_DATA_TYPE::PCIConfiguration as u32,
                self.config.SystemIoBusNumber,
                self.config.SlotNumber,
                buffer.as_mut_ptr().cast(),
                length,
            )
        };
        read.min(length)
    }

    /// Writes to the function's PCI configuration space at `offset` bytes; returns whether all of it was written.
    #[must_use]
    pub fn write_pci_config(&self, offset: u32, bytes: &[u8]) -> bool {
        let Ok(length) = u32::try_from(bytes.len()) else {
            return false;
        };
        // SAFETY: the extension is live (invariant of Port); the port only reads the buffer, which has the length passed.
        let written = unsafe {
            storage::StorPortSetBusDataByOffset(
                self.port.extension(),
                _BUS_DATA_TYPE::PCIConfiguration as u32,
                self.config.SystemIoBusNumber,
                self.config.SlotNumber,
                bytes.as_ptr().cast_mut().cast(),
                offset,
                length,
            )
        };
        written == length
    }

    /// The ranges that PnP assigned, in order; unused entries are left out.
    pub fn access_ranges(&self) -> impl Iterator<Item = AccessRange> + use<'_> {
        let ranges: &[ACCESS_RANGE] = match NonNull::new(self.config.AccessRanges) {
            Some(first) => {
                // SAFETY: the port gives an array of NumberOfAccessRanges elements that lives as long as the configuration.
                unsafe {
                    core::slice::from_raw_parts(
                        first.cast().as_ptr(),
                        self.config.NumberOfAccessRanges as usize,
                    )
                }
            }
            None => &[],
        };
        ranges
            .iter()
            .filter(|range| range.RangeLength != 0)
            .map(|range| AccessRange {
                start: quad(range.RangeStart),
                bytes: range.RangeLength,
                in_memory_space: range.RangeInMemory != 0,
            })
    }

    /// Maps a range that PnP assigned, whole (`StorPortGetDeviceBase`).
    ///
    /// In the dump stack the port can only hand out mappings that the normal instance made with the same address and length.
    #[must_use]
    pub fn map_registers(&self, range: AccessRange) -> Option<RegisterRange> {
        let start = LARGE_INTEGER {
            QuadPart: range.start.cast_signed(),
        };
        // SAFETY: the extension is live (invariant of Port); the other arguments are plain numbers.
        let base = unsafe {
            storage::StorPortGetDeviceBase(
                self.port.extension(),
                self.config.AdapterInterfaceType,
                self.config.SystemIoBusNumber,
                start,
                range.bytes,
                u8::from(!range.in_memory_space),
            )
        };
        let base = NonNull::new(base)?.cast::<u8>();
        if !range.in_memory_space {
            return None;
        }
        // SAFETY: the port mapped `bytes` bytes of registers there, and keeps the mapping for the life of the adapter.
        Some(unsafe { RegisterRange::new(base, range.bytes) })
    }

    /// Takes memory for the device to work on: `bytes` bytes on a page boundary, contiguous for the device
    /// (`StorPortGetUncachedExtension`). The port allocates once in the life of the adapter, whatever later calls ask for; the
    /// configuration has to be complete before.
    ///
    /// # Errors
    /// [`StorError::InsufficientResources`]: no memory, or not contiguous for the device.
    pub fn uncached_extension(&mut self, bytes: u32) -> Result<UncachedMemory, StorError> {
        let asked = bytes
            .checked_add(PAGE_BYTES)
            .ok_or(StorError::InvalidParameter)?;
        // SAFETY: the extension is live (invariant of Port); the configuration is the one that the port passed.
        let base = unsafe {
            storage::StorPortGetUncachedExtension(
                self.port.extension(),
                &raw mut *self.config,
                asked,
            )
        };
        let base = NonNull::new(base)
            .ok_or(StorError::InsufficientResources)?
            .cast::<u8>();
        let skip = base.addr().get().wrapping_neg() % PAGE_BYTES as usize;
        // SAFETY: skip is less than a page, and a page more than needed was asked for.
        let aligned = unsafe { base.add(skip) };
        let mut contiguous = 0;
        // SAFETY: the extension is live; without a request the address lies in the uncached extension; the length is a local.
        let bus = unsafe {
            storage::StorPortGetPhysicalAddress(
                self.port.extension(),
                core::ptr::null_mut(),
                aligned.as_ptr().cast(),
                &raw mut contiguous,
            )
        };
        if contiguous < bytes {
            return Err(StorError::InsufficientResources);
        }
        // SAFETY: (1) page aligned; (2) `bytes` bytes from there on are part of what was asked for; (3) contiguous, as the port
        // says; (4) each FindAdapter writes a new adapter, so nobody else has the memory.
        Ok(unsafe { UncachedMemory::new(aligned, bytes, quad(bus)) })
    }
}
