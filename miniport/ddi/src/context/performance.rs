//! Performance options: what the port offers, what the adapter wants of it, and what was granted.
//!
//! Key types: [`Wanted`], [`Granted`], [`MessageTargets`], [`Affinity`]. All options are optional for the port, one by one: whatever is
//! refused, the adapter works without. Source: `nf-storport-storportinitializeperfopts.md`, `ns-storport-_perf_configuration_data.md`.
#![expect(unsafe_code, reason = "the port fills in an array of the adapter's")]
// UNSAFETY: the array of message targets crosses the border as a raw pointer.

use core::cell::UnsafeCell;

use wdk_sys::{GROUP_AFFINITY, PERF_CONFIGURATION_DATA};

use super::InitializeContext;
use crate::{adapter::Adapter, inlines, processors::GROUP_PROCESSORS, status::StorError};

/// Most messages of an adapter that has performance options, for the array that the port fills in.
pub const MESSAGES_MAX: u16 = 17;

bitflags::bitflags! {
    /// Performance options (`STOR_PERF_*`).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct PerfOptions: u32 {
        /// Completions run on the processor that sent the request.
        const DPC_REDIRECTION = wdk_sys::STOR_PERF_DPC_REDIRECTION;
        /// `HwStorStartIo` is called on several processors at once, without the `StartIo` lock.
        const CONCURRENT_CHANNELS = wdk_sys::STOR_PERF_CONCURRENT_CHANNELS;
        /// The port says for each request which message suits its processor; needs [`PerfOptions::DPC_REDIRECTION`].
        const INTERRUPT_MESSAGE_RANGES = wdk_sys::STOR_PERF_INTERRUPT_MESSAGE_RANGES;
        /// The port takes the affinity of each message into account, and tells it; needs both options above.
        const ADV_CONFIG_LOCALITY = wdk_sys::STOR_PERF_ADV_CONFIG_LOCALITY;
        /// The port makes use of requests that complete inside `HwStorStartIo`.
        const OPTIMIZE_FOR_COMPLETION_DURING_STARTIO =
            wdk_sys::STOR_PERF_OPTIMIZE_FOR_COMPLETION_DURING_STARTIO;
    }
}

impl PerfOptions {
    /// Without options whose conditions are not fulfilled.
    const fn consistent(self) -> Self {
        let mut options = self;
        if !options.contains(Self::DPC_REDIRECTION) {
            options = options.difference(Self::INTERRUPT_MESSAGE_RANGES);
        }
        if !options.contains(Self::INTERRUPT_MESSAGE_RANGES) {
            options = options.difference(Self::ADV_CONFIG_LOCALITY);
        }
        options
    }
}

/// What an adapter wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Calls of `HwStorStartIo` that may run at once; 1 for none beside each other.
    pub channels: u16,
    /// First and last message that requests are steered to, if any.
    pub messages: Option<(u16, u16)>,
}

/// What the port has granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Options in force.
    pub options: PerfOptions,
    /// Calls of `HwStorStartIo` that may run at once.
    pub channels: u32,
}

impl Granted {
    /// Nothing: one call at a time, under the `StartIo` lock.
    pub const NOTHING: Self = Self {
        options: PerfOptions::empty(),
        channels: 1,
    };
}

/// Processors of one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Affinity {
    /// The group.
    pub group: u16,
    /// A bit for each of its processors.
    pub mask: u64,
}

impl Affinity {
    /// No processor.
    pub const NOWHERE: Self = Self { group: 0, mask: 0 };

    /// Whether a processor, numbered as by [`crate::port::Port::current_processor`], is one of them.
    #[must_use]
    pub const fn contains(self, processor: u32) -> bool {
        let bit = 1 << (processor % GROUP_PROCESSORS);
        self.group as u32 == processor / GROUP_PROCESSORS && self.mask & bit != 0
    }
}

/// Where the port writes which processors each message goes to. Part of the adapter: nothing says for how long the port uses it.
#[derive(Debug)]
pub struct MessageTargets(UnsafeCell<[GROUP_AFFINITY; MESSAGES_MAX as usize]>);

// SAFETY: the port writes the array while the options are set, and the adapter reads it after that, element by element and volatile.
unsafe impl Sync for MessageTargets {}

/// What an element holds that the port has not written: a group that no system has.
const UNWRITTEN: GROUP_AFFINITY = GROUP_AFFINITY {
    Mask: 0,
    Group: u16::MAX,
    Reserved: [0; 3],
};

