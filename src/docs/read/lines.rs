//! Lines of text files, plain or gzip, with their numbers.
//!
//! Problem: every reader of this crate must say *where* bad input is, and must not be brought
//! down by it: a line without end, a file cut short, bytes that are no text.
//!
//! I1. Memory is bounded by [`MAX_LINE_BYTES`] and a few buffers, whatever the input.
//! I2. A bad line (too long, not UTF-8) is an error of that line; the next line can be read.
//!     A bad file (unreadable, damaged or truncated gzip) is an error of the reader.
//! I3. Compression is recognised by the first two bytes, not by the name. A byte order mark at
//!     the start of a line (files may have been joined) and carriage returns at line ends are not
//!     part of the lines.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::gzip::Gunzip;
use crate::store::regular_file;
use crate::{Error, ErrorKind, Result};

/// The longest line, and the longest text file read as one document, in bytes (64 MiB).
pub const MAX_LINE_BYTES: usize = 64 * 1024 * 1024;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One line, or what is wrong with it.
pub(crate) struct Line<'a> {
    /// Counted from 1.
    pub(crate) number: u64,
    pub(crate) text: Result<&'a str>,
}

/// Reads one file line by line.
pub(crate) struct LineReader {
    name: Arc<str>,
    reader: Box<dyn BufRead + Send>,
    buffer: Vec<u8>,
    number: u64,
    max_line_bytes: usize,
}

impl LineReader {
    /// Opens a file; bytes taken from it are added to `bytes_read`.
    pub(crate) fn open(path: &Path, bytes_read: &Arc<AtomicU64>) -> Result<Self> {
        let file = open(path)?;
        Self::new(&path.display().to_string(), file, bytes_read)
    }

    /// Reads from anything, called `name` in messages.
    pub(crate) fn new(
        name: &str,
        source: impl Read + Send + 'static,
        bytes_read: &Arc<AtomicU64>,
    ) -> Result<Self> {
        let reader =
            decompressed(source, bytes_read).map_err(|error| read_error(name, 0, error))?;
        Ok(LineReader {
            name: name.into(),
            reader,
            buffer: Vec::new(),
            number: 0,
            max_line_bytes: MAX_LINE_BYTES,
        })
    }

    /// What it is called in messages.
    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// An error that begins with file and line number.
    pub(crate) fn error_at(&self, number: u64, message: impl std::fmt::Display) -> Error {
        Error::invalid(format!("{}:{number}: {message}", self.name))
    }

    /// The next line without its end, or nothing at the end of the file.
    ///
    /// # Errors
    /// The file cannot be read any further.
    pub(crate) fn next_line(&mut self) -> Result<Option<Line<'_>>> {
        let fits = match self.fill_line() {
            Ok(None) => return Ok(None),
            Ok(Some(fits)) => fits,
            Err(error) => return Err(read_error(&self.name, self.number, error)),
        };
        let number = self.number;
        let text = if !fits {
            Err(Error::limit(format!(
                "{}:{number}: the line is longer than {} bytes; split the document",
                self.name, self.max_line_bytes
            )))
        } else {
            match std::str::from_utf8(&self.buffer) {
                Ok(text) => Ok(text),
                Err(_) if number == 1 && is_utf16(&self.buffer) => {
                    Err(self.error_at(number, "the file is UTF-16; convert it to UTF-8"))
                }
                Err(error) => Err(self.error_at(
                    number,
                    format_args!(
                        "not valid UTF-8 at byte {} of the line; convert the file to UTF-8",
                        error.valid_up_to() + 1
                    ),
                )),
            }
        };
        Ok(Some(Line { number, text }))
    }

    /// Reads a line into the buffer: nothing at the end, else whether it was within the limit.
    fn fill_line(&mut self) -> io::Result<Option<bool>> {
        self.buffer.clear();
        let mut fits = true;
        let mut any = false;
        loop {
            let available = match self.reader.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                break;
            }
            any = true;
            let end = available.iter().position(|byte| *byte == b'\n');
            let (content, used) = match end {
                Some(end) => (available.get(..end).unwrap_or(available), end + 1),
                None => (available, available.len()),
            };
            // More bytes than the limit may be a byte order mark and a carriage return.
            let most = self.max_line_bytes + BYTE_ORDER_MARK.len() + 1;
            if self.buffer.len() + content.len() > most {
                fits = false;
                self.buffer.clear();
            } else if fits {
                self.buffer.extend_from_slice(content);
            }
            self.reader.consume(used);
            if end.is_some() {
                break;
            }
        }
        if !any {
            return Ok(None);
        }
        self.number += 1;
        if self.buffer.last() == Some(&b'\r') {
            self.buffer.pop();
        }
        if self.buffer.starts_with(BYTE_ORDER_MARK) {
            self.buffer.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(Some(fits && self.buffer.len() <= self.max_line_bytes))
    }
}

