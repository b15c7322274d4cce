//! The document table of one segment: external ids and payloads by ordinal.

use serde::{Deserialize, Serialize};
use zerocopy::IntoBytes;
use zerocopy::little_endian::U32;

use super::fields::Fields;
use super::payload::{MAX_PAYLOAD_LEN_BYTES, PayloadBuilder, Payloads};
use super::tags::{TagTable, TagTableBuilder};
use super::typed::{FieldColumn, FieldTable, FieldTableBuilder, FieldTypes};
use super::{Document, sections};
use crate::columns::{SectionSource, Strings, StringsBuilder};
use crate::format::SectionInput;
use crate::store::Section;
use crate::{Error, Result};

/// What a payload holds: a JSON object, keys without content left out. It says its document's id
/// too, so that the payloads alone are all of the documents. One type for writing and reading, and
/// neither depends on how fields are nested: what is written can be read.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Payload {
    id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    title: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    fields: Fields,
}

/// The most that JSON makes of a byte of text: `\u001b`.
const ESCAPED_LEN_BYTES: usize = 6;

/// Checks that the payload of a document is not too long.
pub(super) fn payload_fits(document: &Document) -> Result<()> {
    let fields = document.fields.iter().chain(document.extra.iter());
    let fields = fields.map(|(name, json)| name.len() + json.len() + 4);
    let tags = document.tags.iter().map(|tag| tag.len() + 3);
    let plain: usize = document.id.len()
        + document.title.len()
        + document.text.len()
        + fields.chain(tags).sum::<usize>();
    // What is far below the limit need not be written out to be counted.
    if plain < MAX_PAYLOAD_LEN_BYTES / ESCAPED_LEN_BYTES - 64 {
        return Ok(());
    }
    match payload_of(document)?.len() {
        len if len > MAX_PAYLOAD_LEN_BYTES => Err(Error::limit(format!(
            "the document has {len} bytes; the limit is {MAX_PAYLOAD_LEN_BYTES}: split it"
        ))),
        _ => Ok(()),
    }
}

fn payload_of(document: &Document) -> Result<Vec<u8>> {
    let payload = Payload {
        id: document.id.clone(),
        title: document.title.clone(),
        text: document.text.clone(),
        tags: document.tags.clone(),
        fields: document.kept(),
    };
    serde_json::to_vec(&payload)
        .map_err(|error| Error::invalid(format!("document {:?}: {error}", document.id)))
}

impl Payload {
    pub(super) fn from_json(bytes: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(bytes)
    }

    /// The document under the id it gives itself.
    pub(super) fn into_document(self) -> Document {
        let mut document = Document::new(self.id).title(self.title).text(self.text);
        document.tags = self.tags;
        document.keeping(self.fields)
    }
}

/// The documents of one segment, read in place.
#[derive(Debug, Clone)]
pub struct DocumentTable {
    ids: Strings,
    order: Section,
    payloads: Payloads,
    tags: Option<TagTable>,
    fields: Option<FieldTable>,
}

impl DocumentTable {
    /// Reads the table of `document_count` documents.
    ///
    /// # Errors
    ///
    /// `Corrupt` when a section is missing, damaged, or does not fit the others;
    /// `UnsupportedVersion` when its encoding is not known; `Io` when it cannot be read.
    pub fn open(source: &dyn SectionSource, document_count: usize) -> Result<Self> {
        let ids = Strings::open(source.section(sections::EXTERNAL_IDS)?, document_count)?;
        let order = source.section(sections::EXTERNAL_ID_ORDER)?;
        let ordinals: &[U32] = order.as_slice_of()?;
        let known = |ordinal: &U32| (ordinal.get() as usize) < document_count;
        if ordinals.len() != document_count
            || !ordinals.iter().all(known)
            || !ordinals.is_sorted_by(|a, b| ids.row(a.get()) < ids.row(b.get()))
        {
            return Err(order.damaged("the external ids are not in order"));
        }
        let payloads = Payloads::open(
            source.section(sections::PAYLOAD_INDEX)?,
            source.section(sections::PAYLOAD_BLOCKS)?,
            source.lazy(sections::PAYLOADS)?,
            document_count,
        )?;
        Ok(DocumentTable {
            ids,
            order,
            payloads,
            tags: TagTable::open(source, document_count as u32)?,
            fields: FieldTable::open(source, document_count as u32)?,
        })
    }

