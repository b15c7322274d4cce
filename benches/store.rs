//! The storage engine without a model, beside SQLite and redb storing the same rows.
//!
//! `cargo bench --bench store`. Every group verifies its answer before it times anything. Compare
//! numbers within one run only. All three commit durably: SQLite with its default journal and
//! `synchronous = FULL` (and, as a second line, with a write-ahead log), redb with its default
//! durability. zerogr writes more per row than they do: a docid trie, vectors and compression.

#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use criterion::{BatchSize, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use redb::{ReadableDatabase, ReadableTableMetadata};
use zerogr::raw::format::{SectionInput, SectionKind};
use zerogr::raw::store::{Section, VerifyLevel};
use zerogr::raw::trie::{END, SegmentTrie, TokenWidth, TrieNode, build_trie};
use zerogr::{EncoderSource, Index, IndexOptions, MergePolicy, OpenOptions, check};

#[path = "../tests/support"]
mod support {
    pub mod encoder;
    pub mod numbered;
}

use support::numbered::{ENCODER, WORDS, document};

const ROWS: redb::TableDefinition<'_, &str, (&str, &str)> = redb::TableDefinition::new("rows");

/// Databases are made where the target folder is, so that a commit reaches a real disk.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// A store of rows (id, docid, text), committed in batches.
trait Rows {
    fn create(path: &Path) -> Self;
    fn commit(&mut self, numbers: std::ops::Range<u64>);
    fn count(&self) -> u64;
}

struct Zerogr(Index);

fn options() -> IndexOptions {
    IndexOptions::with_encoder(EncoderSource::Custom(Arc::new(ENCODER)))
}

impl Rows for Zerogr {
    fn create(path: &Path) -> Self {
        Zerogr(Index::create(path, options()).unwrap())
    }

    fn commit(&mut self, numbers: std::ops::Range<u64>) {
        let mut writer = self.0.writer().unwrap();
        numbers.for_each(|number| writer.add(document(number)).unwrap());
        writer.commit().unwrap();
    }

    fn count(&self) -> u64 {
        self.0.snapshot().document_count()
    }
}

struct Sqlite(rusqlite::Connection);

impl Sqlite {
    fn with_journal(path: &Path, journal: &str) -> Self {
        let connection = rusqlite::Connection::open(path).unwrap();
        connection
            .execute_batch(&format!(
                "PRAGMA journal_mode = {journal}; PRAGMA synchronous = FULL;
                 CREATE TABLE rows (id TEXT PRIMARY KEY, docid TEXT, text TEXT) WITHOUT ROWID;"
            ))
            .unwrap();
        Sqlite(connection)
    }
}

impl Rows for Sqlite {
    fn create(path: &Path) -> Self {
        Sqlite::with_journal(path, "DELETE")
    }

    fn commit(&mut self, numbers: std::ops::Range<u64>) {
        let transaction = self.0.transaction().unwrap();
        {
            let mut insert = transaction
                .prepare_cached("INSERT OR REPLACE INTO rows VALUES (?1, ?2, ?3)")
                .unwrap();
            for document in numbers.map(document) {
                insert
                    .execute((&document.id, &document.docids[0], &document.text))
                    .unwrap();
            }
        }
        transaction.commit().unwrap();
    }

    fn count(&self) -> u64 {
        let sql = "SELECT count(*) FROM rows";
        let count: i64 = self.0.query_row(sql, [], |row| row.get(0)).unwrap();
        count as u64
    }
}

/// SQLite with a write-ahead log.
struct SqliteWal(Sqlite);

impl Rows for SqliteWal {
    fn create(path: &Path) -> Self {
        SqliteWal(Sqlite::with_journal(path, "WAL"))
    }

    fn commit(&mut self, numbers: std::ops::Range<u64>) {
        self.0.commit(numbers);
    }

    fn count(&self) -> u64 {
        self.0.count()
    }
}

struct Redb(redb::Database);

