//! What a filter adds to a search.
//!
//! `cargo bench --bench filters` needs no model: 100,000 made-up documents with three docids each and
//! a stand-in for the encoder, searched without a filter and by ranges of a number that half of them,
//! one in a hundred and ten of all have; then the same documents counted and sorted.

#![allow(clippy::unwrap_used)]

#[path = "../tests/support/encoder.rs"]
mod encoder;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use encoder::HashingEncoder;
use zerogr::raw::store::MemoryBackend;
use zerogr::{
    Document, EncoderSource, Facet, Filter, Index, IndexOptions, ListOptions, Mode, SearchOptions,
};

const DOCUMENTS: u64 = 100_000;
const WORDS: u64 = 20_000;

const ENCODER: HashingEncoder = HashingEncoder {
    has_token_vectors: false,
    ..HashingEncoder::DEFAULT
};

/// A number that looks like chance.
fn scattered(number: u64) -> u64 {
    let mut x = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x ^ (x >> 31)
}

/// Common words are more common than others.
fn word(number: u64) -> String {
    let unit = (scattered(number) % 1_000_000) as f64 / 1e6;
    format!("w{}", (WORDS as f64 * unit.powi(3)) as u64)
}

fn words(seed: u64, count: u64) -> String {
    let words: Vec<String> = (0..count).map(|at| word(seed * 131 + at)).collect();
    words.join(" ")
}

fn index() -> Index {
    let options = IndexOptions::with_encoder(EncoderSource::Custom(Arc::new(ENCODER)));
    let index = Index::create_on(Arc::new(MemoryBackend::default()), options.file_seed(1)).unwrap();
    let mut writer = index.writer().unwrap();
    for number in 0..DOCUMENTS {
        // Each number once, in no order.
        let place = (number * 48_271 % DOCUMENTS) as i64;
        let document = Document::new(format!("d{number}"))
            .title(words(number + 7_000_000, 3))
            .text(words(number, 30))
            .field("number", place)
            .field(
                "lang",
                ["en", "de", "fr", "it"][(scattered(number) % 4) as usize],
            );
        writer.add(document).unwrap();
    }
    writer.commit().unwrap();
    drop(writer);
    index
}

fn searches(c: &mut Criterion) {
    let index = index();
    let queries: Vec<String> = (0..16).map(|seed| words(seed + 9_000_000, 5)).collect();
    for (name, mode) in [("planned", Mode::Planned), ("lexical", Mode::Lexical)] {
        let mut group = c.benchmark_group(format!("search {name}"));
        group.sample_size(20);
        for (name, filter) in [
            ("without", None),
            ("half", Some(Filter::range("number", ..50_000))),
            ("one in a hundred", Some(Filter::range("number", ..1000))),
            ("ten", Some(Filter::range("number", ..10))),
        ] {
            let mut options = SearchOptions::new().mode(mode);
            options.filter = filter;
            let mut next = queries.iter().cycle();
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter(|| {
                    let query = next.next().unwrap();
                    black_box(index.search(query, &options).unwrap())
                });
            });
        }
        group.finish();
    }
    let snapshot = index.snapshot();
    let half = Filter::range("number", ..50_000);
    let mut group = c.benchmark_group("half of the documents");
    group.sample_size(20);
    group.bench_function("counted by 4 values", |bencher| {
        bencher.iter(|| {
            snapshot
                .count_matching(&Facet::values("lang"), Some(&half))
                .unwrap()
        });
    });
    group.bench_function("the first ten by number", |bencher| {
        let options = ListOptions::new()
            .filter(half.clone())
            .sort("number")
            .limit(10);
        bencher.iter(|| snapshot.list(&options).unwrap());
    });
    group.finish();
}

criterion_group!(benches, searches);
criterion_main!(benches);
