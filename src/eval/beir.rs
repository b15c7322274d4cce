//! Test collections in BEIR's layout.
//!
//! ```text
//! folder/corpus.jsonl[.gz]       {"_id", "title", "text"}
//! folder/queries.jsonl[.gz]      {"_id", "text"}, also {"qid", "query", "instruction"}
//! folder/qrels/SPLIT.tsv[.gz]    query-id, corpus-id, score
//! ```
//!
//! The corpus is not loaded here but streamed by [`crate::docs::DocumentReader`].
//!
//! I1. Only judged queries are kept, in the order of the queries file, each once.
//! I2. Every judged query has a text: a missing one is an error, not a silent 0.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::qrels::Qrels;
use crate::docs::lines::LineReader;
use crate::docs::read::json_message;
use crate::docs::{DocumentReader, ReadOptions};
use crate::{Error, ErrorKind, Result};

/// One query of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Its id in the judgements.
    pub id: String,
    /// What is asked.
    pub text: String,
    /// The task instruction, where the collection has one.
    pub instruction: Option<String>,
}

/// Queries and judgements of one split, and where the corpus is.
#[derive(Debug, Clone)]
pub struct Collection {
    /// The corpus file.
    pub corpus_path: PathBuf,
    /// The judged queries.
    pub queries: Vec<Query>,
    /// The judgements.
    pub qrels: Qrels,
}

impl Collection {
    /// Loads the queries and judgements of a split, for example `test`.
    ///
    /// # Errors
    /// A file is missing or malformed (with file and line), or a judged query has no text.
    pub fn open(folder: &Path, split: &str) -> Result<Self> {
        let corpus_path = find(folder, "corpus.jsonl")?;
        let queries_path = find(folder, "queries.jsonl")?;
        let qrels = Qrels::read(&find(&folder.join("qrels"), &format!("{split}.tsv"))?)?;
        let queries = read_queries(&queries_path, &qrels)?;
        if queries.len() < qrels.len() {
            let known: HashSet<&str> = queries.iter().map(|query| query.id.as_str()).collect();
            let missing = qrels
                .iter()
                .map(|(id, _)| id)
                .find(|id| !known.contains(id));
            return Err(Error::invalid(format!(
                "{}: {} judged queries are missing, the first is {:?}; fetch the whole collection",
                queries_path.display(),
                qrels.len() - queries.len(),
                missing.unwrap_or_default()
            )));
        }
        Ok(Collection {
            corpus_path,
            queries,
            qrels,
        })
    }

    /// Streams the corpus.
    ///
    /// # Errors
    /// The corpus file cannot be opened.
    pub fn documents(&self) -> Result<DocumentReader> {
        DocumentReader::open([&self.corpus_path], &ReadOptions::default())
    }
}

/// The file `name` in `folder`, or the same with `.gz`.
fn find(folder: &Path, name: &str) -> Result<PathBuf> {
    let plain = folder.join(name);
    let packed = folder.join(format!("{name}.gz"));
    if plain.is_file() {
        Ok(plain)
    } else if packed.is_file() {
        Ok(packed)
    } else {
        Err(Error::new(
            ErrorKind::Path,
            format!(
                "{} does not exist, and neither does {name}.gz; a collection has corpus.jsonl, \
                 queries.jsonl and qrels/SPLIT.tsv",
                plain.display()
            ),
        ))
    }
}

fn read_queries(path: &Path, qrels: &Qrels) -> Result<Vec<Query>> {
    let mut queries = Vec::new();
    let mut seen = HashSet::new();
    let mut lines = LineReader::open(path, &Arc::default())?;
    while let Some(line) = lines.next_line()? {
        let (number, text) = (line.number, line.text?);
        if text.trim().is_empty() {
            continue;
        }
        let query = parse_query(text).map_err(|message| lines.error_at(number, message))?;
        if qrels.get(&query.id).is_none() {
            continue;
        }
        if !seen.insert(query.id.clone()) {
            let message = format!("the query {:?} comes a second time", query.id);
            return Err(lines.error_at(number, message));
        }
        queries.push(query);
    }
    Ok(queries)
}

