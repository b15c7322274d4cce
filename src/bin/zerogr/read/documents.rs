//! `zerogr get`, `zerogr list` and `zerogr delete`: single documents of an index.

use std::path::PathBuf;

use serde_json::json;
use zerogr::raw::model::Device;
use zerogr::{Document, Filter, ListOptions};

use crate::console::failure::Failure;
use crate::console::output;
use crate::options::filter::FilterArgs;
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

/// List documents: their ids and titles.
#[derive(clap::Args)]
pub struct ListArgs {
    /// The index file.
    index: PathBuf,
    #[command(flatten)]
    filter: FilterArgs,
    /// In the order of a field, the smallest value first; documents without one come last.
    #[arg(long, value_name = "FIELD")]
    sort: Option<String>,
    /// The largest value first.
    #[arg(long, requires = "sort")]
    descending: bool,
    /// The most that are listed.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
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
            let fields = document.fields.iter().map(|(name, json)| {
                format!(
                    "  field {}: {}\n",
                    output::inline(name),
                    output::inline(json)
                )
            });
            output::line(&format!(
                "{}  {}\n  tags  {}\n{}  docid {}\n{}",
                output::inline(&document.id),
                output::inline(&document.title),
                tags.join(", "),
                fields.collect::<String>(),
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
    let filter = args.filter.filter();
    if filter.is_some() || args.sort.is_some() || args.limit.is_some() {
        return list_some(args, filter);
    }
    let documents = open::documents(&args.index, &args.access)?;
    let mut printed = Ok(());
    let unreadable = documents.for_each(|document| {
        if printed.is_ok() {
            printed = print_listed(&document, args.json);
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

/// What the index itself has to select or to sort.
fn list_some(args: &ListArgs, filter: Option<Filter>) -> Result<(), Failure> {
    let index = open::to_read(&args.index, &args.access, Device::Auto)?;
    let mut options = ListOptions::new();
    options.filter = filter;
    options.sort = args.sort.clone();
    options.is_descending = args.descending;
    options.limit = args.limit;
    let mut printed = Ok(());
    index.snapshot().for_each_listed(&options, |document| {
        if printed.is_ok() {
            printed = print_listed(&document, args.json);
        }
        Ok(())
    })?;
    printed
}

fn print_listed(document: &Document, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return output::json_text(&document.to_json_line());
    }
    let (id, title) = (&document.id, &document.title);
    output::line(&format!(
        "{}\t{}",
        output::inline(id),
        output::inline(title)
    ))
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
