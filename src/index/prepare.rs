//! From documents as they come in to docids and vectors.

use super::params::{DocidSource, IndexParams};
use super::progress::{Progress, ProgressFn, Stage};
use super::segment::Segment;
use super::segment_builder::{Docid, PreparedDocuments};
use crate::columns::{OwnedSignList, SignListsBuilder};
use crate::docs::Document;
use crate::encode::TextEncoder;
use crate::generate::{
    DocidOptions, TermStats, clean_docid, has_terms, keyword_docids, title_docids,
};
use crate::late_interaction::distinct_token_vectors;
use crate::trie::MAX_DOCID_TOKENS;
use crate::{Error, Result};

/// Document frequencies over everything that will be alive: of the terms of `documents`, or of
/// all terms when there will be training. They come from the segments' lexicons; only where those
/// do not tell them are stored documents read.
pub(super) fn term_stats<'a>(
    segments: impl Iterator<Item = &'a Segment>,
    documents: &[Document],
    params: &IndexParams,
    all_terms: bool,
) -> Result<TermStats> {
    let mut stats = TermStats::default();
    documents.iter().for_each(|document| stats.add(document));
    let mut from_texts = TermStats::default();
    for segment in segments {
        if segment.add_term_stats(&mut stats, params.lexicon.analyser(), all_terms)? {
            continue;
        }
        let is_live = |ordinal| segment.is_live(ordinal);
        segment.documents.for_each(is_live, |_, document| {
            from_texts.add(&document);
            Ok(())
        })?;
    }
    stats.merge(from_texts);
    Ok(stats)
}

/// Gives every document its docids and its vector; also counts those without terms.
pub(super) fn prepare(
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
        progress(Progress::new(Stage::Docids, done, total));
    }
    let texts: Vec<String> = documents.iter().map(passage).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let limit = params.encoder.max_passage_tokens;
    let encoding = &mut |done, total| {
        progress(Progress::new(Stage::EncodingDocuments, done, total));
    };
    let (vectors, token_vectors) = match params.encoder.token_vectors {
        true => {
            let dim = params.encoder.dim;
            let mut lists = vec![OwnedSignList::default(); texts.len()];
            let vectors = encoder.encode_tokens(&texts, limit, encoding, &mut |number, text| {
                if let Some(list) = lists.get_mut(number) {
                    *list = OwnedSignList::of(&distinct_token_vectors(text, dim), dim);
                }
            })?;
            let mut builder = SignListsBuilder::default();
            lists.iter().for_each(|list| builder.push(list.as_list()));
            (vectors, Some(builder))
        }
        false => (encoder.encode(&texts, limit, encoding)?, None),
    };
    Ok((
        PreparedDocuments {
            documents,
            docids,
            vectors,
            token_vectors,
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
        if let Some(token) = tokens
            .iter()
            .find(|&&token| token as usize >= params.tokenizer.vocabulary_size)
        {
            return Err(Error::invalid(format!(
                "the tokenizer gives token {token} for a docid of document {:?}, but it says that \
                 it has {} tokens only",
                document.id, params.tokenizer.vocabulary_size
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
