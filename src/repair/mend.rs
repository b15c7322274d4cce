//! A damaged segment made whole: what is left of it is kept, the rest is made anew.
//!
//! Ordinals stay as they are until all parts fit together again, so that every part that is left
//! can be kept; documents that are lost have their place held by empty ones, which are taken out
//! at the end.

use std::borrow::Cow;
use std::collections::HashSet;

use super::condition::{Damaged, docid_texts};
use super::documents_left::{DocumentsLeft, is_dead};
use crate::columns::{LazySection, MemorySections, OwnedSignList, SectionSource, SignListsBuilder};
use crate::decode::CancelToken;
use crate::docs::{
    CutDocument, Document, DocumentTableBuilder, PassageTable, sections as documents,
};
use crate::encode::estimated_token_count;
use crate::format::{SectionInput, SectionKind};
use crate::generate::TermStats;
use crate::index::{Loaded, cut_documents, docid_texts as docid_texts_of, docids_of, encode};
use crate::lexicon::{LexiconBuilder, sections as lexicon};
use crate::segment::{
    Docid, Docids, IndexParams, PreparedDocuments, Segment, Watch, build_segment, counted_texts,
    untrained_heads,
};
use crate::store::{Extent, Section};
use crate::trie::{TokenWidth, sections};
use crate::vectors::to_f16_bytes;
use crate::{Error, Result};

/// Makes what only an encoder and its tokenizer can make: vectors, and the tokens of docids.
/// Without one there are stand-ins, with which the documents are found by their words.
pub(super) struct Maker<'a> {
    params: &'a IndexParams,
    load: &'a dyn Fn() -> Result<Loaded>,
    /// Once it was asked for.
    models: Option<Result<Loaded>>,
    /// Documents whose vectors were made.
    pub(super) encoded: u64,
    /// Documents whose vectors or docids are stand-ins.
    pub(super) without_encoder: u64,
}

impl<'a> Maker<'a> {
    pub(super) fn new(params: &'a IndexParams, load: &'a dyn Fn() -> Result<Loaded>) -> Self {
        Maker {
            params,
            load,
            models: None,
            encoded: 0,
            without_encoder: 0,
        }
    }

    /// Why there is no encoder, if one was needed and there is none.
    pub(super) fn lack(&self) -> Option<&Error> {
        self.models.as_ref()?.as_ref().err()
    }

    fn models(&mut self) -> Option<Loaded> {
        let load = self.load;
        self.models.get_or_insert_with(load).as_ref().ok().cloned()
    }

    /// A segment of documents of which nothing else is left.
    pub(super) fn segment_of(&mut self, documents: Vec<Document>) -> Result<Option<Segment>> {
        if documents.is_empty() {
            return Ok(None);
        }
        let models = self.models();
        // An encoder that fails is none.
        let cut = cut_documents(
            &documents.iter().collect::<Vec<_>>(),
            self.params,
            &|text| {
                let counted = models
                    .as_ref()
                    .map(|models| models.encoder.token_count(text));
                let counted = counted.and_then(Result::ok);
                Ok(counted.unwrap_or_else(|| estimated_token_count(text)))
            },
        )?;
        let parts = cut.iter().flat_map(CutDocument::parts);
        let rows: Vec<Option<Document>> = parts.map(|part| Some(part.into_owned())).collect();
        let docids = self.docids(&rows)?;
        let (vectors, token_vectors) = self.vectors(&rows)?;
        let prepared = PreparedDocuments {
            words: counted_texts(&cut),
            documents: cut,
            docids,
            vectors,
            token_vectors,
        };
        let new = build_segment(prepared, self.params)?;
        self.count(u64::from(new.counts.documents));
        Ok(Some(new.segment))
    }

    fn count(&mut self, documents: u64) {
        match self.models() {
            Some(_) => self.encoded += documents,
            None => self.without_encoder += documents,
        }
    }

