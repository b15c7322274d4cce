//! Snippets of the documents that a search has found.

use super::snapshot::Snapshot;
use crate::Result;
use crate::search::{Hit, Snippet, SnippetOptions};

impl Snapshot {
    /// The part of a hit's document that answers `query` best, with what to mark in it. It is made
    /// only here: a search does nothing for it.
    ///
    /// A window of at most [`max_chars`](SnippetOptions::max_chars) characters, cut between words: the
    /// one whose words weigh most, a word counting once and rare words more. Words are those of the
    /// query however they are written, as for BM25. Where none is found it is the start of the text,
    /// and where the document has no text it is empty.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when the hit's document is not in this
    /// state: [`SearchResult::snapshot`](crate::SearchResult::snapshot) is the one that was searched;
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when the document or the lexicon is damaged.
    pub fn snippet(&self, hit: &Hit, query: &str, options: &SnippetOptions) -> Result<Snippet> {
        let text = self.document_of(hit)?.text;
        let passage = 0..text.len();
        self.searcher().snippet(query, &text, passage, options)
    }
}
