//! Retrieval quality of an index built with the knobs given, over any number of collections.
//!
//! `cargo bench --bench quality -- [--KNOB VALUE]... FOLDER:SPLIT...` builds an index of each
//! collection (folders in BEIR's layout) and prints one line per way of searching, and the means
//! over the collections at the end. `benches/QUALITY.md` has the tables made with it.
//!
//! Vectors of texts are kept below the target folder, so that the second index of a collection
//! costs only what its knobs change. Study defaults on train and dev splits; test splits are for
//! reporting. `token-share`, `prior-share`, `planner` and `draws` take several values, separated by
//! commas: each combination is a way of searching.

#![allow(clippy::unwrap_used)]

mod remembering;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use remembering::Remembering;
use zerogr::raw::eval::{Collection, EvalOptions, Metric, Run, evaluate};
use zerogr::raw::generate::{PseudoQueryOptions, TermStats, pseudo_queries};
use zerogr::raw::model::{Encoder, EncoderFiles, EncoderOptions};
use zerogr::{
    Document, EncoderSource, Index, IndexOptions, Mode, SearchOptions, TextEncoder, TrainOptions,
};

/// Hits asked for.
const DEPTH: usize = 100;

const METRICS: [Metric; 3] = [Metric::Ndcg(10), Metric::Success(1), Metric::Recall(100)];

/// Ways of searching: what they are called, the mode, and whether drawn documents are reranked.
type Way = (String, SearchOptions);

const MODES: [(&str, Mode, Option<bool>); 7] = [
    ("BM25", Mode::Lexical, None),
    ("dense", Mode::Dense, None),
    ("fusion", Mode::Fusion, None),
    ("generative, draws", Mode::Generative, Some(false)),
    ("generative, rerank", Mode::Generative, Some(true)),
    ("planned, draws", Mode::Planned, Some(false)),
    ("planned, rerank", Mode::Planned, Some(true)),
];

/// The knobs, by name.
struct Knobs {
    values: BTreeMap<String, String>,
    collections: Vec<String>,
}

impl Knobs {
    fn from_args() -> Self {
        let mut knobs = Knobs {
            values: BTreeMap::new(),
            collections: Vec::new(),
        };
        let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
        while let Some(arg) = args.next() {
            match arg.strip_prefix("--") {
                Some(name) => {
                    let value = args.next().unwrap();
                    knobs.values.insert(name.to_owned(), value);
                }
                None => knobs.collections.push(arg),
            }
        }
        knobs
    }

    fn set<T: std::str::FromStr>(&self, name: &str, target: &mut T) {
        if let Some(value) = self.values.get(name) {
            let Ok(value) = value.parse() else {
                panic!("--{name} cannot be {value}");
            };
            *target = value;
        }
    }

    fn index_options(&self, encoder: Arc<dyn TextEncoder>) -> IndexOptions {
        let mut options = IndexOptions::with_encoder(EncoderSource::Custom(encoder)).file_seed(1);
        self.set("docids", &mut options.docids_per_document);
        self.set("docid-words", &mut options.docid_words);
        self.set("pseudo-queries", &mut options.pseudo_queries_per_document);
        self.set("passage-tokens", &mut options.max_passage_tokens);
        self.set("k1", &mut options.lexicon.k1);
        self.set("b", &mut options.lexicon.b);
        options
    }

    fn train_options(&self) -> TrainOptions {
        let mut options = TrainOptions::default().seed(1);
        self.set("seed", &mut options.seed);
        self.set("epochs", &mut options.epochs);
        self.set("rate", &mut options.learning_rate);
        self.set("document-rate", &mut options.document_learning_rate);
        self.set("dropout", &mut options.dropout);
        self.set("head-share", &mut options.document_head_share);
        options
    }

    /// The values of a knob that may have several, `None` where it is not turned.
    fn list(&self, name: &str) -> Vec<Option<f64>> {
        match self.values.get(name) {
            Some(values) => values
                .split(',')
                .map(|value| Some(value.parse().unwrap()))
                .collect(),
            None => vec![None],
        }
    }

    /// Every mode, and where drawn documents are reranked every combination of weights.
    fn ways(&self) -> Vec<Way> {
        let mut ways = Vec::new();
        for (name, mode, rerank) in MODES {
            let mut options = SearchOptions::new().k(DEPTH).mode(mode);
            options.rerank = rerank;
            let mut named = vec![(name.to_owned(), options)];
            let mut vary = |knob: &str, applies: bool, set: fn(&mut SearchOptions, f64)| {
                if !applies {
                    return;
                }
                let values = self.list(knob);
                let varied = named.iter().flat_map(|(name, options)| {
                    values.iter().map(move |value| match *value {
                        Some(value) => {
                            let mut options = options.clone();
                            set(&mut options, value);
                            (format!("{name}, {knob} {value}"), options)
                        }
                        None => (name.clone(), options.clone()),
                    })
                });
                named = varied.collect();
            };
            let (draws, reranks) = (rerank.is_some(), rerank == Some(true));
            let planned = mode == Mode::Planned;
            vary("draws", draws, |options, value| {
                options.draws = Some(value as usize)
            });
            vary("token-share", reranks, |options, value| {
                options.token_share = Some(value)
            });
            vary("planner", planned, |options, value| {
                options.planner = Some(value)
            });
            vary("prior-share", planned && reranks, |options, value| {
                options.prior_share = Some(value);
            });
            ways.extend(named);
        }
        ways
    }
}

