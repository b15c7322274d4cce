//! Tables as documents, one of every row.
//!
//! ```text
//!   id,title,text,year            {"_id": "7", "title": "Wings", "text": "…", "metadata": {"year": 1969}}
//!   7,Wings,…,1969         ─►
//!
//!   Year;Album;UK                 {"_id": "albums.csv#2",
//!   1969;Renaissance;60            "text": "Year: 1969\nAlbum: Renaissance\nUK: 60",
//!                                  "metadata": {"Year": 1969, "Album": "Renaissance", "UK": 60}}
//! ```
//!
//! The first row names the columns. Those that a JSON line has too (`_id` or `id`, `title`, `text`,
//! `docid`, `tags`) are what they are there; all others become fields, and the text where there is no
//! such column. A table is read twice: a column is one of numbers, or of `true` and `false`, only if all
//! its cells are. Empty cells are absent.
//!
//! I1. Memory is bounded by [`MAX_LINE_BYTES`] for a row, whatever the input.
//! I2. A bad row is an error of that row; the next one can be read.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use csv::{ByteRecord, ReaderBuilder};

use super::lines::{MAX_LINE_BYTES, decompressed, open, read_error};
use crate::docs::document::{Document, FIELDS_KEY};
use crate::docs::json_document::{self, FieldsOf};
use crate::{Error, Result};

const IDS: &[&str] = &["_id", "id"];
const TEXTS: &[&str] = &["text", "doc", "contents"];
const PARTS: &[&str] = &["title", "docid", "tags"];

/// What all cells of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cells {
    /// No cell says anything.
    Empty,
    Booleans,
    Integers,
    Numbers,
    Strings,
}

impl Cells {
    /// What one cell is by itself.
    fn of(cell: &str) -> Cells {
        if cell.is_empty() {
            return Cells::Empty;
        }
        if matches!(cell, "true" | "false") {
            return Cells::Booleans;
        }
        // What JSON would not take for a number (`007`, `+1`) is a name made of digits.
        let number: Option<serde_json::Number> = serde_json::from_str(cell).ok();
        match number {
            Some(_) if cell.parse::<i64>().is_ok() => Cells::Integers,
            Some(_) if has_fraction(cell) && cell.parse().is_ok_and(f64::is_finite) => {
                Cells::Numbers
            }
            _ => Cells::Strings,
        }
    }

    /// What cells of both kinds are.
    fn with(self, other: Cells) -> Cells {
        match (self, other) {
            (Cells::Empty, one) | (one, Cells::Empty) => one,
            (one, same) if one == same => one,
            (Cells::Integers, Cells::Numbers) | (Cells::Numbers, Cells::Integers) => Cells::Numbers,
            _ => Cells::Strings,
        }
    }
}

fn has_fraction(number: &str) -> bool {
    number.contains(['.', 'e', 'E'])
}

/// A column of a table.
struct Column {
    name: String,
    cells: Cells,
    /// It is a part of the document by its name, and no field.
    is_part: bool,
}

/// Reads a table row by row.
pub(super) struct TableReader {
    name: Arc<str>,
    rows: Rows,
    columns: Vec<Column>,
    has_ids: bool,
    has_texts: bool,
    /// What the id of a row begins with that has none of its own.
    id: String,
}

/// A row, or what is wrong with it.
pub(super) struct Row {
    /// The line behind the row before it, counted from 1: where it begins, unless lines between are
    /// empty.
    pub(super) line: u64,
    pub(super) document: Result<Document, String>,
}

impl TableReader {
    /// Opens a table whose cells are separated by `separator`; rows without an id are named after
    /// `id`. Bytes taken from the file are added to `bytes_read`.
    ///
    /// # Errors
    ///
    /// Unreadable; or a first row that does not name the columns.
    pub(super) fn open(
        path: &Path,
        separator: Separator,
        id: String,
        bytes_read: &Arc<AtomicU64>,
    ) -> Result<Self> {
        let name: Arc<str> = path.display().to_string().into();
        let separator = match separator {
            Separator::Tab => b'\t',
            Separator::CommaOrSemicolon => separator_of(path, &name)?,
        };
        let uncounted = Arc::default();
        let mut rows = Rows::open(path, &name, separator, &uncounted)?;
        let mut columns = columns_of(&mut rows, &name)?;
        while let Some(row) = rows.next(&name)? {
            for (column, cell) in columns.iter_mut().zip(row.iter()) {
                let cell = std::str::from_utf8(cell).unwrap_or_default();
                column.cells = column.cells.with(Cells::of(cell.trim()));
            }
        }
        let mut rows = Rows::open(path, &name, separator, bytes_read)?;
        rows.next(&name)?;
        let has = |names: &[&str]| columns.iter().any(|one| names.contains(&one.name.as_str()));
        Ok(TableReader {
            has_ids: has(IDS),
            has_texts: has(TEXTS),
            name,
            rows,
            columns,
            id,
        })
    }

