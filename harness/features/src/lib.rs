//! Nothing: the manifest is what counts.
#![no_std]
#![forbid(unsafe_code)]
