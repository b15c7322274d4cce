//! Tags of one segment: which documents carry which label, so that filtering unpacks nothing.

use std::collections::BTreeMap;

use super::sections;
use crate::Result;
use crate::columns::{Csr, CsrBuilder, SectionSource, Strings, StringsBuilder};
use crate::format::SectionInput;

/// Tag -> documents, read in place.
#[derive(Debug, Clone)]
pub struct TagTable {
    names: Strings,
    documents: Csr,
}

impl TagTable {
    /// Reads the tags of a segment of `document_count` documents; `None` when it has none.
    ///
    /// # Errors
    /// `Corrupt` when the names do not ascend or a list points outside the segment.
    pub fn open(source: &dyn SectionSource, document_count: u32) -> Result<Option<Self>> {
        let Some(names) = source.find(sections::TAG_NAMES)? else {
            return Ok(None);
        };
        let tag_count = usize::try_from(names.entry_count())
            .ok()
            .filter(|&count| count <= names.len())
            .ok_or_else(|| names.damaged("the tags of a segment cannot be counted"))?;
        let section = names;
        let names = Strings::open(section.clone(), tag_count)?;
        let rows = 0..tag_count as u32;
        if !rows.is_sorted_by(|&a, &b| names.row(a) < names.row(b)) {
            return Err(section.damaged("the tags of a segment are not in order"));
        }
        let documents = Csr::open(
            source.section(sections::TAG_DOCUMENTS)?,
            tag_count,
            document_count,
        )?;
        Ok(Some(TagTable { names, documents }))
    }

    /// Ordinals of the documents that carry `tag`, ascending.
    pub fn documents<'a>(&'a self, tag: &str) -> impl Iterator<Item = u32> + use<'a> {
        let row = self.row_of(tag);
        row.into_iter().flat_map(|row| self.documents.row(row))
    }

    fn row_of(&self, tag: &str) -> Option<u32> {
        let (mut lo, mut hi) = (0, self.names.row_count() as u32);
        while lo < hi {
            let middle = lo + (hi - lo) / 2;
            match self.names.row(middle).cmp(tag) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => lo = middle + 1,
                std::cmp::Ordering::Greater => hi = middle,
            }
        }
        None
    }

    /// Every tag with the ordinals that carry it.
    pub fn iter(&self) -> impl Iterator<Item = (&str, impl Iterator<Item = u32> + '_)> {
        (0..self.names.row_count() as u32).map(|row| (self.names.row(row), self.documents.row(row)))
    }
}

/// Builds what [`TagTable`] reads.
#[derive(Debug, Default)]
pub struct TagTableBuilder {
    documents_of: BTreeMap<String, Vec<u32>>,
}

impl TagTableBuilder {
    /// Notes that a document carries `tag`. Ordinals must not descend within a tag.
    pub fn push(&mut self, tag: &str, ordinal: u32) {
        match self.documents_of.get_mut(tag) {
            Some(ordinals) if ordinals.last() == Some(&ordinal) => {}
            Some(ordinals) => ordinals.push(ordinal),
            None => {
                self.documents_of.insert(tag.to_owned(), vec![ordinal]);
            }
        }
    }

    /// The two sections, or none when no document has a tag.
    ///
    /// # Errors
    ///
    /// `Limit` when the tags of all documents together are more than 2^32 - 1.
    pub fn finish(self) -> Result<Vec<SectionInput<'static>>> {
        if self.documents_of.is_empty() {
            return Ok(Vec::new());
        }
        let count = self.documents_of.len() as u64;
        let names = StringsBuilder::from_iter(self.documents_of.keys().map(String::as_str));
        let mut documents = CsrBuilder::default();
        for ordinals in self.documents_of.into_values() {
            documents.push_row(ordinals);
        }
        Ok(vec![
            SectionInput::new(sections::TAG_NAMES, count, names.into_bytes()),
            SectionInput::new(sections::TAG_DOCUMENTS, count, documents.into_bytes()?),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::MemorySections;

    #[test]
    fn every_tag_leads_to_its_documents() {
        let mut builder = TagTableBuilder::default();
        for (tag, ordinal) in [("b", 0), ("a", 1), ("b", 1), ("b", 1), ("ü", 3)] {
            builder.push(tag, ordinal);
        }
        let sections = MemorySections::new(&builder.finish().unwrap()).unwrap();
        let table = TagTable::open(&sections, 4).unwrap().unwrap();
        let documents = |tag| table.documents(tag).collect::<Vec<_>>();
        assert_eq!(documents("a"), [1]);
        assert_eq!(documents("b"), [0, 1]);
        assert_eq!(documents("ü"), [3]);
        assert!(documents("c").is_empty());
        assert_eq!(table.iter().count(), 3);
        assert!(TagTable::open(&sections, 3).unwrap_err().is_corrupt());
    }

    #[test]
    fn no_tags_no_sections() {
        assert!(TagTableBuilder::default().finish().unwrap().is_empty());
        let none = MemorySections::default();
        assert!(TagTable::open(&none, 4).unwrap().is_none());
    }
}
