use serde_json::json;

use super::super::charsmap::tests as maps;
use super::*;
use crate::model::runtime::cache::DEFAULT_TOKENIZER;
use crate::model::tokenizer::Tokenizer;

/// A small tokenizer of each kind of model.
fn small() -> Vec<Value> {
    let vocab = json!({"[UNK]": 0, "a": 1, "b": 2, "ab": 3, "[CLS]": 4});
    let models = [
        json!({"type": "BPE", "vocab": vocab, "merges": ["a b"], "unk_token": "[UNK]"}),
        json!({"type": "WordPiece", "vocab": vocab, "unk_token": "[UNK]",
            "continuing_subword_prefix": "##", "max_input_chars_per_word": 100}),
        json!({"type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]"}),
        json!({"type": "Unigram", "unk_id": 0,
            "vocab": [["[UNK]", 0.0], ["a", -1.0], ["b", -2.0], ["ab", -1.5], ["[CLS]", -9.0]]}),
    ];
    let whole = |model: Value| {
        json!({
            "version": "1.0",
            "truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 9},
            "padding": null,
            "added_tokens": [{"id": 4, "content": "[CLS]", "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": true}],
            "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Lowercase"}]},
            "pre_tokenizer": {"type": "WhitespaceSplit"},
            "post_processor": {"type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [4], "tokens": ["[CLS]"]}}},
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": false},
            "model": model,
        })
    };
    models.map(whole).to_vec()
}

fn load(json: &Value) -> Result<Tokenizer> {
    Tokenizer::from_bytes(json.to_string().as_bytes())
}

/// Sets the value at `path`, in dots.
fn set(json: &mut Value, path: &str, value: Value) {
    let pointer = format!("/{}", path.replace('.', "/"));
    if let Some(place) = json.pointer_mut(&pointer) {
        *place = value;
        return;
    }
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    json.pointer_mut(parent).unwrap()[name] = value;
}

#[test]
fn the_kinds_of_models_are_read() {
    for json in small() {
        let tokenizer = load(&json).unwrap();
        let kind = &json["model"]["type"];
        assert_eq!(tokenizer.encode("AB", 8).unwrap(), [4, 3], "{kind}");
        assert_eq!(tokenizer.vocab_size(), 5, "{kind}");
        // The files of before models had a type.
        let mut old = json.clone();
        old["model"].as_object_mut().unwrap().remove("type");
        assert_eq!(
            load(&old).unwrap().encode("AB", 8).unwrap(),
            [4, 3],
            "{kind}"
        );
    }
    assert!(Tokenizer::from_bytes(DEFAULT_TOKENIZER).is_ok());
}

