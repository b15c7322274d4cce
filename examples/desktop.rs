//! A desktop search: keeps an index in step with a folder of notes, and answers at every keystroke.
//!
//! ```sh
//! cargo run --release --example desktop -- notes notes.zgr
//! ```
//!
//! Each line of standard input is what stands in the search field at that moment; an interface sends it
//! at every key. Only the newest is answered: what was typed in the meantime is skipped.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, UNIX_EPOCH};

use zerogr::{
    Budget, Document, FieldType, FieldValue, Index, IndexOptions, OpenOptions, Result,
    SearchOptions, SnippetOptions,
};

/// How often the folder is looked at.
const SYNC_EVERY: Duration = Duration::from_secs(5);
/// A keystroke is answered by then, with what was found until then.
const MAX_TIME: Duration = Duration::from_millis(100);
/// The field with the time at which a file was written, in milliseconds.
const MODIFIED: &str = "modified_ms";

/// The index at `path`, which is made if it is not there.
pub(crate) fn open(path: &Path, options: IndexOptions) -> Result<Index> {
    let options = options.field(MODIFIED, FieldType::Integer);
    Index::open_or_create(path, options, OpenOptions::new())
}

/// Makes the index what the folder is, in one commit. Gives the number of files that were read, and of
/// documents that were taken out.
pub(crate) fn sync(
    index: &Index,
    folder: &Path,
) -> std::result::Result<(usize, usize), Box<dyn StdError>> {
    let mut known: HashMap<String, i64> = HashMap::new();
    index.snapshot().for_each_value(MODIFIED, |id, value| {
        if let FieldValue::Integer(modified_ms) = value {
            known.insert(id.to_owned(), *modified_ms);
        }
        Ok(())
    })?;
    let mut writer = index.writer()?;
    let mut read = 0;
    for (id, file) in notes(folder)? {
        let modified = file.metadata()?.modified()?.duration_since(UNIX_EPOCH)?;
        let modified_ms = i64::try_from(modified.as_millis())?;
        if known.remove(&id) == Some(modified_ms) {
            continue;
        }
        let text = String::from_utf8_lossy(&std::fs::read(&file)?).into_owned();
        writer.add(Document::new(id).text(text).field(MODIFIED, modified_ms))?;
        read += 1;
    }
    for id in known.keys() {
        writer.delete(id)?;
    }
    if read + known.len() > 0 {
        writer.commit()?;
    }
    Ok((read, known.len()))
}

/// The notes in a folder and the folders in it, with their names from there.
fn notes(folder: &Path) -> std::io::Result<Vec<(String, PathBuf)>> {
    let (mut notes, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(inside) = folders.pop() {
        for entry in std::fs::read_dir(inside)? {
            let path = entry?.path();
            let ending = path.extension().and_then(|ending| ending.to_str());
            if path.is_dir() {
                folders.push(path);
            } else if matches!(ending, Some("md" | "txt")) {
                let name = path.strip_prefix(folder).unwrap_or(&path);
                notes.push((name.to_string_lossy().into_owned(), path));
            }
        }
    }
    Ok(notes)
}

/// What is shown for what has been typed so far: names, and the lines that fit.
pub(crate) fn answer(index: &Index, typed: &str) -> Result<Vec<(String, String)>> {
    let options = SearchOptions::new().k(5).prefix(true);
    let options = options.budget(Budget::new().max_time(MAX_TIME));
    let result = index.search(typed, &options)?;
    let snippets = SnippetOptions::new().max_chars(100).prefix(true);
    let shown = result.hits.iter().map(|hit| {
        let snippet = result.snapshot().snippet(hit, typed, &snippets)?;
        Ok((hit.id.clone(), snippet.text))
    });
    shown.collect()
}

fn main() -> std::result::Result<(), Box<dyn StdError>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(folder), Some(path)) = (arguments.next(), arguments.next()) else {
        return Err("say which folder is searched, and where its index is".into());
    };
    let index = open(&path, IndexOptions::default())?;
    let synced = index.clone();
    std::thread::spawn(move || {
        loop {
            match sync(&synced, &folder) {
                Ok((0, 0)) => {}
                Ok((read, gone)) => eprintln!("{read} files read, {gone} gone"),
                Err(error) => eprintln!("the folder is looked at again later: {error}"),
            }
            std::thread::sleep(SYNC_EVERY);
        }
    });
    let (key, keys) = mpsc::channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(|line| line.ok()) {
            if key.send(line).is_err() {
                break;
            }
        }
    });
    while let Ok(mut typed) = keys.recv() {
        while let Ok(newer) = keys.try_recv() {
            typed = newer;
        }
        for (name, line) in answer(&index, &typed)? {
            println!("{name}: {}", line.replace('\n', " "));
        }
        println!();
    }
    Ok(())
}
