//! Documents: what goes in, and how it is read from files.
//!
//! [`Document`] is one document; [`DocumentReader`] yields them from JSON lines, plain or gzip,
//! from standard input, and from folders of text files.

mod document;
mod folder;
pub(crate) mod lines;
pub(crate) mod read;

pub use document::{Document, MAX_ID_BYTES};
pub use folder::TEXT_EXTENSIONS;
pub use lines::MAX_LINE_BYTES;
pub use read::{DocumentReader, ReadOptions, ReadProgress, Skipped};
