//! Reading documents from files, one by one.
//!
//! ```text
//! corpus.jsonl, corpus.jsonl.gz, -   a JSON object per line    ─┐
//! notes/                             the files in it            │
//! page.md, page.html, page.rs        one document each          ├─► Result<Document>, …
//! table.csv, table.tsv               one document per row      ─┘
//! ```
//!
//! A JSON line has an id (`_id`, else `id`: a string or an integer), and may have `title`, the
//! text (`text`, else `doc`, else `contents`), `docid` and `tags` (a string or a list of
//! strings). The members of the object `metadata`, or of another name ([`ReadOptions::fields`]), are
//! its fields. All other keys are kept with it. `null` is the same as absent. Blank lines are skipped.
//!
//! A folder is read recursively: regular files with an extension of [`TEXT_EXTENSIONS`] or of a
//! programming language, and with the feature `files` web pages and tables; names beginning with a dot
//! and (with that feature) what a `.gitignore` names left out, links to folders not followed, in the
//! order of their ids. The id is the path below the folder, with `/` on every platform; with several
//! folders and files it is the path below the folder that holds them all.
//!
//! I1. Documents come in a fixed order: sources as given, lines and files in order.
//! I2. Only one line or file is in memory at a time ([`MAX_LINE_BYTES`] at most), and all ids.
//! I3. Every error names the file, and the line where there is one.
//! I4. Every document has passed [`Document::check`]. No id comes twice without a word: see
//!     [`OnDuplicate`].

use std::collections::VecDeque;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::duplicates::{Ids, OnDuplicate, Place};
use super::file_kind::FileKind;
use super::folder::{PassedOver, text_document};
use super::folder_files::FolderFile;
#[cfg(feature = "files")]
use super::html::page_document;
use super::lines::{LineReader, read_text};
use super::sources::{Source, Sources};
#[cfg(feature = "files")]
use super::table::TableReader;
use crate::docs::document::Document;
use crate::docs::json_document::{self, FieldsOf};
use crate::{Error, Result};

#[cfg(doc)]
use super::{file_kind::TEXT_EXTENSIONS, lines::MAX_LINE_BYTES};

/// How many reports of skipped input are kept; more are only counted.
const MAX_SKIP_REPORTS: usize = 20;

/// How to read documents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// Leave out bad lines and bad text files, count and report them (see
    /// [`DocumentReader::skipped`]), instead of failing at the first. Default: fail. A file that
    /// cannot be read to its end (missing, truncated gzip) is an error in any case.
    pub skip_bad_lines: bool,
    /// What to do with ids that come more than once. Default: fail at the end of the input.
    pub on_duplicate: OnDuplicate,
    /// The key of the object whose members are fields. `None`: `metadata`, and what is no object
    /// there is only kept.
    pub fields: Option<String>,
    /// Whether what is no object under the key of `fields` is only kept. Default: it is bad.
    pub fields_lenient: bool,
}

impl ReadOptions {
    fn fields_of(&self) -> FieldsOf<'_> {
        match &self.fields {
            Some(key) => FieldsOf::key(key, !self.fields_lenient),
            None => FieldsOf::DEFAULT,
        }
    }
}

/// What was left out.
#[derive(Debug, Clone, Default)]
pub struct Skipped {
    /// Bad lines and files, and links to folders, which are not followed.
    pub count: u64,
    /// What was wrong with the first of them, at most 20.
    pub reports: Vec<Error>,
    /// What is never read of a folder.
    pub passed_over: PassedOver,
}

/// Bytes read of all bytes there are; can be sent to another thread.
#[derive(Debug, Clone, Default)]
pub struct ReadProgress {
    bytes_read: Arc<AtomicU64>,
    bytes_total: Option<u64>,
}

impl ReadProgress {
    /// Bytes taken from the files so far (before decompression).
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    /// Bytes of all files together; unknown when one of them is standard input.
    pub fn bytes_total(&self) -> Option<u64> {
        self.bytes_total
    }
}

