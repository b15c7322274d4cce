//! What a search costs: encoding, decoding with reranking, both together, and opening the file.
//!
//! `cargo bench --bench search [-- FILTER]`; needs `zerogr setup`. The index is SciFact with all
//! defaults; it is built once (minutes) and kept in the target folder. Nothing is timed before
//! the same queries have given equal hits from an index in memory and from a mapped one.
//!
//! The quantiles printed at the end stand next to the *floor* of a query: one pass of the encoder,
//! and reading the vectors that were compared once, at the rate at which one core reads memory.
#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use criterion::Criterion;
use zerogr::Result;
use zerogr::eval::Collection;
use zerogr::index::{Index, IndexOptions, OpenOptions, SearchOptions, SearchResult, TrainOptions};

const SEED: u64 = 0;

/// Bytes of one value of a stored vector.
const VALUE_BYTES: u64 = 2;

fn main() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/scifact");
    let collection = Collection::open(&data, "test").unwrap();
    let queries: Vec<&str> = collection.queries.iter().map(|q| q.text.as_str()).collect();

    let path = scifact_index(&collection);
    let index = Index::open(&path).unwrap();
    verify(&index, &open_mmap(&path).unwrap(), &queries);

    let mut criterion = Criterion::default().configure_from_args();
    bench(&mut criterion, &path, &index, queries.first().unwrap());
    criterion.final_summary();
    quantiles(&index, &queries);
}

/// The index file, built if this version has not built it yet.
fn scifact_index(collection: &Collection) -> PathBuf {
    let name = format!("scifact-{}-seed-{SEED}.zgr", env!("CARGO_PKG_VERSION"));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    match Index::open(&path) {
        Ok(_) => println!("reusing {} (remove it to build anew)", path.display()),
        Err(_) => build(collection, &path).unwrap(),
    }
    path
}

fn build(collection: &Collection, path: &Path) -> Result<()> {
    println!("building {}: this takes minutes", path.display());
    let started = Instant::now();
    // Under another name until it is whole, for a run that is interrupted.
    let unfinished = path.with_extension("unfinished");
    let _ = std::fs::remove_file(&unfinished);
    let index = Index::create(&unfinished, IndexOptions::default().file_seed(SEED))?;
    let mut writer = index.writer()?;
    for document in collection.documents()? {
        writer.add(document?)?;
    }
    let mut stage = "";
    let train = TrainOptions::default().seed(SEED);
    writer.commit_with(Some(&train), &mut |progress| {
        if stage != progress.stage.label() {
            stage = progress.stage.label();
            println!("  {:5.0} s  {stage}", started.elapsed().as_secs_f64());
        }
    })?;
    std::fs::rename(&unfinished, path).unwrap();
    println!("  {:5.0} s  done", started.elapsed().as_secs_f64());
    Ok(())
}

#[allow(unsafe_code)]
fn open_mmap(path: &Path) -> Result<Index> {
    // SAFETY: nothing writes to the file while the benchmark runs.
    unsafe { Index::open_mmap(path, OpenOptions::new()) }
}

/// Asserts that both ways to open the file answer every query alike.
fn verify(in_memory: &Index, mapped: &Index, queries: &[&str]) {
    let options = SearchOptions::new().k(100);
    for query in queries {
        let expected = in_memory.search(query, &options).unwrap();
        let found = mapped.search(query, &options).unwrap();
        assert_eq!(expected.hits.len(), 100, "{query}");
        assert_eq!(expected, found, "{query}");
    }
    println!(
        "verified: equal hits in memory and mapped for {} queries",
        queries.len()
    );
}

fn bench(criterion: &mut Criterion, path: &Path, index: &Index, query: &str) {
    let options = SearchOptions::new();
    let vector = index.encode_query(query, None).unwrap();
    criterion.bench_function("encode a query", |b| {
        b.iter(|| index.encode_query(black_box(query), None).unwrap());
    });
    criterion.bench_function("decode and rerank", |b| {
        let snapshot = index.snapshot();
        b.iter(|| {
            snapshot
                .search_vector(black_box(&vector), &options)
                .unwrap()
        });
    });
    criterion.bench_function("search", |b| {
        b.iter(|| index.search(black_box(query), &options).unwrap());
    });
    criterion.bench_function("open", |b| b.iter(|| Index::open(path).unwrap()));
    criterion.bench_function("open_mmap", |b| b.iter(|| open_mmap(path).unwrap()));
}

/// Prints the times per query over all queries, and what the floor is.
fn quantiles(index: &Index, queries: &[&str]) {
    let options = SearchOptions::new();
    let snapshot = index.snapshot();
    let dim = index.encoder().unwrap().dim() as u64;
    let draws = snapshot.params().search.draws as u64;
    let (mut encode, mut decode, mut whole) =
        (Times::default(), Times::default(), Times::default());
    let (mut nodes, mut children) = (0, 0);
    for query in queries {
        let vector = encode.time(|| index.encode_query(query, None).unwrap());
        let found: SearchResult =
            decode.time(|| snapshot.search_vector(&vector, &options).unwrap());
        nodes += found.work.node_evaluations;
        children += found.work.children_scored;
        assert_eq!(found, whole.time(|| index.search(query, &options).unwrap()));
    }
    let count = queries.len() as u64;
    let (nodes, children) = (nodes / count, children / count);
    let bytes = (children + draws) * dim * VALUE_BYTES;
    let rate = bytes_read_per_second();
    let read_ms = bytes as f64 / rate * 1e3;

    println!("\n{count} test queries, one after another     p50 ms   p95 ms");
    for (label, times) in [
        ("search", &mut whole),
        ("  of it encoding", &mut encode),
        ("  of it decoding and reranking", &mut decode),
    ] {
        println!(
            "{label:36} {:8.2} {:8.2}",
            times.quantile_ms(0.5),
            times.quantile_ms(0.95)
        );
    }
    println!(
        "floor: {:.2} ms = encoding + {read_ms:.2} ms to read {:.2} MB of vectors at {:.1} GB/s",
        encode.quantile_ms(0.5) + read_ms,
        bytes as f64 / 1e6,
        rate / 1e9
    );
    println!(
        "work per query: {nodes} prefixes expanded, {children} children scored, {draws} documents \
         reranked, dimension {dim}"
    );
}

/// Seconds of one step, for each query.
#[derive(Default)]
struct Times(Vec<f64>);

impl Times {
    fn time<T>(&mut self, step: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let result = step();
        self.0.push(started.elapsed().as_secs_f64());
        result
    }

    fn quantile_ms(&mut self, share: f64) -> f64 {
        self.0.sort_by(f64::total_cmp);
        let place = (self.0.len() as f64 * share) as usize;
        self.0.get(place).copied().unwrap_or(f64::NAN) * 1e3
    }
}

/// How fast one core reads memory that no cache holds; the best of a few passes.
fn bytes_read_per_second() -> f64 {
    let memory = vec![1_u64; 32 << 20];
    let pass = || {
        let started = Instant::now();
        black_box(memory.iter().fold(0_u64, |sum, word| sum ^ word));
        size_of_val(memory.as_slice()) as f64 / started.elapsed().as_secs_f64()
    };
    (0..5).map(|_| pass()).fold(0.0, f64::max)
}
