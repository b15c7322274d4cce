//! The writer: collects documents, and commits them as one segment.

use std::collections::HashMap;

use super::params::{DocidSource, IndexParams};
use super::progress::{Progress, ProgressFn, Stage};
use super::segment::Segment;
use super::segment_builder::{Docid, NewSegment, PreparedDocuments, build_segment};
use super::{Index, train::TrainOptions};
use crate::docs::Document;
use crate::encode::TextEncoder;
use crate::format::SectionInput;
use crate::format::{ExtentKind, Manifest, SegmentEntry};
use crate::generate::{
    DocidOptions, TermStats, clean_docid, has_terms, keyword_docids, title_docids,
};
use crate::store::Transaction;
use crate::trie::MAX_DOCID_TOKENS;
use crate::{Error, Result};

/// What a commit did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct CommitReport {
    /// Number of the commit.
    pub generation: u64,
    /// Documents added, those that replaced another included.
    pub added: usize,
    /// Documents dropped because a later one had the same external id: the last one wins.
    pub replaced: usize,
    /// Documents deleted by request.
    pub deleted: usize,
    /// Distinct docids of the documents added.
    pub docids: usize,
    /// Docids shared by several of the documents added; all of them stay retrievable.
    pub colliding_docids: usize,
    /// Documents without an indexable term; their docid is made of the external id.
    pub without_terms: usize,
}

/// Adds to an index. One writer at a time; dropping it without a commit loses only what was
/// not committed.
///
/// ```
/// use zerogr::Document;
/// # use zerogr::index::Index;
/// # use zerogr::index::{EncoderSource, IndexOptions};
/// # mod hashing { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hashing/mod.rs")); }
/// # let encoder = std::sync::Arc::new(hashing::HashingEncoder { name: "words" });
/// # let options = IndexOptions::with_encoder(EncoderSource::Custom(encoder.clone()));
/// # let memory = std::sync::Arc::new(zerogr::store::MemoryBackend::default());
/// # let index = Index::create_on(memory, options)?;
///
/// let mut writer = index.writer()?;
/// writer.add(Document::new("a").text("first try"))?;
/// writer.add(Document::new("b").text("another document"))?;
/// writer.add(Document::new("a").text("second try"))?; // the last one with an id wins
/// let report = writer.commit()?;
/// assert_eq!((report.added, report.replaced), (2, 1));
///
/// assert!(writer.delete("b")?);
/// writer.commit()?;
/// assert_eq!(index.snapshot().document_count(), 1);
/// # Ok::<(), zerogr::Error>(())
/// ```
#[derive(Debug)]
pub struct Writer {
    index: Index,
    transaction: Option<Transaction>,
    /// `None` where a later document took the external id over.
    pending: Vec<Option<Document>>,
    position_of: HashMap<String, usize>,
    deletes: Vec<String>,
    replaced: usize,
}

impl Writer {
    pub(super) fn new(index: Index) -> Result<Self> {
        let transaction = Some(index.store().begin()?);
        Ok(Writer {
            index,
            transaction,
            pending: Vec::new(),
            position_of: HashMap::new(),
            deletes: Vec::new(),
            replaced: 0,
        })
    }

    /// Adds a document, or replaces the one with the same external id.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) or [`Limit`](crate::ErrorKind::Limit)
    /// for an external id that is empty or longer than 4 KiB, or a blank docid.
    pub fn add(&mut self, document: Document) -> Result<()> {
        document.check_id()?;
        if document
            .docids
            .iter()
            .any(|docid| clean_docid(docid).is_empty())
        {
            return Err(Error::invalid(format!(
                "document {:?} has a blank docid",
                document.id
            )));
        }
        let position = self.pending.len();
        if let Some(earlier) = self.position_of.insert(document.id.clone(), position)
            && let Some(slot) = self.pending.get_mut(earlier)
        {
            *slot = None;
            self.replaced += 1;
        }
        self.pending.push(Some(document));
        Ok(())
    }

    /// Deletes the document with an external id, committed or not. False when there is none.
    pub fn delete(&mut self, id: &str) -> Result<bool> {
        let pending = self
            .position_of
            .remove(id)
            .and_then(|position| self.pending.get_mut(position)?.take());
        let snapshot = self.index.snapshot();
        let committed = snapshot
            .state
            .segments
            .iter()
            .any(|segment| segment.find(id).is_some())
            && !self.deletes.iter().any(|other| other == id);
        if committed {
            self.deletes.push(id.to_owned());
        }
        Ok(committed || pending.is_some())
    }

