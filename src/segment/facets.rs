//! Counting documents by their values, and putting them in the order of a field.
//!
//! A count is exact: every document that passes is looked at, in the columns alone. A document with
//! several values counts once for each, and once in a range that holds several of them.

use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};

use serde::Serialize;

use super::filter::comparison::{Comparison, Test, field_type};
use super::opened::{DocumentPlace, Segment};
use crate::Result;
use crate::docs::{FieldTypes, FieldValue, Key};

/// What to count documents by: the values of a field, or ranges of them.
///
/// ```
/// use zerogr::Facet;
///
/// let by_value = Facet::values("lang");
/// let by_decade = Facet::ranges("year", [2000..2010, 2010..2020]);
/// # let _ = (by_value, by_decade);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Facet {
    field: String,
    /// `None`: by value.
    ranges: Option<Vec<ValueRange>>,
}

/// A range of values: its bounds, lower and upper.
type ValueRange = (Bound<FieldValue>, Bound<FieldValue>);

impl Facet {
    /// By every value that there is.
    pub fn values(field: impl Into<String>) -> Self {
        Facet {
            field: field.into(),
            ranges: None,
        }
    }

    /// By ranges, which may overlap.
    pub fn ranges<V: Into<FieldValue> + Clone>(
        field: impl Into<String>,
        ranges: impl IntoIterator<Item = impl RangeBounds<V>>,
    ) -> Self {
        let bounds = |range: &dyn Fn() -> (Bound<V>, Bound<V>)| {
            let (lo, hi) = range();
            (lo.map(Into::into), hi.map(Into::into))
        };
        let ranges = ranges
            .into_iter()
            .map(|range| bounds(&|| (range.start_bound().cloned(), range.end_bound().cloned())));
        Facet {
            field: field.into(),
            ranges: Some(ranges.collect()),
        }
    }

    /// By the ranges that ascending bounds make: what is below the first, from each up to the next, and
    /// from the last on.
    pub fn between(
        field: impl Into<String>,
        bounds: impl IntoIterator<Item = impl Into<FieldValue>>,
    ) -> Self {
        let mut ranges = Vec::new();
        let mut lo = Bound::Unbounded;
        for bound in bounds {
            let bound = bound.into();
            ranges.push((lo, Bound::Excluded(bound.clone())));
            lo = Bound::Included(bound);
        }
        ranges.push((lo, Bound::Unbounded));
        Facet::ranges(field, ranges)
    }
}

/// Documents by the values of a field.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FacetCounts {
    /// The field.
    pub field: String,
    /// Documents with any value.
    pub documents: u64,
    /// By value: the values there are, those of most documents first, then in the order of their
    /// type. By range: all that were asked for, in their order.
    pub counts: Vec<FacetCount>,
}

/// The documents of one value or range.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FacetCount {
    /// The value, or the range in words.
    pub value: FieldValue,
    /// How many documents have it.
    pub documents: u64,
}

/// Counts the documents of segments for which `passing`, by segment and ordinal, holds.
///
/// # Errors
///
/// `InvalidInput` for a field that `types` have not, or that does not hold such values.
pub(crate) fn count(
    segments: &[Segment],
    passing: &[Vec<bool>],
    facet: &Facet,
    types: &FieldTypes,
) -> Result<FacetCounts> {
    let of = field_type(types, &facet.field)?;
    let count_of = |test: Test| {
        let comparison = Comparison {
            field: facet.field.clone(),
            test,
        };
        distinct(segments, passing, &comparison, types)
    };
    let counts = match &facet.ranges {
        Some(ranges) => {
            let mut counts = Vec::with_capacity(ranges.len());
            for (lo, hi) in ranges {
                counts.push(FacetCount {
                    value: FieldValue::Keyword(in_words(lo, hi)),
                    documents: count_of(Test::Between(lo.clone(), hi.clone()))?,
                });
            }
            counts
        }
        None => {
            let mut sums: BTreeMap<Key, u64> = BTreeMap::new();
            for (segment, passing) in segments.iter().zip(passing) {
                let Some(column) = segment.documents.column(&facet.field) else {
                    continue;
                };
                for number in 0..column.value_count() {
                    let documents = column.documents(number).filter(|&one| passes(passing, one));
                    let documents = documents.count() as u64;
                    if let Some(key) = column.key(number).filter(|_| documents > 0) {
                        *sums.entry(key).or_default() += documents;
                    }
                }
            }
            let mut counts: Vec<FacetCount> = sums
                .into_iter()
                .map(|(key, documents)| FacetCount {
                    value: of.value(key),
                    documents,
                })
                .collect();
            counts.sort_by_key(|count| std::cmp::Reverse(count.documents));
            counts
        }
    };
    Ok(FacetCounts {
        documents: count_of(Test::Exists)?,
        field: facet.field.clone(),
        counts,
    })
}

