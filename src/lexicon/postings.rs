//! The postings of one term: which documents contain it, and how often.
//!
//! ```text
//!   varint documents
//!   per document, ascending:
//!     varint 2 * gap + 1            the term occurs once
//!     varint 2 * gap, varint count  the term occurs `count` times
//! ```
//!
//! A *gap* is the number of ordinals skipped since the document before (since -1 for the first),
//! so ordinals cannot but ascend. A *varint* is a number in base 128, the lowest seven bits first,
//! with the high bit set on all bytes but the last (LEB128). Most terms occur once in a document
//! that has them, and then one byte says it all.
//!
//! Invariant: whatever the bytes, reading ends, panics never, and gives only ordinals below the
//! bound, each once, with counts of at least 1; or it is an error.

use crate::{Error, Result};

/// Bytes of the longest varint that is read: seven bits each, 35 in all.
const MAX_VARINT_BYTES: usize = 5;

/// Writes the postings of one term, without their number.
#[derive(Debug, Default, Clone)]
pub(super) struct PostingsWriter {
    documents: u32,
    next_ordinal: u32,
    bytes: Vec<u8>,
}

impl PostingsWriter {
    /// Appends a document; ordinals must ascend and `count` be at least 1.
    pub(super) fn push(&mut self, ordinal: u32, count: u32) {
        let gap = u64::from(ordinal.saturating_sub(self.next_ordinal));
        if count == 1 {
            write_varint(&mut self.bytes, gap << 1 | 1);
        } else {
            write_varint(&mut self.bytes, gap << 1);
            write_varint(&mut self.bytes, u64::from(count));
        }
        self.documents += 1;
        self.next_ordinal = ordinal.saturating_add(1);
    }

    /// True when no document was pushed.
    pub(super) fn is_empty(&self) -> bool {
        self.documents == 0
    }

    /// Appends the postings to `list`.
    pub(super) fn finish(&self, list: &mut Vec<u8>) {
        write_varint(list, u64::from(self.documents));
        list.extend_from_slice(&self.bytes);
    }
}

/// The postings of one term, not yet trusted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Postings<'a> {
    documents: u32,
    rest: &'a [u8],
    document_bound: u32,
}

impl<'a> Postings<'a> {
    /// Reads the postings at the start of `bytes`; ordinals have to be below `document_bound`.
    pub(super) fn open(bytes: &'a [u8], document_bound: u32) -> Result<Self> {
        let mut rest = bytes;
        let documents = read_varint(&mut rest).ok_or_else(damaged)?;
        let documents = u32::try_from(documents)
            .ok()
            .filter(|documents| (1..=document_bound).contains(documents))
            .ok_or_else(damaged)?;
        Ok(Postings {
            documents,
            rest,
            document_bound,
        })
    }

    /// How many documents contain the term, deleted ones included.
    pub(crate) fn document_count(&self) -> u32 {
        self.documents
    }

    /// Calls `each` with the ordinal of every document that contains the term, ascending, and how
    /// often it does.
    pub(crate) fn for_each(&self, each: impl FnMut(u32, u32)) -> Result<()> {
        self.read(each).map(drop)
    }

    /// [`Postings::for_each`]; returns the bytes that follow.
    pub(super) fn read(&self, mut each: impl FnMut(u32, u32)) -> Result<&'a [u8]> {
        let mut rest = self.rest;
        let mut next_ordinal = 0u64;
        for _ in 0..self.documents {
            let coded = read_varint(&mut rest).ok_or_else(damaged)?;
            let ordinal = u32::try_from(next_ordinal + (coded >> 1))
                .ok()
                .filter(|&ordinal| ordinal < self.document_bound)
                .ok_or_else(damaged)?;
            next_ordinal = u64::from(ordinal) + 1;
            let count = match coded & 1 {
                1 => Some(1),
                _ => read_varint(&mut rest).and_then(|count| u32::try_from(count).ok()),
            };
            each(
                ordinal,
                count.filter(|&count| count > 0).ok_or_else(damaged)?,
            );
        }
        Ok(rest)
    }
}

fn damaged() -> Error {
    Error::corrupt("the postings of a term have the right checksum and are none")
}

fn write_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[inline]
fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for place in 0..MAX_VARINT_BYTES {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7F) << (7 * place);
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn written(postings: &BTreeMap<u32, u32>) -> Vec<u8> {
        let mut writer = PostingsWriter::default();
        postings
            .iter()
            .for_each(|(&ordinal, &count)| writer.push(ordinal, count));
        assert_eq!(writer.is_empty(), postings.is_empty());
        let mut list = Vec::new();
        writer.finish(&mut list);
        list
    }

    fn read(row: &[u8], bound: u32) -> Result<Vec<(u32, u32)>> {
        let mut list = Vec::new();
        Postings::open(row, bound)?.read(|ordinal, count| list.push((ordinal, count)))?;
        Ok(list)
    }

    #[test]
    fn a_word_that_occurs_once_takes_a_byte() {
        let row = written(&BTreeMap::from([(3, 1), (4, 1), (70, 2)]));
        assert_eq!(row, [3, 7, 1, 130, 1, 2]);
        assert_eq!(read(&row, 71).unwrap(), [(3, 1), (4, 1), (70, 2)]);
        assert!(read(&row, 70).unwrap_err().is_corrupt());
        assert!(
            read(&written(&BTreeMap::new()), 70).is_err(),
            "no term without documents"
        );
    }

    proptest! {
        #[test]
        fn postings_come_back_as_pushed(
            postings in prop::collection::btree_map(
                prop_oneof![0u32..300, any::<u32>().prop_map(|number| number.min(u32::MAX - 1))],
                prop_oneof![Just(1u32), 1u32..5, 1..=u32::MAX], 1..50)
        ) {
            let row = written(&postings);
            prop_assert_eq!(read(&row, u32::MAX).unwrap(), postings.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn other_bytes_are_postings_within_bounds_or_an_error(
            row in prop::collection::vec(prop_oneof![0u8..8, any::<u8>()], 0..40)
        ) {
            if let Ok(list) = read(&row, 50) {
                prop_assert!(list.is_sorted_by(|a, b| a.0 < b.0));
                prop_assert!(list.iter().all(|&(ordinal, count)| ordinal < 50 && count > 0));
            }
        }
    }
}
