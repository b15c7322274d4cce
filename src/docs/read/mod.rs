//! Documents from files of somebody else's making.
//!
//! ```text
//! paths ─► sources ─┬─► lines (gunzipped) ─► a document per line ──┐
//!                   └─► folder ─► a document per text file ────────┴─► reader ─► documents
//! ```
//!
//! A document that cannot be used is an error or left out, as the caller wishes, and named by file
//! and line either way.

mod duplicates;
mod folder;
mod gzip;
pub(crate) mod lines;
mod reader;
mod sources;

pub use duplicates::OnDuplicate;
pub use folder::TEXT_EXTENSIONS;
pub use lines::MAX_LINE_BYTES;
pub use reader::{DocumentReader, ReadOptions, ReadProgress, Skipped};
