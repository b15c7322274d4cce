//! zerogr: the SQLite of generative retrieval.

pub mod docs;
mod encode;
mod error;
pub mod eval;
pub mod format;
pub mod generate;
#[cfg(feature = "models")]
pub mod model;
pub mod store;
pub mod trie;

pub use encode::TextEncoder;
pub use error::{Error, ErrorKind, Result};
