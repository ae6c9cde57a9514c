//! The PnP start: DriverEntry, `HwStorFindAdapter`, interrupts, `HwStorInitialize`, passive initialisation, queries.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

use proto::{
    owner::Owner,
    record::Record,
    scenario::{InterruptMode, RegistryValue, Scenario},
};

use super::{
    PortError,
    abi::{
        Structure, View,
        config::{
            PortConfiguration, SP_RETURN_BAD_CONFIG, SP_RETURN_ERROR, SP_RETURN_FOUND,
            SP_RETURN_NOT_FOUND,
        },
        services::{DriverObject, UnicodeString},
    },
    adapter::{self, Adapter, ControlTypes, Interrupts, Limits, Miniport, Phase, ROLE},
    callback::Routine,
    configure, control, device, faults, interrupts, invoke,
    locks::{Lock as SpinLock, Locks},
    queue::Queues,
    request::Table,
    services::{self, Services},
    srb::BlockKind,
    timeouts::Ladder,
};
use crate::{
    irql,
    mem::{self, AllocSpec, Allocation, Contiguity, Placement, Va},
    pci::{self, MsixState},
    pe::LoadedImage,
    processors::Each,
    record,
    rules::{self, Rule},
    sync::Lock,
};

/// Most times that `HwStorFindAdapter` is called again when it says so.
const AGAIN_LIMIT: u32 = 8;
/// PCI command register: I/O space, memory space, bus master.
const COMMAND_OFFSET: u16 = 4;
const COMMAND_BITS: u16 = 0b111;

/// How to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Registry values below the driver's parameters key.
    pub registry: Vec<RegistryValue>,
    /// Where interrupts come from.
    pub interrupts: InterruptMode,
    /// Seed of the port's choices.
    pub seed: u64,
    /// Request block to use where the miniport takes both; `None` = the extended one.
    pub block: Option<BlockKind>,
}

impl Options {
    /// What the scenario asks for.
    #[must_use]
    pub fn from_scenario(scenario: &Scenario) -> Self {
        Self {
            registry: scenario.registry.clone(),
            interrupts: scenario.interrupts,
            seed: scenario.seed,
            block: None,
        }
    }
}

struct Starting {
    driver: Va,
    path: Va,
    registered: Option<Miniport>,
}

static STARTING: Lock<Option<Starting>> = Lock::new(None);

/// The arguments that DriverEntry was given, while it runs.
#[must_use]
pub(super) fn driver_arguments() -> Option<(Va, Va)> {
    STARTING
        .lock()
        .as_ref()
        .map(|starting| (starting.driver, starting.path))
}

/// `StorPortInitialize` accepted this.
pub(super) fn register(miniport: Miniport) {
    if let Some(starting) = STARTING.lock().as_mut() {
        starting.registered = Some(miniport);
    }
}

/// Starts the driver `image` on `hba`. `PASSIVE_LEVEL`.
///
/// # Errors
/// The first step that fails.
pub fn start(image: &LoadedImage, hba: &pci::Function, options: &Options) -> Result<(), PortError> {
    invoke::watch_all_calls();
    faults::watch(image);
    let miniport = enter_driver(image)?;
    hba.write16(COMMAND_OFFSET, hba.read16(COMMAND_OFFSET) | COMMAND_BITS);
    let facts = device::before_start(hba);
    let messages = interrupts::messages_to_grant(hba, options.interrupts);
    if messages > 0 {
        // The bus driver enables the capability when it assigns messages; each stays masked until it is connected.
        hba.set_msix(MsixState::Enabled);
    }
    adapter::install(new_adapter(miniport, hba, options)?);
    configure::prepare(messages)?;
    find_adapter()?;
    let limits = configure::check()?;
    adapter::with(|adapter| {
        adapter.limits = limits;
        adapter.queues = Queues::new(limits.queue_limit);
    });
    record::emit(&Record::Adapter(configure::facts()));
    adapter::set_phase(Phase::Initializing);
    interrupts::connect(messages)?;
    initialize()?;
    passive_initialize()?;
    adapter::set_phase(Phase::Running);
    control::query_adapter_types();
    control::query_unit_types();
    services::run_passive_work();
    record::emit(&Record::Device(device::after_start(facts)));
    Ok(())
}

