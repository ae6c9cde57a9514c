//! Performance options, StartIo parameters, interrupt messages.

use super::{
    super::{
        abi::{
            Structure, View,
            codes::{
                STOR_STATUS_INSUFFICIENT_RESOURCES, STOR_STATUS_INVALID_DEVICE_REQUEST,
                STOR_STATUS_INVALID_PARAMETER, STOR_STATUS_SUCCESS,
                STOR_STATUS_UNSUPPORTED_VERSION, interrupt_mode,
            },
            services::{
                MessageInterruptInformation, PerfConfigurationData, STOR_PERF_ADV_CONFIG_LOCALITY,
                STOR_PERF_CONCURRENT_CHANNELS, STOR_PERF_DPC_REDIRECTION,
                STOR_PERF_DPC_REDIRECTION_CURRENT_CPU, STOR_PERF_INTERRUPT_MESSAGE_RANGES,
                STOR_PERF_OPTIMIZE_FOR_COMPLETION_DURING_STARTIO, STOR_PERF_VERSION,
                STOR_PERF_VERSION_2, StartIoPerformanceParameters,
            },
        },
        adapter::{self, Adapter},
        callback::Routine,
        dispatch,
        random::Random,
    },
    args, boolean, memory, ulong,
};
use crate::{
    exports::ExportCall,
    mem::{self, MemFault, Va},
    processors,
    rules::{self, Rule},
};

/// `sizeof(GROUP_AFFINITY)`.
const GROUP_AFFINITY_BYTES: u64 = 16;
/// What `STARTIO_PERFORMANCE_PARAMETERS.MessageNumber` holds when the port has no advice.
const NO_MESSAGE: u32 = 0;
/// What the port offers.
const OFFERED: u32 = STOR_PERF_DPC_REDIRECTION
    | STOR_PERF_CONCURRENT_CHANNELS
    | STOR_PERF_INTERRUPT_MESSAGE_RANGES
    | STOR_PERF_ADV_CONFIG_LOCALITY
    | STOR_PERF_OPTIMIZE_FOR_COMPLETION_DURING_STARTIO
    | STOR_PERF_DPC_REDIRECTION_CURRENT_CPU;
/// Flags that the page of `PERF_CONFIGURATION_DATA` allows only together with others.
const TOGETHER: [(u32, u32, &str); 4] = [
    (
        STOR_PERF_INTERRUPT_MESSAGE_RANGES,
        STOR_PERF_DPC_REDIRECTION,
        "STOR_PERF_INTERRUPT_MESSAGE_RANGES without STOR_PERF_DPC_REDIRECTION",
    ),
    (
        STOR_PERF_ADV_CONFIG_LOCALITY,
        STOR_PERF_INTERRUPT_MESSAGE_RANGES | STOR_PERF_DPC_REDIRECTION,
        "STOR_PERF_ADV_CONFIG_LOCALITY without STOR_PERF_INTERRUPT_MESSAGE_RANGES and STOR_PERF_DPC_REDIRECTION",
    ),
    (
        STOR_PERF_OPTIMIZE_FOR_COMPLETION_DURING_STARTIO,
        STOR_PERF_DPC_REDIRECTION,
        "STOR_PERF_OPTIMIZE_FOR_COMPLETION_DURING_STARTIO without STOR_PERF_DPC_REDIRECTION",
    ),
    (
        STOR_PERF_DPC_REDIRECTION_CURRENT_CPU,
        STOR_PERF_DPC_REDIRECTION,
        "STOR_PERF_DPC_REDIRECTION_CURRENT_CPU without STOR_PERF_DPC_REDIRECTION",
    ),
];

/// Flags that exist in a version of the structure.
const fn flags_of(version: u32) -> u32 {
    let second = STOR_PERF_DPC_REDIRECTION
        | STOR_PERF_CONCURRENT_CHANNELS
        | STOR_PERF_INTERRUPT_MESSAGE_RANGES;
    let third =
        second | STOR_PERF_ADV_CONFIG_LOCALITY | STOR_PERF_OPTIMIZE_FOR_COMPLETION_DURING_STARTIO;
    match version {
        0..=2 => second,
        3 => third,
        _ => OFFERED,
    }
}

