//! The writer: collects documents, and commits them as one segment.

mod report;

use std::collections::{HashMap, HashSet};

use super::commit::Draft;
use super::handle::Index;
use super::models::{NewBlob, NoEncoder};
use super::prepare::{cut_documents, given_docids, of_document, prepare, term_stats};
use super::purge::Purge;
use crate::decode::CancelToken;
use crate::docs::{Document, FieldTypes};
use crate::learn::{TrainOptions, TrainingCorpus, TrainingPlan, train_heads};
use crate::lexicon::CountedTexts;
use crate::segment::{
    MergePolicy, Progress, ProgressFn, Stage, Watch, build_segment, counted_texts, go_on,
};
use crate::store::{Space, Transaction, VacuumReport, WriteLock, WriteOptions};
use crate::{Error, Result};

pub use report::CommitReport;

/// Dead bytes below which no vacuum begins by itself.
const MIN_DEAD_BYTES: u64 = 16 << 20;

/// Checks documents one after the other as a [`Writer`](crate::Writer) does that they are added to,
/// for those who read documents before they write.
#[derive(Debug, Clone)]
pub struct DocumentCheck {
    index: Index,
    types: FieldTypes,
    is_lenient: bool,
    untyped_fields: usize,
}

impl DocumentCheck {
    /// [`Writer::fields_lenient`].
    pub fn fields_lenient(mut self, is_lenient: bool) -> Self {
        self.is_lenient = is_lenient;
        self
    }

    /// Fields of documents so far that are only kept with them.
    pub fn untyped_fields(&self) -> usize {
        self.untyped_fields
    }

    /// Checks everything that the commit of the next document depends on.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for an empty id, a blank docid or one of no token, a field of no type or of
    /// another one than before, and something kept under the name of a part of the document; `Limit`
    /// for an id, fields, docids or a payload that are larger than a document may have, for a docid
    /// of more than 64 tokens, and for more fields than an index may have. They do not name the
    /// document. For one with docids also `UntrustedModel`, `ModelMismatch`, `Runtime`, `Device` or
    /// `Model` when the encoder cannot be loaded.
    pub fn check(&mut self, document: &Document) -> Result<()> {
        document.check()?;
        if !document.docids.is_empty() {
            let snapshot = self.index.snapshot();
            let models = snapshot.models.encoder(&snapshot.state)?;
            given_docids(document, models.docid_tokenizer(), snapshot.params())?;
        }
        match self.is_lenient {
            true => self.untyped_fields += self.types.admit_what_can_be(document),
            false => self.types.admit(document)?,
        }
        Ok(())
    }

    /// The types that fields have with the documents that were checked.
    pub fn types(&self) -> &FieldTypes {
        &self.types
    }

    /// Forgets the documents that were checked.
    fn reset(&mut self) {
        self.types = self.index.snapshot().params().fields.clone();
        self.untyped_fields = 0;
    }
}

impl Index {
    /// What checks documents as a writer does.
    pub fn document_check(&self) -> DocumentCheck {
        DocumentCheck {
            types: self.snapshot().params().fields.clone(),
            index: self.clone(),
            is_lenient: false,
            untyped_fields: 0,
        }
    }
}

/// Changes an index. One writer at a time; dropping it without a commit loses only what was
/// not committed.
///
/// ```
/// # use zerogr::{Index, IndexOptions, SearchOptions};
/// # use zerogr::Document;
/// # #[cfg(not(feature = "models"))]
/// # fn main() {}
/// # #[cfg(feature = "models")]
/// # fn main() -> zerogr::Result<()> {
/// # if let Err(missing) = zerogr::raw::model::Encoder::from_cache(&Default::default()) {
/// #     eprintln!("skipped: {missing}");
/// #     return Ok(());
/// # }
/// # let folder = tempfile::tempdir().unwrap();
/// # let index = Index::create(folder.path().join("a.zgr"), IndexOptions::default())?;
/// let mut writer = index.writer()?;
/// writer.add(Document::new("doc-1").text("Thin wings may vibrate."))?;
/// writer.add(Document::new("doc-2").text("Plates in a hot stream."))?;
/// writer.commit()?;
/// assert!(writer.update(Document::new("doc-2").text("Cones in a hot stream."))?);
/// assert!(writer.delete("doc-1")?);
/// assert!(!writer.delete("doc-3")?);
/// let report = writer.commit()?;
/// assert_eq!((report.deleted, index.snapshot().document_count()), (1, 1));
/// # let _ = SearchOptions::new();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Writer {
    index: Index,
    check: DocumentCheck,
    lock: WriteLock,
    merge_policy: MergePolicy,
    auto_vacuum: bool,
    cancel: CancelToken,
    /// `None` where a later document took the external id over.
    pending: Vec<Option<Document>>,
    position_of: HashMap<String, usize>,
    deletes: HashSet<String>,
    replaced: usize,
    /// What is to take the place of the adapter, if anything is.
    pub(super) adapter: Option<Option<NewBlob>>,
}

