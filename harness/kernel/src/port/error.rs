//! Why the port cannot go on; each in one line for the report.

use core::fmt;

use super::{queue::Address, timeouts::Reset};
use crate::interrupt::InterruptError;

/// Why the port cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortError {
    /// DriverEntry returned this status.
    DriverEntry(u32),
    /// DriverEntry returned success without a successful `StorPortInitialize`.
    NotInitialized,
    /// `HwStorFindAdapter` returned this.
    FindAdapter(u32),
    /// FindAdapter left a configuration that the port cannot use.
    Configuration(&'static str),
    /// No interrupt could be connected.
    Interrupt(InterruptError),
    /// `HwStorInitialize` returned FALSE.
    Initialize,
    /// The passive initialisation routine returned FALSE.
    PassiveInitialize,
    /// An adapter control type answered with this status.
    Control(u32, u32),
    /// No memory for this.
    Memory(&'static str),
    /// There is no adapter, or it does not run.
    NotRunning,
    /// No such logical unit.
    NoSuchUnit(Address),
    /// More requests than the port keeps.
    TooManyRequests,
    /// A request never came back.
    Lost,
    /// So many requests did not drain.
    NotDrained(u32),
    /// A request of this kind ended with this SRB status.
    Request(&'static str, u8),
    /// The bus scan found no disk.
    NoDisk,
    /// A reset failed.
    Reset(Reset),
    /// The answer to `SRB_FUNCTION_DUMP_POINTERS` is unusable.
    DumpPointers(&'static str),
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DriverEntry(status) => write!(f, "DriverEntry returned {status:#010x}"),
            Self::NotInitialized => {
                f.write_str("DriverEntry returned without a successful StorPortInitialize")
            }
            Self::FindAdapter(value) => write!(f, "HwStorFindAdapter returned {value}"),
            Self::Configuration(what) => write!(f, "HwStorFindAdapter: {what}"),
            Self::Interrupt(error) => write!(f, "no interrupt: {error}"),
            Self::Initialize => f.write_str("HwStorInitialize returned FALSE"),
            Self::PassiveInitialize => f.write_str("passive initialisation returned FALSE"),
            Self::Control(kind, status) => {
                write!(f, "HwStorAdapterControl type {kind} answered {status}")
            }
            Self::Memory(what) => write!(f, "no memory for the {what}"),
            Self::NotRunning => f.write_str("the adapter does not run"),
            Self::NoSuchUnit(address) => write!(f, "no logical unit {address:?}"),
            Self::TooManyRequests => f.write_str("more requests than the port keeps"),
            Self::Lost => f.write_str("a request never came back"),
            Self::NotDrained(count) => write!(f, "{count} requests did not drain"),
            Self::Request(what, status) => {
                write!(f, "{what} ended with SRB status {status:#04x}")
            }
            Self::NoDisk => f.write_str("the bus scan found no disk"),
            Self::Reset(kind) => write!(f, "the {kind:?} reset failed"),
            Self::DumpPointers(what) => write!(f, "SRB_FUNCTION_DUMP_POINTERS: {what}"),
        }
    }
}
