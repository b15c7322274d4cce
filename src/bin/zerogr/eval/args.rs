//! What `zerogr eval` is told.

use std::path::PathBuf;

use zerogr::raw::eval::Metric;

use crate::options::decoding::DecodingArgs;
use crate::options::device::DeviceArg;
use crate::options::mode::ModeArg;
use crate::options::open;

/// The baseline where none is named.
const DEFAULT_BASELINE: &str = "lexical";

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
    pub paths: Vec<PathBuf>,
    /// How queries are answered; several at once with commas [default: planned].
    #[arg(long, value_enum, value_delimiter = ',')]
    pub mode: Vec<ModeArg>,
    #[command(flatten)]
    pub decoding: DecodingArgs,
    /// Share of BM25 in `--mode fusion`, 0 to 1.
    #[arg(long, value_name = "SHARE")]
    pub fusion_share: Option<f64>,
    /// Measure a decoder that samples under N seeds, from --seed on, and give mean and deviation.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub seeds: u32,
    /// Which judgements.
    #[arg(long, default_value = "test")]
    pub split: String,
    /// What to measure: nDCG@K, Acc@1, Success@K, Recall@K, MRR@K, MAP. The first is compared.
    #[arg(long, value_delimiter = ',', default_values_t = Metric::DEFAULT)]
    pub metrics: Vec<Metric>,
    /// Documents measured per query [default: 100; all of a run file].
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    pub depth: Option<u32>,
    /// Drop a hit whose id is the query's own, as BEIR's evaluator does. Where that changes a
    /// mean, both are printed, with this switch or without it.
    #[arg(long)]
    pub drop_same_id: bool,
    /// The task in words, for queries that bring no instruction of their own.
    #[arg(long, value_name = "TEXT")]
    pub instruction: Option<String>,
    /// Leave the instructions of the queries out.
    #[arg(long, conflicts_with = "instruction")]
    pub no_instructions: bool,
    /// Build the index of a folder that comes after none, with defaults, as DIR/NAME.zgr, and
    /// keep it; one that is there already is used as it is.
    #[arg(long, value_name = "DIR")]
    pub build_dir: Option<PathBuf>,
    /// Judgements from this file (TREC or BEIR layout) instead of the folder's; without a folder,
    /// run files can be measured by it.
    #[arg(long, value_name = "FILE")]
    pub qrels: Option<PathBuf>,
    /// Measure a TREC run file, too; `{}` in it stands for the name of the dataset.
    #[arg(long, value_name = "NAME=FILE")]
    pub read_run: Vec<String>,
    /// The system that others are compared with [default: lexical, where it is measured].
    #[arg(long, value_name = "NAME")]
    pub baseline: Option<String>,
    /// Write the ranking of the only system on the only dataset as a TREC run file.
    #[arg(long, value_name = "FILE", conflicts_with = "runs")]
    pub run: Option<PathBuf>,
    /// Write DIR/DATASET/SYSTEM.run and DIR/DATASET/qrels.trec in TREC's layouts.
    #[arg(long, value_name = "DIR")]
    pub runs: Option<PathBuf>,
    /// Write the metrics of every query as JSON lines.
    #[arg(long, value_name = "FILE")]
    pub per_query: Option<PathBuf>,
    /// Write a page with tables and charts (HTML, self-contained).
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    #[command(flatten)]
    pub device: DeviceArg,
    #[command(flatten)]
    pub access: open::AccessArgs,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// The system that others are compared with.
pub fn baseline_of<'a>(
    args: &'a Args,
    mut names: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let wanted = args.baseline.as_deref().unwrap_or(DEFAULT_BASELINE);
    names.find(|name| *name == wanted)
}
