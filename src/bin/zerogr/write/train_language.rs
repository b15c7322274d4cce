//! `zerogr train --retriever lm`: teaches the language model of an index its docids.

use std::path::PathBuf;

use zerogr::{Adapter, Index, LanguageLoss, LanguageTrainOptions, LanguageTrainReport};

use crate::console::failure::Failure;
use crate::console::output;
use crate::console::progress::Stages;

/// How the language model is trained.
#[derive(clap::Args)]
#[command(next_help_heading = "With --retriever lm")]
pub struct LanguageArgs {
    /// The task of those who search, as `search --instruction` will say it.
    #[arg(long, value_name = "TEXT")]
    instruction: Option<String>,
    /// Pseudo-queries of a document, beside those that a model wrote.
    #[arg(long, default_value_t = 100, value_name = "N")]
    pseudo_queries: usize,
    /// An adapter to begin with, as `zerogr model tune --indexes` writes it. Its rank and its layers
    /// are those that are trained.
    #[arg(long, value_name = "FILE")]
    adapter: Option<PathBuf>,
    /// How often each pseudo-query is seen; 0 takes `--adapter` as it is.
    #[arg(long, default_value_t = 5, value_name = "N")]
    epochs: usize,
    /// Most steps, of 16 pseudo-queries each.
    #[arg(long, default_value_t = 2_000, value_name = "N")]
    max_steps: usize,
    /// Rank of the low-rank changes.
    #[arg(long, default_value_t = 16, value_name = "N")]
    rank: usize,
    /// Upper layers that are trained; by itself a third of them. What the others give is kept in
    /// memory.
    #[arg(long, value_name = "N")]
    layers: Option<usize>,
    /// Largest step size; .3 of it where the adapter of the index goes on.
    #[arg(long, default_value_t = 1e-3, value_name = "X")]
    learning_rate: f32,
    /// Among which tokens the right one is to be the most probable.
    #[arg(long, value_enum, default_value_t = LossArg::Children)]
    loss: LossArg,
    /// Share of what is wanted that the planned search of the index decides, 0 to 1: a pseudo-query is
    /// then answered by all documents that it finds, as far as it prefers them.
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    distillation: f32,
    /// Every how many steps the model learns to rerank; 0 for never.
    #[arg(long, default_value_t = 8, value_name = "N")]
    steps_per_ranking: usize,
    /// The file that keeps where the training stands, to go on from if it is interrupted; by itself
    /// `INDEX.training`.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Threads of a step; 0 for one per core.
    #[arg(long, default_value_t = 0, value_name = "N")]
    threads: usize,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum LossArg {
    /// The children of the node of the trie, as in decoding.
    Children,
    /// All of the vocabulary, as in the ZeroGR paper.
    Vocabulary,
}

impl LanguageArgs {
    fn options(&self, seed: u64, full: bool) -> Result<LanguageTrainOptions, Failure> {
        let mut options = LanguageTrainOptions::default();
        options.seed = seed;
        options.full = full;
        options.instruction = self.instruction.clone();
        options.queries_per_document = self.pseudo_queries;
        options.epochs = self.epochs;
        options.max_steps = self.max_steps;
        options.rank = self.rank;
        options.layers = self.layers;
        options.learning_rate = self.learning_rate;
        options.loss = match self.loss {
            LossArg::Children => LanguageLoss::Children,
            LossArg::Vocabulary => LanguageLoss::Vocabulary,
        };
        options.distillation = self.distillation;
        options.steps_per_ranking = self.steps_per_ranking;
        options.checkpoint = self.checkpoint.clone();
        options.threads = self.threads;
        options.start = self.adapter.as_ref().map(Adapter::read).transpose()?;
        Ok(options)
    }

    /// Trains the language model of `index`.
    pub fn train(&self, index: &Index, seed: u64, full: bool, json: bool) -> Result<(), Failure> {
        let mut stages = Stages::default();
        let options = self.options(seed, full)?;
        let mut writer = index.writer()?;
        if let (Some(adapter), 0) = (&options.start, options.epochs) {
            writer.set_adapter(adapter)?;
            let report = writer.commit()?;
            return match json {
                true => output::json(&report),
                false => output::line("the adapter is part of the index"),
            };
        }
        let report = writer.train_language(&options, &mut |progress| stages.report(progress))?;
        stages.finish();
        match json {
            true => output::json(&report),
            false => output::line(&described(&report)),
        }
    }
}

/// What a training did, in words.
pub fn described(report: &LanguageTrainReport) -> String {
    if !report.is_trained() {
        return "nothing to train: every document was learnt before (--full learns all anew), or no \
                docid can be taken for another"
            .into();
    }
    format!(
        "trained in {} steps on {} pseudo-queries of {} documents, {} of them new\n  \
         held-out loss: {:.3} -> {:.3} nats per query, after step {}",
        report.steps,
        report.queries,
        report.asked_documents,
        report.new_documents,
        report.initial_loss,
        report.best_loss,
        report.best_step
    )
}
