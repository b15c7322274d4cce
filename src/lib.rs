//! zerogr: the SQLite of generative retrieval.

pub mod decode;
pub mod docs;
mod error;
pub mod eval;
pub mod format;
pub mod generate;
#[cfg(feature = "models")]
pub mod model;
pub mod store;
pub mod trie;
mod vectors;

pub use error::{Error, ErrorKind, Result};
