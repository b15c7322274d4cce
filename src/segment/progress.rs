//! What a long operation is doing, for progress bars, and stopping it.

use crate::decode::CancelToken;
use crate::{Error, ErrorKind, Result};

/// A stage of building or training an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Making docids; counts documents.
    Docids,
    /// Encoding documents; counts their passages.
    EncodingDocuments,
    /// Making pseudo-queries; counts documents.
    PseudoQueries,
    /// Encoding pseudo-queries; counts pseudo-queries.
    EncodingPseudoQueries,
    /// Fitting the trie head; counts examples, and may stop early.
    FittingTrieHead,
    /// Fitting the document head; counts examples, and may stop early.
    FittingDocumentHead,
    /// A language model writes docids; counts documents.
    WritingDocids,
    /// A language model writes pseudo-queries; counts documents.
    WritingQueries,
    /// Drawing what judged queries find; counts queries.
    DrawingJudged,
    /// Learning from judgements; counts steps.
    LearningJudged,
    /// A language model learns to generate docids; counts steps.
    TrainingLanguageModel,
    /// Writing and syncing; counts steps.
    Writing,
}

impl Stage {
    /// A few words for people.
    pub fn label(self) -> &'static str {
        match self {
            Stage::Docids => "making docids",
            Stage::EncodingDocuments => "encoding documents",
            Stage::PseudoQueries => "making pseudo-queries",
            Stage::EncodingPseudoQueries => "encoding pseudo-queries",
            Stage::FittingTrieHead => "fitting the trie head",
            Stage::FittingDocumentHead => "fitting the document head",
            Stage::WritingDocids => "writing docids",
            Stage::WritingQueries => "writing queries",
            Stage::DrawingJudged => "searching for judged queries",
            Stage::LearningJudged => "learning from judgements",
            Stage::TrainingLanguageModel => "training the language model",
            Stage::Writing => "writing",
        }
    }
}

/// How far a stage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The stage.
    pub stage: Stage,
    /// Units done.
    pub done: usize,
    /// Units in all, or the most there can be.
    pub total: usize,
    /// Tokens that a language model read and wrote so far; 0 where there is none.
    pub tokens: u64,
}

impl Progress {
    /// Progress without a language model.
    pub fn new(stage: Stage, done: usize, total: usize) -> Self {
        Progress {
            stage,
            done,
            total,
            tokens: 0,
        }
    }
}

/// Receives progress; `&mut |_| {}` ignores it.
pub type ProgressFn<'a> = &'a mut dyn FnMut(Progress);

/// Told how far a long operation is, it says whether to go on.
pub(crate) struct Watch<'a> {
    progress: ProgressFn<'a>,
    cancel: &'a CancelToken,
}

impl<'a> Watch<'a> {
    /// Passes everything on to `progress` until `cancel` is thrown.
    pub(crate) fn new(progress: ProgressFn<'a>, cancel: &'a CancelToken) -> Self {
        Watch { progress, cancel }
    }

    /// Reports progress.
    ///
    /// # Errors
    ///
    /// Those of [`Watch::check`].
    pub(crate) fn report(&mut self, progress: Progress) -> Result<()> {
        self.check()?;
        (self.progress)(progress);
        Ok(())
    }

    /// Whether to go on.
    ///
    /// # Errors
    ///
    /// `Cancelled` once it is not wanted any more.
    pub(crate) fn check(&self) -> Result<()> {
        go_on(self.cancel)
    }
}

/// Whether work that `cancel` stops is still wanted.
///
/// # Errors
///
/// `Cancelled` once it is not.
pub(crate) fn go_on(cancel: &CancelToken) -> Result<()> {
    match cancel.is_cancelled() {
        false => Ok(()),
        true => Err(Error::new(
            ErrorKind::Cancelled,
            "cancelled: the file is as it was, and what was not committed is still pending",
        )),
    }
}