    /// The same; one flipped bit of the texts is put right on the way.
    pub(crate) fn mending_bits(self) -> Self {
        DocumentTable {
            payloads: self.payloads.mending_bits(),
            ..self
        }
    }

    /// External id of a document; empty when there is none with that ordinal.
    pub fn id(&self, ordinal: u32) -> &str {
        self.ids.row(ordinal)
    }

    /// Ordinal of the document with an external id.
    pub fn find(&self, id: &str) -> Option<u32> {
        let ordinals: &[U32] = self.order.as_slice_of().ok()?;
        let index = ordinals
            .binary_search_by(|ordinal| self.id(ordinal.get()).cmp(id))
            .ok()?;
        ordinals.get(index).map(|ordinal| ordinal.get())
    }

    /// The document as it was added (its docids are in the trie).
    ///
    /// # Errors
    ///
    /// `Corrupt` when its payload is damaged, `UnsupportedVersion` when it is packed in a way that
    /// is not known, `Io` when it cannot be read.
    pub fn document(&self, ordinal: u32) -> Result<Document> {
        self.unpack(ordinal, &self.payloads.read(ordinal)?)
    }

    /// Calls `each` with every document for which `is_wanted` holds, in order.
    ///
    /// # Errors
    ///
    /// What `each` gives; for a document that cannot be read `Corrupt`, `UnsupportedVersion` or
    /// `Io`, as [`DocumentTable::document`] has it.
    pub fn for_each(
        &self,
        is_wanted: impl Fn(u32) -> bool,
        mut each: impl FnMut(u32, Document) -> Result<()>,
    ) -> Result<()> {
        self.try_each(is_wanted, |ordinal, document| each(ordinal, document?))
    }

    /// The same, and `each` is told which cannot be read.
    pub(crate) fn try_each(
        &self,
        is_wanted: impl Fn(u32) -> bool,
        mut each: impl FnMut(u32, Result<Document>) -> Result<()>,
    ) -> Result<()> {
        self.payloads.for_each(is_wanted, |ordinal, payload| {
            let document = payload.and_then(|payload| self.unpack(ordinal, payload));
            each(ordinal, document)
        })
    }

    /// Of the documents for which `is_wanted` holds, those whose payload is damaged, and why.
    ///
    /// # Errors
    ///
    /// `Corrupt` when the index of the payloads is damaged.
    pub fn damaged(&self, is_wanted: impl Fn(u32) -> bool) -> Result<Vec<(u32, Error)>> {
        let mut damaged = Vec::new();
        self.try_each(is_wanted, |ordinal, document| {
            if let Err(error) = document {
                damaged.push((ordinal, error));
            }
            Ok(())
        })?;
        Ok(damaged)
    }

    /// Ordinals of the documents that carry `tag`, ascending.
    pub fn tagged(&self, tag: &str) -> impl Iterator<Item = u32> {
        self.tags.iter().flat_map(|tags| tags.documents(tag))
    }

    /// Names and columns of its fields, in the order of the names.
    pub fn columns(&self) -> impl Iterator<Item = (&str, FieldColumn<'_>)> {
        self.fields.iter().flat_map(FieldTable::columns)
    }

    /// The column of a field; `None` where no document here has a value.
    pub fn column(&self, field: &str) -> Option<FieldColumn<'_>> {
        self.fields.as_ref()?.column(field)
    }

    fn unpack(&self, ordinal: u32, payload: &[u8]) -> Result<Document> {
        let payload = Payload::from_json(payload).map_err(|error| {
            self.payloads.damaged(format_args!(
                "the payload of document {ordinal} is not readable: {error}"
            ))
        })?;
        let mut document = payload.into_document();
        document.id = self.id(ordinal).to_owned();
        Ok(document)
    }
}

