//! `zerogr eval`: measures indexes, baselines and run files on collections with judged queries.
//!
//! ```text
//!   paths ─► plan ─► for each dataset: open or build the index ─► measure every system ─► Measured
//!                                                                                            │
//!                           table (people), JSON, per-query lines, report (HTML) ◄───────────┘
//! ```

mod compare;
mod json;
mod measure;
mod plan;
mod report;
mod table;

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use zerogr::raw::eval::Metric;

use crate::decoding::DecodingArgs;
use crate::device::DeviceArg;
use crate::failure::Failure;
use crate::mode::ModeArg;
use crate::result_file::{Content, ResultFile};
use crate::{open, output};

pub use measure::of_search;
pub use table::of_systems;

/// Measure retrieval on collections with judged queries.
///
/// Collections are folders in the layout of BEIR (corpus.jsonl, queries.jsonl, qrels/SPLIT.tsv)
/// or MAIR (docs.jsonl, queries.jsonl with instructions and labels), plain or gzip; a folder of
/// such folders, and tasks that share a corpus, are all measured.
#[derive(clap::Args)]
pub struct Args {
    /// Index files and folders of collections: an index is searched for the folders after it, up
    /// to the next index.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// How queries are answered; several at once with commas [default: planned].
    #[arg(long, value_enum, value_delimiter = ',')]
    mode: Vec<ModeArg>,
    #[command(flatten)]
    decoding: DecodingArgs,
    /// Share of BM25 in `--mode fusion`, 0 to 1.
    #[arg(long, value_name = "SHARE")]
    fusion_share: Option<f64>,
    /// Measure a decoder that samples under N seeds, from --seed on, and give mean and deviation.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    seeds: u32,
    /// Which judgements.
    #[arg(long, default_value = "test")]
    split: String,
    /// What to measure: nDCG@K, Acc@1, Success@K, Recall@K, MRR@K, MAP. The first is compared.
    #[arg(long, value_delimiter = ',', default_values_t = Metric::DEFAULT)]
    metrics: Vec<Metric>,
    /// Documents measured per query [default: 100; all of a run file].
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    depth: Option<u32>,
    /// Drop a hit whose id is the query's own, as BEIR's evaluator does. Where that changes a
    /// mean, both are printed, with this switch or without it.
    #[arg(long)]
    drop_same_id: bool,
    /// The task in words, for queries that bring no instruction of their own.
    #[arg(long, value_name = "TEXT")]
    instruction: Option<String>,
    /// Leave the instructions of the queries out.
    #[arg(long, conflicts_with = "instruction")]
    no_instructions: bool,
    /// Build the index of a folder that comes after none, with defaults, as DIR/NAME.zgr, and
    /// keep it; one that is there already is used as it is.
    #[arg(long, value_name = "DIR")]
    build_dir: Option<PathBuf>,
    /// Judgements from this file (TREC or BEIR layout) instead of the folder's; without a folder,
    /// run files can be measured by it.
    #[arg(long, value_name = "FILE")]
    qrels: Option<PathBuf>,
    /// Measure a TREC run file, too; `{}` in it stands for the name of the dataset.
    #[arg(long, value_name = "NAME=FILE")]
    read_run: Vec<String>,
    /// The system that others are compared with [default: lexical, where it is measured].
    #[arg(long, value_name = "NAME")]
    baseline: Option<String>,
    /// Write the ranking of the only system on the only dataset as a TREC run file.
    #[arg(long, value_name = "FILE", conflicts_with = "runs")]
    run: Option<PathBuf>,
    /// Write DIR/DATASET/SYSTEM.run and DIR/DATASET/qrels.trec in TREC's layouts.
    #[arg(long, value_name = "DIR")]
    runs: Option<PathBuf>,
    /// Write the metrics of every query as JSON lines.
    #[arg(long, value_name = "FILE")]
    per_query: Option<PathBuf>,
    /// Write a page with tables and charts (HTML, self-contained).
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArg,
    #[command(flatten)]
    access: open::AccessArgs,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<(), Failure> {
    let plan = plan::plan(args)?;
    // Before the measuring, which can take long.
    let begin = |path: &Option<PathBuf>, content| {
        let path = path.as_deref();
        path.map(|path| ResultFile::create(path, content))
            .transpose()
    };
    let per_query = begin(&args.per_query, Content::PerQuery)?;
    let report = begin(&args.report, Content::Report)?;
    begin(&args.run, Content::Run)?;
    let measured = measure::all(args, plan)?;
    let results = compare::compare(measured, args)?;
    if let (Some(file), Some(path)) = (per_query, &args.per_query) {
        let mut file = BufWriter::new(file);
        json::write_per_query(&results, &mut file).map_err(|error| writing(path, error))?;
        let file = file.into_inner();
        file.map_err(|error| writing(path, error.into()))?
            .finish()?;
    }
    if let (Some(mut file), Some(path)) = (report, &args.report) {
        file.write_all(report::page(&results).as_bytes())
            .map_err(|error| writing(path, error))?;
        file.finish()?;
    }
    match args.json {
        true => output::json(&json::of(&results)?),
        false => output::line(&table::of(&results)),
    }
}

fn writing(path: &Path, error: std::io::Error) -> Failure {
    Failure::io("writing", path, &error)
}
