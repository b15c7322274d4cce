//! From prepared documents to the sections of a segment.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::opened::{Segment, SegmentCounts};
use super::params::IndexParams;
use crate::columns::{
    Csr, CsrBuilder, MemorySections, SectionSource, SignListsBuilder, StringsBuilder, VectorRows,
};
use crate::docs::{CutDocument, DocumentTableBuilder, PassageTable, PassageTableBuilder};
use crate::format::SectionInput;
use crate::lexicon::{CountedTexts, TextWords, lexicon_of};
use crate::store::Section;
use crate::trie::{HeadBuilder, HeadSections, SegmentTrie, TokenWidth, TrieBuilder, sections};
use crate::vectors::to_f16_bytes;
use crate::{Error, Result};

/// A docid with the tokens it is decoded by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Docid {
    pub(crate) text: String,
    pub(crate) tokens: Vec<u32>,
}

/// The documents of a new segment, ready to be laid out.
#[derive(Debug, Default)]
pub(crate) struct PreparedDocuments<'d> {
    pub(crate) documents: Vec<CutDocument<'d>>,
    /// By passage: its words ([`counted_texts`]).
    pub(crate) words: CountedTexts,
    /// By passage.
    pub(crate) docids: Vec<Vec<Docid>>,
    /// `[passages, dim]` unit vectors.
    pub(crate) vectors: Vec<f32>,
    /// By passage: vectors of their tokens, where the index keeps them.
    pub(crate) token_vectors: Option<SignListsBuilder>,
}

/// A segment that has not been written yet, readable as if it were.
pub(crate) struct NewSegment {
    pub(crate) body: MemorySections,
    pub(crate) heads: MemorySections,
    pub(crate) counts: SegmentCounts,
    pub(crate) segment: Segment,
}

/// Lays out a segment with an untrained head.
pub(crate) fn build_segment(
    prepared: PreparedDocuments<'_>,
    params: &IndexParams,
) -> Result<NewSegment> {
    let document_count = u32::try_from(prepared.documents.len())
        .ok()
        .filter(|&count| count < u32::MAX - 1)
        .ok_or_else(|| {
            Error::limit("a segment holds at most 4,294,967,294 documents: commit more often")
        })?;
    let width = TokenWidth::from_bytes_per_token(params.tokenizer.token_width_bytes)?;
    let (tables, (docids, lexicon)) = rayon::join(
        || tables_of(&prepared.documents, params),
        || {
            rayon::join(
                || Docids::new(&prepared.docids, width),
                || lexicon_of(&prepared.words, params.lexicon.analyser()),
            )
        },
    );
    let (documents, passages) = tables?;
    Layout {
        document_count,
        passages,
        docids: docids?,
        vectors: to_f16_bytes(&prepared.vectors),
        token_vectors: prepared.token_vectors,
        documents,
        lexicon: lexicon?,
    }
    .into_segment(None, params)
}

/// Documents and their passages, packed.
fn tables_of(
    documents: &[CutDocument<'_>],
    params: &IndexParams,
) -> Result<(DocumentTableBuilder, PassageTableBuilder)> {
    let mut table = DocumentTableBuilder::with_fields(&params.fields);
    let mut passages = PassageTableBuilder::default();
    for cut in documents {
        table.push(cut.document)?;
        passages.push(&cut.passages)?;
    }
    Ok((table, passages))
}

/// Documents whose words are counted at once, on all cores.
const CHUNK_DOCUMENTS: usize = 1024;

/// The words of documents, by passage.
pub(crate) fn counted_texts(documents: &[CutDocument<'_>]) -> CountedTexts {
    let mut texts = CountedTexts::default();
    let words_of = |cut: &CutDocument<'_>| -> Vec<TextWords> {
        let parts = cut.counted_parts();
        let words = parts.map(|part| TextWords::of(&part.title, &part.text));
        words.collect()
    };
    let mut counted: Vec<Vec<TextWords>> = Vec::new();
    for chunk in documents.chunks(CHUNK_DOCUMENTS) {
        let (_, next) = rayon::join(
            || counted.into_iter().flatten().for_each(|of| texts.push(of)),
            || chunk.par_iter().map(words_of).collect(),
        );
        counted = next;
    }
    counted.into_iter().flatten().for_each(|of| texts.push(of));
    texts
}

/// The docids of a segment, in all the ways it keeps them.
pub(crate) struct Docids {
    pub(crate) trie: TrieBuilder,
    pub(crate) postings: CsrBuilder,
    pub(crate) passage_docids: CsrBuilder,
    pub(crate) texts: StringsBuilder,
}

impl Docids {
    /// Those of passages by number. Two texts with the same tokens are one docid; the first
    /// names it.
    pub(crate) fn new(docids_of: &[Vec<Docid>], width: TokenWidth) -> Result<Self> {
        let mut by_key: BTreeMap<Vec<u8>, (&str, Vec<u32>)> = BTreeMap::new();
        let mut keys_of: Vec<Vec<Vec<u8>>> = Vec::with_capacity(docids_of.len());
        for (passage, docids) in (0u32..).zip(docids_of) {
            let mut own: Vec<Vec<u8>> = Vec::with_capacity(docids.len());
            for docid in docids {
                let key = width.key(&docid.tokens)?;
                if !own.contains(&key) {
                    by_key
                        .entry(key.clone())
                        .or_insert((&docid.text, Vec::new()))
                        .1
                        .push(passage);
                    own.push(key);
                }
            }
            keys_of.push(own);
        }
        let mut trie = TrieBuilder::default();
        let (mut postings, mut texts) = (CsrBuilder::default(), StringsBuilder::default());
        let mut rank_of: BTreeMap<&Vec<u8>, u32> = BTreeMap::new();
        for (key, (text, passages)) in &by_key {
            rank_of.insert(key, trie.push(key)?);
            postings.push_row(passages.iter().copied());
            texts.push(text);
        }
        let mut passage_docids = CsrBuilder::default();
        for own in &keys_of {
            passage_docids.push_row(own.iter().filter_map(|key| rank_of.get(key).copied()));
        }
        Ok(Docids {
            trie,
            postings,
            passage_docids,
            texts,
        })
    }

    /// The four sections, of a segment of `passages`.
    pub(crate) fn into_sections(self, passages: u64) -> Result<Vec<SectionInput<'static>>> {
        let docids = u64::from(self.trie.docid_count());
        Ok(vec![
            SectionInput::new(sections::TRIE, docids, self.trie.finish()?),
            SectionInput::new(sections::POSTINGS, docids, self.postings.into_bytes()?),
            SectionInput::new(
                sections::DOCUMENT_DOCIDS,
                passages,
                self.passage_docids.into_bytes()?,
            ),
            SectionInput::new(sections::DOCID_TEXTS, docids, self.texts.into_bytes()),
        ])
    }
}