fn main() {
    let knobs = Knobs::from_args();
    let files = EncoderFiles::installed().unwrap();
    let encoder = Arc::new(Encoder::from_files(&files, &EncoderOptions::default()).unwrap());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("quality");
    fs::create_dir_all(&folder).unwrap();
    let ways = knobs.ways();
    let mut sums = vec![[0.0; METRICS.len()]; ways.len()];
    println!("knobs: {:?}", knobs.values);
    for collection in &knobs.collections {
        let (path, split) = collection.rsplit_once(':').unwrap();
        let path = Path::new(path);
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let loaded = Collection::open(path, split).unwrap();
        let remembering = Arc::new(Remembering::open(encoder.clone(), folder.join(&name)));
        let documents: Vec<Document> = loaded.documents().unwrap().map(Result::unwrap).collect();
        let temporary = tempfile::tempdir().unwrap();
        let file = temporary.path().join("index.zgr");
        let started = Instant::now();
        let index = Index::create(&file, knobs.index_options(remembering.clone())).unwrap();
        let mut writer = index.writer().unwrap();
        for document in &documents {
            writer.add(document.clone()).unwrap();
        }
        let train = knobs.train_options();
        writer.commit_with(Some(&train), &mut |_| {}).unwrap();
        let seconds = started.elapsed().as_secs_f64();
        let snapshot = index.snapshot();
        let training = snapshot.params().training.clone().unwrap();
        println!(
            "\n{name}: {} documents, {} queries, {seconds:.0} s, {} bytes per document, trie {:.3} -> {:.3} at {}, documents {:.3} -> {:.3} at {} of {}",
            documents.len(),
            loaded.queries.len(),
            fs::metadata(&file).unwrap().len() / documents.len().max(1) as u64,
            training.trie_head.initial_loss,
            training.trie_head.best_loss,
            training.trie_head.best_examples,
            training.document_head.initial_loss,
            training.document_head.best_loss,
            training.document_head.best_examples,
            training.document_head.examples,
        );
        if let Some(dump) = knobs.values.get("dump") {
            dump_study(Path::new(dump), &name, &documents, &index, &loaded, &train);
        }
        let texts: Vec<&str> = loaded.queries.iter().map(|one| one.text.as_str()).collect();
        remembering
            .encode_tokens(&texts, 256, &mut |_, _| Ok(()), &|_, _| {})
            .unwrap();
        let mut runs: Vec<Run> = ways.iter().map(|_| Run::new()).collect();
        for query in &loaded.queries {
            let vector = index
                .encode_query(&query.text, query.instruction.as_deref())
                .unwrap();
            for (run, (_, options)) in runs.iter_mut().zip(&ways) {
                let found = snapshot.search_encoded(&query.text, &vector, options);
                let hits = found.unwrap().hits.into_iter();
                let list: Vec<(String, f64)> = hits.map(|hit| (hit.id, hit.score)).collect();
                run.insert_ranked(&query.id, list).unwrap();
            }
        }
        for (((way, ..), run), sum) in ways.iter().zip(&runs).zip(&mut sums) {
            let evaluation = evaluate(&loaded.qrels, run, &EvalOptions::default());
            let values = METRICS.map(|metric| evaluation.mean(metric));
            sum.iter_mut()
                .zip(values)
                .for_each(|(sum, value)| *sum += value);
            print_row(way, values);
        }
    }
    println!("\nmean over {} collections", knobs.collections.len());
    let count = knobs.collections.len().max(1) as f64;
    for ((way, ..), sum) in ways.iter().zip(sums) {
        print_row(way, sum.map(|sum| sum / count));
    }
}

fn print_row(way: &str, [ndcg, acc, recall]: [f64; 3]) {
    println!("{way:48} {ndcg:.4}  {acc:.4}  {recall:.4}");
}

/// Writes pseudo-queries and drawn candidates for studies outside.
fn dump_study(
    folder: &Path,
    name: &str,
    documents: &[Document],
    index: &Index,
    loaded: &Collection,
    train: &TrainOptions,
) {
    let folder = folder.join(name);
    let snapshot = index.snapshot();
    let mut stats = TermStats::new();
    documents.iter().for_each(|document| stats.add(document));
    let options = PseudoQueryOptions {
        per_document: snapshot.params().pseudo_queries.per_document,
        seed: train.seed,
    };
    let mut file = BufWriter::new(File::create(folder.join("pseudo.jsonl")).unwrap());
    for document in documents {
        let queries = pseudo_queries(document, &stats, &options);
        let line = serde_json::to_string(&(&document.id, queries)).unwrap();
        writeln!(file, "{line}").unwrap();
    }
    let mut file = BufWriter::new(File::create(folder.join("draws.jsonl")).unwrap());
    for query in &loaded.queries {
        let vector = index.encode_query(&query.text, None).unwrap();
        let drawn = |mode| {
            let options = SearchOptions::new().k(100).mode(mode);
            let hits = snapshot.search_encoded(&query.text, &vector, &options);
            let hits = hits.unwrap().hits.into_iter();
            hits.map(|hit| (hit.id, hit.log_prob, hit.prior, hit.score, hit.drawn_score))
                .collect::<Vec<_>>()
        };
        let line = serde_json::json!({"_id": query.id, "planned": drawn(Mode::Planned), "generative": drawn(Mode::Generative)});
        writeln!(file, "{line}").unwrap();
    }
}
