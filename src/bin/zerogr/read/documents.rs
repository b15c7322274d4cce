//! `zerogr get`, `zerogr list` and `zerogr delete`: single documents of an index.

use std::path::PathBuf;

use serde_json::json;
use zerogr::raw::model::Device;

use crate::console::failure::Failure;
use crate::console::output;
use crate::options::open;

/// Documents that cannot be read and are named, before the others are only counted.
const NAMED_UNREADABLE: usize = 10;

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

/// Runs `get`: shows what it finds, and fails if that is not all.
pub fn get(args: &GetArgs) -> Result<(), Failure> {
    let documents = open::documents(&args.index, &args.access)?;
    let mut missing = Vec::new();
    for id in &args.ids {
        let document = match documents.get(id) {
            Ok(Some(document)) => document,
            Ok(None) => {
                missing.push(format!("there is no document {id:?} in the index"));
                continue;
            }
            Err(error) => {
                missing.push(format!("document {id:?} cannot be read: {error}"));
                continue;
            }
        };
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
    match missing.is_empty() {
        true => Ok(()),
        false => Err(Failure::new(missing.join("\n"))),
    }
}

/// Runs `list`: shows what can be read, and fails if that is not all.
pub fn list(args: &ListArgs) -> Result<(), Failure> {
    let documents = open::documents(&args.index, &args.access)?;
    let mut printed = Ok(());
    let unreadable = documents.for_each(|document| {
        if printed.is_ok() {
            printed = if args.json {
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
    printed?;
    for document in unreadable.iter().take(NAMED_UNREADABLE) {
        let name = match &document.id {
            Some(id) => format!("document {id:?}"),
            None => "a document".into(),
        };
        output::notice(format!("{name} cannot be read: {}", document.error));
    }
    if let Some(more @ 1..) = unreadable.len().checked_sub(NAMED_UNREADABLE) {
        output::notice(format!(
            "{more} more documents cannot be read; `zerogr check` names them"
        ));
    }
    match unreadable.is_empty() {
        true => Ok(()),
        false => Err(Failure::silent()),
    }
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
