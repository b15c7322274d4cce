//! Another encoder for an index that is in use.
//!
//! Vectors of two encoders cannot be compared, so all of an index has to be made anew: vectors, the
//! tokens of docids, heads. Documents, their passages, the texts of docids and written queries stay.
//!
//! ```text
//!   texts of the newest state ─► encoder ─► journal          no lock; others search and write
//!   ────────────────────────────────────────────────────────────────────────────────────────
//!   segments ─► documents, docids ─┐                         write lock; others search
//!                        journal ──┴─► new segments ─► training ─► one commit
//! ```
//!
//! Invariants:
//!
//! - I1. There is one commit, at the end: before it a search finds what it found, behind it
//!   everything is of the new encoder.
//! - I2. A snapshot has the encoder of its own state (`Models::of_successor`), so no query of one is
//!   compared with documents of the other.
//! - I3. Whatever ends an upgrade, what was encoded is not encoded again by the next one.

mod journal;
mod remembered;

use super::commit::Draft;
use super::handle::Index;
use super::models::encoder::{NewEncoder, load_new};
use super::models::{Loaded, NewBlob};
use super::options::{EncoderSource, IndexOptions};
use super::prepare::{encode_by, expressed, term_stats};
use super::snapshot::Snapshot;
use super::writer::{CommitReport, Writer};
use crate::decode::CancelToken;
use crate::docs::{CutDocument, Document};
use crate::encode::CheckedEncoder;
use crate::index::create::tokenizer_params;
use crate::learn::{TrainOptions, TrainingCorpus, TrainingPlan, train_heads};
use crate::lexicon::CountedTexts;
#[cfg(feature = "models")]
use crate::model::EncoderOptions;
use crate::segment::{
    Docid, IndexParams, NewSegment, PreparedDocuments, Progress, ProgressFn, Segment, Stage, Watch,
    build_segment, counted_texts,
};
use crate::trie::MAX_DOCID_TOKENS;
use crate::{Error, Result};
use remembered::{Memory, RememberingEncoder};

/// Documents that are read at a time before the write lock is taken.
const CHUNK_DOCUMENTS: usize = 1024;

/// Which encoder an index is to have.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UpgradeOptions {
    /// The new encoder.
    pub encoder: EncoderSource,
    /// Keep the encoder inside the index file (default), or outside by path and hash.
    pub embed_encoder: bool,
    /// Keep vectors of the tokens of documents, if the encoder has them (default).
    pub token_vectors: bool,
    /// How to train; `None` leaves the heads as the encoder's vectors make them.
    pub train: Option<TrainOptions>,
    /// Device and threads of the encoder.
    #[cfg(feature = "models")]
    pub encoder_options: EncoderOptions,
}

impl UpgradeOptions {
    /// The defaults, with an encoder.
    pub fn new(encoder: EncoderSource) -> Self {
        UpgradeOptions {
            encoder,
            embed_encoder: true,
            token_vectors: true,
            train: Some(TrainOptions::default()),
            #[cfg(feature = "models")]
            encoder_options: EncoderOptions::default(),
        }
    }

    /// Sets whether the encoder is kept inside the index file.
    pub fn embed_encoder(mut self, embed: bool) -> Self {
        self.embed_encoder = embed;
        self
    }

    /// Sets whether vectors of the tokens of documents are kept.
    pub fn token_vectors(mut self, keep: bool) -> Self {
        self.token_vectors = keep;
        self
    }

    /// Sets how to train, if at all.
    pub fn train(mut self, train: impl Into<Option<TrainOptions>>) -> Self {
        self.train = train.into();
        self
    }

    /// Sets device and threads of the encoder.
    #[cfg(feature = "models")]
    pub fn encoder_options(mut self, options: EncoderOptions) -> Self {
        self.encoder_options = options;
        self
    }
}

