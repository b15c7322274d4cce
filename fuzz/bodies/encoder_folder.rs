//! A folder of an encoder from a stranger: it is refused, or its files are in memory and its
//! tokenizer reads texts. No graph is run.
//!
//! Input: changes to a small folder, each of (which file, how, what).

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use zerogr::raw::model::{EncoderFiles, Tokenizer};

use super::Input;
use super::onnx_message::{graph, model, small_encoder, tensor_elsewhere};

/// The most changes of one input.
const MAX_CHANGES: usize = 6;

const FILES: [&str; 11] = [
    "modules.json",
    "1_Pooling/config.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "config.json",
    "tokenizer_config.json",
    "tokenizer.json",
    "model.onnx",
    "token_head.onnx",
    "onnx/model.onnx",
    "model.onnx_data",
];

pub fn run(data: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in base() {
        write(folder.path(), name, &content);
    }
    let mut input = Input(data);
    for _ in 0..MAX_CHANGES {
        if input.0.is_empty() {
            break;
        }
        change(folder.path(), &mut input);
    }
    let Ok(files) = EncoderFiles::from_dir(folder.path()) else {
        return;
    };
    assert!(files.token_head_len_bytes <= files.model.len());
    let Ok(tokenizer) = Tokenizer::from_bytes(&files.tokenizer) else {
        return;
    };
    if let Ok(tokens) = tokenizer.encode("a text of b", 16) {
        assert!(tokens.len() <= 16);
    }
}

fn change(folder: &Path, input: &mut Input<'_>) {
    let name = FILES[usize::from(input.byte()) % FILES.len()];
    let path = folder.join(name);
    let hostile = hostile();
    match input.byte() % 6 {
        0 => _ = fs::remove_file(path),
        1 => {
            let value = &hostile[usize::from(input.byte()) % hostile.len()];
            write(folder, name, value.to_string().as_bytes());
        }
        2 => {
            let (key, value) = (usize::from(input.byte()), usize::from(input.byte()));
            let text = fs::read(&path).unwrap_or_default();
            let mut json: Value = serde_json::from_slice(&text).unwrap_or_default();
            let object = match &mut json {
                Value::Array(list) if !list.is_empty() => {
                    let at = key % list.len();
                    list.get_mut(at)
                }
                other => Some(other),
            };
            if let Some(Value::Object(fields)) = object
                && let Some(field) = fields.values_mut().nth(key % 16)
            {
                *field = hostile[value % hostile.len()].clone();
            }
            write(folder, name, json.to_string().as_bytes());
        }
        3 => {
            let count = input.number();
            write(folder, name, input.bytes(count));
        }
        4 => {
            let places = places();
            let place = places[usize::from(input.byte()) % places.len()];
            let weights = tensor_elsewhere("table", &[8, 2], place);
            write(folder, name, &model(&graph(&[], &[weights])));
        }
        _ => {
            _ = fs::remove_file(&path);
            _ = fs::create_dir_all(&path);
        }
    }
}

fn write(folder: &Path, name: &str, content: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    // A folder may be in its place.
    let _ = fs::write(path, content);
}

fn base() -> [(&'static str, Vec<u8>); 8] {
    let text = |value: Value| value.to_string().into_bytes();
    [
        (
            "modules.json",
            text(json!([
                {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
                {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
                {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}
            ])),
        ),
        (
            "1_Pooling/config.json",
            text(
                json!({"word_embedding_dimension": 2, "pooling_mode_mean_tokens": true,
                "pooling_mode_cls_token": false}),
            ),
        ),
        (
            "sentence_bert_config.json",
            text(json!({"max_seq_length": 16, "do_lower_case": false})),
        ),
        (
            "config_sentence_transformers.json",
            text(
                json!({"prompts": {"query": "a ", "document": ""}, "default_prompt_name": null,
                "similarity_fn_name": "cosine"}),
            ),
        ),
        (
            "tokenizer_config.json",
            text(json!({"model_max_length": 16, "truncation_side": "right"})),
        ),
        (
            "tokenizer.json",
            text(json!({
                "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
                "normalizer": null, "pre_tokenizer": {"type": "Whitespace"},
                "post_processor": null, "decoder": null,
                "model": {"type": "WordLevel", "unk_token": "?",
                    "vocab": {"?": 0, "a": 1, "text": 2, "of": 3, "b": 4}}
            })),
        ),
        ("model.onnx", small_encoder(2)),
        ("model.onnx_data", vec![0; 64]),
    ]
}

/// Where a tensor may say that its values are; the file beside has 64 bytes.
fn places() -> [&'static [(&'static str, &'static str)]; 10] {
    [
        &[("location", "model.onnx_data")],
        &[
            ("location", "model.onnx_data"),
            ("offset", "0"),
            ("length", "64"),
        ],
        &[
            ("location", "model.onnx_data"),
            ("offset", "60"),
            ("length", "64"),
        ],
        &[
            ("location", "model.onnx_data"),
            ("offset", "18446744073709551615"),
        ],
        &[
            ("location", "model.onnx_data"),
            ("length", "9223372036854775807"),
        ],
        &[("location", "model.onnx_data"), ("length", "-1")],
        &[("location", "../model.onnx_data")],
        &[("location", "/dev/zero"), ("length", "64")],
        &[("location", "")],
        &[("offset", "0")],
    ]
}

fn hostile() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(1e300),
        json!(u64::MAX),
        json!(1_000_000),
        json!(""),
        json!(".."),
        json!("../1_Pooling"),
        json!("/dev/zero"),
        json!("mean"),
        json!("lasttoken"),
        json!("left"),
        json!("dot"),
        json!("query"),
        json!("sentence_transformers.models.Dense"),
        json!("a ".repeat(2_000)),
        json!([]),
        json!({}),
        json!([[]]),
        json!({"query": 1}),
        json!({"query": "a ".repeat(2_000)}),
        json!({"document": "\u{0}"}),
        (0..100).fold(json!({}), |inner, _| json!([inner])),
    ]
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![Vec::new()];
    for file in 0..FILES.len() as u8 {
        seeds.push(vec![file, 0]);
        seeds.push(vec![file, 5]);
        seeds.push(vec![file, 3, 3, 0, b'{', b'}', b' ']);
        for value in 0..hostile().len() as u8 {
            seeds.push(vec![file, 1, value]);
            seeds.push(vec![file, 2, value / 3, value]);
        }
    }
    for place in 0..places().len() as u8 {
        seeds.push(vec![7, 4, place]);
        seeds.push(vec![8, 4, place]);
    }
    seeds
}