/// Concurrent channels offered: one per processor.
fn channels() -> u32 {
    u32::try_from(processors::count()).unwrap_or(1)
}

/// The message that processor `processor` serves: of those to be redirected, or of all that carry more than configuration. `None` if it
/// serves none and the port has no other advice.
pub(super) fn message_of(adapter: &Adapter, processor: u32) -> Option<u32> {
    let messages = u32::from(adapter.interrupts.messages);
    let range = adapter.services.perf.messages;
    let (first, last) = range.unwrap_or((u32::from(messages > 1), messages.saturating_sub(1)));
    // After a restart there may be fewer.
    let last = last.min(messages.saturating_sub(1));
    let affinities = &adapter.interrupts.affinities;
    affinities.message_for(usize(processor), first.min(last), last)
}

fn usize(number: u32) -> usize {
    mem::size(number.into())
}

/// `StorPortInitializePerfOpts(ext, Query, PerfConfigData)`.
pub(super) fn initialize_perf_opts(call: &ExportCall) -> u32 {
    let (query, data) = (call.arg8(2) != 0, call.va(3));
    if !rules::demand(
        Rule::StorPortPerfOpts,
        !data.is_null(),
        "StorPortInitializePerfOpts: PerfConfigData is NULL",
    ) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    args::called_from(
        Rule::PerfOptions,
        "StorPortInitializePerfOpts",
        &[Routine::Initialize, Routine::PassiveInitialize],
    );
    let view = View::<PerfConfigurationData>::at(data);
    let done = if query { offer(view) } else { accept(view) };
    done.unwrap_or_else(|fault: MemFault| {
        rules::violate(
            Rule::StorPortPerfOpts,
            format_args!("StorPortInitializePerfOpts: {fault}"),
        );
        STOR_STATUS_INVALID_PARAMETER
    })
}

fn version_is_known(view: View<PerfConfigurationData>) -> Result<bool, MemFault> {
    use PerfConfigurationData as P;
    let version = view.get(P::VERSION)?;
    Ok((STOR_PERF_VERSION_2..=STOR_PERF_VERSION).contains(&version))
}

/// The query: which flags there are.
fn offer(view: View<PerfConfigurationData>) -> Result<u32, MemFault> {
    use PerfConfigurationData as P;
    if !version_is_known(view)? {
        return Ok(STOR_STATUS_UNSUPPORTED_VERSION);
    }
    let (messages, kept_back) = adapter::with(|adapter| {
        adapter.services.perf.queried = true;
        (adapter.interrupts.messages, not_offered(adapter))
    })
    .unwrap_or((0, 0));
    let known = flags_of(view.get(P::VERSION)?) & !kept_back;
    let flags = if messages == 0 {
        known & !STOR_PERF_INTERRUPT_MESSAGE_RANGES & !STOR_PERF_ADV_CONFIG_LOCALITY
    } else {
        known
    };
    view.set(P::FLAGS, flags)?;
    view.set(P::CONCURRENT_CHANNELS, channels())?;
    adapter::with(|adapter| adapter.services.perf.offered = flags);
    Ok(STOR_STATUS_SUCCESS)
}

/// Options that a port may lack: with several processors, now and then that it tells where messages go, or that it steers at all.
fn not_offered(adapter: &Adapter) -> u32 {
    if processors::is_single() {
        return 0;
    }
    match choice(adapter, "options offered").below(8) {
        0 => STOR_PERF_INTERRUPT_MESSAGE_RANGES | STOR_PERF_ADV_CONFIG_LOCALITY,
        1 => STOR_PERF_ADV_CONFIG_LOCALITY,
        _ => 0,
    }
}

/// Whether the port finds no room for the options (`STOR_STATUS_INSUFFICIENT_RESOURCES`): now and then for those of a miniport that wants to
/// know where messages go.
fn lacks_room(adapter: &Adapter, flags: u32) -> bool {
    !processors::is_single()
        && flags & STOR_PERF_ADV_CONFIG_LOCALITY != 0
        && choice(adapter, "options granted").one_in(8)
}

