//! From the JSON of a document's fields to names and values.
//!
//! ```text
//!   {"year": 2024, "author": {"name": "Ada", "born": null}, "lang": ["en", "de"]}
//!        │
//!        ▼
//!   year: 2024      author.name: "Ada"      lang: "en", "de"
//! ```
//!
//! Members of objects have the names of both with a dot between; nulls and empty lists and objects
//! are absent. What is no value, such as a list in a list, is told with its reason.

use std::collections::HashSet;

use serde_json::value::RawValue;

use crate::docs::fields::{Fields, MAX_FIELD_NESTING, decoded};
use crate::docs::json::JsonObject;
use crate::docs::values::Scalar;

/// The longest name of a field, in bytes.
pub const MAX_FIELD_NAME_BYTES: usize = 256;

/// A field with its values, or why they are none.
pub(super) struct NamedScalars {
    pub(super) name: String,
    pub(super) values: Result<Vec<Scalar>, String>,
}

/// The fields of a document, in their order; each name comes with values once.
pub(super) fn named_scalars(fields: &Fields) -> Vec<NamedScalars> {
    let mut found = Vec::new();
    for (name, json) in fields.iter() {
        add(name.to_owned(), json, 1, &mut found);
    }
    let mut names = HashSet::with_capacity(found.len());
    for one in &mut found {
        if one.values.is_ok() && !names.insert(one.name.clone()) {
            one.values = Err("the name comes twice".to_owned());
        }
    }
    found
}

fn add(name: String, json: &str, depth: usize, found: &mut Vec<NamedScalars>) {
    let values = match json.as_bytes().first() {
        Some(b'{') if depth < MAX_FIELD_NESTING => match JsonObject::parse(json) {
            Ok(object) => {
                for (key, json) in object.entries() {
                    add(format!("{name}.{key}"), json, depth + 1, found);
                }
                return;
            }
            Err(message) => Err(message),
        },
        Some(b'[') => list(json),
        _ => scalar(json).map(Vec::from_iter),
    };
    if values.as_ref().is_ok_and(Vec::is_empty) {
        return;
    }
    let values = match name.len() {
        0 => Err("its name is empty".to_owned()),
        len if len > MAX_FIELD_NAME_BYTES => Err(format!(
            "its name has {len} bytes, and at most {MAX_FIELD_NAME_BYTES} are allowed"
        )),
        _ => values,
    };
    found.push(NamedScalars { name, values });
}

fn list(json: &str) -> Result<Vec<Scalar>, String> {
    let items: Vec<&RawValue> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let scalars = items.into_iter().map(|item| scalar(item.get()));
    scalars.filter_map(Result::transpose).collect()
}

/// `None` for a null.
fn scalar(json: &str) -> Result<Option<Scalar>, String> {
    Ok(Some(match json.as_bytes().first() {
        Some(b'n') => return Ok(None),
        Some(b't') => Scalar::Boolean(true),
        Some(b'f') => Scalar::Boolean(false),
        Some(b'"') => Scalar::Text(decoded(json)?),
        Some(b'{' | b'[') => {
            return Err(
                "lists and objects in a list, and what is nested too deep, have no type".to_owned(),
            );
        }
        _ if json
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'-') =>
        {
            let value = json.parse();
            Scalar::Integer(value.map_err(|_| format!("{json} has more than 64 bits"))?)
        }
        _ => match json.parse::<f64>() {
            Ok(value) if value.is_finite() => Scalar::Float(value),
            _ => return Err(format!("{json} is more than a float can be")),
        },
    }))
}