    /// The docids of passages: those they have, else new ones. A missing passage gets one too.
    fn docids(&mut self, rows: &[Option<Document>]) -> Result<Vec<Vec<Docid>>> {
        let (models, params) = (self.models(), self.params);
        let mut stats = TermStats::default();
        rows.iter()
            .flatten()
            .for_each(|document| stats.add(document));
        let mut stand_ins = StandInTokens::new(params)?;
        let missing = Document::new("missing");
        rows.iter()
            .map(|document| {
                let document = document.as_ref().unwrap_or(&missing);
                let made = models.as_ref().and_then(|models| {
                    let tokenizer = models.docid_tokenizer();
                    let without = Document {
                        docids: Vec::new(),
                        ..document.clone()
                    };
                    [document, &without].into_iter().find_map(|document| {
                        docids_of(document, None, &stats, tokenizer, params).ok()
                    })
                });
                match made {
                    Some((docids, _)) => Ok(docids),
                    None => {
                        let texts = match document.docids.is_empty() {
                            true => docid_texts_of(document, stats.weights(document), params),
                            false => document.docids.clone(),
                        };
                        let texts = texts.into_iter();
                        texts.map(|text| stand_ins.docid(text)).collect()
                    }
                }
            })
            .collect()
    }

    /// The vectors of passages, and of their tokens where the index keeps them; zero and none for
    /// missing ones, and without an encoder.
    fn vectors(
        &mut self,
        rows: &[Option<Document>],
    ) -> Result<(Vec<f32>, Option<SignListsBuilder>)> {
        let params = &self.params.encoder;
        let mut vectors = vec![0.0; rows.len().saturating_mul(params.dim)];
        let mut lists = params
            .token_vectors
            .then(|| vec![OwnedSignList::default(); rows.len()]);
        let present: Vec<&Document> = rows.iter().flatten().collect();
        let Some((made, made_lists)) = self.encode(&present) else {
            return Ok((vectors, lists.map(SignListsBuilder::from_iter)));
        };
        let slots = vectors.chunks_exact_mut(params.dim.max(1)).zip(rows);
        let slots = slots.filter(|(_, document)| document.is_some());
        for ((slot, _), vector) in slots.zip(made.chunks_exact(params.dim.max(1))) {
            slot.copy_from_slice(vector);
        }
        let slots = lists.iter_mut().flatten().zip(rows);
        let slots = slots.filter(|(_, document)| document.is_some());
        for ((slot, _), list) in slots.zip(made_lists.into_iter().flatten()) {
            *slot = list;
        }
        Ok((vectors, lists.map(SignListsBuilder::from_iter)))
    }

    /// An encoder that fails is none.
    fn encode(&mut self, passages: &[&Document]) -> Option<(Vec<f32>, Option<Vec<OwnedSignList>>)> {
        let models = self.models()?;
        match encode(
            passages.iter().copied().map(Cow::Borrowed),
            passages.len(),
            &models.encoder,
            self.params,
            &mut Watch::new(&mut |_| {}, &CancelToken::new()),
        ) {
            Ok(made) => Some(made),
            Err(error) => {
                self.models = Some(Err(error));
                None
            }
        }
    }
}

/// Tokens that stand for docids where no tokenizer is at hand: numbers, in the base of the
/// vocabulary.
struct StandInTokens {
    vocabulary_size: usize,
    next: usize,
}

impl StandInTokens {
    fn new(params: &IndexParams) -> Result<Self> {
        let vocabulary_size = params.tokenizer.vocabulary_size;
        if vocabulary_size < 2 {
            return Err(Error::corrupt("the vocabulary of the index has no tokens"));
        }
        Ok(StandInTokens {
            vocabulary_size,
            next: 0,
        })
    }

    fn docid(&mut self, text: String) -> Result<Docid> {
        let mut tokens = Vec::new();
        let mut number = self.next;
        self.next += 1;
        loop {
            let token = number % self.vocabulary_size;
            tokens.push(u32::try_from(token).map_err(|_| Error::limit("too large a vocabulary"))?);
            number /= self.vocabulary_size;
            if number == 0 {
                break;
            }
            number -= 1;
        }
        Ok(Docid { text, tokens })
    }
}

