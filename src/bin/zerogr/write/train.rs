//! `zerogr train`: fits an index to its documents, and to what is known of some queries.

use std::path::{Path, PathBuf};

use zerogr::raw::segment::{HeldOut, JudgedPart, JudgedRecord};
use zerogr::{Index, JudgedOptions, JudgedQueries, TrainOptions};

use crate::console::failure::Failure;
use crate::console::output;
use crate::console::progress::Stages;
use crate::options::device::DeviceArg;
use crate::options::open;
use crate::write::train_language::LanguageArgs;

/// Fit an index to pseudo-queries of its documents, and to judged queries.
///
/// The first time all documents are learnt, later those that are new, which takes time in
/// proportion to them. All are learnt anew when more than half are new, when more than a third of
/// the old ones were deleted, or when a language model wrote queries for them.
///
/// With `--judgements`, what is known of some queries improves the answers to others: a map of
/// queries, by which they are compared with all documents, and the shares of the planned score. Each is
/// kept only if it makes held-out queries better; the index is left as it was otherwise. What was
/// learnt is in `zerogr info`. The queries themselves are not kept: give all that are known each
/// time.
#[derive(clap::Args)]
pub struct Args {
    /// The index file.
    index: PathBuf,
    /// Seed of everything random in training.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Learn all documents anew, not just those that are new.
    #[arg(long, conflicts_with_all = ["judgements", "forget"])]
    full: bool,
    /// Learn from judged queries: a folder with `queries.jsonl` and `qrels/SPLIT.tsv` (BEIR) or
    /// labels (MAIR), a file of BEIR or TREC judgements with `queries.jsonl` in its folder or the
    /// one above, or clicks: JSON lines with `query`, `id`, `weight`, or these between tabs.
    #[arg(long, value_name = "FOLDER|FILE")]
    judgements: Option<PathBuf>,
    /// The queries that a file of judgements is about, JSON lines with `_id` and `text`.
    #[arg(long, value_name = "FILE", requires = "judgements")]
    queries: Option<PathBuf>,
    /// The judgements of a folder that are learnt from.
    #[arg(long, default_value = "train", requires = "judgements")]
    split: String,
    /// Take back what judgements taught: searches find what they found without it.
    #[arg(long, conflicts_with = "judgements")]
    forget: bool,
    /// What is trained.
    #[arg(long, value_enum, default_value_t = RetrieverArg::Compact, conflicts_with_all = ["judgements", "forget"])]
    retriever: RetrieverArg,
    #[command(flatten)]
    language: LanguageArgs,
    #[command(flatten)]
    device: DeviceArg,
    #[command(flatten)]
    write: open::WriteArgs,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum RetrieverArg {
    /// The trie head and the document head, beside the encoder of the index.
    Compact,
    /// The language model that the index was built for (`build --retriever-model`).
    Lm,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<(), Failure> {
    let judged = args.judgements.as_deref().map(|path| read(path, args));
    let judged = judged.transpose()?;
    let index = open::to_write(&args.index, &args.write, args.device.device())?;
    if args.retriever == RetrieverArg::Lm {
        return args.language.train(&index, args.seed, args.full, args.json);
    }
    let options = TrainOptions::default().seed(args.seed);
    match judged {
        Some(judged) => learn(&index, &judged, &options, args.json),
        None if args.forget => forget(&index, args.json),
        None => train(&index, &options.full(args.full), args.json),
    }
}

fn train(index: &Index, options: &TrainOptions, json: bool) -> Result<(), Failure> {
    let generation = index.snapshot().generation();
    let mut stages = Stages::default();
    let report = index.train(options, &mut |progress| stages.report(progress))?;
    stages.finish();
    let snapshot = index.snapshot();
    let Some(record) = &snapshot.params().training else {
        return output::line("nothing to train: the index has no documents");
    };
    if json {
        return output::json(&record);
    }
    if report.generation == generation {
        return output::line(
            "nothing to train: every document was learnt before (--full learns all anew)",
        );
    }
    output::line(&format!(
        "trained on {} pseudo-queries of {} documents, {} of them new, of {} in all\n  held-out loss: trie head {:.3} -> {:.3}, document head {:.3} -> {:.3} nats",
        record.pseudo_queries,
        record.learnt_documents + record.repeated_documents,
        record.learnt_documents,
        record.documents,
        record.trie_head.initial_loss,
        record.trie_head.best_loss,
        record.document_head.initial_loss,
        record.document_head.best_loss
    ))
}

fn read(path: &Path, args: &Args) -> Result<JudgedQueries, Failure> {
    Ok(match &args.queries {
        Some(queries) => JudgedQueries::read_qrels(path, queries)?,
        None => JudgedQueries::read(path, &args.split)?,
    })
}

fn learn(
    index: &Index,
    judged: &JudgedQueries,
    options: &TrainOptions,
    json: bool,
) -> Result<(), Failure> {
    let options = JudgedOptions::new().train(options.clone());
    let mut stages = Stages::default();
    let report =
        index.train_from_judgements(judged, &options, &mut |progress| stages.report(progress))?;
    stages.finish();
    if json {
        return output::json(&report);
    }
    output::line(&format!(
        "learnt from {}; {} queries left out\n{}",
        summary(&report.record),
        report.queries_left_out,
        parts(&report.record)
    ))
}

/// What was learnt from.
pub fn summary(record: &JudgedRecord) -> String {
    format!(
        "{} queries with {} judgements ({} of documents that are not in the index)",
        record.queries, record.judgements, record.unknown_ids
    )
}

/// What was tried, a line each.
pub fn parts(record: &JudgedRecord) -> String {
    let figures = |one: &HeldOut| format!("{:.4} -> {:.4}", one.before, one.after);
    let line = |one: &JudgedPart| {
        let generative = one.generative.as_ref();
        let generative = generative.map(|one| format!(", generative {}", figures(one)));
        format!(
            "  {}: held-out nDCG@10 planned {}{} (p {:.4}), {}",
            one.part.label(),
            figures(&one.planned),
            generative.unwrap_or_default(),
            one.p,
            if one.kept { "kept" } else { "not kept" }
        )
    };
    let lines: Vec<String> = record.parts.iter().map(line).collect();
    lines.join("\n")
}

fn forget(index: &Index, json: bool) -> Result<(), Failure> {
    let generation = index.snapshot().generation();
    let report = index.forget_judgements()?;
    if json {
        return output::json(&report);
    }
    output::line(match report.generation == generation {
        true => "nothing to forget: no judgements were learnt from",
        false => "forgot what judgements taught",
    })
}
