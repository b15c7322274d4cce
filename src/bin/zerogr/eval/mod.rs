//! `zerogr eval`: measures indexes, baselines and run files on collections with judged queries.
//!
//! ```text
//!   paths ─► plan ─► for each dataset: open or build the index ─► measure every system ─► Measured
//!                                                                                            │
//!                           table (people), JSON, per-query lines, report (HTML) ◄───────────┘
//! ```

mod args;
mod compare;
mod examples;
mod json;
mod measure;
mod measured;
mod plan;
mod report;
mod run_files;
mod searched;
mod table;

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::console::failure::Failure;
use crate::console::output;
use crate::console::result_file::{Content, ResultFile};

pub use args::Args;
pub use measure::of_search;
pub use table::of_systems;

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
