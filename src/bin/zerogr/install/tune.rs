//! `zerogr model tune`: a language model learns to write, and what changes is an adapter.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use zerogr::raw::generate::language::{DEFAULT_INSTRUCTION, PROMPT_VERSION};
use zerogr::raw::model::language::{
    DecoderOptions, LanguageModel, LanguageModelConfig, LanguageModelOptions,
};
use zerogr::raw::train::{
    AdapterFit, AdapterFitOptions, PairOptions, PairTexts, checkpoint_beside,
};
use zerogr::{LanguageTrainOptions, TaughtIndex, tune_over_indexes};

use super::pairs::{self, Pairs};
use crate::console::failure::Failure;
use crate::console::progress::Stages;
use crate::console::{output, progress};
use crate::options::device::DeviceArg;
use crate::options::language::{PROMPT_FACT, WRITER_FACT};
use crate::options::open::{self, AccessArgs};
use crate::write::train_language;

/// Teach a language model to write pseudo-queries or docids, or to answer the queries of many indexes.
///
/// The model's folder stays as it is: what changes (LoRA) is written to a file, for `--adapter`
/// beside `--model`. Weights must be f32 or f16. An interrupted run goes on where it was when it is
/// started again.
#[derive(clap::Args)]
pub struct Args {
    /// Folder of the language model, as `zerogr model import` wrote it.
    model: PathBuf,
    #[command(flatten)]
    source: SourceArgs,
    /// The file of the adapter to write.
    #[arg(short, long, value_name = "ADAPTER")]
    output: PathBuf,
    /// With --queries: the task of those who search, as `--instruction` will say it where queries
    /// are written. With --indexes: of those who search them; once for all of them, or once for each,
    /// in their order.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["pairs", "docids"])]
    instruction: Vec<String>,
    /// With --queries: which judgements.
    #[arg(
        long,
        default_value = "train",
        value_name = "NAME",
        conflicts_with_all = ["pairs", "indexes", "docids"]
    )]
    split: String,
    /// How often each pair is seen.
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = at_least_one())]
    epochs: u64,
    /// Most steps. Of more pairs than they see, some are drawn.
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = at_least_one())]
    max_steps: u64,
    /// Pairs of a step.
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = at_least_one())]
    batch: u64,
    /// Pairs with more tokens, or more than the model reads, are left out.
    #[arg(
        long,
        default_value_t = 512,
        value_name = "N",
        value_parser = at_least_one(),
        conflicts_with = "indexes"
    )]
    max_tokens: u64,
    /// Share of the pairs that is held out, 64 pairs at most: the state with the least loss on them
    /// is kept.
    #[arg(
        long,
        default_value_t = 0.05,
        value_name = "SHARE",
        conflicts_with = "indexes"
    )]
    held_out: f64,
    /// Rank of the low-rank changes.
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = at_least_one())]
    rank: u64,
    /// Upper layers that are trained; by itself a third of them. What the others give is kept in
    /// memory.
    #[arg(long, value_name = "N", value_parser = at_least_one())]
    layers: Option<u64>,
    /// Largest step size.
    #[arg(long, default_value_t = 1e-3, value_name = "X")]
    learning_rate: f32,
    /// Seed of everything random.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The file that keeps where it stands, to go on from if it is interrupted; by itself
    /// `ADAPTER.training`.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Threads of a step; 0 for one per core.
    #[arg(long, default_value_t = 0, value_name = "N")]
    threads: usize,
    #[command(flatten)]
    device: DeviceArg,
    #[command(flatten)]
    access: AccessArgs,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

fn at_least_one() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(1..=1_000_000_000)
}

/// What is learnt from.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct SourceArgs {
    /// JSON lines {"prompt": ..., "completion": ...}: what is to be written behind a prompt, to
    /// the letter.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pairs: Vec<PathBuf>,
    /// Folders of collections with judged queries, as for `eval`: the model learns to write the
    /// queries that a document answers.
    #[arg(long, value_name = "FOLDER", num_args = 1..)]
    queries: Vec<PathBuf>,
    /// Indexes that were built for the model (`build --retriever-model`): the model learns to answer
    /// queries with their docids. The adapter is for `train --retriever lm --adapter`.
    #[arg(long, value_name = "INDEX", num_args = 1..)]
    indexes: Vec<PathBuf>,
    /// Files and folders of documents, as for `build`: the model learns to write their docids, or
    /// their keywords where a document brings none.
    #[arg(long, value_name = "INPUT", num_args = 1..)]
    docids: Vec<PathBuf>,
}

