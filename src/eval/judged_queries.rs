//! Queries with what is known of them: which documents answer them, and how well.
//!
//! ```text
//! folder      queries.jsonl[.gz], qrels/SPLIT.tsv[.gz]      a collection of BEIR; no corpus needed
//!             queries.jsonl[.gz] with labels                 MAIR, the split `test`
//! qrels file  BEIR's or TREC's, with a file of queries beside it
//! clicks      {"query", "id", "weight"}                      JSON lines
//!             query, id, weight                              between tabs
//! ```
//!
//! A weight that is missing is 1. What comes several times adds up: a document that was clicked
//! twice weighs 2.
//!
//! - I1. A query is its text, without the blanks around it; it has at least one judgement.
//! - I2. What cannot be read is an error that names file and line.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::collection::{find, judged_in};
use super::qrels::{Judgements, Qrels};
use super::queries::{Query, read_queries};
use crate::docs::json::JsonObject;
use crate::docs::read::lines::LineReader;
use crate::{Error, Result};

/// The names of a weight's column.
const WEIGHT_NAMES: [&str; 4] = ["weight", "score", "count", "clicks"];

/// Queries, each with the documents that it was judged with.
///
/// ```
/// use zerogr::JudgedQueries;
///
/// let mut judged = JudgedQueries::new();
/// judged.add("why do wings shake?", "doc-1", 1.0)?;
/// judged.add("why do wings shake?", "doc-7", 0.0)?;
/// assert_eq!((judged.len(), judged.judgement_count()), (1, 2));
/// # Ok::<(), zerogr::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JudgedQueries {
    queries: Vec<(String, Judgements)>,
    place_of: HashMap<String, usize>,
}

impl JudgedQueries {
    /// No queries.
    pub fn new() -> Self {
        JudgedQueries::default()
    }

    /// Reads a folder with a collection, of which `split` is taken, a file of judgements with
    /// `queries.jsonl` in its folder or in the one above, or a file of clicks.
    ///
    /// # Errors
    ///
    /// `NotFound` where a file is missing, `InvalidInput` with file and line for what cannot be
    /// read, and for a file without a judgement; `Io`.
    pub fn read(path: impl AsRef<Path>, split: &str) -> Result<Self> {
        let path = path.as_ref();
        if path.is_dir() {
            let (queries, qrels) = judged_in(path, split)?;
            return Self::of(queries, &qrels);
        }
        let queries = match is_json(path) {
            true => None,
            false => queries_beside(path),
        };
        match queries {
            Some(queries) => Self::read_qrels(path, &queries),
            None => Self::read_clicks(path),
        }
    }

    /// Reads judgements in the layout of BEIR or TREC, of the queries of a file of JSON lines.
    ///
    /// # Errors
    ///
    /// `NotFound`, `InvalidInput` with file and line, `Io`.
    pub fn read_qrels(qrels: &Path, queries: &Path) -> Result<Self> {
        let qrels = Qrels::read(qrels)?;
        let (queries, _) = read_queries(queries, Some(&qrels))?;
        Self::of(queries, &qrels)
    }

    /// Reads clicks.
    ///
    /// # Errors
    ///
    /// `NotFound`, `InvalidInput` with file and line, `Io`.
    pub fn read_clicks(path: &Path) -> Result<Self> {
        let mut judged = JudgedQueries::new();
        let mut lines = LineReader::open(path, &Arc::default())?;
        while let Some(line) = lines.next_line()? {
            let (number, text) = (line.number, line.text?);
            if text.trim().is_empty() {
                continue;
            }
            let click = match is_json(path) {
                true => parse_json(text).map(Some),
                false => parse_cells(text),
            };
            let added = click.and_then(|click| match click {
                Some((query, id, weight)) => judged.insert(&query, &id, weight),
                None => Ok(()),
            });
            added.map_err(|message| lines.error_at(number, message))?;
        }
        if judged.is_empty() {
            return Err(Error::invalid(format!(
                "{}: the file has no judgements; expected lines of query, id and weight",
                path.display()
            )));
        }
        Ok(judged)
    }

