//! What indexes answer, in few words.
//!
//! The reader is a language model that pays for every word: no scores that it could not use, no empty
//! parts, and never more characters than were asked for.

use serde_json::{Value, json};
use zerogr::{
    CancelToken, Document, Facet, Hit, Index, SearchOptions, SearchResult, SnippetOptions,
};

use crate::console::beginning::beginning;
use crate::console::failure::Failure;

use super::indexes::Indexes;
use super::requests::{Add, Delete, Get, ListFields, Search};

/// The most hits of one answer.
const MAX_HITS: usize = 50;
/// The most characters of one answer.
const MAX_CHARS: usize = 50_000;
/// The fewest characters of an answer that can hold a hit.
const MIN_CHARS: usize = 500;
/// Characters of a title that are told.
const TITLE_CHARS: usize = 200;
/// The shortest and the longest snippet, in characters.
const SNIPPET_CHARS: (usize, usize) = (120, 600);
/// Characters of a hit beside its snippet, about.
const HIT_CHARS: usize = 150;
/// Characters of tags, or of fields, that are told of a document.
const MAX_DETAIL_CHARS: usize = 5_000;
/// Fields that are told of an index, and values of each; the others are counted.
const SHOWN_FIELDS: usize = 100;
const SHOWN_VALUES: usize = 12;
/// Characters of a value that are told.
const VALUE_CHARS: usize = 80;

/// Answers `search`.
pub fn search(indexes: &Indexes, request: &Search, cancel: &CancelToken) -> Result<Value, Failure> {
    let index = newest(indexes, request.index.as_deref())?;
    let k = request.k.clamp(1, MAX_HITS);
    let max_chars = request.max_chars.clamp(MIN_CHARS, MAX_CHARS);
    let mut options = SearchOptions::new().k(k).mode(request.mode.mode());
    options.budget = options.budget.cancel(cancel.clone());
    options.filter = match request.filter.as_deref().map(str::trim) {
        Some(text) if !text.is_empty() => Some(text.parse().map_err(Failure::from)?),
        _ => None,
    };
    let result = index.search(&request.query, &options)?;
    let share = (max_chars / result.hits.len().max(1)).saturating_sub(HIT_CHARS);
    let snippets = SnippetOptions::new().max_chars(share.clamp(SNIPPET_CHARS.0, SNIPPET_CHARS.1));
    let mut answer = json!({ "hits": [] });
    let mut left_chars = max_chars.saturating_sub(chars(&answer) + LEFT_OUT_CHARS);
    let mut hits = Vec::with_capacity(result.hits.len());
    for (hit, document) in result.hits.iter().zip(result.documents()?) {
        let shown = shown_hit(&result, hit, &document, &request.query, &snippets)?;
        let Some(left) = left_chars.checked_sub(chars(&shown) + 1) else {
            break;
        };
        left_chars = left;
        hits.push(shown);
    }
    let left_out = result.hits.len() - hits.len();
    answer["hits"] = Value::Array(hits);
    if left_out > 0 {
        answer["left_out_for_length"] = json!(left_out);
    }
    Ok(answer)
}

/// What the count of hits left out takes of an answer.
const LEFT_OUT_CHARS: usize = "\"left_out_for_length\":50,".len();

fn shown_hit(
    result: &SearchResult,
    hit: &Hit,
    document: &Document,
    query: &str,
    snippets: &SnippetOptions,
) -> Result<Value, Failure> {
    let snippet = result.snapshot().snippet(hit, query, snippets)?;
    let mut shown = json!({ "id": hit.id });
    if !document.title.is_empty() {
        shown["title"] = json!(beginning(&document.title, TITLE_CHARS));
    }
    if let Some(similarity) = hit.similarity {
        shown["similarity"] = json!((f64::from(similarity) * 1e3).round() / 1e3);
    }
    if let Some(passage) = hit.passages.first() {
        if !passage.headings.is_empty() {
            shown["under"] = json!(beginning(&passage.headings.join(" > "), TITLE_CHARS));
        }
        shown["from_char"] = json!(passage.chars.start);
    }
    if !snippet.text.is_empty() {
        shown["snippet"] = json!(snippet.text);
    }
    Ok(shown)
}

