//! Errors that a person reads: what happened, what to do about it, and the exit status that follows.
//!
//! Every function of this crate returns [`anyhow::Result`]; a [`Fault`] somewhere in the chain decides the exit status
//! ([`exit_status`]) and supplies the remedy. [`one_line`] prints the whole chain on one line.

use std::{fmt, process::ExitCode};

/// Which exit status a fault leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Wrong arguments, unusable input or a machine that lacks something: exit status 2.
    Setup,
    /// Something that was to hold did not: exit status 1.
    Check,
    /// Ended by Ctrl-C or a termination signal: exit status 130.
    Interrupted,
}

/// A cause and its remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// Decides the exit status.
    pub kind: FaultKind,
    /// What happened, without a full stop.
    pub cause: String,
    /// What the reader can do; may be empty.
    pub remedy: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        Ok(())
    }
}

impl Fault {
    /// Unusable arguments, input or machine.
    #[must_use]
    pub fn setup(cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(FaultKind::Setup, cause, remedy)
    }

    /// Something that was to hold did not.
    #[must_use]
    pub fn check(cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(FaultKind::Check, cause, remedy)
    }

    /// The user ended the run.
    #[must_use]
    pub fn interrupted() -> Self {
        Self::new(FaultKind::Interrupted, "interrupted", "")
    }

    fn new(kind: FaultKind, cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            kind,
            cause: cause.into(),
            remedy: remedy.into(),
        }
    }
}

/// The exit status for an error: 2 for set-up, 130 for an interruption, 1 for everything else.
#[must_use]
pub fn exit_status(error: &anyhow::Error) -> u8 {
    match kind_of(error) {
        Some(FaultKind::Setup) => 2,
        Some(FaultKind::Interrupted) => 130,
        Some(FaultKind::Check) | None => 1,
    }
}

/// [`exit_status`] as the process needs it.
#[must_use]
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(exit_status(error))
}

/// The whole chain on one line, outermost first, without line ends.
#[must_use]
pub fn one_line(error: &anyhow::Error) -> String {
    format!("{error:#}")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn kind_of(error: &anyhow::Error) -> Option<FaultKind> {
    error
        .downcast_ref::<Fault>()
        .or_else(|| {
            error
                .chain()
                .find_map(|cause| cause.downcast_ref::<Fault>())
        })
        .map(|fault| fault.kind)
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn the_deepest_fault_decides_the_status() {
        let error = Err::<(), _>(Fault::setup("no such file", "give another one"))
            .context("reading the driver")
            .unwrap_err();
        assert_eq!(exit_status(&error), 2);
        assert_eq!(
            one_line(&error),
            "reading the driver: no such file; give another one"
        );
    }

    #[test]
    fn an_error_without_a_fault_is_a_failed_check() {
        assert_eq!(exit_status(&anyhow::anyhow!("two\nlines")), 1);
        assert_eq!(one_line(&anyhow::anyhow!("two\n  lines")), "two lines");
    }

    #[test]
    fn an_interruption_has_its_own_status() {
        assert_eq!(exit_status(&Fault::interrupted().into()), 130);
    }
}
