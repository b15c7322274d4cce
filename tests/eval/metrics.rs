//! Metrics equal to those of trec_eval on a synthetic run and on one of SciFact, and p values
//! equal to those of scipy; see `data/metrics/expected.py`.

use std::path::PathBuf;

use crate::support::repository::repository;
use serde_json::Value;
use zerogr::raw::eval::{
    Collection, EvalOptions, Evaluation, Metric, Qrels, Randomisation, Run, evaluate,
    paired_significance,
};

const TOLERANCE: f64 = 1e-6;

fn data(name: &str) -> PathBuf {
    repository("tests/data/metrics").join(name)
}

fn expected(part: &str) -> Value {
    let text = std::fs::read_to_string(data("expected.json")).unwrap();
    let mut all: Value = serde_json::from_str(&text).unwrap();
    all[part].take()
}

fn synthetic() -> (Qrels, Run) {
    let qrels = Qrels::read(&data("qrels.trec")).unwrap();
    (qrels, Run::read(&data("run.trec")).unwrap())
}

fn scifact() -> (Qrels, Run) {
    let qrels = Qrels::read(&data("scifact.qrels.trec")).unwrap();
    (qrels, Run::read(&data("scifact.run.trec.gz")).unwrap())
}

/// Every metric there is an expected value for.
fn measured(qrels: &Qrels, run: &Run, expected: &Value) -> Evaluation {
    let names = expected["means"].as_object().unwrap().keys();
    let options = EvalOptions {
        metrics: names.map(|name| name.parse().unwrap()).collect(),
        ..EvalOptions::default()
    };
    evaluate(qrels, run, &options)
}

fn check(part: &str, qrels: &Qrels, run: &Run) {
    let expected = expected(part);
    let evaluation = measured(qrels, run, &expected);
    let queries = expected["per_query"].as_object().unwrap();
    assert_eq!(queries.len(), evaluation.per_query.len());
    let all = queries.iter().map(|(query, values)| {
        let ours = &evaluation.per_query[query];
        (query.as_str(), ours, values)
    });
    let means = ("mean", &evaluation.summary.means, &expected["means"]);
    for (what, ours, values) in all.chain([means]) {
        let values = values.as_object().unwrap();
        assert_eq!(values.len(), 10);
        for (name, value) in values {
            let (ours, value) = (
                ours[&name.parse::<Metric>().unwrap()],
                value.as_f64().unwrap(),
            );
            assert!(
                (ours - value).abs() < TOLERANCE,
                "{what} {name}: {ours} and not {value}"
            );
        }
    }
}

#[test]
fn golden_values_of_trec_eval() {
    for (part, (qrels, run)) in [("synthetic", synthetic()), ("scifact", scifact())] {
        check(part, &qrels, &run);
    }
}

#[test]
fn the_run_of_scifact_has_ties_and_grades() {
    let (qrels, run) = scifact();
    let tied = |hits: &[zerogr::raw::eval::RunHit]| {
        hits.windows(2).any(|pair| pair[0].score == pair[1].score)
    };
    assert!(run.iter().filter(|(_, hits)| tied(hits)).count() > 100);
    let grades = |grade: f64| {
        let all = qrels.iter().flat_map(|(_, judgements)| judgements.values());
        all.filter(|score| **score == grade).count()
    };
    for grade in [-1.0, 0.0, 1.0, 2.0, 3.0] {
        assert!(grades(grade) > 50, "{grade}");
    }
}

#[test]
fn files_we_write_are_evaluated_alike() {
    for (part, (qrels, run)) in [("synthetic", synthetic()), ("scifact", scifact())] {
        let copies = tempfile::tempdir().unwrap();
        let path = |name: &str| copies.path().join(name);
        let create = |name: &str| std::fs::File::create(path(name)).unwrap();
        run.write(&mut create("run"), "copy").unwrap();
        qrels.write(&mut create("qrels.tsv")).unwrap();
        qrels.write_trec(&mut create("qrels.trec")).unwrap();
        let copy = Run::read(&path("run")).unwrap();
        for (query, hits) in copy.iter() {
            let decreasing = hits
                .windows(2)
                .all(|pair| (pair[0].score as f32) > pair[1].score as f32);
            assert!(decreasing, "{query}");
        }
        for layout in ["qrels.tsv", "qrels.trec"] {
            check(part, &Qrels::read(&path(layout)).unwrap(), &copy);
        }
    }
}

#[test]
fn p_values_of_scipy() {
    let (qrels, run) = scifact();
    let evaluation = measured(&qrels, &run, &expected("scifact"));
    for case in expected("significance").as_array().unwrap() {
        let count = case["queries"].as_u64().unwrap() as usize;
        let values = |key: &str| -> Vec<f64> {
            let metric: Metric = case[key].as_str().unwrap().parse().unwrap();
            let values = evaluation.values(metric).take(count);
            values.map(|(_, value)| value).collect()
        };
        let randomisation = Randomisation {
            tosses: 99_999,
            seed: 5,
        };
        let (base, system) = (values("base"), values("metric"));
        let found = paired_significance(&base, &system, randomisation).unwrap();
        let p = |key: &str| case[key].as_f64().unwrap();
        let relative = found.t_test_p / p("t_test_p") - 1.0;
        assert!(relative.abs() < 1e-6, "{case}: {found:?}");
        let tossed = (found.randomisation_p - p("randomisation_p")).abs();
        assert!(tossed < 0.006, "{case}: {found:?}");
    }
}

#[test]
fn the_scifact_collection_loads() {
    let folder = repository("tests/data/scifact");
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
