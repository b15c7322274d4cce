//! The queries of a collection, one JSON object per line, with or without their judgements.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::qrels::Qrels;
use crate::Result;
use crate::docs::json::JsonObject;
use crate::docs::read::lines::LineReader;

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
/// With file and line: no JSON object, no id or text, bad labels, a query twice, a judged one
/// blank.
pub(super) fn read_queries(path: &Path, qrels: Option<&Qrels>) -> Result<(Vec<Query>, Qrels)> {
    let mut queries = Vec::new();
    let mut judged_here = Qrels::new();
    let mut seen = HashMap::new();
    let mut lines = LineReader::open(path, &Arc::default())?;
    while let Some(line) = lines.next_line()? {
        let (number, text) = (line.number, line.text?);
        if text.trim().is_empty() {
            continue;
        }
        let Parsed { query, labels } = parse_query(text, qrels.is_none())
            .map_err(|message| lines.error_at(number, message))?;
        let id = &query.id;
        if let Some(first) = seen.insert(id.clone(), number) {
            let message = format!(
                "the query {id:?} comes a second time, the first is on line {first}: keep one"
            );
            return Err(lines.error_at(number, message));
        }
        let is_judged = match qrels {
            Some(qrels) => qrels.get(id).is_some(),
            None => !labels.is_empty(),
        };
        if !is_judged {
            continue;
        }
        if query.text.trim().is_empty() {
            let message = format!(
                "the text of the judged query {id:?} is blank: give it one, or leave out its \
                 judgements"
            );
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
    let mut object = JsonObject::parse(line)?;
    let id = object.take_id(&["_id", "qid", "id"])?;
    let text = object.take_string(&["text", "query"])?;
    let instruction = object.take_string(&["instruction"])?;
    let labels = match object.take(&["labels"]) {
        Some((_, labels)) if with_labels => parse_labels(labels)?,
        _ => Vec::new(),
    };
    let query = Query {
        id: id
            .filter(|id| !id.is_empty())
            .ok_or("the query has no \"_id\" that is a string or an integer")?,
        text: text.ok_or("the query has no \"text\" that is a string")?,
        instruction: instruction.filter(|instruction| !instruction.trim().is_empty()),
    };
    Ok(Parsed { query, labels })
}

fn parse_labels(json: &str) -> std::result::Result<Vec<(String, f64)>, String> {
    let list: Vec<&RawValue> = serde_json::from_str(json)
        .map_err(|_| "\"labels\" must be a list of {\"id\", \"score\"}")?;
    let label = |label: &RawValue| {
        let wrong = |message| format!("a label: {message}");
        let mut object = JsonObject::parse(label.get()).map_err(wrong)?;
        let id = object.take_id(&["id", "_id"]).map_err(wrong)?;
        let id = id
            .filter(|id| !id.is_empty())
            .ok_or("a label has no \"id\" that is a string or an integer")?;
        let score = object.take(&["score"]);
        let score = score.and_then(|(_, json)| serde_json::from_str(json).ok());
        let score = score
            .ok_or_else(|| format!("the label of {id:?} has no \"score\" that is a number"))?;
        Ok((id, score))
    };
    list.into_iter().map(label).collect()
}
