//! Requests of the dump port: one at a time, polled, bounded.
//!
//! `HwStorBuildIo` and `HwStorStartIo` are called, then `HwStorInterrupt` until the miniport announces the completion; also
//! spuriously, before the first request and after each. A request that does not end in time is diagnosed
//! ([`super::diagnosis`]): did the miniport wait for an interrupt, a DPC or a timer that never comes?

use alloc::vec::Vec;
use core::fmt;

use proto::{hiber::PAGE_BYTES, record::PhysicalRange};

use super::{
    cdb::Cdb,
    diagnosis,
    instance::{self, ActiveRequest, HwData},
    start, window, witness,
};
use crate::{
    call::{Callback, CallbackKind},
    measure::{self, device::Device},
    mem::{self, Va},
    port::{
        abi::{
            init::SRB_TYPE_FLAG_STORAGE_REQUEST_BLOCK,
            srb::{
                SCSISTAT_CHECK_CONDITION, SCSISTAT_GOOD, SRB_FLAGS_DATA_IN, SRB_FLAGS_DATA_OUT,
                SRB_FLAGS_DISABLE_AUTOSENSE, SRB_FLAGS_DISABLE_DISCONNECT,
                SRB_FLAGS_DISABLE_SYNCH_TRANSFER, SRB_FUNCTION_EXECUTE_SCSI, SRB_FUNCTION_SHUTDOWN,
                SRB_STATUS_SUCCESS,
            },
        },
        srb::{self, BlockKind, Parameters, SrbOutcome, SrbSpec},
    },
    rules,
    rules::Rule,
    sync::Lock,
    timer,
};

/// Time-out of a request in seconds, as a dump stack sets it.
const TIMEOUT_SECONDS: u32 = 10;
/// How long the port polls, in seconds of the guest. Known of no dump port; long against any answer of a disk, and short
/// enough that a run with a stuck driver ends soon.
const POLL_SECONDS: u64 = 3;
/// Polls between two looks at the device's own account.
const LOOK_EVERY_POLLS: u64 = 64;
/// Looks that find the request answered by the device, and not completed by the miniport, before it is taken as stuck.
const STUCK_LOOKS: u64 = 8;
/// Times that a command with CHECK CONDITION is sent again.
const RETRIES: u32 = 3;
/// Pause between two polls in microseconds.
const POLL_PAUSE_US: u64 = 20;
/// Polls between which nothing may happen before the time-out is believed, whatever the clock says.
const LEAST_POLLS: u64 = 1000;

/// What is asked of the disk.
#[derive(Clone, Debug)]
pub enum Command {
    /// A SCSI command without data or with data as described.
    Scsi {
        /// The command.
        cdb: Cdb,
        /// Direction and place of its data.
        data: Data,
    },
    /// `SRB_FUNCTION_SHUTDOWN`.
    Shutdown,
}

/// Data of a command, by physical place in the order of the disk.
#[derive(Clone, Debug)]
pub enum Data {
    /// No data.
    None,
    /// From the disk.
    In(Vec<PhysicalRange>),
    /// To the disk.
    Out(Vec<PhysicalRange>),
}

impl Data {
    fn runs(&self) -> &[PhysicalRange] {
        match self {
            Self::None => &[],
            Self::In(runs) | Self::Out(runs) => runs,
        }
    }

    const fn flags(&self) -> u32 {
        match self {
            Self::None => 0,
            Self::In(_) => SRB_FLAGS_DATA_IN,
            Self::Out(_) => SRB_FLAGS_DATA_OUT,
        }
    }
}

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// No instance is ready for requests.
    NotReady,
    /// The data do not fit into a request.
    TooLarge,
    /// A dump filter refused it with this status.
    Filter(u32),
    /// A dump filter broke a rule, which was reported.
    FilterBrokeRule,
    /// It never ended.
    Timeout,
    /// It ended with this status.
    Status {
        /// `SrbStatus` without its flag bits.
        srb_status: u8,
        /// `ScsiStatus`.
        scsi_status: u8,
    },
    /// It succeeded with fewer bytes than asked for.
    Short {
        /// Bytes asked for.
        asked: u32,
        /// Bytes transferred.
        transferred: u32,
    },
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotReady => f.write_str("the dump instance is not ready"),
            Self::TooLarge => f.write_str("the data do not fit into one request"),
            Self::Filter(status) => write!(f, "a dump filter returned {status:#010x}"),
            Self::FilterBrokeRule => f.write_str("a dump filter broke a rule of its interface"),
            Self::Timeout => f.write_str("polling finds no completion"),
            Self::Status {
                srb_status,
                scsi_status,
            } => write!(
                f,
                "SRB status {srb_status:#x}, SCSI status {scsi_status:#x}"
            ),
            Self::Short { asked, transferred } => {
                write!(f, "{transferred} of {asked} bytes were transferred")
            }
        }
    }
}

