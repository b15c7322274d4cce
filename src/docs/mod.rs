//! Documents: what goes in, and how a segment stores it.
//!
//! A segment numbers its documents by *ordinal*, in the order they were added. It stores for
//! each its external id (with an index sorted by id) and its payload: title, text, tags, fields.

mod document;
mod payload;
mod table;

pub use document::Document;
pub use payload::{MAX_PAYLOAD_LEN_BYTES, PayloadBuilder, Payloads};
pub use table::{DocumentTable, DocumentTableBuilder};

/// Longest external id.
pub const MAX_ID_LEN_BYTES: usize = 4096;

/// Section kinds whose bodies this layer owns (`format-spec/`, chapter "Section bodies").
pub mod sections {
    use crate::format::SectionKind;

    /// Ordinal -> external id (strings).
    pub const EXTERNAL_IDS: SectionKind = SectionKind(0x0301);
    /// Ordinals sorted by external id.
    pub const EXTERNAL_ID_ORDER: SectionKind = SectionKind(0x0302);
    /// Ordinal -> place in the payload blocks.
    pub const PAYLOAD_INDEX: SectionKind = SectionKind(0x0303);
    /// Payload blocks: where, how long, how packed.
    pub const PAYLOAD_BLOCKS: SectionKind = SectionKind(0x0304);
    /// The packed payloads.
    pub const PAYLOADS: SectionKind = SectionKind(0x0305);
    /// Bitmap of deleted ordinals.
    pub const TOMBSTONES: SectionKind = SectionKind(0x0306);
}
