//! `HwStorFindAdapter` of the normal life: from PCI configuration space to a plan, registers and memory.
//!
//! Key type: [`Found`], what the rest of the normal life works with. Order as the port demands: describe the adapter first, then take the
//! uncached extension, which is allocated once in the life of the adapter. Before both, since it decides how many queues there are, the pool
//! in which the queues live ([decision 14](../../../docs/decisions/0014-queues-in-pool.md)).

use core::sync::atomic::Ordering;

use ddi::{
    config::Limits,
    context::{AccessRange, DumpMode, FindAdapterContext},
    instance::INSTANCE,
    recorder::{self, Event},
    status::FindError,
};
use hba::{
    device::Probe,
    pci::{CONFIG_BYTES, CapError, VirtioCaps, capabilities},
    plan::{Plan, RING_SIZE_MAX},
};

use super::{DESCRIPTORS_MAX, NormalAdapter, QUEUES_MAX, queue::Queue};
use crate::{
    device::{
        DeviceMemory, DeviceRegisters, Patience, RANGES_MAX, collect_ranges, map_registers, reset,
    },
    parameters::Parameters,
};

/// What the adapter is made of; plain and unchanging once it is found.
#[derive(Debug)]
pub(crate) struct Found {
    /// How the device is used.
    pub(crate) plan: Plan,
    /// What the registry says.
    pub(crate) parameters: Parameters,
    /// How the dump life uses it; `None` when the device cannot serve a dump.
    pub(crate) dump_plan: Option<Plan>,
    /// The device's registers.
    pub(crate) registers: DeviceRegisters,
    /// The memory that the plan divides.
    pub(crate) memory: DeviceMemory,
    /// The PnP ranges, for the dump life.
    pub(crate) ranges: [Option<AccessRange>; RANGES_MAX],
}

/// Steps that can refuse the adapter, for the flight recorder.
#[derive(Clone, Copy, Debug)]
enum Step {
    DumpMode = 1,
    Config = 2,
    Capabilities = 3,
    Map = 4,
    Reset = 5,
    Probe = 6,
    Plan = 7,
    Memory = 8,
    Private = 9,
}

impl NormalAdapter {
    pub(super) fn find(&mut self, context: &mut FindAdapterContext<'_>) -> Result<(), FindError> {
        let mode = context.dump_mode();
        recorder::record(Event::FindAdapter, mode.code().into(), 0);
        if mode != DumpMode::None {
            // DriverEntry saw arguments, the configuration says dump: nothing that this life could do is legal there.
            return Err(refuse(
                Step::DumpMode,
                mode.code().into(),
                FindError::BadConfig,
            ));
        }
        let found = Found::discover(context)?;
        self.queues = Queue::make_all(context, &found.plan)
            .ok_or_else(|| refuse(Step::Private, 0, FindError::Failed))?;
        self.unit_depth
            .store(found.unit_depth().into(), Ordering::Relaxed);
        self.found = Some(found);
        INSTANCE.note(context.port());
        Ok(())
    }
}

impl Found {
    /// Requests outstanding at one unit at most.
    fn unit_depth(&self) -> u16 {
        unit_depth(&self.parameters, &self.plan)
    }