/// The columns of a segment.
pub(crate) struct Layout {
    pub(crate) document_count: u32,
    pub(crate) passages: PassageTableBuilder,
    pub(crate) docids: Docids,
    /// Float16 rows.
    pub(crate) vectors: Vec<u8>,
    pub(crate) token_vectors: Option<SignListsBuilder>,
    pub(crate) documents: DocumentTableBuilder,
    pub(crate) lexicon: Vec<SectionInput<'static>>,
}

impl Layout {
    /// The segment, with an untrained head if there are no `heads` for it.
    pub(crate) fn into_segment(
        self,
        heads: Option<Vec<SectionInput<'static>>>,
        params: &IndexParams,
    ) -> Result<NewSegment> {
        let counts = SegmentCounts {
            documents: self.document_count,
            docids: self.docids.trie.docid_count(),
        };
        let passages = u64::from(self.passages.count());
        let mut body = self.docids.into_sections(passages)?;
        body.push(SectionInput::new(
            sections::DOCUMENT_VECTORS,
            passages,
            self.vectors,
        ));
        if let Some(lists) = self.token_vectors {
            let bytes = lists.into_bytes()?;
            body.push(SectionInput::new(sections::TOKEN_VECTORS, passages, bytes));
        }
        body.extend(self.documents.finish()?);
        body.extend(self.passages.finish());
        body.extend(self.lexicon);
        let body = MemorySections::taking(body)?;
        let heads = MemorySections::taking(match heads {
            Some(heads) => heads,
            None => untrained_heads(&body, counts, params)?,
        })?;
        let segment = Segment::open(&body, &heads, counts, params)?;
        Ok(NewSegment {
            body,
            heads,
            counts,
            segment,
        })
    }
}

/// The sections of the heads that a segment has before its first training.
pub(crate) fn untrained_heads(
    body: &dyn SectionSource,
    counts: SegmentCounts,
    params: &IndexParams,
) -> Result<Vec<SectionInput<'static>>> {
    let width = TokenWidth::from_bytes_per_token(params.tokenizer.token_width_bytes)?;
    let trie = SegmentTrie::open(body.section(sections::TRIE)?, width, counts.docids)?;
    let passages = PassageTable::open(body, counts.documents as usize)?.count();
    let postings = Csr::open(
        body.section(sections::POSTINGS)?,
        counts.docids as usize,
        passages,
    )?;
    let vectors: Section = body.section(sections::DOCUMENT_VECTORS)?;
    let vectors = VectorRows::open(vectors, passages as usize, params.encoder.dim)?;
    Ok(head_sections(
        HeadBuilder::untrained(&trie, &postings, &vectors)?,
        None,
    ))
}

/// The sections of a segment's heads; `document_head` is its number of rows and the float16 rows.
pub(crate) fn head_sections(
    head: HeadSections,
    document_head: Option<(u64, Vec<u8>)>,
) -> Vec<SectionInput<'static>> {
    let edges = head.edge_count as u64;
    let mut list = vec![
        SectionInput::new(sections::HEAD_NODES, head.node_count as u64, head.nodes),
        SectionInput::new(sections::HEAD_EDGES, edges, head.edges),
        SectionInput::new(sections::EDGE_VECTORS, edges, head.vectors),
    ];
    if let Some((passages, vectors)) = document_head {
        list.push(SectionInput::new(
            sections::DOCUMENT_HEAD,
            passages,
            vectors,
        ));
    }
    list
}
