//! Folders as sentence-transformers writes them, with random weights.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Map, Value, json};

use crate::convert::encoder::config::EncoderConfig;
use crate::convert::encoder::families;
use crate::convert::hugging_face::config_json::ConfigJson;
use crate::rng::{Rng, stable_hash};

/// Tokens of the small models.
pub const VOCAB: usize = 40;

/// Names of the families.
pub const FAMILIES: [&str; 9] = [
    "bert",
    "roberta",
    "xlm-roberta",
    "distilbert",
    "mpnet",
    "modernbert",
    "nomic_bert",
    "qwen3",
    "gemma3_text",
];

/// The shape of a tensor and its values.
pub type Tensor = (Vec<usize>, Vec<f32>);

/// Tensors by their names.
pub type Tensors = BTreeMap<String, Tensor>;

/// A small model of each family: `config.json`, and the prefix of its tensors' names.
pub fn small(family: &str) -> (Value, &'static str) {
    let bert = json!({
        "model_type": "bert", "architectures": ["BertModel"], "hidden_size": 32,
        "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48,
        "vocab_size": VOCAB, "max_position_embeddings": 24, "type_vocab_size": 2,
        "layer_norm_eps": 1e-12, "hidden_act": "gelu", "position_embedding_type": "absolute",
    });
    let with = |changes: Value| {
        let mut all = bert.clone();
        let changes = changes.as_object().unwrap().clone();
        all.as_object_mut().unwrap().extend(changes);
        all
    };
    match family {
        "bert" => (bert, "bert."),
        "roberta" => (
            with(json!({
                "model_type": "roberta", "architectures": ["RobertaModel"], "pad_token_id": 1,
                "type_vocab_size": 1, "hidden_act": "gelu_new",
            })),
            "roberta.",
        ),
        "xlm-roberta" => (
            with(json!({
                "model_type": "xlm-roberta", "architectures": ["XLMRobertaModel"],
                "pad_token_id": 1, "type_vocab_size": 1,
            })),
            "",
        ),
        "distilbert" => (
            json!({
                "model_type": "distilbert", "architectures": ["DistilBertForMaskedLM"], "dim": 32,
                "n_layers": 2, "n_heads": 4, "hidden_dim": 48, "vocab_size": VOCAB,
                "max_position_embeddings": 24, "activation": "relu",
            }),
            "distilbert.",
        ),
        "mpnet" => {
            let mut mpnet = with(json!({
                "model_type": "mpnet", "architectures": ["MPNetModel"],
                "relative_attention_num_buckets": 8,
            }));
            let keys = mpnet.as_object_mut().unwrap();
            keys.remove("type_vocab_size");
            keys.remove("position_embedding_type");
            (mpnet, "")
        }
        "modernbert" => (
            json!({
                "model_type": "modernbert", "architectures": ["ModernBertForMaskedLM"],
                "hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4,
                "intermediate_size": 48, "vocab_size": VOCAB, "max_position_embeddings": 64,
                "hidden_activation": "gelu", "norm_eps": 1e-5, "local_attention": 6,
                "global_attn_every_n_layers": 3, "global_rope_theta": 160000.0,
                "local_rope_theta": 10000.0, "position_embedding_type": "absolute",
            }),
            "model.",
        ),
        "nomic_bert" => (
            json!({
                "model_type": "nomic_bert", "architectures": ["NomicBertModel"], "n_embd": 32,
                "n_layer": 2, "n_head": 4, "n_inner": 200, "n_positions": 64,
                "max_trained_positions": 32, "vocab_size": VOCAB, "type_vocab_size": 2,
                "activation_function": "swiglu", "layer_norm_epsilon": 1e-12,
                "qkv_proj_bias": false, "mlp_fc1_bias": false, "mlp_fc2_bias": false,
                "rotary_emb_base": 1000, "rotary_emb_fraction": 1.0,
                "auto_map": {"AutoModel": "code"},
            }),
            "",
        ),
        "qwen3" => (
            json!({
                "model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "hidden_size": 32,
                "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
                "head_dim": 16, "intermediate_size": 48, "vocab_size": VOCAB,
                "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "rope_theta": 1000000,
                "hidden_act": "silu", "tie_word_embeddings": true,
            }),
            "model.",
        ),
        "gemma3_text" => (
            json!({
                "model_type": "gemma3_text", "architectures": ["Gemma3TextModel"],
                "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
                "num_key_value_heads": 1, "head_dim": 16, "intermediate_size": 48,
                "vocab_size": VOCAB, "max_position_embeddings": 64, "rms_norm_eps": 1e-6,
                "rope_theta": 1000000, "rope_local_base_freq": 10000, "sliding_window": 8,
                "query_pre_attn_scalar": 20, "hidden_activation": "gelu_pytorch_tanh",
                "use_bidirectional_attention": true,
                "layer_types": ["sliding_attention", "sliding_attention", "full_attention"],
            }),
            "",
        ),
        other => panic!("no small {other}"),
    }
}