    /// What it is called in messages.
    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The next row; nothing at the end.
    ///
    /// # Errors
    ///
    /// The file cannot be read any further.
    pub(super) fn next(&mut self) -> Result<Option<Row>> {
        let Some(record) = self.rows.next(&self.name)? else {
            return Ok(None);
        };
        let line = record.position().map_or(0, csv::Position::line);
        let document = self.document(&record, line);
        Ok(Some(Row { line, document }))
    }

    fn document(&self, record: &ByteRecord, line: u64) -> Result<Document, String> {
        if record.len() != self.columns.len() {
            return Err(format!(
                "the row has {} cells, and the first row names {} columns",
                record.len(),
                self.columns.len()
            ));
        }
        let (mut object, mut fields): (Vec<String>, Vec<String>) = Default::default();
        let mut sentences: Vec<String> = Vec::new();
        if !self.has_ids {
            object.push(entry("_id", &string(&format!("{}#{line}", self.id))));
        }
        for (column, cell) in self.columns.iter().zip(record.iter()) {
            let cell = std::str::from_utf8(cell).map_err(|_| {
                let name = &column.name;
                format!("the cell of {name:?} is not valid UTF-8; convert the file to UTF-8")
            })?;
            let trimmed = cell.trim();
            if trimmed.is_empty() {
                continue;
            }
            if column.is_part {
                object.push(entry(&column.name, &string(cell)));
                continue;
            }
            sentences.push(format!("{}: {trimmed}", column.name));
            fields.push(entry(
                &column.name,
                &match column.cells {
                    Cells::Integers | Cells::Booleans => trimmed.to_owned(),
                    Cells::Numbers if has_fraction(trimmed) => trimmed.to_owned(),
                    Cells::Numbers => format!("{trimmed}.0"),
                    Cells::Empty | Cells::Strings => string(cell),
                },
            ));
        }
        if !self.has_texts {
            object.push(entry("text", &string(&sentences.join("\n"))));
        }
        if !fields.is_empty() {
            object.push(entry(FIELDS_KEY, &format!("{{{}}}", fields.join(","))));
        }
        let line = format!("{{{}}}", object.join(","));
        json_document::parse(&line, FieldsOf::DEFAULT)
    }
}

fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn entry(name: &str, json: &str) -> String {
    format!("{}:{json}", string(name))
}

/// What stands between cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Separator {
    Tab,
    /// Where the comma is in numbers, spreadsheets write semicolons; the first line tells.
    CommaOrSemicolon,
}

fn separator_of(path: &Path, name: &Arc<str>) -> Result<u8> {
    let count = |separator| -> Result<usize> {
        let mut rows = Rows::open(path, name, separator, &Arc::default())?;
        Ok(rows.next(name)?.map_or(0, |row| row.len()))
    };
    Ok(match count(b';')? > count(b',')? {
        true => b';',
        false => b',',
    })
}

/// The columns that the first row names; none for an empty file.
fn columns_of(rows: &mut Rows, name: &str) -> Result<Vec<Column>> {
    let wrong = |message: String| Error::invalid(format!("{name}:1: {message}"));
    let Some(first) = rows.next(name)? else {
        return Ok(Vec::new());
    };
    let mut columns: Vec<Column> = Vec::with_capacity(first.len());
    for cell in &first {
        let cell = std::str::from_utf8(cell)
            .map_err(|_| wrong("not valid UTF-8; convert the file to UTF-8".to_owned()))?;
        // Spreadsheets write a byte order mark.
        let column = match cell.trim_start_matches('\u{feff}').trim() {
            "" => format!("column {}", columns.len() + 1),
            named => named.to_owned(),
        };
        if columns.iter().any(|other| other.name == column) {
            return Err(wrong(format!(
                "two columns are called {column:?}; the first row must name every column by a name \
                 of its own"
            )));
        }
        let is_part = [IDS, TEXTS, PARTS]
            .iter()
            .any(|names| names.contains(&column.as_str()));
        columns.push(Column {
            name: column,
            cells: Cells::Empty,
            is_part,
        });
    }
    Ok(columns)
}

/// The rows of a file, as they lie in it.
struct Rows {
    reader: csv::Reader<Bounded>,
}

impl Rows {
    fn open(path: &Path, name: &str, separator: u8, bytes_read: &Arc<AtomicU64>) -> Result<Self> {
        let source = decompressed(open(path)?, bytes_read);
        let source = source.map_err(|error| read_error(name, 0, error))?;
        let reader = ReaderBuilder::new()
            .delimiter(separator)
            .has_headers(false)
            .flexible(true)
            .from_reader(Bounded {
                source: Box::new(source),
                left: Arc::default(),
            });
        Ok(Rows { reader })
    }

