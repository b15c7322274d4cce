//! The documents of a segment, read around damage.
//!
//! ```text
//!   PAYLOADS   the texts, titles, tags, fields and ids: all there is of a document
//!   others     where in PAYLOADS a document is, its id again, the ids in order, the tags again
//! ```
//!
//! So what is damaged of the others is made anew, and a damaged block of PAYLOADS costs the
//! documents in it, unless one flipped bit is all that is wrong with it. Files of before payloads
//! gave their ids have them in EXTERNAL_IDS only.

use std::collections::HashSet;

use super::payload::{Payloads, for_each_block_in};
use super::table::Payload;
use super::{Document, sections};
use crate::Result;
use crate::columns::{SectionSource, Strings};
use crate::format::{SectionInput, SectionKind};
use crate::store::{Extent, Section};

/// What is left of the documents of a segment.
#[derive(Debug, Default)]
pub(crate) struct Salvaged {
    /// By ordinal, `None` where a document is lost; or, where ordinals are not known, what was
    /// found, in the order it was stored.
    pub(crate) documents: Vec<Option<Document>>,
    /// Whether the positions in `documents` are the ordinals.
    pub(crate) has_ordinals: bool,
    /// Documents whose ids come from damaged bytes, or were lost and replaced.
    pub(crate) doubtful_ids: usize,
}

/// Reads the documents of a segment of `document_count`, some of whose sections are damaged. A
/// document without an id gets one that begins with `stand_in`.
pub(crate) fn salvage(extent: &Extent, document_count: u32, stand_in: &str) -> Salvaged {
    let count = document_count as usize;
    let mut salvaged = by_tables(extent, count).unwrap_or_else(|_| by_blocks(extent, count));
    name(&mut salvaged, Some(extent), stand_in);
    salvaged
}

/// The documents of all payload blocks that are whole somewhere in `bytes`, in order.
pub(crate) fn salvage_bytes(bytes: &[u8], stand_in: &str) -> Salvaged {
    let mut salvaged = Salvaged {
        documents: documents_in(bytes).into_iter().map(Some).collect(),
        ..Salvaged::default()
    };
    name(&mut salvaged, None, stand_in);
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
        doubtful_ids: 0,
    })
}

/// Where they are not: a block is payloads, one after the other.
fn by_blocks(extent: &Extent, count: usize) -> Salvaged {
    let bytes = unverified(extent, sections::PAYLOADS).unwrap_or_default();
    let documents = documents_in(&bytes);
    Salvaged {
        has_ordinals: documents.len() == count,
        documents: documents.into_iter().map(Some).collect(),
        doubtful_ids: 0,
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

/// Gives the documents without an id the one that is stored beside, or a new one.
fn name(salvaged: &mut Salvaged, extent: Option<&Extent>, stand_in: &str) {
    let beside = extent
        .filter(|_| salvaged.has_ordinals)
        .and_then(|extent| ids_beside(extent, salvaged.documents.len()));
    let mut given = HashSet::new();
    for (ordinal, document) in (0u32..).zip(&mut salvaged.documents) {
        let Some(document) = document else {
            continue;
        };
        if document.id.is_empty()
            && let Some((ids, are_verified)) = &beside
        {
            document.id = ids.row(ordinal).to_owned();
            salvaged.doubtful_ids += usize::from(!are_verified);
        }
        if document.check_id().is_err() || given.contains(&document.id) {
            document.id = format!("{stand_in}{ordinal}");
            salvaged.doubtful_ids += 1;
        }
        given.insert(document.id.clone());
    }
}

/// The ids that are stored beside the payloads, and whether their checksum holds.
fn ids_beside(extent: &Extent, rows: usize) -> Option<(Strings, bool)> {
    let kind = sections::EXTERNAL_IDS;
    if let Ok(Some(section)) = SectionSource::find(extent, kind)
        && let Ok(ids) = Strings::open(section, rows)
    {
        return Some((ids, true));
    }
    let bytes = unverified(extent, kind).ok()?;
    let section = Section::from_input(&SectionInput::new(kind, rows as u64, bytes)).ok()?;
    Some((Strings::open(section, rows).ok()?, false))
}

fn unverified(extent: &Extent, kind: SectionKind) -> Result<Vec<u8>> {
    let info = extent.sections().find(|info| info.kind == kind);
    let len_bytes = info.map_or(0, |info| info.len_bytes);
    extent.unverified_range(kind, 0..len_bytes)
}
