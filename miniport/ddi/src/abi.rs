//! The binding subset against the facts: every structure, constant, enumeration and prototype that it defines.
//!
//! The facts (miniport/ddi/facts) are numbers read off the WDK's headers by another tool, so they are an independent oracle. The tests
//! go both ways: what the bindings define must be in the facts with the same numbers, or in a short list here with the reason.
//! Neighbours: [`crate::layout`] holds the same numbers at compile time, `inlines/tests.rs` checks the header's inlines.

mod constants;
pub(crate) mod facts;
mod io;
mod layouts;
mod prototypes;
