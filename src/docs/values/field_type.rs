//! The types that fields have, and how values of a type are ordered.

use serde::{Deserialize, Serialize};

use super::timestamp::Timestamp;
use super::value::FieldValue;

/// What a field holds. A field has one type in an index, that of its first value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum FieldType {
    /// `true` and `false`.
    Boolean,
    /// Whole numbers of 64 bits, with sign.
    Integer,
    /// Numbers of 64 bits with a fraction; infinity and what is no number are none.
    Float,
    /// Points in time, to the microsecond.
    Timestamp,
    /// Texts that are compared as a whole, of at most [`MAX_KEYWORD_BYTES`].
    Keyword,
}

/// The longest keyword, in bytes.
pub const MAX_KEYWORD_BYTES: usize = 4096;

/// The numbers of 2^53 and less are those that a float holds exactly.
const MAX_EXACT: u64 = 1 << 53;

/// The sign of an `i64` and of an `f64`.
const SIGN: u64 = 1 << 63;

/// A value of a known type, in the order of its type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// Of all types but keywords: numbers whose order is that of the values.
    Number(u64),
    Keyword(String),
}

/// Where a value that is asked for lies among those of a type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Place {
    /// It is one.
    At(Key),
    /// Behind this one, and before the next.
    After(Key),
    /// Before the first.
    First,
}

/// One value as JSON has it.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::docs) enum Scalar {
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(String),
}

impl Scalar {
    /// The type that a new field gets from it.
    pub(in crate::docs) fn field_type(&self) -> FieldType {
        match self {
            Scalar::Boolean(_) => FieldType::Boolean,
            Scalar::Integer(_) => FieldType::Integer,
            Scalar::Float(_) => FieldType::Float,
            Scalar::Text(text) if Timestamp::has_form(text) => FieldType::Timestamp,
            Scalar::Text(_) => FieldType::Keyword,
        }
    }
}

impl FieldType {
    /// Its name with an article, for messages.
    pub(crate) fn described(self) -> &'static str {
        match self {
            FieldType::Boolean => "a boolean",
            FieldType::Integer => "an integer",
            FieldType::Float => "a float",
            FieldType::Timestamp => "a timestamp",
            FieldType::Keyword => "a keyword",
        }
    }

    /// A value of this type; the error says why it is none.
    pub(in crate::docs) fn key_of(self, scalar: &Scalar) -> Result<Key, String> {
        match (self, scalar) {
            (FieldType::Boolean, Scalar::Boolean(value)) => Ok(Key::Number((*value).into())),
            (FieldType::Integer, Scalar::Integer(value)) => Ok(Key::Number(signed(*value))),
            (FieldType::Float, Scalar::Float(value)) => Ok(Key::Number(float(*value))),
            (FieldType::Float, Scalar::Integer(value)) => match value.unsigned_abs() <= MAX_EXACT {
                true => Ok(Key::Number(float(*value as f64))),
                false => Err(format!("no float is exactly {value}")),
            },
            (FieldType::Timestamp, Scalar::Text(text)) => match text.parse::<Timestamp>() {
                Ok(time) => Ok(Key::Number(signed(time.unix_us()))),
                Err(error) => Err(error.to_string()),
            },
            (FieldType::Keyword, Scalar::Text(text)) => match text.len() <= MAX_KEYWORD_BYTES {
                true => Ok(Key::Keyword(text.clone())),
                false => Err(format!(
                    "a keyword of {} bytes, and at most {MAX_KEYWORD_BYTES} are allowed",
                    text.len()
                )),
            },
            (_, scalar) => Err(format!("{} is", scalar.field_type().described())),
        }
    }

    /// Where a value lies among those of this type; the error says why nowhere.
    pub(crate) fn place(self, value: &FieldValue) -> Result<Place, String> {
        let key = match (self, value) {
            (FieldType::Boolean, FieldValue::Boolean(value)) => Key::Number((*value).into()),
            (FieldType::Integer, FieldValue::Integer(value)) => Key::Number(signed(*value)),
            (FieldType::Integer, FieldValue::Float(value)) => return among_integers(*value),
            (FieldType::Float, FieldValue::Float(value)) if value.is_nan() => {
                return Err(no_number());
            }
            (FieldType::Float, FieldValue::Float(value)) => Key::Number(float(*value)),
            (FieldType::Float, FieldValue::Integer(value)) => return Ok(among_floats(*value)),
            (FieldType::Timestamp, FieldValue::Timestamp(time)) => {
                Key::Number(signed(time.unix_us()))
            }
            (FieldType::Timestamp, FieldValue::Keyword(text)) => {
                let time = Timestamp::of_bound(text).map_err(|error| error.to_string())?;
                Key::Number(signed(time.unix_us()))
            }
            (FieldType::Keyword, FieldValue::Keyword(text)) => Key::Keyword(text.clone()),
            _ => return Err(format!("it is {} in this index", self.described())),
        };
        Ok(Place::At(key))
    }

    /// The number that a key is stored as: 0 and 1, an `i64`, or the bits of an `f64`.
    pub(in crate::docs) fn stored(self, key: u64) -> u64 {
        match self {
            FieldType::Boolean | FieldType::Keyword => key,
            FieldType::Integer | FieldType::Timestamp => key ^ SIGN,
            FieldType::Float if key & SIGN == 0 => !key,
            FieldType::Float => key ^ SIGN,
        }
    }

    /// The key of a stored number; `None` for what is no value of the type.
    pub(in crate::docs) fn key_of_stored(self, stored: u64) -> Option<u64> {
        match self {
            FieldType::Boolean => Some(stored).filter(|&value| value <= 1),
            FieldType::Integer => Some(stored ^ SIGN),
            FieldType::Timestamp => {
                let time = Timestamp::from_unix_us(stored.cast_signed());
                time.ok().map(|time| signed(time.unix_us()))
            }
            FieldType::Float => {
                let value = f64::from_bits(stored);
                let is_value = value.is_finite() && stored != SIGN;
                is_value.then(|| float(value))
            }
            FieldType::Keyword => None,
        }
    }

    /// The value that a key of this type stands for.
    pub(crate) fn value(self, key: Key) -> FieldValue {
        match key {
            Key::Number(key) => self.value_of(key),
            Key::Keyword(text) => FieldValue::Keyword(text),
        }
    }

    fn value_of(self, key: u64) -> FieldValue {
        let stored = self.stored(key);
        match self {
            FieldType::Boolean => FieldValue::Boolean(stored != 0),
            FieldType::Float => FieldValue::Float(f64::from_bits(stored)),
            FieldType::Integer | FieldType::Keyword => FieldValue::Integer(stored.cast_signed()),
            FieldType::Timestamp => match Timestamp::from_unix_us(stored.cast_signed()) {
                Ok(time) => FieldValue::Timestamp(time),
                Err(_) => FieldValue::Integer(stored.cast_signed()),
            },
        }
    }
}

