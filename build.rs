//! Linker settings of the driver image.
fn main() {}
