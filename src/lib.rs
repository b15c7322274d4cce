//! zerogr: the SQLite of generative retrieval. Search your own documents by meaning, offline,
//! from one index file.
//!
//! A language model answers a query by *generating the identifier (docid) of a relevant
//! document*, constrained to the docids that exist. Here the docids of an index form a trie, the
//! trie's edges have vectors that are fitted to your documents without labels, and a decoder
//! walks the most probable branches: exactly, in milliseconds, from a memory-mapped file.
//!
//! Start with [`Index`]:
//!
//! ```
//! # use zerogr::{Index, IndexOptions, SearchOptions};
//! # use zerogr::Document;
//! # #[cfg(not(feature = "models"))]
//! # fn main() {}
//! # #[cfg(feature = "models")]
//! # fn main() -> zerogr::Result<()> {
//! # if let Err(missing) = zerogr::raw::model::Encoder::from_cache(&Default::default()) {
//! #     eprintln!("skipped: {missing}");
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
//! How it is built, and which part may use which, is in `ARCHITECTURE.md`; [`raw`] opens those
//! parts to programs that work on the engine itself.
//!
//! Features, which need not each other:
//!
//! | feature | what it adds |
//! |---|---|
//! | `models` (default) | encoders and language models on ONNX Runtime, which is found at run time and never linked; without it an index works with a [`TextEncoder`] of your own |
//! | `eval` | `raw::eval`: collections, metrics, significance |
//! | `files` | `raw::docs::DocumentReader` reads web pages and tables, and of folders not what a `.gitignore` names |
//!
//! The command-line program is the package `zerogr-cli`.
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
//! user said so ([`OpenOptions::trust_model`], `--trust-model`). Otherwise
//! searching by meaning and writing are an error
//! ([`is_untrusted_model`](Error::is_untrusted_model)); reading documents, lexical search, check,
//! recover, backup and vacuum need no model. What is known is in `trusted-models` of the cache
//! folder: whoever can write there decides what runs. An encoder that the application passes is
//! its own affair.
//!
//! A server that opens indexes of strangers gives no `trust_model`, or runs their models in a
//! process with limits of memory and time; it uses [`Index::open`], not the
//! map, where somebody else can write to the file.
//!
//! Nothing here fetches anything from a network, and no content of a file or of an input makes
//! it panic. [`Index::open`] is safe whatever happens to the file;
//! [`Index::open_mmap`] is `unsafe` because other programs can change a
//! mapped file.

#![warn(missing_docs)]

#[cfg(target_endian = "big")]
compile_error!("zerogr reads its little-endian sections in place: big-endian is not supported");

#[cfg(test)]
extern crate self as zerogr;

mod columns;
#[cfg(feature = "models")]
mod convert;
mod decode;
mod docs;
mod encode;
mod error;
#[cfg(feature = "eval")]
mod eval;
mod format;
mod generate;
mod index;
mod language;
mod learn;
mod lexicon;
mod logits;
#[cfg(feature = "models")]
mod model;
mod passages;
pub mod raw;
mod repair;
mod rng;
mod search;
mod segment;
mod store;
mod train;
mod trie;
mod vectors;

pub use decode::{Budget, CancelToken, Decoder};
pub use docs::{Document, FieldType, FieldValue, Timestamp};
pub use encode::{
    DocidTokenizer, EachText, LateInteraction, QueryExpansion, TextEncoder, TokenVectors,
};
pub use error::{Error, ErrorKind, Result};
#[cfg(feature = "eval")]
pub use eval::JudgedQueries;
pub use index::{
    CommitReport, DocumentCheck, EncoderSource, Index, IndexOptions, ListOptions, OpenOptions,
    SearchResult, Snapshot, UpgradeOptions, Writer,
};
#[cfg(feature = "eval")]
pub use index::{JudgedOptions, JudgedReport};
#[cfg(feature = "models")]
pub use index::{LanguageTrainReport, TaughtIndex, tune_over_indexes};
pub use learn::TrainOptions;
#[cfg(feature = "models")]
pub use learn::{LanguageLoss, LanguageTrainOptions};
#[cfg(feature = "models")]
pub use model::{Adapter, CudaOptions, Device, EncoderOptions, Runtime};
pub use repair::{CheckReport, Documents, RecoverReport, check, recover, recover_with};
pub use search::{
    EncodedQuery, Explanation, Hit, Mark, MarkKind, Mode, PassageHit, RetrieverKind, SearchOptions,
    Snippet, SnippetOptions,
};
pub use segment::{
    DocidSource, Facet, FacetCount, FacetCounts, Filter, MergePolicy, PassageParams, Progress,
    Stage,
};
pub use store::{Durability, VacuumReport, VerifyLevel, WriteOptions};
