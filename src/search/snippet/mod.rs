//! Snippets: the place of a document that answers a query best, and what to mark in it.
//!
//! ```text
//!   query ─► QueryTerms ─┐
//!   passage ─► terms ────┴► matches ─► the best window ─► text, ranges, marks
//!              (located)    (`matches`)    (`window`)        (`marked`)
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
mod options;
mod window;

pub use marked::{Mark, MarkKind, Snippet};
pub use options::SnippetOptions;

use super::searcher::Searcher;
use crate::Result;
use matches::Matches;
use std::ops::Range;

impl Searcher<'_> {
    /// The best snippet of `text` within `passage`, its bytes, for the words of a query.
    ///
    /// # Errors
    ///
    /// `Corrupt` when a lexicon is damaged.
    pub(crate) fn snippet(
        self,
        words: &str,
        text: &str,
        passage: Range<usize>,
        options: &SnippetOptions,
    ) -> Result<Snippet> {
        let terms = self.query_terms(words, options.prefix)?;
        let inside = text.get(passage.clone()).unwrap_or("");
        let matches = Matches::new(inside, &terms, self.params.lexicon.analyser());
        let window = window::best(inside, &matches, options.max_chars);
        let marks = marked::marks(&matches, &window);
        let start = passage.start + window.start;
        Ok(Snippet::new(text, start..start + window.len(), marks))
    }
}