fn parse_query(line: &str) -> std::result::Result<Query, String> {
    let object = match serde_json::from_str::<Value>(line) {
        Ok(Value::Object(object)) => object,
        Ok(_) => return Err("not a JSON object".to_owned()),
        Err(error) => return Err(json_message(&error)),
    };
    let id = match first_of(&object, &["_id", "qid", "id"]) {
        Some(Value::String(id)) if !id.is_empty() => id.clone(),
        Some(Value::Number(number)) if !number.is_f64() => number.to_string(),
        _ => return Err("the query has no \"_id\" that is a string or an integer".to_owned()),
    };
    let text = match first_of(&object, &["text", "query"]) {
        Some(Value::String(text)) => text.clone(),
        _ => return Err("the query has no \"text\" that is a string".to_owned()),
    };
    let instruction = match object.get("instruction") {
        None | Some(Value::Null) => None,
        Some(Value::String(instruction)) => Some(instruction.clone()),
        Some(_) => return Err("\"instruction\" must be a string".to_owned()),
    };
    Ok(Query {
        id,
        text,
        instruction,
    })
}

fn first_of<'a>(object: &'a Map<String, Value>, keys: &[&str]) -> Option<&'a Value> {
    keys.iter().find_map(|key| object.get(*key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn folder(queries: &str, qrels: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("qrels")).unwrap();
        fs::write(
            folder.path().join("corpus.jsonl"),
            "{\"_id\": \"d\", \"text\": \"x\"}\n",
        )
        .unwrap();
        fs::write(folder.path().join("queries.jsonl"), queries).unwrap();
        fs::write(folder.path().join("qrels/test.tsv"), qrels).unwrap();
        folder
    }

    #[test]
    fn only_judged_queries_in_file_order() {
        let folder = folder(
            "{\"_id\": \"2\", \"text\": \"two\"}\n{\"_id\": \"9\", \"text\": \"nine\"}\n\
             {\"qid\": 1, \"query\": \"one\", \"instruction\": \"find it\"}\n",
            "query-id\tcorpus-id\tscore\n1\td\t1\n2\td\t0\n",
        );
        let collection = Collection::open(folder.path(), "test").unwrap();
        let ids: Vec<&str> = collection
            .queries
            .iter()
            .map(|query| query.id.as_str())
            .collect();
        assert_eq!(ids, ["2", "1"]);
        assert_eq!(
            collection.queries[1].instruction.as_deref(),
            Some("find it")
        );
        assert_eq!(collection.documents().unwrap().count(), 1);
    }

    #[test]
    fn errors_say_where() {
        let qrels = "1\td\t1\n";
        for (queries, message) in [
            (
                "{\"_id\": \"1\", \"text\": \"x\"}\n{\n",
                "queries.jsonl:2: not valid JSON",
            ),
            (
                "{\"text\": \"x\"}\n",
                "queries.jsonl:1: the query has no \"_id\"",
            ),
            (
                "{\"_id\": \"1\"}\n",
                "queries.jsonl:1: the query has no \"text\"",
            ),
            (
                "{\"_id\": \"2\", \"text\": \"x\"}\n",
                "1 judged queries are missing, the first is \"1\"",
            ),
            (
                "{\"_id\": \"1\", \"text\": \"x\"}\n{\"_id\": \"1\", \"text\": \"y\"}\n",
                "queries.jsonl:2: the query \"1\" comes a second time",
            ),
        ] {
            let folder = folder(queries, qrels);
            let error = Collection::open(folder.path(), "test")
                .unwrap_err()
                .to_string();
            assert!(error.contains(message), "{error}");
        }
        let folder = folder("", qrels);
        let error = Collection::open(folder.path(), "dev").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Path);
        assert!(error.to_string().contains("dev.tsv"), "{error}");
    }
}
