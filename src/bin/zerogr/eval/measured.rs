//! What was measured, before it is compared and shown.

use std::collections::BTreeMap;
use std::path::PathBuf;

use zerogr::raw::decode::Work;
use zerogr::raw::docs::Document;
use zerogr::raw::eval::{Evaluation, Scores};

/// Where recall is taken for its curve.
pub const CURVE: [usize; 10] = [1, 2, 3, 5, 10, 20, 30, 50, 70, 100];

/// What was measured on one dataset.
pub struct Measured {
    /// The dataset.
    pub name: String,
    /// Judged queries.
    pub query_count: usize,
    /// Judgements of all queries.
    pub judgement_count: usize,
    /// What was searched.
    pub index: Option<IndexFacts>,
    /// Relevant documents that are not in the index; nothing can find them.
    pub unknown_documents: usize,
    /// In the order of the command line.
    pub systems: Vec<SystemResult>,
    /// Queries with the answers of two systems, for the report.
    pub examples: Vec<Example>,
}

/// An index that was searched.
#[derive(Clone)]
pub struct IndexFacts {
    /// The file.
    pub path: PathBuf,
    /// Its length.
    pub len_bytes: u64,
    /// What of it is the encoder.
    pub encoder_len_bytes: u64,
    /// Live documents.
    pub document_count: u64,
    /// How long it took to build, if this call built it.
    pub build_seconds: Option<f64>,
}

impl IndexFacts {
    /// The file without the encoder, over its documents.
    pub fn bytes_per_document(&self) -> f64 {
        let own = self.len_bytes.saturating_sub(self.encoder_len_bytes);
        own as f64 / self.document_count.max(1) as f64
    }
}

/// What was measured of one system on one dataset.
pub struct SystemResult {
    /// Its name.
    pub name: String,
    /// Metrics, averaged over the seeds.
    pub mean: Evaluation,
    /// Deviations of the means between seeds.
    pub deviations: Scores,
    /// How many seeds.
    pub seeds: usize,
    /// Means under the other rule for hits with the query's own id, where they differ.
    pub other_rule: Option<Scores>,
    /// Recall at [`CURVE`], as far as documents were measured.
    pub recall_curve: Vec<f64>,
    /// What it cost; nothing is known of a run file.
    pub cost: Option<Cost>,
}

/// What answering cost.
pub struct Cost {
    /// Mean time of each query over the seeds, encoder included where one is used.
    pub times_ms: BTreeMap<String, f64>,
    /// Work of the decoder on all queries and seeds together.
    pub work: Work,
    /// Queries answered, seeds counted.
    pub answered: usize,
    /// Of these, those whose budget ended the search.
    pub incomplete: usize,
}

impl Cost {
    /// A quantile of the times of queries.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        let mut times: Vec<f64> = self.times_ms.values().copied().collect();
        times.sort_by(f64::total_cmp);
        let place = (times.len() as f64 * share) as usize;
        let place = place.min(times.len().saturating_sub(1));
        times.get(place).copied().unwrap_or(0.0)
    }

    /// Branching prefixes scored per query.
    pub fn nodes_per_query(&self) -> f64 {
        self.work.node_evaluations as f64 / self.answered.max(1) as f64
    }
}

/// A query with the answers of two systems.
pub struct Example {
    /// The query's id.
    pub query: String,
    /// What is asked.
    pub text: String,
    /// The better or worse system, and the baseline.
    pub answers: [Answer; 2],
}

/// What a system answered.
pub struct Answer {
    /// Its name.
    pub system: String,
    /// The metric that is compared.
    pub value: f64,
    /// Its first documents.
    pub hits: Vec<ShownHit>,
}

/// A document as it is shown.
pub struct ShownHit {
    /// Its id.
    pub id: String,
    /// Its title and text, as far as they are known.
    pub document: Option<Document>,
    /// Its judgement; `None`: not judged.
    pub grade: Option<f64>,
}
