//! The columns of a segment: the values of each field, and which documents have which.
//!
//! ```text
//!   FIELD_NAMES      lang       year
//!   FIELD_COLUMNS    keyword 2  integer 3       type, number of distinct values
//!   FIELD_KEYWORDS   de en                      ascending within a field
//!   FIELD_NUMBERS               1999 2020 2024
//!   FIELD_DOCUMENTS  7  0,1,7   1    0    7     documents of each value: a row
//! ```
//!
//! - I1. Values of a field ascend, so those between two bounds are rows side by side, and so are
//!   the keywords with a prefix; the first is the smallest, the last the largest.
//! - I2. Every value has a document; what no document has is in no column.

use std::collections::BTreeMap;
use std::ops::{Bound, Range};
use std::sync::Arc;

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::field_types::{FieldTypes, MAX_FIELDS};
use crate::columns::{Csr, CsrBuilder, SectionSource, Strings, StringsBuilder};
use crate::docs::values::{FieldType, FieldValue, Key};
use crate::docs::{Document, sections};
use crate::format::SectionInput;
use crate::store::Section;
use crate::{Error, Result};

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct ColumnRecord {
    field_type: U32,
    value_count: U32,
}

/// Numbers of the types in FIELD_COLUMNS, from 1.
const TYPES: [FieldType; 5] = [
    FieldType::Boolean,
    FieldType::Integer,
    FieldType::Float,
    FieldType::Timestamp,
    FieldType::Keyword,
];

/// The columns of one segment, read in place.
#[derive(Debug, Clone)]
pub struct FieldTable {
    names: Strings,
    places: Arc<[Place]>,
    numbers: Section,
    keywords: Strings,
    documents: Csr,
}

/// Where a column is.
#[derive(Debug, Clone, Copy)]
struct Place {
    of: FieldType,
    first_row: u32,
    value_count: u32,
    /// Its first value among the numbers, or among the keywords.
    first_value: u32,
}

impl FieldTable {
    /// Reads the columns of a segment of `document_count` documents; `None` when it has none.
    ///
    /// # Errors
    /// `Corrupt` when names, values or documents are not in order, or do not fit each other.
    pub fn open(source: &dyn SectionSource, document_count: u32) -> Result<Option<Self>> {
        let Some(columns) = source.find(sections::FIELD_COLUMNS)? else {
            return match source.find(sections::FIELD_NAMES)? {
                Some(_) => Err(source.missing(sections::FIELD_COLUMNS)),
                None => Ok(None),
            };
        };
        let records: &[ColumnRecord] = columns.as_slice_of()?;
        if records.is_empty() || records.len() > MAX_FIELDS {
            return Err(columns.damaged("the columns of a segment cannot be counted"));
        }
        let names = Strings::open(source.section(sections::FIELD_NAMES)?, records.len())?;
        let rows = 0..records.len() as u32;
        if !rows.is_sorted_by(|&a, &b| names.row(a) < names.row(b)) {
            return Err(columns.damaged("the fields of a segment are not in order"));
        }
        let (places, counts) = places_of(records)
            .ok_or_else(|| columns.damaged("the columns of a segment cannot be counted"))?;
        let numbers = source.section(sections::FIELD_NUMBERS)?;
        if numbers.as_slice_of::<U64>()?.len() != counts.numbers {
            return Err(numbers.damaged("the numbers of its fields do not fit the columns"));
        }
        let keywords = source.section(sections::FIELD_KEYWORDS)?;
        let documents = source.section(sections::FIELD_DOCUMENTS)?;
        if counts.numbers + counts.keywords > documents.len() {
            return Err(documents.damaged("the documents of its fields do not fit the columns"));
        }
        let lists = Csr::open(
            documents.clone(),
            counts.numbers + counts.keywords,
            document_count,
        )?;
        let table = FieldTable {
            names,
            places: places.into(),
            numbers,
            keywords: Strings::open(keywords, counts.keywords)?,
            documents: lists,
        };
        if table.columns().any(|(_, column)| !column.is_in_order()) {
            return Err(columns.damaged("the values of a field are not in order"));
        }
        let is_list = |row| {
            let ordinals = table.documents.row(row);
            ordinals.len() > 0 && ordinals.is_sorted_by(|a, b| a < b)
        };
        if !(0..table.documents.row_count() as u32).all(is_list) {
            return Err(documents.damaged("the documents of a value are not in order"));
        }
        Ok(Some(table))
    }

    /// Names and columns, in the order of the names.
    pub fn columns(&self) -> impl Iterator<Item = (&str, FieldColumn<'_>)> {
        let places = (0u32..).zip(self.places.iter());
        places.map(|(row, &place)| (self.names.row(row), FieldColumn { table: self, place }))
    }

