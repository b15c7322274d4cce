//! An object of a `tokenizer.json`, read field by field: errors name it.

use serde_json::{Map, Value};

use super::patterns;
use crate::{Error, ErrorKind, Result};

/// Token ids are below this: sixteen times the largest vocabulary in use.
pub(super) const MAX_IDS: u64 = 1 << 22;

/// The most bytes of an added token, and of any other short text.
pub(super) const MAX_TEXT_BYTES: usize = 1_024;

pub(super) fn refused<T>(what: String) -> Result<T> {
    let message = format!("not a usable tokenizer.json: {what}; use the file of the model");
    Err(Error::new(ErrorKind::Model, message))
}

/// An object of the file, with what it is for errors.
pub(super) struct Part<'v> {
    pub(super) path: &'v str,
    pub(super) fields: &'v Map<String, Value>,
}

impl<'v> Part<'v> {
    pub(super) fn of(path: &'v str, value: &'v Value) -> Result<Part<'v>> {
        match value {
            Value::Object(fields) => Ok(Part { path, fields }),
            _ => refused(format!("{path} is no object")),
        }
    }

    pub(super) fn part(&self, name: &'static str) -> Result<Part<'v>> {
        match self.fields.get(name) {
            Some(value) => Part::of(name, value),
            None => refused(format!("{} has no {name}", self.path)),
        }
    }

    pub(super) fn wrong<T>(&self, what: &str) -> Result<T> {
        refused(format!("{}: {what}", self.path))
    }

    /// Refuses fields other than `names`.
    pub(super) fn only(&self, names: &[&str]) -> Result<()> {
        match self
            .fields
            .keys()
            .find(|key| !names.contains(&key.as_str()))
        {
            Some(key) => {
                let key: String = key.chars().take(40).collect();
                self.wrong(&format!("the setting {key:?} is not known here"))
            }
            None => Ok(()),
        }
    }

    pub(super) fn kind(&self) -> Result<&'v str> {
        self.text("type")
    }

    /// A text that has to be there.
    pub(super) fn text(&self, name: &str) -> Result<&'v str> {
        match self.fields.get(name) {
            Some(Value::String(text)) if text.len() <= MAX_TEXT_BYTES => Ok(text),
            _ => self.wrong(&format!(
                "{name} is no text of {MAX_TEXT_BYTES} bytes or fewer"
            )),
        }
    }

    /// A text that may be missing.
    pub(super) fn optional_text(&self, name: &str) -> Result<Option<&'v str>> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.text(name).map(Some),
        }
    }

    pub(super) fn count(&self, name: &str, most: u64) -> Result<u64> {
        match self.fields.get(name).and_then(Value::as_u64) {
            Some(count) if count <= most => Ok(count),
            _ => self.wrong(&format!("{name} is no number up to {most}")),
        }
    }

    pub(super) fn list(&self, name: &str) -> Result<&'v [Value]> {
        match self.fields.get(name) {
            Some(Value::Array(list)) => Ok(list),
            _ => self.wrong(&format!("{name} is no list")),
        }
    }

    /// The pattern of a part, and how many characters the shortest match has.
    pub(super) fn pattern(&self) -> Result<usize> {
        let pattern = self.part("pattern")?;
        pattern.only(&["String", "Regex"])?;
        if pattern.fields.len() != 1 {
            return self.wrong("a pattern is either a String or a Regex");
        }
        if pattern.fields.contains_key("String") {
            return match pattern.text("String")?.chars().count() {
                0 => self.wrong("a pattern is empty"),
                chars => Ok(chars),
            };
        }
        if let Err(what) = patterns::check(pattern.text("Regex")?) {
            return self.wrong(&format!("the pattern {what}"));
        }
        Ok(0)
    }
}