/// Answers `get`.
pub fn get(indexes: &Indexes, request: &Get) -> Result<Value, Failure> {
    let index = newest(indexes, request.index.as_deref())?;
    let Some(document) = index.snapshot().document(&request.id)? else {
        return Err(Failure::new(format!(
            "there is no document {:?} in the index",
            request.id
        )));
    };
    let max_chars = request.max_chars.clamp(1, MAX_CHARS);
    let text_chars = document.text.chars().count();
    let piece = document.text.chars().skip(request.from_char);
    let piece: String = piece.take(max_chars).collect();
    let end = request.from_char.saturating_add(piece.chars().count());
    let mut answer = json!({
        "id": document.id, "title": beginning(&document.title, TITLE_CHARS), "text": piece,
        "text_chars": text_chars,
    });
    if end < text_chars {
        answer["go_on_from_char"] = json!(end);
    }
    let fields = document.fields.iter();
    let fields = fields.filter_map(|(name, json)| {
        let value: Value = serde_json::from_str(json).ok()?;
        Some((name.to_owned(), value))
    });
    let fields: serde_json::Map<String, Value> = fields.collect();
    for (name, value, is_there) in [
        ("tags", json!(document.tags), !document.tags.is_empty()),
        ("metadata", json!(fields), !fields.is_empty()),
    ] {
        if is_there && chars(&value) <= MAX_DETAIL_CHARS {
            answer[name] = value;
        } else if is_there {
            answer[format!("{name}_left_out_for_length")] = json!(chars(&value));
        }
    }
    Ok(answer)
}

/// Answers `list_fields`.
pub fn list_fields(indexes: &Indexes, request: &ListFields) -> Result<Value, Failure> {
    let index = newest(indexes, request.index.as_deref())?;
    let snapshot = index.snapshot();
    let types = &snapshot.params().fields;
    let mut fields = Vec::new();
    for (name, of) in types.iter().take(SHOWN_FIELDS) {
        let counts = snapshot.count_matching(&Facet::values(name), None)?;
        let values = counts.counts.iter().take(SHOWN_VALUES).map(|count| {
            let mut value = json!(count.value);
            if let Value::String(text) = &value {
                value = json!(beginning(text, VALUE_CHARS));
            }
            json!({"value": value, "documents": count.documents})
        });
        let values: Vec<Value> = values.collect();
        fields.push(json!({
            "field": name, "type": of, "documents": counts.documents,
            "distinct_values": counts.counts.len(), "most_frequent": values,
        }));
    }
    let mut answer = json!({ "fields": fields });
    if let more @ 1.. = types.iter().count().saturating_sub(SHOWN_FIELDS) {
        answer["more_fields"] = json!(more);
    }
    Ok(answer)
}

/// Answers `status`.
pub fn status(indexes: &Indexes, may_write: bool) -> Result<Value, Failure> {
    let mut shown = Vec::new();
    for (name, index) in indexes.iter() {
        index.refresh()?;
        let snapshot = index.snapshot();
        shown.push(json!({
            "index": name, "documents": snapshot.document_count(),
            "passages": snapshot.passage_count(), "commit": snapshot.generation(),
            "is_trained": snapshot.params().training.is_some(),
        }));
    }
    Ok(json!({ "indexes": shown, "may_write": may_write }))
}

/// Answers `add`.
pub fn add(indexes: &Indexes, request: &Add, cancel: &CancelToken) -> Result<Value, Failure> {
    let index = newest(indexes, request.index.as_deref())?;
    let mut documents = Vec::with_capacity(request.documents.len());
    for (place, object) in (1..).zip(&request.documents) {
        let line = serde_json::to_string(object)
            .map_err(|error| Failure::new(format!("document {place}: {error}")))?;
        let document = Document::from_json_line(&line)
            .map_err(|error| Failure::new(format!("document {place}: {error}")))?;
        documents.push(document);
    }
    let mut writer = index.writer()?.cancel_token(cancel.clone());
    for document in documents {
        writer.add(document)?;
    }
    let report = writer.commit()?;
    Ok(json!({
        "added": report.added, "of_them_replaced": report.replaced, "commit": report.generation,
    }))
}

/// Answers `delete`.
pub fn delete(indexes: &Indexes, request: &Delete, cancel: &CancelToken) -> Result<Value, Failure> {
    let index = newest(indexes, request.index.as_deref())?;
    let mut writer = index.writer()?.cancel_token(cancel.clone());
    let mut unknown = Vec::new();
    for id in &request.ids {
        if !writer.delete(id)? {
            unknown.push(id);
        }
    }
    let report = writer.commit()?;
    Ok(json!({"deleted": report.deleted, "unknown": unknown, "commit": report.generation}))
}

/// The index that is meant, in its newest state.
fn newest<'a>(indexes: &'a Indexes, name: Option<&str>) -> Result<&'a Index, Failure> {
    let index = indexes.get(name)?;
    index.refresh()?;
    Ok(index)
}

/// Length of a value as it is sent, in characters.
fn chars(value: &Value) -> usize {
    value.to_string().chars().count()
}
