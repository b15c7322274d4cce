//! The sections this build knows. A file with another one that is not marked optional was
//! written by a newer version and must not be read as if it were not there.
use super::query_table;
use crate::Result;
use crate::docs::sections as docs;
use crate::format::{ExtentKind, ExtentRef, SectionKind};
use crate::lexicon::sections as lexicon;
use crate::store::{Extent, Snapshot};
use crate::trie::sections as trie;

const SEGMENT: [SectionKind; 16] = [
    trie::TRIE,
    trie::POSTINGS,
    trie::DOCUMENT_DOCIDS,
    trie::DOCID_TEXTS,
    trie::DOCUMENT_VECTORS,
    trie::TOKEN_VECTORS,
    docs::EXTERNAL_IDS,
    docs::EXTERNAL_ID_ORDER,
    docs::PAYLOAD_INDEX,
    docs::PAYLOAD_BLOCKS,
    docs::PAYLOADS,
    docs::TAG_NAMES,
    docs::TAG_DOCUMENTS,
    lexicon::TERMS,
    lexicon::TERM_POSTINGS,
    lexicon::DOCUMENT_LENGTHS,
];

const HEADS: [SectionKind; 4] = [
    trie::HEAD_NODES,
    trie::HEAD_EDGES,
    trie::EDGE_VECTORS,
    trie::DOCUMENT_HEAD,
];

const TOMBSTONES: [SectionKind; 1] = [docs::TOMBSTONES];

const PSEUDO_QUERIES: [SectionKind; 4] = [
    query_table::QUERY_WRITERS,
    query_table::QUERY_TEXTS,
    query_table::DOCUMENT_QUERIES,
    query_table::DOCUMENT_WRITERS,
];

/// Opens an extent of `kind` whose sections this build knows or may ignore.
///
/// # Errors
/// `Corrupt` when another kind is in its place, `UnsupportedVersion` for an unknown section, and
/// those of [`Snapshot::extent`].
pub(crate) fn open(stored: &Snapshot, reference: &ExtentRef, kind: ExtentKind) -> Result<Extent> {
    let extent = stored.extent(reference)?;
    extent.expect_kind(kind)?;
    extent.expect_sections(match kind {
        ExtentKind::Segment => &SEGMENT,
        ExtentKind::Heads => &HEADS,
        ExtentKind::Tombstones => &TOMBSTONES,
        ExtentKind::PseudoQueries => &PSEUDO_QUERIES,
        _ => &[],
    })?;
    Ok(extent)
}
