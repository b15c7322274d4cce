//! A file of results takes its place when it is whole, and only the place of its kind.
//!
//! ```text
//! FILE absent, empty or recognised   a temporary file beside it ── finish ──► FILE
//! FILE something else                refused, and not touched
//! FILE a pipe or a terminal          written as it comes: nothing is lost there
//! ```

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use zerogr::raw::store::regular_file;

use super::failure::Failure;
use super::output;

/// What is in a file, to be recognised by its first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// A ranking in TREC's format.
    Run,
    /// Judgements in TREC's format.
    Judgements,
    /// A JSON line per query.
    PerQuery,
    /// A page.
    Report,
}

/// What makes a page of ours recognisable.
pub const PAGE_MARK: &str = "<!DOCTYPE html>\n<!-- zerogr eval -->\n";

/// A file that is being written.
pub struct ResultFile {
    path: PathBuf,
    place: Place,
}

enum Place {
    Beside(NamedTempFile),
    Stream(File),
}

impl ResultFile {
    /// Begins a file; fails where something else would be lost.
    pub fn create(path: &Path, content: Content) -> Result<ResultFile, Failure> {
        let failed = |error: io::Error| Failure::io("creating", path, &error);
        let is_stream = match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => return Err(refused(path, "is a folder")),
            Ok(metadata) if metadata.is_file() => {
                if !content.is_in(path).map_err(failed)? {
                    return Err(refused(path, "exists and is something else"));
                }
                false
            }
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(failed(error)),
        };
        let place = match is_stream {
            true => Place::Stream(OpenOptions::new().write(true).open(path).map_err(failed)?),
            false => Place::Beside(temporary_beside(path).map_err(failed)?),
        };
        Ok(ResultFile {
            path: path.to_owned(),
            place,
        })
    }

    /// Puts the whole file in its place.
    pub fn finish(mut self) -> Result<(), Failure> {
        let flushed = self.flush();
        let moved = flushed.and_then(|()| match self.place {
            Place::Stream(_) => Ok(()),
            Place::Beside(file) => file
                .persist(&self.path)
                .map(drop)
                .map_err(|error| error.error),
        });
        moved.map_err(|error| Failure::io("writing", &self.path, &error))
    }
}

impl Write for ResultFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.place {
            Place::Beside(file) => file.write(bytes),
            Place::Stream(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.place {
            Place::Beside(file) => file.flush(),
            Place::Stream(file) => file.flush(),
        }
    }
}

impl Content {
    /// True when the file is empty, or its start is of this kind.
    fn is_in(self, path: &Path) -> io::Result<bool> {
        let mut start = Vec::new();
        regular_file::open(path)?
            .take(4096)
            .read_to_end(&mut start)?;
        Ok(start.is_empty() || self.begins(&String::from_utf8_lossy(&start)))
    }

    fn begins(self, start: &str) -> bool {
        let line = start.lines().next().unwrap_or_default();
        let columns: Vec<&str> = line.split_whitespace().collect();
        let is_number = |place: usize| {
            let column = columns.get(place);
            column.is_some_and(|column| column.parse::<f64>().is_ok())
        };
        match self {
            Content::Run => columns.len() == 6 && is_number(3) && is_number(4),
            Content::Judgements => columns.len() == 4 && is_number(3),
            Content::PerQuery => {
                let value = serde_json::from_str::<serde_json::Value>(line);
                let has = |key: &str| value.as_ref().is_ok_and(|value| value.get(key).is_some());
                has("dataset") && has("system") && has("query")
            }
            Content::Report => start.starts_with(PAGE_MARK),
        }
    }
}

fn temporary_beside(path: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".zerogr-result-");
    // As any new file, less what the process's mask takes away; it is no secret.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    builder.tempfile_in(folder.unwrap_or(Path::new(".")))
}

fn refused(path: &Path, what: &str) -> Failure {
    Failure::new(format!(
        "{} {what}: it is left as it is; choose another name, or remove it",
        output::path(path)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_told_apart() {
        let samples = [
            (Content::Run, "q1 Q0 d1 1 3.5 zerogr\n"),
            (Content::Judgements, "q1 0 d1 1\n"),
            (
                Content::PerQuery,
                "{\"dataset\":\"a\",\"metrics\":{},\"query\":\"1\",\"system\":\"s\"}\n",
            ),
            (Content::Report, PAGE_MARK),
        ];
        for (content, _) in samples {
            for (other, text) in samples {
                assert_eq!(content.begins(text), content == other, "{content:?} {text}");
            }
            for text in [
                "\n",
                "some words of a letter here now",
                "{}",
                "<!DOCTYPE html>\n<html>",
            ] {
                assert!(!content.begins(text), "{content:?} {text}");
            }
        }
    }
}
