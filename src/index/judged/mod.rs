//! Learning from judgements: what a user knows of some queries, for all queries to come.
//!
//! ```text
//!   judged queries ─► encoded, drawn once ─► parted into folds
//!                                                │  for each part (map, shares):
//!                                                │    learnt from the other folds,
//!                                                │    measured on this one
//!                                                ▼
//!                        better than before, and than with shuffled judgements?
//!                                 yes: learnt from all, kept        no: left as it was
//! ```
//!
//! - I1. What is kept was better on queries that it was not learnt from. Nothing kept, nothing
//!   written.
//! - I2. Learning again, or forgetting, starts from what was there before judgements were learnt
//!   from: neither heads nor documents are changed by them.
//! - I3. One commit, behind that of a training; an error or a cancellation leaves the file as it was.

mod bench;
mod folds;
mod options;
mod parts;

pub use options::{JudgedOptions, JudgedReport};

use bench::Bench;

use super::commit::Draft;
use super::handle::Index;
use super::models::NewBlob;
use super::writer::{CommitReport, Writer};
use crate::Result;
use crate::eval::JudgedQueries;
use crate::format::BlobRole;
use crate::segment::{IndexParams, JudgedRecord, Progress, ProgressFn, Stage, Watch};
use crate::vectors::LinearMap;

impl Index {
    /// Learns from judged queries: [`Writer::train_from_judgements`]. Locks as [`Index::writer`]
    /// does while it runs.
    ///
    /// # Errors
    ///
    /// `Locked` while another writer of this or another process is at work; `LockUnsupported`,
    /// `ReadOnly`, `PermissionDenied`, `Replaced`; those of [`Writer::train_from_judgements`]:
    /// `InvalidInput`, `Cancelled`, `Corrupt`, `UntrustedModel`, `ModelMismatch`, `Runtime`,
    /// `Device`, `Model`, `DiskFull`, `Io`.
    pub fn train_from_judgements(
        &self,
        judged: &JudgedQueries,
        options: &JudgedOptions,
        progress: ProgressFn<'_>,
    ) -> Result<JudgedReport> {
        let mut writer = self.only_writer("Writer::train_from_judgements")?;
        writer.train_from_judgements(judged, options, progress)
    }

    /// Takes back what judgements taught: [`Writer::forget_judgements`]. Locks as
    /// [`Index::writer`] does while it runs.
    ///
    /// # Errors
    ///
    /// `Locked` while another writer of this or another process is at work; `LockUnsupported`,
    /// `ReadOnly`, `PermissionDenied`, `Replaced`; `Corrupt`, `DiskFull` or `Io` of
    /// [`Writer::forget_judgements`].
    pub fn forget_judgements(&self) -> Result<CommitReport> {
        let mut writer = self.only_writer("Writer::forget_judgements")?;
        writer.forget_judgements()
    }
}

impl Writer {
    /// Commits what is pending and trains, as [`Writer::train`] does; then learns from judged
    /// queries what makes searches better: a linear map of queries, by which they are compared with
    /// all documents, and the shares of the planned score. Each is kept only if it is better on
    /// held-out queries, by more than chance, and by more than shuffled judgements would be. What
    /// earlier judgements taught is replaced: give all that are known. The index keeps no query,
    /// only what was learnt.
    ///
    /// # Errors
    ///
    /// `InvalidInput` when no judged document is in the index, for an index without an encoder, and
    /// for options that make no sense; `Cancelled` ([`Writer::cancel_token`]); `Corrupt` where a
    /// damaged part is met; `UntrustedModel`, `ModelMismatch`, `Runtime`, `Device` or `Model` of the
    /// encoder; `Limit`, `DiskFull`, `Io` and other failures of writing. What judgements taught
    /// before is then in the file still.
    pub fn train_from_judgements(
        &mut self,
        judged: &JudgedQueries,
        options: &JudgedOptions,
        progress: ProgressFn<'_>,
    ) -> Result<JudgedReport> {
        options.check()?;
        self.train(&options.train, progress)?;
        let cancel = self.cancelled_by().clone();
        let mut watch = Watch::new(&mut *progress, &cancel);
        let transaction = self.begin()?;
        let snapshot = self.index().snapshot();
        let mut params = without_judgements(snapshot.params());
        let bench = Bench::new(&snapshot, &params, judged, options, &mut watch)?;
        let learnt = parts::learn(&bench, options, &mut watch)?;
        let mut report = JudgedReport {
            generation: snapshot.generation(),
            queries_left_out: bench.left_out,
            record: JudgedRecord {
                seed: options.train.seed,
                queries: bench.asked.len() as u64,
                judgements: bench.judgements() as u64,
                unknown_ids: bench.unknown_ids,
                folds: bench.folds as u64,
                parts: learnt.parts,
                search_before: params.search.clone(),
            },
        };
        if report.record.parts.iter().any(|one| one.kept) {
            params.search = learnt.search;
            params.judged = Some(report.record.clone());
        }
        if params == *snapshot.params() && params.judged.is_none() {
            return Ok(report);
        }
        watch.report(Progress::new(Stage::Writing, 0, 1))?;
        let mut draft = Draft::new(&snapshot);
        draft.set_query_map(learnt.map.as_ref().map(blob));
        report.generation = draft.commit(transaction, &params)?;
        self.index().catch_up()?;
        self.vacuum_if_due();
        progress(Progress::new(Stage::Writing, 1, 1));
        Ok(report)
    }

    /// Takes back what judgements taught: searches find what they would find if nothing had been
    /// learnt from any, to the last bit. What is pending stays pending. Without anything to forget
    /// it changes nothing.
    ///
    /// # Errors
    ///
    /// `Corrupt` where a damaged part is met; `DiskFull`, `Io` and other failures of writing, after
    /// which the writer is `Poisoned`.
    pub fn forget_judgements(&mut self) -> Result<CommitReport> {
        let transaction = self.begin()?;
        self.index().catch_up()?;
        let snapshot = self.index().snapshot();
        let mut report = CommitReport {
            generation: snapshot.generation(),
            segments: snapshot.state.segments.len(),
            ..CommitReport::default()
        };
        if snapshot.params().judged.is_none() {
            return Ok(report);
        }
        let mut draft = Draft::new(&snapshot);
        draft.set_query_map(None);
        report.generation = draft.commit(transaction, &without_judgements(snapshot.params()))?;
        self.index().catch_up()?;
        report.vacuumed_bytes = self.vacuum_if_due();
        Ok(report)
    }
}

/// The parameters before judgements were learnt from.
fn without_judgements(params: &IndexParams) -> IndexParams {
    let mut params = params.clone();
    if let Some(record) = params.judged.take() {
        params.search = record.search_before;
    }
    params
}

/// A map as it is kept.
fn blob(map: &LinearMap) -> NewBlob {
    let bytes = std::sync::Arc::new(map.to_bytes());
    let media_type = "application/octet-stream";
    NewBlob::inside(BlobRole::QueryMap, "query-map.f16", media_type, bytes)
}
