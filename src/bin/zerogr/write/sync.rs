//! `zerogr sync`: an index in step with a folder.
//!
//! ```text
//!   folder ─► names, sizes, times ─┬─ as the index has them ─► nothing to do, no file is opened
//!   index ──► file.* of documents ─┤
//!                                  ├─ another size or time ─► hash ─┬─ the same ─► nothing to do
//!                                  │                                └─ another ──► read, put in
//!                                  └─ no such file any more ─► taken out
//! ```
//!
//! What the index has of a file stands in fields of its documents, to be asked for like others.
//!
//! I1. All changes are one commit. What cannot be read is named, and stays as the index has it.
//! I2. Documents that are of no file of this folder are left alone.
//! I3. A file that changes while it is read is read again by the next run: its size and time are looked
//!     at before its content.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Instant, UNIX_EPOCH};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zerogr::raw::docs::{DocumentReader, FolderFile, FolderFiles, ReadOptions};
use zerogr::raw::store::regular_file;
use zerogr::{
    Document, FieldValue, Index, IndexOptions, Snapshot, Timestamp, TrainOptions, Writer,
};

use super::build::commit;
use super::unfinished::Unfinished;
use crate::console::failure::Failure;
use crate::console::output;
use crate::options::device::DeviceArg;
use crate::options::reading::say_what_was_passed_over;
use crate::options::{encoder, open};

