//! What a search finds.

use std::ops::Range;

use serde::Serialize;

#[cfg(doc)]
use super::Mode;
use super::explain::Explanation;
use crate::decode::Work;

/// A document found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Hit {
    /// External id.
    pub id: String,
    /// What hits are ordered by, within one query. When reranked: the document head's inner product
    /// with the query (-1 to 1), mixed with the comparison of tokens (which the weights of tokens
    /// can lift above 1), or the language model's logit; in [`Mode::Planned`] the standard score of
    /// that among what was drawn, mixed with that of BM25; else `drawn_score`.
    pub score: f64,
    /// How alike query and document are, comparable between the queries of an index: the cosine of
    /// the query's vector and that of the document's best passage, -1 to 1; in [`Mode::Lexical`] the BM25
    /// of the document as a share of the most it could be for the query, 0 to 1. `None` when a
    /// language model answered and no encoder read the query.
    pub similarity: Option<f32>,
    /// What the decoder ranked by: see [`Decoder`](crate::Decoder). BM25 in [`Mode::Lexical`], the
    /// cosine in [`Mode::Dense`] and [`Mode::Fusion`].
    pub drawn_score: f64,
    /// Log of the summed probabilities of the document's docids, given the query (for decoders
    /// that draw docids, of the docid it came out with); minus infinity where none is generated.
    pub log_prob: f64,
    /// BM25 of the document; 0 in [`Mode::Generative`] and [`Mode::Dense`].
    pub prior: f64,
    /// Its most probable docid; of its best passage, if it has several.
    pub docid: String,
    /// Where in the document, best first, of those that were looked at; empty where the document
    /// is one passage, and its place all of its text.
    pub passages: Vec<PassageHit>,
    /// Why it was found, if that was asked for.
    pub explanation: Option<Explanation>,
}

/// A place in a document.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PassageHit {
    /// Where it is in the stored text, in bytes of its UTF-8.
    pub bytes: Range<usize>,
    /// The same in characters.
    pub chars: Range<usize>,
    /// The headings above it, outermost first.
    pub headings: Vec<String>,
    /// What the passages of a document are ordered by, within one query.
    pub score: f64,
    /// Its most probable docid, or its first one where none was generated.
    pub docid: String,
}

/// What a search found, best first, and what it cost.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Best first.
    pub(crate) hits: Vec<Hit>,
    /// False when the budget ended the search; the hits are the best found until then.
    pub(crate) complete: bool,
    /// Work done by the decoder.
    pub(crate) work: Work,
}
