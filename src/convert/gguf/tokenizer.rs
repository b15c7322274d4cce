//! The tokenizer of a GGUF file as a `tokenizer.json`.
//!
//! GGUF names a kind (`gpt2`: byte-level BPE with merges; `llama`: SentencePiece BPE with
//! scores) and, for byte-level ones, the rule by which text is split first. That rule is code in
//! other programs, so only rules that are known by name here are accepted.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::header::{Header, wrong};
use crate::convert::checkpoint::texts::starts_with;
use crate::{ErrorKind, Result};

/// `tokenizer.ggml.token_type` of a token that stands for nothing in a text.
const CONTROL: i64 = 3;
/// `tokenizer.ggml.token_type` of a token that is taken whole where a text has it.
const USER_DEFINED: i64 = 4;

/// Splits words, punctuation, and digits in threes (Llama 3).
const LLAMA3_SPLIT: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// The same, digits one by one (Qwen 2).
const QWEN2_SPLIT: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Names of the rule of Llama 3.
const LLAMA3_RULES: [&str; 3] = ["llama-bpe", "llama3", "llama-v3"];
/// What files that name no rule are split by, one after the other: words, numbers and punctuation,
/// digits in threes.
const DEFAULT_SPLITS: [&str; 4] = [
    r"[\p{P}\$\+<=>\^~\|]+",
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)",
    r"\p{N}+",
    r"[0-9][0-9][0-9]",
];
/// The first token of SentencePiece where a file names none.
pub(super) const DEFAULT_BOS: usize = 1;
/// The last one.
pub(super) const DEFAULT_EOS: usize = 2;

/// The tokenizer of `header` as JSON.
pub(super) fn tokenizer_json(header: &Header) -> Result<Vec<u8>> {
    let kind = header.text("tokenizer.ggml.model")?;
    let kind = kind.ok_or_else(|| wrong("it has no tokenizer"))?;
    let tokens = header.texts("tokenizer.ggml.tokens")?;
    let tokens = tokens.ok_or_else(|| wrong("its tokenizer has no tokens"))?;
    let mut json = match kind {
        "gpt2" => byte_level(header, tokens)?,
        "llama" => sentence_piece(header, tokens)?,
        other => {
            return Err(wrong(format!(
                "its tokenizer is of the kind {other:?}; gpt2 and llama can be read"
            )));
        }
    };
    json.insert("version".into(), json!("1.0"));
    json.insert("added_tokens".into(), added_tokens(header, tokens)?);
    if let Some((token, id)) = first_token(header, tokens)? {
        json.insert("post_processor".into(), starts_with(token, id));
    }
    serde_json::to_vec(&json)
        .map_err(|e| crate::Error::with_source(ErrorKind::Model, e.to_string(), e))
}

/// True if the tokenizer is of the kind of SentencePiece.
pub(super) fn is_sentence_piece(header: &Header) -> bool {
    matches!(header.text("tokenizer.ggml.model"), Ok(Some("llama")))
}

/// The token that every text starts with, if there is one. Files that do not say so leave it to
/// the kind of the tokenizer, and to the rule by which it splits text.
fn first_token<'t>(header: &Header, tokens: &'t [String]) -> Result<Option<(&'t str, u32)>> {
    let rule = header.text("tokenizer.ggml.pre")?.unwrap_or_default();
    let by_default = is_sentence_piece(header) || LLAMA3_RULES.contains(&rule);
    let starts = header.flag("tokenizer.ggml.add_bos_token")?;
    let id = header.count("tokenizer.ggml.bos_token_id")?;
    if !starts.unwrap_or(by_default) {
        return Ok(None);
    }
    let id = id.or(is_sentence_piece(header).then_some(DEFAULT_BOS));
    let id = id.ok_or_else(|| {
        wrong("its texts start with a token that it does not name (tokenizer.ggml.bos_token_id)")
    })?;
    match (tokens.get(id), u32::try_from(id)) {
        (Some(token), Ok(id)) => Ok(Some((token, id))),
        _ => Err(wrong("its first token is behind the vocabulary")),
    }
}

fn vocabulary(tokens: &[String]) -> Result<Map<String, Value>> {
    let mut vocabulary = Map::new();
    for (id, token) in tokens.iter().enumerate() {
        if vocabulary.insert(token.clone(), json!(id)).is_some() {
            return Err(wrong(format!(
                "its tokenizer has the token {token:?} twice"
            )));
        }
    }
    Ok(vocabulary)
}

