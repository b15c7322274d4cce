//! One segment, opened: its trie, its documents, its heads, and what is alive in it.

use std::borrow::Cow;
use std::sync::Arc;

use super::edges::CompactSegment;
use super::live::LiveDocuments;
use super::params::IndexParams;
use super::query_table::Expansion;
use crate::columns::{Csr, SectionSource, SignLists, Strings, VectorRows};
use crate::decode::PassagePlace;
use crate::docs::{CutDocument, Document, DocumentTable, MAX_DOCIDS, PassageTable};
use crate::lexicon::Lexicon;
use crate::trie::{SegmentTrie, TokenWidth, TrieHead, sections, union_keys};
use crate::{Error, Result};

/// A segment as decoding and training see it.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) trie: SegmentTrie,
    pub(crate) postings: Csr,
    pub(crate) passage_docids: Csr,
    pub(crate) docid_texts: Strings,
    pub(crate) documents: DocumentTable,
    /// Which passages documents have: the rows of all that follows.
    pub(crate) passages: PassageTable,
    pub(crate) passage_vectors: VectorRows,
    /// Where the index keeps them.
    pub(crate) token_vectors: Option<SignLists>,
    pub(crate) trie_head: TrieHead,
    /// Fitted vectors; the passages' own until the first training.
    pub(crate) document_head: VectorRows,
    pub(crate) has_document_head: bool,
    pub(crate) lexicon: Lexicon,
    /// Where the words of written queries are searched, and there are some.
    pub(crate) expansion: Option<Expansion>,
    pub(crate) document_count: u32,
    pub(crate) max_docids_per_passage: usize,
    /// By ordinal, where documents are cut: terms of all their passages.
    cut_lengths: Option<Arc<[u32]>>,
    /// `None` while nothing is deleted.
    live: Option<Arc<LiveDocuments>>,
    /// Terms of the documents that are not deleted, repeated ones counted.
    live_terms: u64,
}

/// Counts the manifest gives of a segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SegmentCounts {
    pub(crate) documents: u32,
    pub(crate) docids: u32,
}

impl Segment {
    /// Opens a segment of whose sections all checksums hold.
    pub(crate) fn open(
        body: &dyn SectionSource,
        heads: &dyn SectionSource,
        counts: SegmentCounts,
        params: &IndexParams,
    ) -> Result<Self> {
        let (documents, docids) = (counts.documents as usize, counts.docids as usize);
        let passages = PassageTable::open(body, documents)?;
        let rows = passages.count() as usize;
        let dim = params.encoder.dim;
        let width = TokenWidth::from_bytes_per_token(params.tokenizer.token_width_bytes)?;
        let passage_docids = Csr::open(
            body.section(sections::DOCUMENT_DOCIDS)?,
            rows,
            counts.docids,
        )?;
        let max_docids_per_passage = passage_docids.longest_row();
        if max_docids_per_passage > MAX_DOCIDS {
            return Err(Error::corrupt(format!(
                "a passage has more than {MAX_DOCIDS} docids"
            )));
        }
        let passage_vectors =
            VectorRows::open(body.section(sections::DOCUMENT_VECTORS)?, rows, dim)?;
        let token_vectors = match params.encoder.token_vectors {
            true => {
                let section = body.section(sections::TOKEN_VECTORS)?;
                Some(SignLists::open(section, rows, dim)?)
            }
            false => None,
        };
        let document_head = heads.find(sections::DOCUMENT_HEAD)?;
        let has_document_head = document_head.is_some();
        let document_head = match document_head {
            Some(section) => VectorRows::open(section, rows, dim)?,
            None => passage_vectors.clone(),
        };
        let mut segment = Segment {
            trie: SegmentTrie::open(body.section(sections::TRIE)?, width, counts.docids)?,
            postings: Csr::open(body.section(sections::POSTINGS)?, docids, passages.count())?,
            max_docids_per_passage,
            passage_docids,
            docid_texts: Strings::open(body.section(sections::DOCID_TEXTS)?, docids)?,
            documents: DocumentTable::open(body, documents)?,
            passage_vectors,
            token_vectors,
            trie_head: TrieHead::open(
                heads.section(sections::HEAD_NODES)?,
                heads.section(sections::HEAD_EDGES)?,
                heads.section(sections::EDGE_VECTORS)?,
                dim,
            )?,
            document_head,
            has_document_head,
            lexicon: Lexicon::open(body, passages.count())?,
            expansion: None,
            cut_lengths: None,
            passages,
            document_count: counts.documents,
            live: None,
            live_terms: 0,
        };
        for (name, column) in segment.documents.columns() {
            if params.fields.get(name) != Some(column.field_type()) {
                return Err(Error::corrupt(format!(
                    "the parameters of the index do not know the field {name:?} of a segment"
                )));
            }
        }
        segment.cut_lengths = segment.passages.is_cut().then(|| segment.sum_lengths());
        segment.count_terms();
        Ok(segment)
    }

