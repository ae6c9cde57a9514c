//! `HwStorFindAdapter` of the dump life: mark, validate, map. The device is not touched before `HwStorInitialize`.
//!
//! Marks come first and in every mode: the context before anything of it is read, then the device extension and the memory that the device works on.
//! They take effect where the port prepares a hibernation image, and do nothing elsewhere.

use ddi::{
    config::Limits,
    context::{DumpMode, DumpRange, FindAdapterContext},
    dump::DumpData,
    instance::INSTANCE,
    recorder::{self, Event},
    status::{FindError, StorError},
};
use hba::{
    pci::{Bar, CONFIG_BYTES, CapError, VENDOR_ID, VirtioCaps, capabilities},
    plan::{DUMP_REGION_BYTES_MAX, PAGE_BYTES, Plan},
    ring::Slot,
};

use super::{DumpAdapter, Hardware, SLOTS};
use crate::{
    device::{collect_ranges, map_registers},
    dump_context::{ContextError, DumpContext},
};

/// Bytes that the dump life asks for at most, alignment included; the documented ceiling for all noncached memory is 32 KiB.
const MEMORY_BYTES_MAX: u32 = 16 * 1024;
const _: () = assert!(DUMP_REGION_BYTES_MAX + PAGE_BYTES <= MEMORY_BYTES_MAX);

/// Transfers while nothing is known about the device: what fits any ring and any device.
const CAUTIOUS_TRANSFER_BYTES: u32 = 64 * 1024;

/// PCI command register (PCI Local Bus 3.0, 6.2.2).
const PCI_COMMAND: u32 = 4;
const PCI_COMMAND_MEMORY_SPACE: u16 = 1 << 1;
const PCI_COMMAND_BUS_MASTER: u16 = 1 << 2;

/// First base address register, their flag bits, and among those the type (PCI Local Bus 3.0, 6.2.5.1).
const PCI_BARS: u32 = 0x10;
const PCI_BAR_FLAGS: u32 = 0xF;
const PCI_BAR_TYPE: u32 = 0x6;
const PCI_BAR_TYPE_64: u32 = 0x4;

/// Steps that can refuse the adapter, for the flight recorder.
#[derive(Clone, Copy, Debug)]
enum Step {
    DumpMode = 0x11,
    Context = 0x12,
    Memory = 0x13,
    Config = 0x14,
    Capabilities = 0x15,
    Map = 0x16,
    SecondAdapter = 0x17,
}

impl DumpAdapter {
    pub(super) fn find(&mut self, context: &mut FindAdapterContext<'_>) -> Result<(), FindError> {
        let data = context.dump_data(DumpContext::LENGTH.into());
        if let Some(data) = &data {
            mark(context, DumpRange::Context(data));
        }
        mark(context, DumpRange::DeviceExtension);
        self.mode = context.dump_mode();
        recorder::record(Event::FindAdapter, self.mode.code().into(), 0);
        if self.mode == DumpMode::None {
            return Err(refuse(Step::DumpMode, 0, FindError::BadConfig));
        }
        let left = match data {
            Some(data) => Some(read_context(&data).map_err(|error| {
                recorder::record(Event::ContextRefused, error as u64, 0);
                refuse(Step::Context, error as u64, FindError::BadConfig)
            })?),
            None => None,
        };
        self.plan = left.as_ref().map(|left| left.plan);
        describe(context, self.plan.as_ref());
        let region_bytes = match &self.plan {
            Some(plan) => plan.region_bytes(),
            None => DUMP_REGION_BYTES_MAX,
        };
        self.memory = context
            .uncached_extension(region_bytes)
            .map_err(|_| refuse(Step::Memory, region_bytes.into(), FindError::Failed))?;
        let slots = context.private_area(SLOTS, Slot::default());
        self.state.get_mut().slots =
            slots.ok_or_else(|| refuse(Step::Memory, 0, FindError::Failed))?;
        mark(context, DumpRange::Physical(self.memory.bus_range()));
        if self.mode != DumpMode::MarkMemory {
            self.hardware = Some(find_hardware(context, left.as_ref())?);
        }
        if !INSTANCE.claim(context.port()) {
            return Err(refuse(Step::SecondAdapter, 0, FindError::NotFound));
        }
        Ok(())
    }
}

/// Marks a range. That it is refused outside of `MARK_MEMORY` and HIBER means nothing, and there it is the port's to fail.
fn mark(context: &FindAdapterContext<'_>, range: DumpRange<'_>) {
    let (address, bytes) = match range {
        DumpRange::Context(data) => (data.address_code(), data.bytes()),
        DumpRange::DeviceExtension => (0, 0),
        DumpRange::Physical(range) => (range.address(), range.bytes()),
    };
    match context.mark_dump_memory(range) {
        Ok(()) => recorder::record(Event::MemoryMarked, address, bytes.into()),
        Err(error) => recorder::record(Event::MarkRefused, address, refusal_code(error)),
    }
}

/// Reads and checks what the normal life left.
fn read_context(data: &DumpData) -> Result<DumpContext, ContextError> {
    let mut bytes = [0; DumpContext::BYTES];
    if !data.read(&mut bytes) {
        return Err(ContextError::Length);
    }
    DumpContext::decode(&bytes)
}