/// What the importer makes of the settings.
pub fn config_of(config: &Value) -> EncoderConfig {
    let values = config.as_object().unwrap().clone();
    families::encoder(&ConfigJson::new(Path::new(""), values)).unwrap()
}

/// Random weights of the shapes that the settings call for.
pub fn random_tensors(config: &Value) -> Tensors {
    let shapes = config_of(config).tensors().into_iter();
    shapes
        .map(|(name, shape)| {
            let mut rng = Rng::new(7 ^ stable_hash(name.as_bytes()));
            let width: usize = shape.iter().skip(1).product();
            let is_rms = config["model_type"] == "gemma3_text" && shape.len() == 1;
            let (centre, spread) = match (shape.len(), name.ends_with("bias")) {
                (1, false) => (if is_rms { 0.1 } else { 1.0 }, 0.3),
                (1, true) => (0.0, 0.3),
                _ => (0.0, (6.0 / width as f32).sqrt()),
            };
            let count = shape.iter().product();
            let values = (0..count).map(|_| centre + spread * (2.0 * rng.unit_f32() - 1.0));
            (name, (shape.clone(), values.collect()))
        })
        .collect()
}

/// Writes a file of safetensors in 32-bit floats.
pub fn write_tensors(path: &Path, tensors: &Tensors, prefix: &str) {
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, (shape, values))| {
            let bytes = values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
            (format!("{prefix}{name}"), shape.clone(), bytes)
        })
        .collect();
    let views = bytes.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap();
        (name.clone(), view)
    });
    safetensors::serialize_to_file(views, None, path).unwrap();
}

/// Writes a JSON file, with its folder.
pub fn write_json(dir: &Path, name: &str, value: &Value) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, value.to_string()).unwrap();
}

/// Steps of a folder: those behind the pooling by their names.
pub fn modules(dense: usize, is_normalised: bool) -> Value {
    let mut steps = vec![
        json!({"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}),
        json!({"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}),
    ];
    for at in 0..dense {
        let path = format!("{}_Dense", at + 2);
        steps.push(json!({"path": path, "type": "sentence_transformers.models.Dense"}));
    }
    if is_normalised {
        steps
            .push(json!({"path": "9_Normalize", "type": "sentence_transformers.models.Normalize"}));
    }
    Value::Array(steps)
}

/// Tokens `[PAD]`, `[UNK]`, `[CLS]`, `[SEP]`, then words `w4`, `w5`, ….
pub fn tokenizer(vocab: usize) -> Value {
    let mut ids = Map::new();
    for (id, name) in ["[PAD]", "[UNK]", "[CLS]", "[SEP]"].iter().enumerate() {
        ids.insert((*name).to_owned(), json!(id));
    }
    for id in 4..vocab {
        ids.insert(format!("w{id}"), json!(id));
    }
    let special = |name: &str| json!({"SpecialToken": {"id": name, "type_id": 0}});
    json!({
        "version": "1.0",
        "added_tokens": [],
        "normalizer": null,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [special("[CLS]"), {"Sequence": {"id": "A", "type_id": 0}}, special("[SEP]")],
            "pair": [
                special("[CLS]"), {"Sequence": {"id": "A", "type_id": 0}}, special("[SEP]"),
                {"Sequence": {"id": "B", "type_id": 1}}, special("[SEP]"),
            ],
            "special_tokens": {
                "[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
                "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]},
            },
        },
        "decoder": null,
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": ids,
        },
    })
}

/// Writes a whole folder, pooled by `mode`; returns its tensors.
pub fn write_folder(dir: &Path, family: &str, mode: &str) -> Tensors {
    let (config, prefix) = small(family);
    let tensors = random_tensors(&config);
    fs::create_dir_all(dir).unwrap();
    write_json(dir, "config.json", &config);
    write_json(dir, "tokenizer.json", &tokenizer(VOCAB));
    write_json(dir, "modules.json", &modules(0, true));
    write_json(dir, "1_Pooling/config.json", &json!({"pooling_mode": mode}));
    write_tensors(&dir.join("model.safetensors"), &tensors, prefix);
    tensors
}
