//! Lexical search on judged collections: scores of an independent implementation, and quality.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::corpus::{add, encoder, index_with};
use crate::support::repository::repository;
use serde_json::{Value, json};
use zerogr::raw::docs::{DocumentReader, ReadOptions};
use zerogr::raw::eval::{Collection, EvalOptions, Metric, Run, evaluate};
use zerogr::raw::lexicon::Analyser;
use zerogr::raw::segment::LexiconParams;
use zerogr::raw::store::MemoryBackend;
use zerogr::{Document, EncoderSource, Index, IndexOptions};

fn shared(name: &str) -> Option<PathBuf> {
    let folder = repository("../shared/data").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: there is no {}", folder.display());
    None
}

fn collection(folder: &Path) -> (Vec<Document>, Collection) {
    let corpus = [folder.join("corpus.jsonl.gz")];
    let documents = DocumentReader::open(&corpus, &ReadOptions::default()).unwrap();
    (
        documents.map(|document| document.unwrap()).collect(),
        Collection::open(folder, "test").unwrap(),
    )
}

/// `tests/data/lexicon/make_reference.py` says how the reference was made.
#[test]
fn scores_on_cranfield_are_those_of_bm25s() {
    let Some(folder) = shared("cranfield") else {
        return;
    };
    let reference = std::fs::read(repository("tests/data/lexicon/cranfield_bm25s.json")).unwrap();
    let reference: Value = serde_json::from_slice(&reference).unwrap();
    let (documents, collection) = collection(&folder);
    let encoder = EncoderSource::Custom(encoder());
    let index = Index::create_on(
        Arc::new(MemoryBackend::default()),
        IndexOptions::with_encoder(encoder),
    )
    .unwrap();
    // Three segments, with deletes: the same documents again.
    for part in documents.chunks(600) {
        add(&index, part.iter().cloned());
    }
    add(&index, documents.iter().step_by(9).cloned());
    let snapshot = index.snapshot();
    let mut compared = 0;
    for query in &collection.queries {
        let Some(expected) = reference["queries"].get(&query.id) else {
            continue;
        };
        let found: HashMap<String, f64> = snapshot
            .lexical(&query.text, 1_400)
            .unwrap()
            .into_iter()
            .collect();
        for (id, score) in expected.as_object().unwrap() {
            let difference = found[id] - score.as_f64().unwrap();
            assert!(difference.abs() < 1e-4, "{}, {id}: {difference}", query.id);
            compared += 1;
        }
        let best = expected.as_object().unwrap().values();
        let least = best
            .map(|score| score.as_f64().unwrap())
            .fold(f64::MAX, f64::min);
        let better = found
            .values()
            .filter(|score| **score > least + 1e-4)
            .count();
        assert!(better < expected.as_object().unwrap().len(), "{}", query.id);
    }
    assert!(compared >= 400, "{compared}");
}

/// Writes the terms of a collection for `make_reference.py`:
/// `ZEROGR_COLLECTION=FOLDER ZEROGR_TERMS=FILE cargo test --test eval export_terms -- --ignored`.
#[test]
#[ignore = "writes a file for make_reference.py"]
fn export_terms() {
    let folder = std::env::var_os("ZEROGR_COLLECTION").unwrap();
    let (documents, collection) = collection(Path::new(&folder));
    let analyser = Analyser::default();
    let documents = documents.iter().map(|document| {
        let terms = [
            analyser.terms(&document.title),
            analyser.terms(&document.text),
        ]
        .concat();
        json!([document.id, terms])
    });
    let queries = collection
        .queries
        .iter()
        .map(|query| json!([query.id, analyser.terms(&query.text)]));
    let exported =
        json!({"documents": documents.collect::<Value>(), "queries": queries.collect::<Value>()});
    std::fs::write(
        std::env::var_os("ZEROGR_TERMS").unwrap(),
        exported.to_string(),
    )
    .unwrap();
}

/// nDCG@10, Acc@1 and Recall@100 of the words alone, and bytes of the lexicon per document.
fn quality(folder: &Path, lexicon: LexiconParams) -> ([f64; 3], f64) {
    let (documents, collection) = collection(folder);
    let count = documents.len();
    let index = index_with(lexicon);
    add(&index, documents);
    let snapshot = index.snapshot();
    let mut run = Run::new();
    for query in &collection.queries {
        let hits = snapshot.lexical(&query.text, 100).unwrap();
        run.insert_ranked(&query.id, hits).unwrap();
    }
    let evaluation = evaluate(&collection.qrels, &run, &EvalOptions::default());
    let measured = [Metric::Ndcg(10), Metric::Success(1), Metric::Recall(100)];
    let [ndcg_10, acc_1, recall_100] = measured.map(|metric| evaluation.mean(metric));
    let store = index.stored();
    let extent = store.extent(&store.manifest().segments[0].segment).unwrap();
    let is_lexicon = |kind: u16| (0x0401..=0x0403).contains(&kind);
    let sections = extent.sections().filter(|info| is_lexicon(info.kind.0));
    let bytes: Vec<u64> = sections.map(|info| info.len_bytes).collect();
    println!(
        "{}: nDCG@10 {:.4}, Acc@1 {:.4}, Recall@100 {:.4}, bytes of terms, postings, lengths {bytes:?}",
        folder.display(),
        ndcg_10,
        acc_1,
        recall_100
    );
    (
        [ndcg_10, acc_1, recall_100],
        bytes.iter().sum::<u64>() as f64 / count as f64,
    )
}

#[test]
fn words_alone_are_as_good_as_they_were_and_take_little_space() {
    let scifact = repository("tests/data/scifact");
    let (means, bytes) = quality(&scifact, LexiconParams::default());
    assert!(
        means[0] > 0.68 && means[1] > 0.53 && means[2] > 0.90,
        "{means:?}"
    );
    assert!(bytes < 235.0, "{bytes} bytes per document");
    if let Some(cranfield) = shared("cranfield") {
        let (means, _) = quality(&cranfield, LexiconParams::default());
        assert!(
            means[0] > 0.43 && means[1] > 0.72 && means[2] > 0.76,
            "{means:?}"
        );
    }
}
