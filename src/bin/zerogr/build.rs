//! `zerogr build` and `zerogr add`: documents in, index file out.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::json;
use zerogr::docs::{DocumentReader, ReadOptions};
use zerogr::index::{
    CommitReport, DocidSource, EncoderSource, Index, IndexOptions, TrainOptions, Writer,
};
use zerogr::model::EncoderOptions;

use crate::device::DeviceArg;
use crate::failure::Failure;
use crate::progress::Stages;
use crate::unfinished::Unfinished;
use crate::{open, output};

/// Build an index of documents and train it.
///
/// Inputs are JSON lines (`_id` or `id`, `title`, `text`, optionally `docid`, `tags`), plain or
/// gzip, `-` for standard input, or folders of text and Markdown files.
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
    /// A sentence-transformers folder with an ONNX graph, instead of the installed encoder.
    #[arg(long, value_name = "DIR")]
    encoder: Option<PathBuf>,
    /// Keep the encoder outside the index file, by path and hash.
    #[arg(long)]
    external_encoder: bool,
    /// Seed: equal input and seed give equal bytes. Without it the file has a random identity.
    #[arg(long)]
    seed: Option<u64>,
    /// Do not train; `zerogr train` can do it later.
    #[arg(long)]
    no_train: bool,
    /// Leave out lines that cannot be read, and say how many.
    #[arg(long)]
    skip_bad_lines: bool,
    #[command(flatten)]
    device: DeviceArg,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Docids {
    Keywords,
    Title,
}

/// Add documents to an index; those with a known id replace the old ones.
#[derive(clap::Args)]
pub struct AddArgs {
    /// The index file.
    index: PathBuf,
    /// Files and folders to read.
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// Leave out lines that cannot be read, and say how many.
    #[arg(long)]
    skip_bad_lines: bool,
    #[command(flatten)]
    device: DeviceArg,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs `build`.
pub fn run(args: &Args) -> Result<(), Failure> {
    let started = Instant::now();
    let mut options = IndexOptions::default()
        .embed_encoder(!args.external_encoder)
        .docids(match args.docids {
            Docids::Keywords => DocidSource::Keywords,
            Docids::Title => DocidSource::Title,
        });
    if let Some(dir) = &args.encoder {
        options.encoder = EncoderSource::Folder(dir.clone());
    }
    options.file_seed = args.seed;
    options.encoder_options = EncoderOptions::new().device(args.device.device());
    let train = TrainOptions::default().seed(args.seed.unwrap_or(0));
    let train = (!args.no_train).then_some(&train);
    let built = build(
        &args.inputs,
        &args.output,
        options,
        train,
        args.skip_bad_lines,
    )?;
    print(&built, started, args.json)
}

/// Runs `add`.
pub fn add(args: &AddArgs) -> Result<(), Failure> {
    let started = Instant::now();
    let options = ReadOptions {
        skip_bad_lines: args.skip_bad_lines,
    };
    let mut reader = DocumentReader::open(&args.inputs, &options)?;
    let index = open::index(&args.index, args.device.device())?;
    let mut writer = index.writer()?;
    read_into(&mut writer, &mut reader)?;
    let built = Built {
        report: commit(&mut writer, None)?,
        left_out: reader.skipped().count,
        index,
    };
    print(&built, started, args.json)
}

/// What came out of building or adding.
pub struct Built {
    /// The index, with its newest state.
    pub index: Index,
    /// What was committed.
    pub report: CommitReport,
    /// Lines and files that could not be read.
    left_out: u64,
}

/// Builds an index; unless it succeeds, there is no file at `output`.
pub fn build(
    inputs: &[PathBuf],
    output: &Path,
    options: IndexOptions,
    train: Option<&TrainOptions>,
    skip_bad_lines: bool,
) -> Result<Built, Failure> {
    let mut reader = DocumentReader::open(inputs, &ReadOptions { skip_bad_lines })?;
    let unfinished = Unfinished::new(output)?;
    let device = options.encoder_options.device;
    let index = Index::create(unfinished.path(), options)?;
    let mut writer = index.writer()?;
    if read_into(&mut writer, &mut reader)? == 0 {
        return Err(Failure::new(
            "there is no document in the input: nothing was built",
        ));
    }
    let report = commit(&mut writer, train)?;
    // A file that is open cannot be moved on every platform.
    drop((writer, index));
    let finished = unfinished.finish()?;
    Ok(Built {
        index: open::index(&finished, device)?,
        report,
        left_out: reader.skipped().count,
    })
}

/// Reads all documents and says what had to be left out; returns how many there were.
fn read_into(writer: &mut Writer, reader: &mut DocumentReader) -> Result<u64, Failure> {
    let mut count = 0;
    for document in &mut *reader {
        writer.add(document?)?;
        count += 1;
    }
    for report in &reader.skipped().reports {
        eprintln!("zerogr: left out: {report}");
    }
    Ok(count)
}

fn commit(writer: &mut Writer, train: Option<&TrainOptions>) -> Result<CommitReport, Failure> {
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
    } = built;
    let seconds = started.elapsed().as_secs_f64();
    let bytes = index.store().len_bytes()?;
    if as_json {
        let value = json!({
            "index": index.path(), "commit": report, "left_out": left_out,
            "documents": index.snapshot().document_count(), "file_bytes": bytes, "seconds": seconds,
        });
        return output::line(&value.to_string());
    }
    let mut lines = vec![format!(
        "{}: {} documents, {:.1} MB, {seconds:.1} s",
        index.path().display(),
        index.snapshot().document_count(),
        bytes as f64 / 1e6
    )];
    lines.push(format!(
        "  added {}, replaced {}, docids {}, shared by several documents {}, without a term {}, left out {left_out}",
        report.added, report.replaced, report.docids, report.colliding_docids, report.without_terms
    ));
    output::line(&lines.join("\n"))
}
