//! One document as it goes in.
//!
//! Only the external id is required. A document that brings its own docids keeps them; an empty
//! list means that they are to be generated (see [`crate::generate`]).

use serde_json::{Map, Value};

use crate::{Error, Result};

/// The longest external id, in bytes.
pub const MAX_ID_BYTES: usize = 4096;

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
    pub fields: Map<String, Value>,
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
        self.fields.insert(name.into(), value.into());
        self
    }

    /// Checks the external id.
    ///
    /// # Errors
    /// Invalid input when it is empty, limit when it is longer than [`MAX_ID_BYTES`].
    pub fn check_id(&self) -> Result<()> {
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
        assert_eq!(document.fields["year"], 2024);
        assert!(document.check_id().is_ok());
    }

    #[test]
    fn ids_are_checked() {
        assert!(Document::new("").check_id().unwrap_err().is_invalid_input());
        assert!(Document::new("x".repeat(MAX_ID_BYTES)).check_id().is_ok());
        assert!(
            Document::new("x".repeat(MAX_ID_BYTES + 1))
                .check_id()
                .unwrap_err()
                .is_invalid_input()
        );
    }
}
