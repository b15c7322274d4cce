//! A snapshot: one committed state of an index, and searching it.

use std::cmp::Ordering;
use std::sync::Arc;

use super::filter::Filter;
use super::params::IndexParams;
use super::segment::Segment;
use super::view::View;
use crate::decode::{CompactExpander, Decoder, Drawn, Memo, Request, Work};
use crate::docs::Document;
use crate::encode::TextEncoder;
use crate::vectors::dot_f16;
use crate::{Error, Result, store};

/// One committed state. Cheap to clone; later commits do not change it.
///
/// ```
/// # use zerogr::index::{Index, IndexOptions, SearchOptions};
/// # use zerogr::Document;
/// # fn main() -> zerogr::Result<()> {
/// # if zerogr::model::Runtime::load(None).is_err() {
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
/// assert_eq!(before.search_vector(&query, &SearchOptions::new())?.hits.len(), 1);
/// assert!(before.document("doc-1")?.is_some());
/// assert!(index.snapshot().document("doc-1")?.is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(crate) state: Arc<State>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) stored: store::Snapshot,
    pub(crate) params: IndexParams,
    pub(crate) segments: Vec<Segment>,
}

/// How to search. Start from [`SearchOptions::new`]; what is not set follows the index.
///
/// ```
/// use zerogr::index::{Filter, SearchOptions};
///
/// let options = SearchOptions::new()
///     .k(5)
///     .instruction("Find papers that support or refute the claim.")
///     .filter(Filter::tag("2024"));
/// assert_eq!(options.k, 5);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SearchOptions {
    /// Hits wanted.
    pub k: usize,
    /// Documents drawn from the trie before reranking; at least `k` are drawn.
    pub draws: Option<usize>,
    /// Whether the document head reorders what was drawn.
    pub rerank: Option<bool>,
    /// The task in words; put before the query, on a line of its own.
    pub instruction: Option<String>,
    /// Which documents may be found; all of them by default.
    pub filter: Option<Filter>,
}

impl Default for SearchOptions {
    fn default() -> Self {
        SearchOptions::new()
    }
}

impl SearchOptions {
    /// Ten hits, everything else as the index has it.
    pub fn new() -> Self {
        SearchOptions {
            k: 10,
            draws: None,
            rerank: None,
            instruction: None,
            filter: None,
        }
    }

    /// Sets the number of hits wanted.
    pub fn k(mut self, k: usize) -> Self {
        self.k = k;
        self
    }

    /// Sets how many documents are drawn before reranking.
    pub fn draws(mut self, draws: usize) -> Self {
        self.draws = Some(draws);
        self
    }

    /// Sets whether the document head reorders what was drawn.
    pub fn rerank(mut self, rerank: bool) -> Self {
        self.rerank = Some(rerank);
        self
    }

    /// Sets the task instruction.
    pub fn instruction(mut self, instruction: impl Into<String>) -> Self {
        self.instruction = Some(instruction.into());
        self
    }

    /// Sets which documents may be found.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }
}

/// A document found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Hit {
    /// External id.
    pub id: String,
    /// What hits are ordered by: the document head's inner product (in [-1, 1]) when reranked,
    /// else `log_prob`.
    pub score: f64,
    /// Log of the summed probabilities of the document's docids, given the query.
    pub log_prob: f64,
    /// Its most probable docid.
    pub docid: String,
    segment: usize,
    ordinal: u32,
}

/// The hits of one query, best first, and what they cost.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct SearchResult {
    /// Best first.
    pub hits: Vec<Hit>,
    /// Work done by the decoder.
    pub work: Work,
}

impl Snapshot {
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

    /// Searches with `encoder`, which must be the index's own.
    pub(crate) fn search(
        &self,
        encoder: &dyn TextEncoder,
        query: &str,
        options: &SearchOptions,
    ) -> Result<SearchResult> {
        let vector = self.encode_query(encoder, query, options.instruction.as_deref())?;
        self.search_vector(&vector, options)
    }

