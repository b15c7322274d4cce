//! Segments: a few thousand documents each, with their docids, vectors, words and heads. A long
//! document is several passages, and all but its id, payload and tags is kept per passage.
//!
//! ```text
//!   documents ── builder ──► new segment ─┐
//!   segments ─── merge ────► one segment ─┤
//!                                         ▼
//!   stored extents ────────────────────► Segment ──┐
//!                                                  ├── View: what a search or a training sees
//!                            Filter, live rows ────┘
//! ```
//!
//! Invariants:
//! - I1. A segment is never changed: what is deleted from it is noted beside it, what training
//!   fits replaces its heads.
//! - I2. Scores do not depend on which segment a document is stored in, up to the rounding of
//!   stored vectors; so segments can be merged at any time.

mod builder;
mod edges;
mod facets;
mod filter;
mod filter_text;
mod live;
mod live_sums;
mod merge;
mod merge_policy;
mod opened;
mod params;
mod progress;
mod query_table;
mod term_stats;
mod view;

pub(crate) use builder::{
    Docid, Docids, NewSegment, PreparedDocuments, build_segment, counted_texts, head_sections,
    untrained_heads,
};
pub use edges::{CompactEdges, CompactSegment};
pub(crate) use edges::{EdgeSum, Listed, stored};
pub use facets::{Facet, FacetCount, FacetCounts};
pub(crate) use facets::{count, places_of, sorted};
pub use filter::{Filter, MAX_FILTER_NESTING};
pub use filter_text::MAX_FILTER_LEN_BYTES;
pub(crate) use merge::merge;
pub use merge_policy::MergePolicy;
pub(crate) use merge_policy::{SegmentSize, level_of};
pub(crate) use opened::{
    DocumentPlace, Segment, SegmentCounts, check_docids, check_heads, document_at, find_document,
    id_at,
};
pub use params::{
    DocidParams, DocidSource, EncoderParams, FitRecord, HeldOut, IndexParams, JudgedPart,
    JudgedPartName, JudgedRecord, LanguageModelParams, LexiconParams, PassageParams,
    PseudoQueryParams, SearchParams, TokenizerParams, TrainingRecord,
};
pub(crate) use params::{MAX_PASSAGE_TOKENS, MAX_QUERY_TOKENS, check_number};
pub use progress::{Progress, ProgressFn, Stage};
pub(crate) use progress::{Watch, go_on};
pub use query_table::QueryWriterRecord;
pub(crate) use query_table::{Expansion, QueryTable, WrittenQueries, query_sections};
pub(crate) use view::View;
