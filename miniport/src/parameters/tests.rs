//! Ranges, defaults, and the INF that documents them.

use core::ffi::CStr;

use hba::{
    device::Features,
    plan::{NormalOptions, SegMaxRule},
};

use super::{ALL, Defaults, Parameters, QUEUES_MAX, Source};

/// One value for every name.
struct Everywhere(u32);

impl Source for Everywhere {
    fn dword(&self, _name: &CStr) -> Option<u32> {
        Some(self.0)
    }
}

/// One value for one name.
struct One(&'static CStr, u32);

impl Source for One {
    fn dword(&self, name: &CStr) -> Option<u32> {
        (name == self.0).then_some(self.1)
    }
}

#[test]
fn every_default_is_a_value_that_is_allowed() {
    for parameter in ALL {
        assert!(parameter.allows(parameter.default), "{parameter:?}");
    }
}

#[test]
fn without_values_the_defaults_hold() {
    let parameters = Parameters::from_source(&Defaults);
    assert_eq!(parameters.request_queues, None);
    assert_eq!(parameters.ring_size, 1024);
    assert_eq!(parameters.transfer_bytes, 2 << 20);
    assert_eq!(parameters.unit_queue_depth, None);
    assert!(parameters.packed_ring);
    assert_eq!(parameters.seg_max, SegMaxRule::HonouredUnlessDerived);
    assert_eq!(parameters.management_timeout_microseconds, 5_000_000);
    assert_eq!(parameters.options(1, 1024), NormalOptions::STANDARD);
}

#[test]
fn a_value_out_of_range_is_as_good_as_none() {
    assert_eq!(
        Parameters::from_source(&Everywhere(u32::MAX)),
        Parameters::from_source(&Defaults)
    );
    let odd = Parameters::from_source(&One(c"RingSize", 100));
    assert_eq!(odd.ring_size, 1024, "no power of two");
}

#[test]
fn each_value_changes_what_it_is_for() {
    let read = |name, value| Parameters::from_source(&One(name, value));
    assert_eq!(read(c"RequestQueues", 3).request_queues, Some(3));
    let short = read(c"RingSize", 64);
    assert_eq!(short.options(1, 1024).ring_size, 64);
    assert_eq!(short.options(1, 32).ring_size, 32, "no room for more");
    assert_eq!(read(c"MaximumTransferKiB", 64).options(1, 1).segments, 17);
    assert_eq!(read(c"UnitQueueDepth", 5).unit_queue_depth, Some(5));
    let split = read(c"PackedRing", 0).options(1, 1024);
    assert!(!split.accept.contains(Features::RING_PACKED));
    let strict = read(c"StrictSegmentLimit", 1);
    assert_eq!(strict.seg_max, SegMaxRule::Honoured);
    let patient = read(c"TaskManagementTimeout", 60_000);
    assert_eq!(patient.management_timeout_microseconds, 60_000_000);
}

/// What an administrator reads in the INF is what the driver does.
#[test]
fn the_inf_lists_every_parameter_with_its_default() {
    let inf = include_str!("../../../inf/hiberport.inf");
    let lines: Vec<String> = inf
        .lines()
        .filter(|line| line.starts_with("HKR,Parameters\\Device,"))
        .map(str::to_owned)
        .collect();
    let expected: Vec<String> = ALL
        .iter()
        .map(|parameter| {
            let name = parameter.name.to_str().unwrap();
            format!(
                "HKR,Parameters\\Device,{name},%REG_DWORD_KEEP%,{}",
                parameter.default
            )
        })
        .collect();
    assert_eq!(lines, expected);
}

/// A queue without a message of its own shares one, which is slower.
#[test]
fn the_inf_asks_for_a_message_for_each_queue_and_one_for_the_rest() {
    let inf = include_str!("../../../inf/hiberport.inf");
    let line = format!("MessageNumberLimit,%REG_DWORD%,{}", QUEUES_MAX + 1);
    assert!(inf.lines().any(|found| found.ends_with(&line)), "{line}");
}
