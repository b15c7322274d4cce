//! How well an index lives: documents added with and without training, and half of it deleted.
//!
//! `cargo bench --bench living -- FOLDER:SPLIT...` compares, for each collection (folders in
//! BEIR's layout), an index that grew or shrank with one built at once of what it holds. A fifth
//! of the documents, drawn with a seed, is new; a half, drawn with another, is deleted. Metrics
//! are recall@100 and nDCG@10 over the queries with a relevant document in the part named.

#![allow(clippy::unwrap_used)]

mod remembering;

use std::collections::HashSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use remembering::Remembering;
use zerogr::raw::eval::{Collection, EvalOptions, Metric, Qrels, Query, Run, evaluate};
use zerogr::raw::model::{Encoder, EncoderFiles, EncoderOptions};
use zerogr::raw::store::MemoryBackend;
use zerogr::{
    Document, EncoderSource, Index, IndexOptions, Mode, SearchOptions, TextEncoder, TrainOptions,
};

/// Most queries asked of each part.
const MAX_QUERIES: usize = 500;

const METRICS: [Metric; 2] = [Metric::Recall(100), Metric::Ndcg(10)];

const WAYS: [(&str, Mode, Option<bool>); 4] = [
    ("draws", Mode::Generative, Some(false)),
    ("generative", Mode::Generative, Some(true)),
    ("planned", Mode::Planned, Some(true)),
    ("dense", Mode::Dense, None),
];

/// Queries about some of the documents.
struct Part<'a> {
    name: &'static str,
    queries: Vec<&'a Query>,
    qrels: Qrels,
}

impl<'a> Part<'a> {
    fn new(name: &'static str, loaded: &'a Collection, holds: impl Fn(&str) -> bool) -> Self {
        let (mut qrels, mut queries) = (Qrels::new(), Vec::new());
        for query in &loaded.queries {
            let Some(judgements) = loaded.qrels.get(&query.id) else {
                continue;
            };
            let inside = judgements
                .iter()
                .filter(|(id, score)| **score > 0.0 && holds(id));
            let inside: Vec<_> = inside.collect();
            if inside.is_empty() || queries.len() == MAX_QUERIES {
                continue;
            }
            queries.push(query);
            for (id, score) in inside {
                qrels.add(&query.id, id, *score).unwrap();
            }
        }
        Part {
            name,
            queries,
            qrels,
        }
    }
}

fn main() {
    let files = EncoderFiles::installed().unwrap();
    let encoder = Arc::new(Encoder::from_files(&files, &EncoderOptions::default()).unwrap());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("quality");
    fs::create_dir_all(&folder).unwrap();
    for collection in std::env::args().skip(1).filter(|arg| arg != "--bench") {
        let (path, split) = collection.rsplit_once(':').unwrap();
        let path = Path::new(path);
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let loaded = Collection::open(path, split).unwrap();
        let encoder = Arc::new(Remembering::open(encoder.clone(), folder.join(&name)));
        let mut documents: Vec<Document> =
            loaded.documents().unwrap().map(Result::unwrap).collect();
        shuffle(&mut documents, 7);
        println!("\n{name}: {} documents", documents.len());
        let texts: Vec<&str> = loaded.queries.iter().map(|one| one.text.as_str()).collect();
        encoder.encode(&texts, 256, &mut |_, _| Ok(())).unwrap();
        measure(&loaded, &documents, encoder);
    }
}

