//! The words of documents: how texts become terms, and which documents contain which term.
//!
//! ```text
//!   title, text ─► CountedTexts ─► Analyser ─► terms ─► three sections ─► Lexicon
//!                                                            ▲              │
//!                                     merge_lexicons ────────┴──────────────┤
//!   query ───────► Analyser ─► terms ─────────────────────────────► postings, lengths ─► Bm25
//! ```
//!
//! A segment has a lexicon of its own; statistics of several segments add up, which is done where
//! it is known which documents are alive ([`crate::index`]).
//!
//! Invariants:
//! - I1. Postings list documents by ascending ordinal, each once.
//! - I2. The length of a document is the sum of the counts of its terms, less the minor ones.
//! - I3. A merge gives the lexicon that the texts of the kept documents would have given.

mod analyser;
mod beginning;
mod bm25;
mod build;
mod characters;
mod counted;
mod fold;
mod numbers;
mod plain;
mod postings;
mod stop_words;
mod table;
mod words;

pub use analyser::{ANALYSIS, Analyser, MAX_TERM_TEXT_BYTES, MAX_TERM_WORDS};
pub(crate) use analyser::{EnglishStemmer, counted_words, examined, is_minor, is_term, minor_term};
pub(crate) use beginning::Beginning;
pub use bm25::Bm25;
pub(crate) use build::lexicon_of;
pub use build::{LexiconBuilder, merge_lexicons};
pub(crate) use characters::{Matches, is_character, located_characters};
pub(crate) use counted::{CountedTexts, TextWords, WordCount};
pub(crate) use fold::fold;
pub(crate) use plain::plain;
pub(crate) use postings::Postings;
pub use stop_words::is_stop_word;
pub use table::Lexicon;
pub(crate) use table::{LexiconKinds, for_each_term_from};
pub(crate) use words::is_unspaced;
pub use words::{MAX_WORD_CHARS, Word, located_words, words};

/// Section kinds whose bodies this layer owns (`format-spec/`, chapter "Section bodies").
pub use crate::format::sections::lexicon as sections;
