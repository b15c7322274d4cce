//! Fitting an adapter to what indexes teach.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::Result;
use crate::index::models::language::LanguageModelRetriever;
use crate::learn::{LanguageTexts, LanguageTrainOptions};
use crate::model::language::{Adapter, DecoderOptions};
use crate::segment::{Progress, Stage, Watch};
use crate::train::{AdapterFit, AdapterFitOptions};

/// Characters of an instruction that an adapter records.
const MAX_INSTRUCTION_CHARS: usize = 1_000;

/// What a training of the language model did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LanguageTrainReport {
    /// Passages learnt for the first time; 0 if nothing was trained.
    pub new_documents: usize,
    /// Passages asked for, new ones among them.
    pub asked_documents: usize,
    /// Pseudo-queries trained on.
    pub queries: usize,
    /// Pseudo-queries held out.
    pub held_out: usize,
    /// Steps, those that rank among them.
    pub steps: usize,
    /// Step whose state was kept; 0 = where it began.
    pub best_step: usize,
    /// Held-out loss per query before, in nats.
    pub initial_loss: f64,
    /// Held-out loss per query of what was kept.
    pub best_loss: f64,
    /// Number of the commit that took the adapter in.
    pub generation: u64,
}

/// What the step size is multiplied by where an adapter of the index goes on: with all of it, what was
/// learnt before is forgotten faster than what is new is learnt (`benches/NUMBERS.md`).
const GOING_ON: f32 = 0.3;

/// What is fitted, and how.
pub(super) struct Fitting<'a> {
    pub(super) retriever: &'a LanguageModelRetriever,
    /// What it begins with; its layers and rank go before those of the options.
    pub(super) start: Option<&'a Adapter>,
    /// Whether that knows the index already.
    pub(super) goes_on: bool,
    pub(super) options: &'a LanguageTrainOptions,
    pub(super) checkpoint: &'a Path,
}

/// What came of a fit.
pub(super) struct Fitted {
    pub(super) adapter: Adapter,
    pub(super) report: LanguageTrainReport,
    /// Has the checkpoint, until what came of it is kept.
    pub(super) fit: AdapterFit,
}

impl Fitting<'_> {
    /// Fits to `texts`; the adapter records `facts` beside those of the fit.
    pub(super) fn run(
        &self,
        texts: &LanguageTexts,
        mut facts: BTreeMap<String, String>,
        watch: &mut Watch<'_>,
    ) -> Result<Fitted> {
        let (retriever, fit_options) = (self.retriever, self.fit_options(texts.training.len()));
        let decoder = DecoderOptions::new()
            .threads(self.options.threads)
            .device(retriever.device());
        let fit = AdapterFit::open(retriever.folder(), &decoder, &fit_options)?
            .checkpoint(self.checkpoint.to_owned());
        let start = self.start.map(factors_of);
        let fitted = fit.run(&texts.training, &texts.held_out, start, &mut |so_far| {
            watch.report(Progress::new(
                Stage::TrainingLanguageModel,
                so_far.steps,
                so_far.total,
            ))
        })?;
        let report = LanguageTrainReport {
            new_documents: texts.new,
            asked_documents: texts.asked,
            queries: texts.training.len(),
            held_out: texts.held_out.len(),
            steps: fit_options.steps,
            best_step: fitted.report.best_step,
            initial_loss: fitted.report.initial_loss,
            best_loss: fitted.report.best_loss,
            generation: 0,
        };
        facts.extend(fitted.facts());
        facts.insert("queries".into(), report.queries.to_string());
        let ranks = fit_options.steps_per_ranking > 0;
        let rerank_token = retriever.rerank_token().filter(|_| ranks);
        let adapter = fitted.into_adapter(retriever.base_model())?;
        Ok(Fitted {
            adapter: adapter.with_rerank_token(rerank_token).with_facts(facts)?,
            report,
            fit,
        })
    }

    fn fit_options(&self, texts: usize) -> AdapterFitOptions {
        let (options, layers) = (self.options, self.retriever.layers());
        let first_of = |adapter: &Adapter| adapter.changes().first().map_or(0, |one| one.layer);
        let trained = self.start;
        let trained = trained.map(|adapter| layers.saturating_sub(first_of(adapter)));
        AdapterFitOptions {
            rank: self.start.map_or(options.rank, Adapter::rank),
            learning_rate: options.learning_rate * if self.goes_on { GOING_ON } else { 1.0 },
            batch_texts: options.batch_queries,
            steps_per_ranking: options.steps_per_ranking,
            seed: options.seed,
            ..AdapterFitOptions::default()
        }
        .upper_layers(trained.or(options.layers), layers)
        .epochs(options.epochs, texts, options.max_steps)
    }
}

/// How an adapter records the task of those who search.
pub(super) fn instruction_fact(instruction: &str) -> (String, String) {
    let beginning = instruction.chars().take(MAX_INSTRUCTION_CHARS);
    ("instruction".to_owned(), beginning.collect())
}

fn factors_of(adapter: &Adapter) -> Vec<Vec<f32>> {
    let factors = adapter.changes().iter();
    factors
        .flat_map(|one| [one.a.clone(), one.b.clone()])
        .collect()
}

impl LanguageTrainReport {
    /// Whether there was anything to learn.
    pub fn is_trained(&self) -> bool {
        self.new_documents > 0
    }
}
