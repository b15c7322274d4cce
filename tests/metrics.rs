//! Metrics equal to those of trec_eval on a synthetic run; see `data/metrics/generate.py`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use serde_json::Value;
use zerogr::eval::{Collection, EvalOptions, Qrels, Run, Summary, evaluate};

const TOLERANCE: f64 = 1e-6;

fn assert_equal(what: &str, ours: &Value, expected: &Value) {
    for (key, value) in expected.as_object().expect("an object of metrics") {
        let (ours, value) = (ours[key].as_f64().unwrap(), value.as_f64().unwrap());
        assert!(
            (ours - value).abs() < TOLERANCE,
            "{what} {key}: {ours} and not {value}"
        );
    }
}

fn check(qrels: &Qrels, run: &Run) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/metrics");
    let expected = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&expected).unwrap();
    let evaluation = evaluate(qrels, run, &EvalOptions::default());
    let queries = expected["per_query"].as_object().unwrap();
    assert_eq!(queries.len(), evaluation.per_query.len());
    for (query, values) in queries {
        let ours = serde_json::to_value(evaluation.per_query[query]).unwrap();
        assert_equal(query, &ours, values);
    }
    let summary: Summary = evaluation.summary;
    assert_equal(
        "mean",
        &serde_json::to_value(summary).unwrap(),
        &expected["means"],
    );
}

#[test]
fn golden_values_of_trec_eval() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/metrics");
    let qrels = Qrels::read(&folder.join("qrels.trec")).unwrap();
    let run = Run::read(&folder.join("run.trec")).unwrap();
    check(&qrels, &run);
}

#[test]
fn files_we_write_are_evaluated_alike() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/metrics");
    let qrels = Qrels::read(&folder.join("qrels.trec")).unwrap();
    let run = Run::read(&folder.join("run.trec")).unwrap();
    let copies = tempfile::tempdir().unwrap();
    let (run_path, qrels_path) = (copies.path().join("run"), copies.path().join("qrels.tsv"));
    run.write(&mut std::fs::File::create(&run_path).unwrap(), "copy")
        .unwrap();
    qrels
        .write(&mut std::fs::File::create(&qrels_path).unwrap())
        .unwrap();
    let copy = Run::read(&run_path).unwrap();
    for (query, hits) in copy.iter() {
        let decreasing = hits
            .windows(2)
            .all(|pair| (pair[0].score as f32) > pair[1].score as f32);
        assert!(decreasing, "{query}");
    }
    check(&Qrels::read(&qrels_path).unwrap(), &copy);
}

#[test]
fn the_scifact_collection_loads() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/scifact");
    let collection = Collection::open(&folder, "test").unwrap();
    assert_eq!(collection.queries.len(), 300);
    assert_eq!(collection.qrels.judgement_count(), 339);
    let mut documents = collection.documents().unwrap();
    let progress = documents.progress();
    assert!(
        documents
            .by_ref()
            .all(|document| !document.unwrap().text.is_empty())
    );
    assert_eq!(Some(progress.bytes_read()), progress.bytes_total());
}
