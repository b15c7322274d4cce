//! What a training looks at: which documents, and what they are asked by.
//!
//! ```text
//!   documents ──┬─ new: learnt ───────────────┐
//!               └─ old ─┬─ a few: repeated ───┤
//!                       │                     ├─► pseudo-queries ─┬─► training
//!                       │                     ┘                   └─► held out
//!                       └─ some more: rivals, that take part without a query
//! ```
//!
//! What is learnt is passages; most documents are one. A passage is *new* as long as its row of the
//! document head is its own vector, bit by bit; training leaves no row like that.
//!
//! - I1. The choice depends on the seed and the external ids, not on how segments lie.
//! - I2. For the heads, repeated documents are at most half as many as new ones, rivals at most as
//!   many, or 1,000.

use super::corpus::TrainingCorpus;
use crate::Result;
use crate::decode::PassagePlace;
use crate::generate::{PseudoQueryOptions, pseudo_queries};
use crate::rng::Rng;
use crate::segment::{Progress, Segment, Stage, Watch};
use crate::train::Example;

/// New documents for each old one that is repeated.
const NEW_PER_REPEATED: usize = 2;

/// Old documents that new ones are told apart from, if there are fewer new ones than that.
const MIN_RIVALS: usize = 1_000;

/// Fewest pseudo-queries of a document, if it has them: one may be held out.
const MIN_QUERIES: usize = 2;

/// Largest number of held-out pseudo-queries, and the share of documents that give one.
const MAX_HELD_OUT: usize = 1_000;
const HELD_OUT_SHARE: f32 = 0.2;
/// The documents that take part.
#[derive(Debug, Default)]
pub(super) struct Participants {
    /// New ones first, then those that are repeated, then rivals; each in the order of segments.
    pub(super) places: Vec<PassagePlace>,
    /// How many are learnt.
    pub(super) new: usize,
    /// How many have pseudo-queries: the new and the repeated ones.
    pub(super) asked: usize,
}

impl Participants {
    /// Every live document is learnt.
    pub(super) fn all(segments: &[Segment]) -> Self {
        let places: Vec<PassagePlace> = live_places(segments).collect();
        Participants {
            new: places.len(),
            asked: places.len(),
            places,
        }
    }

    /// The new documents, and some old ones.
    pub(super) fn new_ones(segments: &[Segment], seed: u64) -> Self {
        let is_new =
            |place: &PassagePlace| segments[place.segment as usize].is_unfitted(place.passage);
        Participants::by(segments, seed, &is_new, &|new| new / NEW_PER_REPEATED)
    }

    /// Those that `is_new` says are new, and some old ones: `repeated` says how many are asked for
    /// beside so many new ones.
    pub(super) fn by(
        segments: &[Segment],
        seed: u64,
        is_new: &dyn Fn(&PassagePlace) -> bool,
        repeated: &dyn Fn(usize) -> usize,
    ) -> Self {
        let (mut places, old): (Vec<PassagePlace>, Vec<PassagePlace>) =
            live_places(segments).partition(|place| is_new(place));
        let new = places.len();
        let repeated = repeated(new);
        let rivals = new.max(MIN_RIVALS).max(repeated);
        if new == 0 {
            return Participants::default();
        }
        let mut drawn = Vec::with_capacity(old.len());
        for place in old {
            let name = segments[place.segment as usize].passage_name(place.passage);
            drawn.push((Rng::for_name(seed, &name).next_u64(), place));
        }
        drawn.sort_unstable_by_key(|(number, _)| *number);
        drawn.truncate(rivals);
        places.extend(drawn.into_iter().map(|(_, place)| place));
        Participants {
            asked: places.len().min(new + repeated),
            new,
            places,
        }
    }

    /// Most pseudo-queries of a new participant and of a repeated one, for `max_examples` in all: the
    /// same, unless more are repeated than are new. Then these have as many together as those.
    fn most_queries(&self, max_examples: usize) -> (usize, usize) {
        let sharing = self.asked.min(self.new.saturating_mul(2)).max(1);
        let of_new = max_examples.div_ceil(sharing).max(MIN_QUERIES);
        let repeated = self.asked.saturating_sub(self.new).max(1);
        let of_repeated = of_new.saturating_mul(self.new).div_ceil(repeated);
        (of_new, of_repeated.min(of_new))
    }

    /// For each passage of each segment, whether it is among the first `count` participants.
    pub(super) fn marks(&self, segments: &[Segment], count: usize) -> Vec<Vec<bool>> {
        let none = |segment: &Segment| vec![false; segment.passages.count() as usize];
        let mut marks: Vec<Vec<bool>> = segments.iter().map(none).collect();
        for place in &self.places[..count] {
            marks[place.segment as usize][place.passage as usize] = true;
        }
        marks
    }
}

