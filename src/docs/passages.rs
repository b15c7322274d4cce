//! The passages of a segment's documents: how many each has, and where in its text they are.
//!
//! ```text
//!   document   0        1                  2
//!   passage    0        1   2   3          4        the numbers of all that is kept per passage
//!              whole    0.. 812.. 1604..   whole    bytes, characters, headings
//! ```
//!
//! The bytes are in `format-spec/bodies.md`, section 2.4.
//!
//! - I1. Every document has a passage; the passages of a document have numbers side by side, in the
//!   order of the text.
//! - I2. Where every document is one passage nothing is stored: a passage has the number of its
//!   document.

use std::ops::Range;
use std::sync::Arc;

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::sections;
use crate::columns::{SectionSource, Strings, StringsBuilder};
use crate::format::SectionInput;
use crate::passages::Passage;
use crate::store::Section;
use crate::{Error, Result};

/// Between the headings of a path; no heading has one, for it is a line.
const HEADING_SEPARATOR: char = '\n';

/// Where a passage is, as it is stored.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
struct PlaceRow {
    start_bytes: U32,
    end_bytes: U32,
    start_chars: U32,
    end_chars: U32,
}

impl PlaceRow {
    /// The one passage of a document that is not cut.
    const WHOLE: PlaceRow = PlaceRow {
        start_bytes: U32::ZERO,
        end_bytes: U32::MAX_VALUE,
        start_chars: U32::ZERO,
        end_chars: U32::MAX_VALUE,
    };

    fn is_whole(self) -> bool {
        self == PlaceRow::WHOLE
    }

    fn of(passage: &Passage) -> Result<Self> {
        let number = |value: usize| {
            u32::try_from(value)
                .ok()
                .filter(|&value| value < u32::MAX)
                .map(U32::new)
                .ok_or_else(|| Error::limit("a document has more than 4 GiB of text: split it"))
        };
        Ok(PlaceRow {
            start_bytes: number(passage.bytes.start)?,
            end_bytes: number(passage.bytes.end)?,
            start_chars: number(passage.chars.start)?,
            end_chars: number(passage.chars.end)?,
        })
    }
}

/// Which passages a segment's documents have, read in place.
#[derive(Debug, Clone)]
pub struct PassageTable {
    document_count: u32,
    /// `None`: every document is one passage.
    cut: Option<CutDocuments>,
}

#[derive(Debug, Clone)]
struct CutDocuments {
    /// By ordinal: the first passage; one more, at the end, for the number of all.
    firsts: Section,
    places: Section,
    headings: Option<Strings>,
    /// By passage.
    document_of: Arc<[u32]>,
}

impl PassageTable {
    /// Reads the table of a segment of `document_count` documents.
    ///
    /// # Errors
    ///
    /// `Corrupt` when a section is damaged or does not fit the others; `UnsupportedVersion` when its
    /// encoding is not known; `Io` when it cannot be read.
    pub fn open(source: &dyn SectionSource, document_count: usize) -> Result<Self> {
        let count = u32::try_from(document_count).map_err(|_| {
            Error::corrupt("a segment has more documents than can be: build the index again")
        })?;
        let mut table = PassageTable {
            document_count: count,
            cut: None,
        };
        let Some(firsts) = source.find(sections::DOCUMENT_PASSAGES)? else {
            return Ok(table);
        };
        let places = source.section(sections::PASSAGE_PLACES)?;
        let rows: &[PlaceRow] = places.as_slice_of()?;
        let bounds: &[U32] = firsts.as_slice_of()?;
        let ends_right = bounds.len() == document_count + 1
            && bounds.first().is_some_and(|first| first.get() == 0)
            && bounds.last().map(|last| last.get() as usize) == Some(rows.len());
        if !ends_right || !bounds.is_sorted_by(|a, b| a.get() < b.get()) {
            return Err(firsts.damaged("the passages of its documents do not follow each other"));
        }
        let mut document_of = Vec::with_capacity(rows.len());
        for (ordinal, pair) in (0u32..).zip(bounds.windows(2)) {
            let &[first, end] = pair else { continue };
            document_of.resize(end.get() as usize, ordinal);
            let own = rows.get(first.get() as usize..end.get() as usize);
            let own = own.unwrap_or(&[]);
            let follow = |one: &PlaceRow, next: &PlaceRow| {
                one.end_bytes.get() <= next.start_bytes.get()
                    && one.end_chars.get() <= next.start_chars.get()
            };
            let is_ordered = match own {
                [one] => one.is_whole(),
                _ => own.iter().all(is_ascending) && own.is_sorted_by(follow),
            };
            if !is_ordered {
                return Err(places.damaged("a passage is not behind the one before it"));
            }
        }
        let headings = match source.find(sections::PASSAGE_HEADINGS)? {
            Some(section) => Some(Strings::open(section, rows.len())?),
            None => None,
        };
        table.cut = Some(CutDocuments {
            firsts,
            places,
            headings,
            document_of: document_of.into(),
        });
        Ok(table)
    }

