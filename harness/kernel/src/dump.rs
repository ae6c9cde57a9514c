//! The dump port: what `dump_diskdump.sys` is to a miniport's copy in the crash and the hibernate stack.
//!
//! Pure parts, tested on Linux: [`mode`] (`DumpMode`), [`cdb`] (commands), [`marks`] (judgement of
//! `StorPortMarkDumpMemory`), [`blocks`] (division of the common buffers), [`ring`] (reading virtqueues).
//! The port role for daily life is `crate::port`; `crate::hibernate` uses this module to write and read the image.

pub mod blocks;
pub mod cdb;
pub mod marks;
pub mod mode;
pub mod ring;
