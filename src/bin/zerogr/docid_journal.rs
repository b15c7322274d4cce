//! Documents with the docids that a language model wrote for them, one line each, in the order of
//! the input: a file to build from, and the memory of a run that was interrupted.
//!
//! ```text
//!   {"_id": …, "title": …, "text": …, "docid": […], "docid_writer": "model …"}   document 0
//!   {"_id": …                                                                    document 1
//!   {"_id": "doc-2", "ti                                                         cut off: written anew
//! ```
//!
//! Invariants:
//!
//! - I1. A line is on the disk before it is counted as done; what is cut off is taken off.
//! - I2. Going on needs the same documents in the same order and the same writer: anything else
//!   is refused and changes nothing.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;
use zerogr::Document;

use crate::failure::Failure;

/// The field that says who wrote the docids.
const WRITER: &str = "docid_writer";

/// An open journal.
pub struct DocidJournal {
    path: PathBuf,
    file: File,
    writer: String,
    done: usize,
}

impl DocidJournal {
    /// Opens the journal at `path`, or begins one. `documents` are all there are to be; those that
    /// it has already get their docids.
    pub fn open(
        path: &Path,
        writer: &str,
        documents: &mut [Document],
    ) -> Result<DocidJournal, Failure> {
        let failed = |error: std::io::Error| Failure::io("opening", path, &error);
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let file = options.open(path).map_err(failed)?;
        if file.try_lock().is_err() {
            return Err(Failure::new(format!(
                "{} is being written by another process: wait for it",
                path.display()
            )));
        }
        let mut journal = DocidJournal {
            path: path.to_owned(),
            file,
            writer: writer.to_owned(),
            done: 0,
        };
        journal.read(documents)?;
        Ok(journal)
    }

    /// How many documents are done.
    pub fn done(&self) -> usize {
        self.done
    }

    /// Appends documents, which are the next ones; `is_written` are those whose docids come from
    /// the model.
    pub fn append(&mut self, documents: &[(&Document, bool)]) -> Result<(), Failure> {
        let mut lines = String::new();
        for (document, is_written) in documents {
            let mut document = (*document).clone();
            if *is_written {
                document.fields.insert(WRITER, self.writer.as_str());
            }
            lines.push_str(&document.to_json_line());
            lines.push('\n');
        }
        let written = self.file.write_all(lines.as_bytes());
        written
            .and_then(|()| self.file.sync_data())
            .map_err(|error| Failure::io("writing", &self.path, &error))?;
        self.done += documents.len();
        Ok(())
    }

    fn read(&mut self, documents: &mut [Document]) -> Result<(), Failure> {
        let path = self.path.clone();
        let failed = |error: std::io::Error| Failure::io("reading", &path, &error);
        let mut reader = BufReader::new(&self.file);
        let mut whole_bytes = 0;
        let mut line = Vec::new();
        loop {
            line.clear();
            let bytes = reader.read_until(b'\n', &mut line).map_err(failed)?;
            if bytes == 0 || !line.ends_with(b"\n") {
                break;
            }
            let document = documents.get_mut(self.done);
            let docids = document
                .as_deref()
                .and_then(|document| docids_of(&line, document, &self.writer));
            let (Some(document), Some(docids)) = (document, docids) else {
                return Err(Failure::new(format!(
                    "line {} of {} is not of these documents, or of another model or prompt: \
                     remove the file, or choose another name",
                    self.done + 1,
                    path.display()
                )));
            };
            document.docids = docids;
            self.done += 1;
            whole_bytes += bytes as u64;
        }
        drop(reader);
        self.file.set_len(whole_bytes).map_err(failed)?;
        self.file.seek(std::io::SeekFrom::End(0)).map_err(failed)?;
        Ok(())
    }
}

/// The docids on a line, if the line is of this document and this writer.
fn docids_of(line: &[u8], document: &Document, writer: &str) -> Option<Vec<String>> {
    let value: Value = serde_json::from_slice(line).ok()?;
    let is = |key: &str, text: &str| value.get(key).and_then(Value::as_str) == Some(text);
    let is_same = is("_id", &document.id) && is("title", &document.title);
    if !is_same || !is("text", &document.text) {
        return None;
    }
    let docids = value.get("docid")?.as_array()?.iter();
    let docids: Vec<String> = docids
        .map(|docid| docid.as_str().map(str::to_owned))
        .collect::<Option<_>>()?;
    let by_this_writer = is(WRITER, writer) && document.docids.is_empty();
    let given = value.get(WRITER).is_none() && docids == document.docids;
    (!docids.is_empty() && (by_this_writer || given)).then_some(docids)
}
