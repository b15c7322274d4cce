//! What a document brings by name: JSON values, as they came.
//!
//! Problem: JSON can write numbers that no type of a program holds (thirty digits, `1e400`, `-0`,
//! `1.0` beside `1`), and a document is to come back as it was given. So a value is kept as JSON
//! text and only taken apart for one who asks for a type.
//!
//! I1. A value is one JSON value whose strings are Unicode text and whose objects have no key
//!     twice. It has no white space between its parts, so no line ends.
//! I2. Names are distinct and keep their order.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::values::FieldValue;
use crate::{Error, Result};

/// How deep lists and objects of a field may lie in one another (ZF-LI-12). JSON readers of many
/// languages stop at a hundred or so.
pub const MAX_FIELD_NESTING: usize = 64;

/// What a document brings by name: JSON values, exactly as they were given, in their order.
///
/// ```
/// use zerogr::raw::docs::Fields;
///
/// let mut fields = Fields::new();
/// fields.insert("year", 2024);
/// fields.insert_json("mass", "1e400")?;
/// assert_eq!(fields.get::<u64>("year"), Some(2024));
/// assert_eq!(fields.get::<String>("year"), None);
/// assert_eq!(fields.json("mass"), Some("1e400"));
/// # Ok::<(), zerogr::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Fields(Vec<(String, Field)>);

#[derive(Debug, Clone)]
struct Field {
    json: Box<RawValue>,
    nesting: usize,
    /// Why the value cannot be kept, where JSON has no way to write it.
    flaw: Option<&'static str>,
}

impl Fields {
    /// No fields.
    pub fn new() -> Self {
        Fields::default()
    }

    /// The value of a field as a type: `None` when there is no such field, or it is no `T`.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_str(self.json(name)?).ok()
    }

    /// The JSON text of a field.
    pub fn json(&self, name: &str) -> Option<&str> {
        self.iter()
            .find_map(|(own, json)| (own == name).then_some(json))
    }

    /// Names and JSON texts, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, field)| (name.as_str(), field.json.get()))
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True without any field.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets a field. One with the same name is replaced in its place.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        let value = value.into();
        let json = match is_nested_within(&value, MAX_FIELD_NESTING) {
            true => value.to_string(),
            // It is refused when the document is added, for its depth and whatever is in it;
            // writing it out would take as much stack as it is deep.
            false => "[".repeat(MAX_FIELD_NESTING + 1) + &"]".repeat(MAX_FIELD_NESTING + 1),
        };
        if let Ok(field) = RawValue::from_string(json).and_then(Field::of_serde) {
            self.set(name.into(), field);
        }
    }

    /// Sets a field to a value of a type. What JSON cannot write is refused when the document is
    /// added.
    pub fn insert_value(&mut self, name: impl Into<String>, value: impl Into<FieldValue>) {
        let name = name.into();
        match value.into().to_json() {
            Ok(json) => self.insert(name, json),
            Err(flaw) => {
                self.insert(name.clone(), Value::Null);
                if let Some((_, field)) = self.0.iter_mut().find(|(own, _)| *own == name) {
                    field.flaw = Some(flaw);
                }
            }
        }
    }

    /// Takes out a field that is an object with members: these.
    pub(super) fn take_object(&mut self, name: &str) -> Option<Fields> {
        let at = self.0.iter().position(|(own, _)| own == name)?;
        let members: Fields = serde_json::from_str(self.0.get(at)?.1.json.get()).ok()?;
        if members.is_empty() {
            return None;
        }
        self.0.remove(at);
        Some(members)
    }

    /// The same with a field in front, an object with these members.
    pub(super) fn with_object(&self, name: &str, members: &Fields) -> Fields {
        let json = serde_json::value::to_raw_value(members);
        let nesting = members.0.iter().map(|(_, field)| field.nesting).max();
        let object = json.map(|json| Field {
            json,
            nesting: nesting.unwrap_or(0) + 1,
            flaw: None,
        });
        let object = object.ok().map(|field| (name.to_owned(), field));
        Fields(object.into_iter().chain(self.0.iter().cloned()).collect())
    }

    /// Sets a field to a JSON text, which keeps what no [`Value`] can hold.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when it is not one JSON value, a string in
    /// it is no Unicode text, or an object in it has a key twice.
    pub fn insert_json(&mut self, name: impl Into<String>, json: &str) -> Result<()> {
        let name = name.into();
        let field = serde_json::from_str::<&RawValue>(json)
            .map_err(|error| error.to_string())
            .and_then(Field::of);
        let field = field.map_err(|message| Error::invalid(format!("{name:?}: {message}")))?;
        self.set(name, field);
        Ok(())
    }

    fn set(&mut self, name: String, field: Field) {
        match self.0.iter_mut().find(|(own, _)| *own == name) {
            Some((_, old)) => *old = field,
            None => self.0.push((name, field)),
        }
    }

    /// Fields of distinct names; the error names the field.
    pub(super) fn from_distinct<'a>(
        entries: impl IntoIterator<Item = (String, &'a RawValue)>,
    ) -> std::result::Result<Self, String> {
        let field = |(name, json)| match Field::of(json) {
            Ok(field) => Ok((name, field)),
            Err(message) => Err(format!("{name:?}: {message}")),
        };
        entries
            .into_iter()
            .map(field)
            .collect::<Result<_, _>>()
            .map(Fields)
    }

    /// Checks that all values can be kept where they may lie `max_nesting` deep.
    pub(super) fn check(&self, max_nesting: usize) -> Result<()> {
        for (name, field) in &self.0 {
            if let Some(flaw) = field.flaw {
                return Err(Error::invalid(format!("field {name:?}: {flaw}")));
            }
            if field.nesting > max_nesting {
                return Err(Error::limit(format!(
                    "{name:?}: lists and objects lie more than {max_nesting} deep in one \
                     another; flatten them, or keep them as a string"
                )));
            }
        }
        Ok(())
    }
}