/// The bytes of a whole file, gunzipped.
///
/// # Errors
/// Unreadable, or longer than [`MAX_LINE_BYTES`].
pub(super) fn read_bytes(path: &Path, bytes_read: &Arc<AtomicU64>) -> Result<Vec<u8>> {
    let file = open(path)?;
    let mut bytes = Vec::new();
    decompressed(file, bytes_read)
        .and_then(|reader| {
            reader
                .take(MAX_LINE_BYTES as u64 + 1)
                .read_to_end(&mut bytes)
        })
        .map_err(|error| read_error(&path.display().to_string(), 0, error))?;
    if bytes.len() > MAX_LINE_BYTES {
        return Err(Error::limit(format!(
            "{}: the file is longer than {MAX_LINE_BYTES} bytes; split it",
            path.display()
        )));
    }
    Ok(bytes)
}

/// A whole text file, plain or gzip, without its byte order mark.
///
/// # Errors
/// Unreadable, longer than [`MAX_LINE_BYTES`], or not UTF-8 (with the line number).
pub(crate) fn read_text(path: &Path, bytes_read: &Arc<AtomicU64>) -> Result<String> {
    let mut bytes = read_bytes(path, bytes_read)?;
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    if is_utf16(&bytes) {
        return Err(Error::invalid(format!(
            "{}:1: the file is UTF-16; convert it to UTF-8, or leave it out",
            path.display()
        )));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..valid).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Error::invalid(format!(
            "{}:{line}: not valid UTF-8; convert the file to UTF-8, or leave it out",
            path.display()
        ))
    })
}

/// Opens a file that documents or judgements are in.
pub(super) fn open(path: &Path) -> Result<File> {
    regular_file::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput => Error::invalid(format!(
            "{}: it is a folder, pipe or device and not a file; what comes from a program can be \
             piped to a command that reads `-`",
            path.display()
        )),
        _ => Error::io("opening", path, error),
    })
}

/// Whether a file that begins so has the mark of UTF-16.
fn is_utf16(start: &[u8]) -> bool {
    start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff")
}

/// The plain bytes of `source`, whether it is compressed or not.
pub(super) fn decompressed(
    source: impl Read + Send + 'static,
    bytes_read: &Arc<AtomicU64>,
) -> io::Result<Box<dyn BufRead + Send>> {
    let mut source = Counting {
        source,
        bytes_read: Arc::clone(bytes_read),
    };
    let mut start = Vec::new();
    source
        .by_ref()
        .take(GZIP_MAGIC.len() as u64)
        .read_to_end(&mut start)?;
    let compressed = start == GZIP_MAGIC;
    let whole = BufReader::with_capacity(64 * 1024, io::Cursor::new(start).chain(source));
    if compressed {
        Ok(Box::new(BufReader::with_capacity(
            64 * 1024,
            Gunzip::new(whole),
        )))
    } else {
        Ok(Box::new(whole))
    }
}

