//! `zerogr eval`: measures an index on a collection with judged queries.

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Value, json};
use zerogr::decode::Work;
use zerogr::eval::{Collection, EvalOptions, Run, Summary, evaluate};
use zerogr::index::{self, Index, SearchOptions};

use crate::decoding::DecodingArgs;
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
    #[command(flatten)]
    decoding: DecodingArgs,
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
enum Mode {
    /// By generating docids.
    Generative,
    /// By generating docids, with BM25 as a prior.
    Planned,
    /// By the encoder alone: cosine with every document.
    Dense,
    /// By the words alone: BM25.
    Lexical,
}

/// One way to answer queries.
pub enum Way {
    /// By the encoder alone.
    Dense,
    /// As the index searches.
    Search(Box<SearchOptions>),
}

/// What was measured of one way to answer.
pub struct Measured {
    /// Quality.
    pub summary: Summary,
    /// Median time of a query, encoder included where one is used.
    pub p50_ms: f64,
    /// 95th percentile of it.
    pub p95_ms: f64,
    /// Work of the decoder on all queries together.
    work: Work,
    queries: usize,
    /// Queries whose budget ended the search.
    incomplete: usize,
    run: Run,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<(), Failure> {
    let reranks = matches!(args.mode, Mode::Generative | Mode::Planned);
    if !reranks && args.decoding.demands_rerank() {
        return Err(Failure::usage(
            "`--rerank on` cannot be used with `--mode dense` or `--mode lexical`: leave one of \
             them out",
        ));
    }
    let search = |mode| Way::Search(Box::new(args.decoding.options(mode)));
    let way = match args.mode {
        Mode::Generative => search(index::Mode::Generative),
        Mode::Planned => search(index::Mode::Planned),
        Mode::Lexical => search(index::Mode::Lexical),
        Mode::Dense => Way::Dense,
    };
    let index = open::index(&args.index, args.device.device())?;
    let collection = Collection::open(&args.dir, &args.split)?;
    let options = EvalOptions {
        drop_same_id: args.drop_same_id,
    };
    // Before the measuring, which can take long.
    let create =
        |path: &PathBuf| File::create(path).map_err(|error| Failure::io("creating", path, &error));
    let run_file = args.run.as_ref().map(create).transpose()?;
    let measured = measure(&index, &collection, &way, &options)?;
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
    way: &Way,
    options: &EvalOptions,
) -> Result<Measured, Failure> {
    let snapshot = index.snapshot();
    let needs_encoder = !matches!(way, Way::Search(search) if search.mode == index::Mode::Lexical);
    if needs_encoder {
        index.encoder()?;
    }
    let mut run = Run::new();
    let mut times_ms = Vec::with_capacity(collection.queries.len());
    let mut work = Work::default();
    let mut incomplete = 0;
    let bar = bar(collection.queries.len() as u64, "answering queries");
    for query in &collection.queries {
        let started = Instant::now();
        let hits: Vec<(String, f64)> = match way {
            Way::Dense => {
                let vector = index.encode_query(&query.text, query.instruction.as_deref())?;
                snapshot.dense(&vector, DEPTH)
            }
            Way::Search(search) => {
                let mut search = (**search).clone().k(DEPTH);
                search.instruction = query.instruction.clone();
                let result = index.search(&query.text, &search)?;
                work.add(&result.work);
                incomplete += usize::from(!result.complete);
                let hits = result.hits.into_iter();
                hits.map(|hit| (hit.id, hit.score)).collect()
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
        work,
        queries: collection.queries.len(),
        incomplete,
        run,
    })
}

/// The table's first line.
pub const HEADER: &str =
    "                     nDCG@10   Acc@1  Recall@100   p50 ms   p95 ms   nodes";

/// A line of the table.
pub fn row(label: &str, measured: &Measured) -> String {
    let means = &measured.summary.means;
    format!(
        "{label:20} {:.4}   {:.4}   {:.4}      {:6.2}   {:6.2}  {:6.0}",
        means.ndcg_10,
        means.acc_1,
        means.recall_100,
        measured.p50_ms,
        measured.p95_ms,
        measured.work.node_evaluations as f64 / measured.queries.max(1) as f64
    )
}

fn to_json(measured: &Measured) -> Result<Value, Failure> {
    let mut value =
        serde_json::to_value(measured.summary).map_err(|error| Failure::new(error.to_string()))?;
    value["p50_ms"] = json!(measured.p50_ms);
    value["p95_ms"] = json!(measured.p95_ms);
    value["incomplete"] = json!(measured.incomplete);
    let mean = |count: u64| json!(count as f64 / measured.queries.max(1) as f64);
    let work = &measured.work;
    value["work"] = json!({
        "prefills": mean(work.prefills), "passes": mean(work.passes),
        "node_evaluations": mean(work.node_evaluations),
        "children_scored": mean(work.children_scored), "bytes_touched": mean(work.bytes_touched),
    });
    Ok(value)
}
