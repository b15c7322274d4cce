//! Filters of any shape over a small index, built by a stack of them, compared with sets of
//! numbers. None overflows the stack: one that is too deep is refused.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use zerogr::raw::segment::MAX_FILTER_NESTING;
use zerogr::raw::store::MemoryBackend;
use zerogr::{ErrorKind, Filter, Index, Mode, SearchOptions};

use super::Input;
use super::support::fault::scenario;

const DOCUMENTS: usize = 12;

/// Filters in filters of one input; evaluating is linear in them.
const MAX_PARTS: usize = 4000;

/// Levels that an input may put over one another; building is linear in them.
const MAX_LEVELS: usize = 1 << 15;

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let backend = std::sync::Arc::new(MemoryBackend::new(Vec::new()));
    let index = Index::create_on(backend, scenario::index_options()).unwrap();
    let mut writer = index.writer().unwrap();
    for number in 0..DOCUMENTS {
        let document = scenario::document(number);
        writer.add(document).unwrap();
    }
    writer.commit().unwrap();
    drop(writer);
    index
});

/// A filter and what it lets through.
#[derive(Clone)]
struct Expected {
    filter: Filter,
    numbers: BTreeSet<usize>,
    /// Counted without joining lists.
    levels: usize,
    parts: usize,
}

fn leaf(filter: Filter, passes: impl Fn(usize) -> bool) -> Expected {
    Expected {
        filter,
        numbers: (0..DOCUMENTS).filter(|&number| passes(number)).collect(),
        levels: 0,
        parts: 1,
    }
}

fn not(inner: Expected) -> Expected {
    Expected {
        filter: Filter::not(inner.filter),
        numbers: (0..DOCUMENTS)
            .filter(|number| !inner.numbers.contains(number))
            .collect(),
        levels: inner.levels + 1,
        parts: inner.parts + 1,
    }
}

fn list(parts: Vec<Expected>, is_all: bool) -> Expected {
    let passes = |number: &usize| match is_all {
        true => parts.iter().all(|part| part.numbers.contains(number)),
        false => parts.iter().any(|part| part.numbers.contains(number)),
    };
    let numbers = (0..DOCUMENTS).filter(passes).collect();
    let levels = parts.iter().map(|part| part.levels + 1).max().unwrap_or(1);
    let count = parts.iter().map(|part| part.parts).sum::<usize>() + 1;
    let filters = parts.into_iter().map(|part| part.filter);
    Expected {
        filter: match is_all {
            true => Filter::all(filters),
            false => Filter::any(filters),
        },
        numbers,
        levels,
        parts: count,
    }
}

pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let mut stack: Vec<Expected> = Vec::new();
    let mut levels_left = MAX_LEVELS;
    while !input.0.is_empty() {
        match input.byte() % 7 {
            0 => stack.push(match input.byte() % 6 {
                0 => leaf(Filter::tag("even"), |number| number % 2 == 0),
                1 => leaf(Filter::tag("odd"), |number| number % 2 == 1),
                2 => leaf(Filter::tag("unknown"), |_| false),
                3 => {
                    let least = i64::from(input.byte() % 13);
                    let passes = move |number| number as i64 >= least;
                    leaf(Filter::range("number", least..), passes)
                }
                4 => leaf(Filter::one_of("number", [3, 5]), |number| {
                    number == 3 || number == 5
                }),
                _ => leaf(Filter::exists("number"), |_| true),
            }),
            1 => {
                let mask = input.number();
                let ids = (0..16).filter(|bit| mask >> bit & 1 == 1);
                let ids = ids.map(|number| format!("d{number}"));
                stack.push(leaf(Filter::ids(ids), |number| mask >> number & 1 == 1));
            }
            2 => {
                let least = usize::from(input.byte() % 13);
                let filter = Filter::documents(move |document| {
                    document.fields.get::<usize>("number").unwrap() >= least
                });
                stack.push(leaf(filter, |number| number >= least));
            }
            3 => {
                if let Some(top) = stack.pop() {
                    stack.push(not(top));
                }
            }
            4 => {
                let is_all = input.byte() % 2 == 0;
                let count = usize::from(input.byte()).min(stack.len());
                let parts = stack.split_off(stack.len() - count);
                stack.push(list(parts, is_all));
            }
            5 => {
                let count = input.number().min(levels_left);
                levels_left -= count;
                if let Some(mut top) = stack.pop() {
                    for level in 0..count {
                        let other = leaf(Filter::tag("even"), |number| number % 2 == 0);
                        top = match level % 3 {
                            0 => list(vec![top], true),
                            1 => list(vec![other, top], false),
                            _ => not(top),
                        };
                    }
                    stack.push(top);
                }
            }
            _ => {
                let count = input.number();
                if let Some(top) = stack.pop() {
                    let count = count.min(MAX_PARTS / top.parts.max(1));
                    stack.push(list(vec![top; count], false));
                }
            }
        }
        // Copies of copies would take all memory, and say nothing.
        stack.retain(|one| one.parts <= MAX_PARTS || one.levels > MAX_FILTER_NESTING);
    }
    for expected in stack.iter().rev().take(4) {
        let filter = expected.filter.clone();
        assert!(!format!("{filter:?} {filter:#?}").is_empty());
        let options = SearchOptions::new().mode(Mode::Generative).k(2 * DOCUMENTS);
        match INDEX.search("wing heat", &options.rerank(false).filter(filter)) {
            Ok(found) => {
                let ids: BTreeSet<String> = found.hits.into_iter().map(|hit| hit.id).collect();
                let numbers = expected.numbers.iter();
                assert_eq!(ids, numbers.map(|number| format!("d{number}")).collect());
                assert_eq!(expected.filter, expected.filter.clone());
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
                assert!(expected.levels > MAX_FILTER_NESTING);
            }
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let [low, high] = 60_000_u16.to_le_bytes();
    vec![
        vec![],
        vec![0, 0],
        vec![0, 1, 3],
        vec![0, 2],
        vec![1, 0x55, 0x0f],
        vec![2, 7],
        // All, and any, of three.
        vec![0, 0, 1, 0xff, 3, 2, 4, 4, 0, 3],
        vec![0, 0, 1, 3, 0, 2, 9, 4, 1, 3],
        // Of none.
        vec![4, 0, 0],
        vec![4, 1, 0, 3],
        // Deep.
        vec![0, 0, 5, 63, 0],
        vec![0, 0, 5, 96, 0],
        vec![2, 3, 5, low, high],
        vec![2, 3, 5, low, high, 5, low, high, 3, 4, 0, 1],
        // Wide, and copies of copies.
        vec![0, 1, 6, 0xa0, 0x0f],
        vec![2, 5, 6, 16, 0, 6, 16, 0, 3],
        // A list that grows by one from either end.
        [vec![0, 0], [0, 1, 4, 1, 2].repeat(300)].concat(),
        [vec![0, 0], [3, 0, 1, 4, 0, 2].repeat(300)].concat(),
        (0..200).map(|n: u8| n.wrapping_mul(37)).collect(),
        (0..200).map(|n: u8| n.wrapping_mul(n)).collect(),
    ]
}
