//! Docids and pseudo-queries from the documents themselves, without a language model.
//!
//! ```text
//!   documents ──► TermStats (in how many documents does a stem occur)
//!   document  ──► words ──► term weights ──► keyword docids
//!        └──────► title, sentences, spans, rows, bags of terms ──► pseudo-queries
//! ```
//!
//! Everything here is a pure function of the document, the statistics and a seed.

mod docids;
mod pseudo_queries;
mod terms;
mod text;
mod words;

pub use docids::{DocidOptions, KeywordDocids, keyword_docids, title_docid};
pub use pseudo_queries::{PseudoQueryOptions, pseudo_queries};
pub use terms::TermStats;