impl Writer {
    pub(super) fn new(index: Index, options: &WriteOptions) -> Result<Self> {
        let lock = index.inner.store.write_lock(options)?;
        index.catch_up()?;
        Ok(Writer {
            check: index.document_check(),
            index,
            lock,
            merge_policy: MergePolicy::default(),
            auto_vacuum: true,
            cancel: CancelToken::new(),
            pending: Vec::new(),
            position_of: HashMap::new(),
            deletes: HashSet::new(),
            replaced: 0,
            adapter: None,
        })
    }

    /// Sets which segments the following commits merge.
    pub fn merge_policy(mut self, policy: MergePolicy) -> Self {
        self.merge_policy = policy;
        self
    }

    /// Sets whether a commit vacuums the file when it is more dead than alive: when its dead bytes
    /// exceed one and a half times the live ones, and 16 MiB. It does by default, so a file stays
    /// below two and a half times its live bytes, or 16 MiB above them.
    pub fn auto_vacuum(mut self, auto_vacuum: bool) -> Self {
        self.auto_vacuum = auto_vacuum;
        self
    }

    /// Sets what stops commits, trainings, merges and vacuums of this writer from another thread.
    /// They end with [`Cancelled`](crate::ErrorKind::Cancelled) at the next document, example or
    /// extent; the file is as it was, and what was added is still pending.
    pub fn cancel_token(mut self, cancel: CancelToken) -> Self {
        self.cancel = cancel;
        self
    }

    /// Sets whether a value that has not the type of its field, or none, is only kept with its
    /// document: no filter finds it. Without it, such a document is refused.
    pub fn fields_lenient(mut self, is_lenient: bool) -> Self {
        self.check = self.check.fields_lenient(is_lenient);
        self
    }

    /// Adds a document, or replaces the one with the same external id, committed or not. Ids that
    /// come twice in files are found by
    /// [`ReadOptions::on_duplicate`](crate::docs::ReadOptions::on_duplicate).
    ///
    /// # Errors
    ///
    /// With the document's id: `InvalidInput` for an empty id, a blank docid or one of no token, a
    /// field of no type or of another one than before, and something kept under the name of a part of
    /// the document; `Limit` for an id, fields, docids or a payload that are larger than a document
    /// may have, for a docid of more than 64 tokens, and for more fields than an index may have.
    /// For one with docids also `UntrustedModel`, `ModelMismatch`, `Runtime`, `Device` or `Model`
    /// when the encoder cannot be loaded.
    pub fn add(&mut self, document: Document) -> Result<()> {
        let checked = self.check.check(&document);
        checked.map_err(|error| of_document(&document, error))?;
        let position = self.pending.len();
        if let Some(earlier) = self.position_of.insert(document.id.clone(), position)
            && let Some(slot) = self.pending.get_mut(earlier)
        {
            *slot = None;
            self.replaced += 1;
        }
        self.pending.push(Some(document));
        Ok(())
    }

    /// Replaces the document with the same external id, committed or not. False, and nothing
    /// changes, when there is none.
    ///
    /// # Errors
    ///
    /// As for a document that is added: `InvalidInput` or `Limit` with its id, and for one with
    /// docids `UntrustedModel`, `ModelMismatch`, `Runtime`, `Device` or `Model` when the encoder
    /// cannot be loaded.
    pub fn update(&mut self, document: Document) -> Result<bool> {
        let exists = self.position_of.contains_key(&document.id)
            || (self.is_committed(&document.id) && !self.deletes.contains(&document.id));
        if exists {
            self.add(document)?;
        }
        Ok(exists)
    }

    /// Deletes the document with an external id, committed or not. False when there is none.
    ///
    /// # Errors
    ///
    /// None today.
    pub fn delete(&mut self, id: &str) -> Result<bool> {
        let pending = self
            .position_of
            .remove(id)
            .and_then(|position| self.pending.get_mut(position)?.take());
        let committed = self.is_committed(id) && self.deletes.insert(id.to_owned());
        Ok(committed || pending.is_some())
    }

    /// Forgets everything since the last commit; the writer can go on.
    pub fn rollback(&mut self) {
        self.pending.clear();
        self.position_of.clear();
        self.deletes.clear();
        self.replaced = 0;
        self.adapter = None;
        self.check.reset();
    }