impl Damaged {
    /// The segment, with what is damaged made anew; `None` when no live document is left.
    pub(super) fn mend(self, maker: &mut Maker<'_>) -> Result<Option<Segment>> {
        let is_whole = self.has_docids && self.has_vectors && self.has_token_vectors;
        let needs_texts = !is_whole || matches!(self.documents, DocumentsLeft::Salvaged(_));
        let rows = match needs_texts {
            true => self.live_rows()?,
            false => Vec::new(),
        };
        let in_place = self.passages.as_ref().map(|passages| {
            let parts = parts_of(&rows, passages);
            self.in_place(&rows, parts, passages, maker)
        });
        match in_place {
            Some(Ok(segment)) => {
                if !is_whole {
                    maker.count(u64::from(segment.live_count()));
                }
                Ok(Some(segment).filter(|segment| segment.live_count() > 0))
            }
            // The parts are whole and do not fit together: only the documents are kept.
            _ => {
                let rows = match needs_texts {
                    true => rows,
                    false => self.live_rows()?,
                };
                maker.segment_of(rows.into_iter().flatten().collect())
            }
        }
    }

    /// The documents that are alive and can be read, by ordinal.
    fn live_rows(&self) -> Result<Vec<Option<Document>>> {
        let mut rows = vec![None; self.counts.documents as usize];
        let tombstones = self.tombstones.as_deref();
        self.documents
            .for_each_live(tombstones, |ordinal, document| {
                if let Some(row) = rows.get_mut(ordinal as usize) {
                    *row = Some(document);
                }
                Ok(())
            })?;
        Ok(rows)
    }

    /// The lexicon of the texts that are left.
    fn lexicon(
        &self,
        passages: &PassageTable,
        params: &IndexParams,
    ) -> Result<Vec<SectionInput<'static>>> {
        let mut builder = LexiconBuilder::new(params.lexicon.analyser());
        let tombstones = self.tombstones.as_deref();
        self.documents
            .for_each_live(tombstones, |ordinal, document| {
                builder.skip_to(passages.of(ordinal).start);
                let cut = CutDocument {
                    document: &document,
                    passages: passages.places(ordinal),
                };
                for part in cut.counted_parts() {
                    builder.push(&part.title, &part.text);
                }
                Ok(())
            })?;
        builder.skip_to(passages.count());
        builder.finish()
    }

    /// `rows` are its documents by ordinal, `parts` their passages.
    fn in_place(
        &self,
        rows: &[Option<Document>],
        mut parts: Vec<Option<Document>>,
        passages: &PassageTable,
        maker: &mut Maker<'_>,
    ) -> Result<Segment> {
        let params = maker.params;
        let mut counts = self.counts;
        let passage_count = u64::from(passages.count());
        let mut body = Patched::new(&self.body);
        if matches!(self.documents, DocumentsLeft::Salvaged(_)) {
            body.replace(&DOCUMENTS, table_of(rows, params)?)?;
        }
        if !self.has_lexicon {
            body.replace(&LEXICON, self.lexicon(passages, params)?)?;
        }
        if !self.has_docids {
            // Where they are not known any more, new ones are made.
            let _ = docid_texts(&self.body, counts.docids, &mut parts);
            let width = TokenWidth::from_bytes_per_token(params.tokenizer.token_width_bytes)?;
            let docids = Docids::new(&maker.docids(&parts)?, width)?;
            counts.docids = docids.trie.docid_count();
            body.replace(&DOCIDS, docids.into_sections(passage_count)?)?;
        }
        if !self.has_vectors || !self.has_token_vectors {
            let (vectors, token_vectors) = maker.vectors(&parts)?;
            if !self.has_vectors {
                let kind = sections::DOCUMENT_VECTORS;
                let vectors = SectionInput::new(kind, passage_count, to_f16_bytes(&vectors));
                body.replace(&[kind], vec![vectors])?;
            }
            if let Some(lists) = token_vectors.filter(|_| !self.has_token_vectors) {
                let kind = sections::TOKEN_VECTORS;
                let lists = SectionInput::new(kind, passage_count, lists.into_bytes()?);
                body.replace(&[kind], vec![lists])?;
            }
        }
        let mut segment = match &self.heads {
            Some(heads) => Segment::open(&body, heads, counts, params)?,
            None => {
                let heads = MemorySections::taking(untrained_heads(&body, counts, params)?)?;
                Segment::open(&body, &heads, counts, params)?
            }
        };
        segment.check()?;
        segment.documents = segment.documents.clone().mending_bits();
        segment.bury(|ordinal| {
            let is_lost = match &self.documents {
                DocumentsLeft::Stored(_, lost) => lost.contains(&ordinal),
                DocumentsLeft::Salvaged(documents) => {
                    documents.get(ordinal as usize).is_none_or(Option::is_none)
                }
            };
            is_lost || is_dead(self.tombstones.as_deref(), ordinal)
        });
        Ok(segment)
    }
}