/// The setting: a subset of the flags.
fn accept(view: View<PerfConfigurationData>) -> Result<u32, MemFault> {
    use PerfConfigurationData as P;
    if !version_is_known(view)? {
        return Ok(STOR_STATUS_UNSUPPORTED_VERSION);
    }
    let (queried, offered, messages) = adapter::with(|adapter| {
        let perf = &adapter.services.perf;
        (perf.queried, perf.offered, adapter.interrupts.messages)
    })
    .unwrap_or((false, 0, 0));
    let flags = view.get(P::FLAGS)?;
    rules::demand(
        Rule::PerfOptions,
        queried,
        "options are set without a query",
    );
    if !rules::demand(
        Rule::PerfOptions,
        !queried || flags & !offered == 0,
        format_args!("flags {flags:#x} are set, {offered:#x} were offered"),
    ) {
        return Ok(STOR_STATUS_INVALID_PARAMETER);
    }
    for (flag, needed, what) in TOGETHER {
        let fits = flags & flag == 0 || flags & needed == needed;
        if !rules::demand(Rule::PerfOptions, fits, what) {
            return Ok(STOR_STATUS_INVALID_PARAMETER);
        }
    }
    if flags & STOR_PERF_INTERRUPT_MESSAGE_RANGES != 0 && !message_range_is_valid(view, messages)? {
        return Ok(STOR_STATUS_INVALID_PARAMETER);
    }
    if adapter::with(|adapter| lacks_room(adapter, flags)) == Some(true) {
        return Ok(STOR_STATUS_INSUFFICIENT_RESOURCES);
    }
    if flags & STOR_PERF_ADV_CONFIG_LOCALITY != 0 {
        report_locality(view)?;
    }
    let channels = view.get(P::CONCURRENT_CHANNELS)?;
    let granted = if flags & STOR_PERF_CONCURRENT_CHANNELS != 0 {
        channels.clamp(1, self::channels())
    } else {
        1
    };
    let range = (
        view.get(P::FIRST_REDIRECTION_MESSAGE_NUMBER)?,
        view.get(P::LAST_REDIRECTION_MESSAGE_NUMBER)?,
    );
    adapter::with(|adapter| {
        adapter.services.perf.flags = flags;
        adapter.services.perf.channels = granted;
        adapter.services.perf.messages =
            (flags & STOR_PERF_INTERRUPT_MESSAGE_RANGES != 0).then_some(range);
        adapter.locks.set_concurrent_channels(granted);
    });
    Ok(STOR_STATUS_SUCCESS)
}

fn message_range_is_valid(
    view: View<PerfConfigurationData>,
    messages: u16,
) -> Result<bool, MemFault> {
    use PerfConfigurationData as P;
    let first = view.get(P::FIRST_REDIRECTION_MESSAGE_NUMBER)?;
    let last = view.get(P::LAST_REDIRECTION_MESSAGE_NUMBER)?;
    Ok(rules::demand(
        Rule::PerfOptions,
        first <= last && last < u32::from(messages),
        format_args!("messages {first} to {last} of {messages}"),
    ))
}

/// Fills in which processors each message goes to, one `GROUP_AFFINITY` a message. The page says that the array is zero-based and that the
/// first message need not be 0: it may begin with message 0, or with the first one. By the seed it is the one or the other; an array
/// that is too short for the first is filled as the second.
fn report_locality(view: View<PerfConfigurationData>) -> Result<(), MemFault> {
    use PerfConfigurationData as P;
    view.set(P::DEVICE_NODE, 0)?;
    let targets = Va(view.get(P::MESSAGE_TARGETS)?);
    if targets.is_null() {
        return Ok(());
    }
    let first = view.get(P::FIRST_REDIRECTION_MESSAGE_NUMBER)?;
    let last = view.get(P::LAST_REDIRECTION_MESSAGE_NUMBER)?;
    let whole = (u64::from(last) + 1) * GROUP_AFFINITY_BYTES;
    let from_zero = mem::probe(targets, whole, mem::Access::Write).is_ok()
        && adapter::with(|adapter| choice(adapter, "message targets").one_in(2)) == Some(true);
    let begin = if from_zero { 0 } else { first };
    let affinities = adapter::with(|adapter| adapter.interrupts.affinities.clone());
    for message in begin..=last {
        let entry = targets.offset(u64::from(message - begin) * GROUP_AFFINITY_BYTES);
        let mask = affinities
            .as_ref()
            .map_or(0, |affinities| affinities.mask(message));
        mem::write(entry, &mask)?;
        mem::write(entry.offset(8), &0_u64)?;
    }
    Ok(())
}

