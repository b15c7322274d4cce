//! One document as it goes in.
//!
//! Only the external id is required. A document that brings its own docids keeps them; an empty
//! list means that they are to be generated (see [`crate::generate`]).

use serde_json::Value;

use super::fields::Fields;
use super::table::payload_fits;
use crate::{Error, Result};

/// Most docids of a document: a search draws that many times as many docids as it is asked for.
pub const MAX_DOCIDS: usize = 1024;

/// The longest external id, in bytes.
pub const MAX_ID_BYTES: usize = 4096;

/// Keys of a document's own parts in a line of JSON; no field can have these names.
const PARTS: [&str; 5] = ["_id", "title", "text", "docid", "tags"];

/// A document: what the caller knows it by, what it says, and what to keep with it.
///
/// ```
/// use zerogr::Document;
///
/// let document = Document::new("doc-1").title("Wing flutter").text("…").tag("2024");
/// assert_eq!(document.id, "doc-1");
/// assert!(document.docids.is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document {
    /// The caller's own name for the document; at most [`MAX_ID_BYTES`], never empty.
    pub id: String,
    /// The title; may be empty.
    pub title: String,
    /// The text: prose, Markdown, a table, code; may be empty.
    pub text: String,
    /// Docids given in the input. Empty: to be generated.
    pub docids: Vec<String>,
    /// Labels to filter by.
    pub tags: Vec<String>,
    /// Everything else the caller wants back with a hit.
    pub fields: Fields,
}

impl Document {
    /// A document with this external id and nothing else.
    pub fn new(id: impl Into<String>) -> Self {
        Document {
            id: id.into(),
            ..Document::default()
        }
    }

    /// Sets the title.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Sets the text.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    /// Adds a docid of the caller's own.
    #[must_use]
    pub fn docid(mut self, docid: impl Into<String>) -> Self {
        self.docids.push(docid.into());
        self
    }

    /// Adds a label to filter by.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Adds a field to be kept with the document.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.fields.insert(name, value);
        self
    }

    /// Checks everything that depends on the document alone; errors name neither it nor its file.
    ///
    /// # Errors
    /// Invalid input for an id that is empty, a blank docid, or a field with the name of a part of
    /// the document. Limit for an id longer than [`MAX_ID_BYTES`], more than [`MAX_DOCIDS`] docids,
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
        if let Some(name) = PARTS.iter().find(|name| self.fields.json(name).is_some()) {
            return Err(Error::invalid(format!(
                "a field is called {name:?}, which is a part of every document; rename it"
            )));
        }
        self.fields.check()?;
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
    use super::*;

    #[test]
    fn builder_collects_everything() {
        let document = Document::new("d")
            .title("T")
            .text("body")
            .docid("one two")
            .docid("two one")
            .tag("2024")
            .field("year", 2024);
        assert_eq!(document.title, "T");
        assert_eq!(document.text, "body");
        assert_eq!(document.docids, ["one two", "two one"]);
        assert_eq!(document.tags, ["2024"]);
        assert_eq!(document.fields.get::<u64>("year"), Some(2024));
        assert!(document.check().is_ok());
    }

    #[test]
    fn what_no_index_can_keep_is_refused() {
        let deep = (0..64).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
        let deeper = Value::Array(vec![deep.clone()]);
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
            (Document::new("a").field("doc", 1).field("id", 2), None),
            (Document::new("a").field("text", 1), Some("called \"text\"")),
            (Document::new("a").field("f", deep), None),
            (
                Document::new("a").field("f", deeper),
                Some("\"f\": lists and objects lie more than 64"),
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