/// What one request needs while it is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Issued {
    pub(super) hw: HwData,
    pub(super) extension: Va,
    pub(super) srb: Va,
    pub(super) role: proto::owner::Role,
    kind: BlockKind,
}

/// Blocks of 4 KiB that one request may carry, if every page is a piece of its own.
#[must_use]
pub fn limit_blocks() -> u64 {
    instance::with(|port| {
        let by_length = u64::from(port.instance.maximum_transfer_bytes) / PAGE_BYTES;
        let by_breaks = u64::from(port.instance.physical_breaks).saturating_sub(1);
        let by_filters = port
            .stack
            .filters
            .iter()
            .map(|filter| u64::from(filter.maximum_pages));
        let limit = by_filters.fold(by_length.min(by_breaks), u64::min);
        limit.clamp(1, window::PAGES)
    })
    .unwrap_or(1)
}

/// Carries out one request. `HIGH_LEVEL`, interrupts off.
///
/// A command that ends with CHECK CONDITION is sent again a few times: after the reset that every dump miniport makes,
/// a unit refuses the first command with UNIT ATTENTION, there is no sense buffer to tell, and miniports that do not
/// repeat it themselves write dumps in the field.
///
/// # Errors
/// [`RequestError`]; a time-out has been reported as a violation already.
pub fn execute(command: &Command) -> Result<(), RequestError> {
    for _ in 0..RETRIES {
        match execute_once(command) {
            Err(RequestError::Status {
                scsi_status: SCSISTAT_CHECK_CONDITION,
                ..
            }) => {}
            done => return done,
        }
    }
    execute_once(command)
}

fn execute_once(command: &Command) -> Result<(), RequestError> {
    let data = match command {
        Command::Scsi { data, .. } => data,
        Command::Shutdown => &Data::None,
    };
    let data_va = if data.runs().is_empty() {
        Va::NULL
    } else {
        window::map(data.runs()).ok_or(RequestError::TooLarge)?
    };
    let (issued, asked) = place(command, data, data_va).ok_or(RequestError::NotReady)?;
    run(issued);
    let waited = wait(issued);
    let measured = DEVICE.lock().is_some();
    if measured {
        measure::suspend();
    }
    let outcome = read_outcome(issued);
    instance::with(|port| port.instance.request = None);
    window::clear();
    waited?;
    // A poll that finds nothing must do no harm.
    poll(issued);
    if measured {
        measure::resume();
    }
    judge(outcome, asked)
}

/// The device of a measurement.
static DEVICE: Lock<Option<Device>> = Lock::new(None);

/// From now on the device has answered before every poll, so that the number of polls is no matter of the host's speed.
pub fn set_device(device: Option<Device>) {
    *DEVICE.lock() = device;
}

/// In a measurement, has the device do its work. One that does not will be found out by the time-out.
fn let_device_answer() {
    let device = DEVICE.lock().clone();
    let _ = device.map(|device| device.settle());
}

/// Polls with no request at the miniport.
pub fn poll_spuriously() {
    if let Some(issued) = idle() {
        poll(issued);
    }
}

/// What calls need while no request is at the miniport.
fn idle() -> Option<Issued> {
    let idle = instance::with(|port| {
        Some(Issued {
            hw: port.instance.hw?,
            extension: port.instance.blocks.device_extension?.va,
            srb: Va::NULL,
            role: port.stack.role,
            kind: BlockKind::Extended,
        })
    });
    idle.flatten()
}

/// Writes the request block and makes the request the active one.
fn place(command: &Command, data: &Data, data_va: Va) -> Option<(Issued, u32)> {
    let asked: u64 = data.runs().iter().map(|run| run.bytes).sum();
    let asked = u32::try_from(asked).ok()?;
    let placed = instance::with(|port| {
        let hw = port.instance.hw?;
        let block = port.instance.blocks.srb?;
        let kind = if hw.srb_type_flags & SRB_TYPE_FLAG_STORAGE_REQUEST_BLOCK == 0 {
            BlockKind::Classic
        } else {
            BlockKind::Extended
        };
        let (function, parameters) = match command {
            Command::Scsi { cdb, .. } => (
                SRB_FUNCTION_EXECUTE_SCSI,
                Parameters::Command {
                    cdb: srb::padded(cdb.bytes()),
                    bytes: cdb.length(),
                },
            ),
            Command::Shutdown => (SRB_FUNCTION_SHUTDOWN, Parameters::None),
        };
        let spec = SrbSpec {
            function,
            address: port.stack.unit.address,
            port: 0,
            flags: data.flags()
                | SRB_FLAGS_DISABLE_AUTOSENSE
                | SRB_FLAGS_DISABLE_DISCONNECT
                | SRB_FLAGS_DISABLE_SYNCH_TRANSFER,
            timeout_seconds: TIMEOUT_SECONDS,
            data_buffer: data_va.0,
            data_bytes: asked,
            sense_buffer: 0,
            sense_bytes: 0,
            extension: port.instance.blocks.srb_extension?.va.0,
            tag: 0,
            parameters,
        };
        mem::write_bytes(block.va, &spec.encode(kind)).ok()?;
        port.instance.figures.requests += 1;
        let largest = &mut port.instance.figures.largest_request_bytes;
        *largest = asked.max(*largest);
        port.instance.request = Some(ActiveRequest {
            srb: block.va,
            kind,
            data: data.runs().to_vec(),
            data_va,
            completions: 0,
        });
        Some(Issued {
            hw,
            extension: port.instance.blocks.device_extension?.va,
            srb: block.va,
            role: port.stack.role,
            kind,
        })
    });
    placed.flatten().map(|issued| (issued, asked))
}

