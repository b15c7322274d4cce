//! Filters by a field: what is asked of its values, and which values of a column that is.
//!
//! A document passes when one of its values does. Numbers are compared as numbers, whichever of the
//! two types they have; a text stands for a point in time where the field holds those.

use std::ops::{Bound, Range};

use crate::docs::{FieldColumn, FieldType, FieldTypes, FieldValue, Key, Place};
use crate::{Error, Result};

/// What a filter asks of a field.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::segment) struct Comparison {
    pub(in crate::segment) field: String,
    pub(in crate::segment) test: Test,
}

/// What is asked of a value.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::segment) enum Test {
    /// That there is one.
    Exists,
    /// One of these.
    In(Vec<FieldValue>),
    Between(Bound<FieldValue>, Bound<FieldValue>),
    /// A keyword that begins like this.
    Prefix(String),
}

impl Comparison {
    /// The numbers of the values of `column` that pass, in ranges. Of a field that the index has,
    /// though not every segment, there may be no column.
    ///
    /// # Errors
    ///
    /// `InvalidInput` when the index has no such field, or the field holds no such values.
    pub(in crate::segment) fn values(
        &self,
        types: &FieldTypes,
        column: Option<FieldColumn<'_>>,
    ) -> Result<Vec<Range<u32>>> {
        let of = field_type(types, &self.field)?;
        let place = |value: &FieldValue| {
            of.place(value).map_err(|reason| {
                let field = &self.field;
                Error::invalid(format!(
                    "the filter compares field {field:?} with {value:?}: {reason}"
                ))
            })
        };
        let between = |lo: Bound<Key>, hi: Bound<Key>| {
            column.map_or(0..0, |column| column.between(lo.as_ref(), hi.as_ref()))
        };
        Ok(match &self.test {
            Test::Exists => vec![between(Bound::Unbounded, Bound::Unbounded)],
            Test::In(values) => {
                let mut ranges = Vec::with_capacity(values.len());
                for value in values {
                    if let Place::At(key) = place(value)? {
                        ranges.push(between(Bound::Included(key.clone()), Bound::Included(key)));
                    }
                }
                ranges
            }
            Test::Between(lo, hi) => {
                let lo = match placed(lo, place)? {
                    Bound::Included(Place::At(key)) => Bound::Included(key),
                    Bound::Excluded(Place::At(key)) => Bound::Excluded(key),
                    Bound::Included(Place::After(key)) | Bound::Excluded(Place::After(key)) => {
                        Bound::Excluded(key)
                    }
                    _ => Bound::Unbounded,
                };
                let hi = match placed(hi, place)? {
                    Bound::Included(Place::At(key)) => Bound::Included(key),
                    Bound::Excluded(Place::At(key)) => Bound::Excluded(key),
                    Bound::Included(Place::After(key)) | Bound::Excluded(Place::After(key)) => {
                        Bound::Included(key)
                    }
                    Bound::Included(Place::First) | Bound::Excluded(Place::First) => {
                        return Ok(Vec::new());
                    }
                    Bound::Unbounded => Bound::Unbounded,
                };
                vec![between(lo, hi)]
            }
            Test::Prefix(prefix) if of == FieldType::Keyword => {
                vec![column.map_or(0..0, |column| column.beginning_with(prefix))]
            }
            Test::Prefix(prefix) => {
                return Err(Error::invalid(format!(
                    "the filter asks field {:?} for values that begin with {prefix:?}, and it is \
                     {} in this index",
                    self.field,
                    of.described()
                )));
            }
        })
    }
}

fn placed(
    bound: &Bound<FieldValue>,
    place: impl Fn(&FieldValue) -> Result<Place>,
) -> Result<Bound<Place>> {
    Ok(match bound {
        Bound::Included(value) => Bound::Included(place(value)?),
        Bound::Excluded(value) => Bound::Excluded(place(value)?),
        Bound::Unbounded => Bound::Unbounded,
    })
}

/// The fields of an index that a message names.
const MAX_NAMED: usize = 20;

/// The type of a field.
///
/// # Errors
///
/// `InvalidInput` when the index has no such field.
pub(crate) fn field_type(types: &FieldTypes, field: &str) -> Result<FieldType> {
    types.get(field).ok_or_else(|| {
        let mut names: Vec<&str> = types.iter().map(|(name, _)| name).take(MAX_NAMED).collect();
        if types.iter().nth(MAX_NAMED).is_some() {
            names.push("…");
        }
        let known = match names.is_empty() {
            true => "it has none".to_owned(),
            false => format!("it has {}", names.join(", ")),
        };
        Error::invalid(format!("the index has no field {field:?}: {known}"))
    })
}