    /// The column of a field; `None` where no document of the segment has a value.
    pub fn column(&self, name: &str) -> Option<FieldColumn<'_>> {
        let (mut lo, mut hi) = (0, self.places.len());
        while lo < hi {
            let middle = lo + (hi - lo) / 2;
            match self.names.row(middle as u32).cmp(name) {
                std::cmp::Ordering::Equal => {
                    let place = *self.places.get(middle)?;
                    return Some(FieldColumn { table: self, place });
                }
                std::cmp::Ordering::Less => lo = middle + 1,
                std::cmp::Ordering::Greater => hi = middle,
            }
        }
        None
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    numbers: usize,
    keywords: usize,
}

/// Where each column is; `None` for types that are none and counts that cannot be.
fn places_of(records: &[ColumnRecord]) -> Option<(Vec<Place>, Counts)> {
    let mut counts = Counts::default();
    let mut places = Vec::with_capacity(records.len());
    for record in records {
        let of = *TYPES.get((record.field_type.get() as usize).checked_sub(1)?)?;
        let values = match of {
            FieldType::Keyword => &mut counts.keywords,
            _ => &mut counts.numbers,
        };
        let first_value = *values;
        *values = values.checked_add(record.value_count.get() as usize)?;
        let rows = counts.numbers.checked_add(counts.keywords)?;
        places.push(Place {
            of,
            first_row: u32::try_from(rows).ok()? - record.value_count.get(),
            value_count: record.value_count.get(),
            first_value: u32::try_from(first_value).ok()?,
        });
    }
    let has_values = places.iter().all(|place| place.value_count > 0);
    has_values.then_some((places, counts))
}

/// One field of a segment: its distinct values, by number from 0, ascending.
#[derive(Debug, Clone, Copy)]
pub struct FieldColumn<'a> {
    table: &'a FieldTable,
    place: Place,
}

impl<'a> FieldColumn<'a> {
    /// The type of the field.
    pub fn field_type(&self) -> FieldType {
        self.place.of
    }

    /// Number of distinct values, 1 or more.
    pub fn value_count(&self) -> u32 {
        self.place.value_count
    }

    /// A value by its number; an empty keyword where there is none.
    pub fn value(&self, number: u32) -> FieldValue {
        match self.key(number) {
            Some(key) => self.place.of.value(key),
            None => FieldValue::Keyword(String::new()),
        }
    }

    pub(crate) fn key(&self, number: u32) -> Option<Key> {
        match self.place.of {
            FieldType::Keyword => self
                .keyword(number)
                .map(|text| Key::Keyword(text.to_owned())),
            _ => self.number(number).map(Key::Number),
        }
    }

    fn row(&self, number: u32) -> Option<u32> {
        (number < self.place.value_count).then(|| self.place.first_row + number)
    }

    fn number(&self, number: u32) -> Option<u64> {
        self.row(number)?;
        let numbers: &[U64] = self.table.numbers.as_slice_of().ok()?;
        let stored = numbers.get((self.place.first_value + number) as usize)?;
        self.place.of.key_of_stored(stored.get())
    }

    fn keyword(&self, number: u32) -> Option<&'a str> {
        self.row(number)?;
        Some(self.table.keywords.row(self.place.first_value + number))
    }

    /// Ordinals of the documents with a value, ascending.
    pub fn documents(&self, number: u32) -> impl ExactSizeIterator<Item = u32> + Clone + use<'a> {
        let row = self.row(number).unwrap_or(u32::MAX);
        self.table.documents.row(row)
    }

    /// Ordinals of the documents with a value of `numbers`, those of one value after those of
    /// another; a document with several of them comes several times.
    pub fn documents_of(
        &self,
        numbers: Range<u32>,
    ) -> impl ExactSizeIterator<Item = u32> + Clone + use<'a> {
        let end = numbers.end.min(self.place.value_count);
        let start = numbers.start.min(end);
        let first = self.place.first_row;
        self.table.documents.rows(first + start..first + end)
    }

    /// The numbers of the values between two bounds.
    pub(crate) fn between(&self, lo: Bound<&Key>, hi: Bound<&Key>) -> Range<u32> {
        let start = match lo {
            Bound::Unbounded => 0,
            Bound::Included(key) => self.count_while(|number| self.compare(number, key).is_lt()),
            Bound::Excluded(key) => self.count_while(|number| self.compare(number, key).is_le()),
        };
        let end = match hi {
            Bound::Unbounded => self.place.value_count,
            Bound::Included(key) => self.count_while(|number| self.compare(number, key).is_le()),
            Bound::Excluded(key) => self.count_while(|number| self.compare(number, key).is_lt()),
        };
        start..end.max(start)
    }

    /// The numbers of the keywords that begin with `prefix`; of none for another type.
    pub(crate) fn beginning_with(&self, prefix: &str) -> Range<u32> {
        if self.place.of != FieldType::Keyword {
            return 0..0;
        }
        let keyword = |number| self.keyword(number).unwrap_or_default();
        let start = self.count_while(|number| keyword(number) < prefix);
        let is_below = |number| {
            let keyword = keyword(number);
            keyword < prefix || keyword.starts_with(prefix)
        };
        start..self.count_while(is_below).max(start)
    }

    fn compare(&self, number: u32, key: &Key) -> std::cmp::Ordering {
        match key {
            Key::Number(key) => self.number(number).cmp(&Some(*key)),
            Key::Keyword(key) => self.keyword(number).cmp(&Some(key)),
        }
    }

    /// How many of the first values pass; those that do come before those that do not.
    fn count_while(&self, passes: impl Fn(u32) -> bool) -> u32 {
        let (mut lo, mut hi) = (0, self.place.value_count);
        while lo < hi {
            let middle = lo + (hi - lo) / 2;
            match passes(middle) {
                true => lo = middle + 1,
                false => hi = middle,
            }
        }
        lo
    }

    /// Whether the values ascend, and are some of the type.
    fn is_in_order(&self) -> bool {
        let numbers = 0..self.place.value_count;
        match self.place.of {
            FieldType::Keyword => numbers.is_sorted_by(|&a, &b| self.keyword(a) < self.keyword(b)),
            _ => {
                numbers.clone().all(|number| self.number(number).is_some())
                    && numbers.is_sorted_by(|&a, &b| self.number(a) < self.number(b))
            }
        }
    }
}

