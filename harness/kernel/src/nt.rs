//! The routines of ntoskrnl, HAL and WMI library that drivers import.

use crate::exports::Export;

/// All of them.
pub static EXPORTS: &[Export] = &[];
