//! Queries per second of one `Index` that several threads search, with and without a writer that
//! commits all the while, beside what the encoder alone can do.
//!
//! `cargo bench --bench concurrency`. What is measured is throughput over some seconds, so no
//! statistics of single runs are taken: compare the lines of one run.

#![allow(clippy::unwrap_used)]

mod scifact;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use scifact::{index_path, mapped, queries};
use zerogr::{Document, Index, SearchOptions};

const SECONDS: f64 = 4.0;

/// Runs `query` on `threads` threads and, if asked, a writer beside them; gives queries and
/// commits per second.
fn throughput(
    index: &Index,
    threads: usize,
    writes: bool,
    queries: &[String],
    query: impl Fn(&str) + Sync,
) -> (f64, f64) {
    let (stop, answered, commits) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let started = Instant::now();
    thread::scope(|scope| {
        for number in 0..threads {
            let (stop, answered, query) = (&stop, &answered, &query);
            scope.spawn(move || {
                let texts = queries
                    .iter()
                    .cycle()
                    .skip(number * queries.len() / threads);
                for text in texts.take_while(|_| !stop.load(Ordering::Relaxed)) {
                    query(text);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        if writes {
            let (stop, commits) = (&stop, &commits);
            scope.spawn(move || {
                let mut writer = index.writer().unwrap();
                let numbers = (0..1_000)
                    .cycle()
                    .take_while(|_| !stop.load(Ordering::Relaxed));
                for number in numbers {
                    let document = Document::new(format!("new-{number}"));
                    writer
                        .add(document.text("A note on plasma cells, written meanwhile."))
                        .unwrap();
                    writer.commit().unwrap();
                    commits.fetch_add(1, Ordering::Relaxed);
                    thread::sleep(Duration::from_millis(50));
                }
            });
        }
        thread::sleep(Duration::from_secs_f64(SECONDS));
        stop.store(true, Ordering::Relaxed);
    });
    let seconds = started.elapsed().as_secs_f64();
    let per_second = |count: &AtomicU64| count.load(Ordering::Relaxed) as f64 / seconds;
    (per_second(&answered), per_second(&commits))
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scifact.zgr");
    std::fs::copy(index_path(), &path).unwrap();
    let index = mapped(&path);
    let queries = queries();
    let options = SearchOptions::new();
    let search = |text: &str| assert!(!index.search(text, &options).unwrap().hits.is_empty());
    let encode = |text: &str| assert!(!index.encode_query(text, None).unwrap().vector().is_empty());
    // Makes the sessions that wait for each other make, so that no line pays for them.
    throughput(&index, 8, false, &queries, encode);
    println!("threads   encoder/s   searches/s   searches/s while a writer commits");
    for threads in [1, 2, 4, 8] {
        let (encoded, _) = throughput(&index, threads, false, &queries, encode);
        let (alone, _) = throughput(&index, threads, false, &queries, search);
        let (beside, commits) = throughput(&index, threads, true, &queries, search);
        println!(
            "{threads:>7} {encoded:>11.0} {alone:>12.0} {beside:>12.0}   ({commits:.1} commits/s)"
        );
    }
}
