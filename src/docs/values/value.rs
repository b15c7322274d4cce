//! Values of fields, as applications give and get them.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::timestamp::Timestamp;

/// A value of a field, or a list of them.
///
/// ```
/// use zerogr::{Document, Timestamp};
///
/// let published: Timestamp = "2024-02-29T12:00:00Z".parse()?;
/// let document = Document::new("doc-1")
///     .field("year", 2024)
///     .field("lang", ["en", "de"])
///     .field("published", published);
/// assert_eq!(document.fields.get::<u64>("year"), Some(2024));
/// # Ok::<(), zerogr::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum FieldValue {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction. What is infinite or no number is refused where it is used.
    Float(f64),
    /// A point in time.
    Timestamp(Timestamp),
    /// A text. In a field of timestamps, and first in a field without a type, a text in the form of
    /// RFC 3339 is a point in time.
    Keyword(String),
    /// Several values of one type. A list of none is as good as no value.
    List(Vec<FieldValue>),
}

impl FieldValue {
    /// The value as JSON; the error says which number JSON has not.
    pub(crate) fn to_json(&self) -> Result<Value, &'static str> {
        Ok(match self {
            FieldValue::Boolean(value) => Value::from(*value),
            FieldValue::Integer(value) => Value::from(*value),
            FieldValue::Float(value) if value.is_nan() => return Err("it is not a number (NaN)"),
            FieldValue::Float(value) if value.is_infinite() => return Err("it is infinite"),
            FieldValue::Float(value) => Value::from(*value),
            FieldValue::Timestamp(value) => Value::from(value.to_string()),
            FieldValue::Keyword(value) => Value::from(value.as_str()),
            FieldValue::List(values) => {
                let values: Result<_, _> = values.iter().map(FieldValue::to_json).collect();
                Value::Array(values?)
            }
        })
    }
}

impl fmt::Display for FieldValue {
    /// As people read it: a keyword as it is, a list with commas.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FieldValue::Boolean(value) => value.fmt(f),
            FieldValue::Integer(value) => value.fmt(f),
            FieldValue::Float(value) => write!(f, "{value:?}"),
            FieldValue::Timestamp(value) => value.fmt(f),
            FieldValue::Keyword(value) => f.write_str(value),
            FieldValue::List(values) => {
                for (place, value) in values.iter().enumerate() {
                    let comma = if place == 0 { "" } else { ", " };
                    write!(f, "{comma}{value}")?;
                }
                Ok(())
            }
        }
    }
}

impl Serialize for FieldValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let json = self.to_json().map_err(serde::ser::Error::custom)?;
        json.serialize(serializer)
    }
}

macro_rules! from {
    ($($type:ty => $variant:ident)*) => {$(
        impl From<$type> for FieldValue {
            fn from(value: $type) -> Self {
                FieldValue::$variant(value.into())
            }
        }
    )*};
}

from! {
    bool => Boolean
    i8 => Integer
    i16 => Integer
    i32 => Integer
    i64 => Integer
    u8 => Integer
    u16 => Integer
    u32 => Integer
    f32 => Float
    f64 => Float
    Timestamp => Timestamp
    &str => Keyword
    String => Keyword
}

impl<T: Into<FieldValue>> From<Vec<T>> for FieldValue {
    fn from(values: Vec<T>) -> Self {
        FieldValue::List(values.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<FieldValue>, const N: usize> From<[T; N]> for FieldValue {
    fn from(values: [T; N]) -> Self {
        FieldValue::List(values.into_iter().map(Into::into).collect())
    }
}
