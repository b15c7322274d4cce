//! The public face: create an index, add documents, train, search.
//!
//! ```text
//!   Index ── writer() ──► Writer ── commit() ──► one new segment, durable
//!     │ ── train() ─────► new heads for all segments, durable
//!     │ ── train_from_judgements() ► what judged queries teach, durable
//!     │ ── upgrade() ───► everything anew for another encoder, durable
//!     └─ snapshot() ────► Snapshot ── search ──► hits
//! ```
//!
//! [`Index`] is `Send + Sync` and cheap to clone; any number of threads may search while one
//! writes. The encoder is loaded on first use, so opening an index does not wait for it.

mod answer;
mod commit;
mod create;
mod handle;
#[cfg(feature = "eval")]
mod judged;
#[cfg(feature = "models")]
mod language;
mod models;
mod options;
mod prepare;
mod purge;
mod search_result;
mod select;
mod snapshot;
mod snippet;
mod state;
mod upgrade;
mod write_queries;
mod writer;

#[cfg(test)]
#[path = "../../tests/support"]
mod support {
    pub mod corpus;
    pub mod encoder;
}
#[cfg(test)]
mod tests;

pub use handle::Index;
#[cfg(feature = "eval")]
pub use judged::{JudgedOptions, JudgedReport};
#[cfg(feature = "models")]
pub use language::{LanguageTrainReport, TaughtIndex, tune_over_indexes};
pub(crate) use models::{Loaded, load_recorded};
pub use options::{EncoderSource, IndexOptions, OpenOptions};
pub(crate) use prepare::{cut_documents, docid_texts, docids_of, encode};
pub use purge::DeadDocuments;
pub use search_result::SearchResult;
pub use select::ListOptions;
pub use snapshot::Snapshot;
pub use upgrade::UpgradeOptions;
pub use write_queries::QueryReport;
pub use writer::{CommitReport, DocumentCheck, Writer};