    /// Starts a commit of something else than documents.
    pub(super) fn begin(&self) -> Result<Transaction> {
        self.lock.begin()
    }

    /// The index that is written to.
    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    /// What stops it.
    pub(super) fn cancelled_by(&self) -> &CancelToken {
        &self.cancel
    }

    /// Whether anything waits for a commit.
    pub(super) fn has_pending(&self) -> bool {
        !self.position_of.is_empty() || !self.deletes.is_empty() || self.adapter.is_some()
    }

    fn is_committed(&self, id: &str) -> bool {
        self.index.snapshot().contains(id)
    }

    /// Makes everything since the last commit durable, in one step. The new documents can be
    /// searched at once, by the untrained part of the heads.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a document without docids for which none can be made of tokens; `Limit`
    /// when a segment would hold too much; `UntrustedModel`, `ModelMismatch`, `Runtime`, `Device`
    /// or `Model` when the encoder cannot be loaded, and `Model` or `Device` when it fails;
    /// `Cancelled` ([`Writer::cancel_token`]). Nothing is committed then, and what was added is still pending.
    /// `Corrupt` when a part that is merged is damaged; `DiskFull`, `Io` and other failures of
    /// writing: after them the writer is `Poisoned`, the index must be opened again, and the commit
    /// may or may not be found. After a failed read, another attempt does what is not done.
    pub fn commit(&mut self) -> Result<CommitReport> {
        self.commit_with(None, &mut |_| {})
    }

    /// Commits, and in the same step fits the heads to what is new if `train` is given.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a document without docids for which none can be made of tokens; `Limit`
    /// when a segment would hold too much; `UntrustedModel`, `ModelMismatch`, `Runtime`, `Device`
    /// or `Model` when the encoder cannot be loaded, and `Model` or `Device` when it fails;
    /// `Cancelled` ([`Writer::cancel_token`]). Nothing is committed then, and what was added is still pending.
    /// `Corrupt` when a part that is merged is damaged; `DiskFull`, `Io` and other failures of
    /// writing: after them the writer is `Poisoned`, the index must be opened again, and the commit
    /// may or may not be found. After a failed read, another attempt does what is not done.
    /// For options of the training that make no sense, and one that ended in values that are no
    /// numbers, `InvalidInput`.
    pub fn commit_with(
        &mut self,
        train: Option<&TrainOptions>,
        progress: ProgressFn<'_>,
    ) -> Result<CommitReport> {
        self.commit_by(self.merge_policy, train, progress)
    }

    /// Commits what is pending and fits the heads to pseudo-queries of the documents: of all the
    /// first time, later of those that are new ([`TrainOptions::full`]). With nothing pending and
    /// nothing new it changes nothing and loads no model.
    ///
    /// # Errors
    ///
    /// As [`Writer::commit_with`]: `InvalidInput` for a document or an option, `Limit`,
    /// `Cancelled`, `Corrupt`; `UntrustedModel`, `ModelMismatch`, `Runtime`, `Device` or `Model` of
    /// the encoder; `DiskFull`, `Io` and other failures of writing.
    pub fn train(
        &mut self,
        options: &TrainOptions,
        progress: ProgressFn<'_>,
    ) -> Result<CommitReport> {
        self.commit_with(Some(options), progress)
    }

    /// Commits what is pending and merges all segments into one, without deleted documents.
    ///
    /// # Errors
    ///
    /// As [`Writer::commit`]: `InvalidInput` for a document that is pending, `Limit`, `Cancelled`,
    /// `Corrupt`; `UntrustedModel`, `ModelMismatch`, `Runtime`, `Device` or `Model` of the encoder;
    /// `DiskFull`, `Io` and other failures of writing.
    pub fn merge(&mut self) -> Result<CommitReport> {
        self.commit_by(MergePolicy::Everything, None, &mut |_| {})
    }

