//! From documents as they come in to docids and vectors.

use std::borrow::Cow;
use std::collections::HashMap;

use parking_lot::Mutex;
use rayon::prelude::*;

use super::models::Loaded;
use crate::columns::{OwnedSignList, SignListsBuilder};
use crate::docs::{CutDocument, Document};
use crate::encode::{CheckedEncoder, DocidTokenizer};
use crate::generate::{
    DocidOptions, TermStats, clean_docid, docids_of_terms, is_table, title_docids_or,
};
use crate::lexicon::{CountedTexts, MAX_TERM_TEXT_BYTES};
use crate::passages::{PassageSize, TextFormat, cut};
use crate::search::distinct_token_vectors;
use crate::segment::{
    Docid, DocidSource, EncoderParams, IndexParams, PreparedDocuments, Progress, Segment, Stage,
    Watch,
};
use crate::trie::MAX_DOCID_TOKENS;
use crate::{Error, Result};

/// Frequencies over all passages that will be alive: of the terms of the new ones, whose words are
/// given, or of all terms when there will be training. They come from the segments' lexicons; only where the
/// terms of those are not the terms of docids are stored documents read.
pub(super) fn term_stats<'a>(
    segments: impl Iterator<Item = &'a Segment>,
    words: &CountedTexts,
    params: &IndexParams,
    all_terms: bool,
) -> Result<TermStats> {
    let mut stats = TermStats::of_counted(words);
    let mut from_texts = TermStats::default();
    for segment in segments {
        if segment.add_term_stats(&mut stats, params.lexicon.analyser(), all_terms)? {
            continue;
        }
        let is_live = |ordinal| segment.is_live(ordinal);
        segment.documents.for_each(is_live, |ordinal, document| {
            let cut = segment.cut(ordinal, &document);
            cut.counted_parts().for_each(|part| from_texts.add(&part));
            Ok(())
        })?;
    }
    stats.merge(from_texts);
    Ok(stats)
}

/// Cuts documents into passages, as the index does.
///
/// # Errors
///
/// Those of `count_tokens`, which says how many tokens the encoder makes of a text.
pub(crate) fn cut_documents<'d>(
    documents: &[&'d Document],
    params: &IndexParams,
    count_tokens: &(dyn Fn(&str) -> Result<usize> + Sync),
) -> Result<Vec<CutDocument<'d>>> {
    let cut_one = |document: &&'d Document| {
        let document = *document;
        let passages = match &params.passages {
            None => Vec::new(),
            Some(_) if is_whole_table(&document.text) => Vec::new(),
            Some(size) => {
                let size = PassageSize {
                    whole_tokens: size.whole_tokens,
                    max_tokens: size.max_tokens,
                };
                let format = TextFormat::of_id(&document.id);
                cut(&document.text, format, size, &mut |text| count_tokens(text))?
            }
        };
        Ok(CutDocument { document, passages })
    };
    first_error(documents.par_iter().map(cut_one).collect())
}

/// The results, or the error of the first that has one, whichever came first in time.
fn first_error<T>(results: Vec<Result<T>>) -> Result<Vec<T>> {
    results.into_iter().collect()
}

/// Documents whose docids are made at once, on all cores.
const CHUNK_DOCUMENTS: usize = 1024;

/// Rows without their header say little: a table stays whole as long as all its words are counted
/// (`benches/QUALITY.md`).
fn is_whole_table(text: &str) -> bool {
    text.len() <= MAX_TERM_TEXT_BYTES && is_table(text)
}

/// Gives every passage its docids and its vector; also counts documents without terms.
pub(super) fn prepare<'d>(
    documents: Vec<CutDocument<'d>>,
    words: CountedTexts,
    stats: &TermStats,
    models: &Loaded,
    params: &IndexParams,
    watch: &mut Watch<'_>,
) -> Result<(PreparedDocuments<'d>, usize)> {
    let total = documents.len();
    let mut docids = Vec::with_capacity(total);
    let mut without_terms = 0;
    let mut done = 0;
    let tokenizer = models.docid_tokenizer();
    let mut passages = 0;
    let numbered: Vec<(usize, &CutDocument<'_>)> = documents
        .iter()
        .map(|document| {
            let first = passages;
            passages += document.passage_count();
            (first, document)
        })
        .collect();
    for chunk in numbered.chunks(CHUNK_DOCUMENTS) {
        let of_document = |&(passage, document): &(usize, &CutDocument<'_>)| {
            // What a passage is named by has its headings too, which its counted words do not have.
            let counted = (document.passage_count() == 1).then_some((&words, passage));
            let parts = document.parts();
            let docids = parts.map(|part| docids_of(&part, counted, stats, tokenizer, params));
            docids.collect::<Result<Vec<_>>>()
        };
        for parts in first_error(chunk.par_iter().map(of_document).collect())? {
            without_terms += usize::from(!parts.iter().any(|(_, has_terms)| *has_terms));
            docids.extend(parts.into_iter().map(|(own, _)| own));
            done += 1;
            watch.report(Progress::new(Stage::Docids, done, total))?;
        }
    }
    let parts = documents.iter().flat_map(CutDocument::parts);
    let (vectors, lists) = encode(parts, docids.len(), &models.encoder, params, watch)?;
    let token_vectors = lists.map(SignListsBuilder::from_iter);
    Ok((
        PreparedDocuments {
            documents,
            words,
            docids,
            vectors,
            token_vectors,
        },
        without_terms,
    ))
}

/// Different texts that the encoder is given at once. It puts so many in order of length; what is not
/// in its hands yet is not made yet, so that a document of any length takes memory for these alone.
const CHUNK_TEXTS: usize = 8_192;

/// `[passages, dim]` unit vectors, and the vectors of tokens where the index keeps them, of `total`
/// passages as documents of their own. Texts that are equal are encoded once.
pub(crate) fn encode<'d>(
    passages: impl IntoIterator<Item = Cow<'d, Document>>,
    total: usize,
    encoder: &CheckedEncoder,
    params: &IndexParams,
    watch: &mut Watch<'_>,
) -> Result<(Vec<f32>, Option<Vec<OwnedSignList>>)> {
    let mut make = |texts: &[&str], progress: TextsDone<'_>| {
        EncodedTexts::new(texts, encoder, &params.encoder, progress)
    };
    let report = &mut |progress| watch.report(progress);
    encode_by(&mut make, passages, total, params, report)
}

