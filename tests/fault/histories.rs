//! Random histories compared with a map in memory: of a store (appends, commits, abandoned
//! transactions, reopenings) and of an index (add, update, delete, commit, rollback, reopen,
//! snapshot, merge, vacuum; `fault/model.rs`). `PROPTEST_CASES=20000` makes it that many.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::support::fault::model::{self, Operation};
use crate::support::segments::{entry, section};
use proptest::prelude::*;
use zerogr::raw::format::{ExtentKind, SegmentEntry};
use zerogr::raw::store::{CreateOptions, MemoryBackend, Store, VerifyLevel};

#[derive(Debug, Clone)]
enum Step {
    Add(Vec<Vec<u8>>),
    Remove(usize),
    Abandon(Vec<u8>),
    Reopen,
    Metadata(Vec<u8>),
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        9 => proptest::collection::vec(any::<u8>(), 0..200),
        // Around the page and chunk limits.
        1 => (0usize..5, any::<u8>()).prop_map(|(n, fill)| {
            vec![fill; [3936, 4096, 65_536, 1 << 20, (1 << 20) + 1][n]]
        }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => proptest::collection::vec(body(), 0..4).prop_map(Step::Add),
        2 => any::<usize>().prop_map(Step::Remove),
        1 => body().prop_map(Step::Abandon),
        2 => Just(Step::Reopen),
        1 => proptest::collection::vec(any::<u8>(), 0..50).prop_map(Step::Metadata),
    ]
}

fn contents(store: &Store) -> BTreeMap<u64, Vec<Vec<u8>>> {
    let manifest = store.manifest();
    let read = |entry: &SegmentEntry| {
        let extent = store.extent(&entry.segment).unwrap();
        let bodies = extent
            .sections()
            .map(|info| extent.section(info.kind).unwrap().to_vec());
        (entry.id, bodies.collect())
    };
    manifest.segments.iter().map(read).collect()
}

/// So many cases, or as many as the environment says.
fn cases(default: u32) -> ProptestConfig {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(default),
    }
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn a_store_behaves_like_a_map(steps in proptest::collection::vec(step(), 1..25), seed: Option<u64>) {
        let disk = Arc::new(MemoryBackend::default());
        let options = CreateOptions { seed, ..CreateOptions::default() };
        let mut store = Store::create_on(disk.clone(), &options).unwrap();
        let mut model = BTreeMap::new();
        let (mut next_id, mut metadata, mut generation) = (0, Vec::new(), 1);
        for step in steps {
            let mut transaction = store.begin().unwrap();
            let mut manifest = transaction.base().clone();
            match step {
                Step::Add(bodies) => {
                    let sections: Vec<_> =
                        (1..).zip(&bodies).map(|(kind, body)| section(kind, body)).collect();
                    let segment = transaction.append(ExtentKind::Segment, &sections).unwrap();
                    manifest.segments.push(entry(next_id, segment));
                    model.insert(next_id, bodies);
                    next_id += 1;
                }
                Step::Remove(n) => {
                    if manifest.segments.is_empty() {
                        continue;
                    }
                    let removed = manifest.segments.remove(n % manifest.segments.len());
                    model.remove(&removed.id);
                }
                Step::Abandon(body) => {
                    transaction.append(ExtentKind::Segment, &[section(1, &body)]).unwrap();
                    continue;
                }
                Step::Reopen => {
                    drop(transaction);
                    store = Store::open_on(disk.clone()).unwrap();
                    continue;
                }
                Step::Metadata(bytes) => {
                    manifest.user_metadata.clone_from(&bytes);
                    metadata = bytes;
                }
            }
            manifest.next_segment_id = next_id;
            transaction.commit(manifest).unwrap();
            generation += 1;
        }
        for store in [store, Store::open_on(disk.clone()).unwrap()] {
            prop_assert_eq!(&contents(&store), &model);
            prop_assert_eq!(&store.manifest().user_metadata, &metadata);
            prop_assert_eq!(store.manifest().generation, generation);
            let report = store.verify(VerifyLevel::Full);
            prop_assert!(report.is_ok(), "{:?}", report.findings);
            prop_assert_eq!(
                12_288 + report.live_bytes + report.dead_bytes + report.tail_bytes,
                disk.to_vec().len() as u64
            );
        }
    }
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn an_index_behaves_like_a_map(
        numbers in proptest::collection::vec((any::<u8>(), any::<u8>()), 1..40)
    ) {
        let operation = |(kind, document)| Operation::from_numbers(kind, document);
        model::run(numbers.into_iter().map(operation));
    }
}
