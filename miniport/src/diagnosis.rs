//! What the driver tells the system about failures: the flight recorder, the event log, and structured events.
//!
//! Key type: [`Finding`]. The flight recorder gets every finding; Event Tracing gets it with named values, for who traces
//! `Microsoft-Windows-StorPort`; the system event log gets what an administrator has to know. [`crate::status`] is about single requests,
//! this is about the adapter. Nothing on the path of an ordinary request comes here.

use ddi::{
    port::{EventCode, Port, UnitAddress},
    recorder::{self, Event},
    trace::{Level, Text, TraceEvent, VALUES, wide},
};

/// A text of an event.
macro_rules! text {
    ($text:literal) => {{
        const UNITS: &[u16] = &wide::<{ $text.len() + 1 }>($text);
        Text::new(UNITS)
    }};
}

/// Something that went wrong or changed, with its two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// The device did not come up; step and detail.
    BringUpFailed,
    /// The device broke its protocol; queue and fault.
    ProtocolError,
    /// The device was reset as a whole; reason, and requests that this ended.
    AdapterReset,
    /// A task management function was not answered in time; function, and address as a number.
    ManagementTimeout,
    /// Units came, went or changed, and the port is told to look; number of events, and of those that the device lost.
    UnitsChanged,
}

/// How a finding is told.
struct Telling {
    recorded: Event,
    traced: TraceEvent,
    /// Code of the entry in the system event log; `None`: not an administrator's business.
    logged: Option<EventCode>,
}

impl Finding {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 5] = [
        Self::BringUpFailed,
        Self::ProtocolError,
        Self::AdapterReset,
        Self::ManagementTimeout,
        Self::UnitsChanged,
    ];

    const fn telling(self) -> Telling {
        let (recorded, level, description, first, second, logged) = match self {
            Self::BringUpFailed => (
                Event::BringUpFailed,
                Level::Critical,
                text!("The device did not start"),
                text!("Step"),
                text!("Detail"),
                Some(EventCode::InternalAdapterError),
            ),
            Self::ProtocolError => (
                Event::QueueFault,
                Level::Error,
                text!("The device broke its protocol"),
                text!("Queue"),
                text!("Fault"),
                Some(EventCode::ProtocolError),
            ),
            Self::AdapterReset => (
                Event::AdapterReset,
                Level::Warning,
                text!("The device was reset"),
                text!("Reason"),
                text!("RequestsEnded"),
                None,
            ),
            Self::ManagementTimeout => (
                Event::TaskManagementTimeout,
                Level::Error,
                text!("A task management function timed out"),
                text!("Function"),
                text!("Address"),
                Some(EventCode::BusTimeOut),
            ),
            Self::UnitsChanged => (
                Event::UnitsChanged,
                Level::Informational,
                text!("The device reports a change of its units"),
                text!("Events"),
                text!("TimesThatEventsWereLost"),
                None,
            ),
        };
        Telling {
            recorded,
            traced: TraceEvent {
                id: recorded as u32,
                description,
                level,
                names: [first, second, Text::NONE, Text::NONE],
            },
            logged,
        }
    }
}

/// Tells of a finding about the adapter, or about a unit. With no spin lock of the driver's own held. Services that the port lacks are done
/// without.
#[cold]
pub(crate) fn tell(
    port: Port<'_>,
    finding: Finding,
    unit: Option<UnitAddress>,
    first: u64,
    second: u64,
) {
    let Telling {
        recorded,
        traced,
        logged,
    } = finding.telling();
    recorder::record(recorded, first, second);
    let mut values = [0; VALUES];
    [values[0], values[1]] = [first, second];
    let _ = port.trace(&traced, unit, values);
    if let Some(code) = logged {
        let id = u32::try_from(first).unwrap_or(u32::MAX);
        let _ = port.log_adapter_event(code, id);
    }
}

#[cfg(test)]
mod tests {
    use super::Finding;

    #[test]
    fn findings_are_told_apart() {
        for (index, one) in Finding::ALL.iter().enumerate() {
            for other in &Finding::ALL[index + 1..] {
                assert_ne!(one.telling().traced.id, other.telling().traced.id);
            }
        }
    }
}
