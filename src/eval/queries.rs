//! The queries of a collection, one JSON object per line, with or without their judgements.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::qrels::Qrels;
use crate::Result;
use crate::docs::lines::LineReader;
use crate::docs::read::json_message;

/// One query of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Its id in the judgements.
    pub id: String,
    /// What is asked; never blank.
    pub text: String,
    /// The task instruction, where the collection has one; never blank.
    pub instruction: Option<String>,
}

/// A line, read.
struct Parsed {
    query: Query,
    labels: Vec<(String, f64)>,
}

/// The queries judged by `qrels`, or, without these, by their own labels, which are returned.
///
/// # Errors
/// With file and line: no JSON object, no id or text, bad labels, a judged query twice or blank.
pub(super) fn read_queries(path: &Path, qrels: Option<&Qrels>) -> Result<(Vec<Query>, Qrels)> {
    let mut queries = Vec::new();
    let mut judged_here = Qrels::new();
    let mut seen = HashSet::new();
    let mut lines = LineReader::open(path, &Arc::default())?;
    while let Some(line) = lines.next_line()? {
        let (number, text) = (line.number, line.text?);
        if text.trim().is_empty() {
            continue;
        }
        let Parsed { query, labels } = parse_query(text, qrels.is_none())
            .map_err(|message| lines.error_at(number, message))?;
        let is_judged = match qrels {
            Some(qrels) => qrels.get(&query.id).is_some(),
            None => !labels.is_empty(),
        };
        if !is_judged {
            continue;
        }
        let id = &query.id;
        if query.text.trim().is_empty() {
            let message = format!(
                "the text of the judged query {id:?} is blank: give it one, or leave out its \
                 judgements"
            );
            return Err(lines.error_at(number, message));
        }
        if !seen.insert(id.clone()) {
            let message = format!("the query {id:?} comes a second time");
            return Err(lines.error_at(number, message));
        }
        for (document, score) in labels {
            let added = judged_here.add(id, &document, score);
            added.map_err(|error| lines.error_at(number, error))?;
        }
        queries.push(query);
    }
    Ok((queries, judged_here))
}

fn parse_query(line: &str, with_labels: bool) -> std::result::Result<Parsed, String> {
    let object = match serde_json::from_str::<Value>(line) {
        Ok(Value::Object(object)) => object,
        Ok(_) => return Err("not a JSON object".to_owned()),
        Err(error) => return Err(json_message(&error)),
    };
    let id = first_of(&object, &["_id", "qid", "id"])
        .and_then(as_id)
        .ok_or("the query has no \"_id\" that is a string or an integer")?;
    let text = match first_of(&object, &["text", "query"]) {
        Some(Value::String(text)) => text.clone(),
        _ => return Err("the query has no \"text\" that is a string".to_owned()),
    };
    let instruction = match object.get("instruction") {
        None | Some(Value::Null) => None,
        Some(Value::String(instruction)) => Some(instruction.clone()),
        Some(_) => return Err("\"instruction\" must be a string".to_owned()),
    };
    Ok(Parsed {
        labels: match object.get("labels") {
            Some(labels) if with_labels => parse_labels(labels)?,
            _ => Vec::new(),
        },
        query: Query {
            id,
            text,
            instruction: instruction.filter(|instruction| !instruction.trim().is_empty()),
        },
    })
}

fn parse_labels(labels: &Value) -> std::result::Result<Vec<(String, f64)>, String> {
    let list = match labels {
        Value::Null => return Ok(Vec::new()),
        Value::Array(list) => list,
        _ => return Err("\"labels\" must be a list of {\"id\", \"score\"}".to_owned()),
    };
    let label = |label: &Value| {
        let object = label
            .as_object()
            .ok_or("every label must be an object with \"id\" and \"score\"")?;
        let id = first_of(object, &["id", "_id"])
            .and_then(as_id)
            .ok_or("a label has no \"id\" that is a string or an integer")?;
        let score = object.get("score").and_then(Value::as_f64);
        let score = score
            .ok_or_else(|| format!("the label of {id:?} has no \"score\" that is a number"))?;
        Ok((id, score))
    };
    list.iter().map(label).collect()
}

fn first_of<'a>(object: &'a Map<String, Value>, keys: &[&str]) -> Option<&'a Value> {
    keys.iter().find_map(|key| object.get(*key))
}

fn as_id(value: &Value) -> Option<String> {
    match value {
        Value::String(id) if !id.is_empty() => Some(id.clone()),
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    }
}
