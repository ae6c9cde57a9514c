//! Driver images: reading the file ([`parse`], pure), and loading it as the kernel of Windows would ([`load`]).

pub mod parse;

#[cfg(any(target_os = "none", clippy))]
mod load;

#[cfg(any(target_os = "none", clippy))]
pub use load::{LoadError, LoadedImage, Section, load, load_quietly};
pub use parse::{ParsedImage, PeError, Protection};
