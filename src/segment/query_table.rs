//! Pseudo-queries that a language model wrote for the documents of a segment, and how.
//!
//! They are worth hours of computing and can be made again, so they are kept with the segment in
//! an extent that a reader may leave unopened and a writer may drop, unless their words are searched
//! (`expansion`).
//!
//! - I1. A document has a writer if a model was asked for its queries, also when none of them
//!   was good enough to be kept.

mod expansion;

pub(crate) use expansion::Expansion;

use serde::{Deserialize, Serialize};
use zerocopy::IntoBytes;
use zerocopy::little_endian::U32;

use crate::columns::{Csr, CsrBuilder, SectionSource, Strings, StringsBuilder};
use crate::format::SectionInput;
use crate::format::sections::queries::{
    DOCUMENT_QUERIES, DOCUMENT_WRITERS, QUERY_TEXTS, QUERY_WRITERS,
};
use crate::generate::language::PromptStyle;
use crate::language::Sampling;
use crate::lexicon::Analyser;
use crate::store::Section;
use crate::{Error, Result};

/// Everything that decides which queries a document gets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueryWriterRecord {
    /// The model's name.
    pub model: String,
    /// Identifies the model.
    pub fingerprint: String,
    /// How it was asked.
    pub style: PromptStyle,
    /// Version of the wording around instruction and document.
    pub prompt_version: u32,
    /// The task it was told.
    pub instruction: String,
    /// Queries asked for per document.
    pub per_document: usize,
    /// How tokens were drawn, with the seed.
    pub sampling: Sampling,
    /// Most tokens of a query.
    pub max_new_tokens: usize,
}

impl QueryWriterRecord {
    pub(crate) fn to_json(&self) -> Result<String> {
        serde_json::to_string(self)
            .map_err(|error| Error::invalid(format!("the record of a query writer: {error}")))
    }
}

/// What was written for one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrittenQueries {
    /// JSON of a [`QueryWriterRecord`].
    pub(crate) writer: String,
    pub(crate) queries: Vec<String>,
}

/// The queries of a segment, read in place.
#[derive(Debug, Clone)]
pub(crate) struct QueryTable {
    writers: Strings,
    texts: Strings,
    rows: Csr,
    writer_of: Section,
}

impl QueryTable {
    /// Reads the sections of a segment of `document_count` documents.
    pub(crate) fn open(source: &dyn SectionSource, document_count: u32) -> Result<QueryTable> {
        let counted = |kind| {
            let section = source.section(kind)?;
            let count = u32::try_from(section.entry_count())
                .map_err(|_| section.damaged("a segment has more queries than can be"))?;
            Ok::<_, Error>((section, count))
        };
        let (writers, writer_count) = counted(QUERY_WRITERS)?;
        let (texts, text_count) = counted(QUERY_TEXTS)?;
        let rows = source.section(DOCUMENT_QUERIES)?;
        let writer_of = source.section(DOCUMENT_WRITERS)?;
        let numbers: &[U32] = writer_of.as_slice_of()?;
        let fits = numbers.len() == document_count as usize
            && numbers.iter().all(|number| number.get() <= writer_count);
        if !fits {
            return Err(writer_of.damaged("the writers of queries do not fit their segment"));
        }
        Ok(QueryTable {
            writers: Strings::open(writers, writer_count as usize)?,
            texts: Strings::open(texts, text_count as usize)?,
            rows: Csr::open(rows, document_count as usize, text_count)?,
            writer_of,
        })
    }

    /// What was written for a document, if a model was asked.
    pub(crate) fn written(&self, ordinal: u32) -> Option<WrittenQueries> {
        let numbers: &[U32] = self.writer_of.as_slice_of().ok()?;
        let number = numbers.get(ordinal as usize)?.get().checked_sub(1)?;
        Some(WrittenQueries {
            writer: self.writers.row(number).to_owned(),
            queries: self.queries(ordinal).map(str::to_owned).collect(),
        })
    }