/// Keep an index in step with a folder: add what is new, read again what has changed, take out what is
/// gone, in one commit.
///
/// Files are read as `build` reads them. A document has the fields `file.path`, `file.modified`,
/// `file.size_bytes`, `file.sha256` and `file.folder`, by which the next run knows what it need not
/// open: `search --where 'file.modified >= 2026-01-01T00:00:00Z'`. What cannot be read is named and
/// stays as it is; documents from elsewhere are left alone. An index that does not exist is made and
/// trained; afterwards `zerogr train` learns what came since. It does not end with an error because some
/// files could not be read.
#[derive(clap::Args)]
pub struct Args {
    /// The folder.
    folder: PathBuf,
    /// The index file.
    index: PathBuf,
    /// What the folder is called in the index, its path if not given. Give its old path when it has
    /// moved.
    #[arg(long)]
    name: Option<String>,
    /// For an index that does not exist yet: another encoder than the installed one.
    #[arg(long, value_name = "DIR|static|default")]
    encoder: Option<PathBuf>,
    /// For an index that does not exist yet: no encoder, it is searched by words alone.
    #[arg(long, conflicts_with = "encoder")]
    lexical: bool,
    #[command(flatten)]
    device: DeviceArg,
    #[command(flatten)]
    write: open::WriteArgs,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<(), Failure> {
    let started = Instant::now();
    let listed = FolderFiles::list(&args.folder)?;
    let name = match &args.name {
        Some(name) => name.clone(),
        None => {
            let real = fs::canonicalize(&args.folder);
            let real = real.map_err(|error| Failure::io("resolving", &args.folder, &error))?;
            real.to_string_lossy().into_owned()
        }
    };
    let device = args.device.device();
    let report = if args.index.exists() {
        if args.encoder.is_some() || args.lexical {
            let message = "--encoder and --lexical are for an index that does not exist yet; \
                           `zerogr upgrade` gives this one another encoder";
            return Err(Failure::usage(message));
        }
        let index = open::to_write(&args.index, &args.write, device)?;
        bring_up_to_date(&index, &listed, &name, None)?
    } else {
        let mut options = match args.lexical {
            true => IndexOptions::lexical(),
            false => IndexOptions::default(),
        };
        if let Some(encoder) = &args.encoder {
            options.encoder = encoder::source(encoder, device)?;
        }
        let unfinished = Unfinished::new(&args.index)?;
        let index = Index::create(unfinished.path(), options)?;
        let train = TrainOptions::default();
        let report = bring_up_to_date(&index, &listed, &name, (!args.lexical).then_some(&train))?;
        if report.added == 0 {
            let report = report.skipped.join("\n  ");
            let message = format!("no file could be read, and no index was made:\n  {report}");
            return Err(Failure::new(message));
        }
        // A file that is open cannot be moved on every platform.
        drop(index);
        unfinished.finish()?;
        report
    };
    print(args, &report, &listed, started)
}

/// What a run did, in files.
#[derive(Default)]
struct Report {
    added: usize,
    updated: usize,
    removed: usize,
    unchanged: usize,
    /// What could not be read, and why.
    skipped: Vec<String>,
}

/// A file as the index has it.
#[derive(Default)]
struct Known {
    size_bytes: Option<i64>,
    modified: Option<Timestamp>,
    sha256: String,
    ids: Vec<String>,
}

/// What is known of the files of a folder by their paths, from the fields of documents alone.
fn known_files(snapshot: &Snapshot, folder: &str) -> Result<BTreeMap<String, Known>, Failure> {
    let mut path_of: HashMap<String, Option<String>> = HashMap::new();
    snapshot.for_each_value("file.folder", |id, value| {
        if matches!(value, FieldValue::Keyword(own) if own == folder) {
            path_of.insert(id.to_owned(), None);
        }
        Ok(())
    })?;
    snapshot.for_each_value("file.path", |id, value| {
        if let (Some(path), FieldValue::Keyword(own)) = (path_of.get_mut(id), value) {
            *path = Some(own.clone());
        }
        Ok(())
    })?;
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    for (id, path) in &path_of {
        if let Some(path) = path {
            let file = known.entry(path.clone()).or_default();
            file.ids.push(id.clone());
        }
    }
    let mut note = |field: &str, set: &dyn Fn(&mut Known, &FieldValue)| {
        snapshot.for_each_value(field, |id, value| {
            let path = path_of.get(id).and_then(Option::as_ref);
            if let Some(file) = path.and_then(|path| known.get_mut(path)) {
                set(file, value);
            }
            Ok(())
        })
    };
    note("file.size_bytes", &|file, value| {
        if let FieldValue::Integer(size) = value {
            file.size_bytes = Some(*size);
        }
    })?;
    note("file.modified", &|file, value| {
        if let FieldValue::Timestamp(time) = value {
            file.modified = Some(*time);
        }
    })?;
    note("file.sha256", &|file, value| {
        if let FieldValue::Keyword(hash) = value {
            file.sha256.clone_from(hash);
        }
    })?;
    Ok(known)
}

/// Makes the index say of the folder what is in it.
fn bring_up_to_date(
    index: &Index,
    listed: &FolderFiles,
    folder: &str,
    train: Option<&TrainOptions>,
) -> Result<Report, Failure> {
    let mut writer = index.writer()?;
    let snapshot = index.snapshot();
    let mut known = known_files(&snapshot, folder)?;
    let gone = take_gone(&mut known, listed);
    let mut run = Run {
        snapshot: &snapshot,
        folder,
        writer: &mut writer,
        free: gone.iter().flat_map(|file| file.ids.clone()).collect(),
        taken: HashSet::new(),
        report: Report::default(),
    };
    for file in &listed.files {
        let before = known.remove(&file.id);
        if let Err(why) = run.take(file, before) {
            let why = output::inline(&why.to_string());
            run.report.skipped.push(why);
        }
    }
    // A document of a file that is gone may be one of another file by now.
    let free = std::mem::take(&mut run.free);
    let gone_ids: Vec<String> = free.difference(&run.taken).cloned().collect();
    run.delete(&gone_ids)?;
    run.report.removed = gone.len();
    let mut report = run.report;
    let unreadable = listed.unreadable.iter().map(|(_, error)| error);
    let reasons = unreadable.chain(&listed.left_out);
    let reasons = reasons.map(|error| output::inline(&error.to_string()));
    report.skipped.extend(reasons);
    if report.added + report.updated + report.removed > 0 {
        commit(&mut writer, train)?;
    }
    Ok(report)
}

/// Takes out the files that are not in the folder any more. One in a folder that cannot be listed may
/// still be there.
fn take_gone(known: &mut BTreeMap<String, Known>, listed: &FolderFiles) -> Vec<Known> {
    let there: HashSet<&str> = listed.files.iter().map(|file| file.id.as_str()).collect();
    let is_unreadable = |path: &str| {
        listed.unreadable.iter().any(|(below, _)| {
            let below = below.as_deref().unwrap_or("");
            let rest = path.strip_prefix(below);
            !below.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    let is_gone =
        |path: &String, _: &mut Known| !there.contains(path.as_str()) && !is_unreadable(path);
    known
        .extract_if(.., is_gone)
        .map(|(_, file)| file)
        .collect()
}

/// One run over a folder.
struct Run<'a> {
    snapshot: &'a Snapshot,
    folder: &'a str,
    writer: &'a mut Writer,
    /// Ids of files that are gone.
    free: HashSet<String>,
    /// Ids that files of this run have.
    taken: HashSet<String>,
    report: Report,
}

impl Run<'_> {
    /// Looks at one file, and takes it in if it is not as it was.
    fn take(&mut self, file: &FolderFile, before: Option<Known>) -> Result<(), Failure> {
        let state = fs::metadata(&file.path);
        let state = state.map_err(|error| Failure::io("looking at", &file.path, &error))?;
        let size_bytes = i64::try_from(state.len()).ok();
        let modified = modified(&state);
        if let Some(before) = &before
            && modified.is_some()
            && (before.size_bytes, before.modified) == (size_bytes, modified)
        {
            self.report.unchanged += 1;
            return Ok(());
        }
        let sha256 = hash(&file.path)?;
        if before
            .as_ref()
            .is_some_and(|before| before.sha256 == sha256)
        {
            self.report.unchanged += 1;
            return Ok(());
        }
        let own: HashSet<String> = before.iter().flat_map(|one| one.ids.clone()).collect();
        let options = ReadOptions {
            skip_bad_lines: true,
            ..ReadOptions::default()
        };
        let mut reader = DocumentReader::of_file(file, &options);
        let documents: Result<Vec<Document>, _> = reader.by_ref().collect();
        let mut ids = HashSet::new();
        let skipped_before = self.report.skipped.len();
        let fields = json!({
            "folder": self.folder,
            "path": file.id,
            "modified": modified.map(|time| time.to_string()),
            "size_bytes": size_bytes,
            "sha256": sha256,
        });
        for mut document in documents? {
            let id = document.id.clone();
            let is_ours = own.contains(&id) || self.free.contains(&id);
            let is_elsewhere = self.snapshot.contains(&id) && !is_ours;
            if is_elsewhere || self.taken.contains(&id) {
                let file = file.path.display();
                self.report.skipped.push(output::inline(&format!(
                    "{file}: the index has a document {id:?} that is not of this file; if the \
                     folder has moved, give its old path by --name"
                )));
                continue;
            }
            document.fields.insert("file", fields.clone());
            match self.writer.add(document) {
                Ok(()) => drop(ids.insert(id)),
                Err(error) if error.is_invalid_input() => {
                    let file = file.path.display();
                    let why = output::inline(&format!("{file}: {error}"));
                    self.report.skipped.push(why);
                }
                Err(error) => return Err(error.into()),
            }
        }
        let skipped = reader.skipped();
        let named = skipped.reports.len();
        let reasons = skipped.reports.iter().map(ToString::to_string);
        let reasons = reasons.map(|why| output::inline(&why));
        self.report.skipped.extend(reasons);
        let unnamed = skipped.count.saturating_sub(named as u64);
        if unnamed > 0 {
            let why = format!("{}: {unnamed} more rows", file.path.display());
            self.report.skipped.push(output::inline(&why));
        }
        let is_whole = self.report.skipped.len() == skipped_before;
        if ids.is_empty() && (before.is_none() || !is_whole) {
            return Ok(());
        }
        // What is not there may be a row that cannot be read.
        if is_whole {
            let gone: Vec<String> = own.difference(&ids).cloned().collect();
            self.delete(&gone)?;
        }
        self.taken.extend(ids);
        match before {
            None => self.report.added += 1,
            Some(_) => self.report.updated += 1,
        }
        Ok(())
    }

    fn delete(&mut self, ids: &[String]) -> Result<(), Failure> {
        for id in ids {
            self.writer.delete(id)?;
        }
        Ok(())
    }
}

/// When a file was written, if the file system says.
fn modified(state: &fs::Metadata) -> Option<Timestamp> {
    let time = state.modified().ok()?;
    let unix_us = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_micros()).ok()?,
        Err(before) => i64::try_from(before.duration().as_micros())
            .ok()?
            .checked_neg()?,
    };
    Timestamp::from_unix_us(unix_us).ok()
}