fn live_places(segments: &[Segment]) -> impl Iterator<Item = PassagePlace> + '_ {
    (0u32..).zip(segments).flat_map(|(number, segment)| {
        segment.live_passages().map(move |passage| PassagePlace {
            segment: number,
            passage,
        })
    })
}

/// Pseudo-queries, and which participant each belongs to.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) queries: Vec<String>,
    /// Ascending.
    pub(super) owners: Vec<u32>,
}

impl Asked {
    /// Asks for the first `participants.asked` participants. Where all their pseudo-queries are
    /// more than `max_examples`, each document keeps some of its own, drawn at random
    /// ([`Participants::most_queries`]).
    pub(super) fn new(
        corpus: &TrainingCorpus<'_>,
        participants: &Participants,
        query_options: &PseudoQueryOptions,
        max_examples: usize,
        watch: &mut Watch<'_>,
    ) -> Result<Self> {
        let count = participants.asked;
        let (of_new, of_repeated) = participants.most_queries(max_examples);
        let mut rows: Vec<Vec<Option<u32>>> = corpus
            .segments
            .iter()
            .map(|segment| vec![None; segment.passages.count() as usize])
            .collect();
        for (row, place) in (0u32..).zip(&participants.places[..count]) {
            rows[place.segment as usize][place.passage as usize] = Some(row);
        }
        let mut by_row: Vec<Vec<String>> = vec![Vec::new(); count];
        let mut asked = Asked::default();
        let mut done = 0;
        for ((segment, table), rows) in corpus.segments.iter().zip(corpus.queries).zip(&rows) {
            let row = |passage: u32| rows.get(passage as usize).copied().flatten();
            segment.documents.for_each(
                |ordinal| segment.passages.of(ordinal).any(|one| row(one).is_some()),
                |ordinal, document| {
                    let cut = segment.cut(ordinal, &document);
                    // A model was asked about the document as it begins.
                    let own = table.iter().flat_map(|table| table.queries(ordinal));
                    let mut written: Vec<String> = own.map(str::to_owned).collect();
                    for (passage, part) in segment.passages.of(ordinal).zip(cut.parts()) {
                        let mut queries = std::mem::take(&mut written);
                        let Some(row) = row(passage) else {
                            continue;
                        };
                        let Some(slot) = by_row.get_mut(row as usize) else {
                            continue;
                        };
                        let is_new = (row as usize) < participants.new;
                        let most = if is_new { of_new } else { of_repeated };
                        queries.extend(pseudo_queries(&part, corpus.stats, query_options));
                        if queries.len() > most {
                            Rng::for_name(!query_options.seed, &part.id).shuffle(&mut queries);
                            queries.truncate(most);
                        }
                        *slot = queries;
                        done += 1;
                        watch.report(Progress::new(Stage::PseudoQueries, done, count))?;
                    }
                    Ok(())
                },
            )?;
        }
        for (row, queries) in (0u32..).zip(by_row) {
            asked.queries.extend(queries);
            asked.owners.resize(asked.queries.len(), row);
        }
        Ok(asked)
    }

    /// Training and held-out examples: some documents keep one of their queries back.
    pub(super) fn split(&self, document_count: usize, seed: u64) -> (Vec<Example>, Vec<Example>) {
        let mut rng = Rng::new(seed ^ 0x68_656C_646F_7574);
        let share = HELD_OUT_SHARE.min(MAX_HELD_OUT as f32 / document_count.max(1) as f32);
        let (mut training, mut held_out) = (Vec::new(), Vec::new());
        let mut query = 0u32;
        for group in self.owners.chunk_by(|a, b| a == b) {
            let examples = (query..)
                .zip(group)
                .map(|(query, &document)| Example { query, document });
            let kept_back =
                (group.len() > 1 && rng.unit_f32() < share).then(|| rng.index(group.len()));
            for (index, example) in examples.enumerate() {
                if Some(index) == kept_back {
                    held_out.push(example)
                } else {
                    training.push(example)
                }
            }
            query += group.len() as u32;
        }
        // A few documents may have drawn none; without one nothing can be learnt.
        if held_out.is_empty() && training.len() > 1 {
            held_out.extend(training.pop());
        }
        (training, held_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated_takes_no_more_than_what_is_new() {
        let most = |new, asked, max_examples| {
            let participants = Participants {
                places: Vec::new(),
                new,
                asked,
            };
            participants.most_queries(max_examples)
        };
        // All are new, or fewer are repeated: an equal number each.
        assert_eq!(most(100, 100, 1_000).0, 10);
        assert_eq!(most(100, 150, 1_500), (10, 10));
        assert_eq!(most(100, 150, 1), (MIN_QUERIES, MIN_QUERIES));
        // More are repeated: together as many as the new ones, who lose none by it.
        assert_eq!(most(10, 1_010, 2_000), (100, 1));
        assert_eq!(most(100, 300, 2_000), (10, 5));
        assert_eq!(most(0, 0, 2_000).0, 2_000);
    }
}