fn enter_driver(image: &LoadedImage) -> Result<Miniport, PortError> {
    let objects = driver_objects(image).ok_or(PortError::Memory("driver object"))?;
    let (driver, path) = (objects.va, objects.va.offset(PATH_OFFSET));
    *STARTING.lock() = Some(Starting {
        driver,
        path,
        registered: None,
    });
    let status = invoke::call(Routine::DriverEntry, image.entry, &[], &[driver.0, path.0]);
    let registered = STARTING
        .lock()
        .take()
        .and_then(|starting| starting.registered);
    let [b0, b1, b2, b3, ..] = status.to_le_bytes();
    match u32::from_le_bytes([b0, b1, b2, b3]) {
        0 => registered.ok_or(PortError::NotInitialized),
        status => Err(PortError::DriverEntry(status)),
    }
}

/// Where the registry path follows the driver object.
const PATH_OFFSET: u64 = 512;
/// Where its characters follow.
const TEXT_OFFSET: u64 = 544;
const OBJECTS_BYTES: u64 = 1024;
/// `IO_TYPE_DRIVER`.
const OBJECT_TYPE_DRIVER: u16 = 4;

/// The driver object and the registry path, as the I/O manager passes them.
fn driver_objects(image: &LoadedImage) -> Option<Allocation> {
    let block = mem::alloc(AllocSpec {
        bytes: OBJECTS_BYTES,
        align: 16,
        contiguous: Contiguity::Contiguous,
        placement: Placement::Any,
        owner: Owner::Scratch,
        name: "driver object",
    })
    .ok()?;
    mem::fill(block.va, 0, OBJECTS_BYTES).ok()?;
    let object = View::<DriverObject>::at(block.va);
    let size = u16::try_from(DriverObject::BYTES).ok()?;
    object.set(DriverObject::TYPE, OBJECT_TYPE_DRIVER).ok()?;
    object.set(DriverObject::SIZE, size).ok()?;
    object.set(DriverObject::DRIVER_START, image.base.0).ok()?;
    object
        .set(DriverObject::DRIVER_SIZE, u32::try_from(image.bytes).ok()?)
        .ok()?;
    object.set(DriverObject::DRIVER_INIT, image.entry.0).ok()?;
    let service = image.name.trim_end_matches(".sys");
    let text: String = format!("\\REGISTRY\\MACHINE\\SYSTEM\\ControlSet001\\Services\\{service}");
    let units: Vec<u16> = text.encode_utf16().take(200).collect();
    let characters = block.va.offset(TEXT_OFFSET);
    for (index, unit) in (0_u64..).zip(&units) {
        mem::write(characters.offset(index * 2), unit).ok()?;
    }
    let path = View::<UnicodeString>::at(block.va.offset(PATH_OFFSET));
    let bytes = u16::try_from(units.len() * 2).ok()?;
    path.set(UnicodeString::LENGTH, bytes).ok()?;
    path.set(UnicodeString::MAXIMUM_LENGTH, bytes + 2).ok()?;
    path.set(UnicodeString::BUFFER, characters.0).ok()?;
    Some(block)
}

fn new_adapter(
    miniport: Miniport,
    hba: &pci::Function,
    options: &Options,
) -> Result<Adapter, PortError> {
    let extension = zeroed(
        u64::from(miniport.device_extension_bytes.max(8)),
        Owner::DeviceExtension(ROLE),
        "device extension",
    )?;
    let config = zeroed(
        PortConfiguration::BYTES,
        Owner::Pool(ROLE),
        "port configuration",
    )?;
    let block = match options.block {
        Some(BlockKind::Classic)
            if miniport.srb_type_flags & super::abi::init::SRB_TYPE_FLAG_SCSI_REQUEST_BLOCK
                != 0 =>
        {
            BlockKind::Classic
        }
        _ => miniport.block_kind(),
    };
    Ok(Adapter {
        miniport,
        function: *hba,
        extension,
        config,
        ranges_memory: None,
        ranges: Vec::new(),
        mapped: Vec::new(),
        uncached: None,
        block,
        phase: Phase::Finding,
        limits: Limits::default(),
        adapter_controls: ControlTypes::default(),
        unit_controls: ControlTypes::default(),
        interrupts: Interrupts::default(),
        locks: Locks::new(),
        handed: Each::default(),
        queues: Queues::new(1),
        table: Table::new(),
        ladder: Ladder::default(),
        services: Services::default(),
        units: Vec::new(),
        unit_extensions: BTreeMap::new(),
        registry: options.registry.clone(),
        passive_routine: Va::NULL,
        restarting: false,
        seed: options.seed,
    })
}

