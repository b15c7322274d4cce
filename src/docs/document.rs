//! One document as it goes in.
//!
//! Only the external id is required. A document that brings its own docids keeps them; an empty
//! list means that they are to be generated (see [`crate::generate`]).

use serde_json::Value;

use super::fields::Fields;

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
}
