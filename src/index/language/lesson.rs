//! What the documents of an index teach a language model.

use crate::Result;
use crate::decode::PassagePlace;
use crate::index::commit::Draft;
use crate::index::models::language::LanguageModelRetriever;
use crate::index::prepare::term_stats;
use crate::index::snapshot::Snapshot;
use crate::learn::{LanguageTask, LanguageTexts, LanguageTrainOptions, TrainingCorpus};
use crate::lexicon::CountedTexts;
use crate::model::language::Adapter;
use crate::search::{Hit, SearchOptions};
use crate::segment::{DocumentPlace, Segment, Watch, find_document};

use super::learnt::{hash_of, known_hashes};

/// Documents that BM25 finds, among which rivals are drawn. ZeroGR's: 100.
const FOUND_BY_WORDS: usize = 100;

/// Documents that the planned search of a pseudo-query teaches.
const FOUND_BY_SEARCH: usize = 5;

/// What the passages of `snapshot` are to be asked, and how they are to answer: all of them, or what
/// `earlier` has not learnt and some of the rest.
pub(super) fn texts(
    snapshot: &Snapshot,
    retriever: &LanguageModelRetriever,
    options: &LanguageTrainOptions,
    earlier: Option<&Adapter>,
    watch: &mut Watch<'_>,
) -> Result<LanguageTexts> {
    let segments: &[Segment] = &snapshot.state.segments;
    let params = snapshot.params();
    let stats = term_stats(segments.iter(), &CountedTexts::default(), params, true)?;
    let queries = Draft::new(snapshot).query_tables();
    let corpus = TrainingCorpus {
        segments,
        queries: &queries,
        stats: &stats,
    };
    let by_words = SearchOptions::new().k(FOUND_BY_WORDS);
    let by_search = SearchOptions::new().k(FOUND_BY_SEARCH);
    let known = earlier.map(known_hashes).unwrap_or_default();
    let task = LanguageTask {
        corpus: &corpus,
        prompt: &|query| {
            let query = retriever.cut_for_training(query)?;
            retriever.training_prompt(options.instruction.as_deref(), query)
        },
        end_token: retriever.end_token(),
        rerank_token: retriever.rerank_token(),
        found_by_words: &|query| {
            let found = snapshot.search_lexical(query, &by_words)?;
            let ids = found.hits.iter().map(|hit| hit.id.as_str());
            Ok(ids.filter_map(|id| first_passage(segments, id)).collect())
        },
        found_by_search: &|query| {
            let found = snapshot.search(query, &by_search)?;
            let passage = |hit: &Hit| Some((best_passage(segments, hit)?, hit.score));
            Ok(found.hits.iter().filter_map(passage).collect())
        },
        is_new: &|segment, passage| !known.contains(&hash_of(segment, passage)),
    };
    LanguageTexts::new(&task, options, watch)
}

/// The passages of a document.
fn passages(segments: &[Segment], id: &str) -> Vec<PassagePlace> {
    let Some(DocumentPlace { segment, ordinal }) = find_document(segments, id) else {
        return Vec::new();
    };
    let passages = segments.get(segment as usize);
    let passages = passages.map(|segment| segment.passages.of(ordinal));
    let passages = passages.into_iter().flatten();
    passages
        .map(|passage| PassagePlace { segment, passage })
        .collect()
}

fn first_passage(segments: &[Segment], id: &str) -> Option<PassagePlace> {
    passages(segments, id).first().copied()
}

fn best_passage(segments: &[Segment], hit: &Hit) -> Option<PassagePlace> {
    let all = passages(segments, &hit.id);
    let found = hit.passages.first().and_then(|found| {
        all.iter().find(|one| {
            let segment = segments.get(one.segment as usize);
            let place = segment.and_then(|segment| segment.passages.place(one.passage));
            place.is_some_and(|place| place.bytes == found.bytes)
        })
    });
    found.or(all.first()).copied()
}
