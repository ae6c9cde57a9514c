//! Linker settings and version resource of dumpheader.sys: see [`driver_link`].

#[path = "../driver_link.rs"]
mod driver_link;
#[path = "../version_resource.rs"]
mod version_resource;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../driver_link.rs");
    println!("cargo::rerun-if-changed=../version_resource.rs");
    driver_link::configure(&[])
}
