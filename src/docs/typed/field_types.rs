//! Which fields an index has, and of which type each is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::scalars::{MAX_FIELD_NAME_BYTES, NamedScalars, named_scalars};
use crate::docs::Document;
use crate::docs::values::{FieldType, Key, Scalar};
use crate::{Error, Result};

/// Most fields of an index.
pub const MAX_FIELDS: usize = 1024;

/// Field -> type, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldTypes(BTreeMap<String, FieldType>);

impl FieldTypes {
    /// The type of a field; `None` where the index has no such field.
    pub fn get(&self, name: &str) -> Option<FieldType> {
        self.0.get(name).copied()
    }

    /// Names and types, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, FieldType)> {
        self.0.iter().map(|(name, &of)| (name.as_str(), of))
    }

    /// True without any field.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives a field a type, before any document is there.
    pub fn declare(&mut self, name: String, of: FieldType) {
        self.0.insert(name, of);
    }

    /// Refuses names and numbers of fields that no index can have.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a field without a name; `Limit` for too long a name, and beyond
    /// [`MAX_FIELDS`].
    pub(crate) fn check(&self) -> Result<()> {
        if self.0.contains_key("") {
            return Err(Error::invalid("a field has no name"));
        }
        if let Some(name) = self.0.keys().find(|name| name.len() > MAX_FIELD_NAME_BYTES) {
            return Err(Error::limit(format!(
                "the name of a field has {} bytes, and at most {MAX_FIELD_NAME_BYTES} are allowed",
                name.len()
            )));
        }
        if self.0.len() > MAX_FIELDS {
            return Err(too_many());
        }
        Ok(())
    }

    /// Checks the fields of a document that is added, and gives new ones their types; all of them
    /// or, where one cannot be, none.
    ///
    /// # Errors
    ///
    /// With the name of the field: `InvalidInput` for what has no type or another one than before;
    /// `Limit` beyond [`MAX_FIELDS`].
    pub(crate) fn admit(&mut self, document: &Document) -> Result<()> {
        let mut new = BTreeMap::new();
        for NamedScalars { name, values } in named_scalars(&document.fields) {
            let known = self.get(&name);
            let typed = values.and_then(|values| {
                let of = known.unwrap_or_else(|| type_of(&values));
                keys_of(of, &values, known.is_some()).map(|_| of)
            });
            match typed {
                Ok(of) if known.is_none() => drop(new.insert(name, of)),
                Ok(_) => {}
                Err(reason) => {
                    return Err(Error::invalid(format!(
                        "field {}: {reason}; make it so, or keep it without its type \
                         (`Document::extra`, `--fields-lenient`)",
                        shown(&name)
                    )));
                }
            }
        }
        self.take_in(new)
    }

    /// The same where a value that cannot be one is only kept with its document; the number of
    /// fields of which that is so.
    pub(crate) fn admit_what_can_be(&mut self, document: &Document) -> usize {
        let mut left_out = 0;
        for one in named_scalars(&document.fields) {
            let is_typed = one.values.is_ok_and(|values| {
                let of = self.get(&one.name).unwrap_or_else(|| type_of(&values));
                let has_room = self.0.contains_key(&one.name) || self.0.len() < MAX_FIELDS;
                let is_typed = has_room && keys_of(of, &values, true).is_ok();
                if is_typed {
                    self.0.insert(one.name, of);
                }
                is_typed
            });
            left_out += usize::from(!is_typed);
        }
        left_out
    }

    fn take_in(&mut self, new: BTreeMap<String, FieldType>) -> Result<()> {
        if self.0.len() + new.len() > MAX_FIELDS {
            return Err(too_many());
        }
        self.0.extend(new);
        Ok(())
    }

    /// The values of a stored document that have a type here, in the order of the type, each once.
    pub(super) fn keys(&self, document: &Document) -> Vec<(String, FieldType, Vec<Key>)> {
        let typed = |one: NamedScalars| {
            let of = self.get(&one.name)?;
            let mut keys = keys_of(of, &one.values.ok()?, true).ok()?;
            keys.sort_unstable();
            keys.dedup();
            Some((one.name, of, keys))
        };
        match document.fields.is_empty() {
            true => Vec::new(),
            false => named_scalars(&document.fields)
                .into_iter()
                .filter_map(typed)
                .collect(),
        }
    }
}

fn too_many() -> Error {
    Error::limit(format!(
        "an index has at most {MAX_FIELDS} fields: keep what nobody filters by in \
         `Document::extra`"
    ))
}

/// The type of a field whose first values these are. What is no value of it shows as such.
fn type_of(values: &[Scalar]) -> FieldType {
    let has = |of| values.iter().any(|value| value.field_type() == of);
    match values.first().map(Scalar::field_type) {
        Some(FieldType::Integer) if has(FieldType::Float) => FieldType::Float,
        Some(FieldType::Timestamp) if has(FieldType::Keyword) => FieldType::Keyword,
        first => first.unwrap_or(FieldType::Keyword),
    }
}

/// Values of a type; the error says which is none.
fn keys_of(of: FieldType, values: &[Scalar], is_known: bool) -> Result<Vec<Key>, String> {
    let key = |value| {
        of.key_of(value).map_err(|reason| {
            let since = if is_known {
                "in this index"
            } else {
                "by its first value"
            };
            format!("it is {} {since}, and {reason} not", of.described())
        })
    };
    values.iter().map(key).collect()
}

/// A name for a message, not at its full length.
fn shown(name: &str) -> String {
    let most = name.floor_char_boundary(MAX_FIELD_NAME_BYTES.min(name.len()));
    format!("{:?}", name.get(..most).unwrap_or(name))
}
