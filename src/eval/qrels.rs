//! Relevance judgements, read from and written to files.
//!
//! Two layouts are read, plain or gzip, told apart line by line:
//!
//! ```text
//! query-id corpus-id score        BEIR, with or without the header line
//! query-id 0 corpus-id score      TREC
//! ```
//!
//! Between columns are tabs or any white space; ids between tabs may have blanks.
//!
//! I1. A score is a finite number, whole or not; above 0 means relevant.
//! I2. A pair may be judged twice only with the same score.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use super::columns::{cells, is_header};
use crate::docs::read::lines::LineReader;
use crate::{Error, Result};

/// The judgements of one query: document id -> score.
pub type Judgements = BTreeMap<String, f64>;

/// The judgements of all queries.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Qrels {
    queries: BTreeMap<String, Judgements>,
}

impl Qrels {
    /// No judgements.
    pub fn new() -> Self {
        Qrels::default()
    }

    /// Reads a file in any of the layouts above.
    ///
    /// # Errors
    /// With file and line: wrong number of columns, empty id, a score that is no finite number,
    /// a pair judged twice differently. A file without any judgement.
    pub fn read(path: &Path) -> Result<Self> {
        let mut qrels = Qrels::new();
        let mut lines = LineReader::open(path, &Arc::default())?;
        while let Some(line) = lines.next_line()? {
            let (number, text) = (line.number, line.text?);
            if text.trim().is_empty() {
                continue;
            }
            let parsed = columns(text).and_then(|(query, document, score)| {
                match score.parse::<f64>().ok().filter(|score| score.is_finite()) {
                    Some(score) => qrels.insert(query, document, score).map(|_| ()),
                    None if is_header(score) => Ok(()),
                    None => Err(format!("the score {score:?} is not a number")),
                }
            });
            parsed.map_err(|message| lines.error_at(number, message))?;
        }
        if qrels.queries.is_empty() {
            return Err(Error::invalid(format!(
                "{}: the file has no judgements; expected lines of query-id, corpus-id, score",
                path.display()
            )));
        }
        Ok(qrels)
    }

    /// Writes the BEIR layout, header included, sorted by query and document.
    ///
    /// # Errors
    /// An id with a tab or line end; a failing writer.
    pub fn write(&self, writer: &mut impl Write) -> Result<()> {
        writer
            .write_all(b"query-id\tcorpus-id\tscore\n")
            .map_err(writing)?;
        self.write_lines(
            writer,
            |c| matches!(c, '\t' | '\n' | '\r'),
            |query, document, score| format!("{query}\t{document}\t{score}"),
        )
    }

    /// Writes TREC's layout, sorted by query and document. Tools that follow it closely read
    /// whole scores only.
    ///
    /// # Errors
    /// An id with white space, which the layout cannot hold; a failing writer.
    pub fn write_trec(&self, writer: &mut impl Write) -> Result<()> {
        self.write_lines(writer, char::is_whitespace, |query, document, score| {
            format!("{query} 0 {document} {score}")
        })
    }

    fn write_lines<P>(
        &self,
        writer: &mut impl Write,
        forbidden: P,
        line: impl Fn(&str, &str, f64) -> String,
    ) -> Result<()>
    where
        P: Fn(char) -> bool,
    {
        for (query, judgements) in &self.queries {
            for (document, score) in judgements {
                for id in [query, document] {
                    if id.contains(&forbidden) {
                        return Err(Error::invalid(format!(
                            "the id {id:?} has white space that a judgement file of this layout \
                             cannot hold; rename it"
                        )));
                    }
                }
                writeln!(writer, "{}", line(query, document, *score)).map_err(writing)?;
            }
        }
        writer.flush().map_err(writing)
    }

    /// Adds one judgement.
    ///
    /// # Errors
    /// The score is not finite, or the pair has another score already.
    pub fn add(&mut self, query: &str, document: &str, score: f64) -> Result<()> {
        self.insert(query, document, score).map_err(Error::invalid)
    }

    fn insert(
        &mut self,
        query: &str,
        document: &str,
        score: f64,
    ) -> std::result::Result<(), String> {
        if query.is_empty() || document.is_empty() {
            return Err("the query id or document id is empty".to_owned());
        }
        if !score.is_finite() {
            return Err(format!("the score {score} is not a finite number"));
        }
        let judgements = self.queries.entry(query.to_owned()).or_default();
        match judgements.insert(document.to_owned(), score) {
            Some(earlier) if earlier != score => Err(format!(
                "query {query:?} and document {document:?} were judged {earlier} before, and \
                 {score} here; keep one of the two"
            )),
            _ => Ok(()),
        }
    }

