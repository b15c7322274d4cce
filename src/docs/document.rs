//! A document as the application sees it.

use serde_json::{Map, Value};

/// A document to be found: an external id, texts, and what comes along.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document {
    /// External id, unique in an index, at most 4 KiB.
    pub id: String,
    /// Title; may be empty.
    pub title: String,
    /// Text; may be empty.
    pub text: String,
    /// Docids given by the application; empty = to be generated.
    pub docids: Vec<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// Everything else, kept as it is.
    pub fields: Map<String, Value>,
}

impl Document {
    /// A document with an external id and nothing else.
    pub fn new(id: impl Into<String>) -> Self {
        Document {
            id: id.into(),
            ..Document::default()
        }
    }

    /// Sets the title.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Sets the text.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    /// Adds a docid.
    pub fn docid(mut self, docid: impl Into<String>) -> Self {
        self.docids.push(docid.into());
        self
    }

    /// Adds a tag.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }
}
