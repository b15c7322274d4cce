//! Having a language model write pseudo-queries for the documents of an index.
//!
//! ```text
//!   documents without queries of this writer ─► chunks ─► model ─► kept in memory
//!                                                                     │ when they are many
//!                                                                     ▼
//!                                                     commit: one extent per segment
//! ```
//!
//! - I1. What is committed stays: a process that is killed loses what came since the last commit,
//!   which is at most [`LEAST_PER_COMMIT`] documents or a sixteenth of all done, whichever is
//!   more; the next call goes on behind it. A commit writes the queries of a segment anew, so
//!   ever larger steps keep the work in all proportional to the queries.
//! - I2. The queries of a document do not depend on where an earlier call was stopped, up to the
//!   generator's documented noise.

use serde::Serialize;

use super::commit::Draft;
use super::handle::Index;
use crate::generate::language::{LanguageQueryOptions, PROMPT_VERSION, QueryWriter};
use crate::language::TextGenerator;
use crate::segment::{
    Progress, ProgressFn, QueryTable, QueryWriterRecord, Stage, WrittenQueries, check_number,
    query_sections,
};
use crate::{Document, Result};

/// Documents that the model is given at a time.
const CHUNK_DOCUMENTS: usize = 32;

/// Fewest documents of a commit, the last one aside.
const LEAST_PER_COMMIT: usize = 64;

/// What came of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct QueryReport {
    /// Documents that queries were written for.
    pub documents: usize,
    /// Documents that had queries of this writer already.
    pub already: usize,
    /// Queries kept.
    pub queries: usize,
    /// Texts of the model that were no good.
    pub left_out: usize,
    /// Documents of which no text was good.
    pub without_queries: usize,
    /// Tokens that the model read.
    pub prompt_tokens: usize,
    /// Tokens that it wrote.
    pub new_tokens: usize,
    /// Commits.
    pub commits: usize,
}

/// A document to write queries for.
struct Place {
    segment: usize,
    ordinal: u32,
    document: Document,
}

impl Index {
    /// Has `generator` write pseudo-queries for every document that has none of it with these
    /// options, and keeps them in the index for [`Index::train`]. Commits as it goes; called
    /// again after an interruption, it goes on where it was. Other writers wait until it is done.
    ///
    /// # Errors
    ///
    /// `Locked` while another writer of this or another process is at work; `LockUnsupported` where
    /// the file system has no locks; `ReadOnly`, `PermissionDenied` or `Io` when the file cannot be
    /// written; `Replaced` when another file is at the path; `Corrupt` or `UnsupportedVersion` as
    /// the newest state is.
    /// `Limit` when prompts do not fit into the model's context, `Model` when it fails, `DiskFull`
    /// or `Poisoned` when a commit cannot be written. What was committed until then stays.
    pub fn write_queries(
        &self,
        generator: &dyn TextGenerator,
        options: &LanguageQueryOptions,
        progress: ProgressFn<'_>,
    ) -> Result<QueryReport> {
        let writer = self.writer()?;
        let record = QueryWriterRecord {
            model: generator.name(),
            fingerprint: generator.fingerprint(),
            style: options.style,
            prompt_version: PROMPT_VERSION,
            instruction: options.instruction.clone(),
            per_document: options.per_document,
            sampling: options.sampling,
            max_new_tokens: options.max_new_tokens,
        };
        let record = record.to_json()?;
        let asked = QueryWriter::new(generator, options.clone())?;
        let segments = &self.snapshot().state.segments.clone();
        let mut written = self.all_written();
        let mut waiting: Vec<(usize, u32)> = Vec::new();
        let mut report = QueryReport::default();
        for (number, (segment, own)) in segments.iter().zip(&written).enumerate() {
            for ordinal in segment.live_ordinals() {
                let found = own.get(ordinal as usize).and_then(Option::as_ref);
                let is_done = found.is_some_and(|found| found.writer == record);
                report.already += usize::from(is_done);
                if !is_done {
                    waiting.push((number, ordinal));
                }
            }
        }
        let total = waiting.len() + report.already;
        let mut is_changed = vec![false; segments.len()];
        let mut uncommitted = 0;
        for chunk in waiting.chunks(CHUNK_DOCUMENTS) {
            let places = chunk.iter().filter_map(|&(number, ordinal)| {
                let segment = segments.get(number)?;
                Some(segment.documents.document(ordinal).map(|document| Place {
                    segment: number,
                    ordinal,
                    document,
                }))
            });
            let places = places.collect::<Result<Vec<Place>>>()?;
            let documents: Vec<&Document> = places.iter().map(|place| &place.document).collect();
            asked.write(&documents, &mut |at, found| {
                report.documents += 1;
                report.queries += found.queries.len();
                report.left_out += found.left_out;
                report.without_queries += usize::from(found.queries.is_empty());
                report.prompt_tokens += found.prompt_tokens;
                report.new_tokens += found.new_tokens;
                progress(Progress {
                    tokens: (report.prompt_tokens + report.new_tokens) as u64,
                    ..Progress::new(
                        Stage::WritingQueries,
                        report.already + report.documents,
                        total,
                    )
                });
                let slot = places.get(at).and_then(|place| {
                    written
                        .get_mut(place.segment)?
                        .get_mut(place.ordinal as usize)
                });
                if let Some(slot) = slot {
                    *slot = Some(WrittenQueries {
                        writer: record.clone(),
                        queries: found.queries,
                    });
                }
                Ok(())
            })?;
            for place in &places {
                if let Some(changed) = is_changed.get_mut(place.segment) {
                    *changed = true;
                }
            }
            uncommitted += places.len();
            let done = report.already + report.documents;
            if uncommitted >= LEAST_PER_COMMIT.max(done / 16) || done == total {
                let mut draft = Draft::new(&self.snapshot());
                let params = self.snapshot().params().clone();
                for (number, changed) in is_changed.iter_mut().enumerate() {
                    if let Some(queries) = written.get(number).filter(|_| *changed) {
                        let expansion = params.lexicon.expansion();
                        draft.set_queries(number, query_sections(queries, expansion)?);
                    }
                    *changed = false;
                }
                draft.commit(writer.begin()?, &params)?;
                self.catch_up()?;
                report.commits += 1;
                uncommitted = 0;
            }
        }
        Ok(report)
    }