/// What is left to the port, by the seed.
fn choice(adapter: &Adapter, purpose: &str) -> Random {
    Random::new(adapter.seed, purpose)
}

/// `StorPortGetStartIoPerfParams(ext, Srb, StartIoPerfParams)`.
pub(super) fn get_start_io_params(call: &ExportCall) -> u32 {
    use StartIoPerformanceParameters as S;
    let (srb, view) = (call.va(2), View::<S>::at(call.va(3)));
    if !memory::owns_request(srb, "StorPortGetStartIoPerfParams") {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    args::called_from(
        Rule::PortCaller,
        "StorPortGetStartIoPerfParams",
        &[Routine::BuildIo, Routine::StartIo],
    );
    let me = u32::try_from(processors::current()).unwrap_or(0);
    // Without redirection the miniport chooses by itself.
    let message = adapter::with(|adapter| {
        let redirects = adapter.services.perf.messages.is_some();
        redirects.then(|| message_of(adapter, me)).flatten()
    })
    .flatten()
    .unwrap_or(NO_MESSAGE);
    let channels = adapter::with(|adapter| adapter.services.perf.channels).unwrap_or(1);
    let written = view.set(S::MESSAGE_NUMBER, message).is_ok()
        && view
            .set(S::CHANNEL_NUMBER, dispatch::channel(channels))
            .is_ok();
    rules::demand(
        Rule::PortArgument,
        written,
        "StorPortGetStartIoPerfParams: bad output pointer",
    );
    STOR_STATUS_SUCCESS
}

/// `StorPortGetMSIInfo(ext, MessageId, InterruptInfo)`.
pub(super) fn get_msi_info(call: &ExportCall) -> u32 {
    message_information(ulong(call, 2), call.va(3))
}

/// `StorPortGetMessageInterruptInformation(ext, MessageId, InterruptInfo)`.
pub(super) fn get_message_information(call: &ExportCall) -> u64 {
    if !args::is_adapter(call, 0) {
        return boolean(false);
    }
    boolean(message_information(ulong(call, 1), call.va(2)) == STOR_STATUS_SUCCESS)
}

fn message_information(message: u32, to: Va) -> u32 {
    use MessageInterruptInformation as M;
    let Some((messages, level)) = adapter::with(|adapter| {
        (
            u32::from(adapter.interrupts.messages),
            adapter.interrupts.irql,
        )
    }) else {
        return STOR_STATUS_INVALID_DEVICE_REQUEST;
    };
    args::called_from(
        Rule::PortCaller,
        "StorPortGetMSIInfo",
        &[
            Routine::Initialize,
            Routine::PassiveInitialize,
            Routine::StopOrRestart,
            Routine::AdapterControl,
        ],
    );
    if messages == 0 {
        return STOR_STATUS_INVALID_DEVICE_REQUEST;
    }
    if message >= messages {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    let view = View::<M>::at(to);
    let target =
        adapter::with(|adapter| adapter.interrupts.affinities.serves(message)).unwrap_or(0) as u64;
    let written = [
        view.set(M::MESSAGE_ID, message),
        view.set(M::MESSAGE_DATA, message),
        view.set(M::MESSAGE_ADDRESS, 0xFEE0_0000 | target << 12),
        view.set(M::INTERRUPT_VECTOR, message),
        view.set(M::INTERRUPT_LEVEL, u32::from(level)),
        view.set(M::INTERRUPT_MODE, interrupt_mode::LATCHED),
    ]
    .iter()
    .all(Result::is_ok);
    rules::demand(
        Rule::PortArgument,
        written && M::BYTES == 32,
        "StorPortGetMSIInfo: bad output pointer",
    );
    STOR_STATUS_SUCCESS
}