    fn next(&mut self, name: &str) -> Result<Option<ByteRecord>> {
        let line = self.reader.position().line();
        let left = &self.reader.get_ref().left;
        left.store(MAX_LINE_BYTES as u64, Ordering::Relaxed);
        let mut record = ByteRecord::new();
        match self.reader.read_byte_record(&mut record) {
            Ok(true) => Ok(Some(record)),
            Ok(false) => Ok(None),
            Err(error) => Err(match error.into_kind() {
                csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                    Error::limit(format!(
                        "{name}:{line}: the row is longer than {MAX_LINE_BYTES} bytes; a quotation \
                         mark may be missing"
                    ))
                }
                csv::ErrorKind::Io(error) => read_error(name, line, error),
                other => Error::invalid(format!("{name}:{line}: {other:?}")),
            }),
        }
    }
}

/// A source that gives no more bytes than one row may have.
struct Bounded {
    source: Box<dyn Read + Send>,
    left: Arc<AtomicU64>,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let count = self.source.read(buffer)?;
        let read = left.saturating_sub(count as u64);
        self.left.store(read, Ordering::Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, content: &[u8]) -> Result<Vec<(u64, Result<String, String>)>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let separator = match name.ends_with(".tsv") {
            true => Separator::Tab,
            false => Separator::CommaOrSemicolon,
        };
        let mut reader = TableReader::open(&path, separator, name.to_owned(), &Arc::default())?;
        let mut rows = Vec::new();
        while let Some(row) = reader.next()? {
            rows.push((row.line, row.document.map(|one| one.to_json_line())));
        }
        Ok(rows)
    }

    fn documents(name: &str, content: &str) -> Vec<String> {
        let rows = read(name, content.as_bytes()).unwrap();
        rows.into_iter().map(|(_, row)| row.unwrap()).collect()
    }

    #[test]
    fn known_columns_are_what_they_are_in_json_lines() {
        assert_eq!(
            documents(
                "a.csv",
                "\u{feff}id,title,text,tags\n7,Wings,\"Thin, \"\"bad\"\"\nwings\",old\n"
            ),
            [
                r#"{"_id":"7","title":"Wings","text":"Thin, \"bad\"\nwings","docid":[],"tags":["old"]}"#
            ]
        );
    }

    #[test]
    fn other_columns_are_fields_of_one_kind_and_the_text() {
        let content = "Year;Name;Share;New;Code\n1969;A;2;true;007\n;B;.5;false;8\n1971;C;1e1;;9\n";
        assert_eq!(
            documents("a.csv", content)[0],
            r#"{"_id":"a.csv#2","title":"","text":"Year: 1969\nName: A\nShare: 2\nNew: true\nCode: 007","docid":[],"tags":[],"metadata":{"Year":1969,"Name":"A","Share":"2","New":true,"Code":"007"}}"#
        );
        let numbers = documents("a.tsv", "x\ty\n1\t2\n2\t0.5\n");
        assert!(numbers[0].ends_with(r#""x":1,"y":2.0}}"#), "{}", numbers[0]);
        assert!(numbers[1].ends_with(r#""x":2,"y":0.5}}"#), "{}", numbers[1]);
        let wide = documents("a.csv", "n\n1\n123456789012345678901\n");
        assert!(wide[0].ends_with(r#""n":"1"}}"#), "{}", wide[0]);
    }

    #[test]
    fn a_bad_row_does_not_end_the_table() {
        let rows = read("a.csv", b"a,b\n1\n\xff,2\n3,4\n\n\n5,6").unwrap();
        let lines: Vec<(u64, bool)> = rows
            .iter()
            .map(|(line, row)| (*line, row.is_ok()))
            .collect();
        assert_eq!(lines, [(2, false), (3, false), (4, true), (5, true)]);
        assert!(rows[0].1.as_ref().unwrap_err().contains("1 cells"));
        assert!(rows[1].1.as_ref().unwrap_err().contains("UTF-8"));
    }

    #[test]
    fn what_is_no_table() {
        assert!(documents("a.csv", "").is_empty());
        assert!(documents("a.csv", "only,names\n").is_empty());
        let error = read("a.csv", b"a,a\n1,2\n").unwrap_err();
        assert!(error.to_string().contains("called \"a\""), "{error}");
        let endless = [b"a\n\"".to_vec(), vec![b'x'; MAX_LINE_BYTES + 100_000]].concat();
        let error = read("a.csv", &endless).unwrap_err();
        assert!(
            error.is_invalid_input() && error.to_string().contains("a.csv:2"),
            "{error}"
        );
    }
}
