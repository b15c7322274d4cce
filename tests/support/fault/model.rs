//! Operations on an index, and the map that says what they should have done.

use std::collections::BTreeMap;
use std::sync::Arc;

use zerogr::raw::store::{MemoryBackend, Store};
use zerogr::{Document, Index, MergePolicy, Mode, OpenOptions, SearchOptions, Snapshot};

use super::super::encoder::HashingEncoder;
use super::scenario::{index_options, is_long};

/// External id -> how often it was written, which its title tells.
type Map = BTreeMap<usize, usize>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Add(usize),
    Update(usize),
    Delete(usize),
    Commit,
    /// Drops the writer with what is pending.
    Rollback,
    Reopen,
    /// Keeps a snapshot, to be compared at the end.
    Snapshot,
    Merge,
    /// Goes on with a copy of the live extents: what vacuum does to a file.
    Vacuum,
}

impl Operation {
    /// An operation on one of 12 documents, from two numbers.
    pub fn from_numbers(kind: u8, document: u8) -> Self {
        let document = usize::from(document % 12);
        match kind % 16 {
            0..=4 => Operation::Add(document),
            5 => Operation::Update(document),
            6 | 7 => Operation::Delete(document),
            8..=10 => Operation::Commit,
            11 => Operation::Rollback,
            12 => Operation::Reopen,
            13 => Operation::Snapshot,
            14 => Operation::Merge,
            _ => Operation::Vacuum,
        }
    }
}

fn document(number: usize, version: usize) -> Document {
    super::scenario::document(number).title(format!("version {version}"))
}

fn encoder() -> Arc<HashingEncoder> {
    Arc::new(HashingEncoder::named("hashing"))
}

fn open(disk: &Arc<MemoryBackend>) -> Index {
    Index::open_on(disk.clone(), OpenOptions::new().encoder(encoder())).unwrap()
}

/// Runs `operations`; panics where the index and the map part.
pub fn run(operations: impl IntoIterator<Item = Operation>) {
    let mut disk = Arc::new(MemoryBackend::default());
    let mut index = Index::create_on(disk.clone(), index_options()).unwrap();
    let mut committed = Map::new();
    let mut kept: Vec<(Snapshot, Map)> = Vec::new();
    let mut operations = operations.into_iter().peekable();
    let mut version = 0;
    while operations.peek().is_some() {
        // One life of a writer.
        let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Tiered);
        let mut pending = committed.clone();
        for operation in operations.by_ref() {
            version += 1;
            match operation {
                Operation::Add(number) => {
                    writer.add(document(number, version)).unwrap();
                    pending.insert(number, version);
                }
                Operation::Update(number) => {
                    let done = writer.update(document(number, version)).unwrap();
                    assert_eq!(done, pending.contains_key(&number));
                    if done {
                        pending.insert(number, version);
                    }
                }
                Operation::Delete(number) => {
                    let done = writer.delete(&format!("d{number}")).unwrap();
                    assert_eq!(done, pending.remove(&number).is_some());
                }
                Operation::Commit => {
                    writer.commit().unwrap();
                    committed.clone_from(&pending);
                }
                Operation::Merge => {
                    writer = writer.merge_policy(MergePolicy::Everything);
                    let report = writer.commit().unwrap();
                    committed.clone_from(&pending);
                    assert_eq!(report.segments, usize::from(!committed.is_empty()));
                    writer = writer.merge_policy(MergePolicy::Tiered);
                }
                Operation::Snapshot => kept.push((index.snapshot(), committed.clone())),
                Operation::Rollback => break,
                Operation::Reopen => {
                    drop(writer);
                    index = open(&disk);
                    break;
                }
                Operation::Vacuum => {
                    drop(writer);
                    let compact = Arc::new(MemoryBackend::default());
                    let store = Store::open_on(disk.clone()).unwrap();
                    store.copy_live(compact.clone()).unwrap();
                    disk = compact;
                    index = open(&disk);
                    break;
                }
            }
        }
        compare(&index.snapshot(), &committed);
    }
    compare(&open(&disk).snapshot(), &committed);
    for (snapshot, map) in &kept {
        compare(snapshot, map);
    }
}

fn compare(snapshot: &Snapshot, map: &Map) {
    assert_eq!(snapshot.document_count(), map.len() as u64);
    let mut listed = Map::new();
    let each = |found: Document| {
        let number: usize = found.id[1..].parse().unwrap();
        let version = found.title.strip_prefix("version ").unwrap();
        let earlier = listed.insert(number, version.parse().unwrap());
        assert!(earlier.is_none(), "listed twice");
        Ok(())
    };
    snapshot.for_each_document(each).unwrap();
    assert_eq!(&listed, map);
    for number in 0..12 {
        let found = snapshot.document(&format!("d{number}")).unwrap();
        let expected = map.get(&number).map(|&version| document(number, version));
        assert_eq!(found.is_some(), expected.is_some());
        if let (Some(found), Some(expected)) = (found, expected) {
            assert_eq!(
                (&found.title, &found.text),
                (&expected.title, &expected.text)
            );
            assert_eq!(found.tags, expected.tags);
            // The passages of a long one have docids of their own.
            assert_eq!(found.docids.is_empty(), is_long(number));
        }
    }
    // Every live document can be generated, and no other.
    let query = vec![0.125; snapshot.params().encoder.dim];
    let hits = snapshot
        .search_vector(&query, &SearchOptions::new().mode(Mode::Generative).k(20))
        .unwrap()
        .hits;
    let mut found: Vec<usize> = hits
        .iter()
        .map(|hit| hit.id[1..].parse().unwrap())
        .collect();
    found.sort_unstable();
    assert!(found.iter().eq(map.keys()));
}
