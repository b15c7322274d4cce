//! Made-up documents for tests of the index: words from a small vocabulary, skewed.
#![allow(dead_code, clippy::unwrap_used)]

use std::sync::Arc;

use zerogr::raw::segment::LexiconParams;
use zerogr::raw::store::MemoryBackend;
use zerogr::{
    Document, EncoderSource, Index, IndexOptions, MergePolicy, OpenOptions, SearchOptions,
};

pub use super::encoder::HashingEncoder;

const WORDS: [&str; 24] = [
    "wing", "flutter", "shock", "wave", "heat", "transfer", "boundary", "layer", "gene", "yeast",
    "stress", "memory", "sleep", "salmon", "river", "plate", "cone", "speed", "tunnel", "drag",
    "lift", "jet", "nozzle", "plasma",
];

/// A plain counter-based generator: tests need equal documents, not good randomness.
fn number(seed: u64) -> u64 {
    let mut x = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

fn words(seed: u64, count: u64) -> String {
    let word = |position| {
        let (a, b) = (number(seed * 97 + position), number(seed * 89 + position));
        WORDS[(a % 24).min(b % 24) as usize]
    };
    (0..count).map(word).collect::<Vec<_>>().join(" ")
}

/// Document `number`, with docids of its own: short enough that some are shared.
pub fn document(number: u64) -> Document {
    let text = words(number, 12);
    let docid = |from: usize| {
        text.split(' ')
            .skip(from)
            .take(3)
            .collect::<Vec<_>>()
            .join(" ")
    };
    Document::new(format!("doc-{number}"))
        .title(words(number, 2))
        .docid(docid(0))
        .docid(docid(4))
        .text(text.clone())
        .tag(if number.is_multiple_of(3) {
            "fizz"
        } else {
            "plain"
        })
        .tag(format!("year-{}", 2000 + number % 5))
        .field("number", number as i64)
}

/// Queries that share words with the documents.
pub fn queries() -> Vec<String> {
    (0..20).map(|number| words(10_000 + number, 4)).collect()
}

pub fn encoder() -> Arc<HashingEncoder> {
    Arc::new(HashingEncoder::named("hashing-1"))
}

pub fn options() -> IndexOptions {
    IndexOptions::with_encoder(EncoderSource::Custom(encoder())).file_seed(7)
}

/// An empty index in memory.
pub fn empty() -> Index {
    Index::create_on(Arc::new(MemoryBackend::default()), options()).unwrap()
}

/// An empty index in memory with rules of its own for words.
pub fn index_with(lexicon: LexiconParams) -> Index {
    let backend = Arc::new(MemoryBackend::default());
    Index::create_on(backend, options().lexicon(lexicon)).unwrap()
}

/// Adds documents in one commit, as a segment of their own.
pub fn add(index: &Index, documents: impl IntoIterator<Item = Document>) {
    let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
    documents
        .into_iter()
        .for_each(|document| writer.add(document).unwrap());
    writer.commit().unwrap();
}

pub fn reopen(path: &std::path::Path) -> Index {
    Index::open_with(path, OpenOptions::new().encoder(encoder())).unwrap()
}

/// Ids and scores of the hits of every query.
pub fn answers(index: &Index, options: &SearchOptions) -> Vec<Vec<(String, f64)>> {
    let answer = |query: &String| {
        let result = index.search(query, options).unwrap();
        result
            .hits
            .into_iter()
            .map(|hit| (hit.id, hit.score))
            .collect()
    };
    queries().iter().map(answer).collect()
}

/// The same hits with the same scores, up to the rounding of stored vectors to float16: hits
/// whose scores are closer than that may change places.
#[track_caller]
pub fn assert_same_answers(a: &[Vec<(String, f64)>], b: &[Vec<(String, f64)>], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert_eq!(a.len(), b.len());
        for ((id, score), (_, other)) in a.iter().zip(b) {
            assert!(
                (score - other).abs() <= tolerance,
                "{id}: {score} and {other}"
            );
        }
        let cut = a.last().map_or(0.0, |(_, score)| *score) + tolerance;
        for (id, score) in a.iter().filter(|(_, score)| *score > cut) {
            let other = b.iter().find(|(other, _)| other == id);
            let (_, other) = other.unwrap_or_else(|| panic!("{id} is missing"));
            assert!(
                (score - other).abs() <= tolerance,
                "{id}: {score} and {other}"
            );
        }
    }
}

/// The first documents in three segments, every ninth of them deleted.
pub fn in_three_segments(documents: u64) -> Index {
    let index = empty();
    let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
    for batch in 0..3 {
        let numbers = batch * documents / 3..(batch + 1) * documents / 3;
        numbers.for_each(|number| writer.add(document(number)).unwrap());
        writer.commit().unwrap();
    }
    for number in (0..documents).step_by(9) {
        writer.delete(&format!("doc-{number}")).unwrap();
    }
    writer.commit().unwrap();
    drop(writer);
    index
}
