//! One adapter for several indexes: a model learns to generate docids of many kinds, before it is
//! trained for one of them, or instead.
//!
//! After the ZeroGR paper (arXiv 2510.10419), which tunes one model over many tasks and tries it on
//! others that it has not seen.

use std::collections::BTreeMap;
use std::path::Path;

use super::adapter::check_base;
use super::fitting::{Fitting, LanguageTrainReport, instruction_fact};
use super::lesson::texts;
use crate::decode::CancelToken;
use crate::index::Index;
use crate::learn::{LanguageTexts, LanguageTrainOptions};
use crate::segment::{ProgressFn, Watch};
use crate::train::checkpoint_beside;
use crate::{Error, ErrorKind, Result};

/// An index that a model learns from.
#[derive(Debug, Clone, Copy)]
pub struct TaughtIndex<'a> {
    /// The index.
    pub index: &'a Index,
    /// The task of those who search it, as it will be said in searches.
    pub instruction: Option<&'a str>,
}

/// Trains one adapter on the documents of several indexes, each as
/// [`Writer::train_language`](crate::Writer::train_language) does it for one; none of them is
/// changed. The steps of `options` are shared out equally, its instruction goes to indexes without
/// one, and `checkpoint` keeps where the training stands until it is at its end.
///
/// # Errors
///
/// `InvalidInput` when an index was made without a language model, where no docid can be taken for
/// another, or for an option that no fit can go by; `ModelMismatch` when indexes were made for different
/// models; those of [`Writer::train_language`](crate::Writer::train_language) that speak of the model and of
/// the checkpoint; `Io` and `DiskFull` when the adapter cannot be written.
pub fn tune_over_indexes(
    indexes: &[TaughtIndex<'_>],
    options: &LanguageTrainOptions,
    output: &Path,
    progress: ProgressFn<'_>,
) -> Result<LanguageTrainReport> {
    options.check()?;
    let cancel = CancelToken::new();
    let mut watch = Watch::new(progress, &cancel);
    let snapshots: Vec<_> = indexes.iter().map(|one| one.index.snapshot()).collect();
    let mut all = LanguageTexts::default();
    let mut facts = BTreeMap::new();
    let mut first = None;
    for (number, (snapshot, taught)) in snapshots.iter().zip(indexes).enumerate() {
        let retriever = snapshot.models.language_model(&snapshot.state)?;
        let base = retriever.base_model();
        let first = &*first.get_or_insert(retriever);
        if base.fingerprint != first.base_model().fingerprint {
            return Err(Error::new(
                ErrorKind::ModelMismatch,
                format!(
                    "the indexes were made for different language models, {} and {}: one adapter \
                     changes one model",
                    first.base_model().name,
                    base.name
                ),
            ));
        }
        if let Some(start) = &options.start {
            check_base(start, &base)?;
        }
        let instruction = taught.instruction.or(options.instruction.as_deref());
        let of_this = LanguageTrainOptions {
            instruction: instruction.map(str::to_owned),
            max_steps: options.max_steps.div_ceil(indexes.len()),
            ..options.clone()
        };
        all.extend(texts(snapshot, retriever, &of_this, None, &mut watch)?);
        facts.extend(instruction.map(|instruction| {
            let (name, said) = instruction_fact(instruction);
            (format!("{name}.{number}"), said)
        }));
    }
    let retriever = first.filter(|_| all.can_be_learnt());
    let retriever = retriever.ok_or_else(|| {
        Error::invalid(
            "there is nothing to learn: give indexes with documents that docids tell apart",
        )
    })?;
    facts.insert("indexes".into(), indexes.len().to_string());
    let beside = checkpoint_beside(output);
    let fitting = Fitting {
        retriever,
        start: options.start.as_ref(),
        goes_on: false,
        options,
        checkpoint: options.checkpoint.as_ref().unwrap_or(&beside),
    };
    let fitted = fitting.run(&all, facts, &mut watch)?;
    fitted.adapter.write(output)?;
    fitted.fit.forget_checkpoint();
    Ok(fitted.report)
}
