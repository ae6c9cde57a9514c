//! One life of the guest: a sequence of QEMU processes over one disk, watched from outside.
//!
//! [`life`] is what comes out: plain data for the verdict.

pub mod life;