impl Field {
    fn of(json: &RawValue) -> std::result::Result<Self, String> {
        let tidied = Tidied::of(json.get())?;
        let json = match tidied.json.len() == json.get().len() {
            true => json.to_owned(),
            false => RawValue::from_string(tidied.json).map_err(|error| error.to_string())?,
        };
        Ok(Field {
            json,
            nesting: tidied.nesting,
            flaw: None,
        })
    }

    fn of_serde(json: Box<RawValue>) -> serde_json::Result<Self> {
        Field::of(&json).map_err(serde_json::Error::custom)
    }
}

/// A JSON value without white space between its parts.
struct Tidied {
    json: String,
    /// Lists and objects that are open at once.
    nesting: usize,
}

impl Tidied {
    /// `json` is well formed, but for what [`Fields`] promises on top. No recursion: it may be
    /// nested at will.
    fn of(json: &str) -> std::result::Result<Self, String> {
        let mut tidied = Tidied {
            json: String::with_capacity(json.len()),
            nesting: 0,
        };
        // Keys of the open objects; nothing for an open list.
        let mut open: Vec<Option<HashSet<String>>> = Vec::new();
        let mut is_key = false;
        let mut rest = json;
        while let Some(&first) = rest.as_bytes().first() {
            let mut len = 1;
            match first {
                b' ' | b'\t' | b'\n' | b'\r' => {
                    rest = rest.get(1..).unwrap_or_default();
                    continue;
                }
                b'"' => {
                    len = string_len_bytes(rest);
                    let string = decoded(rest.get(..len).unwrap_or(rest))?;
                    if let Some(Some(keys)) = open.last_mut().filter(|_| is_key)
                        && let Some(key) = keys.replace(string)
                    {
                        return Err(format!("the key {key:?} comes twice in one object"));
                    }
                    is_key = false;
                }
                b'{' | b'[' => {
                    is_key = first == b'{';
                    open.push(is_key.then(HashSet::new));
                    tidied.nesting = tidied.nesting.max(open.len());
                }
                b'}' | b']' => drop(open.pop()),
                b',' => is_key = matches!(open.last(), Some(Some(_))),
                _ => {}
            }
            let (part, more) = rest.split_at_checked(len).unwrap_or((rest, ""));
            tidied.json.push_str(part);
            rest = more;
        }
        Ok(tidied)
    }
}

/// The length of the JSON string that `json` begins with, quotes included.
fn string_len_bytes(json: &str) -> usize {
    let mut escaped = false;
    let ends = |&(_, &byte): &(usize, &u8)| {
        let is_end = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        is_end
    };
    let end = json.as_bytes().iter().enumerate().skip(1).find(ends);
    end.map_or(json.len(), |(at, _)| at + 1)
}

/// What a JSON string says.
pub(super) fn decoded(string: &str) -> std::result::Result<String, String> {
    serde_json::from_str(string)
        .map_err(|_| "a string is not Unicode text: half of a surrogate pair is missing".to_owned())
}

