//! `zerogr demo`: the whole of it on real data: set up, build, measure, search.

use std::path::{Path, PathBuf};
use std::time::Instant;

use zerogr::raw::eval::Collection;
use zerogr::raw::store::Store;
use zerogr::{IndexOptions, Mode, SearchOptions, TrainOptions};

use crate::console::failure::Failure;
use crate::console::output;
use crate::eval;
use crate::install::setup;
use crate::options::reading::ReadArgs;
use crate::read::search;
use crate::write::build;

/// Set up, index 5,183 abstracts, answer 300 claims, show quality and example searches.
#[derive(clap::Args)]
pub struct Args {
    /// A folder in BEIR layout; by default the SciFact collection of the repository.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The index file to make (replaced if it exists).
    #[arg(short, long, default_value = "demo.zgr")]
    output: PathBuf,
}

/// Claims shown with their answers.
const EXAMPLES: usize = 3;

/// Runs the command.
pub fn run(args: &Args) -> Result<(), Failure> {
    let data = match &args.data {
        Some(dir) => dir.clone(),
        None => repository_data()?,
    };
    let is_replaced = is_old_index(&args.output)?;
    let installed = setup::ensure(None)?;
    output::line(&format!(
        "ONNX Runtime and encoder: {}",
        output::path(&installed.runtime)
    ))?;

    let collection = Collection::open(&data, "test")?;
    if is_replaced {
        std::fs::remove_file(&args.output)
            .map_err(|error| Failure::io("removing", &args.output, &error))?;
    }
    let started = Instant::now();
    let options = IndexOptions::default().file_seed(0);
    let train = TrainOptions::default();
    let inputs = [collection.corpus_path.clone()];
    let task = build::Task {
        inputs: &inputs,
        output: &args.output,
        train: Some(&train),
        docid_writer: None,
        reading: ReadArgs::default(),
    };
    let built = build::build(&task, options)?;
    output::line(&format!(
        "built {} in {:.0} s: {} documents, {} docids, {:.1} MB in one file\n",
        output::path(&args.output),
        started.elapsed().as_secs_f64(),
        built.report.added,
        built.report.docids,
        built.index.stored().space()?.file_bytes as f64 / 1e6
    ))?;

    let ways = [
        ("planned (default)", SearchOptions::new()),
        ("generative", SearchOptions::new().mode(Mode::Generative)),
        ("BM25 alone", SearchOptions::new().mode(Mode::Lexical)),
        ("encoder alone", SearchOptions::new().mode(Mode::Dense)),
        ("BM25 + encoder", SearchOptions::new().mode(Mode::Fusion)),
    ];
    let mut measured = Vec::with_capacity(ways.len());
    for (label, options) in ways {
        measured.push(eval::of_search(
            label,
            &built.index,
            &collection.queries,
            &collection.qrels,
            options,
        )?);
    }
    output::line(&format!(
        "{} judged queries:\n{}",
        collection.queries.len(),
        eval::of_systems(&measured)
    ))?;

    for query in collection.queries.iter().take(EXAMPLES) {
        let started = Instant::now();
        let hits = search::hits(&built.index, &query.text, &SearchOptions::new().k(3), None)?;
        let elapsed_ms = started.elapsed().as_secs_f64() * 1e3;
        output::line(&format!(
            "\n\"{}\"  ({elapsed_ms:.1} ms)",
            output::inline(&query.text)
        ))?;
        search::print(&hits)?;
    }
    output::line(&format!(
        "\nTry your own: zerogr search {} \"...\"",
        output::path(&args.output)
    ))
}

/// True when an index is there to be replaced; what is no index stays.
fn is_old_index(path: &Path) -> Result<bool, Failure> {
    if path.symlink_metadata().is_err() {
        return Ok(false);
    }
    match Store::open(path) {
        Err(error) if !error.is_corrupt() => Err(error.into()),
        _ => Ok(true),
    }
}

/// The collection that comes with the repository: below the current folder, or where this
/// program was compiled.
fn repository_data() -> Result<PathBuf, Failure> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let compiled_in = package.ancestors().nth(3);
    std::iter::once(Path::new(""))
        .chain(compiled_in)
        .map(|repository| repository.join("tests/data/scifact"))
        .find(|folder| folder.is_dir())
        .ok_or_else(|| {
            Failure::new(
                "the demo collection is not here: run it in the repository, or give a folder with \
                 corpus.jsonl, queries.jsonl and qrels/test.tsv (BEIR's layout) by --data DIR",
            )
        })
}
