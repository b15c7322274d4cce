//! A JSON object in a folder, read setting by setting: errors name the file and the setting.

use std::path::Path;

use serde_json::{Map, Value};

use crate::model::onnx;
use crate::store::regular_file;
use crate::{Error, ErrorKind, Result};

/// A file of settings.
pub(crate) struct SettingsFile<'d> {
    dir: &'d Path,
    name: String,
    values: Map<String, Value>,
}

impl<'d> SettingsFile<'d> {
    /// The settings in a file; `None` if there is no such file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] when it cannot be read, or is no JSON object.
    pub fn read(dir: &'d Path, name: &str) -> Result<Option<SettingsFile<'d>>> {
        match json(dir, name)? {
            None => Ok(None),
            Some(Value::Object(values)) => Ok(Some(SettingsFile {
                values,
                ..SettingsFile::none(dir, name)
            })),
            Some(_) => Err(wrong(dir, name, "it is no JSON object")),
        }
    }

    /// No settings.
    pub fn none(dir: &'d Path, name: &str) -> SettingsFile<'d> {
        SettingsFile {
            dir,
            name: name.to_owned(),
            values: Map::new(),
        }
    }

    /// The settings in the object `name`; `None` if it is not set.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`], as for the others, when it is something else.
    pub fn within(&self, name: &str) -> Result<Option<SettingsFile<'d>>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Object(values)) => Ok(Some(SettingsFile {
                dir: self.dir,
                name: self.name.clone(),
                values: values.clone(),
            })),
            Some(_) => self.wrong(format!("{name} is no object")),
        }
    }

    /// An error about the file.
    pub fn wrong<T>(&self, what: impl AsRef<str>) -> Result<T> {
        Err(wrong(self.dir, &self.name, what.as_ref()))
    }

    /// Refuses settings that are set and not among `known`.
    pub fn only(&self, known: &[&str]) -> Result<()> {
        let is_set = |value: &Value| match value {
            Value::Null | Value::Bool(false) => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(list) => !list.is_empty(),
            Value::Object(map) => !map.is_empty(),
            _ => true,
        };
        let unknown =
            |(key, value): &(&String, &Value)| !known.contains(&key.as_str()) && is_set(value);
        match self.values.iter().find(unknown) {
            Some((key, _)) => self.wrong(format!(
                "the setting {key:?} is not known here, and may change vectors"
            )),
            None => Ok(()),
        }
    }

    /// The value of a setting, unless it is null.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name).filter(|value| !value.is_null())
    }

    /// A truth, or what it is where it is not said.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool> {
        match self.get(name) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => self.wrong(format!("{name} is not true or false")),
        }
    }

    /// A text.
    pub fn text(&self, name: &str) -> Result<Option<&str>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => self.wrong(format!("{name} is no text")),
        }
    }

    /// A number from 1.
    pub fn count(&self, name: &str) -> Result<Option<usize>> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
        match count.filter(|count| *count > 0) {
            Some(count) => Ok(Some(count)),
            None => self.wrong(format!("{name} is no number from 1")),
        }
    }

    /// A list of texts.
    pub fn texts(&self, name: &str) -> Result<Option<Vec<String>>> {
        let texts = self.get(name).cloned().map(serde_json::from_value);
        match texts.transpose() {
            Ok(texts) => Ok(texts),
            Err(_) => self.wrong(format!("{name} is no list of texts")),
        }
    }
}

/// The JSON in a file, or `None` if it does not exist.
pub(super) fn json(dir: &Path, name: &str) -> Result<Option<Value>> {
    let Some(bytes) = file(dir, name)? else {
        return Ok(None);
    };
    let value = serde_json::from_slice(&bytes);
    value
        .map(Some)
        .map_err(|e| wrong(dir, name, &e.to_string()))
}

/// The bytes of a file, or `None` if it does not exist.
pub(super) fn file(dir: &Path, name: &str) -> Result<Option<Vec<u8>>> {
    match regular_file::read(&dir.join(name), onnx::MAX_MODEL_BYTES) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => {
            let message = format!("reading {}: {e}", dir.join(name).display());
            Err(Error::with_source(ErrorKind::Model, message, e))
        }
    }
}

pub(super) fn wrong(dir: &Path, name: &str, what: &str) -> Error {
    Error::new(
        ErrorKind::Model,
        format!("{}: {what}", dir.join(name).display()),
    )
}
