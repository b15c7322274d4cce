//! `zerogr expand`: document expansion.

use std::path::PathBuf;

use serde_json::json;

use crate::console::failure::Failure;
use crate::console::output;
use crate::options::device::DeviceArg;
use crate::options::open;

/// Search the words of written queries too: document expansion.
///
/// Whoever asks in words that a document does not have finds it by those of the queries that
/// `zerogr generate queries` wrote for it. They are counted apart from the text's.
#[derive(clap::Args)]
pub struct Args {
    /// The index file.
    index: PathBuf,
    /// What the words of a document's queries count beside those of its text; 0 for nothing, as
    /// before.
    #[arg(long, default_value_t = WEIGHT, value_name = "W")]
    weight: f64,
    #[command(flatten)]
    device: DeviceArg,
    #[command(flatten)]
    write: open::WriteArgs,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Measured on development collections (`benches/QUALITY.md`).
const WEIGHT: f64 = 0.1;

/// Runs the command.
pub fn run(args: &Args) -> Result<(), Failure> {
    open::check_exists(&args.index)?;
    let index = open::to_write(&args.index, &args.write, args.device.device())?;
    index.set_expansion_weight(args.weight)?;
    let (documents, queries) = index.written_queries();
    if args.json {
        let value = json!({"index": output::path_value(&args.index), "weight": args.weight,
                           "documents": documents, "queries": queries});
        return output::json(&value);
    }
    let hint = match queries {
        0 => "\n  there are none yet: `zerogr generate queries` writes some",
        _ => "",
    };
    output::line(&format!(
        "{}: the words of {queries} queries for {documents} documents count {} beside the text's{hint}",
        output::path(&args.index),
        args.weight
    ))
}
