//! Device objects, I/O request packets and resources: every offset that [`crate::layout`] holds, against the facts.
//!
//! Two files of facts hold them. `IO_REMOVE_LOCK` is in neither: its checked sizes are those of the documented structure in free builds.

use super::facts;
use crate::layout;

/// Documented, but in no fact.
const REVIEWED: &[&str] = &["_IO_REMOVE_LOCK"];

#[test]
fn io_structures_are_those_of_the_headers() {
    let wdk = facts::layouts();
    let more = facts::crash_dump_layouts();
    let mut compared = 0;
    for layout in layout::io() {
        if REVIEWED.contains(&layout.name) {
            continue;
        }
        let name = &layout.name[1..];
        let fact = wdk
            .get(name)
            .or_else(|| more.get(name))
            .unwrap_or_else(|| panic!("{name} is in no fact"));
        assert_eq!(
            (layout.size as u64, layout.align as u64),
            (fact.size, fact.align),
            "{name}"
        );
        for (path, offset) in layout.fields {
            let path = path
                .split('.')
                .filter(|part| !part.is_empty() && !part.starts_with("__bindgen_anon"))
                .collect::<std::vec::Vec<_>>()
                .join(".");
            let expected = fact.fields.get(&path).map(|(offset, _)| *offset);
            assert_eq!(expected, Some(*offset as u64), "{name}.{path}");
            compared += 1;
        }
    }
    assert!(compared > 70, "only {compared} members compared");
}