    /// Judged queries.
    pub fn len(&self) -> usize {
        self.queries.len()
    }

    /// True without any judgement.
    pub fn is_empty(&self) -> bool {
        self.queries.is_empty()
    }

    /// Judgements of all queries together.
    pub fn judgement_count(&self) -> usize {
        self.queries.values().map(BTreeMap::len).sum()
    }

    /// The judgements of a query.
    pub fn get(&self, query: &str) -> Option<&Judgements> {
        self.queries.get(query)
    }

    /// All queries with their judgements, by query id.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Judgements)> {
        self.queries
            .iter()
            .map(|(query, judgements)| (query.as_str(), judgements))
    }
}

fn writing(error: std::io::Error) -> Error {
    Error::io("writing", Path::new("the judgements"), error)
}

/// Query, document and score of a line.
fn columns(line: &str) -> std::result::Result<(&str, &str, &str), String> {
    let wrong = |count| format!("{count} columns; expected query-id, corpus-id and score");
    let cells = cells(line, 3..=4).map_err(wrong)?;
    match cells.as_slice() {
        [query, document, score] | [query, _, document, score] => Ok((query, document, score)),
        _ => Err(wrong(cells.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Qrels> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.tsv");
        std::fs::write(&path, text).unwrap();
        Qrels::read(&path)
    }

    #[test]
    fn layouts() {
        let expected =
            read("query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\nq2\td1\t0.5\n").unwrap();
        assert_eq!(expected.len(), 2);
        assert_eq!(expected.judgement_count(), 3);
        assert_eq!(expected.get("q2").unwrap()["d1"], 0.5);
        for text in [
            "\u{feff}q1\td1\t2\r\nq1\td2\t0\r\n\r\nq2\td1\t.5",
            "q1 0 d1 2\nq1 0 d2 0\nq2 0 d1 0.5\n",
            "q1\t0\td1\t2\nq1\t0\td2\t0\nq2\t0\td1\t5e-1\nq1\td1\t2\n",
            "q1 d1 2\nq1 0\td2 0\nq2\t\t0\td1\t0.5\n",
            "query-id corpus-id score\nq1 d1 2\nq1 d2 0\n\u{feff}query-id\tcorpus-id\tscore\r\nq2\td1\t0.5\n",
        ] {
            assert_eq!(read(text).unwrap(), expected, "{text}");
        }
        assert!(
            read("query 1\tdoc 1\t1\n")
                .unwrap()
                .get("query 1")
                .is_some(),
            "ids with spaces"
        );
    }

    #[test]
    fn errors_name_the_line() {
        for (text, message) in [
            ("q\td\t1\nq\td\n", "test.tsv:2: 2 columns"),
            (
                "q\td\t1\nq\te\tx\n",
                "test.tsv:2: the score \"x\" is not a number",
            ),
            ("q\te\tx\n", "test.tsv:1: the score \"x\" is not a number"),
            ("q\td\t1\nq\te\tNaN\n", "test.tsv:2: the score"),
            (
                "q\td\t1\n\nq\td\t2\n",
                "test.tsv:3: query \"q\" and document \"d\" were judged 1",
            ),
            (
                "q\t\t1\n",
                "test.tsv:1: the query id or document id is empty",
            ),
            ("query-id\tcorpus-id\tscore\n", "has no judgements"),
            ("", "has no judgements"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.is_invalid_input());
            assert!(error.to_string().contains(message), "{error}");
        }
    }

    #[test]
    fn written_files_read_back() {
        let mut qrels = Qrels::new();
        qrels.add("q 1", "d1", 1.0).unwrap();
        qrels.add("q 1", "d2", 0.25).unwrap();
        let mut bytes = Vec::new();
        qrels.write(&mut bytes).unwrap();
        assert_eq!(read(std::str::from_utf8(&bytes).unwrap()).unwrap(), qrels);
        assert!(qrels.add("q 1", "d1", 2.0).is_err());
        assert!(qrels.add("q 1", "d3", f64::NAN).is_err());
        let mut odd = Qrels::new();
        odd.add("a\tb", "d", 1.0).unwrap();
        assert!(odd.write(&mut Vec::new()).is_err());
        assert!(qrels.write_trec(&mut Vec::new()).is_err());
        let mut plain = Qrels::new();
        plain.add("q", "d", 2.0).unwrap();
        let mut bytes = Vec::new();
        plain.write_trec(&mut bytes).unwrap();
        assert_eq!(bytes, b"q 0 d 2\n");
    }
}