    /// Checks what opening takes on trust: see [`check_docids`].
    pub(crate) fn check(&self) -> Result<()> {
        check_docids(
            &self.trie,
            &self.postings,
            &self.passage_docids,
            self.passages.count(),
        )
    }

    /// The segment with the words of the queries that were written for its documents.
    ///
    /// # Errors
    ///
    /// Those of [`Lexicon::open`].
    pub(crate) fn with_expansion(mut self, queries: &dyn SectionSource) -> Result<Self> {
        self.expansion = Some(Expansion::open(queries, self.document_count)?);
        self.count_terms();
        Ok(self)
    }

    /// The segment with the documents of a tombstone bitmap taken out.
    pub(crate) fn with_tombstones(mut self, bitmap: &[u8]) -> Result<Self> {
        if bitmap.len() != (self.document_count as usize).div_ceil(8) {
            return Err(Error::corrupt(
                "a tombstone bitmap does not fit its segment",
            ));
        }
        let is_live = (0..self.document_count as usize)
            .map(|ordinal| {
                bitmap
                    .get(ordinal / 8)
                    .is_some_and(|byte| byte >> (ordinal % 8) & 1 == 0)
            })
            .collect();
        self.live = Some(Arc::new(LiveDocuments::new(
            is_live,
            &self.passages,
            &self.passage_docids,
            self.trie.docid_count(),
        )));
        self.count_terms();
        Ok(self)
    }

    /// Takes out the documents for which `is_dead` holds, on top of those that are out already.
    pub(crate) fn bury(&mut self, is_dead: impl Fn(u32) -> bool) {
        let is_live = (0..self.document_count)
            .map(|ordinal| self.is_live(ordinal) && !is_dead(ordinal))
            .collect();
        self.live = Some(Arc::new(LiveDocuments::new(
            is_live,
            &self.passages,
            &self.passage_docids,
            self.trie.docid_count(),
        )));
        self.count_terms();
    }

    fn count_terms(&mut self) {
        self.live_terms = (0..)
            .zip(self.lexicon.lengths())
            .filter(|&(passage, _)| self.is_live_passage(passage))
            .map(|(_, length)| u64::from(length.get()))
            .sum();
        if let Some(mut expansion) = self.expansion.take() {
            expansion.count_terms(|ordinal| self.is_live(ordinal));
            self.expansion = Some(expansion);
        }
    }

    fn sum_lengths(&self) -> Arc<[u32]> {
        let mut sums = vec![0u32; self.document_count as usize];
        for (passage, length) in (0..).zip(self.lexicon.lengths()) {
            let ordinal = self.passages.document_of(passage);
            if let Some(sum) = sums.get_mut(ordinal as usize) {
                *sum = sum.saturating_add(length.get());
            }
        }
        sums.into()
    }

