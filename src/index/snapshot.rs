//! A snapshot: one committed state of an index, and searching it.

use std::cmp::Ordering;
use std::sync::Arc;

use super::params::IndexParams;
use super::segment::Segment;
use crate::decode::{
    CompactEdges, CompactExpander, DocidPlace, Drawn, Memo, Postings, Work, best_first,
};
use crate::docs::Document;
use crate::encode::TextEncoder;
use crate::format::Manifest;
use crate::trie::Forest;
use crate::vectors::dot_f16;
use crate::{Error, Result};

/// One committed state. Cheap to clone; later commits do not change it.
///
/// ```
/// use zerogr::Document;
/// # use zerogr::index::{Index, SearchOptions};
/// # use zerogr::index::{EncoderSource, IndexOptions};
/// # mod hashing { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hashing/mod.rs")); }
/// # let encoder = std::sync::Arc::new(hashing::HashingEncoder { name: "words" });
/// # let options = IndexOptions::with_encoder(EncoderSource::Custom(encoder.clone()));
/// # let memory = std::sync::Arc::new(zerogr::store::MemoryBackend::default());
/// # let index = Index::create_on(memory, options)?;
/// # let mut writer = index.writer()?;
///
/// writer.add(Document::new("tea").title("Tea").text("Leaves are dried and steeped"))?;
/// writer.commit()?;
/// let before = index.snapshot();
/// writer.delete("tea")?;
/// writer.commit()?;
///
/// assert_eq!(before.document("tea")?.unwrap().title, "Tea");
/// assert!(index.snapshot().document("tea")?.is_none());
/// // A query that is encoded once can be asked of several snapshots.
/// let query = index.encode_query("dried leaves", None)?;
/// assert_eq!(before.search_vector(&query, &SearchOptions::new())?.hits.len(), 1);
/// # Ok::<(), zerogr::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(crate) state: Arc<State>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) params: IndexParams,
    pub(crate) segments: Vec<Segment>,
}

/// How to search. Start from [`SearchOptions::new`]; what is not set follows the index.
///
/// ```
/// use zerogr::index::SearchOptions;
/// # use zerogr::{Document, index::Index};
/// # use zerogr::index::{EncoderSource, IndexOptions};
/// # mod hashing { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hashing/mod.rs")); }
/// # let encoder = std::sync::Arc::new(hashing::HashingEncoder { name: "words" });
/// # let options = IndexOptions::with_encoder(EncoderSource::Custom(encoder.clone()));
/// # let memory = std::sync::Arc::new(zerogr::store::MemoryBackend::default());
/// # let index = Index::create_on(memory, options)?;
/// # let mut writer = index.writer()?;
/// # for id in ["a", "b", "c"] {
/// #     writer.add(Document::new(id).text(format!("document {id} about steeping tea")))?;
/// # }
/// # writer.commit()?;
///
/// let quick = SearchOptions::new().k(2).draws(10).rerank(false);
/// let asked = quick.clone().instruction("Find notes about drinks");
/// assert_eq!(index.search("tea", &quick)?.hits.len(), 2);
/// assert_eq!(index.search("tea", &asked)?.hits.len(), 2);
/// # Ok::<(), zerogr::Error>(())
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
        self.state.manifest.generation
    }

    /// The parameters of the index.
    pub fn params(&self) -> &IndexParams {
        &self.state.params
    }

    /// Live documents.
    pub fn document_count(&self) -> u64 {
        let live =
            |entry: &crate::format::SegmentEntry| u64::from(entry.doc_count - entry.dead_count);
        self.state.manifest.segments.iter().map(live).sum()
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
        let forest = self.forest();
        let mut expander = CompactExpander::new(query, params.scale, self.edges());
        let mut memo = Memo::new(&forest, &mut expander);
        let drawn = best_first(&mut memo, self, if options.k == 0 { 0 } else { draws })?;
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
            for ordinal in (0..segment.document_count).filter(|&ordinal| segment.is_live(ordinal)) {
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
                let mut document = segment.documents.document(ordinal)?;
                let ranks = segment.document_docids.row(ordinal);
                document.docids = ranks
                    .map(|rank| segment.docid_texts.row(rank).to_owned())
                    .collect();
                return Ok(Some(document));
            }
        }
        Ok(None)
    }

    pub(crate) fn forest(&self) -> Forest<'_> {
        forest(&self.state.segments)
    }

    pub(crate) fn edges(&self) -> CompactEdges<'_> {
        edges(&self.state.segments)
    }
}

/// The union of the tries of `segments`.
pub(crate) fn forest(segments: &[Segment]) -> Forest<'_> {
    Forest::new(
        segments
            .iter()
            .map(|segment| (&segment.trie, segment.live_ranks())),
    )
}

/// The trie heads of `segments`.
pub(crate) fn edges(segments: &[Segment]) -> CompactEdges<'_> {
    CompactEdges::new(segments.iter().map(Segment::compact).collect())
}

/// Score, then probability, both falling; then docid and external id, rising (design D11).
fn best_hit_first(a: &Hit, b: &Hit) -> Ordering {
    b.score
        .total_cmp(&a.score)
        .then_with(|| b.log_prob.total_cmp(&a.log_prob))
        .then_with(|| a.docid.cmp(&b.docid))
        .then_with(|| a.id.cmp(&b.id))
}

impl Postings for Snapshot {
    fn documents(&self, (segment, rank): DocidPlace) -> Vec<u32> {
        let Some(segment) = self.state.segments.get(segment as usize) else {
            return Vec::new();
        };
        segment
            .postings
            .row(rank)
            .filter(|&ordinal| segment.is_live(ordinal))
            .collect()
    }

    fn docids(&self, segment: u32, ordinal: u32) -> Vec<u32> {
        let Some(segment) = self.state.segments.get(segment as usize) else {
            return Vec::new();
        };
        segment.document_docids.row(ordinal).collect()
    }

    fn max_docids_per_document(&self) -> usize {
        self.state
            .segments
            .iter()
            .map(|segment| segment.max_docids_per_document)
            .max()
            .unwrap_or(1)
    }
}