/// Builds what [`DocumentTable`] reads.
#[derive(Debug, Default)]
pub struct DocumentTableBuilder {
    ids: Vec<String>,
    payloads: PayloadBuilder,
    tags: TagTableBuilder,
    types: FieldTypes,
    fields: FieldTableBuilder,
}

impl DocumentTableBuilder {
    /// With columns for the fields of `types`; without it there are none but those of other tables.
    pub fn with_fields(types: &FieldTypes) -> Self {
        DocumentTableBuilder {
            types: types.clone(),
            ..DocumentTableBuilder::default()
        }
    }

    /// Appends the next document. External ids must be distinct.
    ///
    /// # Errors
    ///
    /// `Limit` when its payload is larger than 2 GiB; `InvalidInput` when it cannot be written as
    /// JSON; `Io` when compressing fails.
    pub fn push(&mut self, document: &Document) -> Result<()> {
        self.payloads.push(&payload_of(document)?)?;
        let ordinal = self.ids.len() as u32;
        for tag in &document.tags {
            self.tags.push(tag, ordinal);
        }
        if !self.types.is_empty() {
            self.fields.push(document, &self.types, ordinal);
        }
        self.ids.push(document.id.clone());
        Ok(())
    }

    /// Appends the documents of another table for which `is_kept` holds, in order, without
    /// reading what their payloads say.
    ///
    /// # Errors
    ///
    /// `Corrupt` when a payload is damaged, `UnsupportedVersion` when it is packed in a way that is
    /// not known, `Io` when it cannot be read or compressed.
    pub fn push_table(
        &mut self,
        table: &DocumentTable,
        is_kept: impl Fn(u32) -> bool,
    ) -> Result<()> {
        let mut new_ordinals = vec![None; table.ids.row_count()];
        table.payloads.for_each(is_kept, |ordinal, payload| {
            if let Some(slot) = new_ordinals.get_mut(ordinal as usize) {
                *slot = Some(self.ids.len() as u32);
            }
            self.payloads.push(payload?)?;
            self.ids.push(table.id(ordinal).to_owned());
            Ok(())
        })?;
        for (tag, ordinals) in table.tags.iter().flat_map(TagTable::iter) {
            for ordinal in ordinals {
                if let Some(Some(new)) = new_ordinals.get(ordinal as usize) {
                    self.tags.push(tag, *new);
                }
            }
        }
        if let Some(fields) = &table.fields {
            let new = |ordinal: u32| *new_ordinals.get(ordinal as usize)?;
            self.fields.push_table(fields, new)?;
        }
        Ok(())
    }

    /// The sections, in file order.
    ///
    /// # Errors
    ///
    /// `Limit` when the tags or the values of fields of all documents together are more than
    /// 2^32 - 1, `Io` when compressing fails.
    pub fn finish(self) -> Result<Vec<SectionInput<'static>>> {
        let mut order: Vec<u32> = (0..self.ids.len() as u32).collect();
        order.sort_by(|&a, &b| self.ids[a as usize].cmp(&self.ids[b as usize]));
        let order: Vec<U32> = order.into_iter().map(U32::new).collect();
        let payloads = self.payloads.finish()?;
        let count = self.ids.len() as u64;
        let ids = StringsBuilder::from_iter(self.ids.iter().map(String::as_str)).into_bytes();
        let mut list = vec![
            SectionInput::new(sections::EXTERNAL_IDS, count, ids),
            SectionInput::new(
                sections::EXTERNAL_ID_ORDER,
                count,
                order.as_bytes().to_vec(),
            ),
            SectionInput::new(sections::PAYLOAD_INDEX, count, payloads.index),
            SectionInput::new(sections::PAYLOAD_BLOCKS, count, payloads.blocks),
            SectionInput::new(sections::PAYLOADS, count, payloads.bytes),
        ];
        list.extend(self.tags.finish()?);
        list.extend(self.fields.finish()?);
        Ok(list)
    }
}
