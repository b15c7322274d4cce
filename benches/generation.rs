//! Tokens per second of a language model, and of llama.cpp on the same weights.
//!
//! `ZEROGR_BENCH_MODEL=DIR cargo bench --bench generation` measures an imported model;
//! `ZEROGR_BENCH_PYTHON=python ZEROGR_BENCH_GGUF=FILE` add llama.cpp, through a Python that has
//! llama-cpp-python, in turn with ours. Reading a prompt of 128 tokens, and writing the next
//! token of 1, 8 and 32 texts of 32 tokens, logits of the whole vocabulary included. The best of
//! the rounds is printed: what the machine can do when nobody disturbs it.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use zerogr::raw::model::language::{DecoderInput, DecoderOptions, DecoderSession, KvCache, KvRow};

const ROUNDS: usize = 3;
const THREADS: usize = 2;
const BATCHES: [usize; 3] = [1, 8, 32];
const PREFILL: usize = 128;
const STEPS: usize = 8;

type Speeds = BTreeMap<String, f64>;

/// One pass; gives the cache with the new tokens.
fn pass(session: &DecoderSession, tokens: &[u32], rows: usize, past: Option<&KvCache>) -> KvCache {
    let width = tokens.len() / rows;
    let start = past.map_or(0, KvCache::width) as u32;
    let positions: Vec<u32> = (0..rows)
        .flat_map(|_| start..start + width as u32)
        .collect();
    let head_rows: Vec<usize> = (1..=rows).map(|row| row * width - 1).collect();
    let output = session
        .run(&DecoderInput {
            tokens,
            positions: &positions,
            lens: &vec![width; rows],
            bias: None,
            past,
            head_rows: &head_rows,
            head_columns: &[],
            keep_present: true,
        })
        .unwrap();
    output.present.unwrap()
}

fn ours(folder: &Path) -> Speeds {
    let options = DecoderOptions::new().threads(THREADS).prepack(true);
    let session = DecoderSession::open(folder, &options).unwrap();
    let tokens: Vec<u32> = (0..PREFILL as u32).map(|n| 100 + 7 * n).collect();
    let mut speeds = Speeds::new();
    pass(&session, &tokens, 1, None);
    let started = Instant::now();
    pass(&session, &tokens, 1, None);
    let seconds = started.elapsed().as_secs_f64();
    speeds.insert("prefill".into(), PREFILL as f64 / seconds);
    let prompt = pass(&session, &tokens[..32], 1, None);
    for rows in BATCHES {
        let row = KvRow {
            cache: &prompt,
            row: 0,
        };
        let mut cache = KvCache::gather(&vec![row; rows]).unwrap();
        let started = Instant::now();
        for step in 0..STEPS as u32 {
            cache = pass(&session, &vec![100 + step; rows], rows, Some(&cache));
        }
        let seconds = started.elapsed().as_secs_f64();
        speeds.insert(format!("decode {rows}"), (rows * STEPS) as f64 / seconds);
    }
    speeds
}

fn peer(python: &Path, gguf: &Path) -> Speeds {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/llama_speed.py");
    let mut command = Command::new(python);
    command.arg(script).arg(gguf).arg(THREADS.to_string());
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "llama.cpp: {error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn keep_best(best: &mut Speeds, speeds: Speeds) {
    for (name, speed) in speeds {
        let known = best.entry(name).or_insert(0.0);
        *known = known.max(speed);
    }
}

fn main() {
    let path = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let Some(folder) = path("ZEROGR_BENCH_MODEL") else {
        println!("skipped: ZEROGR_BENCH_MODEL does not name an imported model");
        return;
    };
    let llama = path("ZEROGR_BENCH_PYTHON").zip(path("ZEROGR_BENCH_GGUF"));
    let (mut our_best, mut peer_best) = (Speeds::new(), Speeds::new());
    for _ in 0..ROUNDS {
        keep_best(&mut our_best, ours(&folder));
        if let Some((python, gguf)) = &llama {
            keep_best(&mut peer_best, peer(python, gguf));
        }
    }
    println!("tokens/s, {THREADS} threads, best of {ROUNDS} rounds:");
    for (name, speed) in &our_best {
        match peer_best.get(name) {
            Some(peer) => println!("{name:<10} {speed:>7.0}   llama.cpp {peer:>7.0}"),
            None => println!("{name:<10} {speed:>7.0}"),
        }
    }
}
