//! `zerogr count`: how many documents there are, by the values of fields.

use std::path::PathBuf;

use serde_json::json;
use zerogr::raw::model::Device;
use zerogr::{FacetCounts, ListOptions};

use crate::console::failure::Failure;
use crate::console::output;
use crate::options::filter::{FacetArg, FilterArgs, print_counts};
use crate::options::open;

/// Count documents, and how many have which value of a field.
#[derive(clap::Args)]
pub struct Args {
    /// The index file.
    index: PathBuf,
    /// Fields to count by: `lang` by its values, `year=2000,2010,2020` by the ranges between.
    #[arg(value_name = "FIELD[=BOUND,...]")]
    by: Vec<FacetArg>,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    access: open::AccessArgs,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<(), Failure> {
    let filter = args.filter.filter();
    let index = open::to_read(&args.index, &args.access, Device::Auto)?;
    let snapshot = index.snapshot();
    let documents = match &filter {
        Some(filter) => {
            let options = ListOptions::new().filter(filter.clone());
            snapshot.list(&options)?.len() as u64
        }
        None => snapshot.document_count(),
    };
    let counts = args.by.iter();
    let counts = counts.map(|by| snapshot.count_matching(by.facet(), filter.as_ref()));
    let counts = counts.collect::<zerogr::Result<Vec<FacetCounts>>>()?;
    if args.json {
        return output::json(&json!({"documents": documents, "fields": counts}));
    }
    output::line(&format!("{documents} documents"))?;
    counts
        .iter()
        .try_for_each(|one| print_counts(one, "of these have a value"))
}