    /// Number of passages of all documents.
    pub fn count(&self) -> u32 {
        match &self.cut {
            Some(cut) => cut.document_of.len() as u32,
            None => self.document_count,
        }
    }

    /// Whether any document has several passages, or may have.
    pub fn is_cut(&self) -> bool {
        self.cut.is_some()
    }

    /// The ordinal of the document that a passage belongs to.
    pub fn document_of(&self, passage: u32) -> u32 {
        match &self.cut {
            // Past the end is no document, as `passage` is no passage.
            Some(cut) => {
                let found = cut.document_of.get(passage as usize).copied();
                found.unwrap_or(self.document_count)
            }
            None => passage,
        }
    }

    /// The passages of a document.
    pub fn of(&self, ordinal: u32) -> Range<u32> {
        let Some(cut) = &self.cut else {
            return ordinal..ordinal.saturating_add(1);
        };
        let bounds: &[U32] = cut.firsts.as_slice_of().unwrap_or(&[]);
        let bound = |index: usize| bounds.get(index).map_or(0, |bound| bound.get());
        bound(ordinal as usize)..bound((ordinal as usize).saturating_add(1))
    }

    /// Where a passage is in its document's text; `None` for all of it.
    pub fn place(&self, passage: u32) -> Option<Passage> {
        let cut = self.cut.as_ref()?;
        let rows: &[PlaceRow] = cut.places.as_slice_of().ok()?;
        let row = rows.get(passage as usize).filter(|row| !row.is_whole())?;
        let headings = cut.headings.as_ref().map_or("", |all| all.row(passage));
        let path = headings.split(HEADING_SEPARATOR);
        Some(Passage {
            bytes: row.start_bytes.get() as usize..row.end_bytes.get() as usize,
            chars: row.start_chars.get() as usize..row.end_chars.get() as usize,
            headings: path
                .filter(|heading| !heading.is_empty())
                .map(str::to_owned)
                .collect(),
        })
    }

    /// The passages of a document by their places; empty where it is one.
    pub fn places(&self, ordinal: u32) -> Vec<Passage> {
        self.of(ordinal)
            .filter_map(|passage| self.place(passage))
            .collect()
    }

    /// Checks the places of a document's passages against its text.
    ///
    /// # Errors
    ///
    /// `Corrupt` when one is not in the text, begins or ends inside a character, or when words are
    /// in none (ZF-PS-03, ZF-PS-04).
    pub(crate) fn check(&self, ordinal: u32, text: &str) -> Result<()> {
        let misplaced =
            || Error::corrupt("the passages of a document are not where its text has them");
        let places = self.places(ordinal);
        let is_cut = !places.is_empty();
        let mut counted = (0, 0);
        for passage in places {
            let Range { start, end } = passage.bytes;
            let parts = text.get(counted.0..start).zip(text.get(start..end));
            let (gap, own) = parts.ok_or_else(misplaced)?;
            let first = counted.1 + gap.chars().count();
            let chars = first..first + own.chars().count();
            if passage.chars != chars || !gap.trim().is_empty() {
                return Err(misplaced());
            }
            counted = (end, chars.end);
        }
        let rest = text.get(counted.0..).unwrap_or("");
        match is_cut && !rest.trim().is_empty() {
            true => Err(misplaced()),
            false => Ok(()),
        }
    }
}

fn is_ascending(row: &PlaceRow) -> bool {
    let is_range = |start: U32, end: U32| start.get() < end.get() && end != U32::MAX_VALUE;
    is_range(row.start_bytes, row.end_bytes) && is_range(row.start_chars, row.end_chars)
}

/// Builds the sections that [`PassageTable`] reads.
#[derive(Debug, Default)]
pub struct PassageTableBuilder {
    firsts: Vec<U32>,
    places: Vec<PlaceRow>,
    headings: StringsBuilder,
    has_headings: bool,
    is_cut: bool,
}

impl PassageTableBuilder {
    /// Appends the passages of a document; none or one that is all of it are the same.
    ///
    /// # Errors
    ///
    /// `Limit` for a text of more than 4 GiB, and for more passages than a segment can have
    /// (ZF-LI-14).
    pub fn push(&mut self, passages: &[Passage]) -> Result<()> {
        let end = self.places.len().saturating_add(passages.len().max(1));
        if u32::try_from(end).is_err() {
            return Err(Error::limit(
                "a segment holds at most 4,294,967,295 passages: commit more often",
            ));
        }
        self.firsts.push(U32::new(self.count()));
        if passages.len() < 2 {
            self.places.push(PlaceRow::WHOLE);
            self.headings.push("");
            return Ok(());
        }
        self.is_cut = true;
        for passage in passages {
            self.places.push(PlaceRow::of(passage)?);
            self.has_headings |= !passage.headings.is_empty();
            let separator = HEADING_SEPARATOR.to_string();
            self.headings.push(&passage.headings.join(&separator));
        }
        Ok(())
    }

