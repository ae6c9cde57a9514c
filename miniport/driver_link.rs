//! Linker settings and version resource of a driver image; part of the build scripts of the driver crates.
//!
//! Key function: [`configure`]. On a Windows host the settings come from `wdk-build`, which finds the WDK; elsewhere
//! [`link_without_wdk`] gives rust-lld the same ones, so that an image does not depend on where it was built. Both ways add what
//! `wdk-build` leaves out: further import libraries (the subset of bindings used without a WDK names its imports itself), the checksum
//! and the version resource ([`version_resource`]).
//! The sources of the bindings are chosen elsewhere: see docs/architecture.md.

use std::{env, error::Error, fs, path::PathBuf};

use crate::version_resource;

/// Tells the linker how to make the image of this package; nothing for a target other than Windows.
pub(crate) fn configure(import_libraries: &[&str]) -> Result<(), Box<dyn Error>> {
    // The unit tests are ordinary programs of the host.
    if env::var("CARGO_CFG_TARGET_ENV")? != "msvc" {
        return Ok(());
    }
    link_image(import_libraries)?;
    link_argument("/RELEASE"); // Writes the checksum, which the loader of boot drivers verifies.
    link_argument("/BREPRO"); // No build time: two builds differ in the identity of their PDBs alone.
    let (major, minor) = ("CARGO_PKG_VERSION_MAJOR", "CARGO_PKG_VERSION_MINOR");
    link_argument(&format!(
        "/VERSION:{}.{}",
        env::var(major)?,
        env::var(minor)?
    ));
    add_version_resource()
}

#[cfg(windows)]
fn link_image(import_libraries: &[&str]) -> Result<(), Box<dyn Error>> {
    wdk_build::configure_wdk_binary_build()?;
    // wdk-build links the kernel's import libraries alone.
    for library in import_libraries {
        link_argument(library);
    }
    Ok(())
}

#[cfg(not(windows))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature that the build with a WDK needs"
)]
fn link_image(_import_libraries: &[&str]) -> Result<(), Box<dyn Error>> {
    link_without_wdk();
    Ok(())
}

/// What `wdk_build::configure_wdk_binary_build` passes to link.exe for a WDM driver, as far as it concerns the image.
#[cfg(not(windows))]
fn link_without_wdk() {
    for argument in [
        "/DRIVER",
        "/NODEFAULTLIB",
        "/SUBSYSTEM:NATIVE",
        "/ENTRY:DriverEntry",
        "/NXCOMPAT",
        "/DYNAMICBASE",
        "/OPT:REF,ICF",
        "/INTEGRITYCHECK",
        "/MANIFEST:NO",
    ] {
        link_argument(argument);
    }
}

/// Writes the version resource and has the linker take it in.
fn add_version_resource() -> Result<(), Box<dyn Error>> {
    let version = [
        env::var("CARGO_PKG_VERSION_MAJOR")?.parse()?,
        env::var("CARGO_PKG_VERSION_MINOR")?.parse()?,
        env::var("CARGO_PKG_VERSION_PATCH")?.parse()?,
        0,
    ];
    let name = env::var("CARGO_PKG_NAME")?;
    let resource = version_resource::VersionResource {
        version,
        description: &env::var("CARGO_PKG_DESCRIPTION")?,
        product: &name,
        file: &format!("{name}.sys"),
        copyright: &format!("{} contributors; {}", name, env::var("CARGO_PKG_LICENSE")?),
    };
    let path = PathBuf::from(env::var("OUT_DIR")?).join("version.res");
    fs::write(&path, resource.to_res_file())?;
    link_argument(&path.display().to_string());
    Ok(())
}

fn link_argument(argument: &str) {
    println!("cargo::rustc-cdylib-link-arg={argument}");
}