/// Builds what [`FieldTable`] reads.
#[derive(Debug, Default)]
pub struct FieldTableBuilder {
    columns: BTreeMap<String, Column>,
}

#[derive(Debug)]
struct Column {
    of: FieldType,
    documents_of: BTreeMap<Key, Vec<u32>>,
}

impl FieldTableBuilder {
    /// Notes what a document has of the fields of `types`. Ordinals must not descend.
    pub fn push(&mut self, document: &Document, types: &FieldTypes, ordinal: u32) {
        for (name, of, keys) in types.keys(document) {
            for key in keys {
                self.push_key(&name, of, key, ordinal);
            }
        }
    }

    fn push_key(&mut self, name: &str, of: FieldType, key: Key, ordinal: u32) {
        let column = match self.columns.get_mut(name) {
            Some(column) => column,
            None => self.columns.entry(name.to_owned()).or_insert(Column {
                of,
                documents_of: BTreeMap::new(),
            }),
        };
        column.documents_of.entry(key).or_default().push(ordinal);
    }

    /// Notes the columns of a segment, whose documents have the ordinals of `new_ordinal` now, in
    /// the same order and above all that were there; those without one are left out.
    ///
    /// # Errors
    /// `Corrupt` where a field has another type than before.
    pub(crate) fn push_table(
        &mut self,
        table: &FieldTable,
        new_ordinal: impl Fn(u32) -> Option<u32>,
    ) -> Result<()> {
        for (name, column) in table.columns() {
            let of = column.field_type();
            if self.columns.get(name).is_some_and(|known| known.of != of) {
                return Err(Error::corrupt(format!(
                    "field {name:?} has different types in different segments"
                )));
            }
            for number in 0..column.value_count() {
                let ordinals = column.documents(number).filter_map(&new_ordinal);
                let Some(key) = column.key(number) else {
                    continue;
                };
                for ordinal in ordinals {
                    self.push_key(name, of, key.clone(), ordinal);
                }
            }
        }
        Ok(())
    }

    /// The sections, or none when no document has a field.
    ///
    /// # Errors
    /// `Limit` when there are more than 2^32 - 1 values, of one field or of all documents.
    pub fn finish(self) -> Result<Vec<SectionInput<'static>>> {
        if self.columns.is_empty() {
            return Ok(Vec::new());
        }
        let fields = self.columns.len() as u64;
        let names = StringsBuilder::from_iter(self.columns.keys().map(String::as_str));
        let (mut records, mut numbers) = (Vec::new(), Vec::new());
        let (mut keywords, mut keyword_count) = (StringsBuilder::default(), 0);
        let mut documents = CsrBuilder::default();
        for Column { of, documents_of } in self.columns.into_values() {
            let value_count = u32::try_from(documents_of.len())
                .map_err(|_| Error::limit("a field has more than 2^32-1 distinct values"))?;
            let number = TYPES.iter().position(|&known| known == of).unwrap_or(0);
            records.push(ColumnRecord {
                field_type: U32::new(number as u32 + 1),
                value_count: U32::new(value_count),
            });
            for (key, ordinals) in documents_of {
                match key {
                    Key::Number(key) => numbers.push(U64::new(of.stored(key))),
                    Key::Keyword(text) => {
                        keywords.push(&text);
                        keyword_count += 1;
                    }
                }
                documents.push_row(ordinals);
            }
        }
        let number_count = numbers.len() as u64;
        let input = SectionInput::new;
        Ok(vec![
            input(sections::FIELD_NAMES, fields, names.into_bytes()),
            input(sections::FIELD_COLUMNS, fields, records.as_bytes().to_vec()),
            input(
                sections::FIELD_NUMBERS,
                number_count,
                numbers.as_bytes().to_vec(),
            ),
            input(
                sections::FIELD_KEYWORDS,
                keyword_count,
                keywords.into_bytes(),
            ),
            input(
                sections::FIELD_DOCUMENTS,
                number_count + keyword_count,
                documents.into_bytes()?,
            ),
        ])
    }
}

#[cfg(test)]
mod tests;
