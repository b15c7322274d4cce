//! Lexical search on SciFact beside tantivy: the same terms, the ten best documents.
//!
//! `cargo bench --manifest-path benches/peers/Cargo.toml` from the root of the repository.
//!
//! Both indexes are one segment and get terms from zerogr's analyser. Before anything is timed, the
//! answers are compared: tantivy rounds document lengths to a byte, so some of them differ.

#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, Occur, Query, TermQuery};
use tantivy::schema::{
    Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions, Value,
};
use tantivy::{DocAddress, ReloadPolicy, Searcher, TantivyDocument, Term, doc};
use zerogr::raw::docs::{DocumentReader, ReadOptions};
use zerogr::raw::eval::Collection;
use zerogr::{Document, EncoderSource, Index, IndexOptions, OpenOptions, Snapshot};
use zerogr::raw::lexicon::Analyser;

#[path = "../../../tests/support/encoder.rs"]
mod encoder;

const K: usize = 10;

fn data() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/scifact")
}

#[allow(unsafe_code)]
fn ours(folder: &Path, documents: &[Document]) -> Snapshot {
    let encoder = Arc::new(encoder::HashingEncoder::named("hashing-1"));
    let path = folder.join("scifact.zgr");
    let options = IndexOptions::with_encoder(EncoderSource::Custom(encoder.clone()));
    let index = Index::create(&path, options).unwrap();
    let mut writer = index.writer().unwrap();
    for document in documents {
        // One docid each: they are not what is measured.
        writer.add(document.clone().docid(document.id.as_str())).unwrap();
    }
    writer.commit().unwrap();
    let options = OpenOptions::new().encoder(encoder);
    // SAFETY: nobody changes the file while the bench runs.
    unsafe { Index::open_mmap(&path, options) }.unwrap().snapshot()
}

struct Peer {
    searcher: Searcher,
    id: Field,
    body: Field,
}

impl Peer {
    fn new(documents: &[Document]) -> Self {
        let mut schema = Schema::builder();
        let id = schema.add_text_field("id", STRING | STORED);
        let indexing = TextFieldIndexing::default()
            .set_tokenizer("whitespace")
            .set_index_option(IndexRecordOption::WithFreqs);
        let body = schema.add_text_field("body", TextOptions::default().set_indexing_options(indexing));
        let index = tantivy::Index::create_in_ram(schema.build());
        let mut writer = index.writer_with_num_threads(1, 200_000_000).unwrap();
        let analyser = Analyser::default();
        for document in documents {
            let terms = [analyser.terms(&document.title), analyser.terms(&document.text)].concat();
            let document = doc!(id => document.id.as_str(), body => terms.join(" "));
            writer.add_document(document).unwrap();
        }
        writer.commit().unwrap();
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into().unwrap();
        assert_eq!(reader.searcher().segment_readers().len(), 1);
        Peer { searcher: reader.searcher(), id, body }
    }

    fn search(&self, query: &str) -> Vec<(f32, DocAddress)> {
        let clause = |term: String| -> (Occur, Box<dyn Query>) {
            let term = Term::from_field_text(self.body, &term);
            (Occur::Should, Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs)))
        };
        let clauses = Analyser::default().terms(query).into_iter().map(clause);
        let query = BooleanQuery::new(clauses.collect());
        let collector = TopDocs::with_limit(K).order_by_score();
        self.searcher.search(&query, &collector).unwrap()
    }

    fn id(&self, address: DocAddress) -> String {
        let document: TantivyDocument = self.searcher.doc(address).unwrap();
        document.get_first(self.id).unwrap().as_str().unwrap().to_owned()
    }
}

fn quantiles(mut times_us: Vec<f64>) -> String {
    times_us.sort_by(f64::total_cmp);
    let at = |share: f64| times_us[(times_us.len() as f64 * share) as usize];
    format!("p50 {:.0} us, p95 {:.0} us", at(0.5), at(0.95))
}

fn bench(criterion: &mut Criterion) {
    let folder = std::env::temp_dir().join(format!("zerogr-peers-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let corpus = [data().join("corpus.jsonl.gz")];
    let documents: Vec<Document> = DocumentReader::open(&corpus, &ReadOptions::default())
        .unwrap()
        .map(|document| document.unwrap())
        .collect();
    let queries: Vec<String> = Collection::open(&data(), "test")
        .unwrap()
        .queries
        .into_iter()
        .map(|query| query.text)
        .collect();
    let (ours, peer) = (ours(&folder, &documents), Peer::new(&documents));

    let (mut same_top, mut shared) = (0, 0);
    for query in &queries {
        let found = ours.lexical(query, K).unwrap();
        let other: Vec<String> =
            peer.search(query).into_iter().map(|(_, address)| peer.id(address)).collect();
        same_top += usize::from(found.first().map(|(id, _)| id) == other.first());
        shared += found.iter().filter(|(id, _)| other.contains(id)).count();
    }
    println!(
        "{} queries: the same best document for {same_top}, {:.1} of {K} documents shared",
        queries.len(),
        shared as f64 / queries.len() as f64
    );
    assert!(same_top * 10 >= queries.len() * 9);

    // Taking turns, so that both meet the same machine.
    let (mut our_times, mut peer_times) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        for query in &queries {
            let started = Instant::now();
            black_box(ours.lexical(query, K).unwrap());
            our_times.push(started.elapsed().as_secs_f64() * 1e6);
            let started = Instant::now();
            black_box(peer.search(query));
            peer_times.push(started.elapsed().as_secs_f64() * 1e6);
        }
    }
    println!("zerogr  {}\ntantivy {}", quantiles(our_times), quantiles(peer_times));

    let mut next = queries.iter().cycle();
    let mut group = criterion.benchmark_group("lexical");
    group.bench_function("zerogr", |bencher| {
        bencher.iter_batched(
            || next.next().unwrap(),
            |query| ours.lexical(query, K).unwrap(),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("tantivy", |bencher| {
        bencher.iter_batched(
            || next.next().unwrap(),
            |query| peer.search(query),
            BatchSize::SmallInput,
        );
    });
    group.finish();
    let _ = std::fs::remove_dir_all(&folder);
}

criterion_group!(benches, bench);
criterion_main!(benches);
