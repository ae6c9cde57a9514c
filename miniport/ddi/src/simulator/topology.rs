//! Processors and performance options of the simulated port.
//!
//! Options are checked as a port would: only what was offered, conditions fulfilled, messages that exist, and an array for the targets of
//! them all.

use wdk_sys::{
    _STORPORT_FUNCTION_CODE as function, GROUP_AFFINITY, PERF_CONFIGURATION_DATA, PROCESSOR_NUMBER,
    STARTIO_PERFORMANCE_PARAMETERS, STOR_PERF_ADV_CONFIG_LOCALITY, STOR_PERF_CONCURRENT_CHANNELS,
    STOR_PERF_DPC_REDIRECTION, STOR_PERF_INTERRUPT_MESSAGE_RANGES, STOR_STATUS_INVALID_PARAMETER,
    STOR_STATUS_NOT_IMPLEMENTED,
};

use super::{
    Simulator, State,
    services::{pointer, put},
};
use crate::fake::low_u32;

/// Processors of a group.
const GROUP: u32 = 64;

/// The processors that the simulated system says it has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Processors {
    /// In two groups when there are more than one group holds.
    pub(crate) count: u32,
    /// The one that runs the callbacks.
    pub(crate) current: u32,
}

impl Default for Processors {
    fn default() -> Self {
        Self {
            count: 1,
            current: 0,
        }
    }
}

/// Performance options of the simulated port.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Perf {
    /// Whether the service exists.
    pub(crate) exists: bool,
    /// What a query offers.
    pub(crate) offered: u32,
    /// Refused when set, though offered.
    pub(crate) refused: u32,
    /// What was set.
    pub(crate) flags: u32,
    pub(crate) channels: u32,
    pub(crate) messages: (u32, u32),
    /// The message that suits the next request.
    pub(crate) message: u32,
    /// Where the messages go.
    pub(crate) targets: Targets,
}

/// How the simulated port fills in the targets of messages: group and mask of message 0, 1, …; what is not there is no processor.
#[derive(Clone, Copy, Debug)]
pub struct Targets {
    /// Group and mask by message.
    pub of: &'static [(u16, u64)],
    /// The array begins with message 0; else with the first message of the range.
    pub from_zero: bool,
}

impl Default for Perf {
    fn default() -> Self {
        Self {
            exists: true,
            offered: wdk_sys::STOR_PERF_DPC_REDIRECTION
                | wdk_sys::STOR_PERF_CONCURRENT_CHANNELS
                | wdk_sys::STOR_PERF_INTERRUPT_MESSAGE_RANGES
                | wdk_sys::STOR_PERF_ADV_CONFIG_LOCALITY,
            refused: 0,
            flags: 0,
            channels: 1,
            messages: (0, 0),
            message: 0,
            targets: Targets {
                of: &[(0, 1), (0, 1), (0, 2), (0, 4), (0, 8)],
                from_zero: true,
            },
        }
    }
}

impl Simulator {
    /// Gives the system so many processors; before `HwStorFindAdapter`.
    pub fn set_processors(&self, count: u32) {
        self.state.borrow_mut().processors.count = count;
    }

    /// Moves the next callbacks to a processor.
    pub fn run_on(&self, processor: u32) {
        self.state.borrow_mut().processors.current = processor;
    }

    /// Performance options that the port offers, and those that it refuses nevertheless; `None` for a port that has no options.
    pub fn offer_options(&self, options: Option<(u32, u32)>) {
        let perf = &mut self.state.borrow_mut().perf;
        perf.exists = options.is_some();
        (perf.offered, perf.refused) = options.unwrap_or_default();
    }

    /// What the driver has set: options, channels, first and last message.
    #[must_use]
    pub fn options(&self) -> (u32, u32, (u32, u32)) {
        let Perf {
            flags,
            channels,
            messages,
            ..
        } = self.state.borrow().perf;
        (flags, channels, messages)
    }

    /// Says which message suits the next requests; 0 for none.
    pub fn suggest_message(&self, message: u32) {
        self.state.borrow_mut().perf.message = message;
    }

    /// Says where messages go; before `HwStorInitialize`.
    pub fn target_messages(&self, targets: Targets) {
        self.state.borrow_mut().perf.targets = targets;
    }

