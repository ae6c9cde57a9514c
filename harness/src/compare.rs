//! Comparisons that the host makes by itself, on copies of guest memory and on the disk image.
//!
//! * [`ranges`]: sets of byte ranges.
//! * [`memory`]: memory before the freeze against memory after the resume.
//! * [`dump`]: a crash dump against memory at the bug check; [`small`]: the same for a small dump.
//! * [`plain`]: pages of memory that lie on the disk although it is to be encrypted.
//! * [`walk`]: virtual memory by the page tables in such a copy.
//! * [`disk`]: the disk, with QEMU stopped, against its state before the run and against what the workload wrote.
//! * [`untouched`]: whether a resume that was refused wrote to the disk.
//!
//! The results are plain data which [`crate::report`] prints and [`crate::verdict`] judges.

pub mod disk;
pub mod dump;
pub mod memory;
pub mod plain;
pub mod ranges;
pub mod small;
pub mod untouched;
pub mod walk;

/// Bytes of a page, as a number of bytes in this program's own memory.
pub(crate) const PAGE_STEP: usize = 4096;

const _: () = assert!(PAGE_STEP as u64 == proto::hiber::PAGE_BYTES);
