//! The public face: create an index, add documents, train, search.
//!
//! ```text
//!   Index ── writer() ──► Writer ── commit() ──► one new segment, durable
//!     │ ── train() ─────► new heads for all segments, durable
//!     └─ snapshot() ────► Snapshot ── search ──► hits
//! ```
//!
//! [`Index`] is `Send + Sync` and cheap to clone; any number of threads may search while one
//! writes. The encoder is loaded on first use, so opening an index does not wait for it.

mod answer;
mod commit;
mod create;
mod encoder;
mod handle;
#[cfg(feature = "models")]
mod language;
mod models;
mod no_encoder;
mod options;
mod prepare;
mod purge;
mod search_result;
mod snapshot;
mod state;
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

pub(crate) use encoder::load_recorded;
pub use handle::Index;
pub use options::{EncoderSource, IndexOptions, OpenOptions};
pub(crate) use prepare::{docid_texts, docids_of, encode};
pub use purge::DeadDocuments;
pub use search_result::SearchResult;
pub use snapshot::Snapshot;
pub use write_queries::QueryReport;
pub use writer::{CommitReport, Writer};