/// The SHA-256 of a file's content, in hexadecimal digits.
fn hash(path: &Path) -> Result<String, Failure> {
    let read = || -> io::Result<String> {
        let mut digest = Sha256::new();
        io::copy(&mut regular_file::open(path)?, &mut digest)?;
        Ok(format!("{:x}", digest.finalize()))
    };
    read().map_err(|error| Failure::io("reading", path, &error))
}

fn print(
    args: &Args,
    report: &Report,
    listed: &FolderFiles,
    started: Instant,
) -> Result<(), Failure> {
    for why in &report.skipped {
        output::notice(format!("skipped: {why}"));
    }
    say_what_was_passed_over(&listed.passed_over);
    let seconds = started.elapsed().as_secs_f64();
    if args.json {
        let value: Value = json!({
            "index": output::path_value(&args.index), "added": report.added,
            "updated": report.updated, "removed": report.removed, "unchanged": report.unchanged,
            "skipped": report.skipped, "seconds": seconds,
        });
        return output::json(&value);
    }
    output::line(&format!(
        "{}: files added {}, updated {}, removed {}, unchanged {}, skipped {}, {seconds:.1} s",
        output::path(&args.index),
        report.added,
        report.updated,
        report.removed,
        report.unchanged,
        report.skipped.len()
    ))
}