/// Yields the documents of files and folders one by one. After an error it ends.
///
/// ```no_run
/// use zerogr::raw::docs::{DocumentReader, ReadOptions};
///
/// for document in DocumentReader::open(["corpus.jsonl.gz", "notes"], &ReadOptions::default())? {
///     println!("{}", document?.id);
/// }
/// # Ok::<(), zerogr::Error>(())
/// ```
pub struct DocumentReader {
    options: ReadOptions,
    sources: VecDeque<Source>,
    lines: Option<LineReader>,
    #[cfg(feature = "files")]
    table: Option<TableReader>,
    ids: Ids,
    check: Box<Check>,
    progress: ReadProgress,
    skipped: Skipped,
    has_ended: bool,
}

/// Says whether a document can be taken.
type Check = dyn FnMut(&Document) -> Result<()> + Send;

/// What the current source had to say.
enum Step {
    Document(Document, Place),
    Bad(Error),
    LeftOut(Error),
    Nothing,
    End,
}

impl DocumentReader {
    /// Prepares to read `paths` in this order; `-` is standard input.
    ///
    /// # Errors
    /// A path does not exist, a folder cannot be listed or has no files that are read.
    pub fn open<P: AsRef<Path>>(
        paths: impl IntoIterator<Item = P>,
        options: &ReadOptions,
    ) -> Result<Self> {
        let sources = Sources::of(paths)?;
        Ok(Self::with(options, sources))
    }

    /// Reads one file of a folder.
    pub fn of_file(file: &FolderFile, options: &ReadOptions) -> Self {
        let mut reader = Self::with(options, Sources::default());
        reader.sources.push_back(file.source());
        reader
    }

    /// Reads JSON lines, plain or gzip, from anything; `name` is used in messages.
    ///
    /// # Errors
    /// The first bytes cannot be read.
    pub fn from_reader(
        name: &str,
        source: impl Read + Send + 'static,
        options: &ReadOptions,
    ) -> Result<Self> {
        let mut reader = Self::with(options, Sources::default());
        reader.lines = Some(LineReader::new(name, source, &reader.progress.bytes_read)?);
        Ok(reader)
    }

    fn with(options: &ReadOptions, sources: Sources) -> Self {
        DocumentReader {
            options: options.clone(),
            sources: sources.list,
            lines: None,
            #[cfg(feature = "files")]
            table: None,
            ids: Ids::default(),
            check: Box::new(|_| Ok(())),
            progress: ReadProgress {
                bytes_total: sources.bytes_total,
                ..ReadProgress::default()
            },
            skipped: Skipped {
                passed_over: sources.passed_over,
                ..Skipped::default()
            },
            has_ended: false,
        }
    }

    /// How far the reader is; the handle stays current while reading goes on.
    pub fn progress(&self) -> ReadProgress {
        self.progress.clone()
    }

    /// What was left out so far: links to folders, and with [`ReadOptions::skip_bad_lines`] what
    /// is bad.
    pub fn skipped(&self) -> &Skipped {
        &self.skipped
    }

    /// Documents whose id an earlier one had, so far.
    pub fn duplicate_count(&self) -> u64 {
        self.ids.duplicate_count()
    }

