//! Docids and pseudo-queries from the documents themselves, without a language model.
//!
//! ```text
//!             ┌─ words ─► terms (TF-IDF weights) ─┬─► docids: seven keywords, best first
//!  document ──┤                                   └─► bags of terms ─┐
//!             └─ text: sentences, table rows, code lines, spans ─────┴─► pseudo-queries
//! ```
//!
//! Everything here is a pure function of the document, the corpus statistics
//! ([`TermStats`]), the options and the seed.

mod docids;
mod pseudo_queries;
mod stop_words;
mod tables;
mod terms;
mod text;
mod words;

pub use docids::{DocidOptions, MAX_DOCID_BYTES, clean_docid, keyword_docids, title_docids};
pub use pseudo_queries::{PseudoQueryOptions, pseudo_queries};
pub use stop_words::is_stop_word;
pub use terms::{MAX_TERM_TEXT_BYTES, MAX_TERM_WORDS, TermStats, has_terms};
pub use words::{MAX_WORD_CHARS, words};
