//! `cargo harness test`.

use anyhow::Result;

/// Arguments of `cargo harness test`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {}

/// Does it.
///
/// # Errors
/// Set-up problems.
pub fn execute(_arguments: &Args) -> Result<()> {
    Err(crate::fault::Fault::setup("not built yet", "").into())
}