#[test]
fn what_is_not_understood_is_refused_by_name() {
    let nested = |depth: usize| {
        let inner = json!({"type": "Lowercase"});
        (0..depth).fold(
            inner,
            |inner, _| json!({"type": "Sequence", "normalizers": [inner]}),
        )
    };
    let replace = |pattern: Value, content: &str| json!({"type": "Replace", "pattern": pattern, "content": content});
    let many =
        |part: Value, count: usize| json!({"type": "Sequence", "normalizers": vec![part; count]});
    let letter = json!({"String": "a"});
    let cases = [
        ("surprise", json!(1), "surprise"),
        ("normalizer", json!({"type": "Other"}), "Other"),
        (
            "normalizer",
            json!({"type": "Lowercase", "locale": "tr"}),
            "locale",
        ),
        ("normalizer", nested(5), "deep"),
        (
            "normalizer",
            many(json!({"type": "Lowercase"}), 30),
            "parts",
        ),
        (
            "normalizer",
            replace(json!({"Regex": "(a+)+(?!\\S)"}), ""),
            "pattern",
        ),
        (
            "normalizer",
            replace(json!({"Regex": "a{9999}"}), ""),
            "pattern",
        ),
        ("normalizer", replace(json!({"String": ""}), "b"), "pattern"),
        (
            "normalizer",
            replace(letter.clone(), &"b".repeat(99)),
            "long",
        ),
        ("normalizer", many(replace(letter, "aa"), 5), "long"),
        ("normalizer", many(json!({"type": "ByteLevel"}), 5), "long"),
        (
            "normalizer",
            json!({"type": "Precompiled", "precompiled_charsmap": "AAAA"}),
            "charsmap",
        ),
        (
            "normalizer",
            json!({"type": "Precompiled", "precompiled_charsmap": maps::encode(&[255; 8])}),
            "charsmap",
        ),
        (
            "pre_tokenizer",
            json!({"type": "FixedLength", "length": 0}),
            "length",
        ),
        (
            "pre_tokenizer",
            json!({"type": "Split", "pattern": {"Regex": "(.)\\1"}, "behavior": "Isolated", "invert": false}),
            "pattern",
        ),
        (
            "pre_tokenizer",
            json!({"type": "Metaspace", "replacement": "__"}),
            "replacement",
        ),
        (
            "post_processor.single",
            json!([{"SpecialToken": {"id": "[GONE]", "type_id": 0}}]),
            "piece",
        ),
        (
            "post_processor.single",
            json!([{"Sequence": {"id": "B", "type_id": 0}}]),
            "piece",
        ),
        (
            "post_processor.special_tokens.[CLS].ids",
            json!([4, 4]),
            "ids",
        ),
        (
            "post_processor.special_tokens.[CLS].ids",
            json!([4_000_000_000u32]),
            "ids",
        ),
        ("post_processor.special_tokens.[CLS].ids", json!([77]), "77"),
        (
            "post_processor",
            json!({"type": "BertProcessing", "sep": ["[SEP]"], "cls": ["[CLS]", 4]}),
            "sep",
        ),
        (
            "decoder",
            json!({"type": "Strip", "content": "a", "start": 0, "stop": 9}),
            "stop",
        ),
        ("added_tokens.0.id", json!(4_000_000_000u32), "id"),
        (
            "added_tokens.0.content",
            json!("x".repeat(2_000)),
            "content",
        ),
        ("model.type", json!("Neural"), "Neural"),
        ("model.surprise", json!(1), "surprise"),
    ];
    for mut json in small() {
        for (path, value, said) in &cases {
            let sound = json.clone();
            set(&mut json, path, value.clone());
            let error = load(&json).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Model);
            assert!(error.to_string().contains(said), "{path} {value}: {error}");
            json = sound;
        }
    }
}

#[test]
fn models_are_bounded() {
    let [bpe, word_piece, word_level, unigram] = small().try_into().unwrap();
    let cases = [
        (&bpe, "model.vocab.a", json!(4_000_000_000u32), "id"),
        (&bpe, "model.vocab.a", json!(-1), "id"),
        (&bpe, "model.merges", json!(["a c"]), "c"),
        (&bpe, "model.merges", json!(["ab"]), "merge"),
        (&bpe, "model.merges", json!([["a", 1]]), "merge"),
        (
            &bpe,
            "model.continuing_subword_prefix",
            json!("##########"),
            "merge",
        ),
        (&bpe, "model.dropout", json!(0.5), "dropout"),
        (
            &word_piece,
            "model.max_input_chars_per_word",
            json!(1_000_000),
            "max_input_chars",
        ),
        (
            &word_piece,
            "model.unk_token",
            json!("[GONE]"),
            "unknown token",
        ),
        (
            &word_level,
            "model.unk_token",
            json!("[GONE]"),
            "unknown token",
        ),
        (&unigram, "model.unk_id", json!(5), "unk_id"),
        (&unigram, "model.vocab.1", json!(["a", null]), "score"),
        (&unigram, "model.vocab.1", json!(["a", 1e300]), "score"),
        (
            &unigram,
            "model.vocab.1",
            json!(["a".repeat(1_000), 1]),
            "bytes",
        ),
    ];
    for (json, path, value, said) in cases {
        let mut json = json.clone();
        set(&mut json, path, value.clone());
        let error = load(&json).unwrap_err();
        assert!(error.to_string().contains(said), "{path} {value}: {error}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(Tokenizer::from_bytes(deep.as_bytes()).is_err());
}

/// A key that is written twice is checked as it is loaded.
#[test]
fn the_last_of_two_keys_counts() {
    let json = small().remove(0).to_string();
    let inner = r#""pre_tokenizer":{"type":"FixedLength","length":0},"#;
    let first = json.replacen('{', &format!("{{{inner}"), 1);
    assert_eq!(
        Tokenizer::from_bytes(first.as_bytes())
            .unwrap()
            .encode("ab", 8)
            .unwrap(),
        [4, 3]
    );
    let last = format!(
        "{},{}}}",
        json.strip_suffix('}').unwrap(),
        inner.trim_end_matches(',')
    );
    assert!(Tokenizer::from_bytes(last.as_bytes()).is_err());
}
