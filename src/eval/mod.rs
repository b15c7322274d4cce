//! Measuring retrieval: collections, judgements, runs, metrics.
//!
//! ```text
//!  BEIR or MAIR folder ─► Collection { queries, qrels } ─┐
//!  search results or TREC run file ─► Run ───────────────┴─► evaluate ─► Evaluation
//!                                                              per query, and Summary (JSON)
//!  Evaluations ─► over_seeds, macro_average, micro_average, paired_significance
//! ```
//!
//! The definitions are those of trec_eval: rankings are sorted by descending score, ties by
//! descending document id; gains are the judgements themselves; means go over all judged queries.

mod averages;
mod collection;
mod columns;
mod judged_queries;
mod metric;
mod metrics;
mod qrels;
mod queries;
mod run;
mod significance;
mod summary;

pub use averages::{OverSeeds, macro_average, micro_average, over_seeds};
pub use collection::{Collection, Query};
pub use judged_queries::JudgedQueries;
pub use metric::{Metric, Scores};
pub use metrics::{average_precision, ndcg_at, recall_at, reciprocal_rank_at, success_at};
pub use qrels::{Judgements, Qrels};
pub use run::{Run, RunHit};
pub use significance::{Randomisation, Significance, paired_significance};
pub use summary::{EvalOptions, Evaluation, Summary, evaluate, ranking};