    fn of(queries: Vec<Query>, qrels: &Qrels) -> Result<Self> {
        let mut judged = JudgedQueries::new();
        for query in &queries {
            for (id, &weight) in qrels.get(&query.id).into_iter().flatten() {
                judged.add(&query.text, id, weight)?;
            }
        }
        Ok(judged)
    }

    /// Adds a judgement; above 0, the document answers the query.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a blank query, an empty id and a weight that is not finite.
    pub fn add(&mut self, query: &str, id: &str, weight: f64) -> Result<()> {
        self.insert(query, id, weight).map_err(Error::invalid)
    }

    fn insert(&mut self, query: &str, id: &str, weight: f64) -> std::result::Result<(), String> {
        let query = query.trim();
        if query.is_empty() {
            return Err("the query is blank".to_owned());
        }
        if id.is_empty() {
            return Err("the document id is empty".to_owned());
        }
        let place = *self.place_of.entry(query.to_owned()).or_insert_with(|| {
            self.queries.push((query.to_owned(), Judgements::new()));
            self.queries.len() - 1
        });
        if let Some((_, judgements)) = self.queries.get_mut(place) {
            let sum = judgements.get(id).copied().unwrap_or(0.0) + weight;
            if !sum.is_finite() {
                return Err(format!("the weight {weight} is not a finite number"));
            }
            judgements.insert(id.to_owned(), sum);
        }
        Ok(())
    }

    /// Queries.
    pub fn len(&self) -> usize {
        self.queries.len()
    }

    /// True without any query.
    pub fn is_empty(&self) -> bool {
        self.queries.is_empty()
    }

    /// Pairs of a query and a document.
    pub fn judgement_count(&self) -> usize {
        self.queries.iter().map(|(_, judged)| judged.len()).sum()
    }

    /// The queries with what is known of them, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Judgements)> {
        self.queries
            .iter()
            .map(|(query, judgements)| (query.as_str(), judgements))
    }
}

/// Whether a file has JSON lines, by its name.
fn is_json(path: &Path) -> bool {
    let name = path.to_string_lossy().to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    name.ends_with(".jsonl") || name.ends_with(".json") || name.ends_with(".ndjson")
}

/// The queries that a file of judgements may be about.
fn queries_beside(path: &Path) -> Option<PathBuf> {
    let folder = path.parent()?;
    let above = folder.join("..");
    [folder, &above]
        .into_iter()
        .find_map(|folder| find(folder, "queries.jsonl"))
}

/// A click, or why it is none.
type Click = (String, String, f64);

fn parse_json(line: &str) -> std::result::Result<Click, String> {
    let mut object = JsonObject::parse(line)?;
    let query = object.take_string(&["query", "text"])?;
    let id = object.take_id(&["id", "_id", "document"])?;
    let weight = match object.take(&WEIGHT_NAMES) {
        Some((name, json)) => serde_json::from_str(json)
            .map_err(|_| format!("{name:?} is {json}, which is not a number"))?,
        None => 1.0,
    };
    Ok((
        query.ok_or("the line has no \"query\" that is a string")?,
        id.ok_or("the line has no \"id\" that is a string or an integer")?,
        weight,
    ))
}

/// The click of a line of cells; `None` for one that names its columns.
fn parse_cells(line: &str) -> std::result::Result<Option<Click>, String> {
    let cells: Vec<&str> = line.split('\t').map(str::trim).collect();
    let (query, id, weight) = match cells.as_slice() {
        [query, id] => (query, id, "1"),
        [query, id, weight] => (query, id, *weight),
        _ => {
            return Err(format!(
                "{} columns between tabs; expected query, id and weight",
                cells.len()
            ));
        }
    };
    let names_columns = query.eq_ignore_ascii_case("query")
        && (cells.len() == 2
            || WEIGHT_NAMES
                .iter()
                .any(|name| weight.eq_ignore_ascii_case(name)));
    if names_columns {
        return Ok(None);
    }
    let weight = weight
        .parse()
        .map_err(|_| format!("the weight {weight:?} is not a number"))?;
    Ok(Some(((*query).to_owned(), (*id).to_owned(), weight)))
}