pub(super) fn read_error(name: &str, lines_read: u64, error: io::Error) -> Error {
    let after = if lines_read == 0 {
        String::new()
    } else {
        format!(":{}", lines_read + 1)
    };
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::invalid(format!(
            "{name}{after}: the compressed file ends too early; fetch or write it again"
        )),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => Error::with_source(
            ErrorKind::InvalidInput,
            format!(
                "{name}{after}: the compressed file is damaged: {error}; fetch or write it again"
            ),
            error,
        ),
        _ => Error::of_io(format!("reading {name}{after}: {error}"), error),
    }
}

/// Counts the bytes that pass.
struct Counting<R> {
    source: R,
    bytes_read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.bytes_read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn reader(bytes: &[u8]) -> LineReader {
        LineReader::new("in", io::Cursor::new(bytes.to_vec()), &Arc::default()).unwrap()
    }

    fn all(mut lines: LineReader) -> Result<Vec<std::result::Result<String, String>>> {
        let mut found = Vec::new();
        while let Some(line) = lines.next_line()? {
            assert_eq!(line.number as usize, found.len() + 1);
            found.push(
                line.text
                    .map(str::to_owned)
                    .map_err(|error| error.to_string()),
            );
        }
        Ok(found)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn line_ends_marks_and_empty_lines() {
        let found = all(reader(b"\xef\xbb\xbfone\r\n\n\xef\xbb\xbftwo\nthree")).unwrap();
        assert_eq!(
            found,
            ["one", "", "two", "three"].map(|line| Ok(line.to_owned()))
        );
        assert!(all(reader(b"")).unwrap().is_empty());
        assert_eq!(all(reader(b"x")).unwrap().len(), 1);
    }

    #[test]
    fn bad_utf8_is_an_error_of_its_line() {
        let found = all(reader(b"good\nb\xffd\ngood")).unwrap();
        assert!(found[0].is_ok() && found[2].is_ok());
        assert!(
            found[1]
                .as_ref()
                .unwrap_err()
                .starts_with("in:2: not valid UTF-8 at byte 2")
        );
    }

    #[test]
    fn utf_16_is_called_by_its_name() {
        for start in [b"\xff\xfe{\0", b"\xfe\xff\0{"] {
            let found = all(reader(start)).unwrap();
            let error = found[0].as_ref().unwrap_err();
            assert_eq!(error, "in:1: the file is UTF-16; convert it to UTF-8");
        }
    }

    #[test]
    fn long_lines_are_an_error_of_their_line() {
        let mut lines = reader(b"12345678\r\n123456789\n123456789012345\nnext");
        lines.max_line_bytes = 8;
        let found = all(lines).unwrap();
        assert!(found[0].is_ok() && found[3].is_ok());
        assert!(
            found[1]
                .as_ref()
                .unwrap_err()
                .contains("in:2: the line is longer than 8 bytes")
        );
        assert!(found[2].is_err());
    }

    #[test]
    fn gzip_is_recognised_by_its_bytes() {
        let mut two_members = gzip(b"one\n");
        two_members.extend(gzip(b"two\n"));
        assert_eq!(all(reader(&two_members)).unwrap().len(), 2);
        two_members.extend([0; 512]);
        assert_eq!(all(reader(&two_members)).unwrap().len(), 2, "padded");
    }

    #[test]
    fn truncated_and_damaged_gzip_are_errors() {
        let whole = gzip(&b"some line of text\n".repeat(1000));
        for cut in [3, 12, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
            let error = LineReader::new(
                "in.gz",
                io::Cursor::new(whole[..cut].to_vec()),
                &Arc::default(),
            )
            .and_then(all)
            .unwrap_err();
            assert!(
                error.to_string().contains("ends too early"),
                "{cut}: {error}"
            );
        }
        let mut damaged = whole.clone();
        let end = damaged.len() - 6;
        damaged[end] ^= 1;
        let error = all(reader(&damaged)).unwrap_err();
        assert!(error.is_invalid_input(), "{error}");
        assert!(error.to_string().contains("damaged"), "{error}");
    }
}
