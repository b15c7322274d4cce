//! The door for a `tokenizer.json`: what is in it is understood and bounded before anything is made
//! of it.
//!
//! The file may come from a stranger, inside an index too. The crate that runs it trusts it: counts
//! are allocated as they are written, offsets are followed, patterns are run whatever they cost.
//! So here every part has to be of a known type with known fields; ids, lengths, nesting and growth
//! have limits ([`patterns`](super::patterns), [`charsmap`](super::charsmap)).
//!
//! ```text
//!   bytes ──► JSON, at most 64 MiB ──► this check ──► the tokenizer is made of the checked JSON
//! ```
//!
//! - I1. What was checked is what is loaded: a key that is written twice counts once, in both.
//! - I2. A text of n characters is never made longer than [`MAX_GROWTH`](super::steps) n and a constant.

use serde_json::{Map, Value};

use super::part::{MAX_IDS, Part, refused};
use super::steps::{Walk, decoder, normalizer, post_processor, pre_tokenizer};
use crate::{Error, ErrorKind, Result};

/// The most bytes of a `tokenizer.json`: twice those of the largest in use, of 256,000 words.
const MAX_JSON_BYTES: usize = 64 << 20;

/// The most bytes of a token of a Unigram model, whose time grows with them.
const MAX_UNIGRAM_TOKEN_BYTES: usize = 512;

/// Scores of a Unigram model are this small, so that their sums stay numbers.
const MAX_SCORE: f64 = 1e9;

/// The most added tokens.
const MAX_ADDED_TOKENS: usize = 1 << 16;

/// The most characters of a word that WordPiece takes apart, in time of their third power.
const MAX_WORD_CHARS: u64 = 200;

/// The JSON of a tokenizer, understood and bounded; without padding and truncation, which the
/// callers take care of.
///
/// # Errors
///
/// [`ErrorKind::Model`] naming the part that is unknown or beyond its limit.
pub(super) fn checked(bytes: &[u8]) -> Result<Value> {
    if bytes.len() > MAX_JSON_BYTES {
        let len = bytes.len();
        return refused(format!("it has {len} bytes, the limit is {MAX_JSON_BYTES}"));
    }
    let mut json: Value = serde_json::from_slice(bytes).map_err(|error| {
        let message = format!("not a usable tokenizer.json ({error}); use the file of the model");
        Error::with_source(ErrorKind::Model, message, error)
    })?;
    let Value::Object(whole) = &mut json else {
        return refused("it is no JSON object".into());
    };
    whole.remove("padding");
    whole.remove("truncation");
    if let Some(Value::Object(model)) = whole.get_mut("model") {
        name_type(model);
    }
    let part = Part {
        path: "tokenizer",
        fields: whole,
    };
    part.only(&[
        "version",
        "added_tokens",
        "normalizer",
        "pre_tokenizer",
        "post_processor",
        "decoder",
        "model",
    ])?;
    check_model(&part.part("model")?)?;
    check_added_tokens(&part)?;
    let mut of_text = Walk::new();
    of_text.parts(&part, "normalizer", 0, normalizer)?;
    of_text.parts(&part, "pre_tokenizer", 0, pre_tokenizer)?;
    Walk::new().parts(&part, "post_processor", 0, post_processor)?;
    Walk::new().parts(&part, "decoder", 0, decoder)?;
    Ok(json)
}

/// Files of before models had a type are told apart by their fields.
fn name_type(model: &mut Map<String, Value>) {
    if model.contains_key("type") {
        return;
    }
    let name = match () {
        () if model.contains_key("merges") => "BPE",
        () if model.contains_key("max_input_chars_per_word") => "WordPiece",
        () if model.get("vocab").is_some_and(Value::is_array) => "Unigram",
        () => "WordLevel",
    };
    model.insert("type".into(), name.into());
}

