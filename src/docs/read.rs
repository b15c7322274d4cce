//! Reading documents from files, one by one.
//!
//! ```text
//! corpus.jsonl, corpus.jsonl.gz, -   a JSON object per line    ─┐
//! notes/                             text and Markdown files    ├─► Result<Document>, …
//! page.md, page.txt                  one document each         ─┘
//! ```
//!
//! A JSON line has an id (`_id`, else `id`: a string or an integer), and may have `title`, the
//! text (`text`, else `doc`, else `contents`), `docid` and `tags` (a string or a list of
//! strings). All other keys become fields. `null` is the same as absent. Blank lines are skipped.
//!
//! A folder is read recursively: files with an extension of [`TEXT_EXTENSIONS`], names beginning
//! with a dot left out, links to folders not followed, in the order of their ids. The id is the
//! path below the folder, with `/` on every platform.
//!
//! I1. Documents come in a fixed order: sources as given, lines and files in order.
//! I2. Only one line or file is in memory at a time ([`MAX_LINE_BYTES`] at most).
//! I3. Every error names the file, and the line where there is one.

use std::collections::VecDeque;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::document::Document;
use super::folder::{is_text_file, list_folder, text_document};
use super::json_document;
use super::lines::{LineReader, read_text};
use crate::{Error, ErrorKind, Result};

#[cfg(doc)]
use super::{folder::TEXT_EXTENSIONS, lines::MAX_LINE_BYTES};

/// How many reports of skipped input are kept; more are only counted.
const MAX_SKIP_REPORTS: usize = 20;

/// How to read documents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// Leave out bad lines and bad text files, count and report them (see
    /// [`DocumentReader::skipped`]), instead of failing at the first. Default: fail. A file that
    /// cannot be read to its end (missing, truncated gzip) is an error in any case.
    pub skip_bad_lines: bool,
}

/// What was left out.
#[derive(Debug, Clone, Default)]
pub struct Skipped {
    /// Bad lines and files.
    pub count: u64,
    /// What was wrong with the first of them, at most 20.
    pub reports: Vec<Error>,
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
/// use zerogr::docs::{DocumentReader, ReadOptions};
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
    progress: ReadProgress,
    skipped: Skipped,
    failed: bool,
}

enum Source {
    Lines(PathBuf),
    StandardInput,
    Text { path: PathBuf, id: String },
}

/// What the current source had to say.
enum Step {
    Document(Document),
    Bad(Error),
    Nothing,
    End,
}

impl DocumentReader {
    /// Prepares to read `paths` in this order; `-` is standard input.
    ///
    /// # Errors
    /// A path does not exist, a folder cannot be listed or has no text files.
    pub fn open<P: AsRef<Path>>(
        paths: impl IntoIterator<Item = P>,
        options: &ReadOptions,
    ) -> Result<Self> {
        let mut sources = VecDeque::new();
        let mut bytes_total = Some(0_u64);
        let mut count = |path: &Path| -> Result<()> {
            let size = std::fs::metadata(path).map_err(|error| opening(path, error))?;
            bytes_total = bytes_total.map(|total| total.saturating_add(size.len()));
            Ok(())
        };
        let mut standard_input = false;
        for path in paths {
            let path = path.as_ref();
            if path == Path::new("-") {
                if standard_input {
                    return Err(Error::invalid(
                        "`-` is given twice, and standard input can only be read once: \
                         leave one out",
                    ));
                }
                standard_input = true;
                sources.push_back(Source::StandardInput);
            } else if path.is_dir() {
                for (id, path) in list_folder(path)? {
                    count(&path)?;
                    sources.push_back(Source::Text { path, id });
                }
            } else {
                count(path)?;
                let name = path.file_name().and_then(|name| name.to_str());
                match name.filter(|_| is_text_file(path)) {
                    Some(name) => sources.push_back(Source::Text {
                        path: path.to_owned(),
                        id: name.to_owned(),
                    }),
                    None => sources.push_back(Source::Lines(path.to_owned())),
                }
            }
        }
        if standard_input {
            bytes_total = None;
        }
        Ok(Self::with(options, sources, bytes_total))
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
        let mut reader = Self::with(options, VecDeque::new(), None);
        reader.lines = Some(LineReader::new(name, source, &reader.progress.bytes_read)?);
        Ok(reader)
    }

    fn with(options: &ReadOptions, sources: VecDeque<Source>, bytes_total: Option<u64>) -> Self {
        DocumentReader {
            options: options.clone(),
            sources,
            lines: None,
            progress: ReadProgress {
                bytes_total,
                ..ReadProgress::default()
            },
            skipped: Skipped::default(),
            failed: false,
        }
    }

    /// How far the reader is; the handle stays current while reading goes on.
    pub fn progress(&self) -> ReadProgress {
        self.progress.clone()
    }

    /// What was left out so far (only with [`ReadOptions::skip_bad_lines`]).
    pub fn skipped(&self) -> &Skipped {
        &self.skipped
    }

    fn step(&mut self) -> Result<Step> {
        if let Some(lines) = &mut self.lines {
            return match lines.next_line()? {
                None => {
                    self.lines = None;
                    Ok(Step::Nothing)
                }
                Some(line) => {
                    let number = line.number;
                    Ok(match line.text {
                        Err(error) => Step::Bad(error),
                        Ok(text) if text.trim().is_empty() => Step::Nothing,
                        Ok(text) => match json_document::parse(text) {
                            Ok(document) => Step::Document(document),
                            Err(message) => Step::Bad(lines.error_at(number, message)),
                        },
                    })
                }
            };
        }
        let bytes_read = &self.progress.bytes_read;
        match self.sources.pop_front() {
            None => return Ok(Step::End),
            Some(Source::StandardInput) => {
                self.lines = Some(LineReader::new("-", std::io::stdin(), bytes_read)?);
            }
            Some(Source::Lines(path)) => self.lines = Some(LineReader::open(&path, bytes_read)?),
            Some(Source::Text { path, id }) => {
                let document = read_text(&path, bytes_read)
                    .map(|text| text_document(id, text))
                    .and_then(|document| {
                        let named = |error| Error::invalid(format!("{}: {error}", path.display()));
                        document.check().map_err(named)?;
                        Ok(document)
                    });
                return match document {
                    Ok(document) => Ok(Step::Document(document)),
                    Err(error) if error.is_invalid_input() => Ok(Step::Bad(error)),
                    Err(error) => Err(error),
                };
            }
        }
        Ok(Step::Nothing)
    }
}

impl Iterator for DocumentReader {
    type Item = Result<Document>;

    fn next(&mut self) -> Option<Result<Document>> {
        while !self.failed {
            match self.step() {
                Ok(Step::Document(document)) => return Some(Ok(document)),
                Ok(Step::Nothing) => {}
                Ok(Step::End) => return None,
                Ok(Step::Bad(error)) if self.options.skip_bad_lines => {
                    self.skipped.count += 1;
                    if self.skipped.reports.len() < MAX_SKIP_REPORTS {
                        self.skipped.reports.push(error);
                    }
                }
                Ok(Step::Bad(error)) | Err(error) => {
                    self.failed = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

/// The error of a source that cannot be opened.
fn opening(path: &Path, error: std::io::Error) -> Error {
    if error.kind() != std::io::ErrorKind::NotFound {
        return Error::io("opening", path, error);
    }
    let message = format!(
        "there is no file or folder {}; check the path",
        path.display()
    );
    Error::with_source(ErrorKind::Path, message, error)
}

#[cfg(test)]
mod tests;