    /// Terms of a document, repeated ones counted.
    pub(crate) fn length(&self, ordinal: u32) -> u32 {
        let row = ordinal as usize;
        match &self.cut_lengths {
            Some(sums) => sums.get(row).copied().unwrap_or(0),
            None => self.lexicon.lengths().get(row).map_or(0, |one| one.get()),
        }
    }

    /// Terms of the documents that are not deleted, repeated ones counted.
    pub(crate) fn live_terms(&self) -> u64 {
        self.live_terms
    }

    /// What is not deleted; `None` when nothing is.
    pub(crate) fn live(&self) -> Option<&Arc<LiveDocuments>> {
        self.live.as_ref()
    }

    pub(crate) fn is_live(&self, ordinal: u32) -> bool {
        ordinal < self.document_count
            && self.live.as_ref().is_none_or(|live| live.contains(ordinal))
    }

    pub(crate) fn is_live_passage(&self, passage: u32) -> bool {
        self.is_live(self.passages.document_of(passage))
    }

    pub(crate) fn live_count(&self) -> u32 {
        self.document_count - self.dead_count()
    }

    pub(crate) fn dead_count(&self) -> u32 {
        self.live.as_ref().map_or(0, |live| live.dead_count())
    }

    /// Ordinals of the documents that are not deleted, ascending.
    pub(crate) fn live_ordinals(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.document_count).filter(|&ordinal| self.is_live(ordinal))
    }

    pub(crate) fn live_passage_count(&self) -> u32 {
        match self.dead_count() {
            0 => self.passages.count(),
            _ => self.live_passages().count() as u32,
        }
    }

    /// Passages of the documents that are not deleted, ascending.
    pub(crate) fn live_passages(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.passages.count()).filter(|&passage| self.is_live_passage(passage))
    }

    /// Docids that more than one document carries, dead ones included.
    pub(crate) fn colliding_docids(&self) -> usize {
        let is_shared = |&rank: &u32| {
            let passages = self.postings.row(rank);
            let mut documents = passages.map(|passage| self.passages.document_of(passage));
            let first = documents.next();
            documents.any(|document| Some(document) != first)
        };
        let ranks = 0..self.trie.docid_count();
        ranks.filter(is_shared).count()
    }

    /// Ordinal of the live document with an external id.
    pub(crate) fn find(&self, id: &str) -> Option<u32> {
        self.documents
            .find(id)
            .filter(|&ordinal| self.is_live(ordinal))
    }

    /// A stored document with its passages.
    pub(crate) fn cut<'d>(&self, ordinal: u32, document: &'d Document) -> CutDocument<'d> {
        CutDocument {
            document,
            passages: self.passages.places(ordinal),
        }
    }

    /// What a passage is called where chance is drawn by name, as [`CutDocument::parts`] calls it.
    pub(crate) fn passage_name(&self, passage: u32) -> Cow<'_, str> {
        let ordinal = self.passages.document_of(passage);
        let id = self.documents.id(ordinal);
        match passage - self.passages.of(ordinal).start.min(passage) {
            0 => Cow::Borrowed(id),
            number => Cow::Owned(format!("{id}#{number}")),
        }
    }

    /// A stored document with its docids.
    pub(crate) fn document(&self, ordinal: u32) -> Result<Document> {
        Ok(self.with_docids(ordinal, self.documents.document(ordinal)?))
    }

    /// Puts its docids, which are stored in the trie, into a document: those that all its passages
    /// have. One that is cut has such docids if it brought them.
    pub(crate) fn with_docids(&self, ordinal: u32, mut document: Document) -> Document {
        let mut passages = self.passages.of(ordinal);
        let first = passages.next().unwrap_or(0);
        let is_shared = |rank: &u32| {
            let mut others = passages.clone();
            others.all(|other| self.passage_docids.row(other).any(|one| one == *rank))
        };
        let ranks = self.passage_docids.row(first).filter(is_shared);
        document.docids = ranks
            .map(|rank| self.docid_texts.row(rank).to_owned())
            .collect();
        document
    }

    /// Whether no training has seen a passage: its head is still its own vector.
    pub(crate) fn is_unfitted(&self, passage: u32) -> bool {
        let row = passage as usize;
        !self.has_document_head || self.document_head.row(row) == self.passage_vectors.row(row)
    }

    /// What the trie head's expander needs.
    pub(crate) fn compact(&self) -> CompactSegment<'_> {
        CompactSegment {
            head: &self.trie_head,
            postings: &self.postings,
            passage_vectors: &self.passage_vectors,
        }
    }
}

