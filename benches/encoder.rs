//! How fast sentence encoders are: tokens per processor second, and one query at a time.
//!
//! `cargo bench --bench encoder [-- FOLDER ...] [texts=N] [rounds=N]`; needs `zerogr setup`. The default
//! encoder is measured beside those in the folders, without any the export that earlier versions
//! installed, if it is still there. All have one thread, and take turns in every round, because other
//! programs may share the cores; the median round is printed. Processor time is that of Linux; elsewhere
//! it is the time of the clock.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::io::Read;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Instant;

use zerogr::raw::model::{Device, Encoder, EncoderOptions, cache};

const MAX_LEN_TOKENS: usize = 256;
const EARLIER: &str = "all-MiniLM-L6-v2-int8";

fn main() {
    let (mut count, mut rounds, mut folders) = (200, 5, Vec::new());
    for arg in std::env::args().skip(1) {
        match arg.split_once('=') {
            Some(("texts", value)) => count = value.parse().unwrap(),
            Some(("rounds", value)) => rounds = value.parse().unwrap(),
            _ if arg.starts_with("--") => {}
            _ => folders.push(PathBuf::from(arg)),
        }
    }
    if folders.is_empty() {
        let earlier = cache::model_dir(EARLIER).unwrap();
        folders.extend(Some(earlier).filter(|folder| folder.is_dir()));
    }
    let options = EncoderOptions::new().device(Device::Cpu).threads(1);
    let mut encoders = vec![("default".to_owned(), Encoder::from_cache(&options).unwrap())];
    for folder in folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        encoders.push((name, Encoder::from_dir(&folder, &options).unwrap()));
    }

    let texts = scifact(count);
    let queries: Vec<String> = texts
        .iter()
        .map(|text| text.split(' ').take(15).collect::<Vec<_>>().join(" "))
        .collect();
    let mut bulk = vec![Vec::new(); encoders.len()];
    let mut single = vec![Vec::new(); encoders.len()];
    for _ in 0..rounds {
        for (at, (_, encoder)) in encoders.iter().enumerate() {
            let start = processor_seconds();
            encoder
                .encode(&texts, MAX_LEN_TOKENS, |_, _| Ok(()))
                .unwrap();
            bulk[at].push(processor_seconds() - start);
            for query in queries.iter().take(50) {
                let start = Instant::now();
                encoder.encode_one(query).unwrap();
                single[at].push(start.elapsed().as_secs_f64());
            }
        }
    }
    for (at, (name, encoder)) in encoders.iter().enumerate() {
        let count = |text: &String| {
            let tokens = encoder.tokenizer().encode(text, MAX_LEN_TOKENS);
            tokens.unwrap().len()
        };
        let tokens: usize = texts.iter().map(count).sum();
        let of_query: usize = queries.iter().take(50).map(count).sum();
        println!(
            "{name}: {} abstracts, {tokens} tokens, {:.0} tokens per processor second; queries of {} \
             tokens, p50 {:.2} ms",
            texts.len(),
            tokens as f64 / median(&mut bulk[at]),
            of_query / 50,
            median(&mut single[at]) * 1e3
        );
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Processor time of this program so far, in the hundredths that Linux counts.
fn processor_seconds() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(Instant::now);
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else {
        return start.elapsed().as_secs_f64();
    };
    // Behind the name, which may hold anything, the 12th and 13th fields.
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    let ticks = fields
        .skip(11)
        .take(2)
        .map(|field| field.parse::<f64>().unwrap());
    ticks.sum::<f64>() / 100.0
}

fn scifact(count: usize) -> Vec<String> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/scifact/corpus.jsonl.gz"
    );
    let mut text = String::new();
    let file = std::fs::File::open(path).unwrap();
    flate2::read::GzDecoder::new(file)
        .read_to_string(&mut text)
        .unwrap();
    let field = |value: &serde_json::Value, name: &str| value[name].as_str().unwrap().to_owned();
    text.lines()
        .take(count)
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|value| format!("{} {}", field(&value, "title"), field(&value, "text")))
        .collect()
}
