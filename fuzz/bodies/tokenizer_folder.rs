//! A `tokenizer.json` of a stranger: it is refused, or texts become tokens and tokens text.
//!
//! Input: the file, or a number of a small tokenizer and changes to it: (which of its values,
//! counted from the root, which of the hostile ones in its place).

use std::panic;
use std::sync::Once;

use serde_json::{Value, json};
use zerogr::raw::model::Tokenizer;

use super::Input;

/// The most changes of one input.
const MAX_CHANGES: usize = 8;

pub fn run(data: &[u8]) {
    // A panic in the tokenizers crate is an error of the model. Where a fuzzer hooks panics, the
    // process would end before it is caught.
    static UNHOOKED: Once = Once::new();
    UNHOOKED.call_once(|| {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let file = info.location().map_or("", |at| at.file());
            if !file.contains("tokenizers-") && !file.contains("spm_precompiled-") {
                hook(info);
            }
        }));
    });
    let json = match data.first() {
        Some(b'{' | b'[' | b'"') => data.to_vec(),
        _ => changed(data).to_string().into_bytes(),
    };
    let Ok(tokenizer) = Tokenizer::from_bytes(&json) else {
        return;
    };
    let texts = [
        String::new(),
        "ab AB [CLS] c,d".to_owned(),
        "ﬁ ⅷ ㍿ ﷺ é\u{301} 你好 \u{200b}\u{fffd}\n\n  🦀".to_owned(),
        "a".repeat(3_000),
        " ".repeat(1_000),
        "1234567890".repeat(200),
    ];
    for text in &texts {
        let Ok(tokens) = tokenizer.encode(text, 64) else {
            continue;
        };
        assert!(tokens.len() <= 64, "{} tokens", tokens.len());
        let _ = tokenizer.decode(&tokens);
        let _ = tokenizer.encode_plain(text);
    }
}

/// The tokenizer that an input describes.
fn changed(data: &[u8]) -> Value {
    let mut input = Input(data);
    let (bases, hostile) = (bases(), hostile());
    let mut json = bases[usize::from(input.byte()) % bases.len()].clone();
    for _ in 0..MAX_CHANGES {
        if input.0.is_empty() {
            break;
        }
        let (at, value) = (input.number(), usize::from(input.byte()));
        let mut left = at % count(&json).max(1);
        if let Some(place) = nth(&mut json, &mut left) {
            *place = hostile[value % hostile.len()].clone();
        }
    }
    json
}

/// The values in a value, itself among them.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(count).sum(),
        Value::Object(map) => map.values().map(count).sum(),
        _ => 0,
    }
}

/// The value that `left` others come before.
fn nth<'v>(value: &'v mut Value, left: &mut usize) -> Option<&'v mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Array(list) => list.iter_mut().find_map(|one| nth(one, left)),
        Value::Object(map) => map.values_mut().find_map(|one| nth(one, left)),
        _ => None,
    }
}