/// What is told how many texts are encoded.
pub(super) type TextsDone<'a> = &'a mut dyn FnMut(usize) -> Result<()>;

/// What makes vectors of the texts of passages.
pub(super) type EncodeTexts<'a> = &'a mut dyn FnMut(&[&str], TextsDone<'_>) -> Result<EncodedTexts>;

/// Texts that were encoded.
pub(super) struct EncodedTexts {
    /// `[texts, dim]` unit vectors.
    pub(super) vectors: Vec<f32>,
    /// By text: the vectors of its tokens, where the index keeps them.
    pub(super) tokens: Option<Vec<OwnedSignList>>,
}

impl EncodedTexts {
    /// Encodes the texts of passages, behind the prompt of documents.
    pub(super) fn new(
        texts: &[&str],
        encoder: &CheckedEncoder,
        params: &EncoderParams,
        done: TextsDone<'_>,
    ) -> Result<Self> {
        let dim = params.dim;
        let prompt_tokens = encoder.prompt_tokens(&params.document_prompt)?;
        let limit = params.max_passage_tokens.saturating_add(prompt_tokens);
        let progress = &mut |encoded, _| done(encoded);
        if !params.token_vectors {
            return Ok(EncodedTexts {
                vectors: encoder.encode(texts, limit, progress)?,
                tokens: None,
            });
        }
        let lists = Mutex::new(vec![OwnedSignList::default(); texts.len()]);
        let vectors = encoder.encode_tokens(texts, limit, progress, &|number, text| {
            let text = text.without_first(prompt_tokens, dim);
            let made = OwnedSignList::of(&distinct_token_vectors(text, dim), dim);
            if let Some(list) = lists.lock().get_mut(number) {
                *list = made;
            }
        })?;
        Ok(EncodedTexts {
            vectors,
            tokens: Some(lists.into_inner()),
        })
    }
}

/// As [`encode`], by whatever makes vectors of texts.
pub(super) fn encode_by<'d>(
    make: EncodeTexts<'_>,
    passages: impl IntoIterator<Item = Cow<'d, Document>>,
    total: usize,
    params: &IndexParams,
    report: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<(Vec<f32>, Option<Vec<OwnedSignList>>)> {
    let (dim, prompt) = (params.encoder.dim, params.encoder.document_prompt.as_str());
    let mut vectors = Vec::with_capacity(total.saturating_mul(dim));
    let mut lists = params.encoder.token_vectors.then(Vec::new);
    let mut passages = passages.into_iter();
    let mut done = 0;
    loop {
        let chunk = TextChunk::of(&mut passages, prompt);
        if chunk.text_of.is_empty() {
            return Ok((vectors, lists));
        }
        let texts = chunk.texts();
        let encoded = make(&texts, &mut |encoded| {
            let passages = match encoded == texts.len() {
                true => chunk.text_of.len(),
                false => encoded,
            };
            report(Progress::new(
                Stage::EncodingDocuments,
                done + passages,
                total,
            ))
        })?;
        for &text in &chunk.text_of {
            let vector = encoded.vectors.chunks_exact(dim.max(1)).nth(text);
            vectors.extend(vector.into_iter().flatten());
            if let Some(lists) = &mut lists {
                let list = encoded.tokens.as_ref().and_then(|tokens| tokens.get(text));
                lists.extend(list.cloned());
            }
        }
        done += chunk.text_of.len();
    }
}

/// Passages that are encoded at once.
#[derive(Default)]
struct TextChunk {
    /// The different texts, numbered as they came.
    numbers: HashMap<String, usize>,
    /// By passage: the number of its text.
    text_of: Vec<usize>,
}

impl TextChunk {
    /// Takes passages up to [`CHUNK_TEXTS`] different texts; none when there are no more.
    fn of<'d>(passages: &mut impl Iterator<Item = Cow<'d, Document>>, prompt: &str) -> TextChunk {
        let mut chunk = TextChunk::default();
        while chunk.numbers.len() < CHUNK_TEXTS
            && let Some(document) = passages.next()
        {
            let text = passage(&document.title, &document.text);
            let next = chunk.numbers.len();
            let number = *chunk
                .numbers
                .entry(format!("{prompt}{text}"))
                .or_insert(next);
            chunk.text_of.push(number);
        }
        chunk
    }

    fn texts(&self) -> Vec<&str> {
        let mut texts = vec![""; self.numbers.len()];
        for (text, &number) in &self.numbers {
            if let Some(slot) = texts.get_mut(number) {
                *slot = text;
            }
        }
        texts
    }
}