/// The passages of documents by ordinal, each as a document of its own.
fn parts_of(rows: &[Option<Document>], passages: &PassageTable) -> Vec<Option<Document>> {
    let mut parts = Vec::with_capacity(rows.len());
    for (ordinal, row) in (0u32..).zip(rows) {
        let Some(document) = row else {
            parts.resize(passages.of(ordinal).end as usize, None);
            continue;
        };
        let cut = CutDocument {
            document,
            passages: passages.places(ordinal),
        };
        parts.extend(cut.parts().map(|part| Some(part.into_owned())));
    }
    parts
}

/// The document sections of `rows`; missing documents have their place held by empty ones.
fn table_of(rows: &[Option<Document>], params: &IndexParams) -> Result<Vec<SectionInput<'static>>> {
    let ids: HashSet<&str> = rows
        .iter()
        .flatten()
        .map(|document| document.id.as_str())
        .collect();
    let mut builder = DocumentTableBuilder::with_fields(&params.fields);
    for (ordinal, document) in rows.iter().enumerate() {
        match document {
            Some(document) => builder.push(document)?,
            None => {
                let mut id = format!("{ordinal}");
                while ids.contains(id.as_str()) {
                    id.push('\0');
                }
                builder.push(&Document::new(id))?;
            }
        }
    }
    builder.finish()
}

const DOCIDS: [SectionKind; 4] = [
    sections::TRIE,
    sections::POSTINGS,
    sections::DOCUMENT_DOCIDS,
    sections::DOCID_TEXTS,
];

const DOCUMENTS: [SectionKind; 12] = [
    documents::EXTERNAL_IDS,
    documents::EXTERNAL_ID_ORDER,
    documents::PAYLOAD_INDEX,
    documents::PAYLOAD_BLOCKS,
    documents::PAYLOADS,
    documents::TAG_NAMES,
    documents::TAG_DOCUMENTS,
    documents::FIELD_NAMES,
    documents::FIELD_COLUMNS,
    documents::FIELD_NUMBERS,
    documents::FIELD_KEYWORDS,
    documents::FIELD_DOCUMENTS,
];

const LEXICON: [SectionKind; 3] = [
    lexicon::TERMS,
    lexicon::TERM_POSTINGS,
    lexicon::DOCUMENT_LENGTHS,
];

/// The sections of a segment, some of them exchanged.
struct Patched<'a> {
    stored: &'a Extent,
    left_out: HashSet<SectionKind>,
    new: Vec<MemorySections>,
}

impl<'a> Patched<'a> {
    fn new(stored: &'a Extent) -> Self {
        Patched {
            stored,
            left_out: HashSet::new(),
            new: Vec::new(),
        }
    }

    fn replace(&mut self, kinds: &[SectionKind], new: Vec<SectionInput<'_>>) -> Result<()> {
        self.left_out.extend(kinds);
        self.new.push(MemorySections::taking(new)?);
        Ok(())
    }
}

impl SectionSource for Patched<'_> {
    fn find(&self, kind: SectionKind) -> Result<Option<Section>> {
        if !self.left_out.contains(&kind) {
            return SectionSource::find(self.stored, kind);
        }
        for new in &self.new {
            if let Some(section) = new.find(kind)? {
                return Ok(Some(section));
            }
        }
        Ok(None)
    }

    fn lazy(&self, kind: SectionKind) -> Result<LazySection> {
        if self.left_out.contains(&kind) {
            return self.section(kind).map(LazySection::Whole);
        }
        self.stored.lazy(kind)
    }
}
