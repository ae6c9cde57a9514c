//! The machine itself: the only modules, besides `mem::raw` and the entry code, with unsafe operations.
//!
//! | module | what |
//! |---|---|
//! | [`checkpoint`] | where the host has a breakpoint |
//! | [`cpu`] | processor set-up, control registers, MXCSR, KPCR page |
//! | [`descriptors`] | GDT, TSS, IDT |
//! | [`entry`] | interrupt and exception entry code |
//! | [`heap`] | the kernel's own heap |
//! | [`layout`] | where the linker put things |
//! | [`port`] | I/O ports |
//! | [`probe`] | `__chkstk` |
//! | [`pvh`] | what the PVH boot protocol hands over |
//! | [`shared`] | blocks of memory as atomic words |
//! | [`stubs`] | entry points of the exports, and the way into a driver |
//! | [`trampoline`] | from the start of a further processor to Rust |
//! | [`switch`] | the change of stacks at hibernation and the entry after the loader |

pub mod checkpoint;
pub mod cpu;
pub mod descriptors;
pub mod entry;
pub mod heap;
pub mod layout;
pub mod port;
pub mod probe;
pub mod pvh;
pub mod shared;
pub mod stubs;
pub mod switch;
pub mod trampoline;