/// Tells the port what the adapter can take; the limits are finite in every case.
fn describe(context: &mut FindAdapterContext<'_>, plan: Option<&Plan>) {
    let (bytes, targets, units) = match plan {
        Some(plan) => (
            plan.transfer_bytes(),
            plan.limits().max_target.saturating_add(1),
            plan.limits().max_lun.saturating_add(1),
        ),
        None => (CAUTIOUS_TRANSFER_BYTES, u8::MAX, u16::MAX),
    };
    let breaks = match plan {
        Some(plan) => plan.segments().into(),
        None => CAUTIOUS_TRANSFER_BYTES / PAGE_BYTES + 1,
    };
    context.config().describe(Limits {
        maximum_transfer_bytes: bytes,
        physical_breaks: breaks,
        targets,
        logical_units: u8::try_from(units).unwrap_or(u8::MAX),
        requests: 1,
        requests_per_unit: 1,
    });
    context.config().set_srb_extension::<DumpAdapter>();
}

/// Finds the registers: from the context, else from configuration space. Reads and at most repairs configuration space.
fn find_hardware(
    context: &FindAdapterContext<'_>,
    left: Option<&DumpContext>,
) -> Result<Hardware, FindError> {
    let mut config = [0; CONFIG_BYTES];
    let read = context.read_pci_config(&mut config);
    let (caps, ranges) = match left {
        Some(left) => (*left.plan.caps(), left.ranges),
        None => (
            discover(&config, read)?,
            collect_ranges(context.access_ranges()),
        ),
    };
    if read as usize >= CONFIG_BYTES {
        let [a, b, c, d, ..] = config;
        let found = [u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d])];
        if found != [VENDOR_ID, caps.device_id] {
            // Another function answers here, or none: nothing of it may be touched.
            return Err(refuse(Step::Config, found[1].into(), FindError::NotFound));
        }
        restore_function(context, &caps, &config);
    }
    let registers = map_registers(context, &caps, &ranges)
        .map_err(|error| refuse(Step::Map, error.code(), FindError::Failed))?;
    Ok(Hardware { registers, caps })
}

/// Walks the capabilities of a device about which nothing is known.
fn discover(config: &[u8; CONFIG_BYTES], read: u32) -> Result<VirtioCaps, FindError> {
    if (read as usize) < CONFIG_BYTES {
        return Err(refuse(Step::Config, read.into(), FindError::Failed));
    }
    capabilities(config).map_err(|error| {
        let status = match error {
            CapError::NoFunction | CapError::NotVirtioScsi => FindError::NotFound,
            _ => FindError::Failed,
        };
        refuse(Step::Capabilities, 0, status)
    })
}

/// Puts the function's configuration into the state in which the normal life left it, where firmware has changed it: the addresses of the
/// memory ranges, memory space, bus mastering. A resumed system may find any of them otherwise before PnP has restored them.
fn restore_function(
    context: &FindAdapterContext<'_>,
    caps: &VirtioCaps,
    config: &[u8; CONFIG_BYTES],
) {
    const NEEDED: u16 = PCI_COMMAND_MEMORY_SPACE | PCI_COMMAND_BUS_MASTER;
    let field = |offset: u32| {
        let bytes = config.get(offset as usize..).and_then(<[u8]>::first_chunk);
        bytes.copied().map_or(0, u32::from_le_bytes)
    };
    let [low, high, ..] = field(PCI_COMMAND).to_le_bytes();
    let mut command = u16::from_le_bytes([low, high]);
    for (offset, bar) in (PCI_BARS..).step_by(4).zip(caps.bars) {
        let Bar::Memory { base } = bar else {
            continue;
        };
        let kind = field(offset) & PCI_BAR_FLAGS;
        let wanted = (base | u64::from(kind)).to_le_bytes();
        let is_wide = kind & PCI_BAR_TYPE == PCI_BAR_TYPE_64;
        let is_moved = field(offset) & !PCI_BAR_FLAGS != low_half(base)
            || is_wide && u64::from(field(offset + 4)) != base >> 32;
        if !is_moved {
            continue;
        }
        // The function must not answer at a half-written address (PCI Local Bus 3.0, 6.2.5.1).
        command &= !PCI_COMMAND_MEMORY_SPACE;
        let _ = context.write_pci_config(PCI_COMMAND, &command.to_le_bytes());
        let bytes = if is_wide { 8 } else { 4 };
        let _ = context.write_pci_config(offset, wanted.get(..bytes).unwrap_or(&wanted));
        recorder::record(Event::FunctionRestored, offset.into(), base);
    }
    if command & NEEDED != NEEDED {
        command |= NEEDED;
        let _ = context.write_pci_config(PCI_COMMAND, &command.to_le_bytes());
        recorder::record(Event::FunctionRestored, PCI_COMMAND.into(), command.into());
    }
}

/// The lower 32 bits.
const fn low_half(value: u64) -> u32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// A refusal of the port as a number, for the flight recorder.
const fn refusal_code(error: StorError) -> u64 {
    match error {
        StorError::NotImplemented => 2,
        StorError::InsufficientResources => 3,
        StorError::BufferTooSmall => 4,
        StorError::AccessDenied => 5,
        StorError::InvalidParameter => 6,
        StorError::InvalidDeviceRequest => 7,
        StorError::InvalidIrql => 8,
        StorError::Busy => 0xC,
        StorError::Other(code) => code as u64,
    }
}

/// Records why the adapter is not taken.
#[cold]
fn refuse(step: Step, detail: u64, status: FindError) -> FindError {
    recorder::record(Event::FindRefused, step as u64, detail);
    status
}
