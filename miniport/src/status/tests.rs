//! The mapping of device answers to SRB status, value by value.

use ddi::status::SrbStatus;
use hba::request::{Completion, Outcome, ResponseFault, TmfOutcome};

use super::{QUEUE_IS_FULL, is_unit_attention, of_abort, of_command, of_flush, of_reset};

fn completion(outcome: Outcome, scsi_status: u8, transferred: u32) -> Completion {
    Completion {
        outcome,
        scsi_status,
        transferred,
        sense_bytes: 18,
    }
}

#[test]
fn every_outcome_has_its_status() {
    use Outcome as O;
    use SrbStatus as S;
    for (outcome, scsi_status, transferred, expected) in [
        (O::Success, 0, 512, (S::Success, 0, Some(512))),
        (O::Success, 0, 36, (S::DataOverrun, 0, Some(36))),
        (O::Status, 2, 0, (S::Error, 2, Some(0))),
        (O::Status, 2, 512, (S::Error, 2, Some(512))),
        (O::Status, 0x18, 0, (S::Error, 0x18, Some(0))),
        (O::Status, 0x08, 0, (S::Busy, 0x08, None)),
        (O::Status, 0x28, 0, (S::Busy, 0x28, None)),
        (O::Busy, 0, 0, (S::Busy, 0x08, None)),
        (O::Overrun, 0, 0, (S::DataOverrun, 0, Some(0))),
        (O::Aborted, 0, 0, (S::Aborted, 0, Some(0))),
        (O::BadTarget, 0, 0, (S::InvalidTargetId, 0, Some(0))),
        (O::Reset, 0, 0, (S::BusReset, 0, Some(0))),
        (O::TransportFailure, 0, 0, (S::Error, 0, Some(0))),
        (O::TargetFailure, 0, 0, (S::Error, 0, Some(0))),
        (O::NexusFailure, 0, 0, (S::Error, 0, Some(0))),
        (O::Failure, 0, 0, (S::Error, 0, Some(0))),
        (O::Unknown(99), 0, 0, (S::Error, 0, Some(0))),
        (
            O::Malformed(ResponseFault::NotWritten),
            0,
            0,
            (S::Error, 0, Some(0)),
        ),
    ] {
        let verdict = of_command(completion(outcome, scsi_status, transferred), 512);
        let found = (verdict.srb_status, verdict.scsi_status, verdict.transferred);
        assert_eq!(found, expected, "{outcome:?} {scsi_status:#x}");
    }
}

#[test]
fn busy_leaves_the_length_alone() {
    assert_eq!(QUEUE_IS_FULL.transferred, None);
    assert_eq!(QUEUE_IS_FULL.scsi_status, 0x28);
}

#[test]
fn a_flush_of_nothing_succeeds() {
    let refused = completion(Outcome::Status, 2, 0);
    let fixed = |key| [0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x20, 0];
    assert_eq!(of_flush(refused, &fixed(5)), SrbStatus::Success);
    assert_eq!(of_flush(refused, &fixed(2)), SrbStatus::Success);
    assert_eq!(of_flush(refused, &fixed(3)), SrbStatus::Error);
    assert_eq!(of_flush(refused, &fixed(6)), SrbStatus::BusReset);
    assert_eq!(of_flush(refused, &[0x72, 5]), SrbStatus::Success);
    assert_eq!(of_flush(refused, &[]), SrbStatus::Error);
    let done = completion(Outcome::Success, 0, 0);
    assert_eq!(of_flush(done, &[]), SrbStatus::Success);
    let reset = completion(Outcome::Reset, 0, 0);
    assert_eq!(of_flush(reset, &[]), SrbStatus::BusReset);
}

#[test]
fn task_management_answers_have_their_status() {
    use SrbStatus as S;
    use TmfOutcome as T;
    for (outcome, reset, abort) in [
        (T::Complete, S::Success, S::Success),
        (T::Succeeded, S::Success, S::Success),
        (T::Rejected, S::Error, S::AbortFailed),
        (T::IncorrectLun, S::InvalidLun, S::AbortFailed),
        (T::BadTarget, S::InvalidTargetId, S::AbortFailed),
        (T::Busy, S::Busy, S::AbortFailed),
        (T::Failure(9), S::Error, S::AbortFailed),
        (T::Unknown(200), S::Error, S::AbortFailed),
        (T::NotWritten, S::Error, S::AbortFailed),
    ] {
        assert_eq!(of_reset(outcome), reset, "{outcome:?}");
        assert_eq!(of_abort(outcome), abort, "{outcome:?}");
    }
}

#[test]
fn a_unit_attention_is_told_by_its_sense_key() {
    let refused = completion(Outcome::Status, 2, 0);
    assert!(is_unit_attention(refused, &[0x70, 0, 6, 0]));
    assert!(is_unit_attention(refused, &[0x72, 6, 0x29, 0]));
    assert!(!is_unit_attention(refused, &[0x70, 0, 5, 0]));
    assert!(!is_unit_attention(refused, &[]));
    let done = completion(Outcome::Success, 0, 512);
    assert!(!is_unit_attention(done, &[0x70, 0, 6, 0]));
}
