//! What a document may be.

use super::document::{Document, FIELDS_KEY};
use super::fields::MAX_FIELD_NESTING;
use super::table::payload_fits;
use crate::{Error, Result};

/// Most docids of a document: a search draws that many times as many docids as it is asked for.
pub const MAX_DOCIDS: usize = 1024;

/// The longest external id, in bytes.
pub const MAX_ID_BYTES: usize = 4096;

/// Keys of a document's own parts in a line of JSON; no field can have these names.
const PARTS: [&str; 5] = ["_id", "title", "text", "docid", "tags"];

impl Document {
    /// Checks everything that depends on the document alone; errors name neither it nor its file.
    ///
    /// # Errors
    /// Invalid input for an id that is empty, a blank docid, a field that is no number, or something
    /// kept under the name of a part of the document. Limit for an id longer than [`MAX_ID_BYTES`], more than [`MAX_DOCIDS`] docids,
    /// a field nested deeper than
    /// [`MAX_FIELD_NESTING`](super::MAX_FIELD_NESTING), or more than
    /// [`MAX_PAYLOAD_LEN_BYTES`](super::MAX_PAYLOAD_LEN_BYTES) in all.
    pub fn check(&self) -> Result<()> {
        self.check_id()?;
        let is_blank = |docid: &String| docid.chars().all(|c| c.is_whitespace() || c.is_control());
        if self.docids.iter().any(is_blank) {
            return Err(Error::invalid(
                "a docid is blank; leave it out to have one generated",
            ));
        }
        if self.docids.len() > MAX_DOCIDS {
            return Err(Error::limit(format!(
                "the document has {} docids, and at most {MAX_DOCIDS} are allowed; leave some out",
                self.docids.len()
            )));
        }
        if let Some(name) = PARTS.iter().find(|name| self.extra.json(name).is_some()) {
            return Err(Error::invalid(format!(
                "what is kept with the document is called {name:?}, which is a part of every \
                 document; rename it"
            )));
        }
        let is_object = |json: &str| json.starts_with('{') && json != "{}";
        let beside_fields = self.extra.json(FIELDS_KEY);
        if beside_fields.is_some_and(|json| is_object(json) || !self.fields.is_empty()) {
            return Err(Error::invalid(format!(
                "what is kept with the document is called {FIELDS_KEY:?}, as its fields are; \
                 rename it, or make its members fields (`Document::field`)"
            )));
        }
        self.fields.check(MAX_FIELD_NESTING - 1)?;
        self.extra.check(MAX_FIELD_NESTING)?;
        payload_fits(self)
    }

    pub(super) fn check_id(&self) -> Result<()> {
        if self.id.is_empty() {
            return Err(Error::invalid(
                "the document's id is empty; give every document an id of its own",
            ));
        }
        if self.id.len() > MAX_ID_BYTES {
            return Err(Error::limit(format!(
                "the document's id has {} bytes, and at most {MAX_ID_BYTES} are allowed; \
                 use a shorter id and keep the long one in a field",
                self.id.len()
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_no_index_can_keep_is_refused() {
        let deep = (0..64).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
        let deeper = Value::Array(vec![deep.clone()]);
        let in_fields = |value| {
            let mut document = Document::new("a");
            document.fields.insert("f", value);
            document
        };
        for (document, message) in [
            (Document::new(""), Some("id is empty")),
            (Document::new("x".repeat(MAX_ID_BYTES)), None),
            (
                Document::new("x".repeat(MAX_ID_BYTES + 1)),
                Some("4097 bytes"),
            ),
            (
                Document::new("a").docid("one").docid("\u{7f} \n"),
                Some("blank"),
            ),
            (Document::new("a").extra("doc", 1).extra("id", 2), None),
            (Document::new("a").extra("text", 1), Some("called \"text\"")),
            (Document::new("a").field("text", 1), None),
            (Document::new("a").extra("f", deep.clone()), None),
            (
                Document::new("a").extra("f", deeper),
                Some("\"f\": lists and objects lie more than 64"),
            ),
            (in_fields(deep), Some("lie more than 63")),
            (
                Document::new("a").field("f", f64::NAN),
                Some("field \"f\": it is not a number (NaN)"),
            ),
            (
                Document::new("a").field("f", vec![1.0, f64::INFINITY]),
                Some("infinite"),
            ),
            (Document::new("a").extra("metadata", json!({})), None),
            (
                Document::new("a").extra("metadata", json!({"a": 1})),
                Some("as its fields are"),
            ),
            (
                Document::new("a").extra("metadata", 1).field("a", 1),
                Some("as its fields are"),
            ),
        ] {
            let found = document.check().err();
            assert!(found.as_ref().is_none_or(Error::is_invalid_input));
            let found = found.map(|error| error.to_string());
            let is_right = match (&found, message) {
                (Some(found), Some(message)) => found.contains(message),
                (found, message) => found.is_none() && message.is_none(),
            };
            assert!(is_right, "{found:?} is not {message:?}");
        }
    }
}