fn no_number() -> String {
    "that is not a number (NaN)".to_owned()
}

fn among_integers(value: f64) -> Result<Place, String> {
    let floor = value.floor();
    if value.is_nan() {
        return Err(no_number());
    }
    // 2^63 is the first float that no integer is.
    if floor < i64::MIN as f64 {
        return Ok(Place::First);
    }
    if floor >= -(i64::MIN as f64) {
        return Ok(Place::After(Key::Number(signed(i64::MAX))));
    }
    let key = Key::Number(signed(floor as i64));
    Ok(match floor == value {
        true => Place::At(key),
        false => Place::After(key),
    })
}

fn among_floats(value: i64) -> Place {
    let nearest = value as f64;
    let key = float(nearest);
    match (nearest as i128).cmp(&i128::from(value)) {
        std::cmp::Ordering::Equal => Place::At(Key::Number(key)),
        std::cmp::Ordering::Less => Place::After(Key::Number(key)),
        std::cmp::Ordering::Greater => Place::After(Key::Number(key.saturating_sub(1))),
    }
}

/// A number whose order is that of the signed ones.
pub(in crate::docs) fn signed(value: i64) -> u64 {
    value.cast_unsigned() ^ SIGN
}

/// A number whose order is that of the floats; the zeros are one.
pub(super) fn float(value: f64) -> u64 {
    let bits = (value + 0.0).to_bits();
    match bits & SIGN {
        0 => bits | SIGN,
        _ => !bits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_zeros_are_one_and_what_is_no_number_is_none() {
        assert_eq!(float(-0.0), float(0.0));
        let stored = |value: f64| FieldType::Float.key_of_stored(value.to_bits());
        assert_eq!(stored(0.0), Some(float(0.0)));
        for value in [-0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(stored(value), None, "{value}");
        }
        assert_eq!(FieldType::Boolean.key_of_stored(2), None);
    }

    #[test]
    fn numbers_of_one_type_have_a_place_among_those_of_the_other() {
        let integer = |value: i64| Key::Number(signed(value));
        for (value, expected) in [
            (2.0, Place::At(integer(2))),
            (2.5, Place::After(integer(2))),
            (-2.5, Place::After(integer(-3))),
            (1e300, Place::After(integer(i64::MAX))),
            (9_223_372_036_854_775_808.0, Place::After(integer(i64::MAX))),
            (f64::INFINITY, Place::After(integer(i64::MAX))),
            (-9_223_372_036_854_775_808.0, Place::At(integer(i64::MIN))),
            (-1e300, Place::First),
            (f64::NEG_INFINITY, Place::First),
        ] {
            let found = FieldType::Integer.place(&FieldValue::Float(value));
            assert_eq!(found, Ok(expected), "{value}");
        }
        let of = |value: i64| FieldType::Float.place(&FieldValue::Integer(value)).unwrap();
        let at = |value: f64| Key::Number(float(value));
        assert_eq!(of(3), Place::At(at(3.0)));
        let exact = 1_i64 << 53;
        assert_eq!(of(exact + 1), Place::After(at(exact as f64)));
        assert_eq!(of(exact + 3), Place::After(at((exact + 2) as f64)));
        for of in [FieldType::Integer, FieldType::Float] {
            assert!(of.place(&FieldValue::Float(f64::NAN)).is_err());
        }
        let date = FieldValue::from("2024-02-29");
        assert!(FieldType::Timestamp.place(&date).is_ok());
        assert!(FieldType::Integer.place(&date).is_err());
    }

    proptest! {
        #[test]
        fn keys_have_the_order_of_values(a in any::<f64>(), b in any::<f64>(), c: i64, d: i64) {
            prop_assume!(a.is_finite() && b.is_finite());
            prop_assert_eq!(float(a).partial_cmp(&float(b)), a.partial_cmp(&b));
            prop_assert_eq!(signed(c).cmp(&signed(d)), c.cmp(&d));
            let back = |of: FieldType, key| of.key_of_stored(of.stored(key));
            prop_assert_eq!(back(FieldType::Float, float(a)), Some(float(a)));
            prop_assert_eq!(back(FieldType::Integer, signed(c)), Some(signed(c)));
            prop_assert_eq!(FieldType::Float.value_of(float(a)), FieldValue::Float(a + 0.0));
            prop_assert_eq!(FieldType::Integer.value_of(signed(c)), FieldValue::Integer(c));
        }
    }
}