    /// DPCs issued so far; those that were queued already do not count.
    #[must_use]
    pub fn dpcs_issued(&self) -> u32 {
        self.state.borrow().dpcs_issued
    }
}

/// The result of a service of this file.
pub(super) fn answer(state: &mut State, code: i32, values: &[u64]) -> u32 {
    let processors = state.processors;
    match code {
        function::ExtFunctionGetActiveGroupCount => {
            let groups = processors.count.div_ceil(GROUP);
            put(values[0], u16::try_from(groups).unwrap_or(u16::MAX));
            0
        }
        function::ExtFunctionGetGroupAffinity => {
            let first = low_u32(values[0]) * GROUP;
            let count = processors.count.saturating_sub(first).min(GROUP);
            put(values[1], u64::MAX.checked_shr(GROUP - count).unwrap_or(0));
            0
        }
        function::ExtFunctionGetCurrentProcessorNumber => {
            let number = PROCESSOR_NUMBER {
                Group: (processors.current / GROUP) as u16,
                Number: (processors.current % GROUP) as u8,
                ..Default::default()
            };
            put(values[0], number);
            0
        }
        function::ExtFunctionGetStartIoPerformanceParameters => {
            assert!(state.in_start_io, "outside of HwStorStartIo");
            assert!(state.owned.contains(&values[0]), "a foreign request");
            let parameters = pointer::<STARTIO_PERFORMANCE_PARAMETERS>(values[1]);
            // SAFETY: the driver passes a STARTIO_PERFORMANCE_PARAMETERS.
            let parameters = unsafe { &mut *parameters };
            assert_eq!(parameters.Size, 16);
            parameters.MessageNumber = state.perf.message;
            0
        }
        function::ExtFunctionInitializePerformanceOptimizations if !state.perf.exists => {
            STOR_STATUS_NOT_IMPLEMENTED
        }
        function::ExtFunctionInitializePerformanceOptimizations => {
            let data = pointer::<PERF_CONFIGURATION_DATA>(values[1]);
            // SAFETY: the driver passes a PERF_CONFIGURATION_DATA.
            let data = unsafe { &mut *data };
            if low_u32(values[0]) & 0xFF == 1 {
                data.Flags = state.perf.offered;
                return 0;
            }
            set(state, data)
        }
        other => panic!("no service of processors: {other}"),
    }
}

/// Takes the options over, or refuses them.
fn set(state: &mut State, data: &PERF_CONFIGURATION_DATA) -> u32 {
    let flags = data.Flags;
    let needs = |flag: u32, condition: u32| flags & flag == 0 || flags & condition == condition;
    assert_eq!(flags & !state.perf.offered, 0, "an option not offered");
    assert!(
        needs(
            STOR_PERF_INTERRUPT_MESSAGE_RANGES,
            STOR_PERF_DPC_REDIRECTION
        ) && needs(
            STOR_PERF_ADV_CONFIG_LOCALITY,
            STOR_PERF_INTERRUPT_MESSAGE_RANGES | STOR_PERF_DPC_REDIRECTION
        ),
        "conditions of the options {flags:#x}"
    );
    if flags & state.perf.refused != 0 {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    if flags & STOR_PERF_INTERRUPT_MESSAGE_RANGES != 0 {
        let (first, last) = (
            data.FirstRedirectionMessageNumber,
            data.LastRedirectionMessageNumber,
        );
        assert!(first <= last && last < u32::from(state.messages));
        state.perf.messages = (first, last);
    }
    if flags & STOR_PERF_ADV_CONFIG_LOCALITY != 0 {
        let Targets { of, from_zero } = state.perf.targets;
        let (first, last) = state.perf.messages;
        let begin = if from_zero { 0 } else { first };
        for message in begin..=last {
            let place = data.MessageTargets.wrapping_add((message - begin) as usize);
            let (group, mask) = of.get(message as usize).copied().unwrap_or_default();
            let target = GROUP_AFFINITY {
                Mask: mask,
                Group: group,
                ..Default::default()
            };
            // SAFETY: the driver passes an array with an element for each message up to the last.
            unsafe { place.write(target) };
        }
    }
    if flags & STOR_PERF_CONCURRENT_CHANNELS != 0 {
        state.perf.channels = data.ConcurrentChannels;
    }
    state.perf.flags = flags;
    0
}
