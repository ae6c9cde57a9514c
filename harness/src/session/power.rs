//! How QEMU says that the machine was switched off, or sleeps.

use super::life::{PowerOff, QmpEvent};

/// The machine entered S3.
pub(crate) const ASLEEP: &str = "SUSPEND";
/// It woke.
pub(crate) const AWAKE: &str = "WAKEUP";

/// QMP's `SUSPEND_DISK` must come before `SHUTDOWN`.
pub(super) fn power_off(events: &[QmpEvent]) -> PowerOff {
    let place = |name: &str| events.iter().position(|event| event.name == name);
    match (place("SUSPEND_DISK"), place("SHUTDOWN")) {
        (Some(suspend), Some(shutdown)) if suspend < shutdown => PowerOff::Hibernated,
        (_, Some(shutdown)) if by_guest(&events[shutdown]) => PowerOff::ShutDown,
        _ => PowerOff::None,
    }
}

fn by_guest(event: &QmpEvent) -> bool {
    event.data.get("guest").and_then(serde_json::Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(name: &str) -> QmpEvent {
        QmpEvent {
            name: name.to_owned(),
            data: json!({ "guest": true, "reason": "guest-shutdown" }),
            after_records: 0,
        }
    }

    #[test]
    fn hibernation_needs_suspend_disk_before_the_shutdown() {
        let both = [event("RESUME"), event("SUSPEND_DISK"), event("SHUTDOWN")];
        assert_eq!(power_off(&both), PowerOff::Hibernated);
        assert_eq!(power_off(&[event("SHUTDOWN")]), PowerOff::ShutDown);
        let reversed = [event("SHUTDOWN"), event("SUSPEND_DISK")];
        assert_eq!(power_off(&reversed), PowerOff::ShutDown);
        assert_eq!(power_off(&[event("SUSPEND_DISK")]), PowerOff::None);
        assert_eq!(power_off(&[]), PowerOff::None);
    }

    #[test]
    fn a_shutdown_by_a_signal_is_not_the_guests() {
        let mut event = event("SHUTDOWN");
        event.data = json!({ "guest": false, "reason": "host-signal" });
        assert_eq!(power_off(&[event]), PowerOff::None);
    }
}
