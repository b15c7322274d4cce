//! Filtered search: k hits whenever k documents match, and never one that does not.

use std::collections::BTreeSet;

use crate::support::corpus::{answers, assert_same_answers, document, empty};
use proptest::prelude::*;
use zerogr::raw::segment::MAX_FILTER_NESTING;
use zerogr::{Filter, Index, MergePolicy, Mode, SearchOptions};

const DOCUMENTS: u64 = 120;

/// Three segments.
fn whole() -> Index {
    let index = empty();
    for batch in 0..3 {
        let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
        for number in batch * 40..(batch + 1) * 40 {
            writer.add(document(number)).unwrap();
        }
        writer.commit().unwrap();
    }
    index
}

/// Three segments, every seventh document deleted.
fn index() -> Index {
    let index = whole();
    let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
    for number in (0..DOCUMENTS).filter(|&number| is_deleted(number)) {
        writer.delete(&format!("doc-{number}")).unwrap();
    }
    writer.commit().unwrap();
    index
}

fn is_deleted(number: u64) -> bool {
    number % 7 == 6
}

/// A filter and the numbers it should let through.
#[derive(Debug, Clone)]
struct Expected {
    filter: Filter,
    numbers: BTreeSet<u64>,
}

fn expected() -> impl Strategy<Value = Expected> {
    let of = |filter, matches: fn(u64) -> bool| Expected {
        filter,
        numbers: (0..DOCUMENTS).filter(|&number| matches(number)).collect(),
    };
    let leaf = prop_oneof![
        Just(of(Filter::tag("fizz"), |n| n % 3 == 0)),
        Just(of(Filter::tag("year-2002"), |n| n % 5 == 2)),
        Just(of(Filter::tag("unknown"), |_| false)),
        Just(of(
            Filter::documents(|document| document.fields.get::<u64>("number").unwrap() > 70),
            |n| n > 70
        )),
        prop::collection::btree_set(0..DOCUMENTS + 10, 0..30).prop_map(|numbers| Expected {
            filter: Filter::ids(numbers.iter().map(|number| format!("doc-{number}"))),
            numbers: numbers.into_iter().filter(|&n| n < DOCUMENTS).collect(),
        }),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let several = prop::collection::vec(inner.clone(), 0..3);
        prop_oneof![
            several.clone().prop_map(|parts| Expected {
                filter: Filter::all(parts.iter().map(|part| part.filter.clone())),
                numbers: (0..DOCUMENTS)
                    .filter(|n| parts.iter().all(|part| part.numbers.contains(n)))
                    .collect(),
            }),
            several.prop_map(|parts| Expected {
                filter: Filter::any(parts.iter().map(|part| part.filter.clone())),
                numbers: (0..DOCUMENTS)
                    .filter(|n| parts.iter().any(|part| part.numbers.contains(n)))
                    .collect(),
            }),
            inner.prop_map(|part| Expected {
                filter: Filter::not(part.filter),
                numbers: (0..DOCUMENTS)
                    .filter(|n| !part.numbers.contains(n))
                    .collect(),
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_matching_document_and_no_other_is_found(expected in expected(), k in 1usize..20) {
        use std::sync::LazyLock;
        static INDEX: LazyLock<Index> = LazyLock::new(index);
        let matching: BTreeSet<String> = expected.numbers.iter()
            .filter(|&&number| !is_deleted(number))
            .map(|number| format!("doc-{number}")).collect();
        let all = SearchOptions::new().mode(Mode::Generative).k(200).filter(expected.filter.clone());
        for options in [all.clone(), all.clone().rerank(false)] {
            let hits = INDEX.search("wing heat", &options).unwrap().hits;
            let found: BTreeSet<String> = hits.into_iter().map(|hit| hit.id).collect();
            prop_assert_eq!(&found, &matching);
        }
        let few = SearchOptions::new().mode(Mode::Generative).k(k).draws(k).rerank(false).filter(expected.filter);
        let best = INDEX.search("wing heat", &few).unwrap().hits;
        prop_assert_eq!(best.len(), k.min(matching.len()));
        let every = INDEX.search("wing heat", &all.rerank(false)).unwrap().hits;
        prop_assert_eq!(&best[..], &every[..best.len()]);
    }
}

#[test]
fn filters_of_any_depth_are_built_dropped_and_refused_without_recursion() {
    let index = whole();
    let options = SearchOptions::new().mode(Mode::Generative).k(200);
    let search = |filter: Filter| index.search("wing heat", &options.clone().filter(filter));
    let level = |inner| Filter::all([Filter::not(inner), Filter::tag("plain")]);
    let nested = |levels: usize| (0..levels).fold(Filter::tag("fizz"), |inner, _| level(inner));
    assert!(search(nested(MAX_FILTER_NESTING / 2)).is_ok());
    for levels in [MAX_FILTER_NESTING / 2 + 1, 1_000_000] {
        let filter = nested(levels);
        assert!(format!("{:#?}", filter.clone()).len() < 1_000_000);
        let error = search(Filter::any([filter, Filter::tag("fizz")])).unwrap_err();
        assert_eq!(error.kind(), zerogr::ErrorKind::Limit);
        assert!(error.to_string().contains("more than 64 deep"), "{error}");
    }
    // These are no levels.
    let grown = |one_more: fn(Filter) -> Filter| {
        (0..100_000).fold(Filter::tag("fizz"), |filter, _| one_more(filter))
    };
    let fizz = search(Filter::tag("fizz")).unwrap().hits;
    for filter in [
        grown(Filter::not),
        grown(|filter| Filter::any([filter])),
        grown(|filter| Filter::all([filter])),
    ] {
        assert_eq!(search(filter).unwrap().hits, fizz);
    }
    let wide = (0..2_000).fold(Filter::any([]), |filter, number| {
        Filter::any([Filter::tag(format!("unknown-{number}")), filter])
    });
    assert!(search(wide.clone()).unwrap().hits.is_empty());
    assert_eq!(
        search(Filter::any([Filter::tag("fizz"), wide]))
            .unwrap()
            .hits,
        fizz
    );
}

#[test]
fn filters_survive_merges() {
    let index = whole();
    let options = SearchOptions::new()
        .mode(Mode::Generative)
        .k(30)
        .rerank(false)
        .filter(Filter::all([
            Filter::tag("plain"),
            Filter::not(Filter::tag("year-2003")),
        ]));
    let before = answers(&index, &options);
    assert_eq!(index.merge().unwrap().segments, 1);
    assert_same_answers(&before, &answers(&index, &options), 0.02);
}

#[test]
fn documents_found_without_a_filter_are_found_among_themselves() {
    let index = index();
    let plain = SearchOptions::new().mode(Mode::Generative).k(10);
    let unfiltered = index.search("shock wave", &plain).unwrap();
    let ids = unfiltered.hits.iter().map(|hit| hit.id.clone());
    let filtered = index
        .search("shock wave", &plain.filter(Filter::ids(ids)))
        .unwrap();
    let order = |hits: &[zerogr::Hit]| hits.iter().map(|hit| hit.id.clone()).collect::<Vec<_>>();
    assert_eq!(order(&unfiltered.hits), order(&filtered.hits));
}
