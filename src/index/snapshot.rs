//! A snapshot: one committed state of an index.

use std::sync::Arc;

use super::state::State;
use crate::docs::Document;
use crate::search::{EncodedQuery, Mode, SearchOptions, SearchResult, Searcher};
use crate::segment::IndexParams;
use crate::{Error, Result};

/// One committed state. Cheap to clone; later commits do not change it.
///
/// ```
/// # use zerogr::{Index, IndexOptions, Mode, SearchOptions};
/// # use zerogr::Document;
/// # fn main() -> zerogr::Result<()> {
/// # if zerogr::raw::model::Runtime::load(None).is_err() {
/// #     eprintln!("skipped: `zerogr setup` has not been run");
/// #     return Ok(());
/// # }
/// # let folder = tempfile::tempdir().unwrap();
/// # let index = Index::create(folder.path().join("a.zgr"), IndexOptions::default())?;
/// # let mut writer = index.writer()?;
/// # writer.add(Document::new("doc-1").text("Thin wings may vibrate."))?;
/// # writer.commit()?;
/// let before = index.snapshot();
/// writer.delete("doc-1")?;
/// writer.commit()?;
/// let query = index.encode_query("flutter", None)?;
/// assert_eq!(before.search_encoded("flutter", &query, &SearchOptions::new())?.hits.len(), 1);
/// assert!(before.document("doc-1")?.is_some());
/// assert!(index.snapshot().document("doc-1")?.is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(super) state: Arc<State>,
}

impl Snapshot {
    pub(super) fn of(state: State) -> Self {
        Snapshot {
            state: Arc::new(state),
        }
    }

    pub(super) fn searcher(&self) -> Searcher<'_> {
        Searcher::new(&self.state.segments, &self.state.params)
    }

    /// Number of the commit.
    pub fn generation(&self) -> u64 {
        self.state.stored.generation()
    }

    /// The parameters of the index.
    pub fn params(&self) -> &IndexParams {
        &self.state.params
    }

    /// Live documents.
    pub fn document_count(&self) -> u64 {
        let live =
            |entry: &crate::format::SegmentEntry| u64::from(entry.doc_count - entry.dead_count);
        let manifest = self.state.stored.manifest();
        manifest.segments.iter().map(live).sum()
    }

    /// Whether a live document has this external id.
    pub fn contains(&self, id: &str) -> bool {
        let mut segments = self.state.segments.iter();
        segments.any(|segment| segment.find(id).is_some())
    }

    /// The document with an external id, or `None`. Errors when its payload is damaged.
    pub fn document(&self, id: &str) -> Result<Option<Document>> {
        for segment in &self.state.segments {
            if let Some(ordinal) = segment.find(id) {
                return segment.document(ordinal).map(Some);
            }
        }
        Ok(None)
    }

    /// Calls `each` with every live document that can be read, in the order they are stored, until
    /// it fails.
    ///
    /// # Errors
    ///
    /// Those of `each`; [`Corrupt`](crate::ErrorKind::Corrupt) after the last document when one
    /// could not be read.
    pub fn for_each_document(&self, mut each: impl FnMut(Document) -> Result<()>) -> Result<()> {
        let mut unreadable = Ok(());
        for segment in &self.state.segments {
            let is_live = |ordinal| segment.is_live(ordinal);
            segment.documents.try_each(is_live, |ordinal, document| {
                match document {
                    Ok(document) => each(segment.with_docids(ordinal, document))?,
                    Err(error) if unreadable.is_ok() => unreadable = Err(error),
                    Err(_) => {}
                }
                Ok(())
            })?;
        }
        unreadable
    }

    /// Searches by the words alone ([`Mode::Lexical`], whatever mode is given); needs no encoder.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for options that make no sense;
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when the lexicon is damaged.
    pub fn search_lexical(&self, words: &str, options: &SearchOptions) -> Result<SearchResult> {
        self.searcher().search_lexical(words, options)
    }

    /// Searches with a unit vector of the index's dimension. No tokens are compared.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a vector of another dimension, options
    /// that make no sense, or a mode that needs the words of the query: for those see
    /// [`Snapshot::search_encoded`].
    pub fn search_vector(&self, query: &[f32], options: &SearchOptions) -> Result<SearchResult> {
        if !matches!(options.mode, Mode::Generative | Mode::Dense) {
            return Err(Error::invalid(
                "this mode needs the words of the query: give them to Snapshot::search_encoded",
            ));
        }
        self.search_encoded("", &EncodedQuery::from(query.to_vec()), options)
    }

    /// Searches with the words of a query and what the encoder made of it.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a vector of another dimension or with
    /// values that are no numbers, for options that make no sense, and for a search by a language
    /// model, which is asked through [`Index::search`](crate::Index::search);
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when the lexicon is damaged.
    pub fn search_encoded(
        &self,
        words: &str,
        query: &EncodedQuery,
        options: &SearchOptions,
    ) -> Result<SearchResult> {
        self.searcher().search_encoded(words, query, options)
    }

    /// Ids and BM25 of the best `k` documents for some words: [`Snapshot::search_lexical`].
    ///
    /// # Errors
    ///
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when the lexicon is damaged.
    pub fn lexical(&self, words: &str, k: usize) -> Result<Vec<(String, f64)>> {
        self.search_lexical(words, &SearchOptions::new().k(k))
            .map(named_scores)
    }

    /// Ids and cosines of the best `k` documents for a unit vector: a search in [`Mode::Dense`].
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a vector of another dimension;
    /// [`Model`](crate::ErrorKind::Model) when a cosine is not a number.
    pub fn dense(&self, query: &[f32], k: usize) -> Result<Vec<(String, f64)>> {
        self.search_vector(query, &SearchOptions::new().k(k).mode(Mode::Dense))
            .map(named_scores)
    }
}

fn named_scores(result: SearchResult) -> Vec<(String, f64)> {
    let hits = result.hits.into_iter();
    hits.map(|hit| (hit.id, hit.score)).collect()
}
