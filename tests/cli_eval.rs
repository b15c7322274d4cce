//! What the commands print: hits, measurements, run files, and JSON everywhere.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod cli;
mod common;

use cli::{DOCUMENTS, Folder, corpus, gzip, shared_index};
use serde_json::json;

/// A collection in BEIR layout: every document is asked for by its title.
fn collection(folder: &Folder) {
    let queries: String = DOCUMENTS
        .iter()
        .map(|(id, title, _)| json!({"_id": format!("q-{id}"), "text": title}).to_string() + "\n")
        .collect();
    let judgements: String = DOCUMENTS
        .iter()
        .map(|(id, _, _)| format!("q-{id}\t{id}\t1\n"))
        .collect();
    folder.write("beir/corpus.jsonl", corpus());
    folder.write("beir/queries.jsonl.gz", gzip(queries.as_bytes()));
    folder.write(
        "beir/qrels/test.tsv",
        format!("query-id\tcorpus-id\tscore\n{judgements}"),
    );
}

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
fn eval_measures_and_writes_a_run() {
    let folder = Folder::new();
    collection(&folder);
    let measured = folder.json(&["eval", shared_index(), "beir", "--run", "run.txt", "--json"]);
    for key in ["nDCG@10", "Acc@1", "Recall@100"] {
        let value = measured[key].as_f64().unwrap();
        assert!((0.9..=1.0).contains(&value), "{key}: {value}");
    }
    assert_eq!(measured["queries"], 12);
    assert!(measured["p50_ms"].as_f64().unwrap() > 0.0);

    let run = std::fs::read_to_string(folder.path("run.txt")).unwrap();
    assert_eq!(run.lines().count(), 12 * 12);
    let mut earlier = (String::new(), f64::INFINITY);
    for line in run.lines() {
        let columns: Vec<&str> = line.split(' ').collect();
        let &[query, "Q0", id, rank, score, "zerogr"] = columns.as_slice() else {
            panic!("not a line of a run: {line}");
        };
        assert!(DOCUMENTS.iter().any(|(known, _, _)| *known == id));
        assert!((1..=12).contains(&rank.parse::<usize>().unwrap()));
        let score: f64 = score.parse().unwrap();
        assert!(query != earlier.0 || score < earlier.1, "{line}");
        earlier = (query.to_owned(), score);
    }
}

#[test]
fn eval_knows_the_encoder_alone_and_the_order_of_drawing() {
    let folder = Folder::new();
    collection(&folder);
    let ways: [&[&str]; 3] = [
        &["--mode", "dense"],
        &["--mode", "lexical"],
        &["--rerank", "off"],
    ];
    for way in ways {
        let args = [&["eval", shared_index(), "beir", "--json"], way].concat();
        assert!(
            folder.json(&args)["nDCG@10"].as_f64().unwrap() > 0.5,
            "{way:?}"
        );
    }
    let table = folder.ok(&["eval", shared_index(), "beir"]);
    assert!(
        table.contains("nDCG@10") && table.contains("Recall@100"),
        "{table}"
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
