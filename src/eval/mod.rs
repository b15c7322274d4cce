//! Measuring retrieval: collections, judgements, runs, metrics.
//!
//! ```text
//!  BEIR folder ─► Collection { queries, qrels } ──┐
//!  search results or TREC run file ─► Run ────────┴─► evaluate ─► Evaluation
//!                                                       per query, and Summary (JSON)
//! ```
//!
//! The definitions are those of trec_eval: rankings are sorted by descending score, ties by
//! descending document id; gains are the judgements themselves; means go over all judged queries.

mod beir;
mod metrics;
mod qrels;
mod run;
mod summary;

pub use beir::{Collection, Query};
pub use metrics::{average_precision, ndcg_at, recall_at, reciprocal_rank_at, success_at};
pub use qrels::{Judgements, Qrels};
pub use run::{Run, RunHit};
pub use summary::{EvalOptions, Evaluation, QueryMetrics, Summary, evaluate};