impl MessageTargets {
    /// Nothing written yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(UnsafeCell::new([UNWRITTEN; MESSAGES_MAX as usize]))
    }

    /// The processors that `message` goes to, of the messages `first` to `last` for which [`PerfOptions::ADV_CONFIG_LOCALITY`] was granted.
    ///
    /// The page of the structure says of the array that it is zero-based and that the first message need not be 0. That may mean one
    /// element for each message from 0 on, or one for each from the first on. The port's writing tells: in the second case it leaves the
    /// element alone that has the number of the last message.
    #[must_use]
    pub fn of(&self, message: u16, (first, last): (u16, u16)) -> Affinity {
        let by_number = first == 0 || self.element(last).Group != UNWRITTEN.Group;
        let index = if by_number {
            Some(message)
        } else {
            message.checked_sub(first)
        };
        let target = index.map_or(UNWRITTEN, |index| self.element(index));
        if target.Group == UNWRITTEN.Group {
            return Affinity::NOWHERE;
        }
        Affinity {
            group: target.Group,
            mask: target.Mask,
        }
    }

    /// One element; beyond the array, one that is not written.
    fn element(&self, index: u16) -> GROUP_AFFINITY {
        if index >= MESSAGES_MAX {
            return UNWRITTEN;
        }
        let first = self.0.get().cast::<GROUP_AFFINITY>();
        let place = first.wrapping_add(usize::from(index));
        // SAFETY: the element lies inside of the array, is initialised, and any bits are a value of it.
        unsafe { place.read_volatile() }
    }
}

impl Default for MessageTargets {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Adapter> InitializeContext<'_, A> {
    /// Asks which performance options the port offers, and switches on those of `wanted` that it does; when it refuses a set that it
    /// offered, a smaller one. Never on a restart: the options outlive a stop. Returns what is in force.
    pub fn initialize_perf_opts(&self, wanted: &Wanted, targets: &MessageTargets) -> Granted {
        let mut offer = data(PerfOptions::empty());
        if self.perf_opts(1, &mut offer).is_err() {
            return Granted::NOTHING;
        }
        let offered = PerfOptions::from_bits_truncate(offer.Flags);
        // What the port says of itself is an upper bound, if it says anything.
        let channels = match offer.ConcurrentChannels {
            0 => u32::from(wanted.channels),
            most => most.min(wanted.channels.into()),
        };
        let messages = wanted
            .messages
            .filter(|&(first, last)| first <= last && last < MESSAGES_MAX);
        let mut options = PerfOptions::DPC_REDIRECTION;
        if channels > 1 {
            options |= PerfOptions::CONCURRENT_CHANNELS;
        }
        if messages.is_some() {
            options |= PerfOptions::INTERRUPT_MESSAGE_RANGES | PerfOptions::ADV_CONFIG_LOCALITY;
        }
        let steering = PerfOptions::INTERRUPT_MESSAGE_RANGES | PerfOptions::ADV_CONFIG_LOCALITY;
        let chosen = (options & offered).consistent();
        let alone = chosen.difference(PerfOptions::CONCURRENT_CHANNELS);
        let without = [
            PerfOptions::empty(),
            PerfOptions::ADV_CONFIG_LOCALITY,
            steering,
            steering | PerfOptions::DPC_REDIRECTION,
        ];
        let mut tried = PerfOptions::empty();
        for set in [chosen, alone]
            .into_iter()
            .flat_map(|most| without.into_iter().map(move |less| most.difference(less)))
        {
            if set.is_empty() || set == tried {
                continue;
            }
            tried = set;
            let mut data = data(set);
            if set.contains(PerfOptions::CONCURRENT_CHANNELS) {
                data.ConcurrentChannels = channels;
            }
            if let Some((first, last)) =
                messages.filter(|_| set.contains(PerfOptions::INTERRUPT_MESSAGE_RANGES))
            {
                data.FirstRedirectionMessageNumber = first.into();
                data.LastRedirectionMessageNumber = last.into();
            }
            if set.contains(PerfOptions::ADV_CONFIG_LOCALITY) {
                data.MessageTargets = targets.0.get().cast();
            }
            if self.perf_opts(0, &mut data).is_ok() {
                let concurrent = set.contains(PerfOptions::CONCURRENT_CHANNELS);
                return Granted {
                    options: set,
                    channels: if concurrent { channels } else { 1 },
                };
            }
        }
        Granted::NOTHING
    }

    /// One call; `query` asks, 0 sets.
    fn perf_opts(&self, query: u8, data: &mut PERF_CONFIGURATION_DATA) -> Result<(), StorError> {
        // SAFETY: (1) the extension is live (invariant of Port); (2) the data is a local of the size that it says; (3) its array of targets
        // is null, or has an element for each message up to the last one and lives as long as the adapter.
        let code = unsafe {
            inlines::StorPortInitializePerfOpts(self.port.extension(), query, &raw mut *data)
        };
        StorError::check(code)
    }
}

/// The structure with `options` set.
fn data(options: PerfOptions) -> PERF_CONFIGURATION_DATA {
    PERF_CONFIGURATION_DATA {
        Version: wdk_sys::STOR_PERF_VERSION,
        Size: size_of::<PERF_CONFIGURATION_DATA>() as u32,
        Flags: options.bits(),
        ..Default::default()
    }
}