fn measure(loaded: &Collection, documents: &[Document], encoder: Arc<dyn TextEncoder>) {
    let empty = || {
        let options =
            IndexOptions::with_encoder(EncoderSource::Custom(encoder.clone())).file_seed(1);
        Index::create_on(Arc::new(MemoryBackend::default()), options).unwrap()
    };
    let (old, new) = documents.split_at(documents.len() * 4 / 5);
    let ids = |documents: &[Document]| -> HashSet<String> {
        documents.iter().map(|one| one.id.clone()).collect()
    };
    let new_ids = ids(new);
    let parts = [
        Part::new("new", loaded, |id| new_ids.contains(id)),
        Part::new("old", loaded, |id| !new_ids.contains(id)),
    ];

    let all = empty();
    add(&all, documents);
    train(&all, "built at once");
    evaluate_parts("built at once", &all, &parts);

    let grown = empty();
    add(&grown, old);
    train(&grown, "four fifths");
    add(&grown, new);
    evaluate_parts("a fifth added, not trained", &grown, &parts);
    train(&grown, "a fifth added");
    evaluate_parts("a fifth added, trained", &grown, &parts);
    train(&grown, "nothing added");

    let mut halves = documents.to_vec();
    shuffle(&mut halves, 11);
    let (kept, deleted) = halves.split_at(halves.len() / 2);
    let kept_ids = ids(kept);
    let parts = [Part::new("kept", loaded, |id| kept_ids.contains(id))];
    let fresh = empty();
    add(&fresh, kept);
    train(&fresh, "half, built at once");
    evaluate_parts("half, built at once", &fresh, &parts);
    let delete = |index: &Index, what| {
        let mut writer = index.writer().unwrap();
        for document in deleted {
            assert!(writer.delete(&document.id).unwrap());
        }
        writer.commit().unwrap();
        evaluate_parts(what, index, &parts);
    };
    delete(&all, "half of it deleted");
    train_with(&all, "half deleted, all anew", true);
    evaluate_parts("half deleted, trained anew", &all, &parts);
    delete(&grown, "half of the grown deleted");

    // The same documents with the docids that the whole collection gave them.
    let snapshot = grown.snapshot();
    let with_docids = |one: &Document| snapshot.document(&one.id).unwrap().unwrap();
    let with_docids: Vec<Document> = kept.iter().map(with_docids).collect();
    let fresh = empty();
    add(&fresh, &with_docids);
    train(&fresh, "half with docids of all");
    evaluate_parts("half with docids of all", &fresh, &parts);
    let untrained = empty();
    add(&untrained, kept);
    evaluate_parts("half, never trained", &untrained, &parts);
    let untrained = empty();
    add(&untrained, documents);
    delete(&untrained, "half deleted, never trained");
}

/// Puts `documents` in an order that depends on the seed and their ids alone.
fn shuffle(documents: &mut [Document], seed: u64) {
    documents.sort_by_cached_key(|document| {
        let mut hasher = DefaultHasher::new();
        (seed, &document.id).hash(&mut hasher);
        hasher.finish()
    });
}

fn add(index: &Index, documents: &[Document]) {
    let mut writer = index.writer().unwrap();
    for document in documents {
        writer.add(document.clone()).unwrap();
    }
    writer.commit().unwrap();
}

fn train(index: &Index, what: &str) {
    train_with(index, what, false);
}

fn train_with(index: &Index, what: &str, full: bool) {
    let started = Instant::now();
    let options = TrainOptions::default().seed(1).full(full);
    index.train(&options, &mut |_| {}).unwrap();
    let seconds = started.elapsed().as_secs_f64();
    let record = index.snapshot().params().training.clone().unwrap();
    println!(
        "training, {what}: {} pseudo-queries, {} and {} examples, {seconds:.1} s; trie {:.3} -> {:.3}, documents {:.3} -> {:.3}",
        record.pseudo_queries,
        record.trie_head.examples,
        record.document_head.examples,
        record.trie_head.initial_loss,
        record.trie_head.best_loss,
        record.document_head.initial_loss,
        record.document_head.best_loss,
    );
}

fn evaluate_parts(what: &str, index: &Index, parts: &[Part<'_>]) {
    let snapshot = index.snapshot();
    for part in parts {
        let mut line = format!("{what:28} {:5} {:4}", part.name, part.queries.len());
        for (name, mode, rerank) in WAYS {
            let mut options = SearchOptions::new().k(100).mode(mode);
            options.rerank = rerank;
            let mut run = Run::new();
            for query in &part.queries {
                let vector = index.encode_query(&query.text, None).unwrap();
                let found = snapshot.search_encoded(&query.text, &vector, &options);
                let hits = found.unwrap().hits.into_iter();
                let list = hits.map(|hit| (hit.id, hit.score)).collect::<Vec<_>>();
                run.insert_ranked(&query.id, list).unwrap();
            }
            let evaluation = evaluate(&part.qrels, &run, &EvalOptions::default());
            let [recall, ndcg] = METRICS.map(|metric| evaluation.mean(metric));
            line += &format!("  {name} {recall:.3} {ndcg:.3}");
        }
        println!("{line}");
    }
}
