//! Documents: how they are read from files, and how a segment stores them.
//!
//! [`Document`] is one document; [`DocumentReader`] yields them from JSON lines, plain or gzip,
//! from standard input, and from folders of text files.
//!
//! A segment numbers its documents by *ordinal*, in the order they were added. It stores for
//! each its external id (with an index sorted by id) and its payload: title, text, tags, fields and
//! the rest; for each tag the documents that carry it, and for each value of a field those that have
//! it ([`typed`]); and which passages of its text each document has, where it has several.

mod block_writer;
mod check;
mod cut_document;
mod document;
mod fields;
pub(crate) mod json;
mod json_document;
mod passages;
mod payload;
pub(crate) mod read;
pub(crate) mod salvage;
mod table;
mod tags;
mod typed;
mod values;

pub use check::{MAX_DOCIDS, MAX_ID_BYTES};
pub(crate) use cut_document::{CutDocument, title_of};
pub use document::Document;
pub use fields::{Fields, MAX_FIELD_NESTING};
pub use passages::{PassageTable, PassageTableBuilder};
pub use payload::{MAX_PAYLOAD_LEN_BYTES, PayloadBuilder, Payloads};
pub use read::{
    DocumentReader, FolderFile, FolderFiles, MAX_LINE_BYTES, OnDuplicate, PassedOver, ReadOptions,
    ReadProgress, Skipped, TEXT_EXTENSIONS,
};
pub use table::{DocumentTable, DocumentTableBuilder};
pub use tags::{TagTable, TagTableBuilder};
pub use typed::{
    FieldColumn, FieldTable, FieldTableBuilder, FieldTypes, MAX_FIELD_NAME_BYTES, MAX_FIELDS,
};
pub use values::{FieldType, FieldValue, MAX_KEYWORD_BYTES, Timestamp};
pub(crate) use values::{Key, Place};

/// Section kinds whose bodies this layer owns (`format-spec/`, chapter "Section bodies").
pub use crate::format::sections::docs as sections;
