//! A document as a line of JSON, read and written.

use serde::Serialize;

use super::document::Document;
use super::fields::Fields;
use super::json::JsonObject;
use crate::{Error, Result};

/// Reads a line, without [`Document::check`]; the error has no file and line yet.
pub(super) fn parse(line: &str) -> Result<Document, String> {
    let mut object = JsonObject::parse(line)?;
    let id = object
        .take_id(&["_id", "id"])?
        .ok_or("the document has no \"_id\"; give every document an id of its own")?;
    Ok(Document {
        id,
        title: object.take_string(&["title"])?.unwrap_or_default(),
        text: object
            .take_string(&["text", "doc", "contents"])?
            .unwrap_or_default(),
        docids: object.take_strings("docid")?,
        tags: object.take_strings("tags")?,
        fields: object.into_fields()?,
    })
}

impl Document {
    /// Reads a line as [`DocumentReader`](super::DocumentReader) does, and checks it.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when it is no object with an id and parts
    /// of the right types, the id is empty, a docid is blank, or a field is called like a part of
    /// the document; [`Limit`](crate::ErrorKind::Limit) for what is longer, deeper or more than
    /// [`Document::check`] allows.
    pub fn from_json_line(line: &str) -> Result<Document> {
        let document = parse(line).map_err(Error::invalid)?;
        document.check()?;
        Ok(document)
    }

    /// The document as a line of JSON, without line end, that
    /// [`DocumentReader`](super::DocumentReader) reads back. Fields are as they came.
    pub fn to_json_line(&self) -> String {
        #[derive(Serialize)]
        struct Line<'a> {
            _id: &'a str,
            title: &'a str,
            text: &'a str,
            docid: &'a [String],
            tags: &'a [String],
            #[serde(flatten)]
            fields: &'a Fields,
        }
        let line = Line {
            _id: &self.id,
            title: &self.title,
            text: &self.text,
            docid: &self.docids,
            tags: &self.tags,
            fields: &self.fields,
        };
        // Strings and JSON texts always can be written.
        serde_json::to_string(&line).unwrap_or_default()
    }
}
