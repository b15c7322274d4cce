//! `zerogr recover`: saves what is left of a damaged index into a new file.

use std::path::PathBuf;

use zerogr::{OpenOptions, recover_with};

use crate::console::failure::Failure;
use crate::console::output;

/// Save what is left of a damaged index into a new file; the source is not touched.
///
/// Documents, ids, tags and fields are read around the damage, and everything else is made anew.
/// Exits with 1 when a document or an embedded file is lost, or when documents have no vectors for
/// want of the encoder; the new file is good all the same.
#[derive(clap::Args)]
pub struct Args {
    /// The damaged index file.
    index: PathBuf,
    /// The file to create.
    #[arg(long, value_name = "NEW")]
    into: PathBuf,
    /// Run the encoder that the index brings, for vectors that are made anew, although this machine
    /// does not know it.
    #[arg(long)]
    trust_model: bool,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<(), Failure> {
    let options = OpenOptions::new().trust_model(args.trust_model);
    let report = recover_with(&args.index, &args.into, &options)?;
    if args.json {
        output::json(&report)?;
    } else {
        for note in &report.notes {
            output::line(&format!("note: {}", output::inline(note)))?;
        }
        for lost in &report.lost {
            output::line(&format!(
                "segment {}: {}",
                lost.segment,
                output::inline(&lost.damage.join("; "))
            ))?;
            for id in &lost.documents {
                output::line(&format!("  lost document {}", output::inline(id)))?;
            }
            if lost.unnamed_documents > 0 {
                output::line(&format!(
                    "  lost {} documents whose ids cannot be read",
                    lost.unnamed_documents
                ))?;
            }
        }
        for blob in &report.lost_blobs {
            output::line(&format!("lost file {}", output::inline(blob)))?;
        }
        output::line(&format!(
            "saved {} documents of generation {}; the new file was checked",
            report.documents, report.generation
        ))?;
    }
    if report.is_complete() {
        Ok(())
    } else {
        Err(Failure::silent())
    }
}
