//! JSON lines: the objects that documents and queries are read from, and written as.
//!
//! I1. Numbers are not read as such: an id or a field has the digits that the line has.
//! I2. `null` is the same as absent: under the first of several names it hides nothing.
//! I3. Errors say what is wrong with the line, and name the cause where the file is no file of
//!     lines at all. Whoever has file and line puts them in front.

use std::collections::HashSet;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::fields::{Fields, decoded};

/// What is wrong, in words.
type Result<T> = std::result::Result<T, String>;

/// The object of a line: keys in their order, each once, with values not taken apart yet.
pub(crate) struct JsonObject<'a> {
    entries: Vec<(String, &'a RawValue)>,
}

impl<'a> JsonObject<'a> {
    /// Reads a line.
    pub(crate) fn parse(line: &'a str) -> Result<Self> {
        let trimmed = line.trim_start();
        if trimmed.starts_with('[') {
            return Err(
                "not a JSON object but a list; every line must be an object of its own: \
                 `jq -c '.[]' FILE` makes such lines of a list"
                    .to_owned(),
            );
        }
        if !trimmed.starts_with('{') && serde_json::from_str::<&RawValue>(line).is_ok() {
            return Err("not a JSON object; every line must be one, like {\"_id\": …}".to_owned());
        }
        let object: JsonObject<'a> = serde_json::from_str(line).map_err(|error| message(&error))?;
        let mut keys = HashSet::with_capacity(object.entries.len());
        match object.entries.iter().find(|(key, _)| !keys.insert(key)) {
            Some((key, _)) => Err(format!("the key {key:?} comes twice: keep one of the two")),
            None => Ok(object),
        }
    }

    /// Takes out the value under the first of `keys` that has one, with its key.
    pub(crate) fn take<'k>(&mut self, keys: &[&'k str]) -> Option<(&'k str, &'a str)> {
        keys.iter().find_map(|key| {
            let at = self.entries.iter().position(|(own, _)| own == key)?;
            let json = self.entries.remove(at).1.get();
            (json != "null").then_some((*key, json))
        })
    }

    /// Takes out an id: a string that is not empty, or an integer.
    pub(crate) fn take_id(&mut self, keys: &[&str]) -> Result<Option<String>> {
        let Some((key, json)) = self.take(keys) else {
            return Ok(None);
        };
        let digits = json.strip_prefix('-').unwrap_or(json);
        match json.starts_with('"') {
            true => decoded(json).map(Some),
            false if digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(Some(json.to_owned())),
            false => Err(format!("{key:?} must be a string or an integer")),
        }
    }

    /// Takes out a string.
    pub(crate) fn take_string(&mut self, keys: &[&str]) -> Result<Option<String>> {
        match self.take(keys) {
            None => Ok(None),
            Some((_, json)) if json.starts_with('"') => decoded(json).map(Some),
            Some((key, _)) => Err(format!("{key:?} must be a string")),
        }
    }

    /// Takes out a string or a list of strings.
    pub(crate) fn take_strings(&mut self, key: &str) -> Result<Vec<String>> {
        let wrong = || format!("{key:?} must be a string or a list of strings");
        let items = match self.take(&[key]) {
            None => return Ok(Vec::new()),
            Some((_, json)) if json.starts_with('"') => return Ok(vec![decoded(json)?]),
            Some((_, json)) => serde_json::from_str::<Vec<&RawValue>>(json).map_err(|_| wrong())?,
        };
        let string = |item: &RawValue| match item.get().starts_with('"') {
            true => decoded(item.get()),
            false => Err(wrong()),
        };
        items.into_iter().map(string).collect()
    }

    /// Whether there is something under a key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries()
            .any(|(own, json)| own == key && json != "null")
    }

    /// Takes out the members of an object. What is none, or has none, stays where it is.
    pub(super) fn members(&mut self, key: &str) -> Result<Option<Fields>> {
        let Some(at) = self.entries.iter().position(|(own, _)| own == key) else {
            return Ok(None);
        };
        let json = self.entries.get(at).map_or("", |(_, json)| json.get());
        if !json.starts_with('{') {
            return Ok(None);
        }
        let in_object = |message| format!("{key:?}: {message}");
        let members = JsonObject::parse(json).map_err(in_object)?;
        if members.entries.is_empty() {
            return Ok(None);
        }
        self.entries.remove(at);
        members.into_fields().map(Some).map_err(in_object)
    }

    /// Keys and values, in their order.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &'a str)> {
        let entries = self.entries.iter();
        entries.map(|(key, json)| (key.as_str(), json.get()))
    }

    /// Everything that was not taken out.
    pub(super) fn into_fields(self) -> Result<Fields> {
        Fields::from_distinct(self.entries)
    }
}

/// What the JSON parser says, with the column only: the line is ours to count.
fn message(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let reason = message
        .rsplit_once(" at line ")
        .map_or(message.as_str(), |(reason, _)| reason);
    let advice = match error.is_eof() || reason == "trailing characters" {
        true => "; every line must be one whole object: `jq -c . FILE` makes such lines",
        false => "",
    };
    format!(
        "not valid JSON: {reason} (column {}){advice}",
        error.column()
    )
}

impl<'de: 'a, 'a> Deserialize<'de> for JsonObject<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = JsonObject<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(JsonObject { entries })
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
