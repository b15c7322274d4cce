//! How fast the sentence encoder is, by layout (sessions x threads) and tokens of a batch.
//!
//! `cargo bench --bench encoder [-- texts [rounds]]`; needs `zerogr setup`. The layouts take turns in
//! every round, because other programs may share the cores; the median round is printed. Every
//! layout's vectors are compared with those of the first.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::io::Read;
use std::time::Instant;

use zerogr::raw::model::{Device, Encoder, EncoderOptions};

const MAX_LEN_TOKENS: usize = 128;

fn main() {
    let mut args = std::env::args()
        .skip(1)
        .filter_map(|arg| arg.parse::<usize>().ok());
    let count = args.next().unwrap_or(600);
    let rounds = args.next().unwrap_or(5);
    let texts = scifact(count);
    let queries: Vec<String> = texts
        .iter()
        .map(|text| text.split(' ').take(9).collect::<Vec<_>>().join(" "))
        .collect();

    let mut layouts = Vec::new();
    for (sessions, threads) in [(1, 2), (2, 2)] {
        for batch in [512, 1024, 2048] {
            let options = EncoderOptions::new()
                .device(Device::Cpu)
                .threads(threads)
                .sessions(sessions)
                .batch_tokens(batch);
            layouts.push((
                sessions,
                threads,
                batch,
                Encoder::from_cache(&options).unwrap(),
            ));
        }
    }
    let first = &layouts.first().unwrap().3;
    let tokens = |texts: &[String]| -> usize {
        let count = |text: &String| {
            first
                .tokenizer()
                .encode(text, MAX_LEN_TOKENS)
                .unwrap()
                .len()
        };
        texts.iter().map(count).sum()
    };
    for (name, texts) in [("abstracts", &texts), ("short texts", &queries)] {
        let tokens = tokens(texts);
        println!("{name}: {} texts, {tokens} tokens", texts.len());
        let mut seconds = vec![Vec::new(); layouts.len()];
        let mut worst = vec![1.0f32; layouts.len()];
        let mut reference = Vec::new();
        for _ in 0..rounds {
            for (at, (_, _, _, encoder)) in layouts.iter().enumerate() {
                let start = Instant::now();
                let vectors = encoder
                    .encode(texts, MAX_LEN_TOKENS, |_, _| Ok(()))
                    .unwrap();
                seconds[at].push(start.elapsed().as_secs_f64());
                if reference.is_empty() {
                    reference = vectors.clone();
                }
                let rows = vectors
                    .chunks(encoder.dim())
                    .zip(reference.chunks(encoder.dim()));
                let cosines = rows.map(|(a, b)| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>());
                worst[at] = cosines.fold(worst[at], f32::min);
            }
        }
        for (at, (sessions, threads, batch, _)) in layouts.iter().enumerate() {
            println!(
                "  {sessions} sessions, {threads} threads, batch {batch:4}: {:6.0} tokens/s, worst cosine {:.5}",
                tokens as f64 / median(&mut seconds[at]),
                worst[at]
            );
        }
    }
    println!("one query at a time");
    for (sessions, threads, batch, encoder) in layouts.iter().filter(|layout| layout.2 == 1024) {
        let mut times: Vec<f64> = queries
            .iter()
            .take(200)
            .map(|query| {
                let start = Instant::now();
                encoder.encode_one(query).unwrap();
                start.elapsed().as_secs_f64()
            })
            .collect();
        let p50 = median(&mut times) * 1e3;
        println!("  {sessions} sessions, {threads} threads, batch {batch:4}: p50 {p50:.2} ms");
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
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
