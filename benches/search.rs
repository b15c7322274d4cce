//! Searching and opening the SciFact index, beside the floor of a search.
//!
//! `cargo bench --bench search`. Before anything is timed, both ways of opening must give the
//! same hits for every query.
//!
//! The floor of a search is one encoder pass and the bytes of the vectors it compares: those of
//! the children of every branching prefix it scores, and of the documents it reranks. The
//! signs of their tokens' vectors are left out of it.

#![allow(clippy::unwrap_used)]

mod scifact;

use std::hint::black_box;
use std::time::Instant;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use scifact::{index_path, mapped, queries};
use zerogr::{Index, Mode, SearchOptions};

/// Characters of a query that are typed.
const KEYSTROKES: usize = 20;

fn bench(criterion: &mut Criterion) {
    let path = index_path();
    let queries = queries();
    let options = SearchOptions::new().mode(Mode::Generative);
    let (index, read) = (mapped(&path), Index::open(&path).unwrap());
    let mut times_ms = Vec::new();
    let (mut children, mut evaluations) = (0, 0);
    index.search(&queries[0], &options).unwrap();
    for query in &queries {
        let started = Instant::now();
        let result = index.search(query, &options).unwrap();
        times_ms.push(started.elapsed().as_secs_f64() * 1e3);
        children += result.work.children_scored;
        evaluations += result.work.node_evaluations;
        assert_eq!(result, read.search(query, &options).unwrap());
    }
    times_ms.sort_by(f64::total_cmp);
    let params = index.snapshot().params().clone();
    let count = queries.len() as u64;
    let bytes = (children / count + params.search.draws as u64) * params.encoder.dim as u64 * 2;
    println!(
        "{count} queries, encoder included: p50 {:.2} ms, p95 {:.2} ms\n\
         floor per query: one encoder pass, and {:.2} MB of vectors ({} branching prefixes with {} children, {} documents)",
        times_ms[times_ms.len() / 2],
        times_ms[times_ms.len() * 95 / 100],
        bytes as f64 / 1e6,
        evaluations / count,
        children / count,
        params.search.draws,
    );

    let mut next = queries.iter().cycle();
    let mut text = || next.next().unwrap().clone();
    let mut group = criterion.benchmark_group("search");
    group.bench_function("whole", |bencher| {
        bencher.iter_batched(
            &mut text,
            |text| index.search(&text, &options).unwrap(),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("floor: encoder", |bencher| {
        bencher.iter_batched(
            &mut text,
            |text| index.encode_query(&text, None).unwrap(),
            BatchSize::SmallInput,
        );
    });
    let vectors = vec![1u8; bytes as usize];
    group.bench_function("floor: bytes of vectors", |bencher| {
        bencher.iter(|| {
            let words = black_box(&vectors).chunks_exact(8);
            words.fold(0u64, |sum, word| {
                sum.wrapping_add(u64::from_le_bytes(word.try_into().unwrap()))
            })
        });
    });
    let snapshot = index.snapshot();
    let mut encoded = || {
        let text = text();
        (index.encode_query(&text, None).unwrap(), text)
    };
    let planned = SearchOptions::new().mode(Mode::Planned);
    for (name, options) in [
        ("decode", options.clone().rerank(false)),
        (
            "decode and rerank, no tokens",
            options.clone().token_share(0.0),
        ),
        ("decode and rerank", options),
        ("planned: decode twice and rerank", planned),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                &mut encoded,
                |(query, text)| snapshot.search_encoded(&text, &query, &options).unwrap(),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();

    // Every beginning of a query in turn, as it is typed.
    let typed = |text: &String| {
        let ends = text
            .char_indices()
            .map(|(at, character)| at + character.len_utf8());
        let begun = ends.take(KEYSTROKES).map(|end| text[..end].to_owned());
        begun.collect::<Vec<_>>()
    };
    let keystrokes: Vec<String> = queries.iter().flat_map(typed).collect();
    let mut next = keystrokes.iter().cycle();
    let mut text = || next.next().unwrap().clone();
    let mut group = criterion.benchmark_group("a keystroke");
    for (name, mode) in [("planned", Mode::Planned), ("lexical", Mode::Lexical)] {
        for (kind, prefix) in [("whole words", false), ("prefix", true)] {
            let options = SearchOptions::new().mode(mode).prefix(prefix);
            group.bench_function(format!("{name}, {kind}"), |bencher| {
                bencher.iter_batched(
                    &mut text,
                    |text| index.search(&text, &options).unwrap(),
                    BatchSize::SmallInput,
                );
            });
        }
    }
    group.bench_function("completion of the last word", |bencher| {
        bencher.iter_batched(
            &mut text,
            |text| snapshot.complete(&text).unwrap(),
            BatchSize::SmallInput,
        );
    });
    group.finish();

    let mut group = criterion.benchmark_group("open");
    group.bench_function("mapped", |bencher| bencher.iter(|| mapped(&path)));
    group.bench_function("read", |bencher| {
        bencher.iter(|| Index::open(&path).unwrap())
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
