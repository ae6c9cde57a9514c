//! The short form of a stress run: eight disks, every action at least once, a hibernation in between.

use std::fs;

use crate::support::run;
use serde_json::Value;
use tempfile::TempDir;

#[test]
fn disks_come_and_go_under_load_and_nothing_is_lost() {
    let directory = TempDir::new().expect("made");
    let json = directory.path().join("report.json");
    let file = json.display().to_string();
    let output = run(&["stress", "--rounds", "11", "--seed", "5", "--json", &file]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{output:?}");
    for words in [
        "ok     stress-course              11 rounds",
        "ok     units-as-asked             7 units, 1 out of reach",
        "again with: cargo harness stress --rounds 11 --seed 5",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    let report: Value =
        serde_json::from_str(&fs::read_to_string(&json).expect("written")).expect("JSON");
    assert_eq!(report["cycles"]["completed"], 1);
    for (kind, count) in report["stress"]["rounds"].as_object().expect("kinds") {
        assert!(count.as_u64() > Some(0), "no {kind}: {}", report["stress"]);
    }
    let stops = report["stress"]["stops"].as_array().expect("a list");
    for kind in ["sleep", "restart"] {
        let stop = stops
            .iter()
            .find(|stop| stop["kind"] == kind)
            .expect("there was one");
        assert!(stop["kept_back"].as_u64() > Some(0), "{stop}");
    }
    let deleted = |boot: &Value| {
        let events = boot["events"].as_array().expect("a list");
        events
            .iter()
            .filter(|name| *name == "DEVICE_DELETED")
            .count()
    };
    let boots = report["boots"].as_array().expect("a list");
    assert!(boots.iter().map(deleted).sum::<usize>() > 0, "{boots:?}");
    let checked = report["rules"]
        .as_array()
        .expect("a list")
        .iter()
        .any(|rule| rule["rule"] == "BusChangeMissed" && rule["checks"].as_u64() > Some(0));
    assert!(checked, "{}", report["rules"]);
    let others = report["other_disks"].as_array().expect("a list");
    assert_eq!(others.len(), 7);
    let beyond: Vec<&Value> = others
        .iter()
        .filter(|disk| disk["addressable"] == false)
        .collect();
    assert_eq!(beyond.len(), 1);
    assert_eq!(beyond[0]["unit"], "0:2:300");
    assert_eq!(beyond[0]["compare"]["bytes_unwritten_changed"], 0);
    assert_eq!(beyond[0]["compare"]["ranges_checked"], 0);
}
