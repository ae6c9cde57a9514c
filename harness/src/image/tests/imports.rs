//! The list of imports itself: what may stand on it, and how it is written.

use super::*;

#[test]
fn the_list_keeps_to_the_exports_of_the_dump_port() {
    let mut parts = Parts::default();
    parts
        .imports
        .push(("storport.sys", "StorPortGetMessageInterruptInformation"));
    let list = format!("{LIST}storport.sys StorPortGetMessageInterruptInformation\n");
    assert_eq!(
        one_rule(parts.check_against(&list)),
        "StorPortGetMessageInterruptInformation is no export of the dump port driver"
    );
    let mut parts = Parts::default();
    parts
        .imports
        .push(("storport.sys", "StorPortReadRegisterBufferUlong"));
    let list = format!("{LIST}storport.sys StorPortReadRegisterBufferUlong\n");
    parts
        .check_against(&list)
        .expect("register access is an export of both");
}

#[test]
fn a_damaged_list_is_named() {
    let list = format!("{LIST}storport.sys\n");
    assert_eq!(
        one_rule(Parts::default().check_against(&list)),
        "line 4 of the list of imports is not `module name`"
    );
    let list = format!("{LIST}ntoskrnl.exe memcpy\n");
    assert_eq!(
        one_rule(Parts::default().check_against(&list)),
        "the list of imports names ntoskrnl.exe memcpy twice"
    );
}

#[test]
fn the_reviewed_list_of_this_repository_is_well_formed() {
    let list = include_str!("../../../../miniport/imports.txt");
    let parts = Parts {
        imports: Vec::new(),
        ..Parts::default()
    };
    let message = parts
        .check_against(list)
        .expect_err("the image imports nothing")
        .to_string();
    for wrong in ["twice", "not `module name`", "no export of the dump port"] {
        assert!(!message.contains(wrong), "{message}");
    }
}