impl Index {
    /// Gives the index another encoder: encodes all documents again and trains, in one commit at the
    /// end. Searches go on with the old encoder until then; others can write while documents are
    /// encoded, and wait while the heads are fitted. What an interrupted upgrade has encoded is kept
    /// beside the file, as `<file>.upgrade`, and the next one to the same encoder goes on from there.
    /// Locks as [`Index::writer`] does: a program with a [`Writer`] calls [`Writer::upgrade`].
    ///
    /// Other handles and processes have the new state after [`Index::refresh`], with its encoder. One
    /// that was opened with a custom encoder of its own must be opened again with the new one.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for no encoder, for options of the training that make no sense, and for a
    /// docid that the new tokenizer cannot express; `Runtime`, `Device` or `Model` when the encoder
    /// cannot be loaded or fails; `Locked` while another writer or upgrade is at work;
    /// `LockUnsupported` where the file system has no locks; `ReadOnly`, `PermissionDenied` or `Io`
    /// when the file or the journal cannot be written; `AlreadyExists` when something else is in the
    /// place of the journal; `Replaced` when another file is at the path; `Corrupt` or
    /// `UnsupportedVersion` as the newest state is; `DiskFull` or `Poisoned` when the commit cannot
    /// be written. The index is then as it was.
    pub fn upgrade(
        &self,
        options: &UpgradeOptions,
        progress: ProgressFn<'_>,
    ) -> Result<CommitReport> {
        self.refresh()?;
        let snapshot = self.snapshot();
        let mut upgrade = Upgrade::new(&snapshot, options)?;
        if upgrade.is_done(&snapshot) {
            upgrade.memory.forget();
            return Ok(unchanged(&snapshot));
        }
        let cancel = CancelToken::new();
        upgrade.encode_ahead(&snapshot, &mut Watch::new(&mut *progress, &cancel))?;
        let mut writer = self.only_writer("Writer::upgrade")?;
        writer.upgrade_by(upgrade, progress)
    }
}

impl Writer {
    /// [`Index::upgrade`] by the one who writes already; other writers wait all the time.
    ///
    /// # Errors
    ///
    /// `InvalidInput` when something waits for a commit, for no encoder, for options of the training
    /// that make no sense, and for a docid that the new tokenizer cannot express; `Cancelled`
    /// ([`Writer::cancel_token`]); `Runtime`, `Device` or `Model` when the encoder cannot be loaded
    /// or fails; `Locked` while another upgrade is at work; `AlreadyExists` when something else is in
    /// the place of the journal; `Corrupt` when the index is damaged; `DiskFull`, `PermissionDenied`
    /// or `Io`; `Poisoned` after a failed write. The index is then as it was.
    pub fn upgrade(
        &mut self,
        options: &UpgradeOptions,
        progress: ProgressFn<'_>,
    ) -> Result<CommitReport> {
        let upgrade = Upgrade::new(&self.index().snapshot(), options)?;
        self.upgrade_by(upgrade, progress)
    }

    fn upgrade_by(&mut self, upgrade: Upgrade, progress: ProgressFn<'_>) -> Result<CommitReport> {
        if self.has_pending() {
            return Err(Error::invalid(
                "documents wait for a commit: commit them, or roll them back, before the upgrade",
            ));
        }
        let cancel = self.cancelled_by().clone();
        let mut watch = Watch::new(&mut *progress, &cancel);
        let transaction = self.begin()?;
        let index = self.index().clone();
        index.catch_up()?;
        let snapshot = index.snapshot();
        let mut report = unchanged(&snapshot);
        if upgrade.is_done(&snapshot) {
            upgrade.memory.forget();
            return Ok(report);
        }
        let (draft, params) = upgrade.draft(&snapshot, &mut watch)?;
        report.segments = draft.segments().count();
        report.passages = draft
            .segments()
            .map(|segment| segment.passages.count() as usize)
            .sum();
        watch.report(Progress::new(Stage::Writing, 0, 1))?;
        report.generation = draft.commit(transaction, &params)?;
        upgrade.memory.forget();
        index.catch_up_with(Some(&upgrade.loaded))?;
        report.vacuumed_bytes = self.vacuum_if_due();
        progress(Progress::new(Stage::Writing, 1, 1));
        Ok(report)
    }
}