fn run(issued: Issued) {
    let arguments = [issued.extension.0, issued.srb.0];
    let mut start = true;
    if !issued.hw.build_io.is_null() {
        let callback = callback(issued, CallbackKind::BuildIo, "HwStorBuildIo");
        let built = start::call_quietly(callback, issued.hw.build_io, &arguments);
        // FALSE: the miniport completes the request by itself and does not want it back.
        start = built.returned & 0xFF != 0;
    }
    rules::check(Rule::StorPortBuildIo);
    if start {
        let callback = callback(issued, CallbackKind::StartIo, "HwStorStartIo");
        let _ = start::call_quietly(callback, issued.hw.start_io, &arguments);
    }
    witness::observe("HwStorStartIo");
}

/// Polls until the request is complete.
fn wait(issued: Issued) -> Result<(), RequestError> {
    for rule in [
        Rule::DumpRequestTimeout,
        Rule::DumpReliesOnInterrupt,
        Rule::DumpReliesOnDpc,
        Rule::DumpReliesOnTimer,
        Rule::DumpOneRequestPerUnit,
    ] {
        rules::check(rule);
    }
    // By the processor's counter: the clock of the system stands still until the resumed machine runs again.
    let start = timer::instructions();
    let limit = POLL_SECONDS.saturating_mul(timer::stamps_per_second());
    let mut polls = 0;
    let mut answered = 0;
    loop {
        if completed() {
            return Ok(());
        }
        let too_long = polls > LEAST_POLLS && timer::instructions().wrapping_sub(start) > limit;
        if too_long || answered >= STUCK_LOOKS {
            diagnosis::name_the_cause(issued);
            return if completed() {
                Ok(())
            } else {
                Err(RequestError::Timeout)
            };
        }
        let_device_answer();
        poll(issued);
        polls += 1;
        if polls % LOOK_EVERY_POLLS == 0 && witness::device_has_answered() == Some(true) {
            answered += 1;
        }
        if !completed() {
            timer::stall_us(POLL_PAUSE_US);
        }
    }
}

pub(super) fn completed() -> bool {
    instance::with(|port| {
        port.instance
            .request
            .as_ref()
            .is_some_and(|request| request.completions > 0)
    })
    .unwrap_or(false)
}

pub(super) fn poll(issued: Issued) {
    instance::with(|port| port.instance.figures.polls += 1);
    let callback = callback(issued, CallbackKind::Interrupt, "HwStorInterrupt");
    let _ = start::call_quietly(callback, issued.hw.interrupt, &[issued.extension.0]);
    witness::observe_news("HwStorInterrupt");
}

pub(super) const fn callback(issued: Issued, kind: CallbackKind, name: &'static str) -> Callback {
    Callback {
        role: issued.role,
        kind,
        name,
    }
}

fn read_outcome(issued: Issued) -> Option<SrbOutcome> {
    let bytes = mem::read_vec(issued.srb, SrbSpec::block_bytes(issued.kind)).ok()?;
    srb::outcome(&bytes, issued.kind)
}

fn judge(outcome: Option<SrbOutcome>, asked: u32) -> Result<(), RequestError> {
    let Some(outcome) = outcome else {
        return Err(RequestError::NotReady);
    };
    if outcome.status() != SRB_STATUS_SUCCESS || outcome.scsi_status != SCSISTAT_GOOD {
        return Err(RequestError::Status {
            srb_status: outcome.status(),
            scsi_status: outcome.scsi_status,
        });
    }
    rules::demand(
        Rule::RequestSense,
        !outcome.has_sense(),
        "sense data are announced, and the request has no sense buffer",
    );
    if outcome.data_bytes != asked {
        return Err(RequestError::Short {
            asked,
            transferred: outcome.data_bytes,
        });
    }
    Ok(())
}

/// Calls `HwStorResetBus` with no request at the miniport: in dump mode it returns TRUE and leaves the bus alone, and
/// requests go on afterwards.
pub fn reset_while_idle() {
    if let Some(issued) = idle() {
        diagnosis::reset_bus(issued);
    }
}
