//! `zerogr search`: answers one query.

use std::path::PathBuf;

use serde_json::{Value, json};
use zerogr::index::{Filter, Index, SearchOptions};

use crate::device::DeviceArg;
use crate::failure::Failure;
use crate::{open, output};

/// Search an index.
#[derive(clap::Args)]
pub struct Args {
    /// The index file.
    index: PathBuf,
    /// What to look for.
    query: String,
    /// Hits wanted.
    #[arg(short, default_value_t = 10)]
    k: usize,
    /// The task in words, read by the encoder before the query.
    #[arg(long)]
    instruction: Option<String>,
    /// Only documents with this tag; given several times, with all of them.
    #[arg(long, value_name = "TAG")]
    filter_tag: Vec<String>,
    /// Only documents without this tag.
    #[arg(long, value_name = "TAG")]
    filter_not_tag: Vec<String>,
    #[command(flatten)]
    device: DeviceArg,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<(), Failure> {
    let index = open::index(&args.index, args.device.device())?;
    let mut options = SearchOptions::new().k(args.k);
    options.instruction = args.instruction.clone();
    let with = args.filter_tag.iter().map(Filter::tag);
    let without = args
        .filter_not_tag
        .iter()
        .map(|tag| Filter::not(Filter::tag(tag)));
    let filters: Vec<Filter> = with.chain(without).collect();
    if !filters.is_empty() {
        options.filter = Some(Filter::all(filters));
    }
    let hits = hits(&index, &args.query, &options)?;
    if args.json {
        return output::line(&Value::from(hits).to_string());
    }
    output::line(&table(&hits))
}

/// The hits of a query with their titles, as JSON objects.
pub fn hits(index: &Index, query: &str, options: &SearchOptions) -> Result<Vec<Value>, Failure> {
    let result = index.search(query, options)?;
    let snapshot = index.snapshot();
    let mut list = Vec::with_capacity(result.hits.len());
    for hit in result.hits {
        let title = snapshot
            .document(&hit.id)?
            .map(|document| document.title)
            .unwrap_or_default();
        list.push(json!({
            "id": hit.id, "score": hit.score, "log_prob": hit.log_prob, "docid": hit.docid, "title": title,
        }));
    }
    Ok(list)
}

/// The hits for people.
pub fn table(hits: &[Value]) -> String {
    if hits.is_empty() {
        return "no hits".to_owned();
    }
    let text = |hit: &Value, key: &str| hit[key].as_str().unwrap_or_default().to_owned();
    let row = |(place, hit): (usize, &Value)| {
        let line = format!(
            "{place:>3}. {:.3}  {}  [{}]\n      {}",
            hit["score"].as_f64().unwrap_or(f64::NAN),
            text(hit, "id"),
            text(hit, "docid"),
            text(hit, "title")
        );
        line.trim_end().to_owned() // without an empty title
    };
    (1..).zip(hits).map(row).collect::<Vec<_>>().join("\n")
}
