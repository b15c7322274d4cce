//! `zerogr merge`, `zerogr vacuum` and `zerogr backup`: tending to an index file.

use std::path::PathBuf;

use serde_json::json;
use zerogr::raw::model::Device;
use zerogr::raw::store::Store;

use crate::console::failure::Failure;
use crate::console::output;
use crate::options::open;

/// Merge all segments into one and leave deleted documents behind.
///
/// Commits merge by themselves; this is for an index that will not change for long. The space
/// of what was merged comes back with `zerogr vacuum`.
#[derive(clap::Args)]
pub struct MergeArgs {
    /// The index file.
    index: PathBuf,
    #[command(flatten)]
    write: open::WriteArgs,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs `merge`.
pub fn merge(args: &MergeArgs) -> Result<(), Failure> {
    let report = open::to_write(&args.index, &args.write, Device::Auto)?.merge()?;
    if args.json {
        return output::json(&report);
    }
    output::line(&format!(
        "merged {} segments, {} now",
        report.merged_segments, report.segments
    ))
}

/// Remove deleted and replaced documents from the file, and give the space of them and of merged
/// data back.
///
/// A new file takes the place of the old one; programs that read the index go on undisturbed.
#[derive(clap::Args)]
pub struct VacuumArgs {
    /// The index file.
    index: PathBuf,
    /// Leave the index as it is, and write a compact copy to this path.
    #[arg(long, value_name = "NEW")]
    into: Option<PathBuf>,
    #[command(flatten)]
    write: open::WriteArgs,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Copy an index, verified, while others may write to it.
///
/// The copy is all that is in the file; deleted documents that no vacuum has removed are in it too
/// (`zerogr vacuum --into` leaves them out).
#[derive(clap::Args)]
pub struct BackupArgs {
    /// The index file.
    index: PathBuf,
    /// The file to create.
    copy: PathBuf,
    #[command(flatten)]
    access: open::AccessArgs,
}

/// Runs `vacuum`.
pub fn vacuum(args: &VacuumArgs) -> Result<(), Failure> {
    let index = open::to_write(&args.index, &args.write, Device::Auto)?;
    let before_bytes = index.stored().space()?.file_bytes;
    let after_bytes = match &args.into {
        Some(path) => {
            index.vacuum_into(path)?;
            Store::open(path)?.len_bytes()?
        }
        None => index.vacuum()?.after_bytes,
    };
    if args.json {
        let value = json!({"before_bytes": before_bytes, "after_bytes": after_bytes});
        return output::json(&value);
    }
    output::line(&format!(
        "{:.1} MB, before {:.1} MB",
        after_bytes as f64 / 1e6,
        before_bytes as f64 / 1e6
    ))
}

/// Runs `backup`.
pub fn backup(args: &BackupArgs) -> Result<(), Failure> {
    open::to_read(&args.index, &args.access, Device::Auto)?.backup(&args.copy)?;
    output::line(&format!("copied to {}", output::path(&args.copy)))
}
