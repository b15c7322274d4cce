//! Documents from files of somebody else's making.
//!
//! ```text
//! paths ─► sources ─┬─► lines (gunzipped) ─► a document per line ─────┐
//!                   ├─► folder ─► a document per text, page, program ─┼─► reader ─► documents
//!                   └─► tables ─► a document per row ─────────────────┘
//! ```
//!
//! A document that cannot be used is an error or left out, as the caller wishes, and named by file
//! and line either way.

mod duplicates;
mod file_kind;
mod folder;
mod folder_files;
mod gzip;
#[cfg(feature = "files")]
mod html;
mod ignored;
pub(crate) mod lines;
mod reader;
mod sources;
#[cfg(feature = "files")]
mod table;

pub use duplicates::OnDuplicate;
pub use file_kind::TEXT_EXTENSIONS;
pub use folder::PassedOver;
pub use folder_files::{FolderFile, FolderFiles};
pub use lines::MAX_LINE_BYTES;
pub use reader::{DocumentReader, ReadOptions, ReadProgress, Skipped};
