//! Bad images, and symbols of a made-up function list.

use super::{Symbols, image::DriverImage, pdb::Function};
use crate::fault::{exit_status, one_line};

fn refused(bytes: &[u8]) -> String {
    let error = DriverImage::parse("x.sys".to_owned(), bytes.to_vec()).expect_err("refused");
    assert_eq!(exit_status(&error), 2, "{error:#}");
    one_line(&error)
}

/// The headers of an image for `machine`, nothing behind them.
fn headers(machine: u16) -> Vec<u8> {
    let mut bytes = vec![0; 0x100];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[0x3c] = 0x80;
    bytes[0x80..0x84].copy_from_slice(b"PE\0\0");
    bytes[0x84..0x86].copy_from_slice(&machine.to_le_bytes());
    bytes
}

#[test]
fn what_is_no_image_is_refused() {
    for bytes in [
        &b""[..],
        b"MZ",
        b"\x7fELF",
        &[0; 4096],
        &headers(0x8664)[..0x82],
    ] {
        let message = refused(bytes);
        assert!(message.contains("x.sys is no PE image"), "{message}");
    }
}

#[test]
fn an_image_for_another_machine_is_named() {
    assert!(refused(&headers(0xaa64)).contains("another machine (ARM64)"));
    assert!(refused(&headers(0x014c)).contains("another machine (x86)"));
    assert!(refused(&headers(0x1234)).contains("another machine (0x1234)"));
}

#[test]
fn headers_alone_are_damaged() {
    assert!(refused(&headers(0x8664)).contains("x.sys is damaged"));
}

#[test]
fn names_and_addresses() {
    let function = |rva, bytes, name: &str| Function {
        rva,
        bytes,
        name: name.to_owned(),
    };
    let symbols = Symbols {
        image: DriverImage {
            name: "x.sys".to_owned(),
            bytes: Vec::new(),
            entry_rva: 0x1000,
            image_bytes: 0x4000,
            sections: vec![0x1000],
            identity: None,
            imports: Vec::new(),
        },
        functions: vec![
            function(0x1000, 0x10, "driver::entry"),
            function(0x1020, 0, "public"),
        ],
    };
    assert_eq!(symbols.name_at(0xfff), None);
    assert_eq!(symbols.name_at(0x1000).as_deref(), Some("driver::entry"));
    assert_eq!(
        symbols.name_at(0x1004).as_deref(),
        Some("driver::entry+0x4")
    );
    assert_eq!(symbols.name_at(0x1010), None, "behind its end");
    assert_eq!(symbols.name_at(0x1030).as_deref(), Some("public+0x10"));
    assert_eq!(symbols.rva_of("entry"), Some(0x1000));
    assert_eq!(symbols.rva_of("driver::entry"), Some(0x1000));
    assert_eq!(symbols.rva_of("try"), None);
}