fn passes(passing: &[bool], ordinal: u32) -> bool {
    passing.get(ordinal as usize).copied().unwrap_or(false)
}

/// Documents that pass and have such a value, each once.
fn distinct(
    segments: &[Segment],
    passing: &[Vec<bool>],
    comparison: &Comparison,
    types: &FieldTypes,
) -> Result<u64> {
    let mut documents = 0;
    for (segment, passing) in segments.iter().zip(passing) {
        let column = segment.documents.column(&comparison.field);
        let ranges = comparison.values(types, column)?;
        let Some(column) = column else {
            continue;
        };
        let mut left = passing.clone();
        for ordinal in ranges
            .into_iter()
            .flat_map(|range| column.documents_of(range))
        {
            if let Some(left) = left.get_mut(ordinal as usize) {
                documents += u64::from(std::mem::take(left));
            }
        }
    }
    Ok(documents)
}

/// `2000 to below 2010`.
fn in_words(lo: &Bound<FieldValue>, hi: &Bound<FieldValue>) -> String {
    let lo = match lo {
        Bound::Unbounded => None,
        Bound::Included(value) => Some(format!("from {value}")),
        Bound::Excluded(value) => Some(format!("above {value}")),
    };
    let hi = match hi {
        Bound::Unbounded => None,
        Bound::Included(value) => Some(format!("to {value}")),
        Bound::Excluded(value) => Some(format!("below {value}")),
    };
    let both: Vec<String> = lo.into_iter().chain(hi).collect();
    match both.is_empty() {
        true => "any".to_owned(),
        false => both.join(" "),
    }
}

/// The documents that pass, in the order of a field: by their smallest value, or descending by their
/// largest. Those without any come last, those of equal values in the order they are stored.
///
/// # Errors
///
/// `InvalidInput` for a field that `types` have not.
pub(crate) fn sorted(
    segments: &[Segment],
    mut passing: Vec<Vec<bool>>,
    field: &str,
    is_descending: bool,
    types: &FieldTypes,
) -> Result<Vec<DocumentPlace>> {
    field_type(types, field)?;
    let mut with_value: Vec<(Key, DocumentPlace)> = Vec::new();
    for (number, (segment, passing)) in (0u32..).zip(segments.iter().zip(&mut passing)) {
        let Some(column) = segment.documents.column(field) else {
            continue;
        };
        let count = column.value_count();
        for at in 0..count {
            let at = if is_descending { count - 1 - at } else { at };
            let Some(key) = column.key(at) else {
                continue;
            };
            for ordinal in column.documents(at) {
                let is_next = passing
                    .get_mut(ordinal as usize)
                    .is_some_and(std::mem::take);
                if is_next {
                    let place = DocumentPlace {
                        segment: number,
                        ordinal,
                    };
                    with_value.push((key.clone(), place));
                }
            }
        }
    }
    // Of one segment they are in order already.
    with_value.sort_by(|(a, _), (b, _)| if is_descending { b.cmp(a) } else { a.cmp(b) });
    let mut places: Vec<DocumentPlace> = with_value.into_iter().map(|(_, place)| place).collect();
    places.extend(places_of(&passing));
    Ok(places)
}

/// Where the documents that pass are, in the order they are stored.
pub(crate) fn places_of(passing: &[Vec<bool>]) -> impl Iterator<Item = DocumentPlace> {
    (0u32..).zip(passing).flat_map(|(segment, passing)| {
        let ordinals = (0u32..).zip(passing).filter(|(_, passes)| **passes);
        ordinals.map(move |(ordinal, _)| DocumentPlace { segment, ordinal })
    })
}