#[cfg(test)]
mod tests {
    use super::super::collection::tests::folder;
    use super::*;

    fn expected() -> JudgedQueries {
        let mut judged = JudgedQueries::new();
        judged.add("heat shields", "d1", 2.0).unwrap();
        judged.add("heat shields", "d 2", 0.0).unwrap();
        judged.add("wings", "d1", 1.0).unwrap();
        judged
    }

    #[test]
    fn every_layout_says_the_same() {
        let queries = "{\"_id\": \"a\", \"text\": \" heat shields \"}\n{\"_id\": \"b\", \"text\": \"wings\"}\n";
        let folder = folder(&[
            ("queries.jsonl", queries),
            (
                "qrels/train.tsv",
                "query-id\tcorpus-id\tscore\na\td1\t2\na\td 2\t0\nb\td1\t1\n",
            ),
            ("trec.txt", "a\t0\td1\t2\na\t0\td 2\t0\nb\t0\td1\t1\n"),
            (
                "clicks.jsonl",
                "{\"query\": \"heat shields\", \"id\": \"d1\"}\n\n{\"query\": \"heat shields\", \"id\": \"d 2\", \"weight\": 0}\n\
                 {\"query\": \"heat shields\", \"id\": \"d1\", \"weight\": 1.0}\n{\"query\": \"wings\", \"id\": \"d1\"}\n",
            ),
            (
                "log/deep/clicks.tsv",
                "query\tid\tclicks\nheat shields\td1\t1\nheat shields\td 2\t0\nheat shields\td1\nwings\td1\t1\n",
            ),
        ]);
        let names = [
            "",
            "qrels/train.tsv",
            "trec.txt",
            "clicks.jsonl",
            "log/deep/clicks.tsv",
        ];
        for name in names {
            let found = JudgedQueries::read(folder.path().join(name), "train").unwrap();
            assert_eq!(found, expected(), "{name}");
        }
        let missing = JudgedQueries::read(folder.path(), "dev").unwrap_err();
        assert_eq!(missing.kind(), crate::ErrorKind::NotFound);
    }

    #[test]
    fn labels_need_no_corpus() {
        let queries =
            "{\"qid\": 1, \"query\": \"wings\", \"labels\": [{\"id\": \"d1\", \"score\": 1}]}\n";
        let folder = folder(&[("queries.jsonl", queries)]);
        let found = JudgedQueries::read(folder.path(), "test").unwrap();
        assert_eq!((found.len(), found.judgement_count()), (1, 1));
    }

    #[test]
    fn bad_lines_are_named() {
        for (name, text, message) in [
            ("a.tsv", "q\td\t1\nq\n", "a.tsv:2: 1 columns"),
            (
                "a.tsv",
                "q\td\tx\n",
                "a.tsv:1: the weight \"x\" is not a number",
            ),
            (
                "a.tsv",
                "q\td\tinf\n",
                "a.tsv:1: the weight inf is not a finite",
            ),
            ("a.tsv", " \td\t1\n", "a.tsv:1: the query is blank"),
            ("a.tsv", "q\t\t1\n", "a.tsv:1: the document id is empty"),
            ("a.tsv", "query\tid\tweight\n", "has no judgements"),
            (
                "a.jsonl",
                "{\"query\": \"q\", \"id\": \"d\"}\n{\n",
                "a.jsonl:2: not valid JSON",
            ),
            (
                "a.jsonl",
                "{\"query\": \"q\"}\n",
                "a.jsonl:1: the line has no \"id\"",
            ),
            (
                "a.jsonl",
                "{\"id\": \"d\"}\n",
                "a.jsonl:1: the line has no \"query\"",
            ),
            (
                "a.jsonl",
                "{\"query\": \"q\", \"id\": \"d\", \"weight\": \"2\"}\n",
                "a.jsonl:1: \"weight\" is \"2\", which is not a number",
            ),
        ] {
            let folder = folder(&[(name, text)]);
            let error = JudgedQueries::read(folder.path().join(name), "train").unwrap_err();
            assert!(error.is_invalid_input(), "{error}");
            assert!(error.to_string().contains(message), "{error}");
        }
    }
}
