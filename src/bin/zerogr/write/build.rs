//! `zerogr build` and `zerogr add`: documents in, index file out.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::json;
use zerogr::raw::docs::DocumentReader;
use zerogr::raw::generate::language::PromptStyle;
use zerogr::raw::index::QueryReport;
use zerogr::raw::model::EncoderOptions;
use zerogr::raw::model::language::LanguageModel;
use zerogr::{
    CommitReport, DocidSource, FieldType, Index, IndexOptions, PassageParams, Snapshot,
    TrainOptions, Writer,
};

use super::generate::{
    DocidReport, TaskArgs, query_line, write_docids, write_queries, writer_name,
};
use super::unfinished::Unfinished;
use crate::console::failure::Failure;
use crate::console::output;
use crate::console::progress::Stages;
use crate::options::device::DeviceArg;
use crate::options::language::{ModelArgs, Written};
use crate::options::reading;
use crate::options::reading::{ReadArgs, say_what_was_left_out};
use crate::options::{encoder, open};

/// Build an index of documents and train it.
///
/// Inputs are JSON lines (`_id` or `id`, `title`, `text`, optionally `docid`, `tags`, and fields in
/// `metadata`), plain or gzip, `-` for standard input, or other files and folders of them: texts,
/// Markdown, web pages and programs are a document each, tables (`.csv`, `.tsv`, with the names of
/// the columns first) one per row. The id of a file is its path below the folder, or below the one
/// that holds all files and folders given; a row has the cell of a column `id`, or the id of its file
/// and its line. Of folders, names that begin with a dot and what a `.gitignore` names are left out.
/// PDF and office files are not read: save them as text.
#[derive(clap::Args)]
pub struct Args {
    /// Files and folders to read.
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// The index file to create.
    #[arg(short, long)]
    output: PathBuf,
    /// Where docids come from when a document brings none.
    #[arg(long, value_enum, default_value_t = Docids::Keywords)]
    docids: Docids,
    /// Which pseudo-queries the index learns from.
    #[arg(long, value_enum, default_value_t = Queries::Free)]
    queries: Queries,
    #[command(flatten)]
    task: TaskArgs,
    #[command(flatten)]
    model: ModelArgs,
    /// Another encoder than the installed one: the folder of one (sentence-transformers with an ONNX
    /// graph, `model import`, `model distill`), or `static`: a table of token vectors, made of the
    /// installed encoder the first time. It encodes at once, and its vectors say less.
    #[arg(long, value_name = "DIR|static|default")]
    encoder: Option<PathBuf>,
    /// No encoder: an index that is searched by words alone. It needs no model and learns nothing.
    #[arg(long, conflicts_with_all = ["encoder", "external_encoder", "retriever_model"])]
    lexical: bool,
    /// An imported language model (weights f32 or f16) that is to answer queries: the docids
    /// take its tokens. It stays where it is; `search --retriever lm` asks it.
    #[arg(long, value_name = "DIR")]
    retriever_model: Option<PathBuf>,
    /// The token whose logit scores a drawn docid, if that model was trained to rerank.
    #[arg(long, value_name = "ID", requires = "retriever_model")]
    rerank_token: Option<u32>,
    /// Keep the encoder outside the index file, by path and hash.
    #[arg(long)]
    external_encoder: bool,
    /// Keep no vectors of tokens: a smaller file, and reranking by whole texts alone.
    #[arg(long)]
    no_token_vectors: bool,
    /// Leave long documents whole: their beginnings are encoded, and hits tell no places in them.
    #[arg(long)]
    no_passages: bool,
    /// The type of a field, where its first value would not tell: `price=float`. Types are boolean,
    /// integer, float, timestamp and keyword. Can be given several times.
    #[arg(long, value_name = "FIELD=TYPE", value_parser = field_type)]
    field_type: Vec<(String, FieldType)>,
    /// Seed: equal input and seed give equal bytes. Without it the file has a random identity.
    #[arg(long)]
    seed: Option<u64>,
    /// Do not train; `zerogr train` can do it later.
    #[arg(long)]
    no_train: bool,
    #[command(flatten)]
    reading: ReadArgs,
    #[command(flatten)]
    device: DeviceArg,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Docids {
    /// The document's keywords.
    Keywords,
    /// The document's title.
    Title,
    /// Written by the language model.
    Lm,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Queries {
    /// Pieces of the documents themselves.
    Free,
    /// Those, and queries written by the language model.
    Lm,
}

/// Add documents to an index; those with a known id replace the old ones.
///
/// With `--model`, a language model writes the docids of documents that bring none; without it
/// they are keywords. An interrupted run is gone on with by the same command.
#[derive(clap::Args)]
pub struct AddArgs {
    /// The index file.
    index: PathBuf,
    /// Files and folders to read.
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    reading: ReadArgs,
    #[command(flatten)]
    device: DeviceArg,
    #[command(flatten)]
    write: open::WriteArgs,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

fn field_type(text: &str) -> Result<(String, FieldType), String> {
    let (field, of) = text.rsplit_once('=').ok_or("it is not FIELD=TYPE")?;
    let of = serde_json::from_value(of.into()).map_err(|_| format!("there is no type {of:?}"))?;
    Ok((field.to_owned(), of))
}

/// Runs `build`.
pub fn run(args: &Args) -> Result<(), Failure> {
    let started = Instant::now();
    let options = match args.lexical {
        true => IndexOptions::lexical(),
        false => IndexOptions::default(),
    };
    let mut options = options
        .embed_encoder(!args.external_encoder)
        .token_vectors(!args.no_token_vectors)
        .passages((!args.no_passages).then(PassageParams::default))
        .docids(match args.docids {
            // The documents bring what the model wrote.
            Docids::Keywords | Docids::Lm => DocidSource::Keywords,
            Docids::Title => DocidSource::Title,
        });
    for (field, of) in &args.field_type {
        options = options.field(field, *of);
    }
    let by_model = args.docids == Docids::Lm || args.queries == Queries::Lm;
    if args.model.is_given() && !by_model {
        let message = "--model is for --docids lm and --queries lm: give one of them";
        return Err(Failure::usage(message));
    }
    let mut written = Vec::new();
    if args.docids == Docids::Lm {
        written.push(Written::Docids);
    }
    if args.queries == Queries::Lm {
        written.push(Written::Queries);
    }
    let writing = match by_model {
        true => Some(args.model.open(args.device.device(), &written)?),
        false => None,
    };
    let query_options = writing.as_ref().filter(|_| args.queries == Queries::Lm);
    let query_options = query_options
        .map(|(_, style)| args.task.options(*style, args.seed.unwrap_or(0)))
        .transpose()?;
    let docid_writer = writing.as_ref().filter(|_| args.docids == Docids::Lm);
    options.docid_writer = docid_writer.map(|(model, style)| writer_name(model, *style));
    if let Some(encoder) = &args.encoder {
        options.encoder = encoder::source(encoder, args.device.device())?;
    }
    options.language_model = args.retriever_model.clone();
    options.rerank_token = args.rerank_token;
    options.file_seed = args.seed;
    options.encoder_options = EncoderOptions::new().device(args.device.device());
    let train = TrainOptions::default().seed(args.seed.unwrap_or(0));
    let train = (!args.no_train && !args.lexical).then_some(&train);
    let task = Task {
        inputs: &args.inputs,
        output: &args.output,
        // With the model's queries, training comes behind them.
        train: train.filter(|_| query_options.is_none()),
        docid_writer,
        reading: args.reading.clone(),
    };
    let mut built = build(&task, options)?;
    if let (Some((model, _)), Some(options)) = (&writing, &query_options) {
        built.queries = Some(write_queries(&built.index, model, options).map_err(|failure| {
            Failure::new(format!(
                "{failure}\n  the index is at {}, without training: go on with `zerogr generate \
                 queries` and `zerogr train`",
                output::path(built.index.path())
            ))
        })?);
        if let Some(train) = train {
            let mut stages = Stages::default();
            built
                .index
                .train(train, &mut |progress| stages.report(progress))?;
            stages.finish();
        }
    }
    print(&built, started, args.json)
}

/// Runs `add`.
pub fn add(args: &AddArgs) -> Result<(), Failure> {
    let started = Instant::now();
    let mut reader = args.reading.open(&args.inputs)?;
    let index = open::to_write(&args.index, &args.write, args.device.device())?;
    let model = match args.model.is_given() {
        true => Some(args.model.open(args.device.device(), &[Written::Docids])?),
        false => None,
    };
    let snapshot = index.snapshot();
    if let (None, Some(writer)) = (&model, &snapshot.params().docids.writer) {
        output::notice(format!(
            "docids of the index were written by {writer}; without --model, new ones are \
             keywords"
        ));
    }
    let journal = journal_of(&args.index);
    let writing = model.as_ref().map(|model| Writing {
        model,
        journal: &journal,
        beside: Some(&snapshot),
    });
    let (mut writer, _, docids) = read_into(
        &index,
        &mut reader,
        writing.as_ref(),
        args.reading.fields_lenient,
    )?;
    let report = commit(&mut writer, None)?;
    forget(&journal, docids.as_ref());
    drop((writer, snapshot));
    let built = Built {
        report,
        left_out: reader.skipped().count,
        duplicates: reader.duplicate_count(),
        index,
        docids,
        queries: None,
    };
    print(&built, started, args.json)
}

/// What came out of building or adding.
pub struct Built {
    /// The index, with its newest state.
    pub index: Index,
    /// What was committed.
    pub report: CommitReport,
    /// Documents that could not be taken.
    left_out: u64,
    /// Documents whose id an earlier one of the input had.
    duplicates: u64,
    /// Docids by a language model.
    docids: Option<DocidReport>,
    /// Queries by a language model.
    queries: Option<QueryReport>,
}

/// What to build.
pub struct Task<'a> {
    /// Files and folders to read.
    pub inputs: &'a [PathBuf],
    /// The index file.
    pub output: &'a Path,
    /// How to train, if at all.
    pub train: Option<&'a TrainOptions>,
    /// Who writes docids for documents that bring none.
    pub docid_writer: Option<&'a (LanguageModel, PromptStyle)>,
    /// What to do with bad documents and with ids that come twice.
    pub reading: ReadArgs,
}

/// Builds an index; unless it succeeds, there is no file at the output. What a language model
/// wrote is kept beside it until then, so that another attempt need not do it again.
pub fn build(task: &Task<'_>, options: IndexOptions) -> Result<Built, Failure> {
    let mut reader = task.reading.open(task.inputs)?;
    let unfinished = Unfinished::new(task.output)?;
    let device = options.encoder_options.device;
    let index = Index::create(unfinished.path(), options)?;
    let journal = journal_of(task.output);
    let writing = task.docid_writer.map(|model| Writing {
        model,
        journal: &journal,
        beside: None,
    });
    let (mut writer, count, docids) = read_into(
        &index,
        &mut reader,
        writing.as_ref(),
        task.reading.fields_lenient,
    )?;
    if count == 0 {
        return Err(Failure::new(
            "there is no document in the input: nothing was built",
        ));
    }
    let report = commit(&mut writer, task.train)?;
    let (left_out, duplicates) = (reader.skipped().count, reader.duplicate_count());
    // A file that is open cannot be moved on every platform.
    drop((writer, index, reader));
    let finished = unfinished.finish()?;
    forget(&journal, docids.as_ref());
    Ok(Built {
        index: open::to_read(&finished, &open::AccessArgs::default(), device)?,
        report,
        left_out,
        duplicates,
        docids,
        queries: None,
    })
}

/// How a language model comes to write docids.
struct Writing<'a> {
    model: &'a (LanguageModel, PromptStyle),
    /// What it wrote, until that is in the index.
    journal: &'a Path,
    /// The index that the documents are added to.
    beside: Option<&'a Snapshot>,
}

/// The file beside an index that keeps docids until they are in it.
fn journal_of(index: &Path) -> PathBuf {
    let mut journal = index.as_os_str().to_owned();
    journal.push(".docids.jsonl");
    PathBuf::from(journal)
}

/// Removes a journal whose docids are in the index now. Best effort.
fn forget(journal: &Path, docids: Option<&DocidReport>) {
    if docids.is_some() {
        let _ = std::fs::remove_file(journal);
    }
}

/// Gives all documents to a writer of `index`, with docids by a language model where one writes
/// them, and says what had to be left out; returns the writer and how many documents there were.
/// No other writer is kept waiting while the model writes.
fn read_into(
    index: &Index,
    reader: &mut DocumentReader,
    writing: Option<&Writing<'_>>,
    fields_lenient: bool,
) -> Result<(Writer, u64, Option<DocidReport>), Failure> {
    let mut check = index.document_check().fields_lenient(fields_lenient);
    reader.check_with(move |document| check.check(document));
    let Some(Writing {
        model: (model, style),
        journal,
        beside,
    }) = writing
    else {
        let mut writer = index.writer()?.fields_lenient(fields_lenient);
        let mut count = 0;
        for document in &mut *reader {
            writer.add(document?)?;
            count += 1;
        }
        say_what_was_left_out(reader);
        return Ok((writer, count, None));
    };
    let mut documents = reading::all(reader)?;
    say_what_was_left_out(reader);
    let docids = write_docids(&mut documents, model, *style, journal, *beside)?;
    let count = documents.len() as u64;
    let mut writer = index.writer()?.fields_lenient(fields_lenient);
    documents
        .into_iter()
        .try_for_each(|document| writer.add(document))?;
    Ok((writer, count, Some(docids)))
}

/// Commits and shows how far it is.
pub(super) fn commit(
    writer: &mut Writer,
    train: Option<&TrainOptions>,
) -> Result<CommitReport, Failure> {
    let mut stages = Stages::default();
    let report = writer.commit_with(train, &mut |progress| stages.report(progress))?;
    stages.finish();
    Ok(report)
}

fn print(built: &Built, started: Instant, as_json: bool) -> Result<(), Failure> {
    let Built {
        index,
        report,
        left_out,
        duplicates,
        docids,
        queries,
    } = built;
    let seconds = started.elapsed().as_secs_f64();
    let bytes = index.stored().space()?.file_bytes;
    if as_json {
        let mut value = json!({
            "index": output::path_value(index.path()), "commit": report, "left_out": left_out, "duplicates": duplicates,
            "documents": index.snapshot().document_count(), "file_bytes": bytes, "seconds": seconds,
        });
        if let Some(docids) = docids {
            value["written_docids"] = json!(docids);
        }
        if let Some(queries) = queries {
            value["written_queries"] = json!(queries);
        }
        return output::json(&value);
    }
    let mut lines = vec![format!(
        "{}: {} documents, {:.1} MB, {seconds:.1} s",
        output::path(index.path()),
        index.snapshot().document_count(),
        bytes as f64 / 1e6
    )];
    let passages = match report.passages > report.added {
        true => format!(" in {} passages", report.passages),
        false => String::new(),
    };
    lines.push(format!(
        "  added {}{passages}, replaced {}, docids {}, shared by several documents {}, without a term {}, left out {left_out}",
        report.added, report.replaced, report.docids, report.colliding_docids, report.without_terms
    ));
    if report.untyped_fields > 0 {
        lines.push(format!(
            "  values of no type, or not of their field's, that are only kept: {}",
            report.untyped_fields
        ));
    }
    lines.extend(docids.as_ref().map(|docids| format!("  {}", docids.line())));
    lines.extend(
        queries
            .as_ref()
            .map(|queries| format!("  {}", query_line(queries))),
    );
    output::line(&lines.join("\n"))
}