    /// Makes everything since the last commit durable, in one step. The new documents can be
    /// searched at once, by the untrained part of the heads.
    pub fn commit(&mut self) -> Result<CommitReport> {
        self.commit_with(None, &mut |_| {})
    }

    /// Commits, and fits the heads of the whole index in the same step if `train` is given.
    pub fn commit_with(
        &mut self,
        train: Option<&TrainOptions>,
        progress: ProgressFn<'_>,
    ) -> Result<CommitReport> {
        let snapshot = self.index.snapshot();
        let mut report = CommitReport {
            generation: snapshot.generation(),
            replaced: self.replaced,
            deleted: self.deletes.len(),
            ..CommitReport::default()
        };
        let documents: Vec<Document> = self.pending.iter().flatten().cloned().collect();
        if documents.is_empty() && self.deletes.is_empty() && train.is_none() {
            return Ok(report);
        }
        let encoder = self.index.encoder()?;
        let mut params = snapshot.params().clone();
        let mut segments = snapshot.state.segments.clone();
        report.replaced += bury(&mut segments, &documents, &self.deletes);
        report.added = documents.len();

        let stats = term_stats(&segments, &documents)?;
        let new = if documents.is_empty() {
            None
        } else {
            let (prepared, without_terms) =
                prepare(documents, &stats, &*encoder, &params, progress)?;
            let new = build_segment(&prepared, &params)?;
            report.without_terms = without_terms;
            report.docids = new.counts.docids as usize;
            report.colliding_docids = new.colliding_docids;
            segments.push(new.segment.clone());
            Some(new)
        };
        let mut heads: Vec<Option<Vec<SectionInput<'static>>>> =
            segments.iter().map(|_| None).collect();
        if let Some(options) = train {
            let trained = super::train::train_heads(
                &segments, &stats, &*encoder, &params, options, progress,
            )?;
            heads = trained.heads.into_iter().map(Some).collect();
            params.training = Some(trained.record);
        }

        progress(Progress {
            stage: Stage::Writing,
            done: 0,
            total: 1,
        });
        report.generation = self.write(&snapshot.state.manifest, &params, &segments, new, heads)?;
        progress(Progress {
            stage: Stage::Writing,
            done: 1,
            total: 1,
        });
        self.pending.clear();
        self.position_of.clear();
        self.deletes.clear();
        self.replaced = 0;
        Ok(report)
    }

    /// Appends what changed and commits; returns the generation.
    fn write(
        &mut self,
        base: &Manifest,
        params: &IndexParams,
        segments: &[Segment],
        new: Option<NewSegment>,
        heads: Vec<Option<Vec<SectionInput<'static>>>>,
    ) -> Result<u64> {
        let mut transaction = match self.transaction.take() {
            Some(transaction) => transaction,
            None => self.index.store().begin()?,
        };
        let mut manifest = base.clone();
        manifest.params = params.to_json()?;
        let mut new_heads = None;
        if let Some(new) = new {
            manifest.segments.push(SegmentEntry {
                id: manifest.next_segment_id,
                level: 0,
                doc_count: new.counts.documents,
                dead_count: 0,
                docid_count: new.counts.docids,
                segment: transaction.append(ExtentKind::Segment, &new.body)?,
                heads: None,
                tombstones: None,
                pseudo_queries: None,
            });
            manifest.next_segment_id += 1;
            new_heads = Some(new.heads);
        }
        let last = manifest.segments.len().wrapping_sub(1);
        for (index, (entry, (segment, heads))) in manifest
            .segments
            .iter_mut()
            .zip(segments.iter().zip(heads))
            .enumerate()
        {
            let untrained = if index == last {
                new_heads.take()
            } else {
                None
            };
            if let Some(sections) = heads.or(untrained) {
                entry.heads = Some(transaction.append(ExtentKind::Heads, &sections)?);
            }
            let dead_count = segment.dead_ordinals().iter().filter(|&&dead| dead).count() as u32;
            if dead_count != entry.dead_count {
                entry.dead_count = dead_count;
                entry.tombstones = match segment.tombstones() {
                    Some(bitmap) => {
                        let section = SectionInput::new(
                            crate::docs::sections::TOMBSTONES,
                            u64::from(dead_count),
                            bitmap,
                        );
                        Some(transaction.append(ExtentKind::Tombstones, &[section])?)
                    }
                    None => None,
                };
            }
        }
        let committed = transaction.commit(manifest)?;
        self.index.refresh()?;
        Ok(committed.generation)
    }
}