/// Checks that ranks and passages point at each other, that the trie's keys are the ranks in
/// order, and that no passage is without a docid.
pub(crate) fn check_docids(
    trie: &SegmentTrie,
    postings: &Csr,
    passage_docids: &Csr,
    passages: u32,
) -> Result<()> {
    let damaged = |what: &str| Err(Error::corrupt(format!("a segment is damaged: {what}")));
    let docids = trie.docid_count();
    for rank in 0..docids {
        let row = postings.row(rank);
        let has_docid = |passage| passage_docids.row(passage).any(|r| r == rank);
        if row.len() == 0 || !row.clone().is_sorted_by(|a, b| a < b) || !row.clone().all(has_docid)
        {
            return damaged("a docid does not lead to the passages that have it");
        }
    }
    for passage in 0..passages {
        let mut ranks: Vec<u32> = passage_docids.row(passage).collect();
        ranks.sort_unstable();
        if ranks.is_empty() || !ranks.is_sorted_by(|a, b| a < b) {
            return damaged("a passage has no docid, or one twice");
        }
    }
    // Every pair above is one of a passage's; as many of them as there are, are all.
    let pairs = passage_docids.value_count(0, passages);
    if postings.value_count(0, docids) != pairs {
        return damaged("a passage has a docid that does not lead to it");
    }
    let mut next_rank = 0;
    union_keys([trie], |key, places| {
        let ranks = places.iter().map(|&(_, rank)| rank);
        if !ranks.eq([next_rank]) || trie.width().tokens(key).is_err() {
            return damaged("the docids are not ranked in order");
        }
        next_rank += 1;
        Ok(())
    })
}

/// Checks that heads can be opened, and that all their numbers are some.
pub(crate) fn check_heads(source: &dyn SectionSource, rows: usize, dim: usize) -> Result<()> {
    TrieHead::open(
        source.section(sections::HEAD_NODES)?,
        source.section(sections::HEAD_EDGES)?,
        source.section(sections::EDGE_VECTORS)?,
        dim,
    )?
    .check()?;
    match source.find(sections::DOCUMENT_HEAD)? {
        Some(section) => VectorRows::open(section, rows, dim)?.check(),
        None => Ok(()),
    }
}

/// A document where it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DocumentPlace {
    /// Position of its segment.
    pub(crate) segment: u32,
    /// Its ordinal there.
    pub(crate) ordinal: u32,
}

/// The document that a passage belongs to.
pub(crate) fn document_at(segments: &[Segment], place: PassagePlace) -> DocumentPlace {
    let segment = segments.get(place.segment as usize);
    let found = segment.map(|segment| segment.passages.document_of(place.passage));
    DocumentPlace {
        segment: place.segment,
        ordinal: found.unwrap_or(place.passage),
    }
}

/// The live document with an external id.
pub(crate) fn find_document(segments: &[Segment], id: &str) -> Option<DocumentPlace> {
    (0u32..).zip(segments).find_map(|(number, segment)| {
        Some(DocumentPlace {
            segment: number,
            ordinal: segment.find(id)?,
        })
    })
}

/// The external id of a document.
pub(crate) fn id_at(segments: &[Segment], place: DocumentPlace) -> &str {
    let segment = segments.get(place.segment as usize);
    segment.map_or("", |segment| segment.documents.id(place.ordinal))
}
