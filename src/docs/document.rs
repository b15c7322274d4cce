//! One document as it goes in.
//!
//! Only the external id is required. A document that brings its own docids keeps them; an empty
//! list means that they are to be generated (see [`crate::generate`]).

use serde_json::Value;

use super::fields::Fields;
use super::values::FieldValue;

/// The key of the fields in a line of JSON and in a payload.
pub(super) const FIELDS_KEY: &str = "metadata";

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
    /// The caller's own name for the document; at most [`MAX_ID_BYTES`](super::MAX_ID_BYTES), never empty.
    pub id: String,
    /// The title; may be empty.
    pub title: String,
    /// The text: prose, Markdown, a table, code; may be empty.
    pub text: String,
    /// Docids given in the input. Empty: to be generated.
    pub docids: Vec<String>,
    /// Labels to filter by.
    pub tags: Vec<String>,
    /// Values to filter, count and sort by. A field has one type in an index: see
    /// [`FieldType`](crate::FieldType).
    pub fields: Fields,
    /// Everything else the caller wants back with a hit.
    pub extra: Fields,
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

    /// Sets a field: a value, or a list of values of one type, to filter, count and sort by.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl Into<FieldValue>) -> Self {
        self.fields.insert_value(name, value);
        self
    }

    /// Adds something to be kept with the document, of any shape.
    #[must_use]
    pub fn extra(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extra.insert(name, value);
        self
    }

    /// All that is kept beside its parts, by name: the fields as one object, and the rest.
    pub(super) fn kept(&self) -> Fields {
        match self.fields.is_empty() {
            true => self.extra.clone(),
            false => self.extra.with_object(FIELDS_KEY, &self.fields),
        }
    }

    /// Takes back what [`Document::kept`] gave.
    pub(super) fn keeping(mut self, mut kept: Fields) -> Self {
        self.fields = kept.take_object(FIELDS_KEY).unwrap_or_default();
        self.extra = kept;
        self
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
            .field("year", 2024)
            .extra("source", serde_json::json!({"page": [1]}));
        assert_eq!(document.title, "T");
        assert_eq!(document.text, "body");
        assert_eq!(document.docids, ["one two", "two one"]);
        assert_eq!(document.tags, ["2024"]);
        assert_eq!(document.fields.get::<u64>("year"), Some(2024));
        assert_eq!(document.extra.json("source"), Some("{\"page\":[1]}"));
        assert!(document.check().is_ok());
        let kept = Document::new("d").keeping(document.kept());
        assert_eq!((kept.fields, kept.extra), (document.fields, document.extra));
    }
}