fn byte_level(header: &Header, tokens: &[String]) -> Result<Map<String, Value>> {
    let merges = header.texts("tokenizer.ggml.merges")?;
    let merges = merges.ok_or_else(|| wrong("its tokenizer has no merges"))?;
    let rule = header.text("tokenizer.ggml.pre")?.unwrap_or("default");
    let bytes = |split: bool| {
        json!({
            "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": split,
        })
    };
    let split = |pattern: &str| {
        json!({
            "type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false,
        })
    };
    let digits = json!({"type": "Digits", "individual_digits": true});
    let sequence = |steps: Vec<Value>| json!({"type": "Sequence", "pretokenizers": steps});
    let (pre_tokenizer, normalizer) = match rule {
        "gpt-2" => (bytes(true), Value::Null),
        "default" => {
            let steps = DEFAULT_SPLITS.iter().map(|pattern| split(pattern));
            let steps = steps.chain([bytes(false)]).collect();
            (sequence(steps), Value::Null)
        }
        "smollm" => (sequence(vec![digits, bytes(true)]), Value::Null),
        _ if LLAMA3_RULES.contains(&rule) => (
            sequence(vec![split(LLAMA3_SPLIT), bytes(false)]),
            Value::Null,
        ),
        "qwen2" => (
            sequence(vec![split(QWEN2_SPLIT), bytes(false)]),
            json!({"type": "NFC"}),
        ),
        other => {
            return Err(wrong(format!(
                "its tokenizer splits text by the rule {other:?}, which is not known here; import \
                 the Hugging Face folder of the model instead"
            )));
        }
    };
    let model = json!({
        "type": "BPE",
        "vocab": vocabulary(tokens)?,
        "merges": merges,
        "ignore_merges": LLAMA3_RULES.contains(&rule),
    });
    let mut json = Map::new();
    json.insert("normalizer".into(), normalizer);
    json.insert("pre_tokenizer".into(), pre_tokenizer);
    json.insert("decoder".into(), bytes(true));
    json.insert("model".into(), model);
    Ok(json)
}

/// SentencePiece joins the neighbours whose union has the best score. As merges: every way of
/// putting a token together from two others, in the order of its score.
fn sentence_piece(header: &Header, tokens: &[String]) -> Result<Map<String, Value>> {
    let scores = header.floats("tokenizer.ggml.scores")?;
    let scores = scores.filter(|scores| scores.len() == tokens.len());
    let scores = scores.ok_or_else(|| wrong("its tokenizer has no score for each token"))?;
    let ids: HashMap<&str, usize> = tokens
        .iter()
        .enumerate()
        .map(|(id, token)| (token.as_str(), id))
        .collect();
    let mut merges = Vec::new();
    for (token, &score) in tokens.iter().zip(scores) {
        if token.len() > MAX_MERGED_BYTES {
            continue;
        }
        for (at, _) in token.char_indices().skip(1) {
            let (left, right) = token.split_at(at);
            if let (Some(&left_id), Some(&right_id)) = (ids.get(left), ids.get(right)) {
                merges.push((score, left_id, right_id, [left, right]));
            }
        }
    }
    merges.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let merges: Vec<[&str; 2]> = merges.into_iter().map(|merge| merge.3).collect();
    let unknown = header
        .count("tokenizer.ggml.unknown_token_id")?
        .unwrap_or(0);
    let prefix = header
        .flag("tokenizer.ggml.add_space_prefix")?
        .unwrap_or(true);
    let space = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
    let mut normalizers = vec![space];
    let mut decoders = vec![
        json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if prefix {
        normalizers.insert(0, json!({"type": "Prepend", "prepend": "▁"}));
        decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    let mut json = Map::new();
    json.insert(
        "normalizer".into(),
        json!({"type": "Sequence", "normalizers": normalizers}),
    );
    json.insert(
        "decoder".into(),
        json!({"type": "Sequence", "decoders": decoders}),
    );
    json.insert(
        "model".into(),
        json!({
            "type": "BPE",
            "vocab": vocabulary(tokens)?,
            "merges": merges,
            "unk_token": tokens.get(unknown),
            "fuse_unk": true,
            "byte_fallback": true,
        }),
    );
    Ok(json)
}

/// Longer tokens are not split into merges: the number of ways grows with the length.
const MAX_MERGED_BYTES: usize = 512;

fn added_tokens(header: &Header, tokens: &[String]) -> Result<Value> {
    let kinds = header
        .integers("tokenizer.ggml.token_type")?
        .unwrap_or_default();
    let added = tokens
        .iter()
        .enumerate()
        .zip(kinds)
        .filter(|(_, kind)| matches!(**kind, CONTROL | USER_DEFINED));
    let added = added.map(|((id, token), kind)| {
        json!({
            "id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": *kind == CONTROL,
        })
    });
    Ok(added.collect())
}
