//! Texts, one per row, in one section: [`ByteRows`] of UTF-8.

use super::byte_rows::{ByteRows, ByteRowsBuilder};
use crate::store::Section;
use crate::{Error, Result};

/// Row -> text, read in place.
#[derive(Debug, Clone)]
pub struct Strings(ByteRows);

impl Strings {
    /// Reads `row_count` texts. One pass over the section.
    pub fn open(section: Section, row_count: usize) -> Result<Self> {
        let rows = ByteRows::open(section, row_count)?;
        let (offsets, bytes) = rows.parts().unwrap_or_default();
        let text =
            std::str::from_utf8(bytes).map_err(|_| Error::corrupt("a stored text is not UTF-8"))?;
        if !offsets
            .iter()
            .all(|offset| text.is_char_boundary(offset.get() as usize))
        {
            return Err(Error::corrupt("a stored text begins inside a character"));
        }
        Ok(Strings(rows))
    }

    /// Number of texts.
    pub fn row_count(&self) -> usize {
        self.0.row_count()
    }

    /// The text of `row`, or the empty text when there is none.
    pub fn row(&self, row: u32) -> &str {
        std::str::from_utf8(self.0.row(row)).unwrap_or("")
    }
}

/// Builds the section that [`Strings`] reads.
#[derive(Debug, Default)]
pub struct StringsBuilder(ByteRowsBuilder);

impl StringsBuilder {
    /// Appends one text.
    pub fn push(&mut self, text: &str) {
        self.0.push(text.as_bytes());
    }

    /// The section's bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
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
