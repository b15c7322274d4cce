//! Fitting a linear map of queries to judged ones.
//!
//! Those who ask and those who write use words in different ways, and in the same ways from query
//! to query. A map of all queries learns that, and it moves every edge and document at once, since
//! `<q + M q, w> = <q, w + M' w>`: those that nobody has judged too, and those that come later.
//!
//! - I1. The same index, queries and seed give the same map.

use half::f16;

use crate::Result;
use crate::decode::PassagePlace;
use crate::segment::{DocumentPlace, IndexParams, Segment, document_at};
use crate::train::{MapPair, fit_linear_maps};
use crate::vectors::{LinearMap, dot_f16};

/// One judged query.
pub(crate) struct JudgedQuery<'a> {
    /// Its unit vector.
    pub(crate) vector: &'a [f32],
    /// The documents that answer it.
    pub(crate) answers: &'a [(DocumentPlace, f64)],
    /// What a search draws of it: what answers are held apart from.
    pub(crate) drawn: Vec<PassagePlace>,
}

/// Maps that were fitted to `queries` for a shorter or longer time.
///
/// # Errors
///
/// What `go_on` gives.
pub(crate) fn fit_query_maps(
    segments: &[Segment],
    queries: &[JudgedQuery<'_>],
    params: &IndexParams,
    seed: u64,
    go_on: &mut dyn FnMut() -> Result<()>,
) -> Result<Vec<LinearMap>> {
    let pairs = queries.iter().flat_map(|query| pairs(segments, query));
    let pairs: Vec<MapPair<'_>> = pairs.collect();
    fit_linear_maps(&pairs, params.encoder.dim, params.scale, seed, go_on)
}

/// What there is to learn of a query: a pair for each document that answers it, of which the passage
/// that is most like the query is taken.
fn pairs<'a>(segments: &'a [Segment], query: &JudgedQuery<'a>) -> Vec<MapPair<'a>> {
    let head = |place: PassagePlace| {
        let segment = segments.get(place.segment as usize)?;
        Some(segment.document_head.row(place.passage as usize))
    };
    let document = |place: &PassagePlace| document_at(segments, *place);
    let is_answer = |place: &PassagePlace| {
        let document = document(place);
        query.answers.iter().any(|(answer, _)| *answer == document)
    };
    let rivals = query
        .drawn
        .iter()
        .copied()
        .filter(|place| !is_answer(place));
    let rivals: Vec<&[f16]> = rivals.filter_map(head).collect();
    let pair = |(answer, _): &(DocumentPlace, f64)| {
        let segment = segments.get(answer.segment as usize)?;
        let passages = segment.passages.of(answer.ordinal);
        let rows = passages.map(|passage| segment.document_head.row(passage as usize));
        let like = |row: &&[f16]| dot_f16(query.vector, row);
        let best = rows.max_by(|a, b| like(a).total_cmp(&like(b)))?;
        Some(MapPair {
            query: query.vector,
            found: std::iter::once(best)
                .chain(rivals.iter().copied())
                .collect(),
        })
    };
    query.answers.iter().filter_map(pair).collect()
}
