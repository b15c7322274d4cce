//! `zerogr generate`: docids and pseudo-queries by a language model.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;
use serde_json::json;
use zerogr::raw::generate::TermStats;
use zerogr::raw::generate::language::{
    DEFAULT_INSTRUCTION, DocidOrigin, DocidWriter, LanguageDocidOptions, LanguageQueryOptions,
    PROMPT_VERSION, PromptStyle,
};
use zerogr::raw::index::QueryReport;
use zerogr::raw::language::TextGenerator;
use zerogr::raw::model::language::LanguageModel;
use zerogr::{Document, Index, Progress, Snapshot, Stage};

use super::docid_journal::DocidJournal;
use crate::console::failure::Failure;
use crate::console::output;
use crate::console::progress::Stages;
use crate::options::device::DeviceArg;
use crate::options::language::{ModelArgs, Written};
use crate::options::open;
use crate::options::reading;
use crate::options::reading::{ReadArgs, say_what_was_left_out};

/// Have a language model write docids or pseudo-queries.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    Docids(DocidArgs),
    Queries(QueryArgs),
}

/// Write docids for documents, into a file of JSON lines for `zerogr build` and `zerogr add`.
///
/// Documents that bring docids keep them. If the file is there already, what is missing in it is
/// written: an interrupted run goes on where it was.
#[derive(clap::Args)]
struct DocidArgs {
    /// Files and folders to read, as for `zerogr build`.
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// The file to write.
    #[arg(short, long)]
    output: PathBuf,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    reading: ReadArgs,
    #[command(flatten)]
    device: DeviceArg,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Write pseudo-queries for the documents of an index, and keep them in it for `zerogr train`.
///
/// Commits as it goes: an interrupted run goes on where it was.
#[derive(clap::Args)]
struct QueryArgs {
    /// The index file.
    index: PathBuf,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    task: TaskArgs,
    /// Seed of the draws.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    device: DeviceArg,
    #[command(flatten)]
    write: open::WriteArgs,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// What queries are for.
#[derive(clap::Args)]
pub struct TaskArgs {
    /// The task of those who search, in a sentence; queries are written for it.
    #[arg(long, default_value = DEFAULT_INSTRUCTION, value_name = "TEXT")]
    instruction: String,
    /// Queries asked for per document; fewer pass.
    #[arg(long, default_value_t = 16, value_name = "N")]
    queries_per_document: usize,
}

impl TaskArgs {
    /// Options of a query writer.
    pub fn options(&self, style: PromptStyle, seed: u64) -> Result<LanguageQueryOptions, Failure> {
        if self.queries_per_document == 0 {
            return Err(Failure::usage("--queries-per-document must be at least 1"));
        }
        let mut options = LanguageQueryOptions::new(style, &self.instruction, seed)?;
        options.per_document = self.queries_per_document;
        Ok(options)
    }
}

/// What came of writing docids.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DocidReport {
    /// Documents whose docid is the model's as it wrote it.
    written: usize,
    /// Documents whose docid is the model's, repaired.
    repaired: usize,
    /// Documents whose docid is made of their keywords.
    fallbacks: usize,
    /// Documents that share their docid with another.
    shared: usize,
    /// Documents that brought docids.
    given: usize,
    /// Documents that were done by an earlier run.
    already: usize,
    /// Tokens that the model read.
    prompt_tokens: usize,
    /// Tokens that it wrote.
    new_tokens: usize,
}

impl DocidReport {
    /// A line for people.
    pub fn line(&self) -> String {
        format!(
            "docids as written {}, repaired {}, of keywords {}, shared {}, given {}, of an earlier run {}",
            self.written, self.repaired, self.fallbacks, self.shared, self.given, self.already
        )
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<(), Failure> {
    match &args.what {
        What::Docids(args) => docids(args),
        What::Queries(args) => queries(args),
    }
}

fn docids(args: &DocidArgs) -> Result<(), Failure> {
    let started = Instant::now();
    let (model, style) = args.model.open(args.device.device(), &[Written::Docids])?;
    let mut reader = args.reading.open(&args.inputs)?;
    let mut documents = reading::all(&mut reader)?;
    say_what_was_left_out(&reader);
    let report = write_docids(&mut documents, &model, style, &args.output, None)?;
    let seconds = started.elapsed().as_secs_f64();
    if args.json {
        let value = json!({"output": output::path_value(&args.output), "documents": documents.len(),
                           "docids": report, "left_out": reader.skipped().count,
                           "seconds": seconds});
        return output::json(&value);
    }
    output::line(&format!(
        "{}: {} documents, {seconds:.1} s\n  {}",
        output::path(&args.output),
        documents.len(),
        report.line()
    ))
}

/// Documents that the model is given at a time, and that an interruption can cost.
const CHUNK_DOCUMENTS: usize = 64;

/// Gives every document without docids some by the model, by way of the file at `journal`.
/// `beside` is the index that they are added to: its other documents count for what is common, and
/// their docids are avoided.
pub fn write_docids(
    documents: &mut [Document],
    model: &LanguageModel,
    style: PromptStyle,
    journal: &Path,
    beside: Option<&Snapshot>,
) -> Result<DocidReport, Failure> {
    let mut stats = TermStats::new();
    documents.iter().for_each(|document| stats.add(document));
    let mut taken = HashSet::new();
    if let Some(beside) = beside {
        let ids: HashSet<&str> = documents.iter().map(|one| one.id.as_str()).collect();
        beside.for_each_document(|other| {
            if !ids.contains(other.id.as_str()) {
                stats.add(&other);
                taken.extend(other.docids);
            }
            Ok(())
        })?;
    }
    let options = LanguageDocidOptions::new(style);
    let name = writer_name(model, style);
    let writer = DocidWriter::new(model, options)?;
    let mut journal = DocidJournal::open(journal, &name, documents)?;
    let mut report = DocidReport {
        already: journal.done(),
        ..DocidReport::default()
    };
    for document in &*documents {
        taken.extend(document.docids.iter().cloned());
    }
    let total = documents.len();
    let mut stages = Stages::default();
    while let Some(chunk) = documents
        .get_mut(journal.done()..)
        .filter(|rest| !rest.is_empty())
    {
        let count = chunk.len().min(CHUNK_DOCUMENTS);
        let chunk = chunk.get_mut(..count).unwrap_or_default();
        let is_written: Vec<bool> = chunk
            .iter()
            .map(|document| document.docids.is_empty())
            .collect();
        let asked: Vec<&Document> = chunk
            .iter()
            .filter(|document| document.docids.is_empty())
            .collect();
        let done = journal.done() + count - asked.len();
        let mut tokens = (report.prompt_tokens + report.new_tokens) as u64;
        let found = writer.write(
            &asked,
            &stats,
            &mut |docid| Ok(taken.contains(docid)),
            &mut |more, last| {
                tokens += last as u64;
                stages.report(Progress {
                    tokens,
                    ..Progress::new(Stage::WritingDocids, done + more, total)
                });
                Ok(())
            },
        )?;
        report.given += count - found.len();
        let mut found = found.into_iter();
        for document in chunk
            .iter_mut()
            .filter(|document| document.docids.is_empty())
        {
            let Some(docids) = found.next() else {
                break;
            };
            match docids.origin {
                DocidOrigin::Written => report.written += 1,
                DocidOrigin::Repaired => report.repaired += 1,
                DocidOrigin::Fallback => report.fallbacks += 1,
            }
            report.shared += usize::from(docids.is_shared);
            report.prompt_tokens += docids.prompt_tokens;
            report.new_tokens += docids.new_tokens;
            taken.extend(docids.docids.iter().cloned());
            document.docids = docids.docids;
        }
        let lines: Vec<(&Document, bool)> = chunk.iter().zip(is_written).collect();
        journal.append(&lines)?;
    }
    stages.finish();
    Ok(report)
}

/// Who writes docids, in a few words.
pub fn writer_name(model: &LanguageModel, style: PromptStyle) -> String {
    let style = match style {
        PromptStyle::FewShot => "few-shot",
        PromptStyle::Instruction => "instruction",
        PromptStyle::Bare => "bare",
    };
    let fingerprint = model.fingerprint();
    let short = fingerprint.get(..16).unwrap_or(&fingerprint);
    format!("{} {short} {style} prompt {PROMPT_VERSION}", model.name())
}

fn queries(args: &QueryArgs) -> Result<(), Failure> {
    let started = Instant::now();
    open::check_exists(&args.index)?;
    let (model, style) = args.model.open(args.device.device(), &[Written::Queries])?;
    let index = open::to_write(&args.index, &args.write, args.device.device())?;
    let report = write_queries(&index, &model, &args.task.options(style, args.seed)?)?;
    let seconds = started.elapsed().as_secs_f64();
    if args.json {
        let value = json!({"index": output::path_value(&args.index), "queries": report, "seconds": seconds});
        return output::json(&value);
    }
    output::line(&format!(
        "{}: {}, {seconds:.1} s\n  `zerogr train` learns from them",
        output::path(&args.index),
        query_line(&report)
    ))
}

/// Has a model write queries, with a progress bar.
pub fn write_queries(
    index: &Index,
    model: &LanguageModel,
    options: &LanguageQueryOptions,
) -> Result<QueryReport, Failure> {
    let mut stages = Stages::default();
    let report = index.write_queries(model, options, &mut |progress| stages.report(progress))?;
    stages.finish();
    Ok(report)
}

/// A line for people.
pub fn query_line(report: &QueryReport) -> String {
    format!(
        "{} queries for {} documents, {} texts no good, {} documents without, {} of an earlier run",
        report.queries, report.documents, report.left_out, report.without_queries, report.already
    )
}
