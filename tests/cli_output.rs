//! What the commands print: hits, facts, and JSON everywhere.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod cli;
mod common;

use cli::{Folder, shared_index};
use serde_json::json;

#[test]
fn hits_have_id_score_docid_and_title() {
    let folder = Folder::new();
    let hits = folder.json(&["search", shared_index(), "salmon", "-k", "3", "--json"]);
    let hits = hits.as_array().unwrap();
    assert_eq!(hits.len(), 3);
    assert_eq!(hits[0]["id"], "fish");
    assert_eq!(hits[0]["title"], "Salmon migration");
    assert!(!hits[0]["docid"].as_str().unwrap().is_empty());
    let scores: Vec<f64> = hits
        .iter()
        .map(|hit| hit["score"].as_f64().unwrap())
        .collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");

    let table = folder.ok(&["search", shared_index(), "salmon", "-k", "1"]);
    assert!(
        table.contains("fish") && table.contains("Salmon migration"),
        "{table}"
    );
    assert_eq!(
        folder.json(&["search", shared_index(), "salmon", "-k", "0", "--json"]),
        json!([])
    );
    assert_eq!(
        folder.ok(&["search", shared_index(), "salmon", "-k", "0"]),
        "no hits\n"
    );
}

#[test]
fn info_check_and_doctor_print_json() {
    let folder = Folder::new();
    let info = folder.json(&["info", shared_index(), "--json"]);
    assert_eq!(
        (&info["documents"], &info["segments"]),
        (&json!(12), &json!(1))
    );
    assert_eq!(info["parameters"]["encoder"]["dim"], 384);
    for level in ["headers", "structure", "full"] {
        let report = folder.json(&["check", shared_index(), "--level", level, "--json"]);
        assert_eq!(report["findings"], json!([]), "{level}");
    }
    let doctor = folder.json(&["doctor", "--json"]);
    assert_eq!(doctor["ok"], true);
    assert_eq!(folder.json(&["setup", "--json"])["changed"], false);
}

#[test]
fn the_version_and_the_help_are_no_failures() {
    let folder = Folder::new();
    assert!(
        folder
            .ok(&["--version"])
            .contains(env!("CARGO_PKG_VERSION"))
    );
    let help = folder.ok(&["--help"]);
    for command in [
        "setup", "doctor", "demo", "build", "add", "train", "search", "info", "check", "eval",
    ] {
        assert!(help.contains(command), "{command}");
        folder.ok(&[command, "--help"]);
    }
}
