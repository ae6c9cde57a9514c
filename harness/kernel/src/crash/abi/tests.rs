//! The offsets against the facts.

use std::{fs, path::Path};

use serde_json::Value;

use super::{
    ContextRecord, DataBlock, DebuggerData, DriverEntry, DumpHeader, ExceptionRecord, LoadedModule,
    TriageDump,
};
use crate::port::abi::{FieldFact, Structure, bugcheck::TriageArray};

fn facts(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../miniport/ddi/facts")
        .join(file);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn compare<S: Structure>(facts: &Value, fields: &[FieldFact]) {
    let layout = &facts[S::NAME];
    assert_eq!(layout["size"], S::BYTES, "size of {}", S::NAME);
    for fact in fields {
        let expected = &layout["fields"][fact.field]["offset"];
        assert_eq!(*expected, fact.offset, "{}.{}", S::NAME, fact.field);
        assert!(fact.offset + fact.bytes <= S::BYTES);
    }
}

#[test]
fn offsets_match_the_facts() {
    let dump = facts("crash-dump-layouts.json");
    compare::<DumpHeader>(&dump, DumpHeader::FACTS);
    compare::<DebuggerData>(&dump, DebuggerData::FACTS);
    compare::<LoadedModule>(&dump, LoadedModule::FACTS);
    compare::<TriageDump>(&dump, TriageDump::FACTS);
    compare::<DriverEntry>(&dump, DriverEntry::FACTS);
    compare::<DataBlock>(&dump, DataBlock::FACTS);
    compare::<TriageArray>(&dump, TriageArray::FACTS);
    let wdk = facts("wdk-x64-layouts.json");
    compare::<ContextRecord>(&wdk, ContextRecord::FACTS);
    compare::<ExceptionRecord>(&wdk, ExceptionRecord::FACTS);
}