/// The report of a commit that is not needed.
fn unchanged(snapshot: &Snapshot) -> CommitReport {
    CommitReport {
        generation: snapshot.generation(),
        segments: snapshot.state.segments.len(),
        ..CommitReport::default()
    }
}

/// An upgrade under way.
struct Upgrade {
    new: NewEncoder,
    loaded: Loaded,
    options: UpgradeOptions,
    memory: Memory,
}

impl Upgrade {
    /// Loads the new encoder of the index of `snapshot`, and what was encoded with it before.
    fn new(snapshot: &Snapshot, options: &UpgradeOptions) -> Result<Upgrade> {
        if matches!(options.encoder, EncoderSource::None) {
            return Err(Error::invalid(
                "an index with an encoder does not lose it: build one of words alone",
            ));
        }
        let mut load = IndexOptions::with_encoder(options.encoder.clone());
        load.embed_encoder = options.embed_encoder;
        #[cfg(feature = "models")]
        {
            load.encoder_options = options.encoder_options.clone();
        }
        let stored = &snapshot.state.stored;
        let new = load_new(&load)?.for_index(stored)?;
        let encoder = new.params(
            snapshot.params().encoder.max_passage_tokens,
            options.token_vectors,
        );
        Ok(Upgrade {
            loaded: new.loaded(),
            memory: Memory::open(stored.path(), encoder)?,
            new,
            options: options.clone(),
        })
    }

    /// The parameters of the index with the new encoder.
    fn params(&self, known: &IndexParams) -> Result<IndexParams> {
        // What judgements taught was learnt with the other encoder.
        let judged = known.judged.as_ref();
        let search = judged.map_or(&known.search, |record| &record.search_before);
        let search = search.clone();
        Ok(IndexParams {
            encoder: self.memory.params().clone(),
            tokenizer: tokenizer_params(self.loaded.docid_tokenizer())?,
            search: self.new.search_params(search),
            training: None,
            judged: None,
            ..known.clone()
        })
    }

    /// Whether the index has the encoder already.
    fn is_done(&self, snapshot: &Snapshot) -> bool {
        snapshot.params().encoder == *self.memory.params()
    }

    /// Encodes what the state has, so that it is remembered when the index is locked.
    fn encode_ahead(&mut self, snapshot: &Snapshot, watch: &mut Watch<'_>) -> Result<()> {
        if !self.memory.lasts() {
            return Ok(());
        }
        let params = self.params(snapshot.params())?;
        let total = snapshot.passage_count() as usize;
        let mut done = 0;
        for segment in &snapshot.state.segments {
            let ordinals: Vec<u32> = segment.live_ordinals().collect();
            for chunk in ordinals.chunks(CHUNK_DOCUMENTS) {
                let documents = chunk.iter().map(|&ordinal| {
                    let document = segment.documents.document(ordinal)?;
                    Ok((ordinal, document))
                });
                let documents = documents.collect::<Result<Vec<_>>>()?;
                let cut: Vec<_> = documents
                    .iter()
                    .map(|(ordinal, document)| segment.cut(*ordinal, document))
                    .collect();
                let count: usize = cut.iter().map(CutDocument::passage_count).sum();
                let mut shifted = |progress: Progress| {
                    watch.report(Progress::new(progress.stage, done + progress.done, total))
                };
                self.encode(&cut, count, &params, &mut shifted)?;
                done += count;
            }
        }
        Ok(())
    }