/// What of a document is encoded: the text stands at the end.
pub(super) fn passage(title: &str, text: &str) -> String {
    match (title.is_empty(), text.is_empty()) {
        (true, _) => text.to_owned(),
        (false, true) => title.to_owned(),
        (false, false) => format!("{title} {text}"),
    }
}

/// The docids of a document with their tokens, and whether it has an indexable term. Its words are
/// looked for if they are not known: where they stand, by number of the text.
pub(crate) fn docids_of(
    document: &Document,
    words: Option<(&CountedTexts, usize)>,
    stats: &TermStats,
    tokenizer: &dyn DocidTokenizer,
    params: &IndexParams,
) -> Result<(Vec<Docid>, bool)> {
    if !document.docids.is_empty() {
        let docids = given_docids(document, tokenizer, params);
        return Ok((docids.map_err(|error| of_document(document, error))?, true));
    }
    let weights = match words {
        Some((texts, number)) => stats.weights_of(texts, number),
        None => stats.weights(document),
    };
    let has_terms = !weights.is_empty();
    let texts = docid_texts(document, weights, params);
    let docids = expressed(texts, tokenizer, params, |mut tokens| {
        tokens.truncate(MAX_DOCID_TOKENS);
        Ok(tokens)
    });
    let docids = docids.map_err(|error| of_document(document, error))?;
    Ok((docids, has_terms))
}

/// The docids, in words, that the index makes for a document of its weighed terms, best first.
pub(crate) fn docid_texts(
    document: &Document,
    weights: Vec<(String, f32)>,
    params: &IndexParams,
) -> Vec<String> {
    let options = DocidOptions {
        words: params.docids.words,
        per_document: params.docids.per_document,
    };
    match params.docids.source {
        DocidSource::Title => title_docids_or(document, weights, &options),
        DocidSource::Keywords => docids_of_terms(&document.id, weights, &options),
    }
}

/// The docids that a document brings, with their tokens; errors do not name it.
pub(super) fn given_docids(
    document: &Document,
    tokenizer: &dyn DocidTokenizer,
    params: &IndexParams,
) -> Result<Vec<Docid>> {
    let texts = document.docids.iter().map(|docid| clean_docid(docid));
    expressed(texts, tokenizer, params, |tokens| match tokens.len() {
        0..=MAX_DOCID_TOKENS => Ok(tokens),
        count => Err(Error::limit(format!(
            "a docid has {count} tokens; the limit is {MAX_DOCID_TOKENS}: shorten it"
        ))),
    })
}

/// Docids that have tokens, with them, after `limited`.
pub(super) fn expressed(
    texts: impl IntoIterator<Item = String>,
    tokenizer: &dyn DocidTokenizer,
    params: &IndexParams,
    limited: impl Fn(Vec<u32>) -> Result<Vec<u32>>,
) -> Result<Vec<Docid>> {
    let mut docids = Vec::new();
    for text in texts {
        let tokens = limited(tokenizer.docid_tokens(&text)?)?;
        let vocabulary_size = params.tokenizer.vocabulary_size;
        let is_unknown = |token: &&u32| **token as usize >= vocabulary_size;
        if let Some(token) = tokens.iter().find(is_unknown) {
            return Err(Error::invalid(format!(
                "the tokenizer gives token {token} for a docid, but it says that it has \
                 {vocabulary_size} tokens only"
            )));
        }
        if !tokens.is_empty() {
            docids.push(Docid { text, tokens });
        }
    }
    if docids.is_empty() {
        return Err(Error::invalid(
            "there is no docid that the tokenizer can express: give one",
        ));
    }
    Ok(docids)
}

/// An error about a document, with its id in front if the document is to blame.
pub(super) fn of_document(document: &Document, error: Error) -> Error {
    if !error.is_invalid_input() {
        return error;
    }
    // A line of a terminal, should the id be what is wrong.
    let id: String = document.id.chars().take(80).collect();
    error.about(format_args!("document {id:?}"))
}

#[cfg(test)]
mod tests;
