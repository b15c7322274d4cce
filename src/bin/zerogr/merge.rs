//! `zerogr merge`: all segments of an index become one.

use std::path::PathBuf;

use zerogr::model::Device;

use crate::failure::Failure;
use crate::{open, output};

/// Merge all segments into one and leave deleted documents behind.
///
/// Commits merge by themselves; this is for an index that will not change for long. The space
/// of what was merged comes back with `zerogr vacuum`.
#[derive(clap::Args)]
pub struct Args {
    /// The index file.
    index: PathBuf,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<(), Failure> {
    let report = open::index(&args.index, Device::Auto)?.merge()?;
    if args.json {
        let text =
            serde_json::to_string(&report).map_err(|error| Failure::new(error.to_string()))?;
        return output::line(&text);
    }
    output::line(&format!(
        "merged {} segments, {} now",
        report.merged_segments, report.segments
    ))
}
