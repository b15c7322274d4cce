//! zerogr: the SQLite of generative retrieval.
//!
//! A generative retriever answers a query by generating the identifier (*docid*) of a relevant
//! document, token by token, along a trie that holds only docids that exist. This crate keeps the
//! trie, the vectors that steer the generation, the documents and the sentence encoder in one
//! index file, fits it to documents that nobody has labelled, and searches it on a CPU, offline.
//!
//! | layer | modules |
//! |---|---|
//! | the public face: create, write, train, search | [`index`] |
//! | what a commit needs: docids and pseudo-queries; fitting | [`generate`], [`train`] |
//! | what a query needs: the best docids, exactly, at the least work | [`decode`] |
//! | what there is: docids and documents | [`trie`], [`docs`], [`columns`] |
//! | one file: append, commit, open, verify; its bytes | [`store`], [`mod@format`] |
//!
//! Beside them stand [`TextEncoder`], the seam to whatever makes vectors of text, `model`, which
//! implements it on ONNX Runtime, and [`eval`], which measures the quality of an index.
//!
//! ```
//! use zerogr::Document;
//! use zerogr::index::{Index, SearchOptions, TrainOptions};
//! # use zerogr::index::{EncoderSource, IndexOptions};
//! # mod hashing { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hashing/mod.rs")); }
//! # let encoder = std::sync::Arc::new(hashing::HashingEncoder { name: "words" });
//! # let options = IndexOptions::with_encoder(EncoderSource::Custom(encoder));
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("papers.zgr");
//!
//! let index = Index::create(&path, options)?; // for example IndexOptions::default()
//! let mut writer = index.writer()?;
//! writer.add(Document::new("doc-1").text("Slender wings flutter in the tunnel"))?;
//! writer.add(Document::new("doc-2").text("Heat flows through a plate"))?;
//! writer.commit()?;
//! index.train(&TrainOptions::default(), &mut |_| {})?;
//!
//! let found = index.search("when do wings flutter", &SearchOptions::new())?;
//! assert_eq!(found.hits[0].id, "doc-1");
//! # Ok::<(), zerogr::Error>(())
//! ```
//!
//! # Features
//!
//! - `models` (default): the sentence encoder on ONNX Runtime, which is loaded at run time and
//!   never linked. Without it, bring your own [`TextEncoder`].
//! - `cli` (default): the program `zerogr`. A library user can leave it out.
//!
//! # Safety
//!
//! No input may make a safe function panic or misbehave, index files included: every length and
//! offset of a file is checked, and a section is verified before its first byte is used.
//! [`Index::open`](index::Index::open) reads sections into memory and is safe.
//! [`Index::open_mmap`](index::Index::open_mmap) borrows them from the file without copying and
//! is `unsafe`: the caller promises that nobody truncates the file or changes its bytes other
//! than by appending through this crate. The maps are the only unsafe code of the library.

// Sections hold little-endian numbers and are read in place, as slices of the machine's own.
#[cfg(target_endian = "big")]
compile_error!("zerogr reads little-endian index files in place and needs such a machine");

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

/// Keeps the example of the README compiling.
#[cfg(all(doctest, feature = "models"))]
#[doc = include_str!("../README.md")]
struct Readme;
