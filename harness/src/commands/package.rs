//! `cargo harness package`: the install package of the driver, checked.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::{build::DriverFiles, image, inf, progress::Verbosity, setup::Need, trial::Workshop};

/// Arguments of `cargo harness package`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Where to stage it [default: target/package]
    #[arg(long, value_name = "DIRECTORY")]
    pub out: Option<PathBuf>,
}

/// Builds the driver, checks image and install information, and puts the files together.
///
/// # Errors
/// Set-up problems, and a fault when the image or the install information breaks a rule.
pub fn execute(arguments: &Args) -> Result<()> {
    let workshop = Workshop::open(&[Need::Build], Verbosity::Normal)?;
    let driver = workshop.builder().driver()?;
    let root = &workshop.repository.root;
    let source = root.join("inf/hiberport.inf");
    let facts = image::check(&driver.sys, &driver.pdb, &root.join("miniport/imports.txt"))?;
    inf::check(&source)?;
    let stage = arguments
        .out
        .clone()
        .unwrap_or_else(|| workshop.repository.packages())
        .join("hiberport");
    fs::create_dir_all(&stage).with_context(|| format!("cannot create {}", stage.display()))?;
    for file in [&source, &driver.sys, &driver.pdb] {
        copy(file, &stage)?;
    }
    let header_stage = stage.with_file_name("dumpheader");
    let header_imports = stage_other(
        &workshop,
        &header_stage,
        &workshop.builder().dump_header()?,
        ["inf/dumpheader.inf", "miniport/dump-header/imports.txt"],
        inf::header::check,
    )?;
    let filter_stage = stage.with_file_name("dumpfilter");
    let filter_imports = stage_other(
        &workshop,
        &filter_stage,
        &workshop.builder().filter()?,
        ["inf/dumpfilter.inf", "miniport/dump-filter/imports.txt"],
        inf::filter::check,
    )?;
    workshop.progress.finish();
    println!("{}", stage.display());
    let [major, minor, patch, build] = facts.version;
    println!(
        "  hiberport.inf\n  hiberport.sys  {} bytes, version {major}.{minor}.{patch}.{build}, {} imports\n  hiberport.pdb",
        facts.file_bytes,
        facts.imports.len()
    );
    println!("{}", filter_stage.display());
    println!("  dumpfilter.inf\n  dumpfilter.sys  {filter_imports} imports\n  dumpfilter.pdb");
    println!("{}", header_stage.display());
    println!("  dumpheader.inf\n  dumpheader.sys  {header_imports} imports\n  dumpheader.pdb");
    println!("To install them, sign them first: docs/windows.md");
    Ok(())
}

/// The same for a driver that is no miniport; returns the number of its imports.
fn stage_other(
    workshop: &Workshop,
    stage: &Path,
    driver: &DriverFiles,
    [inf, imports]: [&str; 2],
    check_inf: fn(&Path) -> Result<()>,
) -> Result<usize> {
    let root = &workshop.repository.root;
    let source = root.join(inf);
    let facts = image::check(&driver.sys, &driver.pdb, &root.join(imports))?;
    check_inf(&source)?;
    fs::create_dir_all(stage).with_context(|| format!("cannot create {}", stage.display()))?;
    for file in [&source, &driver.sys, &driver.pdb] {
        copy(file, stage)?;
    }
    Ok(facts.imports.len())
}

fn copy(file: &Path, stage: &Path) -> Result<()> {
    let name = file.file_name().context("a file without a name")?;
    fs::copy(file, stage.join(name)).with_context(|| format!("cannot stage {}", file.display()))?;
    Ok(())
}