/// Small tokenizers: each kind of model, with parts of all kinds around it.
fn bases() -> Vec<Value> {
    let vocab = json!({"[UNK]": 0, "a": 1, "b": 2, "ab": 3, "[CLS]": 4, "##b": 5, "▁a": 6, "Ġ": 7});
    let scores = ["<unk>", "a", "b", "ab", "▁", "▁a"].map(|token| json!([token, -1.5]));
    let whole = |model: Value, normalizers: Value, pretokenizers: Value, decoders: Value| {
        json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": [{"id": 4, "content": "[CLS]", "single_word": false, "lstrip": true,
                "rstrip": true, "normalized": true, "special": true}],
            "normalizer": {"type": "Sequence", "normalizers": normalizers},
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": pretokenizers},
            "post_processor": {"type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                    {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}},
                    {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [4], "tokens": ["[CLS]"]}}},
            "decoder": {"type": "Sequence", "decoders": decoders},
            "model": model,
        })
    };
    let byte_level = json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true});
    let metaspace =
        json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true});
    let split = |pattern: &str, behavior: &str| json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": false});
    let replace = |pattern: &str, content: &str| json!({"type": "Replace", "pattern": {"Regex": pattern}, "content": content});
    // 1,024 bytes of an array in which nothing is found.
    let empty_map = format!("AAQA{}AAA=", "A".repeat(341 * 4));
    let bert = json!({"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
        "strip_accents": null, "lowercase": true});
    vec![
        whole(
            json!({"type": "BPE", "dropout": null, "unk_token": "[UNK]", "continuing_subword_prefix": null,
                "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": true,
                "ignore_merges": false, "vocab": vocab, "merges": [["a", "b"]]}),
            json!([{"type": "NFC"}, {"type": "Prepend", "prepend": "▁"}, replace(" {2,}", "▁")]),
            json!([split(r"\p{N}{1,3}|\s+(?!\S)|\s+", "Isolated"), byte_level]),
            json!([byte_level, {"type": "ByteFallback"}, {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0}]),
        ),
        whole(
            json!({"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 100, "vocab": vocab}),
            json!([bert, {"type": "Strip", "strip_left": true, "strip_right": true}]),
            json!([{"type": "BertPreTokenizer"}, {"type": "Digits", "individual_digits": true}]),
            json!([{"type": "WordPiece", "prefix": "##", "cleanup": true}]),
        ),
        whole(
            json!({"type": "WordLevel", "unk_token": "[UNK]", "vocab": vocab}),
            json!([{"type": "NFD"}, {"type": "StripAccents"}, {"type": "Nmt"}, {"type": "Lowercase"}]),
            json!([{"type": "Whitespace"}, {"type": "Punctuation", "behavior": "Contiguous"},
                {"type": "CharDelimiterSplit", "delimiter": "c"}, {"type": "FixedLength", "length": 5}]),
            json!([{"type": "BPEDecoder", "suffix": "</w>"}, {"type": "CTC", "pad_token": "[CLS]",
                "word_delimiter_token": "|", "cleanup": true}]),
        ),
        whole(
            json!({"type": "Unigram", "unk_id": 0, "byte_fallback": false, "vocab": scores}),
            json!([{"type": "Precompiled", "precompiled_charsmap": empty_map}, {"type": "NFKC"}]),
            json!([{"type": "UnicodeScripts"}, {"type": "WhitespaceSplit"}, metaspace]),
            json!([metaspace, {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}]),
        ),
    ]
}

fn hostile() -> Vec<Value> {
    let long = "a".repeat(600);
    let deep = (0..100).fold(
        json!({"type": "NFC"}),
        |inner, _| json!({"type": "Sequence", "normalizers": [inner]}),
    );
    let mut values = vec![
        Value::Null,
        json!(true),
        json!(false),
        json!(0),
        json!(1),
        json!(-1),
        json!(u32::MAX),
        json!(u64::MAX),
        json!(1e300),
        json!(-1e300),
        json!(0.5),
        json!([]),
        json!({}),
        json!(["a", "b"]),
        json!([["a", "b"], ["ab", "a"]]),
        json!({"a": 0, "b": 0}),
        json!({"": 0, "a": 4_000_000}),
        json!([["", 0], ["a", 0]]),
        json!({"String": ""}),
        json!({"String": "a"}),
        json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false}),
        json!({"type": "NFKD"}),
        json!({"type": "Lowercase"}),
        json!({"Sequence": {"id": "B", "type_id": 0}}),
        json!({"SpecialToken": {"id": "[GONE]", "type_id": 0}}),
        deep,
    ];
    let texts = [
        "",
        "a",
        "b",
        "▁",
        "##",
        "[UNK]",
        "[CLS]",
        "[GONE]",
        " ",
        "\u{301}",
        "\u{200b}",
        "\0",
        "é",
        "BPE",
        "Unigram",
        "WordPiece",
        "WordLevel",
        "always",
        "never",
        "first",
        "Removed",
        "MergedWithPrevious",
        "MergedWithNext",
        "Contiguous",
        "Left",
        long.as_str(),
        "AAAA",
        "/////w==",
        "BAAAAAD8AwA=",
    ];
    values.extend(texts.map(Value::from));
    for pattern in [
        "",
        ".",
        "a*",
        r"\s*",
        "a?",
        "(a|b)?",
        "(a+)+",
        r"(a+)+(?!\S)",
        r".*(?!\S)",
        r"\b",
        "^",
        "$",
        r"[^\s\p{L}]+|\s+(?!\S)",
        "a{1000}",
        "(((a{9}){9}){9}){9}",
        r"\1",
        "(?i:a)",
        "[",
        "(?=a)",
    ] {
        values.push(json!({"Regex": pattern}));
    }
    values
}

pub fn seeds() -> Vec<Vec<u8>> {
    let bases = bases();
    let mut seeds: Vec<Vec<u8>> = bases
        .iter()
        .map(|json| json.to_string().into_bytes())
        .collect();
    // Each hostile value once, at places all over the tokenizers.
    for value in 0..hostile().len() {
        let base = value % bases.len();
        let place = (value * 37 + 11) % count(&bases[base]);
        let [low, high] = u16::try_from(place).unwrap().to_le_bytes();
        seeds.push(vec![base as u8, low, high, value as u8]);
    }
    seeds
}