/// A block of zeros.
pub(super) fn zeroed(
    bytes: u64,
    owner: Owner,
    name: &'static str,
) -> Result<Allocation, PortError> {
    let block = mem::alloc(AllocSpec {
        bytes,
        align: 16,
        contiguous: Contiguity::Scattered,
        placement: Placement::Any,
        owner,
        name,
    })
    .map_err(|_| PortError::Memory(name))?;
    mem::fill(block.va, 0, bytes).map_err(|_| PortError::Memory(name))?;
    Ok(block)
}

/// Calls `HwStorFindAdapter` until it has an answer.
fn find_adapter() -> Result<(), PortError> {
    let (Some(miniport), Some((extension, config))) = (
        adapter::miniport(),
        adapter::with(|adapter| (adapter.extension.va, adapter.config.va)),
    ) else {
        return Err(PortError::NotRunning);
    };
    let arguments = zeroed(16, Owner::Scratch, "FindAdapter arguments")?;
    let (again, argument_string) = (arguments.va, arguments.va.offset(8));
    let mut answer = SP_RETURN_NOT_FOUND;
    for _ in 0..AGAIN_LIMIT {
        let _ = mem::write(again, &0_u8);
        let returned = invoke::call(
            Routine::FindAdapter,
            miniport.find_adapter,
            &[],
            &[
                extension.0,
                miniport.context,
                0,
                argument_string.0,
                config.0,
                again.0,
            ],
        );
        let [b0, b1, b2, b3, ..] = returned.to_le_bytes();
        answer = u32::from_le_bytes([b0, b1, b2, b3]);
        rules::demand(
            Rule::SpReturnValue,
            matches!(
                answer,
                SP_RETURN_NOT_FOUND | SP_RETURN_FOUND | SP_RETURN_ERROR | SP_RETURN_BAD_CONFIG
            ),
            format_args!("HwStorFindAdapter returned {answer:#x}"),
        );
        let wants_again = mem::read::<u8>(again).unwrap_or(0) != 0;
        if answer != SP_RETURN_NOT_FOUND || !wants_again {
            break;
        }
    }
    let _ = mem::free(arguments.va);
    if answer == SP_RETURN_FOUND {
        Ok(())
    } else {
        Err(PortError::FindAdapter(answer))
    }
}

/// `HwStorInitialize`: at DIRQL, with the interrupt lock.
pub(super) fn initialize() -> Result<(), PortError> {
    let (routine, extension, level) = adapter::with(|adapter| {
        (
            adapter.miniport.initialize,
            adapter.extension.va,
            adapter.interrupts.irql,
        )
    })
    .ok_or(PortError::NotRunning)?;
    let done = irql::at(level, || {
        invoke::call_boolean(
            Routine::Initialize,
            routine,
            &[SpinLock::Interrupt],
            &[extension.0],
        )
    });
    if done {
        Ok(())
    } else {
        Err(PortError::Initialize)
    }
}

/// The routine of `StorPortEnablePassiveInitialization`, if there is one: at `PASSIVE_LEVEL`, interrupts on.
fn passive_initialize() -> Result<(), PortError> {
    let (routine, extension) =
        adapter::with(|adapter| (adapter.passive_routine, adapter.extension.va))
            .ok_or(PortError::NotRunning)?;
    if routine.is_null()
        || invoke::call_boolean(Routine::PassiveInitialize, routine, &[], &[extension.0])
    {
        Ok(())
    } else {
        Err(PortError::PassiveInitialize)
    }
}
