//! Docids and pseudo-queries: from the documents themselves, or by a language model
//! ([`language`]).
//!
//! ```text
//!             ┌─ words ─► terms (TF-IDF weights) ─┬─► docids: seven keywords, best first
//!  document ──┤                                   └─► bags of terms ─┐
//!             └─ text: sentences, table rows, code lines, spans ─────┴─► pseudo-queries
//! ```
//!
//! Everything in this picture is a pure function of the document, the corpus statistics
//! ([`TermStats`]), the options and the seed. Beside it [`LearningTexts`] draws documents, for an encoder
//! to learn from.

mod docids;
pub mod language;
mod learning_texts;
mod pseudo_queries;
mod tables;
mod terms;
mod text;

pub use docids::{DocidOptions, MAX_DOCID_BYTES, clean_docid, keyword_docids, title_docids};
pub(crate) use docids::{docids_of_terms, title_docids_or};
pub use learning_texts::LearningTexts;
pub use pseudo_queries::{PseudoQueryOptions, pseudo_queries};
pub(crate) use tables::is_table;
pub use terms::TermStats;

pub use crate::lexicon::{
    MAX_TERM_TEXT_BYTES, MAX_TERM_WORDS, MAX_WORD_CHARS, is_stop_word, words,
};
