//! Hibernation: freezing the system, writing its memory through the dump stack, and coming back.
//!
//! Pure parts, tested on Linux: [`ranges`] (sets of bytes), [`plan`] (which page goes into which set), [`layout`]
//! (where on the partition, in which requests), [`image`] (header and tables). Parts that drive the machine:
//! `freeze` (shadow copy and page presence), `writer`, `reader`, `cycle`. The dump stack itself is in `crate::dump`.

pub mod image;
pub mod layout;
pub mod plan;
pub mod ranges;
