//! Which passages an adapter has seen, kept in the adapter itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::language::Adapter;
use crate::rng::stable_hash;
use crate::segment::Segment;

/// Hashes of passages in a fact, and facts with hashes: 4,096 bytes each, and no more than 200.
const HASHES_PER_FACT: usize = 512;
const MAX_HASH_FACTS: usize = 200;

/// Beginning of the names of facts with hashes.
const LEARNT: &str = "learnt.";

/// The hash of the name of a passage.
pub(super) fn hash_of(segment: &Segment, passage: u32) -> u32 {
    stable_hash(segment.passage_name(passage).as_bytes()) as u32
}

/// The passages that an adapter has seen, as facts. Without any where they are too many: then all
/// are new to the next training.
pub(super) fn learnt(segments: &[Segment]) -> BTreeMap<String, String> {
    let of_segment = |segment: &Segment| -> Vec<u32> {
        let passages = segment.live_passages();
        passages.map(|passage| hash_of(segment, passage)).collect()
    };
    let hashes: BTreeSet<u32> = segments.iter().flat_map(of_segment).collect();
    let hashes: Vec<u32> = hashes.into_iter().collect();
    if hashes.len() > HASHES_PER_FACT * MAX_HASH_FACTS {
        return BTreeMap::new();
    }
    let facts = hashes.chunks(HASHES_PER_FACT).enumerate();
    facts
        .map(|(number, hashes)| {
            let text: String = hashes.iter().map(|hash| format!("{hash:08x}")).collect();
            (format!("{LEARNT}{number}"), text)
        })
        .collect()
}

/// The hashes of the passages that `adapter` has seen.
pub(super) fn known_hashes(adapter: &Adapter) -> BTreeSet<u32> {
    let facts = adapter.facts().iter();
    let lists = facts.filter(|(name, _)| name.starts_with(LEARNT));
    let hashes = lists.flat_map(|(_, text)| text.as_bytes().chunks(8));
    hashes
        .filter_map(|hash| u32::from_str_radix(std::str::from_utf8(hash).ok()?, 16).ok())
        .collect()
}
