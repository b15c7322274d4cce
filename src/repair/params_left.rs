//! The parameters of an index whose stored ones cannot be used, for recovery.
//!
//! Every stored value that can be is kept, one by one; the others are those of a new index, as far
//! as the segments do not tell otherwise. The rules by which words are taken from texts are always
//! those of this version, so lexicons that are not known to be by the same ones are not kept.

use serde_json::Value;

use crate::columns::SectionSource;
use crate::docs::{FieldTable, FieldTypes};
use crate::format::{ExtentKind, SegmentEntry};
use crate::index::OpenOptions;
use crate::segment::{
    EncoderParams, IndexParams, LexiconParams, MAX_PASSAGE_TOKENS, MAX_QUERY_TOKENS,
    TokenizerParams,
};
use crate::store::{Extent, Snapshot};
use crate::trie::{SegmentTrie, TokenWidth, sections, union_keys};
use crate::{Error, Result};

/// What stands for the fingerprint of an encoder that nobody knows.
const UNKNOWN: &str = "unknown";

/// What there is of the parameters of an index.
pub(super) struct ParamsLeft {
    pub(super) params: IndexParams,
    /// Where they are not the stored ones, and what that means, in words.
    pub(super) notes: Vec<String>,
    /// Whether the stored lexicons have the terms that `params` make of the texts.
    pub(super) have_lexicons_their_terms: bool,
}

/// The parameters that `stored` gives, and others where it does not.
///
///
/// # Errors
/// `Corrupt` where there are neither parameters nor segments.
pub(super) fn params_left(
    stored: &[u8],
    snapshot: &Snapshot,
    entries: &[SegmentEntry],
    options: &OpenOptions,
) -> Result<ParamsLeft> {
    let error = match IndexParams::from_json(stored) {
        Ok(params) => {
            return Ok(ParamsLeft {
                params,
                notes: Vec::new(),
                have_lexicons_their_terms: true,
            });
        }
        Err(error) if stored.is_empty() && entries.is_empty() => return Err(error),
        Err(error) => error,
    };
    let default = defaults(snapshot, entries, options);
    let mut notes = vec![error.finding().to_owned()];
    let unwritable = |error| Error::invalid(format!("parameters: {error}"));
    let mut params = serde_json::to_value(&default).map_err(unwritable)?;
    let stored = serde_json::from_slice::<Value>(stored).unwrap_or_default();
    if stored.is_object() {
        keep(&mut params, &mut Vec::new(), &stored, &mut notes);
    }
    let params: IndexParams = serde_json::from_value(params).map_err(unwritable)?;
    if params.encoder.fingerprint == UNKNOWN {
        notes.push(
            "which encoder made the vectors is not known: search by words, or build the index \
             anew from its documents (`zerogr list --json`)"
                .into(),
        );
    }
    Ok(ParamsLeft {
        have_lexicons_their_terms: has_terms_of(&params.lexicon, &stored),
        params,
        notes,
    })
}

/// Whether terms by the rules that `stored` names are those of `params`.
fn has_terms_of(params: &LexiconParams, stored: &Value) -> bool {
    let recorded = |name| stored.get("lexicon").and_then(|lexicon| lexicon.get(name));
    recorded("analysis") == Some(&params.analysis.into())
        && recorded("stemming") == Some(&params.stemming.into())
        && recorded("stop_words") == Some(&params.stop_words.into())
}

/// Puts `stored` at `path` into `params`, or what of it leaves them usable.
fn keep(params: &mut Value, path: &mut Vec<String>, stored: &Value, notes: &mut Vec<String>) {
    let before = params.clone();
    if set(params, path, stored) && is_usable(params) {
        return;
    }
    *params = before;
    match stored.as_object() {
        Some(members) => {
            for (name, value) in members {
                path.push(name.clone());
                keep(params, path, value, notes);
                path.pop();
            }
        }
        None => {
            let mut place = Some(&*params);
            for name in path.iter() {
                place = place.and_then(|value| value.get(name));
            }
            let taken = place.map_or("nothing".to_owned(), Value::to_string);
            notes.push(format!(
                "the parameter {} is {stored}, which cannot be; {taken} is taken",
                path.join(".")
            ));
        }
    }
}