    /// Has BM25 of the queries that were written for a document count `weight` times beside that of
    /// its text, in every search that looks at words: document expansion. Whoever asks in words that
    /// a document does not have finds it by those of its queries. At 0, as in a new index, written
    /// queries are for [`Index::train`] alone.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a weight below 0 or that is not finite; otherwise as
    /// [`Index::write_queries`].
    pub fn set_expansion_weight(&self, weight: f64) -> Result<()> {
        check_number("the weight of expansion", weight, 0.0..=1e9)?;
        let writer = self.writer()?;
        let snapshot = self.snapshot();
        let mut params = snapshot.params().clone();
        params.lexicon.expansion_weight = weight;
        let expansion = params.lexicon.expansion();
        let mut draft = Draft::new(&snapshot);
        if expansion != snapshot.params().lexicon.expansion() {
            for (number, own) in self.all_written().iter().enumerate() {
                draft.set_queries(number, query_sections(own, expansion)?);
            }
        }
        draft.commit(writer.begin()?, &params)?;
        self.catch_up()?;
        Ok(())
    }

    /// What was written for the live documents, by segment and ordinal.
    fn all_written(&self) -> Vec<Vec<Option<WrittenQueries>>> {
        let snapshot = self.snapshot();
        let segments = snapshot.state.segments.iter().zip(self.query_tables());
        let of_segment = segments.map(|(segment, table)| {
            let written = |ordinal| match segment.is_live(ordinal) {
                true => table.as_ref()?.written(ordinal),
                false => None,
            };
            (0..segment.document_count).map(written).collect()
        });
        of_segment.collect()
    }

    /// The queries of each segment; `None` where there are none, or they cannot be read: they can
    /// be written again.
    pub(super) fn query_tables(&self) -> Vec<Option<QueryTable>> {
        Draft::new(&self.snapshot()).query_tables()
    }

    /// Documents of the index with queries of a language model, and how many queries they have.
    pub fn written_queries(&self) -> (u64, u64) {
        let snapshot = self.snapshot();
        let (mut documents, mut queries) = (0, 0);
        for (segment, table) in snapshot.state.segments.iter().zip(self.query_tables()) {
            for ordinal in segment.live_ordinals() {
                let found = table.as_ref().and_then(|table| table.written(ordinal));
                documents += u64::from(found.is_some());
                queries += found.map_or(0, |found| found.queries.len() as u64);
            }
        }
        (documents, queries)
    }

    /// The queries that a language model wrote for a document, in the order of its draws.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when there is no such document.
    pub fn queries_of(&self, id: &str) -> Result<Vec<String>> {
        let snapshot = self.snapshot();
        for (segment, table) in snapshot.state.segments.iter().zip(self.query_tables()) {
            if let Some(ordinal) = segment.find(id) {
                let found = table.and_then(|table| table.written(ordinal));
                return Ok(found.map(|found| found.queries).unwrap_or_default());
            }
        }
        Err(crate::Error::invalid(format!(
            "there is no document {id:?} in the index"
        )))
    }
}
