//! Linker settings and version resource of hiberport.sys: see [`driver_link`].

#[path = "miniport/driver_link.rs"]
mod driver_link;
#[path = "miniport/version_resource.rs"]
mod version_resource;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=miniport/driver_link.rs");
    println!("cargo::rerun-if-changed=miniport/version_resource.rs");
    driver_link::configure(&["storport.lib"])
}
