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

use zerogr::Document;

use crate::console::failure::Failure;
use crate::console::output;

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
        // A link or a pipe in the place of a file would have something else written.
        if path.symlink_metadata().is_ok_and(|found| !found.is_file()) {
            return Err(Failure::new(format!(
                "{} is not a regular file: choose another name, or remove it",
                output::path(path)
            )));
        }
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let file = options.open(path).map_err(failed)?;
        if file.try_lock().is_err() {
            return Err(Failure::new(format!(
                "{} is being written by another process: wait for it",
                output::path(path)
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
                document.extra.insert(WRITER, self.writer.as_str());
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
            let document = documents.get_mut(self.done);
            if bytes == 0
                || document
                    .as_deref()
                    .is_some_and(|document| is_cut_off(&line, document))
            {
                break;
            }
            let docids = document
                .as_deref()
                .and_then(|document| docids_of(&line, document, &self.writer));
            let (Some(document), Some(docids)) = (document, docids) else {
                return Err(Failure::new(format!(
                    "line {} of {} is not of these documents, or of another model or prompt: \
                     remove the file, or choose another name",
                    self.done + 1,
                    output::path(&path)
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

/// True for the beginning of a document's line. Only that is taken off: anything else that has no
/// line end is not ours.
fn is_cut_off(line: &[u8], document: &Document) -> bool {
    let written = Document {
        docids: Vec::new(),
        ..document.clone()
    };
    let written = written.to_json_line();
    // Within a string the quotes would be escaped.
    let (before_docids, _) = written.split_once("\"docid\":[").unwrap_or_default();
    let shared = line.len().min(before_docids.len());
    !line.ends_with(b"\n") && line.get(..shared) == before_docids.as_bytes().get(..shared)
}

/// The docids on a line, if the line is of this document and this writer.
fn docids_of(line: &[u8], document: &Document, writer: &str) -> Option<Vec<String>> {
    let found = Document::from_json_line(std::str::from_utf8(line).ok()?).ok()?;
    let is_same =
        (&found.id, &found.title, &found.text) == (&document.id, &document.title, &document.text);
    let is_ours = match document.docids.is_empty() {
        true => found.extra.get::<String>(WRITER).as_deref() == Some(writer),
        false => found.docids == document.docids && found.extra == document.extra,
    };
    (is_same && is_ours && !found.docids.is_empty()).then_some(found.docids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_known_again_whatever_their_fields_hold() {
        let mut document = Document::new("d1")
            .text("b")
            .extra(WRITER, "of another run");
        document.extra.insert_json("mass", "1e400").unwrap();
        let written = Document {
            docids: vec!["one two".to_owned()],
            ..document.clone()
        };
        let given = written.to_json_line();
        let ours = written.clone().extra(WRITER, "w").to_json_line();
        let known =
            |line: &str, document: &Document| docids_of(line.as_bytes(), document, "w").is_some();
        assert!(known(&ours, &document) && !known(&given, &document));
        assert!(known(&given, &written) && !known(&ours, &written));
        assert!(!known(&ours, &Document::new("d2").text("b")));
        assert!(!known(
            &document.extra(WRITER, "w").to_json_line(),
            &Document::new("d1").text("b")
        ));
    }

    #[test]
    fn only_the_beginning_of_a_line_of_ours_is_cut_off() {
        let document = Document::new("d1")
            .title("A \"docid\":[ in words")
            .text("b");
        let line = Document {
            docids: vec!["one two".to_owned()],
            ..document.clone()
        };
        let line = line.to_json_line();
        for end in 1..=line.len() {
            assert!(is_cut_off(&line.as_bytes()[..end], &document), "{end}");
        }
        for foreign in [
            &b"a letter"[..],
            b"{\"_id\":\"d2\"",
            b"{\"_id\":\"d1\",\"title\":\"A\"}",
            b"\x00\x01",
        ] {
            assert!(!is_cut_off(foreign, &document), "{foreign:?}");
        }
        assert!(!is_cut_off((line + "\n").as_bytes(), &document));
    }
}