/// What a tuning did.
#[derive(Serialize)]
struct Report {
    output: String,
    writer: &'static str,
    pairs: usize,
    held_out: usize,
    too_long: usize,
    steps: usize,
    best_step: usize,
    initial_loss: f64,
    best_loss: f64,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<(), Failure> {
    if !(args.held_out > 0.0 && args.held_out < 1.0) {
        return Err(Failure::usage("--held-out is a share between 0 and 1"));
    }
    if !(args.learning_rate > 0.0 && args.learning_rate <= 1.0) {
        return Err(Failure::usage("--learning-rate is above 0, and at most 1"));
    }
    if !args.source.indexes.is_empty() {
        return over_indexes(args);
    }
    if args.instruction.len() > 1 {
        return Err(Failure::usage("--queries takes one --instruction"));
    }
    let decoder = DecoderOptions::new()
        .threads(args.threads)
        .device(args.device.device());
    let options = LanguageModelOptions::new().decoder(decoder.clone());
    let model = LanguageModel::open(&args.model, &options)?;
    let base = model.as_base();
    let Pairs { writer, pairs } = read(args, &model)?;
    let texts = PairTexts::new(&model, &pairs, &pair_options(args))?;
    drop((model, pairs));

    let fit_options = fit_options(args, texts.training.len())?;
    let checkpoint = args
        .checkpoint
        .clone()
        .unwrap_or_else(|| checkpoint_beside(&args.output));
    let fit = AdapterFit::open(&args.model, &decoder, &fit_options)?.checkpoint(checkpoint);
    let bar = progress::bar(fit_options.steps as u64, "tuning");
    let fitted = fit.run(&texts.training, &texts.held_out, None, &mut |so_far| {
        bar.set_position(so_far.steps as u64);
        Ok(())
    });
    bar.finish_and_clear();
    let fitted = fitted?;
    let report = Report {
        output: output::path_value(&args.output),
        writer,
        pairs: texts.training.len(),
        held_out: texts.held_out.len(),
        too_long: texts.too_long,
        steps: fit_options.steps,
        best_step: fitted.report.best_step,
        initial_loss: fitted.report.initial_loss,
        best_loss: fitted.report.best_loss,
    };
    let mut known = fitted.facts();
    known.extend(facts(args, &report));
    let adapter = fitted.into_adapter(base)?.with_facts(known)?;
    adapter.write(&args.output)?;
    fit.forget_checkpoint();
    match args.json {
        true => output::json(&report),
        false => output::line(&described(&report, &args.output)),
    }
}

/// Learns from indexes; they stay as they are.
fn over_indexes(args: &Args) -> Result<(), Failure> {
    let paths = &args.source.indexes;
    if args.instruction.len() > 1 && args.instruction.len() != paths.len() {
        return Err(Failure::usage(format!(
            "{} instructions were given for {} indexes: give one for each, or one for all",
            args.instruction.len(),
            paths.len()
        )));
    }
    let options = open::options(args.device.device()).language_model(&args.model);
    let indexes = paths
        .iter()
        .map(|path| open::with(path, &args.access, options.clone()));
    let indexes = indexes.collect::<Result<Vec<_>, _>>()?;
    let mut instructions = args.instruction.iter().map(String::as_str).cycle();
    let taught = indexes.iter().map(|index| TaughtIndex {
        index,
        instruction: instructions.next(),
    });
    let taught: Vec<TaughtIndex<'_>> = taught.collect();
    let mut options = LanguageTrainOptions::default();
    options.seed = args.seed;
    options.epochs = args.epochs as usize;
    options.max_steps = args.max_steps as usize;
    options.batch_queries = args.batch as usize;
    options.rank = args.rank as usize;
    options.layers = args.layers.map(|layers| layers as usize);
    options.learning_rate = args.learning_rate;
    options.checkpoint = args.checkpoint.clone();
    options.threads = args.threads;
    let mut stages = Stages::default();
    let report = tune_over_indexes(&taught, &options, &args.output, &mut |progress| {
        stages.report(progress)
    })?;
    stages.finish();
    match args.json {
        true => output::json(&report),
        false => output::line(&format!(
            "{}\n  {}",
            train_language::described(&report),
            output::path(&args.output)
        )),
    }
}

fn read(args: &Args, model: &LanguageModel) -> Result<Pairs, Failure> {
    let source = &args.source;
    if !source.pairs.is_empty() {
        pairs::of_files(&source.pairs)
    } else if !source.queries.is_empty() {
        pairs::of_queries(&source.queries, &args.split, instruction(args), model)
    } else {
        pairs::of_docids(&source.docids, model)
    }
}

/// The task of those whose queries are learnt.
fn instruction(args: &Args) -> &str {
    args.instruction
        .first()
        .map_or(DEFAULT_INSTRUCTION, String::as_str)
}

fn pair_options(args: &Args) -> PairOptions {
    PairOptions {
        max_tokens: args.max_tokens as usize,
        held_out: args.held_out,
        max_pairs: (args.max_steps * args.batch) as usize,
        seed: args.seed,
    }
}

fn fit_options(args: &Args, pairs: usize) -> Result<AdapterFitOptions, Failure> {
    let mut options = AdapterFitOptions::default();
    options.rank = args.rank as usize;
    options.learning_rate = args.learning_rate;
    options.batch_texts = args.batch as usize;
    options.seed = args.seed;
    let wanted = args.layers.map(|layers| layers as usize);
    let layers = LanguageModelConfig::read(&args.model)?.layers;
    let (epochs, max_steps) = (args.epochs as usize, args.max_steps as usize);
    Ok(options
        .upper_layers(wanted, layers)
        .epochs(epochs, pairs, max_steps))
}

/// What is to be known of a tuning, beside the fit.
fn facts(args: &Args, report: &Report) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let mut fact = |name: &str, value: String| facts.insert(name.to_owned(), value);
    fact(WRITER_FACT, report.writer.to_owned());
    fact(PROMPT_FACT, PROMPT_VERSION.to_string());
    fact("pairs", report.pairs.to_string());
    if !args.source.queries.is_empty() {
        fact(
            "instruction",
            instruction(args).chars().take(1_000).collect(),
        );
    }
    facts
}

fn described(report: &Report, output: &Path) -> String {
    let too_long = match report.too_long {
        0 => String::new(),
        count => format!(", {count} too long"),
    };
    format!(
        "tuned in {} steps on {} pairs, {} held out{too_long}\n  held-out loss: {:.3} -> {:.3} nats \
         per pair, after step {}\n  {}",
        report.steps,
        report.pairs,
        report.held_out,
        report.initial_loss,
        report.best_loss,
        report.best_step,
        output::path(output)
    )
}
