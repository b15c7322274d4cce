//! zerogr: the SQLite of generative retrieval.

pub mod docs;
mod error;
pub mod eval;
pub mod format;
pub mod generate;
#[cfg(feature = "models")]
pub mod model;
pub mod rng;
pub mod store;
pub mod trie;

pub use docs::Document;
pub use error::{Error, ErrorKind, Result};
