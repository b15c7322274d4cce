//! Folders of encoders of tokens, in all layouts, with random weights.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::checkpoint::{
    Tensor, Tensors, VOCAB, random_tensors, small, tokenizer, write_json, write_tensors,
};

pub const PROMPTS: &str = "config_sentence_transformers.json";
pub const LENGTHS: &str = "sentence_bert_config.json";

pub const CLS: u32 = 2;
pub const SEP: u32 = 3;
pub const MASK: u32 = 34;
pub const STOP: u32 = 35;
pub const COMMA: u32 = 36;
pub const QUERY: u32 = 38;
pub const DOCUMENT: u32 = 39;

/// The most that ModernBERT can be filled up to: its near layers see three tokens to a side.
pub const QUERY_TOKENS: usize = 7;
pub const DOCUMENT_TOKENS: usize = 16;
pub const DIM: usize = 12;

/// The layouts of folders.
pub const LAYOUTS: [&str; 3] = ["pylate", "sentence-transformers", "authors"];

/// With a mask, punctuation, and two markers that a text keeps whole.
pub fn marked_tokenizer() -> Value {
    let mut all = tokenizer(VOCAB);
    let vocab = all["model"]["vocab"].as_object_mut().unwrap();
    let names = [
        ("[MASK]", MASK),
        (".", STOP),
        (",", COMMA),
        ("[Q] ", QUERY),
        ("[D] ", DOCUMENT),
    ];
    vocab.retain(|_, id| names.iter().all(|(_, taken)| id != taken));
    for (name, id) in names {
        vocab.insert(name.to_owned(), json!(id));
    }
    let added = |name: &str, id: u32, special: bool| {
        json!({"id": id, "content": name, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": special})
    };
    all["added_tokens"] = json!([
        added("[MASK]", MASK, true),
        added("[Q] ", QUERY, false),
        added("[D] ", DOCUMENT, false)
    ]);
    all
}

/// Two layers behind the tokens: with a residual through a matrix, and with that of the input.
pub fn layers() -> [(Value, Tensors); 2] {
    let tensor = |rows: usize, columns: usize, seed: usize| {
        let value = |at: usize| ((at * 37 + seed * 11) % 19) as f32 / 19.0 - 0.45;
        (
            vec![rows, columns],
            (0..rows * columns).map(value).collect(),
        )
    };
    let settings = |inputs: usize, bias: bool, activation: &str| {
        json!({"in_features": inputs, "out_features": DIM, "bias": bias, "use_residual": true,
            "activation_function": activation})
    };
    let named = |names: &[(&str, Tensor)]| {
        let all = names.iter().cloned();
        all.map(|(name, tensor)| (name.to_owned(), tensor))
            .collect::<BTreeMap<_, _>>()
    };
    let bias = (vec![DIM], tensor(DIM, 1, 5).1);
    [
        (
            settings(32, true, "torch.nn.modules.activation.GELU"),
            named(&[
                ("linear.weight", tensor(DIM, 32, 1)),
                ("linear.bias", bias),
                ("residual.weight", tensor(DIM, 32, 2)),
            ]),
        ),
        (
            settings(DIM, false, "torch.nn.modules.linear.Identity"),
            named(&[("linear.weight", tensor(DIM, DIM, 3))]),
        ),
    ]
}

/// Writes a folder and returns the tensors of its transformer, with those of the layers as `0.` and
/// `1.`.
pub fn write_folder(dir: &Path, family: &str, layout: &str, expands: bool) -> Tensors {
    let (mut config, prefix) = small(family);
    let tensors = random_tensors(&config);
    let mut all = tensors.clone();
    let mut in_file: Tensors = tensors
        .into_iter()
        .map(|(name, tensor)| (format!("{prefix}{name}"), tensor))
        .collect();
    fs::create_dir_all(dir).unwrap();
    write_json(dir, "tokenizer.json", &marked_tokenizer());
    write_json(
        dir,
        "tokenizer_config.json",
        &json!({"mask_token": "[MASK]"}),
    );
    let mut steps = vec![json!({"path": "", "type": "sentence_transformers.models.Transformer"})];
    for (at, (settings, layer)) in layers().into_iter().enumerate() {
        if layout == "authors" {
            continue;
        }
        let folder = dir.join(format!("{}_Dense", at + 1));
        let (class, input) = match layout {
            "pylate" => ("pylate.models.Dense.Dense", Value::Null),
            _ => (
                "sentence_transformers.base.modules.dense.Dense",
                json!("token_embeddings"),
            ),
        };
        steps.push(json!({"path": format!("{}_Dense", at + 1), "type": class}));
        let mut settings = settings;
        settings["module_input_name"] = input;
        write_json(&folder, "config.json", &settings);
        write_tensors(&folder.join("model.safetensors"), &layer, "");
        all.extend(
            layer
                .into_iter()
                .map(|(name, tensor)| (format!("{at}.{name}"), tensor)),
        );
    }
    let versions = json!({"transformers": "5"});
    match layout {
        "pylate" => {
            let settings = json!({
                "model_type": "ColBERT", "__version__": versions, "similarity_fn_name": "MaxSim",
                "prompts": {"query": "", "document": ""}, "default_prompt_name": null,
                "query_prefix": "[Q] ", "document_prefix": "[D] ", "query_length": QUERY_TOKENS,
                "document_length": DOCUMENT_TOKENS, "do_query_expansion": expands,
                "attend_to_expansion_tokens": false, "skiplist_words": [".", ",", ";"],
            });
            write_json(dir, PROMPTS, &settings);
            // Left over from reading queries.
            write_json(
                dir,
                LENGTHS,
                &json!({"max_seq_length": 9, "do_lower_case": false}),
            );
        }
        "sentence-transformers" => {
            let class = |name: &str| format!("sentence_transformers.base.modules.{name}");
            steps.push(json!({"path": "3_Mask", "type": class("MultiVectorMask")}));
            steps.push(json!({"path": "4_Normalize", "type": class("Normalize")}));
            let prompts = json!({
                "model_type": "MultiVectorEncoder", "__version__": versions,
                "prompts": {"query": "[Q] ", "document": "[D] "}, "similarity_fn_name": "maxsim",
            });
            write_json(dir, PROMPTS, &prompts);
            let mask = json!({"skiplist_words": [".", ","], "skiplist_tasks": ["document"]});
            write_json(dir, "3_Mask/config.json", &mask);
            let expansion = json!({"strategy": "fixed", "attend": false, "token": null,
                "length": QUERY_TOKENS});
            let lengths = json!({
                "document_length": DOCUMENT_TOKENS,
                "query_length": if expands { Value::Null } else { json!(QUERY_TOKENS) },
                "query_expansion": if expands { expansion } else { Value::Null },
            });
            write_json(dir, LENGTHS, &lengths);
        }
        _ => {
            config["architectures"] = json!(["HF_ColBERT"]);
            let metadata = json!({
                "query_token_id": "[Q] ", "doc_token_id": "[D] ", "query_maxlen": QUERY_TOKENS,
                "doc_maxlen": DOCUMENT_TOKENS, "mask_punctuation": true, "similarity": "cosine",
                "attend_to_mask_tokens": false, "dim": DIM, "nranks": 4,
            });
            write_json(dir, "artifact.metadata", &metadata);
            let (_, layer) = layers().into_iter().next().unwrap();
            let projection = layer["linear.weight"].clone();
            in_file.insert("linear.weight".to_owned(), projection.clone());
            all.insert("projection".to_owned(), projection);
        }
    }
    if layout != "authors" {
        write_json(dir, "modules.json", &Value::Array(steps));
    }
    write_json(dir, "config.json", &config);
    write_tensors(&dir.join("model.safetensors"), &in_file, "");
    all
}

/// Changes one value of a file.
pub fn change(dir: &Path, name: &str, key: &str, value: Value) {
    let read = fs::read(dir.join(name)).unwrap();
    let mut all: Value = serde_json::from_slice(&read).unwrap();
    all[key] = value;
    write_json(dir, name, &all);
}
