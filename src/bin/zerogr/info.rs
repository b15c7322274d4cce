//! `zerogr info` and `zerogr check`: what an index holds, and whether it is sound.

use std::path::PathBuf;

use serde_json::json;
use zerogr::model::Device;
use zerogr::store::VerifyLevel;

use crate::failure::Failure;
use crate::{open, output};

/// Show what an index holds.
#[derive(clap::Args)]
pub struct Args {
    /// The index file.
    index: PathBuf,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Verify an index file. Exits with 1 when something is damaged.
#[derive(clap::Args)]
pub struct CheckArgs {
    /// The index file.
    index: PathBuf,
    /// How much is read: headers only, everything but blobs, or every byte.
    #[arg(long, value_enum, default_value_t = Level::Full)]
    level: Level,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Level {
    Headers,
    Structure,
    Full,
}

/// Runs `info`.
pub fn run(args: &Args) -> Result<(), Failure> {
    let index = open::index(&args.index, Device::Auto)?;
    let snapshot = index.snapshot();
    let manifest = index.store().manifest();
    let file_bytes = index.store().len_bytes()?;
    let params =
        serde_json::to_value(snapshot.params()).map_err(|error| Failure::new(error.to_string()))?;
    let docids: u64 = manifest
        .segments
        .iter()
        .map(|segment| u64::from(segment.docid_count))
        .sum();
    let value = json!({
        "index": index.path(), "generation": snapshot.generation(), "documents": snapshot.document_count(),
        "segments": manifest.segments.len(), "docids": docids, "file_bytes": file_bytes,
        "dead_bytes": manifest.dead_bytes, "parameters": params,
    });
    if args.json {
        return output::line(&value.to_string());
    }
    let parameters =
        serde_json::to_string_pretty(&params).map_err(|error| Failure::new(error.to_string()))?;
    output::line(&format!(
        "{}\n  generation {}, documents {}, docids {docids}, segments {}\n  {:.1} MB, of them dead {:.1} MB\nparameters {parameters}",
        index.path().display(),
        snapshot.generation(),
        snapshot.document_count(),
        manifest.segments.len(),
        file_bytes as f64 / 1e6,
        manifest.dead_bytes as f64 / 1e6
    ))
}

/// Runs `check`.
pub fn check(args: &CheckArgs) -> Result<(), Failure> {
    let store = open::store(&args.index)?;
    let report = store.verify(match args.level {
        Level::Headers => VerifyLevel::Headers,
        Level::Structure => VerifyLevel::Structure,
        Level::Full => VerifyLevel::Full,
    });
    if args.json {
        let text =
            serde_json::to_string(&report).map_err(|error| Failure::new(error.to_string()))?;
        output::line(&text)?;
    } else {
        for finding in &report.findings {
            output::line(&format!(
                "DAMAGED {} at byte {}: {}",
                finding.place, finding.off_bytes, finding.message
            ))?;
        }
        let verdict = if report.is_ok() { "sound" } else { "damaged" };
        output::line(&format!(
            "{verdict}: {} extents, {} sections checked of generation {}",
            report.extents_checked, report.sections_checked, report.generation
        ))?;
    }
    if report.is_ok() {
        Ok(())
    } else {
        Err(Failure::silent())
    }
}