/// Marks as dead what is deleted or replaced; returns how many were replaced.
fn bury(segments: &mut [Segment], documents: &[Document], deletes: &[String]) -> usize {
    let mut replaced = 0;
    for segment in segments {
        let mut dead = segment.dead_ordinals();
        let mut changed = false;
        let replacements = documents
            .iter()
            .map(|document| (document.id.as_str(), true));
        let deletions = deletes.iter().map(|id| (id.as_str(), false));
        for (id, is_replacement) in deletions.chain(replacements) {
            if let Some(ordinal) = segment.find(id)
                && let Some(dead) = dead.get_mut(ordinal as usize)
                && !*dead
            {
                *dead = true;
                changed = true;
                replaced += usize::from(is_replacement);
            }
        }
        if changed {
            segment.set_dead(dead);
        }
    }
    replaced
}

/// Document frequencies over everything that will be alive.
fn term_stats(segments: &[Segment], documents: &[Document]) -> Result<TermStats> {
    let mut stats = TermStats::default();
    for segment in segments {
        segment.documents.for_each(|ordinal, document| {
            if segment.is_live(ordinal) {
                stats.add(&document);
            }
            Ok(())
        })?;
    }
    documents.iter().for_each(|document| stats.add(document));
    Ok(stats)
}

/// Gives every document its docids and its vector; also counts those without terms.
fn prepare(
    documents: Vec<Document>,
    stats: &TermStats,
    encoder: &dyn TextEncoder,
    params: &IndexParams,
    progress: ProgressFn<'_>,
) -> Result<(PreparedDocuments, usize)> {
    let total = documents.len();
    let mut docids = Vec::with_capacity(total);
    let mut without_terms = 0;
    for (done, document) in (1..).zip(&documents) {
        let (own, has_terms) = docids_of(document, stats, encoder, params)?;
        without_terms += usize::from(!has_terms);
        docids.push(own);
        progress(Progress {
            stage: Stage::Docids,
            done,
            total,
        });
    }
    let texts: Vec<String> = documents.iter().map(passage).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let vectors = encoder.encode(
        &texts,
        params.encoder.max_passage_tokens,
        &mut |done, total| {
            progress(Progress {
                stage: Stage::EncodingDocuments,
                done,
                total,
            });
        },
    )?;
    Ok((
        PreparedDocuments {
            documents,
            docids,
            vectors,
        },
        without_terms,
    ))
}

/// What of a document is encoded.
fn passage(document: &Document) -> String {
    match (document.title.is_empty(), document.text.is_empty()) {
        (true, _) => document.text.clone(),
        (false, true) => document.title.clone(),
        (false, false) => format!("{} {}", document.title, document.text),
    }
}

/// The docids of a document with their tokens, and whether it has an indexable term.
fn docids_of(
    document: &Document,
    stats: &TermStats,
    encoder: &dyn TextEncoder,
    params: &IndexParams,
) -> Result<(Vec<Docid>, bool)> {
    let given = !document.docids.is_empty();
    let options = DocidOptions {
        words: params.docids.words,
        per_document: params.docids.per_document,
    };
    let texts = match params.docids.source {
        _ if given => document
            .docids
            .iter()
            .map(|docid| clean_docid(docid))
            .collect(),
        DocidSource::Title => title_docids(document, stats, &options),
        DocidSource::Keywords => keyword_docids(document, stats, &options),
    };
    let mut docids = Vec::with_capacity(texts.len());
    for text in texts {
        let mut tokens = encoder.tokenizer().docid_tokens(&text)?;
        if given && tokens.len() > MAX_DOCID_TOKENS {
            return Err(Error::limit(format!(
                "a docid of document {:?} has {} tokens; the limit is {MAX_DOCID_TOKENS}: shorten it",
                document.id,
                tokens.len()
            )));
        }
        tokens.truncate(MAX_DOCID_TOKENS);
        if !tokens.is_empty() {
            docids.push(Docid { text, tokens });
        }
    }
    if docids.is_empty() {
        return Err(Error::invalid(format!(
            "document {:?} has no docid that the tokenizer can express: give it one",
            document.id
        )));
    }
    Ok((docids, given || has_terms(document)))
}
