//! `cargo harness dump`: looks into crash dumps, takes them off the disk of a run, and decrypts them.

use std::{
    fs::{self, File},
    io::BufReader,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use clap::Subcommand;

use super::print_all;
use crate::{
    dumpfile::{DumpFile, partition, summary::Summary},
    fault::Fault,
    seal::{self, PrivateKey},
};

/// Arguments of `cargo harness dump`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What can be done with a dump.
#[derive(Clone, Debug, Subcommand)]
pub enum Action {
    /// Tell what a dump holds: type, bug check, memory, secondary data
    Info(Info),
    /// Copy the dump from the crash partition of a disk image into a file for a debugger
    Extract(Extract),
    /// Decrypt a dump that the dump filter encrypted
    Decrypt(Decrypt),
}

/// Arguments of `dump info`.
#[derive(Clone, Debug, clap::Args)]
pub struct Info {
    /// The dump
    #[arg(value_name = "FILE.dmp")]
    pub file: PathBuf,
    /// Write the same as data, too; `-`: to standard output instead of the text
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Arguments of `dump extract`.
#[derive(Clone, Debug, clap::Args)]
pub struct Extract {
    /// The disk image
    #[arg(value_name = "DISK")]
    pub disk: PathBuf,
    /// The file to write; it must not exist
    #[arg(value_name = "OUT.dmp")]
    pub out: PathBuf,
    /// Write what the dump holds as data, too; `-`: to standard output instead of the text
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Arguments of `dump decrypt`.
#[derive(Clone, Debug, clap::Args)]
pub struct Decrypt {
    /// The private key: 32 bytes, or 64 hexadecimal digits
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The encrypted dump, as it lies on the disk
    #[arg(value_name = "IN.dmp")]
    pub file: PathBuf,
    /// The file to write; it must not exist
    #[arg(value_name = "OUT.dmp")]
    pub out: PathBuf,
    /// Write what the dump holds as data, too; `-`: to standard output instead of the text
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Does it.
///
/// # Errors
/// A fault with the reason why a file is refused.
pub fn execute(arguments: &Args) -> Result<()> {
    match &arguments.action {
        Action::Info(info) => {
            let summary = inspect(&info.file)?;
            print(&summary, info.json.as_deref())?;
            whole(&info.file, &summary)
        }
        Action::Extract(extract) => {
            let summary = partition::take_off(&extract.disk, &extract.out)?;
            print(&summary, extract.json.as_deref())
        }
        Action::Decrypt(decrypt) => {
            let key = private_key(&decrypt.key)?;
            seal::decrypt_file(&decrypt.file, &decrypt.out, &key)?;
            let summary = inspect(&decrypt.out)?;
            print(&summary, decrypt.json.as_deref())?;
            whole(&decrypt.out, &summary)
        }
    }
}

fn private_key(path: &Path) -> Result<PrivateKey> {
    let content = fs::read(path).map_err(|error| {
        Fault::setup(
            format!("cannot read {}: {error}", path.display()),
            "give the file of the private key",
        )
    })?;
    let key = PrivateKey::from_file(&content).ok_or_else(|| {
        Fault::setup(
            format!("{} is no private key", path.display()),
            "give a file of 32 bytes or of 64 hexadecimal digits",
        )
    })?;
    Ok(key)
}

/// Reads a dump; one that is damaged is summarised as far as it goes.
fn inspect(path: &Path) -> Result<Summary> {
    let file = File::open(path).map_err(|error| {
        Fault::setup(
            format!("cannot read {}: {error}", path.display()),
            "give a .dmp file",
        )
    })?;
    let mut dump = DumpFile::open(BufReader::new(file)).map_err(|error| {
        Fault::setup(
            format!("{} is no crash dump: {error}", path.display()),
            "give a .dmp file of an x64 system; one on a disk image comes off with `dump extract`",
        )
    })?;
    Ok(Summary::of(&mut dump)?)
}

fn print(summary: &Summary, json: Option<&Path>) -> Result<()> {
    let Some(file) = json else {
        print_all(&summary.render());
        return Ok(());
    };
    let data = serde_json::to_string_pretty(summary)? + "\n";
    if file == Path::new("-") {
        print_all(&data);
        return Ok(());
    }
    print_all(&summary.render());
    fs::write(file, data).with_context(|| format!("cannot write {}", file.display()))
}

/// A damaged dump is shown, and is an error all the same.
fn whole(path: &Path, summary: &Summary) -> Result<()> {
    match summary.problems.first() {
        None => Ok(()),
        Some(problem) => Err(Fault::check(
            format!("the dump {} is damaged: {problem}", path.display()),
            "a debugger may still open a part of it",
        )
        .into()),
    }
}
