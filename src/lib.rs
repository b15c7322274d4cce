//! zerogr: the SQLite of generative retrieval.

#[cfg(test)]
extern crate self as zerogr;

pub mod columns;
pub mod decode;
pub mod docs;
mod encode;
mod error;
pub mod eval;
pub mod format;
pub mod generate;
pub mod index;
#[cfg(feature = "models")]
pub mod model;
mod rng;
pub mod store;
pub mod train;
pub mod trie;
mod vectors;

pub use docs::Document;
pub use encode::{DocidTokenizer, TextEncoder};
pub use error::{Error, ErrorKind, Result};
