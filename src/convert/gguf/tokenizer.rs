//! The tokenizer of a GGUF file as a `tokenizer.json`.
//!
//! GGUF names a kind (`gpt2`: byte-level BPE with merges; `llama`: SentencePiece BPE with
//! scores) and, for byte-level ones, the rule by which text is split first. That rule is code in
//! other programs, so only rules that are known by name here are accepted.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::header::{Header, wrong};
use crate::{ErrorKind, Result};

/// `tokenizer.ggml.token_type` of a token that stands for nothing in a text.
const CONTROL: i64 = 3;
/// `tokenizer.ggml.token_type` of a token that is taken whole where a text has it.
const USER_DEFINED: i64 = 4;

/// Splits words, punctuation, and digits in threes (Llama 3).
const LLAMA3_SPLIT: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// The same, digits one by one (Qwen 2).
const QWEN2_SPLIT: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

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
    let by_default = kind == "llama";
    let starts = header
        .flag("tokenizer.ggml.add_bos_token")?
        .unwrap_or(by_default);
    let first = header.count("tokenizer.ggml.bos_token_id")?;
    if let Some(id) = first.filter(|_| starts) {
        let token = tokens.get(id);
        let token = token.ok_or_else(|| wrong("its first token is behind the vocabulary"))?;
        json.insert("post_processor".into(), starts_with(token, id));
    }
    serde_json::to_vec(&json)
        .map_err(|e| crate::Error::with_source(ErrorKind::Model, e.to_string(), e))
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
        "gpt-2" | "default" => (bytes(true), Value::Null),
        "smollm" => (sequence(vec![digits, bytes(true)]), Value::Null),
        "llama-bpe" | "llama3" | "llama-v3" => (
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
        "ignore_merges": rule.starts_with("llama"),
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

/// Every text starts with this token.
fn starts_with(token: &str, id: usize) -> Value {
    let special = json!({"SpecialToken": {"id": token, "type_id": 0}});
    let text = |name: &str, kind: usize| json!({"Sequence": {"id": name, "type_id": kind}});
    json!({
        "type": "TemplateProcessing",
        "single": [special, text("A", 0)],
        "pair": [special, text("A", 0), text("B", 1)],
        "special_tokens": {token: {"id": token, "ids": [id], "tokens": [token]}},
    })
}