    /// Passages so far.
    pub fn count(&self) -> u32 {
        self.places.len() as u32
    }

    /// The sections; none where no document is cut.
    pub fn finish(mut self) -> Vec<SectionInput<'static>> {
        if !self.is_cut {
            return Vec::new();
        }
        let (documents, passages) = (self.firsts.len() as u64, self.places.len() as u64);
        self.firsts.push(U32::new(self.count()));
        let mut list = vec![
            SectionInput::new(
                sections::DOCUMENT_PASSAGES,
                documents,
                self.firsts.as_bytes().to_vec(),
            ),
            SectionInput::new(
                sections::PASSAGE_PLACES,
                passages,
                self.places.as_bytes().to_vec(),
            ),
        ];
        if self.has_headings {
            let kind = sections::PASSAGE_HEADINGS;
            list.push(SectionInput::new(
                kind,
                passages,
                self.headings.into_bytes(),
            ));
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::MemorySections;

    fn passage(bytes: Range<usize>, chars: Range<usize>, headings: &[&str]) -> Passage {
        Passage {
            bytes,
            chars,
            headings: headings.iter().map(|one| (*one).to_owned()).collect(),
        }
    }

    fn built() -> Vec<SectionInput<'static>> {
        let mut builder = PassageTableBuilder::default();
        builder.push(&[]).unwrap();
        let cut = [
            passage(0..4, 0..3, &[]),
            passage(5..9, 4..8, &["Guide", "Use"]),
        ];
        builder.push(&cut).unwrap();
        builder.push(&[passage(0..7, 0..7, &[])]).unwrap();
        builder.finish()
    }

    fn opened(sections: &[SectionInput<'_>], documents: usize) -> Result<PassageTable> {
        PassageTable::open(&MemorySections::new(sections).unwrap(), documents)
    }

    #[test]
    fn documents_lead_to_passages_and_back() {
        let table = opened(&built(), 3).unwrap();
        assert_eq!((table.count(), table.is_cut()), (4, true));
        assert_eq!(
            [0, 1, 2].map(|ordinal| table.of(ordinal)),
            [0..1, 1..3, 3..4]
        );
        assert_eq!(
            [0, 1, 2, 3, 4].map(|one| table.document_of(one)),
            [0, 1, 1, 2, 3]
        );
        assert_eq!(table.place(0), None);
        assert_eq!(table.place(2), Some(passage(5..9, 4..8, &["Guide", "Use"])));
        assert_eq!(table.places(1).len(), 2);
        assert!(table.places(2).is_empty(), "all of it");
        assert!(table.of(7).is_empty());
        table.check(1, "aäb cdef").unwrap();
        for other in ["abcd efgh", "aä", "aäb cdefg", "aäb-cdef"] {
            assert!(table.check(1, other).unwrap_err().is_corrupt(), "{other:?}");
        }
    }

    #[test]
    fn nothing_is_stored_where_every_document_is_one_passage() {
        let mut builder = PassageTableBuilder::default();
        builder.push(&[passage(0..7, 0..7, &[])]).unwrap();
        builder.push(&[]).unwrap();
        assert!(builder.finish().is_empty());
        let table = opened(&[], 2).unwrap();
        assert_eq!((table.count(), table.is_cut()), (2, false));
        assert_eq!((table.of(1), table.document_of(1)), (1..2, 1));
        assert_eq!(table.place(1), None);
    }

    #[test]
    fn damaged_tables_are_refused() {
        let sound = built();
        assert!(opened(&sound, 2).unwrap_err().is_corrupt());
        assert!(opened(&sound[..1], 3).unwrap_err().is_corrupt());
        let damaged = |section: usize, at: usize, value: u8| {
            let mut sections = built();
            sections[section].bytes.to_mut()[at] = value;
            opened(&sections, 3).unwrap_err().is_corrupt()
        };
        assert!(damaged(0, 0, 1), "does not begin at the first");
        assert!(damaged(0, 4, 0), "a document without a passage");
        assert!(damaged(0, 8, 9), "passages that are not there");
        assert!(damaged(1, 2 * 16, 3), "passages that overlap");
        assert!(damaged(1, 16, 4), "an empty passage");
        assert!(damaged(1, 3 * 16 + 4, 0), "a whole one that ends");
    }
}
