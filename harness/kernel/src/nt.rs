//! The routines of ntoskrnl, HAL and WMI library that drivers import.
//!
//! | module | what |
//! |---|---|
//! | [`crash`] | the header of a crash dump |
//! | [`pnp`] | devices, requests, remove locks; PnP and power manager |
//! | [`memory`] | `memcpy` and its like |
//! | [`text`] | strings |
//! | [`print`] | `DbgPrint`, `_snprintf` |
//! | [`kernel`] | IRQL, time, processors, locks, bug checks |
//! | [`pool`] | pool and lists |
//! | [`trace`] | event tracing: registered, never enabled |
//! | [`triage`] | arrays of memory for small dumps |
//! | [`crate::bugcheck`] | bug check callbacks |
//! | [`services`] | what drivers need that are no miniports: registry, random numbers, contiguous memory |
//! | [`prohibited`] | what a physical miniport must not call |

use crate::{
    bugcheck,
    exports::{self, Export, Table},
};

pub mod crash;
pub mod kernel;
pub mod memory;
pub mod pnp;
pub mod pool;
pub mod print;
pub mod prohibited;
pub mod services;
pub mod text;
pub mod trace;
pub mod triage;

/// Module name of the kernel; HAL routines are found under it too.
const NTOSKRNL: &str = "ntoskrnl.exe";

/// Enters all of them.
pub fn register() {
    for exports in [
        memory::EXPORTS,
        text::EXPORTS,
        print::EXPORTS,
        kernel::EXPORTS,
        crash::EXPORTS,
        pnp::EXPORTS,
        pool::EXPORTS,
        trace::EXPORTS,
        triage::EXPORTS,
        bugcheck::exports::EXPORTS,
        services::EXPORTS,
    ] {
        exports::register(Table::Nt, exports);
    }
}

/// An export of the kernel.
pub(crate) const fn export(name: &'static str, handler: exports::Handler) -> Export {
    Export {
        module: NTOSKRNL,
        name,
        handler,
    }
}