    /// The unit vector of a query. Errors when the query is blank.
    pub(crate) fn encode_query(
        &self,
        encoder: &dyn TextEncoder,
        query: &str,
        instruction: Option<&str>,
    ) -> Result<Vec<f32>> {
        if query.trim().is_empty() {
            return Err(Error::invalid("the query is empty: give at least one word"));
        }
        let text = match instruction {
            Some(instruction) => format!("{instruction}\n{query}"),
            None => query.to_owned(),
        };
        encoder.encode(
            &[&text],
            self.state.params.encoder.max_query_tokens,
            &mut |_, _| {},
        )
    }

    /// Searches with an encoded query: a unit vector of the index's dimension.
    pub fn search_vector(&self, query: &[f32], options: &SearchOptions) -> Result<SearchResult> {
        let params = &self.state.params;
        if query.len() != params.encoder.dim {
            return Err(Error::invalid(format!(
                "a query vector of {} values was given to an index of {}",
                query.len(),
                params.encoder.dim
            )));
        }
        let draws = options.draws.unwrap_or(params.search.draws).max(options.k);
        let segments = &self.state.segments;
        let view = match &options.filter {
            Some(filter) => View::filtered(segments, filter)?,
            None => View::all(segments),
        };
        let forest = view.forest();
        let mut expander = CompactExpander::new(query, params.scale, view.edges());
        let mut memo = Memo::new(&forest, &mut expander);
        let request = Request {
            k: if options.k == 0 { 0 } else { draws },
            postings: &view,
            planner: None,
        };
        let drawn = Decoder::default().decode(&mut memo, &request)?.documents;
        let work = memo.work();

        let rerank = options.rerank.unwrap_or(params.search.rerank);
        let mut hits: Vec<Hit> = drawn.iter().map(|drawn| self.hit(drawn)).collect();
        hits.sort_by(best_hit_first);
        hits.truncate(draws);
        if rerank {
            for hit in &mut hits {
                let head = self
                    .state
                    .segments
                    .get(hit.segment)
                    .map(|segment| &segment.document_head);
                hit.score = head.map_or(f64::NEG_INFINITY, |head| {
                    f64::from(dot_f16(query, head.row(hit.ordinal as usize)))
                });
            }
            hits.sort_by(best_hit_first);
        }
        hits.truncate(options.k);
        Ok(SearchResult { hits, work })
    }

    fn hit(&self, drawn: &Drawn) -> Hit {
        let segment = self.state.segments.get(drawn.segment as usize);
        Hit {
            id: segment
                .map_or("", |segment| segment.documents.id(drawn.ordinal))
                .to_owned(),
            score: drawn.log_prob,
            log_prob: drawn.log_prob,
            docid: segment
                .map_or("", |segment| segment.docid_texts.row(drawn.best_rank))
                .to_owned(),
            segment: drawn.segment as usize,
            ordinal: drawn.ordinal,
        }
    }

    /// Every live document by cosine to its passage vector, best first, the first `k`: what the
    /// encoder alone would answer. A baseline, not a search.
    pub fn dense(&self, query: &[f32], k: usize) -> Vec<(String, f64)> {
        let mut scored: Vec<(f64, &str)> = Vec::new();
        for segment in &self.state.segments {
            for ordinal in segment.live_ordinals() {
                let score = dot_f16(query, segment.document_vectors.row(ordinal as usize));
                scored.push((f64::from(score), segment.documents.id(ordinal)));
            }
        }
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        scored.truncate(k);
        scored
            .into_iter()
            .map(|(score, id)| (id.to_owned(), score))
            .collect()
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

    /// Calls `each` with every live document, in the order they are stored, until it fails.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when a payload is damaged, and those of `each`.
    pub fn for_each_document(&self, mut each: impl FnMut(Document) -> Result<()>) -> Result<()> {
        for segment in &self.state.segments {
            let is_live = |ordinal| segment.is_live(ordinal);
            segment.documents.for_each(is_live, |ordinal, document| {
                each(segment.with_docids(ordinal, document))
            })?;
        }
        Ok(())
    }
}

/// Score, then probability, both falling; then docid and external id, rising (design D11).
fn best_hit_first(a: &Hit, b: &Hit) -> Ordering {
    b.score
        .total_cmp(&a.score)
        .then_with(|| b.log_prob.total_cmp(&a.log_prob))
        .then_with(|| a.docid.cmp(&b.docid))
        .then_with(|| a.id.cmp(&b.id))
}
