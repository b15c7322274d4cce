//! Encoding that remembers: what the journal has is not encoded again, what it has not is put into
//! it.

use std::sync::Arc;

use parking_lot::Mutex;

use super::journal::{Journal, Record};
use crate::encode::{CheckedEncoder, DocidTokenizer, EachText, TextEncoder};
use crate::index::prepare::{EncodedTexts, TextsDone};
use crate::segment::EncoderParams;
use crate::{Error, ErrorKind, Result};

/// Texts that are encoded between two writes to the journal: what a kill can cost.
const CHUNK_TEXTS: usize = 256;

/// What makes the records of texts.
type MakeRecords<'a> = &'a mut dyn FnMut(&[&str], TextsDone<'_>) -> Result<Vec<Record>>;

/// The journal of an upgrade, if the index has a place for one.
#[derive(Clone)]
pub(super) struct Memory {
    journal: Option<Arc<Mutex<Option<Journal>>>>,
    params: EncoderParams,
}

impl Memory {
    /// What is remembered beside the index at `path`, which is empty for one that is no file, of
    /// vectors as `params` say.
    pub(super) fn open(path: &std::path::Path, params: EncoderParams) -> Result<Memory> {
        let journal = match path.as_os_str().is_empty() {
            true => None,
            false => Some(Journal::open(path, &params)?),
        };
        Ok(Memory {
            journal: journal.map(|journal| Arc::new(Mutex::new(Some(journal)))),
            params,
        })
    }

    /// What is recorded of the new encoder.
    pub(super) fn params(&self) -> &EncoderParams {
        &self.params
    }

    /// Whether anything is remembered.
    pub(super) fn lasts(&self) -> bool {
        self.journal.is_some()
    }

    /// Removes the journal: its work is in the index.
    pub(super) fn forget(&self) {
        if let Some(journal) = self.journal.as_ref().and_then(|one| one.lock().take()) {
            journal.remove();
        }
    }

    /// Texts of passages, behind the prompt of documents.
    pub(super) fn encode_texts(
        &self,
        texts: &[&str],
        encoder: &CheckedEncoder,
        done: TextsDone<'_>,
    ) -> Result<EncodedTexts> {
        let params = &self.params;
        let records = self.remembered("passage", texts, done, &mut |texts, done| {
            let encoded = EncodedTexts::new(texts, encoder, params, done)?;
            let mut lists = encoded.tokens.into_iter().flatten();
            let vectors = encoded.vectors.chunks_exact(params.dim.max(1));
            let record = |vector: &[f32]| Record {
                vector: vector.to_vec(),
                tokens: lists.next().unwrap_or_default(),
            };
            Ok(vectors.map(record).collect())
        })?;
        let mut encoded = EncodedTexts {
            vectors: Vec::with_capacity(texts.len() * params.dim),
            tokens: params.token_vectors.then(Vec::new),
        };
        for record in records {
            encoded.vectors.extend(record.vector);
            encoded
                .tokens
                .iter_mut()
                .for_each(|lists| lists.push(record.tokens.clone()));
        }
        Ok(encoded)
    }

    /// The records of `texts`: what is known, and what `encode` makes of the others.
    fn remembered(
        &self,
        kind: &str,
        texts: &[&str],
        done: TextsDone<'_>,
        encode: MakeRecords<'_>,
    ) -> Result<Vec<Record>> {
        let Some(journal) = &self.journal else {
            return encode(texts, done);
        };
        let mut records = Vec::with_capacity(texts.len());
        for chunk in texts.chunks(CHUNK_TEXTS) {
            let before = records.len();
            let hashes: Vec<_> = chunk.iter().map(|text| Journal::hash(kind, text)).collect();
            let mut known = Vec::with_capacity(chunk.len());
            if let Some(journal) = journal.lock().as_mut() {
                for hash in &hashes {
                    known.push(journal.get(hash)?);
                }
            }
            known.resize(chunk.len(), None);
            let missing = known
                .iter()
                .zip(chunk)
                .filter(|(record, _)| record.is_none());
            let missing: Vec<&str> = missing.map(|(_, text)| *text).collect();
            let had = chunk.len() - missing.len();
            let mut made = Vec::new();
            if !missing.is_empty() {
                made = encode(&missing, &mut |count| done(before + had + count))?;
                if made.len() != missing.len() {
                    let message = "the encoder gave another number of vectors than of texts";
                    return Err(Error::new(ErrorKind::Model, message));
                }
                let new = hashes
                    .iter()
                    .zip(&known)
                    .filter(|(_, record)| record.is_none());
                let new: Vec<_> = new
                    .zip(&made)
                    .map(|((hash, _), record)| (*hash, record.clone()))
                    .collect();
                if let Some(journal) = journal.lock().as_mut() {
                    journal.append(&new)?;
                }
            } else {
                done(before + had)?;
            }
            let mut made = made.into_iter();
            let all = known.into_iter();
            records.extend(all.filter_map(|record| record.or_else(|| made.next())));
        }
        Ok(records)
    }
}

/// An encoder whose vectors of queries are remembered; those of their tokens are not asked for.
pub(super) struct RememberingEncoder {
    encoder: Arc<dyn TextEncoder>,
    memory: Memory,
}

impl RememberingEncoder {
    pub(super) fn new(encoder: &CheckedEncoder, memory: &Memory) -> RememberingEncoder {
        RememberingEncoder {
            encoder: encoder.unchecked().clone(),
            memory: memory.clone(),
        }
    }
}

impl TextEncoder for RememberingEncoder {
    fn dim(&self) -> usize {
        self.encoder.dim()
    }

    fn fingerprint(&self) -> String {
        self.encoder.fingerprint()
    }

    fn tokenizer(&self) -> &dyn DocidTokenizer {
        self.encoder.tokenizer()
    }

    fn prompt_tokens(&self, prompt: &str) -> Result<usize> {
        self.encoder.prompt_tokens(prompt)
    }

    fn encode(
        &self,
        texts: &[&str],
        max_len_tokens: usize,
        progress: &mut dyn FnMut(usize, usize) -> Result<()>,
    ) -> Result<Vec<f32>> {
        self.encoder.encode(texts, max_len_tokens, progress)
    }

    fn encode_queries(
        &self,
        texts: &[&str],
        max_len_tokens: usize,
        progress: &mut dyn FnMut(usize, usize) -> Result<()>,
        _: Option<EachText<'_>>,
    ) -> Result<Vec<f32>> {
        let dim = self.dim();
        let kind = format!("query {max_len_tokens}");
        let done = &mut |count| progress(count, texts.len());
        let records = self
            .memory
            .remembered(&kind, texts, done, &mut |texts, done| {
                let progress = &mut |count, _| done(count);
                let vectors = self
                    .encoder
                    .encode_queries(texts, max_len_tokens, progress, None)?;
                let record = |vector: &[f32]| Record {
                    vector: vector.to_vec(),
                    ..Record::default()
                };
                Ok(vectors.chunks_exact(dim.max(1)).map(record).collect())
            })?;
        Ok(records
            .into_iter()
            .flat_map(|record| record.vector)
            .collect())
    }
}