impl Rows for Redb {
    fn create(path: &Path) -> Self {
        Redb(redb::Database::create(path).unwrap())
    }

    fn commit(&mut self, numbers: std::ops::Range<u64>) {
        let transaction = self.0.begin_write().unwrap();
        {
            let mut table = transaction.open_table(ROWS).unwrap();
            for document in numbers.map(document) {
                let row = (document.docids[0].as_str(), document.text.as_str());
                table.insert(document.id.as_str(), row).unwrap();
            }
        }
        transaction.commit().unwrap();
    }

    fn count(&self) -> u64 {
        let transaction = self.0.begin_read().unwrap();
        transaction.open_table(ROWS).unwrap().len().unwrap()
    }
}

fn commits<R: Rows>(criterion: &mut Criterion, name: &str) {
    let folder = Folder::new();
    let mut rows = R::create(&folder.path("rows"));
    rows.commit(0..100);
    assert_eq!(rows.count(), 100);
    let mut next = 100;
    let mut group = criterion.benchmark_group("commit of one row");
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            rows.commit(next..next + 1);
            next += 1;
        });
    });
    group.finish();
    assert_eq!(rows.count(), next);

    const BATCH: u64 = 10_000;
    let mut group = criterion.benchmark_group("ingest of 10,000 rows in one commit");
    group.throughput(Throughput::Elements(BATCH));
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.bench_function(name, |bencher| {
        bencher.iter_batched(
            || {
                let folder = Folder::new();
                (R::create(&folder.path("rows")), folder)
            },
            |(mut rows, folder)| {
                rows.commit(0..BATCH);
                assert_eq!(rows.count(), BATCH);
                (rows, folder)
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

#[allow(unsafe_code)]
fn mapped(path: &Path) -> Index {
    let options = OpenOptions::new().encoder(Arc::new(ENCODER));
    // SAFETY: nobody changes the file while the bench runs.
    unsafe { Index::open_mmap(path, options) }.unwrap()
}

/// Opens, and reads one row.
fn opening(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("open and read one row");
    for count in [1_000, 10_000, 100_000] {
        let folder = Folder::new();
        let (zerogr, sqlite, redb) = (
            folder.path("a.zgr"),
            folder.path("a.db"),
            folder.path("a.redb"),
        );
        Zerogr::create(&zerogr).commit(0..count);
        Sqlite::create(&sqlite).commit(0..count);
        Redb::create(&redb).commit(0..count);
        let wanted = document(count / 2);
        let of_zerogr = || {
            mapped(&zerogr)
                .snapshot()
                .document(&wanted.id)
                .unwrap()
                .unwrap()
                .text
        };
        let of_sqlite = || {
            let connection = rusqlite::Connection::open(&sqlite).unwrap();
            let sql = "SELECT text FROM rows WHERE id = ?1";
            let text: String = connection
                .query_row(sql, [&wanted.id], |row| row.get(0))
                .unwrap();
            text
        };
        let of_redb = || {
            let database = redb::Database::open(&redb).unwrap();
            let transaction = database.begin_read().unwrap();
            let table = transaction.open_table(ROWS).unwrap();
            let row = table.get(wanted.id.as_str()).unwrap().unwrap();
            row.value().1.to_owned()
        };
        for text in [of_zerogr(), of_sqlite(), of_redb()] {
            assert_eq!(text, wanted.text);
        }
        group.bench_function(format!("zerogr/{count}"), |bencher| bencher.iter(of_zerogr));
        group.bench_function(format!("sqlite/{count}"), |bencher| bencher.iter(of_sqlite));
        group.bench_function(format!("redb/{count}"), |bencher| bencher.iter(of_redb));
    }
    group.finish();
}

/// Merges eight segments, vacuums and checks a file.
fn maintenance(criterion: &mut Criterion) {
    const DOCUMENTS: u64 = 40_000;
    let eight_segments = || {
        let folder = Folder::new();
        let index = Zerogr::create(&folder.path("a.zgr")).0;
        let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
        for batch in 0..8 {
            let numbers = batch * DOCUMENTS / 8..(batch + 1) * DOCUMENTS / 8;
            numbers.for_each(|number| writer.add(document(number)).unwrap());
            writer.commit().unwrap();
        }
        drop(writer);
        (index, folder)
    };
    let (index, folder) = eight_segments();
    let report = index.merge().unwrap();
    assert_eq!((report.merged_segments, report.segments), (8, 1));
    let live_bytes = index.stored().space().unwrap().live_bytes;
    let path = folder.path("a.zgr");
    index.vacuum().unwrap();
    assert!(check(&path, VerifyLevel::Full).unwrap().is_ok());

    let mut group = criterion.benchmark_group("maintenance");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements(DOCUMENTS));
    group.bench_function("merge of eight segments", |bencher| {
        bencher.iter_batched(
            eight_segments,
            |(index, folder)| {
                index.merge().unwrap();
                (index, folder)
            },
            BatchSize::PerIteration,
        );
    });
    group.throughput(Throughput::Bytes(live_bytes));
    group.bench_function("vacuum", |bencher| bencher.iter(|| index.vacuum().unwrap()));
    group.bench_function("check, bytes", |bencher| {
        bencher.iter(|| index.stored().verify(VerifyLevel::Full))
    });
    group.bench_function("check, bytes and documents", |bencher| {
        bencher.iter(|| check(&path, VerifyLevel::Full).unwrap())
    });
    group.finish();
}

/// Walks a trie of 100,000 docids of five words.
fn walking(criterion: &mut Criterion) {
    let width = TokenWidth::for_vocabulary(WORDS as usize).unwrap();
    let tokens = |number| -> Vec<u32> {
        let document = document(number);
        let words = document.docids[0].split(' ');
        words.map(|word| word[1..].parse().unwrap()).collect()
    };
    let docids: std::collections::BTreeSet<Vec<u32>> = (0..100_000).map(tokens).collect();
    let bytes = build_trie(docids.iter().map(|docid| width.key(docid).unwrap())).unwrap();
    let input = SectionInput::new(SectionKind(1), docids.len() as u64, bytes);
    let section = Section::from_input(&input).unwrap();
    let trie = SegmentTrie::open(section, width, docids.len() as u32).unwrap();

    let walk = |from: TrieNode| {
        let (mut nodes, mut leaves, mut stack, mut children) = (0u64, 0u32, vec![from], Vec::new());
        while let Some(node) = stack.pop() {
            nodes += 1;
            children.clear();
            trie.children(node, &mut children).unwrap();
            for child in &children {
                if child.token == END {
                    leaves += 1;
                } else {
                    stack.push(child.node);
                }
            }
        }
        (nodes, leaves)
    };
    let (nodes, leaves) = walk(trie.root());
    assert_eq!(leaves as usize, docids.len());
    let mut children = Vec::new();
    trie.children(trie.root(), &mut children).unwrap();
    let of_root = children.len();

    let mut group = criterion.benchmark_group("trie of 100,000 docids");
    group.throughput(Throughput::Elements(nodes));
    group.bench_function("walk of all nodes", |bencher| {
        bencher.iter(|| black_box(walk(trie.root())))
    });
    group.throughput(Throughput::Elements(of_root as u64));
    group.bench_function(format!("the root's {of_root} children"), |bencher| {
        bencher.iter(|| {
            children.clear();
            trie.children(trie.root(), &mut children).unwrap();
            black_box(children.len())
        })
    });
    group.finish();
}

fn all(criterion: &mut Criterion) {
    commits::<Zerogr>(criterion, "zerogr");
    commits::<Sqlite>(criterion, "sqlite");
    commits::<SqliteWal>(criterion, "sqlite, write-ahead log");
    commits::<Redb>(criterion, "redb");
    opening(criterion);
    maintenance(criterion);
    walking(criterion);
}

criterion_group!(benches, all);
criterion_main!(benches);
