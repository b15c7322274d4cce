//! Documents: what goes in, and how it is read from files.

mod document;

pub use document::{Document, MAX_ID_BYTES};