/// Whether lists and objects lie at most `limit` deep in one another.
fn is_nested_within(value: &Value, limit: usize) -> bool {
    let Some(inner) = limit.checked_sub(1) else {
        return !(value.is_array() || value.is_object());
    };
    match value {
        Value::Array(items) => items.iter().all(|item| is_nested_within(item, inner)),
        Value::Object(items) => items.values().all(|item| is_nested_within(item, inner)),
        _ => true,
    }
}

impl PartialEq for Fields {
    /// The same names and JSON texts in the same order.
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, field)| (name, &field.json)))
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut names = HashSet::new();
                let mut fields = Fields::new();
                while let Some((name, json)) = map.next_entry::<String, Box<RawValue>>()? {
                    if !names.insert(name.clone()) {
                        let message = format!("the field {name:?} comes twice");
                        return Err(A::Error::custom(message));
                    }
                    fields
                        .0
                        .push((name, Field::of(&json).map_err(A::Error::custom)?));
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> String {
        "[".repeat(depth) + &"]".repeat(depth)
    }

    #[test]
    fn values_come_back_as_they_came() {
        for json in [
            "123456789012345678901234567890",
            "0.10000000000000000000000000001",
            "1e400",
            "-1E-400",
            "-0",
            "-0.0",
            "1",
            "1.0",
            "0.1000",
            "\"\\u00e9 é \\ud83d\\ude00 \\/\"",
            "[{\"b\":1,\"a\":[]},{\"b\":2}]",
            "null",
        ] {
            let mut fields = Fields::new();
            fields.insert_json("f", json).unwrap();
            assert_eq!(fields.json("f"), Some(json));
            let text = serde_json::to_string(&fields).unwrap();
            assert_eq!(text, format!("{{\"f\":{json}}}"));
            assert_eq!(serde_json::from_str::<Fields>(&text).unwrap(), fields);
        }
    }

    #[test]
    fn white_space_goes_but_for_that_in_strings() {
        let mut fields = Fields::new();
        let json = " [ 1 ,\r\n\t{ \"a b\" : \" \\\" , [ \\\\\" } ] ";
        fields.insert_json("f", json).unwrap();
        let tidy = "[1,{\"a b\":\" \\\" , [ \\\\\"}]";
        assert_eq!(fields.json("f"), Some(tidy));
        let parsed: Value = fields.get("f").unwrap();
        assert_eq!(parsed, serde_json::from_str::<Value>(json).unwrap());
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for (json, message) in [
            ("", "EOF"),
            ("1 2", "trailing"),
            (
                "{\"a\":[{\"k\":1,\"\\u006b\":2}]}",
                "the key \"k\" comes twice",
            ),
            ("[\"\\ud800\"]", "not Unicode text"),
            ("{\"\\udc00\":1}", "not Unicode text"),
        ] {
            let error = Fields::new().insert_json("f", json).unwrap_err();
            assert!(error.is_invalid_input());
            assert!(error.to_string().contains(message), "{error}");
        }
        let twice = serde_json::from_str::<Fields>("{\"a\":1,\"a\":1}").unwrap_err();
        assert!(twice.to_string().contains("\"a\" comes twice"), "{twice}");
    }

    #[test]
    fn nesting_has_a_limit_that_is_checked_without_recursion() {
        // ZF-LI-12
        for (depth, is_good) in [(64, true), (65, false), (126, false), (1_000_000, false)] {
            let mut fields = Fields::new();
            fields.insert_json("f", &nested(depth)).unwrap();
            assert_eq!(fields.check(MAX_FIELD_NESTING).is_ok(), is_good, "{depth}");
        }
        for (depth, is_good) in [(64, true), (65, false), (2_000, false)] {
            let list = |inner, _| Value::Array(vec![inner]);
            let value = (1..depth).fold(Value::Array(Vec::new()), list);
            let mut fields = Fields::new();
            fields.insert("f", value);
            assert_eq!(fields.check(MAX_FIELD_NESTING).is_ok(), is_good, "{depth}");
        }
        let deep = nested(3_000);
        let read: Fields = serde_json::from_str(&format!("{{\"f\":{deep}}}")).unwrap();
        assert_eq!(read.json("f"), Some(&*deep));
    }

    #[test]
    fn fields_keep_their_order_and_are_replaced_in_place() {
        let mut fields = Fields::new();
        for (name, value) in [("z", 1), ("a", 2), ("m", 3), ("z", 4)] {
            fields.insert(name, value);
        }
        let all: Vec<(&str, &str)> = fields.iter().collect();
        assert_eq!(all, [("z", "4"), ("a", "2"), ("m", "3")]);
        assert_eq!(fields.len(), 3);
        assert_eq!(format!("{fields:?}"), r#"{"z": "4", "a": "2", "m": "3"}"#);
    }
}
