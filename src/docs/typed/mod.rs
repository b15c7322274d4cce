//! Fields: values of documents by name and type, to filter, count and sort by.
//!
//! ```text
//!   Document::fields ── scalars ──► names and values ── types of the index ──► columns of a segment
//!      JSON, as it came               author.name: "Ada"                         FieldTable
//! ```
//!
//! - I1. A field has one type in an index, that of its first value; what is not of the type is
//!   refused, or kept with its document and in no column.
//! - I2. Columns say what the documents say: they can be made again from those and the types.

mod field_table;
mod field_types;
mod scalars;

pub use field_table::{FieldColumn, FieldTable, FieldTableBuilder};
pub use field_types::{FieldTypes, MAX_FIELDS};
pub use scalars::MAX_FIELD_NAME_BYTES;