    /// Has every further document checked; one that fails with
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) or [`Limit`](crate::ErrorKind::Limit)
    /// counts as a bad line, any other error ends the reading. For example by
    /// [`DocumentCheck::check`](crate::DocumentCheck::check).
    pub fn check_with(&mut self, check: impl FnMut(&Document) -> Result<()> + Send + 'static) {
        self.check = Box::new(check);
    }

    fn step(&mut self) -> Result<Step> {
        if let Some(lines) = &mut self.lines {
            let file = lines.name().clone();
            let Some(line) = lines.next_line()? else {
                self.lines = None;
                return Ok(Step::Nothing);
            };
            let line_number = Some(line.number);
            return Ok(match line.text {
                Err(error) => Step::Bad(error),
                Ok(text) if text.trim().is_empty() => Step::Nothing,
                Ok(text) => {
                    let place = Place {
                        file,
                        line: line_number,
                    };
                    match json_document::parse(text, self.options.fields_of()) {
                        Ok(document) => Step::Document(document, place),
                        Err(message) => Step::Bad(Error::invalid(format!("{place}: {message}"))),
                    }
                }
            });
        }
        #[cfg(feature = "files")]
        if let Some(table) = &mut self.table {
            let file = table.name().clone();
            let Some(row) = table.next()? else {
                self.table = None;
                return Ok(Step::Nothing);
            };
            let place = Place {
                file,
                line: Some(row.line),
            };
            return Ok(match row.document {
                Ok(document) => Step::Document(document, place),
                Err(message) => Step::Bad(Error::invalid(format!("{place}: {message}"))),
            });
        }
        let bytes_read = &self.progress.bytes_read;
        match self.sources.pop_front() {
            None => return Ok(Step::End),
            Some(Source::Bad(error)) => return Ok(Step::Bad(error)),
            Some(Source::LeftOut(error)) => return Ok(Step::LeftOut(error)),
            Some(Source::StandardInput) => {
                self.lines = Some(LineReader::new("-", std::io::stdin(), bytes_read)?);
            }
            Some(Source::Lines(path)) => self.lines = Some(LineReader::open(&path, bytes_read)?),
            #[cfg(feature = "files")]
            Some(Source::File {
                kind: FileKind::Table(separator),
                path,
                id,
            }) => match TableReader::open(&path, separator, id, bytes_read) {
                Ok(table) => self.table = Some(table),
                Err(error) if error.is_invalid_input() => return Ok(Step::Bad(error)),
                Err(error) => return Err(error),
            },
            Some(Source::File { kind, path, id }) => {
                let place = Place {
                    file: path.display().to_string().into(),
                    line: None,
                };
                return match read_document(kind, &path, id, bytes_read) {
                    Ok(document) => Ok(Step::Document(document, place)),
                    Err(error) if error.is_invalid_input() => Ok(Step::Bad(error)),
                    Err(error) => Err(error),
                };
            }
        }
        Ok(Step::Nothing)
    }

    /// Checks a document; `None` for one that is not to be given on.
    fn admit(&mut self, document: Document, place: Place) -> Result<Option<Document>> {
        let checked = document.check().and_then(|()| (self.check)(&document));
        if let Err(error) = checked {
            if !error.is_invalid_input() {
                return Err(error);
            }
            return self.refuse(Error::new(error.kind(), format!("{place}: {error}")));
        }
        let is_admitted = self
            .ids
            .admit(&document.id, place, self.options.on_duplicate);
        Ok(is_admitted.then_some(document))
    }

    /// Leaves something bad out, if that is wanted.
    fn refuse(&mut self, error: Error) -> Result<Option<Document>> {
        match self.options.skip_bad_lines {
            true => self.leave_out(error),
            false => return Err(error),
        }
        Ok(None)
    }

    fn leave_out(&mut self, error: Error) {
        self.skipped.count += 1;
        if self.skipped.reports.len() < MAX_SKIP_REPORTS {
            self.skipped.reports.push(error);
        }
    }

    /// The next document; `None` at the end.
    fn read(&mut self) -> Result<Option<Document>> {
        loop {
            let document = match self.step()? {
                Step::Document(document, place) => self.admit(document, place)?,
                Step::Bad(error) => self.refuse(error)?,
                Step::LeftOut(error) => {
                    self.leave_out(error);
                    None
                }
                Step::Nothing => None,
                Step::End => {
                    self.ids.check(self.options.on_duplicate)?;
                    return Ok(None);
                }
            };
            if document.is_some() {
                return Ok(document);
            }
        }
    }
}

/// A file that is one document.
fn read_document(
    kind: FileKind,
    path: &Path,
    id: String,
    bytes_read: &Arc<AtomicU64>,
) -> Result<Document> {
    match kind {
        #[cfg(feature = "files")]
        FileKind::Page => page_document(path, id, bytes_read),
        FileKind::Source => Ok(Document::new(id.clone())
            .title(id)
            .text(read_text(path, bytes_read)?)),
        _ => Ok(text_document(id, read_text(path, bytes_read)?)),
    }
}

impl Iterator for DocumentReader {
    type Item = Result<Document>;

    fn next(&mut self) -> Option<Result<Document>> {
        if self.has_ended {
            return None;
        }
        let next = self.read().transpose();
        self.has_ended = !matches!(next, Some(Ok(_)));
        next
    }
}

#[cfg(test)]
mod tests;
