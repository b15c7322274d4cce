//! What there is to learn from.

use crate::generate::TermStats;
use crate::segment::{QueryTable, Segment};

/// The segments of an index, and what is known of their documents.
pub(crate) struct TrainingCorpus<'a> {
    pub(crate) segments: &'a [Segment],
    /// Pseudo-queries that a language model wrote, per segment.
    pub(crate) queries: &'a [Option<QueryTable>],
    pub(crate) stats: &'a TermStats,
}
