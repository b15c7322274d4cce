use serde_json::json;

use std::fs;

use super::*;
use crate::ErrorKind;
use crate::model::encoder::engine_file::ENGINE_FILE;

const MODULES: &str = "modules.json";
const POOLING: &str = "1_Pooling/config.json";
const SENTENCE_BERT: &str = "sentence_bert_config.json";
const PROMPTS: &str = "config_sentence_transformers.json";
const TOKENIZER: &str = "tokenizer_config.json";

/// The settings of a folder with these files.
fn read(files: &[(&str, Value)]) -> Result<EncoderSettings> {
    let dir = tempfile::tempdir().unwrap();
    for (name, value) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, value.to_string()).unwrap();
    }
    let tokenizer = fs::read(dir.path().join("tokenizer.json")).unwrap_or_default();
    EncoderSettings::read(dir.path(), &tokenizer)
}

fn modules(kinds: &[(&str, &str)]) -> Value {
    let step = |(kind, path): &(&str, &str)| json!({"idx": 0, "name": "0", "path": path, "type": format!("sentence_transformers.models.{kind}")});
    kinds.iter().map(step).collect()
}

#[test]
fn an_empty_folder_has_the_defaults() {
    assert_eq!(read(&[]).unwrap(), EncoderSettings::plain(None, 256));
}

#[test]
fn what_is_known_is_applied() {
    let settings = read(&[
        (
            MODULES,
            modules(&[
                ("Transformer", ""),
                ("Pooling", "2_Pool"),
                ("Normalize", "3_Normalize"),
            ]),
        ),
        (
            "2_Pool/config.json",
            json!({"word_embedding_dimension": 8, "pooling_mode_cls_token": true,
            "pooling_mode_mean_tokens": false, "include_prompt": true}),
        ),
        (
            SENTENCE_BERT,
            json!({"max_seq_length": 77, "do_lower_case": true}),
        ),
        (
            PROMPTS,
            json!({"__version__": {"pytorch": "2"}, "model_type": "SentenceTransformer",
            "prompts": {"query": "query: ", "passage": "passage: ", "STS": "same: "},
            "default_prompt_name": null, "similarity_fn_name": "dot"}),
        ),
        (ENGINE_FILE, json!({"prior_share": 0.5})),
    ]);
    let expected = EncoderSettings {
        pooling: Some(Pooling::Cls),
        max_len_tokens: 77,
        lower_case: true,
        query_prompt: "query: ".into(),
        document_prompt: "passage: ".into(),
        prior_share: Some(0.5),
        late_interaction: None,
    };
    assert_eq!(settings.unwrap(), expected);
}

#[test]
fn prompts_are_those_of_queries_and_documents_or_the_default_one() {
    let found = |prompts: Value, default: Value| {
        let value = json!({"prompts": prompts, "default_prompt_name": default});
        let settings = read(&[(PROMPTS, value)]).unwrap();
        (settings.query_prompt, settings.document_prompt)
    };
    let of = |query: &str, document: &str| (query.to_owned(), document.to_owned());
    let null = Value::Null;
    assert_eq!(found(json!({"query": "q: "}), null.clone()), of("q: ", ""));
    assert_eq!(
        found(json!({"corpus": "c: ", "document": "d: "}), null.clone()),
        of("", "d: ")
    );
    assert_eq!(
        found(json!({"query": "q: ", "all": "a: "}), json!("all")),
        of("q: ", "a: ")
    );
    assert_eq!(found(json!({"all": "a: "}), json!("all")), of("a: ", "a: "));
    assert_eq!(
        found(json!({"query": "", "all": "a: "}), json!("all")),
        of("", "a: ")
    );
    assert_eq!(found(json!({}), null), of("", ""));
}

#[test]
fn ways_of_pooling() {
    let pooling = |value: Value| read(&[(POOLING, value)]).unwrap().pooling.unwrap();
    for (flag, expected) in [
        ("cls_token", Pooling::Cls),
        ("mean_tokens", Pooling::Mean),
        ("max_tokens", Pooling::Max),
        ("mean_sqrt_len_tokens", Pooling::Mean),
        ("weightedmean_tokens", Pooling::WeightedMean),
        ("lasttoken", Pooling::LastToken),
    ] {
        let flag = format!("pooling_mode_{flag}");
        assert_eq!(pooling(json!({flag: true})), expected);
    }
    for name in ["cls", "mean", "max", "weightedmean", "lasttoken"] {
        assert_eq!(pooling(json!({"pooling_mode": name})).name(), name);
    }
    // Nothing is left out where there is no prompt.
    let without = json!({"pooling_mode": "mean", "include_prompt": false});
    assert_eq!(pooling(without), Pooling::Mean);
}

