//! `zerogr info` and `zerogr check`: what an index holds, and whether it is sound.

use std::path::PathBuf;

use serde_json::{Value, json};
use zerogr::Snapshot;
use zerogr::raw::format::{BlobRole, Manifest};
use zerogr::raw::model::Device;
use zerogr::raw::store::VerifyLevel;

use crate::console::beginning::beginning;
use crate::console::failure::Failure;
use crate::console::output;
use crate::options::open;
use crate::write::train;

/// Show what an index holds.
#[derive(clap::Args)]
pub struct Args {
    /// The index file.
    index: PathBuf,
    #[command(flatten)]
    access: open::AccessArgs,
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
    let index = open::to_read(&args.index, &args.access, Device::Auto)?;
    let snapshot = index.snapshot();
    let stored = index.stored();
    let (manifest, space) = (stored.manifest(), stored.space()?);
    let params =
        serde_json::to_value(snapshot.params()).map_err(|error| Failure::new(error.to_string()))?;
    let docids: u64 = manifest
        .segments
        .iter()
        .map(|segment| u64::from(segment.docid_count))
        .sum();
    let dead = snapshot.dead_documents();
    let docids = docids.saturating_sub(dead.docids);
    let vacuum_bytes = space
        .dead_bytes
        .saturating_add(space.tail_bytes)
        .saturating_add(dead.estimated_bytes);
    let (asked, queries) = index.written_queries();
    let adapter = adapter(&snapshot, manifest);
    let value = json!({
        "index": output::path_value(index.path()), "generation": snapshot.generation(), "documents": snapshot.document_count(),
        "passages": snapshot.passage_count(),
        "segments": manifest.segments.len(), "docids": docids, "space": space,
        "dead": dead, "vacuum_bytes": vacuum_bytes,
        "written_queries": {"documents": asked, "queries": queries}, "adapter": adapter.json,
        "parameters": params,
    });
    if args.json {
        return output::json(&value);
    }
    let cut = match &snapshot.params().passages {
        Some(size) => format!(
            "texts of more than {} tokens are cut into passages of at most {}",
            size.whole_tokens, size.max_tokens
        ),
        None => "texts of any length are one passage".to_owned(),
    };
    let judged = snapshot
        .params()
        .judged
        .as_ref()
        .map_or(String::new(), |record| {
            format!(
                "\n  learnt from {}\n{}",
                train::summary(record),
                train::parts(record)
            )
        });
    let parameters =
        serde_json::to_string_pretty(&params).map_err(|error| Failure::new(error.to_string()))?;
    output::line(&format!(
        "{}\n  generation {}, documents {}, passages {}, docids {docids}, segments {}\n  {cut}\n  queries by a language model {queries}, for {asked} documents{}{judged}\n  {:.1} MB: live {:.1}, dead {:.1}, unfinished {:.1}\n  deleted and still there: documents {}, docids {}; `zerogr vacuum` removes them and gives back about {:.1} MB\nparameters {parameters}",
        output::path(index.path()),
        snapshot.generation(),
        snapshot.document_count(),
        snapshot.passage_count(),
        manifest.segments.len(),
        adapter.line,
        space.file_bytes as f64 / 1e6,
        space.live_bytes.saturating_sub(dead.estimated_bytes) as f64 / 1e6,
        space.dead_bytes.saturating_add(dead.estimated_bytes) as f64 / 1e6,
        space.tail_bytes as f64 / 1e6,
        dead.documents,
        dead.docids,
        vacuum_bytes as f64 / 1e6
    ))
}

/// The adapter of an index, for programs and for people.
#[derive(Default)]
struct AdapterShown {
    json: Value,
    line: String,
}

/// What is known of the adapter. One that cannot be read is no reason to show nothing of the index.
fn adapter(snapshot: &Snapshot, manifest: &Manifest) -> AdapterShown {
    let mut blobs = manifest.blobs.iter();
    let bytes = blobs.find(|blob| blob.role == BlobRole::Adapter);
    let bytes = bytes.map_or(0, |blob| blob.len_bytes);
    let adapter = match snapshot.adapter() {
        Ok(Some(adapter)) => adapter,
        Ok(None) => return AdapterShown::default(),
        Err(error) => {
            let error = error.to_string();
            return AdapterShown {
                line: format!("\n  adapter: {}", output::inline(&error)),
                json: json!({"bytes": bytes, "error": error}),
            };
        }
    };
    let facts: Vec<String> = adapter
        .facts()
        .iter()
        .map(|(name, value)| format!("{name} {}", beginning(value, FACT_CHARS)))
        .collect();
    AdapterShown {
        line: format!(
            "\n  adapter of {}: rank {}, changes of {} layers, {:.1} MB; {}",
            output::inline(&adapter.base().name),
            adapter.rank(),
            adapter.changes().len(),
            bytes as f64 / 1e6,
            output::inline(&facts.join(", ")),
        ),
        json: json!({
            "base": {"name": adapter.base().name, "fingerprint": adapter.base().fingerprint},
            "rank": adapter.rank(), "changes": adapter.changes().len(), "bytes": bytes,
            "rerank_token": adapter.rerank_token(), "facts": adapter.facts(),
        }),
    }
}

/// The most characters of a fact in a line; lists of digests have thousands. `--json` has the whole.
const FACT_CHARS: usize = 32;

/// Runs `check`.
pub fn check(args: &CheckArgs) -> Result<(), Failure> {
    let level = match args.level {
        Level::Headers => VerifyLevel::Headers,
        Level::Structure => VerifyLevel::Structure,
        Level::Full => VerifyLevel::Full,
    };
    open::check_exists(&args.index)?;
    let report = zerogr::check(&args.index, level)?;
    if args.json {
        output::json(&report)?;
    } else {
        for finding in &report.store.findings {
            output::line(&format!(
                "DAMAGED {} at byte {}: {}",
                finding.place,
                finding.off_bytes,
                output::inline(&finding.message)
            ))?;
        }
        for risk in &report.at_risk {
            let documents = risk.documents.len() as u64 + risk.unnamed_documents;
            output::line(&format!(
                "AT RISK segment {}, {documents} documents: {}",
                risk.segment,
                output::inline(&risk.damage.join("; "))
            ))?;
            for id in &risk.documents {
                output::line(&format!("  document {}", output::inline(id)))?;
            }
        }
        let verdict = if report.is_ok() { "sound" } else { "damaged" };
        output::line(&format!(
            "{verdict}: generation {}, {} documents, {} extents and {} sections checked",
            report.store.generation,
            report.documents,
            report.store.extents_checked,
            report.store.sections_checked
        ))?;
    }
    if report.is_ok() {
        Ok(())
    } else {
        output::notice(format!(
            "restore a copy, or save what is left with: zerogr recover {} --into NEW",
            output::path(&args.index)
        ));
        Err(Failure::silent())
    }
}
