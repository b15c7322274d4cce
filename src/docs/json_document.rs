//! A document as a line of JSON, read and written.

use serde::Serialize;

use super::document::{Document, FIELDS_KEY};
use super::fields::Fields;
use super::json::JsonObject;
use crate::{Error, Result};

/// Where in a line the fields are.
#[derive(Debug, Clone, Copy)]
pub(super) struct FieldsOf<'a> {
    key: &'a str,
    /// Whether something else than an object there is an error.
    must_be_object: bool,
}

impl<'a> FieldsOf<'a> {
    pub(super) const DEFAULT: FieldsOf<'static> = FieldsOf {
        key: FIELDS_KEY,
        must_be_object: false,
    };

    /// Under a key that was asked for.
    pub(super) fn key(key: &'a str, must_be_object: bool) -> Self {
        FieldsOf {
            key,
            must_be_object,
        }
    }
}

/// Reads a line, without [`Document::check`]; the error has no file and line yet.
pub(super) fn parse(line: &str, fields_of: FieldsOf<'_>) -> Result<Document, String> {
    let mut object = JsonObject::parse(line)?;
    let id = object
        .take_id(&["_id", "id"])?
        .ok_or("the document has no \"_id\"; give every document an id of its own")?;
    let fields = object.members(fields_of.key)?;
    if fields.is_none() && fields_of.must_be_object && object.has(fields_of.key) {
        return Err(format!(
            "{:?} must be an object, for its members are fields; \
             `--fields-lenient` only keeps it",
            fields_of.key
        ));
    }
    let document = Document {
        id,
        title: object.take_string(&["title"])?.unwrap_or_default(),
        text: object
            .take_string(&["text", "doc", "contents"])?
            .unwrap_or_default(),
        docids: object.take_strings("docid")?,
        tags: object.take_strings("tags")?,
        fields: fields.unwrap_or_default(),
        extra: Fields::new(),
    };
    Ok(Document {
        extra: object.into_fields()?,
        ..document
    })
}

impl Document {
    /// Reads a line as [`DocumentReader`](super::DocumentReader) does, and checks it.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when it is no object with an id and parts
    /// of the right types, the id is empty, a docid is blank, or something is called like a part of
    /// the document; [`Limit`](crate::ErrorKind::Limit) for what is longer, deeper or more than
    /// [`Document::check`] allows.
    pub fn from_json_line(line: &str) -> Result<Document> {
        let document = parse(line, FieldsOf::DEFAULT).map_err(Error::invalid)?;
        document.check()?;
        Ok(document)
    }

    /// The document as a line of JSON, without line end, that
    /// [`DocumentReader`](super::DocumentReader) reads back. What it brought by name is as it came,
    /// the fields in the object `metadata`.
    pub fn to_json_line(&self) -> String {
        #[derive(Serialize)]
        struct Line<'a> {
            _id: &'a str,
            title: &'a str,
            text: &'a str,
            docid: &'a [String],
            tags: &'a [String],
            #[serde(flatten)]
            kept: &'a Fields,
        }
        let line = Line {
            _id: &self.id,
            title: &self.title,
            text: &self.text,
            docid: &self.docids,
            tags: &self.tags,
            kept: &self.kept(),
        };
        // Strings and JSON texts always can be written.
        serde_json::to_string(&line).unwrap_or_default()
    }
}
