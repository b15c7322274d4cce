//! Snippets: the place of a document that answers a query best, and what to mark in it.
//!
//! ```text
//!   query ─► QueryTerms ──────┐
//!   passage ─► terms ─────────┴► matches ─┬─► the best window ─► text, ranges, marks
//!           └► vectors of tokens ─► words ┘       (`window`)        (`marked`)
//!   query ──► vectors of tokens ─┘  (`meaning`)
//! ```
//!
//! Words are compared as the lexicon compares them, so that what found a document is what is
//! marked: a stem, another spelling, a character of a script without spaces.
//!
//! Invariants:
//! - I1. The text of a snippet is a slice of the stored text; its marks are in order, apart from each
//!   other, at characters.
//! - I2. The work is linear in the passage, whatever it holds.

mod marked;
mod matches;
mod meaning;
mod options;
mod window;

pub use marked::{Mark, MarkKind, Snippet};
pub(crate) use meaning::Likeness;
pub use options::SnippetOptions;

use std::ops::Range;

use super::searcher::Searcher;
use crate::Result;
use matches::Matches;

impl Searcher<'_> {
    /// The best snippet of `text` within the bytes of a `passage`, for the words of a query and for
    /// what late interaction finds in that passage.
    ///
    /// # Errors
    ///
    /// `Corrupt` when a lexicon is damaged.
    pub(crate) fn snippet(
        self,
        words: &str,
        text: &str,
        passage: Range<usize>,
        likeness: Option<&Likeness>,
        options: &SnippetOptions,
    ) -> Result<Snippet> {
        let terms = self.query_terms(words, options.prefix)?;
        let analyser = self.params.lexicon.analyser();
        let inside = text.get(passage.clone()).unwrap_or("");
        let words = Matches::new(inside, &terms, analyser);
        let meaning = likeness.map_or_else(Matches::default, |likeness| {
            likeness.words(inside, analyser)
        });
        let looked_for = match words.places.is_empty() {
            true => &meaning,
            false => &words,
        };
        let window = window::best(inside, looked_for, options.max_chars);
        let marks = marked::marks(&words, &meaning, &window);
        let start = passage.start + window.start;
        Ok(Snippet::new(text, start..start + window.len(), marks))
    }
}