#[test]
fn the_most_tokens_follow_tokenizer_and_model_where_no_step_says() {
    let len = |files: &[(&str, Value)]| read(files).unwrap().max_len_tokens;
    let tokenizer = (TOKENIZER, json!({"model_max_length": 512}));
    let model = ("config.json", json!({"max_position_embeddings": 514}));
    assert_eq!(len(&[tokenizer.clone(), model.clone()]), 512);
    let no_limit = (SENTENCE_BERT, json!({"max_seq_length": null}));
    assert_eq!(len(&[tokenizer.clone(), model.clone(), no_limit]), 512);
    assert_eq!(
        len(&[
            tokenizer.clone(),
            model,
            (SENTENCE_BERT, json!({"max_seq_length": 128}))
        ]),
        128
    );
    assert_eq!(len(&[tokenizer]), 256);
    assert_eq!(len(&[(TOKENIZER, json!({"model_max_length": 1e30}))]), 256);
}

#[test]
fn what_cannot_be_applied_is_refused_by_name() {
    let bert = |lowercase: bool| {
        json!({"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"},
            {"type": "BertNormalizer", "lowercase": lowercase, "strip_accents": null}]}})
    };
    let refused = |files: &[(&str, Value)], said: &str| {
        let error = read(files).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Model);
        assert!(error.to_string().contains(said), "{said}: {error}");
    };
    for kind in ["Dense", "LayerNorm", "WordWeights", "CNN", "Surprise"] {
        refused(
            &[(MODULES, modules(&[("Transformer", ""), (kind, "")]))],
            kind,
        );
    }
    refused(
        &[(MODULES, modules(&[("Pooling", ""), ("Transformer", "")]))],
        "Transformer",
    );
    refused(
        &[(MODULES, modules(&[("Transformer", "0_Transformer")]))],
        "0_Transformer",
    );
    refused(
        &[(MODULES, modules(&[("Pooling", "../1_Pooling")]))],
        "1_Pooling",
    );
    refused(&[(MODULES, json!({}))], "list");
    let one = |name: &str, value: Value, said: &str| refused(&[(name, value)], said);
    one(
        POOLING,
        json!({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true}),
        "more than one",
    );
    one(
        POOLING,
        json!({"pooling_mode_new_tokens": true}),
        "pooling_mode_new_tokens",
    );
    one(POOLING, json!({"pooling_mode": "attention"}), "attention");
    one(
        POOLING,
        json!({"pooling_mode": "cls", "pooling_mode_mean_tokens": true}),
        "cls",
    );
    one(POOLING, json!({}), "pooling");
    one(SENTENCE_BERT, json!({"max_seq_length": 0}), "tokens");
    one(SENTENCE_BERT, json!({"max_seq_length": "many"}), "tokens");
    one(SENTENCE_BERT, json!({"surprise": 1}), "surprise");
    one(
        PROMPTS,
        json!({"similarity_fn_name": "euclidean"}),
        "euclidean",
    );
    one(
        PROMPTS,
        json!({"model_type": "CrossEncoder"}),
        "CrossEncoder",
    );
    one(PROMPTS, json!({"query_prefix": "[Q] "}), "query_prefix");
    one(PROMPTS, json!({"prompts": {"query": 1}}), "query");
    one(PROMPTS, json!({"prompts": {"s2p": "a: "}}), "s2p");
    one(PROMPTS, json!({"default_prompt_name": "gone"}), "gone");
    one(TOKENIZER, json!({"truncation_side": "left"}), "left");
    one(ENGINE_FILE, json!({"prior_share": 2}), "prior_share");
    one(ENGINE_FILE, json!({"surprise": 2}), "surprise");
    one(
        "tokenizer.json",
        json!({"truncation": {"direction": "Left"}}),
        "left",
    );
    let plain = (
        MODULES,
        modules(&[("Transformer", ""), ("Pooling", "1_Pooling")]),
    );
    refused(
        &[plain, (PROMPTS, json!({"similarity_fn_name": "dot"}))],
        "dot",
    );
    let prompt = (PROMPTS, json!({"prompts": {"query": "q: "}}));
    let left_out = json!({"pooling_mode": "mean", "include_prompt": false});
    refused(&[prompt, (POOLING, left_out)], "include_prompt");
    let lower = (
        TOKENIZER,
        json!({"do_lower_case": true, "strip_accents": null}),
    );
    refused(
        &[("tokenizer.json", bert(false)), lower.clone()],
        "do_lower_case",
    );
    assert!(read(&[("tokenizer.json", bert(true)), lower]).is_ok());
}

#[test]
fn models_that_score_or_classify_are_refused_by_name() {
    for name in [
        "BertForSequenceClassification",
        "RobertaForQuestionAnswering",
    ] {
        let error = read(&[("config.json", json!({"architectures": [name]}))]).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
    for name in ["BertModel", "MPNetForMaskedLM"] {
        read(&[("config.json", json!({"architectures": [name]}))]).unwrap();
    }
}
