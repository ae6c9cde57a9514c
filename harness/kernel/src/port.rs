//! Storport for the normal role: what a miniport calls, and what calls the miniport.
//!
//! Pure parts, tested on Linux: [`abi`] (structures and constants), [`callback`] (the miniport's routines), [`locks`]
//! (lock model), [`queue`] (request queues), [`srb`] (request blocks), [`fragments`] (scatter/gather choices),
//! [`random`]. The rest serves the exports and drives the miniport.

pub mod abi;
pub mod callback;
pub mod fragments;
pub mod locks;
pub mod queue;
pub mod random;
pub mod srb;
