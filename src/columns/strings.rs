//! Texts, one per row, in one section.
//!
//! ```text
//!   u64 offset[rows + 1]   into the bytes, first 0, never descending
//!   bytes                  UTF-8
//! ```

use zerocopy::FromBytes;
use zerocopy::IntoBytes;
use zerocopy::little_endian::U64;

use crate::Result;
use crate::store::Section;

/// Row -> text, read in place.
#[derive(Debug, Clone)]
pub struct Strings {
    section: Section,
    row_count: usize,
}

impl Strings {
    /// Reads `row_count` texts. One pass over the section.
    ///
    /// # Errors
    ///
    /// `Corrupt` when the offsets do not fit the section, or a text is not UTF-8.
    pub fn open(section: Section, row_count: usize) -> Result<Self> {
        let strings = Strings { section, row_count };
        let damaged = || strings.section.damaged("a text section has bad offsets");
        let (offsets, bytes) = strings.parts().ok_or_else(damaged)?;
        let ascending = offsets.is_sorted_by_key(|offset| offset.get());
        let starts = offsets.first().map(|first| first.get());
        let ends = offsets.last().map(|last| last.get());
        if !ascending || starts != Some(0) || ends != Some(bytes.len() as u64) {
            return Err(damaged());
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|_| strings.section.damaged("a stored text is not UTF-8"))?;
        if !offsets
            .iter()
            .all(|offset| text.is_char_boundary(offset.get() as usize))
        {
            return Err(damaged());
        }
        Ok(strings)
    }

    fn parts(&self) -> Option<(&[U64], &[u8])> {
        let offset_bytes = self.row_count.checked_add(1)?.checked_mul(8)?;
        let (offsets, bytes) = self.section.split_at_checked(offset_bytes)?;
        Some((<[U64]>::ref_from_bytes(offsets).ok()?, bytes))
    }

    /// Number of texts.
    pub fn row_count(&self) -> usize {
        self.row_count
    }

    /// The text of `row`, or the empty text when there is none.
    pub fn row(&self, row: u32) -> &str {
        let text = || {
            let (offsets, bytes) = self.parts()?;
            let start = offsets.get(row as usize)?.get() as usize;
            let end = offsets.get(row as usize + 1)?.get() as usize;
            std::str::from_utf8(bytes.get(start..end)?).ok()
        };
        text().unwrap_or("")
    }
}

/// Builds the section that [`Strings`] reads.
#[derive(Debug, Default)]
pub struct StringsBuilder {
    offsets: Vec<U64>,
    bytes: Vec<u8>,
}

impl StringsBuilder {
    /// Appends one text.
    pub fn push(&mut self, text: &str) {
        self.offsets.push(U64::new(self.bytes.len() as u64));
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// The section's bytes.
    pub fn into_bytes(mut self) -> Vec<u8> {
        self.offsets.push(U64::new(self.bytes.len() as u64));
        let mut bytes = self.offsets.as_bytes().to_vec();
        bytes.append(&mut self.bytes);
        bytes
    }
}

impl<'a> FromIterator<&'a str> for StringsBuilder {
    fn from_iter<I: IntoIterator<Item = &'a str>>(texts: I) -> Self {
        let mut builder = StringsBuilder::default();
        texts.into_iter().for_each(|text| builder.push(text));
        builder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_as_pushed() {
        let texts = ["", "wing", "Grüße", ""];
        let bytes = StringsBuilder::from_iter(texts).into_bytes();
        let strings = Strings::open(Section::for_test(bytes), 4).unwrap();
        assert_eq!(
            (0..4).map(|row| strings.row(row)).collect::<Vec<_>>(),
            texts
        );
        assert_eq!(strings.row(4), "");
    }

    #[test]
    fn damaged_texts_are_refused() {
        // ZF-CV-05, ZF-CO-02
        let bytes = StringsBuilder::from_iter(["wing", "ü"]).into_bytes();
        assert!(
            Strings::open(Section::for_test(bytes.clone()), 3).is_err(),
            "too few offsets"
        );
        assert!(
            Strings::open(Section::for_test(bytes[..bytes.len() - 1].to_vec()), 2).is_err(),
            "cut"
        );
        let mut split = bytes.clone();
        split[8] = 5;
        assert!(
            Strings::open(Section::for_test(split), 2).is_err(),
            "inside a character"
        );
        let mut invalid = bytes;
        *invalid.last_mut().unwrap() = 0xFF;
        assert!(
            Strings::open(Section::for_test(invalid), 2).is_err(),
            "not UTF-8"
        );
    }
}
