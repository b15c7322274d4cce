//! Searching: from a query and the segments of one committed state to hits.
//!
//! ```text
//!   words ───────► QueryTerms ─► BM25 (lexical) ──────────┐ prior
//!   query ─► encoder ─► EncodedQuery ─┐                   ▼
//!            language model ─► prompt ┴► Retriever ─► draw ─► rerank ─► Candidates ─► Hits
//!                                                    (decode)            best k     with names
//! ```
//!
//! [`Searcher`] is where all modes begin. While documents are ranked they are [`Candidate`]s, known
//! by their place; names and docids are looked up for the few that are returned. What is drawn and
//! compared are passages; a document is as good as its best one (`passages`). Snippets of hits are made
//! when they are asked for ([`snippet`]).

mod candidate;
mod dense;
mod draw;
mod encoded_query;
mod explain;
mod late_interaction;
mod lexical;
mod options;
mod passages;
mod query_terms;
mod rerank;
mod result;
mod retriever;
mod searcher;
mod similarity;
mod snippet;

#[cfg(feature = "eval")]
pub(crate) use draw::pool::Pool;
pub use encoded_query::EncodedQuery;
pub use explain::{Decision, Explanation, MatchedTerm};
pub(crate) use late_interaction::distinct_token_vectors;
pub use options::{Mode, RetrieverKind, SearchOptions};
pub(crate) use result::Found;
pub use result::{Hit, PassageHit};
pub use retriever::CompactExpander;
#[cfg(feature = "models")]
pub(crate) use retriever::{Reranker, Retriever};
pub(crate) use searcher::Searcher;
pub(crate) use snippet::Likeness;
pub use snippet::{Mark, MarkKind, Snippet, SnippetOptions};
