//! Linker settings and version resource of dumpfilter.sys: see [`driver_link`].

#[path = "../driver_link.rs"]
mod driver_link;
#[path = "../version_resource.rs"]
mod version_resource;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../driver_link.rs");
    println!("cargo::rerun-if-changed=../version_resource.rs");
    // Set by whoever builds the image: the crate refuses to be built for Windows without it.
    println!("cargo::rustc-check-cfg=cfg(poly1305_force_soft)");
    driver_link::configure(&[])
}
