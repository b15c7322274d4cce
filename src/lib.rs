//! zerogr: the SQLite of generative retrieval. Search your own documents by meaning, offline,
//! from one index file.
//!
//! A language model answers a query by *generating the identifier (docid) of a relevant
//! document*, constrained to the docids that exist. Here the docids of an index form a trie, the
//! trie's edges have vectors that are fitted to your documents without labels, and a decoder
//! walks the most probable branches: exactly, in milliseconds, from a memory-mapped file.
//!
//! Start with [`index::Index`]:
//!
//! ```
//! # use zerogr::index::{Index, IndexOptions, SearchOptions};
//! # use zerogr::Document;
//! # fn main() -> zerogr::Result<()> {
//! # if zerogr::model::Runtime::load(None).is_err() {
//! #     eprintln!("skipped: `zerogr setup` has not been run");
//! #     return Ok(());
//! # }
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("papers.zgr");
//! let index = Index::create(&path, IndexOptions::default())?;
//! let mut writer = index.writer()?;
//! writer.add(Document::new("doc-1").title("Wing flutter").text("Thin wings may vibrate."))?;
//! writer.add(Document::new("doc-2").title("Heat transfer").text("Plates in a hot stream."))?;
//! writer.commit()?;
//!
//! let result = index.search("why do wings shake?", &SearchOptions::new().k(1))?;
//! assert_eq!(result.hits[0].id, "doc-1");
//! # Ok(())
//! # }
//! ```
//!
//! Layers, each of which knows only those below it:
//!
//! | module | job |
//! |---|---|
//! | [`index`] | the public face: create, write, train, search, check, recover |
//! | [`decode`], [`train`], [`generate`], [`eval`] | walking the trie; fitting it; docids and pseudo-queries; metrics |
//! | `convert` | language models from published files to ONNX graphs (feature `models`) |
//! | `model` | ONNX Runtime, the sentence encoder, language models (feature `models`) |
//! | [`trie`], [`docs`], [`lexicon`], [`columns`] | docid tries, documents, their words, and the columns all are stored in |
//! | [`store`] | one file: commit, open, verify |
//! | [`format`](mod@format) | bytes and structs; described for other programs in `format-spec/` |
//!
//! Features: `models` (default) runs encoders and language models on ONNX Runtime, which is found
//! at run time and never linked; `cli` (default) is the command-line program. Without them an
//! index works with a [`TextEncoder`] of your own.
//!
//! # Trust
//!
//! Indexes, corpora, model folders, tokenizers and checkpoints may come from strangers. Reading
//! them ends in an answer or an error: checksums, lengths, counts and nesting are bounded before
//! they are believed, what is not understood is refused, and only regular files are opened.
//!
//! A *model* is a program that ONNX Runtime runs, and cannot be proven harmless. So the models
//! that an index holds or names run only if this machine knows them by the hash of their content:
//! they belong to this build, an index was built with them here, they were imported here, or the
//! user said so ([`OpenOptions::trust_model`](index::OpenOptions), `--trust-model`). Otherwise
//! searching by meaning and writing are an error
//! ([`is_untrusted_model`](Error::is_untrusted_model)); reading documents, lexical search, check,
//! recover, backup and vacuum need no model. What is known is in `trusted-models` of the cache
//! folder: whoever can write there decides what runs. An encoder that the application passes is
//! its own affair.
//!
//! A server that opens indexes of strangers gives no `trust_model`, or runs their models in a
//! process with limits of memory and time; it uses [`Index::open`](index::Index::open), not the
//! map, where somebody else can write to the file.
//!
//! Nothing here fetches anything from a network, and no content of a file or of an input makes
//! it panic. [`Index::open`](index::Index::open) is safe whatever happens to the file;
//! [`Index::open_mmap`](index::Index::open_mmap) is `unsafe` because other programs can change a
//! mapped file.

#![warn(missing_docs)]

#[cfg(target_endian = "big")]
compile_error!("zerogr reads its little-endian sections in place: big-endian is not supported");

#[cfg(test)]
extern crate self as zerogr;

pub mod columns;
#[cfg(feature = "models")]
pub mod convert;
pub mod decode;
pub mod docs;
mod encode;
mod error;
pub mod eval;
pub mod format;
pub mod generate;
pub mod index;
pub mod language;
mod late_interaction;
pub mod lexicon;
mod logits;
#[cfg(feature = "models")]
pub mod model;
mod rng;
pub mod store;
pub mod train;
pub mod trie;
mod vectors;

pub use docs::Document;
pub use encode::{DocidTokenizer, TextEncoder, TokenVectors};
pub use error::{Error, ErrorKind, Result};
