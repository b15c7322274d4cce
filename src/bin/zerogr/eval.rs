//! `zerogr eval`: measures an index on a collection with judged queries.

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Value, json};
use zerogr::eval::{Collection, EvalOptions, Query, Run, Summary, evaluate};
use zerogr::index::{Index, SearchOptions};

use crate::device::DeviceArg;
use crate::failure::Failure;
use crate::progress::bar;
use crate::{open, output};

/// Documents per query that are measured.
const DEPTH: usize = 100;

/// Measure an index on a BEIR folder (corpus.jsonl, queries.jsonl, qrels/SPLIT.tsv; plain or gzip).
#[derive(clap::Args)]
pub struct Args {
    /// The index file.
    index: PathBuf,
    /// The folder.
    dir: PathBuf,
    /// How queries are answered.
    #[arg(long, value_enum, default_value_t = Mode::Generative)]
    mode: Mode,
    /// Whether the document head reorders what was drawn.
    ///
    /// On by default; the encoder alone and the words alone draw nothing and cannot reorder.
    #[arg(long, value_enum)]
    rerank: Option<Switch>,
    /// Which judgements.
    #[arg(long, default_value = "test")]
    split: String,
    /// Write the ranking as a TREC run file.
    #[arg(long, value_name = "FILE")]
    run: Option<PathBuf>,
    /// Drop a hit whose id is the query's own, as BEIR's evaluator does.
    #[arg(long)]
    drop_same_id: bool,
    #[command(flatten)]
    device: DeviceArg,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// How queries are answered.
#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
pub enum Mode {
    /// By generating docids.
    Generative,
    /// By the encoder alone: cosine with every document.
    Dense,
    /// By the words alone: BM25.
    Lexical,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Switch {
    On,
    Off,
}

/// What was measured of one way to answer.
pub struct Measured {
    /// Quality.
    pub summary: Summary,
    /// Median time of a query, encoder included where one is used.
    pub p50_ms: f64,
    /// 95th percentile of it.
    pub p95_ms: f64,
    /// Mean branching prefixes scored per query.
    pub node_evaluations: f64,
    run: Run,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<(), Failure> {
    if args.mode != Mode::Generative && args.rerank == Some(Switch::On) {
        return Err(Failure::usage(format!(
            "`--mode {}` cannot be used with `--rerank on`: leave one of them out",
            if args.mode == Mode::Dense {
                "dense"
            } else {
                "lexical"
            }
        )));
    }
    let index = open::index(&args.index, args.device.device())?;
    let collection = Collection::open(&args.dir, &args.split)?;
    let options = EvalOptions {
        drop_same_id: args.drop_same_id,
    };
    // Before the measuring, which can take long.
    let create =
        |path: &PathBuf| File::create(path).map_err(|error| Failure::io("creating", path, &error));
    let run_file = args.run.as_ref().map(create).transpose()?;
    let rerank = args.rerank != Some(Switch::Off);
    let measured = measure(&index, &collection, args.mode, rerank, &options)?;
    if let Some(file) = run_file {
        measured.run.write(&mut BufWriter::new(file), "zerogr")?;
    }
    if args.json {
        return output::line(&to_json(&measured)?.to_string());
    }
    output::line(&format!("{}\n{}", HEADER, row("", &measured)))
}

/// Answers all judged queries of a collection and measures the answers.
pub fn measure(
    index: &Index,
    collection: &Collection,
    mode: Mode,
    rerank: bool,
    options: &EvalOptions,
) -> Result<Measured, Failure> {
    let snapshot = index.snapshot();
    if mode != Mode::Lexical {
        index.encoder()?;
    }
    let encode = |query: &Query| index.encode_query(&query.text, query.instruction.as_deref());
    let mut run = Run::new();
    let mut times_ms = Vec::with_capacity(collection.queries.len());
    let mut node_evaluations = 0;
    let bar = bar(collection.queries.len() as u64, "answering queries");
    for query in &collection.queries {
        let started = Instant::now();
        let hits: Vec<(String, f64)> = match mode {
            Mode::Dense => snapshot.dense(&encode(query)?, DEPTH),
            Mode::Lexical => snapshot.lexical(&query.text, DEPTH)?,
            Mode::Generative => {
                let search = SearchOptions::new().k(DEPTH).rerank(rerank);
                let result = snapshot.search_vector(&encode(query)?, &search)?;
                node_evaluations += result.work.node_evaluations;
                result
                    .hits
                    .into_iter()
                    .map(|hit| (hit.id, hit.score))
                    .collect()
            }
        };
        times_ms.push(started.elapsed().as_secs_f64() * 1e3);
        run.insert_ranked(&query.id, hits)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    times_ms.sort_by(f64::total_cmp);
    let quantile = |share: f64| {
        let place = (times_ms.len() as f64 * share) as usize;
        times_ms
            .get(place.min(times_ms.len().saturating_sub(1)))
            .copied()
            .unwrap_or(0.0)
    };
    Ok(Measured {
        summary: evaluate(&collection.qrels, &run, options).summary,
        p50_ms: quantile(0.5),
        p95_ms: quantile(0.95),
        node_evaluations: node_evaluations as f64 / collection.queries.len().max(1) as f64,
        run,
    })
}

/// The table's first line.
pub const HEADER: &str = "                     nDCG@10   Acc@1  Recall@100   p50 ms   p95 ms";

/// A line of the table.
pub fn row(label: &str, measured: &Measured) -> String {
    let means = &measured.summary.means;
    format!(
        "{label:20} {:.4}   {:.4}   {:.4}      {:6.2}   {:6.2}",
        means.ndcg_10, means.acc_1, means.recall_100, measured.p50_ms, measured.p95_ms
    )
}

fn to_json(measured: &Measured) -> Result<Value, Failure> {
    let mut value =
        serde_json::to_value(measured.summary).map_err(|error| Failure::new(error.to_string()))?;
    value["p50_ms"] = json!(measured.p50_ms);
    value["p95_ms"] = json!(measured.p95_ms);
    value["node_evaluations"] = json!(measured.node_evaluations);
    Ok(value)
}
