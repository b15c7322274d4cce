//! Training the language model of an index: it learns to generate the right docids, and the index
//! keeps what changed as an adapter.
//!
//! ```text
//!   commit what is pending ─► texts (learn) ─► fit (train), with a checkpoint beside the index
//!                                                 │
//!                     adapter, in one commit ◄────┘
//! ```
//!
//! - I1. Until that commit nothing of the index changes. A process that is killed goes on from the
//!   checkpoint, and comes to the same bytes.
//! - I2. What was learnt is known by hashes of passages' names, which the adapter records; new
//!   passages are learnt together with some that are not.

use super::adapter::check_base;
use super::fitting::{Fitting, LanguageTrainReport, instruction_fact};
use super::learnt::learnt;
use super::lesson::texts;
use crate::Result;
use crate::index::writer::Writer;
use crate::learn::LanguageTrainOptions;
use crate::segment::{ProgressFn, Watch};
use crate::train::checkpoint_beside;

impl Writer {
    /// Commits what is pending, then trains the language model of the index on pseudo-queries of
    /// its documents, and commits the adapter that comes of it. New documents are learnt, and a part
    /// of the others again; all of them the first time.
    ///
    /// # Errors
    ///
    /// As [`Writer::commit`]; `InvalidInput` when the index was made without a language model, or for an
    /// option that no fit can go by; `Model` for a model whose weights are integers or of another
    /// exporter, or when training comes to nothing; `UntrustedModel`, `ModelMismatch`, `Runtime` and `Device`
    /// of the model; `Cancelled`; `AlreadyExists` when something else is in the place of the checkpoint, and
    /// its `Io` and `DiskFull`.
    pub fn train_language(
        &mut self,
        options: &LanguageTrainOptions,
        progress: ProgressFn<'_>,
    ) -> Result<LanguageTrainReport> {
        options.check()?;
        self.commit()?;
        let cancel = self.cancelled_by().clone();
        let mut watch = Watch::new(progress, &cancel);
        let snapshot = self.index().snapshot();
        let retriever = snapshot.models.language_model(&snapshot.state)?;
        let recorded = snapshot.adapter()?;
        let earlier = recorded.as_ref().filter(|_| !options.full);
        let start = earlier.or(options.start.as_ref());
        if let Some(start) = start {
            check_base(start, &retriever.base_model())?;
        }
        let texts = texts(&snapshot, retriever, options, earlier, &mut watch)?;
        if !texts.can_be_learnt() {
            return Ok(LanguageTrainReport {
                generation: snapshot.generation(),
                ..LanguageTrainReport::default()
            });
        }
        let mut facts = learnt(&snapshot.state.segments);
        facts.extend(options.instruction.as_deref().map(instruction_fact));
        let beside = checkpoint_beside(snapshot.state.stored.path());
        let fitting = Fitting {
            retriever,
            start,
            goes_on: earlier.is_some(),
            options,
            checkpoint: options.checkpoint.as_ref().unwrap_or(&beside),
        };
        let mut fitted = fitting.run(&texts, facts, &mut watch)?;
        self.set_adapter(&fitted.adapter)?;
        fitted.report.generation = self.commit()?.generation;
        fitted.fit.forget_checkpoint();
        Ok(fitted.report)
    }
}