    fn discover(context: &mut FindAdapterContext<'_>) -> Result<Self, FindError> {
        let mut config = [0; CONFIG_BYTES];
        let read = context.read_pci_config(&mut config);
        if (read as usize) < CONFIG_BYTES {
            return Err(refuse(Step::Config, read.into(), FindError::Failed));
        }
        let caps = capabilities(&config).map_err(|error| {
            let status = match error {
                CapError::NoFunction | CapError::NotVirtioScsi => FindError::NotFound,
                _ => FindError::Failed,
            };
            refuse(Step::Capabilities, 0, status)
        })?;
        let ranges = collect_ranges(context.access_ranges());
        let registers = map_registers(context, &caps, &ranges)
            .map_err(|error| refuse(Step::Map, error.code(), FindError::Failed))?;
        let quiesced = reset(&registers, context.port(), Patience::Long)
            .map_err(|_| refuse(Step::Reset, 0, FindError::Failed))?;
        let probe = Probe::read(&registers, quiesced)
            .map_err(|_| refuse(Step::Probe, 0, FindError::Failed))?;
        let parameters = Parameters::read(context);
        let plan = plan_in_pool(context, &caps, &probe, &parameters)?;
        let dump_plan = Plan::dump(&caps, &probe).ok();
        describe(context, &plan, unit_depth(&parameters, &plan));
        let memory = context
            .uncached_extension(plan.region_bytes())
            .map_err(|_| refuse(Step::Memory, plan.region_bytes().into(), FindError::Failed))?;
        Ok(Self {
            plan,
            parameters,
            dump_plan,
            registers,
            memory,
            ranges,
        })
    }
}

/// A plan whose queues have their memory: with half as many queues when there is none for all, down to one. The queues that are left do not
/// become longer, so that each attempt asks for less.
fn plan_in_pool(
    context: &mut FindAdapterContext<'_>,
    caps: &VirtioCaps,
    probe: &Probe,
    parameters: &Parameters,
) -> Result<Plan, FindError> {
    let mut queues = queues_wanted(parameters, context.port().processor_count(), probe);
    // With many queues they are shorter.
    let ring_max = (DESCRIPTORS_MAX / queues).min(RING_SIZE_MAX);
    loop {
        let plan = Plan::normal(caps, probe, &parameters.options(queues, ring_max))
            .map_err(|_| refuse(Step::Plan, 0, FindError::Failed))?;
        let bytes = Queue::pool_bytes(&plan);
        if context.take_pool(bytes).is_ok() {
            return Ok(plan);
        }
        queues = plan.request_queues() / 2;
        if queues == 0 {
            return Err(refuse(Step::Private, bytes.into(), FindError::Failed));
        }
        recorder::record(
            Event::QueuesReduced,
            plan.request_queues().into(),
            bytes.into(),
        );
    }
}

/// A request queue for each processor unless a parameter says otherwise, as many as the device has.
fn queues_wanted(parameters: &Parameters, processors: Option<u32>, probe: &Probe) -> u16 {
    let processors =
        processors.map_or(QUEUES_MAX, |count| u16::try_from(count).unwrap_or(u16::MAX));
    let wanted = parameters.request_queues.unwrap_or(processors);
    wanted.min(probe.request_queues).clamp(1, QUEUES_MAX)
}

/// Requests outstanding at one unit at most: as the device says or a parameter, and no more than a ring holds.
fn unit_depth(parameters: &Parameters, plan: &Plan) -> u16 {
    let wanted = parameters
        .unit_queue_depth
        .unwrap_or(plan.limits().commands_per_lun);
    wanted.min(plan.requests_at_once())
}

/// Tells the port what the adapter can take.
fn describe(context: &mut FindAdapterContext<'_>, plan: &Plan, unit_depth: u16) {
    let limits = plan.limits();
    let units = limits.max_lun.saturating_add(1);
    let mut config = context.config();
    config.describe(Limits {
        maximum_transfer_bytes: plan.transfer_bytes(),
        physical_breaks: plan.segments().into(),
        targets: limits.max_target.saturating_add(1),
        logical_units: u8::try_from(units).unwrap_or(u8::MAX),
        requests: u32::from(plan.requests_at_once()) * u32::from(plan.request_queues()),
        requests_per_unit: unit_depth.into(),
    });
    config.set_srb_extension::<NormalAdapter>();
    if plan.caps().msix.is_some() {
        config.enable_message_interrupts::<NormalAdapter>();
    }
}

/// Records why the adapter is not taken.
#[cold]
fn refuse(step: Step, detail: u64, status: FindError) -> FindError {
    recorder::record(Event::FindRefused, step as u64, detail);
    status
}
