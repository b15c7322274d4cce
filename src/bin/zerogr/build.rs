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
    let (index, report, skipped) = build(
        &args.inputs,
        &args.output,
        options,
        train,
        args.skip_bad_lines,
    )?;
    print(&index, &report, skipped, started, args.json)
}

/// Runs `add`.
pub fn add(args: &AddArgs) -> Result<(), Failure> {
    let started = Instant::now();
    let index = open::index(&args.index, args.device.device())?;
    let mut writer = index.writer()?;
    let skipped = read_into(&mut writer, &args.inputs, args.skip_bad_lines)?;
    let mut stages = Stages::default();
    let report = writer.commit_with(None, &mut |progress| stages.report(progress))?;
    stages.finish();
    print(&index, &report, skipped, started, args.json)
}

/// Builds an index; on failure no file is left behind.
pub fn build(
    inputs: &[PathBuf],
    output: &Path,
    options: IndexOptions,
    train: Option<&TrainOptions>,
    skip_bad_lines: bool,
) -> Result<(Index, CommitReport, u64), Failure> {
    let index = Index::create(output, options)?;
    let made = || -> Result<(CommitReport, u64), Failure> {
        let mut writer = index.writer()?;
        let skipped = read_into(&mut writer, inputs, skip_bad_lines)?;
        let mut stages = Stages::default();
        let report = writer.commit_with(train, &mut |progress| stages.report(progress))?;
        stages.finish();
        if report.added == 0 {
            return Err(Failure::new(
                "there is no document in the input: nothing was built",
            ));
        }
        Ok((report, skipped))
    };
    match made() {
        Ok((report, skipped)) => Ok((index, report, skipped)),
        Err(failure) => {
            // The file was created by this command and holds no document yet.
            let _ = std::fs::remove_file(output);
            Err(failure)
        }
    }
}

fn read_into(
    writer: &mut Writer,
    inputs: &[PathBuf],
    skip_bad_lines: bool,
) -> Result<u64, Failure> {
    let mut reader = DocumentReader::open(inputs, &ReadOptions { skip_bad_lines })?;
    for document in &mut reader {
        writer.add(document?)?;
    }
    let skipped = reader.skipped();
    for report in &skipped.reports {
        eprintln!("zerogr: left out: {report}");
    }
    Ok(skipped.count)
}

fn print(
    index: &Index,
    report: &CommitReport,
    skipped: u64,
    started: Instant,
    as_json: bool,
) -> Result<(), Failure> {
    let seconds = started.elapsed().as_secs_f64();
    let bytes = index.store().len_bytes()?;
    if as_json {
        let value = json!({
            "index": index.path(), "commit": report, "left_out": skipped,
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
        "  added {}, replaced {}, docids {}, shared by several documents {}, without a term {}, left out {skipped}",
        report.added, report.replaced, report.docids, report.colliding_docids, report.without_terms
    ));
    output::line(&lines.join("\n"))
}