/// False when there is no object to put it into.
fn set(params: &mut Value, path: &[String], value: &Value) -> bool {
    let Some((last, parents)) = path.split_last() else {
        return false;
    };
    let parent = parents
        .iter()
        .try_fold(params, |place, name| place.get_mut(name));
    let Some(parent) = parent.and_then(Value::as_object_mut) else {
        return false;
    };
    parent.insert(last.clone(), value.clone());
    true
}

fn is_usable(params: &Value) -> bool {
    serde_json::from_value::<IndexParams>(params.clone()).is_ok_and(|params| params.check().is_ok())
}

/// Those of a new index, with what the segments and the encoder at hand tell.
fn defaults(snapshot: &Snapshot, entries: &[SegmentEntry], options: &OpenOptions) -> IndexParams {
    let body = |entry: &SegmentEntry| snapshot.extent_of(ExtentKind::Segment, &entry.segment).ok();
    let bodies: Vec<Extent> = entries.iter().filter_map(body).collect();
    let encoder = options.encoder.as_ref();
    let dim = bodies.iter().find_map(dim_of);
    let width = bodies.iter().find_map(width_of);
    let has_token_vectors = |body: &Extent| {
        let mut sections = body.sections();
        sections.any(|info| info.kind == sections::TOKEN_VECTORS)
    };
    let known_width = width.unwrap_or(2);
    let params = IndexParams::new(
        EncoderParams {
            fingerprint: encoder.map_or(UNKNOWN.to_owned(), |encoder| encoder.fingerprint()),
            dim: dim.or(encoder.map(|encoder| encoder.dim())).unwrap_or(1),
            max_passage_tokens: MAX_PASSAGE_TOKENS,
            max_query_tokens: MAX_QUERY_TOKENS,
            pooling: String::new(),
            max_model_tokens: 0,
            lower_case: false,
            query_prompt: String::new(),
            document_prompt: String::new(),
            late_interaction: None,
            token_vectors: bodies.iter().any(has_token_vectors),
        },
        match encoder.map(|encoder| encoder.tokenizer()) {
            Some(tokenizer) => TokenizerParams {
                fingerprint: tokenizer.fingerprint(),
                vocabulary_size: tokenizer.vocabulary_size(),
                token_width_bytes: TokenWidth::for_vocabulary(tokenizer.vocabulary_size())
                    .map_or(known_width, TokenWidth::bytes_per_token),
            },
            None => TokenizerParams {
                fingerprint: UNKNOWN.to_owned(),
                vocabulary_size: 1 << (8 * known_width),
                token_width_bytes: known_width,
            },
        },
    );
    IndexParams {
        fields: fields_of(snapshot, entries),
        ..params
    }
}

/// The fields that segments have columns of.
fn fields_of(snapshot: &Snapshot, entries: &[SegmentEntry]) -> FieldTypes {
    let mut fields = FieldTypes::default();
    for entry in entries {
        let body = snapshot.extent_of(ExtentKind::Segment, &entry.segment);
        let table = body.and_then(|body| FieldTable::open(&body, entry.doc_count));
        for (name, column) in table.ok().flatten().iter().flat_map(FieldTable::columns) {
            if fields.get(name).is_none() {
                fields.declare(name.to_owned(), column.field_type());
            }
        }
    }
    match fields.check() {
        Ok(()) => fields,
        Err(_) => FieldTypes::default(),
    }
}

/// Values per vector, from the length of a segment's vectors.
fn dim_of(body: &Extent) -> Option<usize> {
    let vectors = body
        .sections()
        .find(|info| info.kind == sections::DOCUMENT_VECTORS)?;
    let bytes_per_row = vectors.len_bytes.checked_div(vectors.entry_count)?;
    usize::try_from(bytes_per_row / 2)
        .ok()
        .filter(|&dim| dim > 0)
}

/// Bytes per token, from the trie: the width in which its keys are whole tokens.
fn width_of(body: &Extent) -> Option<usize> {
    let trie = SectionSource::find(body, sections::TRIE).ok()??;
    let docids = u32::try_from(trie.entry_count()).ok()?;
    [2, 3].into_iter().find(|&bytes| {
        let width = TokenWidth::from_bytes_per_token(bytes);
        let trie = width.and_then(|width| SegmentTrie::open(trie.clone(), width, docids));
        trie.is_ok_and(|trie| {
            let whole = |key: &[u8]| trie.width().tokens(key).map(drop);
            union_keys([&trie], |key, _| whole(key)).is_ok()
        })
    })
}
