//! Safe wrappers over `wdk-sys`: the only unsafe code of the drivers.
#![no_std]
#![expect(unsafe_code, reason = "this crate is the boundary to the Windows DDI")]
