//! `zerogr get`, `zerogr list` and `zerogr delete`: single documents of an index.

use std::path::PathBuf;

use serde_json::json;
use zerogr::model::Device;

use crate::failure::Failure;
use crate::{open, output};

/// Show documents by id.
#[derive(clap::Args)]
pub struct GetArgs {
    /// The index file.
    index: PathBuf,
    /// Ids of the documents.
    #[arg(required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    access: open::AccessArgs,
    /// Print JSON lines, as `zerogr build` reads them.
    #[arg(long)]
    json: bool,
}

/// List all documents: their ids and titles.
#[derive(clap::Args)]
pub struct ListArgs {
    /// The index file.
    index: PathBuf,
    #[command(flatten)]
    access: open::AccessArgs,
    /// Print whole documents as JSON lines, as `zerogr build` reads them.
    #[arg(long)]
    json: bool,
}

/// Delete documents by id.
#[derive(clap::Args)]
pub struct DeleteArgs {
    /// The index file.
    index: PathBuf,
    /// Ids of the documents.
    #[arg(required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    write: open::WriteArgs,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs `get`.
pub fn get(args: &GetArgs) -> Result<(), Failure> {
    let snapshot = open::to_read(&args.index, &args.access, Device::Auto)?.snapshot();
    for id in &args.ids {
        let document = snapshot
            .document(id)?
            .ok_or_else(|| Failure::new(format!("there is no document {id:?} in the index")))?;
        if args.json {
            output::json_text(&document.to_json_line())?;
        } else {
            let shown = |texts: &[String]| texts.iter().map(|text| output::inline(text)).collect();
            let (tags, docids): (Vec<_>, Vec<_>) = (shown(&document.tags), shown(&document.docids));
            output::line(&format!(
                "{}  {}\n  tags  {}\n  docid {}\n{}",
                output::inline(&document.id),
                output::inline(&document.title),
                tags.join(", "),
                docids.join("\n  docid "),
                document.text.replace("\r\n", "\n")
            ))?;
        }
    }
    Ok(())
}

/// Runs `list`.
pub fn list(args: &ListArgs) -> Result<(), Failure> {
    let snapshot = open::to_read(&args.index, &args.access, Device::Auto)?.snapshot();
    let mut documents = Ok(());
    snapshot.for_each_document(|document| {
        if documents.is_ok() {
            documents = if args.json {
                output::json_text(&document.to_json_line())
            } else {
                let (id, title) = (&document.id, &document.title);
                output::line(&format!(
                    "{}\t{}",
                    output::inline(id),
                    output::inline(title)
                ))
            };
        }
        Ok(())
    })?;
    documents
}

/// Runs `delete`. Unknown ids are reported and change nothing.
pub fn delete(args: &DeleteArgs) -> Result<(), Failure> {
    let index = open::to_write(&args.index, &args.write, Device::Auto)?;
    let mut writer = index.writer()?;
    let mut unknown = Vec::new();
    for id in &args.ids {
        if !writer.delete(id)? {
            unknown.push(id);
        }
    }
    let report = writer.commit()?;
    if args.json {
        let value =
            json!({"deleted": report.deleted, "unknown": unknown, "generation": report.generation});
        return output::json(&value);
    }
    for id in unknown {
        output::notice(format!("warning: there is no document {id:?} in the index"));
    }
    output::line(&format!("deleted {} documents", report.deleted))
}
