//! From prepared documents to the sections of a segment.

use std::collections::BTreeMap;

use super::params::IndexParams;
use super::segment::{Segment, SegmentCounts};
use crate::columns::{CsrBuilder, MemorySections, StringsBuilder, VectorRows};
use crate::docs::{Document, DocumentTableBuilder};
use crate::format::SectionInput;
use crate::store::Section;
use crate::trie::{HeadBuilder, HeadSections, SegmentTrie, TokenWidth, build_trie, sections};
use crate::vectors::to_f16_bytes;
use crate::{Error, Result};

/// A docid with the tokens it is decoded by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Docid {
    pub(crate) text: String,
    pub(crate) tokens: Vec<u32>,
}

/// The documents of a new segment, ready to be laid out; all three lists are parallel.
#[derive(Debug, Default)]
pub(crate) struct PreparedDocuments {
    pub(crate) documents: Vec<Document>,
    pub(crate) docids: Vec<Vec<Docid>>,
    /// `[documents, dim]` unit passage vectors.
    pub(crate) vectors: Vec<f32>,
}

/// A segment that has not been written yet, readable as if it were.
pub(crate) struct NewSegment {
    pub(crate) body: Vec<SectionInput<'static>>,
    pub(crate) heads: Vec<SectionInput<'static>>,
    pub(crate) counts: SegmentCounts,
    /// Docids that more than one document carries.
    pub(crate) colliding_docids: usize,
    pub(crate) segment: Segment,
}

/// Lays out a segment with an untrained head.
pub(crate) fn build_segment(
    prepared: &PreparedDocuments,
    params: &IndexParams,
) -> Result<NewSegment> {
    let document_count = u32::try_from(prepared.documents.len())
        .ok()
        .filter(|&count| count < u32::MAX - 1)
        .ok_or_else(|| {
            Error::limit("a segment holds at most 4,294,967,294 documents: commit more often")
        })?;
    let width = TokenWidth::from_bytes_per_token(params.tokenizer.token_width_bytes)?;

    // Key -> (text, documents). Two texts with the same tokens are one docid; the first names it.
    let mut by_key: BTreeMap<Vec<u8>, (&str, Vec<u32>)> = BTreeMap::new();
    let mut keys_of: Vec<Vec<Vec<u8>>> = Vec::with_capacity(prepared.documents.len());
    for (ordinal, docids) in (0u32..).zip(&prepared.docids) {
        let mut own: Vec<Vec<u8>> = Vec::with_capacity(docids.len());
        for docid in docids {
            let key = width.key(&docid.tokens)?;
            if !own.contains(&key) {
                by_key
                    .entry(key.clone())
                    .or_insert((&docid.text, Vec::new()))
                    .1
                    .push(ordinal);
                own.push(key);
            }
        }
        keys_of.push(own);
    }
    let trie_bytes = build_trie(by_key.keys())?;
    let docid_count = by_key.len() as u32;

    let mut postings = CsrBuilder::default();
    let mut texts = StringsBuilder::default();
    for (text, ordinals) in by_key.values() {
        postings.push_row(ordinals.iter().copied());
        texts.push(text);
    }
    let rank_of: BTreeMap<&Vec<u8>, u32> = by_key.keys().zip(0..).collect();
    let mut document_docids = CsrBuilder::default();
    for own in &keys_of {
        document_docids.push_row(own.iter().filter_map(|key| rank_of.get(key).copied()));
    }
    let mut table = DocumentTableBuilder::default();
    for document in &prepared.documents {
        table.push(document)?;
    }

    let (documents, docids) = (u64::from(document_count), u64::from(docid_count));
    let mut body = vec![
        SectionInput::new(sections::TRIE, docids, trie_bytes),
        SectionInput::new(sections::POSTINGS, docids, postings.into_bytes()),
        SectionInput::new(
            sections::DOCUMENT_DOCIDS,
            documents,
            document_docids.into_bytes(),
        ),
        SectionInput::new(sections::DOCID_TEXTS, docids, texts.into_bytes()),
        SectionInput::new(
            sections::DOCUMENT_VECTORS,
            documents,
            to_f16_bytes(&prepared.vectors),
        ),
    ];
    body.extend(table.finish()?);

    let counts = SegmentCounts {
        documents: document_count,
        docids: docid_count,
    };
    let source = MemorySections::new(&body)?;
    let heads = untrained_heads(&source, counts, params)?;
    let segment = Segment::open(&source, &MemorySections::new(&heads)?, counts, params)?;
    let colliding_docids = by_key
        .values()
        .filter(|(_, ordinals)| ordinals.len() > 1)
        .count();
    Ok(NewSegment {
        body,
        heads,
        counts,
        colliding_docids,
        segment,
    })
}

fn untrained_heads(
    body: &MemorySections,
    counts: SegmentCounts,
    params: &IndexParams,
) -> Result<Vec<SectionInput<'static>>> {
    use crate::columns::{Csr, SectionSource};
    let width = TokenWidth::from_bytes_per_token(params.tokenizer.token_width_bytes)?;
    let trie = SegmentTrie::open(body.section(sections::TRIE)?, width, counts.docids)?;
    let postings = Csr::open(
        body.section(sections::POSTINGS)?,
        counts.docids as usize,
        counts.documents,
    )?;
    let vectors: Section = body.section(sections::DOCUMENT_VECTORS)?;
    let vectors = VectorRows::open(vectors, counts.documents as usize, params.encoder.dim)?;
    Ok(head_sections(
        HeadBuilder::untrained(&trie, &postings, &vectors)?,
        None,
    ))
}

/// The sections of a segment's heads; `document_head` is `[documents, dim]`.
pub(crate) fn head_sections(
    head: HeadSections,
    document_head: Option<(u64, Vec<f32>)>,
) -> Vec<SectionInput<'static>> {
    let edges = head.edge_count as u64;
    let mut list = vec![
        SectionInput::new(sections::HEAD_NODES, head.node_count as u64, head.nodes),
        SectionInput::new(sections::HEAD_EDGES, edges, head.edges),
        SectionInput::new(sections::EDGE_VECTORS, edges, head.vectors),
    ];
    if let Some((documents, vectors)) = document_head {
        list.push(SectionInput::new(
            sections::DOCUMENT_HEAD,
            documents,
            to_f16_bytes(&vectors),
        ));
    }
    list
}