    /// Vectors of the passages of documents, `total` in all.
    fn encode(
        &self,
        documents: &[CutDocument<'_>],
        total: usize,
        params: &IndexParams,
        report: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Encoded> {
        let encoder = &self.loaded.encoder;
        let parts = documents.iter().flat_map(CutDocument::parts);
        let mut make = |texts: &[&str], done: &mut dyn FnMut(usize) -> Result<()>| {
            self.memory.encode_texts(texts, encoder, done)
        };
        encode_by(&mut make, parts, total, params, report)
    }

    /// The index with the new encoder, trained if that is wanted, and its parameters.
    fn draft(&self, snapshot: &Snapshot, watch: &mut Watch<'_>) -> Result<(Draft, IndexParams)> {
        let mut params = self.params(snapshot.params())?;
        let mut draft = Draft::new(snapshot);
        let blobs: Vec<NewBlob> = self.new.blobs.clone();
        draft.remake(blobs, &params, &mut |segment| {
            self.remade(segment, &params, watch)
        })?;
        let Some(options) = &self.options.train else {
            return Ok((draft, params));
        };
        let segments: Vec<Segment> = draft.segments().cloned().collect();
        let queries = draft.query_tables();
        if let Some(plan) = TrainingPlan::new(&segments, &queries, &params, options)? {
            let stats = term_stats(segments.iter(), &CountedTexts::default(), &params, true)?;
            let corpus = TrainingCorpus {
                segments: &segments,
                queries: &queries,
                stats: &stats,
            };
            let encoder = RememberingEncoder::new(&self.loaded.encoder, &self.memory);
            let encoder = CheckedEncoder::new(std::sync::Arc::new(encoder));
            let trained = train_heads(plan, &corpus, &encoder, &params, options, watch)?;
            draft.set_heads(trained.heads, &params)?;
            params.training = Some(trained.record);
        }
        Ok((draft, params))
    }

    /// The live documents of a segment with the new encoder; `None` where there are none.
    fn remade(
        &self,
        segment: &Segment,
        params: &IndexParams,
        watch: &mut Watch<'_>,
    ) -> Result<Option<NewSegment>> {
        let mut documents: Vec<(u32, Document)> = Vec::new();
        let is_live = |ordinal| segment.is_live(ordinal);
        segment.documents.for_each(is_live, |ordinal, document| {
            documents.push((ordinal, document));
            watch.check()
        })?;
        if documents.is_empty() {
            return Ok(None);
        }
        let cut: Vec<CutDocument<'_>> = documents
            .iter()
            .map(|(ordinal, document)| segment.cut(*ordinal, document))
            .collect();
        let mut docids = Vec::with_capacity(segment.passages.count() as usize);
        for passage in segment.live_passages() {
            docids.push(self.docids(segment, passage, params)?);
        }
        let total = docids.len();
        let (vectors, lists) =
            self.encode(&cut, total, params, &mut |progress| watch.report(progress))?;
        let prepared = PreparedDocuments {
            words: counted_texts(&cut),
            documents: cut,
            docids,
            vectors,
            token_vectors: lists.map(FromIterator::from_iter),
        };
        build_segment(prepared, params).map(Some)
    }

    /// The docids of a passage, in the tokens of the new encoder; long ones are cut.
    fn docids(&self, segment: &Segment, passage: u32, params: &IndexParams) -> Result<Vec<Docid>> {
        let ranks = segment.passage_docids.row(passage);
        let texts = ranks.map(|rank| segment.docid_texts.row(rank).to_owned());
        let tokenizer = self.loaded.docid_tokenizer();
        let docids = expressed(texts, tokenizer, params, |mut tokens| {
            tokens.truncate(MAX_DOCID_TOKENS);
            Ok(tokens)
        });
        docids.map_err(|error| {
            let name = segment.passage_name(passage);
            error.about(format_args!("document {name:?}"))
        })
    }
}

/// Vectors of passages and of their tokens.
type Encoded = (Vec<f32>, Option<Vec<crate::columns::OwnedSignList>>);
