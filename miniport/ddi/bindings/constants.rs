// The part of the WDK's constants that Storport miniports, dump filters and dump-header drivers use, for machines without a WDK.
//
// `wdk-sys` includes this file as bindgen's `constants.rs`; see types.rs. bindgen gives every constant that is not negative and fits the type
// `u32`, whatever the C macro's cast says. Values written from the facts in miniport/ddi/facts; those below are documented, not in the facts.

// ntdef.h, wdm.h: truth values and interrupt request levels.
pub const FALSE: u32 = 0;
pub const TRUE: u32 = 1;
pub const PASSIVE_LEVEL: u32 = 0;
pub const APC_LEVEL: u32 = 1;
pub const DISPATCH_LEVEL: u32 = 2;
pub const HIGH_LEVEL: u32 = 15;

include!("constants/kernel.rs");
include!("constants/pci.rs");
include!("constants/srb.rs");
include!("constants/scsi.rs");
include!("constants/dump.rs");
include!("constants/storport.rs");
