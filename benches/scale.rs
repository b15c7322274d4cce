//! What an index costs as it grows: time by stage, memory, bytes, latency.
//!
//! ```text
//! cargo bench --bench scale -- build CORPUS.jsonl INDEX      encode and write, without training
//! cargo bench --bench scale -- train INDEX                   train it
//! cargo bench --bench scale -- search INDEX QUERIES.jsonl    open it and ask it, in four modes
//! cargo bench --bench scale -- add CORPUS.jsonl INDEX        add documents to it
//! ```
//!
//! With `--stand-in` in front, words hashed into vectors stand in for the encoder's: what
//! is left is the cost of everything but the encoder, in minutes.
//!
//! Each step is a process of its own, so that its peak memory is its own. `scale_corpus.py` makes
//! corpora of three sizes; `benches/SCALE.md` has the figures.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use zerogr::raw::docs::{DocumentReader, ReadOptions};
use zerogr::{
    EncoderSource, Index, IndexOptions, Mode, OpenOptions, Progress, SearchOptions, Stage,
    TextEncoder, TrainOptions,
};

#[path = "../tests/support/encoder.rs"]
mod encoder;

use encoder::HashingEncoder;

const MODES: [(&str, Mode); 4] = [
    ("generative", Mode::Generative),
    ("planned", Mode::Planned),
    ("lexical", Mode::Lexical),
    ("dense", Mode::Dense),
];

fn main() {
    let args: Vec<String> = std::env::args().filter(|arg| arg != "--bench").collect();
    let args: Vec<&str> = args.iter().skip(1).map(String::as_str).collect();
    let stand_in = args.first() == Some(&"--stand-in");
    let encoder = stand_in.then(|| Arc::new(STAND_IN) as Arc<dyn TextEncoder>);
    match &args[usize::from(stand_in)..] {
        ["build", corpus, index] => build(corpus, index, encoder),
        ["add", corpus, index] => add(corpus, open(index, encoder)),
        ["train", index] => train(open(index, encoder)),
        ["search", index, queries] => search(index, queries, encoder),
        _ => panic!("see the head of benches/scale.rs"),
    }
    println!("peak memory {:.0} MB", peak_bytes() as f64 / 1e6);
}

fn open(path: &str, encoder: Option<Arc<dyn TextEncoder>>) -> Index {
    let mut options = OpenOptions::new();
    options.encoder = encoder;
    // SAFETY: nobody else changes the file of a measurement.
    #[allow(unsafe_code)]
    unsafe { Index::open_mmap(path, options) }.unwrap()
}

fn build(corpus: &str, path: &str, encoder: Option<Arc<dyn TextEncoder>>) {
    let source = encoder.map_or(EncoderSource::Installed, EncoderSource::Custom);
    let options = IndexOptions::with_encoder(source).file_seed(1);
    add(corpus, Index::create(path, options).unwrap());
}

fn add(corpus: &str, index: Index) {
    let mut stages = Stages::begin();
    let inputs = [PathBuf::from(corpus)];
    let reader = DocumentReader::open(&inputs, &ReadOptions::default()).unwrap();
    let mut writer = index.writer().unwrap();
    reader.for_each(|document| writer.add(document.unwrap()).unwrap());
    writer
        .commit_with(None, &mut |progress| stages.report(progress))
        .unwrap();
    stages.end();
    println!("{} documents", index.snapshot().document_count());
    print_size(&index);
}

fn train(index: Index) {
    let mut stages = Stages::begin();
    let options = TrainOptions::default().seed(1);
    index
        .train(&options, &mut |progress| stages.report(progress))
        .unwrap();
    stages.end();
    println!("{:?}", index.snapshot().params().training);
    print_size(&index);
}

fn print_size(index: &Index) {
    let bytes = fs::metadata(index.path()).unwrap().len();
    println!("file {:.1} MB", bytes as f64 / 1e6);
}

fn search(path: &str, queries: &str, encoder: Option<Arc<dyn TextEncoder>>) {
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
    let index = open(path, encoder);
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
    let since_cpu = cpu_seconds();
    for query in queries {
        let started = Instant::now();
        ask(query);
        times.push(started.elapsed());
    }
    let processor_ms = (cpu_seconds() - since_cpu) * 1e3 / queries.len().max(1) as f64;
    times.sort_unstable();
    let at = |share: f64| ms(times[((times.len() - 1) as f64 * share) as usize]);
    format!(
        "{name:12} p50 {:.2} ms, p95 {:.2} ms, processor {processor_ms:.2} ms",
        at(0.5),
        at(0.95)
    )
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Prints how long each stage took, by the clock and in processor time, and the most memory used
/// up to its end.
struct Stages {
    stage: Option<Stage>,
    since: Instant,
    since_cpu: f64,
}

impl Stages {
    fn begin() -> Self {
        Stages {
            stage: None,
            since: Instant::now(),
            since_cpu: cpu_seconds(),
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
            "{:26} {:8.2} s, processor {:8.2} s, peak memory {:.0} MB",
            self.stage.map_or("opening and reading", Stage::label),
            self.since.elapsed().as_secs_f64(),
            cpu_seconds() - self.since_cpu,
            peak_bytes() as f64 / 1e6
        );
        (self.since, self.since_cpu) = (Instant::now(), cpu_seconds());
    }
}

/// Processor time of this process, user and system, in seconds; 0 where the system does not tell.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = behind_name.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

/// The most memory this process ever had, in bytes; 0 where the system does not tell.
fn peak_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// Words hashed into vectors as long as the encoder's.
const STAND_IN: HashingEncoder = HashingEncoder {
    name: "words",
    dim: 384,
    vocabulary_size: 30_000,
    has_token_vectors: false,
    ..HashingEncoder::DEFAULT
};