    fn commit_by(
        &mut self,
        policy: MergePolicy,
        train: Option<&TrainOptions>,
        progress: ProgressFn<'_>,
    ) -> Result<CommitReport> {
        let cancel = self.cancel.clone();
        let mut watch = Watch::new(&mut *progress, &cancel);
        let transaction = self.lock.begin()?;
        self.index.catch_up()?;
        let snapshot = self.index.snapshot();
        if train.is_some() && NoEncoder::is_recorded(&snapshot.params().encoder) {
            return Err(Error::invalid(
                "the index has no encoder, so there is nothing to train: commit without training",
            ));
        }
        let mut params = snapshot.params().clone();
        params.fields = self.check.types().clone();
        let mut draft = Draft::new(&snapshot);
        if let Some(adapter) = &self.adapter {
            draft.set_adapter(adapter.clone());
        }
        let mut report = CommitReport {
            generation: snapshot.generation(),
            added: self.position_of.len(),
            replaced: self.replaced,
            deleted: self.deletes.len(),
            untyped_fields: self.check.untyped_fields(),
            ..CommitReport::default()
        };

        report.replaced += draft.bury(&self.deletes, &self.position_of);
        let documents: Vec<&Document> = self.pending.iter().flatten().collect();
        let brings_docids = documents.iter().all(|document| !document.docids.is_empty());
        let documents = match documents.is_empty() {
            true => Vec::new(),
            false => {
                let models = snapshot.models.encoder(&snapshot.state)?;
                cut_documents(&documents, &params, &|text| {
                    go_on(&cancel)?;
                    models.encoder.token_count(text)
                })?
            }
        };
        let words = counted_texts(&documents);
        // New documents are learnt, and a training weighs the terms of all.
        let all_terms = train.is_some() && !documents.is_empty();
        let mut stats = None;
        if all_terms || !brings_docids {
            let known = term_stats(draft.segments(), &words, &params, all_terms)?;
            stats = Some(known);
        }
        if !documents.is_empty() {
            let models = snapshot.models.encoder(&snapshot.state)?;
            let stats = stats.get_or_insert_default();
            let (prepared, without_terms) =
                prepare(documents, words, stats, models, &params, &mut watch)?;
            let new = build_segment(prepared, &params)?;
            report.without_terms = without_terms;
            report.docids = new.counts.docids as usize;
            report.passages = new.segment.passages.count() as usize;
            report.colliding_docids = new.segment.colliding_docids();
            draft.push(new);
        }
        report.merged_segments = draft.merge(policy, &params, &|| watch.check())?;
        if let Some(options) = train {
            let segments: Vec<_> = draft.segments().cloned().collect();
            let queries = draft.query_tables();
            if let Some(plan) = TrainingPlan::new(&segments, &queries, &params, options)? {
                let stats = match stats {
                    Some(stats) => stats,
                    None => term_stats(draft.segments(), &CountedTexts::default(), &params, true)?,
                };
                let corpus = TrainingCorpus {
                    segments: &segments,
                    queries: &queries,
                    stats: &stats,
                };
                let models = snapshot.models.encoder(&snapshot.state)?;
                let trained =
                    train_heads(plan, &corpus, &models.encoder, &params, options, &mut watch)?;
                draft.set_heads(trained.heads, &params)?;
                params.training = Some(trained.record);
            }
        }
        report.segments = draft.segments().count();
        if draft.is_changed() {
            watch.report(Progress::new(Stage::Writing, 0, 1))?;
            report.generation = draft.commit(transaction, &params)?;
            // Done, even if reading the new state fails: a second attempt must not do it again.
            self.rollback();
            self.index.catch_up()?;
            report.vacuumed_bytes = self.vacuum_if_due();
            progress(Progress::new(Stage::Writing, 1, 1));
        }
        self.rollback();
        Ok(report)
    }

    /// The commit is done; that a vacuum cannot be, for want of space or because the file has
    /// hard links, is no failure of it. `Store::space` shows what is still dead.
    pub(super) fn vacuum_if_due(&mut self) -> u64 {
        let is_due = |space: &Space| {
            let limit = space.live_bytes.saturating_add(space.live_bytes / 2);
            space.dead_bytes > limit.max(MIN_DEAD_BYTES)
        };
        let store = &self.index.inner.store;
        if !self.auto_vacuum || !store.space().is_ok_and(|space| is_due(&space)) {
            return 0;
        }
        self.vacuum().map_or(0, |report| {
            report.before_bytes.saturating_sub(report.after_bytes)
        })
    }

    /// [`Index::vacuum`] by the one who writes already. What is pending stays pending.
    ///
    /// # Errors
    ///
    /// `InvalidInput` when the file has another hard link, which would keep the old one; `Cancelled`
    /// ([`Writer::cancel_token`]); `Corrupt` when the index is damaged; `DiskFull`, `PermissionDenied` or `Io`; `Replaced` when another
    /// file is at the path; `Poisoned` after a failed write. Up to the exchange of the files an
    /// error leaves everything as it was.
    pub fn vacuum(&mut self) -> Result<VacuumReport> {
        let purge = Purge {
            known: &self.index.snapshot(),
            cancel: &self.cancel,
        };
        let report = self.index.inner.store.vacuum_with(&self.lock, &purge)?;
        self.index.catch_up()?;
        Ok(report)
    }
}