fn check_model(model: &Part<'_>) -> Result<()> {
    let vocabulary = || match model.fields.get("vocab") {
        Some(Value::Object(vocabulary)) => Ok(vocabulary),
        _ => model.wrong("vocab is no object"),
    };
    let check_ids = |vocabulary: &Map<String, Value>| {
        let is_id = |id: &Value| id.as_u64().is_some_and(|id| id < MAX_IDS);
        match vocabulary.values().all(is_id) {
            true => Ok(()),
            false => model.wrong(&format!("a token has no id below {MAX_IDS}")),
        }
    };
    let has_unknown = |vocabulary: &Map<String, Value>| -> Result<()> {
        match vocabulary.contains_key(model.text("unk_token")?) {
            true => Ok(()),
            false => model.wrong("its unknown token is not in its vocabulary"),
        }
    };
    match model.kind()? {
        "BPE" => {
            model.only(&[
                "type",
                "dropout",
                "unk_token",
                "continuing_subword_prefix",
                "end_of_word_suffix",
                "fuse_unk",
                "byte_fallback",
                "ignore_merges",
                "vocab",
                "merges",
            ])?;
            let dropout = model.fields.get("dropout").unwrap_or(&Value::Null);
            if !dropout.is_null() && dropout.as_f64() != Some(0.0) {
                return model.wrong("a dropout, which makes tokens random, is not supported");
            }
            model.optional_text("unk_token")?;
            model.optional_text("end_of_word_suffix")?;
            check_ids(vocabulary()?)?;
            let prefix = model.optional_text("continuing_subword_prefix")?;
            let second = |merge: &Value| match merge {
                Value::String(merge) => Some(merge.split_once(' ')?.1.to_owned()),
                Value::Array(pair) => Some(pair.get(1)?.as_str()?.to_owned()),
                _ => None,
            };
            for merge in model.list("merges")? {
                match second(merge) {
                    Some(second) if second.starts_with(prefix.unwrap_or_default()) => {}
                    _ => return model.wrong("a merge is not of two tokens"),
                }
            }
            Ok(())
        }
        "WordPiece" => {
            model.only(&[
                "type",
                "unk_token",
                "continuing_subword_prefix",
                "max_input_chars_per_word",
                "vocab",
            ])?;
            model.text("continuing_subword_prefix")?;
            model.count("max_input_chars_per_word", MAX_WORD_CHARS)?;
            check_ids(vocabulary()?)?;
            has_unknown(vocabulary()?)
        }
        "WordLevel" => {
            model.only(&["type", "unk_token", "vocab"])?;
            check_ids(vocabulary()?)?;
            has_unknown(vocabulary()?)
        }
        "Unigram" => {
            model.only(&["type", "unk_id", "vocab", "byte_fallback"])?;
            let vocabulary = model.list("vocab")?;
            if vocabulary.len() as u64 > MAX_IDS {
                return model.wrong(&format!("its vocabulary has more than {MAX_IDS} tokens"));
            }
            let is_token = |entry: &Value| match entry.as_array().map(Vec::as_slice) {
                Some([Value::String(token), score]) => {
                    token.len() <= MAX_UNIGRAM_TOKEN_BYTES
                        && score.as_f64().is_some_and(|score| score.abs() <= MAX_SCORE)
                }
                _ => false,
            };
            if !vocabulary.iter().all(is_token) {
                return model.wrong(&format!(
                    "a token is no text of {MAX_UNIGRAM_TOKEN_BYTES} bytes or fewer with a score"
                ));
            }
            match model.fields.get("unk_id") {
                None | Some(Value::Null) => Ok(()),
                Some(_) => model
                    .count("unk_id", (vocabulary.len() as u64).saturating_sub(1))
                    .map(drop),
            }
        }
        other => model.wrong(&format!("the type {other:?} is not supported")),
    }
}

fn check_added_tokens(whole: &Part<'_>) -> Result<()> {
    let tokens = match whole.fields.get("added_tokens") {
        None | Some(Value::Null) => return Ok(()),
        Some(_) => whole.list("added_tokens")?,
    };
    if tokens.len() > MAX_ADDED_TOKENS {
        let count = tokens.len();
        return whole.wrong(&format!(
            "it has {count} added tokens, the limit is {MAX_ADDED_TOKENS}"
        ));
    }
    for token in tokens {
        let token = Part::of("an added token", token)?;
        token.only(&[
            "id",
            "content",
            "single_word",
            "lstrip",
            "rstrip",
            "normalized",
            "special",
        ])?;
        token.text("content")?;
        token.count("id", MAX_IDS - 1)?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