    /// The queries of a document.
    pub(crate) fn queries(&self, ordinal: u32) -> impl Iterator<Item = &str> {
        self.rows.row(ordinal).map(|row| self.texts.row(row))
    }
}

/// The sections of a segment whose documents have these queries, in order of ordinal; `None` when
/// no model was asked for any. `expansion` is what makes terms of them, where these are searched.
pub(crate) fn query_sections(
    documents: &[Option<WrittenQueries>],
    expansion: Option<Analyser>,
) -> Result<Option<Vec<SectionInput<'static>>>> {
    let mut writers: Vec<&str> = Vec::new();
    let mut texts = StringsBuilder::default();
    let mut rows = CsrBuilder::default();
    let mut writer_of = Vec::with_capacity(documents.len());
    let mut count = 0u32;
    for document in documents {
        let Some(document) = document else {
            rows.push_row([]);
            writer_of.push(U32::new(0));
            continue;
        };
        let known = writers.iter().position(|writer| *writer == document.writer);
        let number = known.unwrap_or_else(|| {
            writers.push(&document.writer);
            writers.len() - 1
        });
        writer_of.push(U32::new(u32::try_from(number + 1).unwrap_or(u32::MAX)));
        let first = count;
        for query in &document.queries {
            texts.push(query);
            count = count.checked_add(1).ok_or_else(|| {
                Error::limit("a segment has more than 2^32-1 queries: write fewer per document")
            })?;
        }
        rows.push_row(first..count);
    }
    if writers.is_empty() {
        return Ok(None);
    }
    let mut writer_texts = StringsBuilder::default();
    writers.iter().for_each(|writer| writer_texts.push(writer));
    let n = documents.len() as u64;
    let mut sections = vec![
        SectionInput::new(
            QUERY_WRITERS,
            writers.len() as u64,
            writer_texts.into_bytes(),
        ),
        SectionInput::new(QUERY_TEXTS, u64::from(count), texts.into_bytes()),
        SectionInput::new(DOCUMENT_QUERIES, n, rows.into_bytes()?),
        SectionInput::new(DOCUMENT_WRITERS, n, writer_of.as_bytes().to_vec()),
    ];
    if let Some(analyser) = expansion {
        let queries = documents.iter().map(|document| match document {
            Some(document) => document.queries.as_slice(),
            None => &[],
        });
        sections.extend(expansion::sections(queries, analyser)?);
    }
    Ok(Some(sections))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::MemorySections;

    fn written(writer: &str, queries: &[&str]) -> Option<WrittenQueries> {
        Some(WrittenQueries {
            writer: writer.into(),
            queries: queries.iter().map(|query| (*query).to_owned()).collect(),
        })
    }

    #[test]
    fn what_is_written_is_read() {
        let documents = [
            written("a", &["one", "two"]),
            None,
            written("b", &[]),
            written("a", &["three"]),
        ];
        let sections = query_sections(&documents, None).unwrap().unwrap();
        let table = QueryTable::open(&MemorySections::new(&sections).unwrap(), 4).unwrap();
        for (ordinal, document) in (0..).zip(&documents) {
            assert_eq!(table.written(ordinal), *document);
        }
        assert_eq!(table.queries(0).collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(table.written(4), None);
        assert!(query_sections(&[None, None], None).unwrap().is_none());
    }

    #[test]
    fn misfits_are_refused() {
        let sections = query_sections(&[written("a", &["one"])], None)
            .unwrap()
            .unwrap();
        let source = MemorySections::new(&sections).unwrap();
        assert!(QueryTable::open(&source, 2).unwrap_err().is_corrupt());
        for (which, bytes) in [(3, 2u32), (2, 9)] {
            let mut damaged = sections.clone();
            let section = &mut damaged[which];
            let mut body = section.bytes.to_vec();
            let end = body.len() - 4;
            body[end..].copy_from_slice(&bytes.to_le_bytes());
            section.bytes = body.into();
            let source = MemorySections::new(&damaged).unwrap();
            assert!(
                QueryTable::open(&source, 1).unwrap_err().is_corrupt(),
                "{which}"
            );
        }
    }
}
