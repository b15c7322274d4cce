//! The documents of a segment, read around damage.
//!
//! ```text
//!   PAYLOADS   the texts, titles, tags, fields and ids: all there is of a document
//!   others     where in PAYLOADS a document is, its id again, the ids in order, the tags again
//! ```
//!
//! So what is damaged of the others is made anew, and a damaged block of PAYLOADS costs the
//! documents in it, unless one flipped bit is all that is wrong with it.

use std::collections::HashSet;

use super::payload::{Payloads, for_each_block_in};
use super::table::Payload;
use super::{Document, sections};
use crate::Result;
use crate::columns::SectionSource;
use crate::format::SectionKind;
use crate::store::Extent;

/// What is left of the documents of a segment.
#[derive(Debug, Default)]
pub(crate) struct Salvaged {
    /// By ordinal, `None` where a document is lost; or, where ordinals are not known, what was
    /// found, in the order it was stored.
    pub(crate) documents: Vec<Option<Document>>,
    /// Whether the positions in `documents` are the ordinals.
    pub(crate) has_ordinals: bool,
    /// Documents whose ids could not be, or were those of others, and were replaced.
    pub(crate) made_up_ids: usize,
}

/// Reads the documents of a segment of `document_count`, some of whose sections are damaged. A
/// document whose id cannot be gets one that begins with `stand_in`.
pub(crate) fn salvage(extent: &Extent, document_count: u32, stand_in: &str) -> Salvaged {
    let count = document_count as usize;
    let mut salvaged = by_tables(extent, count).unwrap_or_else(|_| by_blocks(extent, count));
    name(&mut salvaged, stand_in);
    salvaged
}

/// The documents of all payload blocks that are whole somewhere in `bytes`, in order.
pub(crate) fn salvage_bytes(bytes: &[u8], stand_in: &str) -> Salvaged {
    let mut salvaged = Salvaged {
        documents: documents_in(bytes).into_iter().map(Some).collect(),
        ..Salvaged::default()
    };
    name(&mut salvaged, stand_in);
    salvaged
}

/// Where the tables of the payloads are whole.
fn by_tables(extent: &Extent, count: usize) -> Result<Salvaged> {
    let source: &dyn SectionSource = extent;
    let payloads = Payloads::open(
        source.section(sections::PAYLOAD_INDEX)?,
        source.section(sections::PAYLOAD_BLOCKS)?,
        source.lazy(sections::PAYLOADS)?,
        count,
    )?;
    let mut documents = Vec::with_capacity(count);
    payloads.mending_bits().for_each(
        |_| true,
        |_, payload| {
            let payload = payload.ok().and_then(|one| Payload::from_json(one).ok());
            documents.push(payload.map(Payload::into_document));
            Ok(())
        },
    )?;
    Ok(Salvaged {
        documents,
        has_ordinals: true,
        made_up_ids: 0,
    })
}

/// Where they are not: a block is payloads, one after the other.
fn by_blocks(extent: &Extent, count: usize) -> Salvaged {
    let bytes = unverified(extent, sections::PAYLOADS).unwrap_or_default();
    let documents = documents_in(&bytes);
    Salvaged {
        has_ordinals: documents.len() == count,
        documents: documents.into_iter().map(Some).collect(),
        made_up_ids: 0,
    }
}

fn documents_in(bytes: &[u8]) -> Vec<Document> {
    let mut documents = Vec::new();
    for_each_block_in(bytes, |block| {
        let payloads = serde_json::Deserializer::from_slice(block).into_iter::<Payload>();
        documents.extend(payloads.map_while(|payload| Some(payload.ok()?.into_document())));
    });
    documents
}

/// Gives the documents whose ids cannot be, or are taken, new ones.
fn name(salvaged: &mut Salvaged, stand_in: &str) {
    let mut given = HashSet::new();
    for (ordinal, document) in salvaged.documents.iter_mut().enumerate() {
        let Some(document) = document else {
            continue;
        };
        if document.check_id().is_err() || given.contains(&document.id) {
            document.id = format!("{stand_in}{ordinal}");
            salvaged.made_up_ids += 1;
        }
        given.insert(document.id.clone());
    }
}

fn unverified(extent: &Extent, kind: SectionKind) -> Result<Vec<u8>> {
    let info = extent.sections().find(|info| info.kind == kind);
    let len_bytes = info.map_or(0, |info| info.len_bytes);
    extent.unverified_range(kind, 0..len_bytes)
}
