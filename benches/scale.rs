//! What an index costs as it grows: time by stage, memory, bytes, latency.
//!
//! ```text
//! cargo bench --bench scale -- build CORPUS.jsonl INDEX      encode and write, without training
//! cargo bench --bench scale -- train INDEX                   train it
//! cargo bench --bench scale -- search INDEX QUERIES.jsonl    open it and ask it, in four modes
//! ```
//!
//! Each step is a process of its own, so that its peak memory is its own. `scale_corpus.py` makes
//! corpora of three sizes; `benches/SCALE.md` has the figures.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use zerogr::docs::{DocumentReader, ReadOptions};
use zerogr::index::{Index, IndexOptions, Mode, Progress, SearchOptions, Stage, TrainOptions};

const MODES: [(&str, Mode); 4] = [
    ("generative", Mode::Generative),
    ("planned", Mode::Planned),
    ("lexical", Mode::Lexical),
    ("dense", Mode::Dense),
];

fn main() {
    let args: Vec<String> = std::env::args().filter(|arg| arg != "--bench").collect();
    let args: Vec<&str> = args.iter().skip(1).map(String::as_str).collect();
    match args.as_slice() {
        ["build", corpus, index] => build(corpus, index),
        ["train", index] => train(index),
        ["search", index, queries] => search(index, queries),
        _ => panic!("see the head of benches/scale.rs"),
    }
    println!("peak memory {:.0} MB", peak_bytes() as f64 / 1e6);
}

fn build(corpus: &str, path: &str) {
    let mut stages = Stages::begin();
    let inputs = [PathBuf::from(corpus)];
    let reader = DocumentReader::open(&inputs, &ReadOptions::default()).unwrap();
    let index = Index::create(path, IndexOptions::default().file_seed(1)).unwrap();
    let mut writer = index.writer().unwrap();
    reader.for_each(|document| writer.add(document.unwrap()).unwrap());
    writer
        .commit_with(None, &mut |progress| stages.report(progress))
        .unwrap();
    stages.end();
    println!("{} documents", index.snapshot().document_count());
    println!(
        "file {:.1} MB",
        fs::metadata(path).unwrap().len() as f64 / 1e6
    );
}

fn train(path: &str) {
    let mut stages = Stages::begin();
    let index = Index::open(path).unwrap();
    let options = TrainOptions::default().seed(1);
    index
        .train(&options, &mut |progress| stages.report(progress))
        .unwrap();
    stages.end();
    println!("{:?}", index.snapshot().params().training);
    println!(
        "file {:.1} MB",
        fs::metadata(path).unwrap().len() as f64 / 1e6
    );
}

fn search(path: &str, queries: &str) {
    let text = |line: &str| {
        let query: serde_json::Value = serde_json::from_str(line).unwrap();
        query["text"].as_str().unwrap().to_owned()
    };
    let queries: Vec<String> = fs::read_to_string(queries)
        .unwrap()
        .lines()
        .map(text)
        .collect();
    let started = Instant::now();
    // SAFETY: nobody else changes the file of a measurement.
    #[allow(unsafe_code)]
    let index = unsafe { Index::open_mmap(path, Default::default()) }.unwrap();
    println!("open {:.1} ms", ms(started.elapsed()));
    let started = Instant::now();
    index.search("first", &SearchOptions::new()).unwrap();
    println!("first search {:.1} ms", ms(started.elapsed()));
    let encode = |query: &String| drop(index.encode_query(query, None).unwrap());
    println!("{}", quantiles("encoding", &queries, encode));
    for (name, mode) in MODES {
        let options = SearchOptions::new().mode(mode);
        let ask = |query: &String| drop(index.search(query, &options).unwrap());
        queries.iter().take(20).for_each(ask);
        println!("{}", quantiles(name, &queries, ask));
    }
}

fn quantiles(name: &str, queries: &[String], mut ask: impl FnMut(&String)) -> String {
    let mut times: Vec<Duration> = Vec::with_capacity(queries.len());
    for query in queries {
        let started = Instant::now();
        ask(query);
        times.push(started.elapsed());
    }
    times.sort_unstable();
    let at = |share: f64| ms(times[((times.len() - 1) as f64 * share) as usize]);
    format!("{name:12} p50 {:.2} ms, p95 {:.2} ms", at(0.5), at(0.95))
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Prints how long each stage took, and the most memory used up to its end.
struct Stages {
    stage: Option<Stage>,
    since: Instant,
}

impl Stages {
    fn begin() -> Self {
        Stages {
            stage: None,
            since: Instant::now(),
        }
    }

    fn report(&mut self, progress: Progress) {
        if self.stage != Some(progress.stage) {
            self.end();
            self.stage = Some(progress.stage);
        }
    }

    fn end(&mut self) {
        println!(
            "{:26} {:8.2} s, peak memory {:.0} MB",
            self.stage.map_or("opening and reading", Stage::label),
            self.since.elapsed().as_secs_f64(),
            peak_bytes() as f64 / 1e6
        );
        self.since = Instant::now();
    }
}

/// The most memory this process ever had, in bytes; 0 where the system does not tell.
fn peak_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
