//! Snippets of the documents that a search has found.

use parking_lot::Mutex;

use super::models::NoEncoder;
use super::prepare::passage;
use super::snapshot::Snapshot;
use crate::docs::title_of;
use crate::search::{Hit, Likeness, Snippet, SnippetOptions};
use crate::{Error, Result};

impl Snapshot {
    /// The part of a hit's document that answers `query` best, with what to mark in it. It is made
    /// only here: a search does nothing for it.
    ///
    /// A window of at most [`max_chars`](SnippetOptions::max_chars) characters, cut between words: the
    /// one whose words weigh most, a word counting once and rare words more. Words are those of the
    /// query however they are written, as for BM25. Where none is found, it is the window of what
    /// late interaction matched if that is asked for ([`semantic`](SnippetOptions::semantic)), or the
    /// start of the text. Where the document has no text it is empty.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when the hit's document is not in this
    /// state: [`SearchResult::snapshot`](crate::SearchResult::snapshot) is the one that was searched;
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when the document or the lexicon is damaged; and those
    /// of [`Index::encode_query`](crate::Index::encode_query) when the encoder is asked.
    pub fn snippet(&self, hit: &Hit, query: &str, options: &SnippetOptions) -> Result<Snippet> {
        let document = self.document_of(hit)?;
        let text = document.text.as_str();
        let best = hit.passages.first();
        let range = best.map_or(0..text.len(), |best| best.bytes.clone());
        let own = text.get(range.clone()).ok_or_else(|| {
            Error::corrupt("a passage is not in the text of its document: check the index")
        })?;
        let likeness = match options.semantic {
            true => {
                let headings = best.map_or(&[][..], |best| &best.headings);
                let title = title_of(&document.title, headings);
                self.likeness(query, options.prefix, &title, own)?
            }
            false => None,
        };
        self.searcher()
            .snippet(query, text, range, likeness.as_ref(), options)
    }

    /// What late interaction finds of a query in a passage, `text`, behind its `title`; `None` where it
    /// cannot tell.
    fn likeness(
        &self,
        query: &str,
        prefix: bool,
        title: &str,
        text: &str,
    ) -> Result<Option<Likeness>> {
        let params = &self.params().encoder;
        let compares = params.token_vectors && !NoEncoder::is_recorded(params);
        if !compares || query.trim().is_empty() || text.is_empty() {
            return Ok(None);
        }
        let encoder = &self.models.encoder(&self.state)?.encoder;
        let whole = format!("{}{}", params.document_prompt, passage(title, text));
        let limit = params.max_passage_tokens;
        let limit = limit.saturating_add(encoder.prompt_tokens(&params.document_prompt)?);
        let Some(ranges) = encoder.token_ranges(&whole, limit)? else {
            return Ok(None);
        };
        let query = self.encode_query(&self.as_read(query, prefix)?, None)?;
        let likeness = Mutex::new(None);
        encoder.encode_tokens(&[&whole], limit, &mut |_, _| Ok(()), &|_, tokens| {
            let start = whole.len() - text.len();
            *likeness.lock() = Some(Likeness::new(&query, tokens, &ranges, start));
        })?;
        Ok(likeness.into_inner())
    }
}
