//! Linker settings of the two bare-metal programs: fixed addresses, no position independence.

use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=kernel.ld");
    println!("cargo::rerun-if-changed=loader.ld");
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    for program in ["kernel", "loader"] {
        let script = here.join(format!("{program}.ld"));
        println!("cargo::rustc-link-arg-bin={program}=-T{}", script.display());
        for argument in [
            "--no-pie",
            "--no-dynamic-linker",
            "-znorelro",
            "-znognustack",
            "--gc-sections",
        ] {
            println!("cargo::rustc-link-arg-bin={program}={argument}");
        }
    }
}
