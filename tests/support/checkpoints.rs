//! Small checkpoints in the published formats, written here so that the tests need none.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use zerogr::raw::convert::{
    Architecture, Biases, DecoderConfig, RandomTensors, RopeScaling, TensorSource, small_llama,
};

pub const FAMILIES: [Architecture; 4] = [
    Architecture::Llama,
    Architecture::Mistral,
    Architecture::Qwen2,
    Architecture::Qwen3,
];

pub fn small(architecture: Architecture) -> DecoderConfig {
    DecoderConfig {
        architecture,
        head_dim: match architecture {
            Architecture::Qwen3 => 32,
            _ => 16,
        },
        tied_head: architecture == Architecture::Llama,
        biases: Biases {
            qkv: architecture == Architecture::Qwen2,
            ..Biases::default()
        },
        ..small_llama(300, 64)
    }
}

pub fn all_of(source: &dyn TensorSource, name: &str) -> Vec<f32> {
    let shape = source.shape(name).unwrap();
    let mut values = vec![0.0; shape.iter().product()];
    source.read_rows(name, 0..shape[0], &mut values).unwrap();
    values
}

/// `tokenizer.json` of random models.
pub fn tokenizer_json() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let config = small(Architecture::Llama);
    zerogr::raw::convert::random_decoder(dir.path(), &config, 1).unwrap();
    fs::read(dir.path().join("tokenizer.json")).unwrap()
}

/// `config.json` as `transformers` writes it.
pub fn config_json(config: &DecoderConfig) -> Value {
    let mut json = json!({
        "model_type": config.architecture.name(),
        "hidden_size": config.hidden,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_dim,
        "intermediate_size": config.feed_forward,
        "vocab_size": config.vocab,
        "max_position_embeddings": config.max_positions,
        "rms_norm_eps": f64::from(config.rms_norm_epsilon),
        "rope_theta": config.rope_theta,
        "tie_word_embeddings": config.tied_head,
        "hidden_act": "silu",
        "eos_token_id": 0,
    });
    match &config.rope_scaling {
        RopeScaling::Linear { factor } => {
            json["rope_scaling"] = json!({"type": "linear", "factor": factor});
        }
        RopeScaling::Llama3 {
            factor,
            low_freq_factor,
            high_freq_factor,
            original_positions,
        } => {
            json["rope_scaling"] = json!({
                "rope_type": "llama3", "factor": factor, "low_freq_factor": low_freq_factor,
                "high_freq_factor": high_freq_factor,
                "original_max_position_embeddings": original_positions,
            });
        }
        _ => {}
    }
    json
}

/// A Hugging Face folder, its weights in `shards` files.
pub fn write_folder(dir: &Path, config: &DecoderConfig, source: &RandomTensors, shards: usize) {
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join("config.json"), config_json(config).to_string()).unwrap();
    fs::write(dir.join("tokenizer.json"), tokenizer_json()).unwrap();
    let names = source.names();
    let mut map = HashMap::new();
    for shard in 0..shards {
        let file = if shards == 1 {
            "model.safetensors".to_owned()
        } else {
            format!("model-{:05}-of-{shards:05}.safetensors", shard + 1)
        };
        let names: Vec<&String> = names.iter().skip(shard).step_by(shards).collect();
        let tensors = names.iter().map(|name| {
            let shape = source.shape(name).unwrap();
            ((*name).clone(), (shape, all_of(source, name)))
        });
        write_safetensors(&dir.join(&file), &tensors.collect());
        map.extend(names.iter().map(|name| ((*name).clone(), file.clone())));
    }
    if shards > 1 {
        let index = json!({"metadata": {}, "weight_map": map}).to_string();
        fs::write(dir.join("model.safetensors.index.json"), index).unwrap();
    }
}

/// A safetensors file of 32-bit floats: names, shapes and values.
pub fn write_safetensors(path: &Path, tensors: &BTreeMap<String, (Vec<usize>, Vec<f32>)>) {
    let bytes = tensors.iter().map(|(name, (shape, values))| {
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        (name, shape, bytes)
    });
    let bytes: Vec<_> = bytes.collect();
    let views = bytes.iter().map(|(name, shape, bytes)| {
        let dtype = safetensors::Dtype::F32;
        let view = safetensors::tensor::TensorView::new(dtype, (*shape).clone(), bytes);
        (name.as_str(), view.unwrap())
    });
    safetensors::serialize_to_file(views, None, path).unwrap();
}

/// A GGUF file under construction.
#[derive(Clone, Default)]
pub struct GgufFile {
    settings: Vec<(Vec<u8>, Vec<u8>)>,
    tensors: Vec<(String, Vec<usize>, u32, Vec<u8>)>,
    /// Added to the offset of every tensor.
    pub shift: u64,
    /// Added to the number of tensors.
    pub more_tensors: u64,
}

fn text(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u64).to_le_bytes(), bytes].concat()
}

impl GgufFile {
    pub fn setting(&mut self, name: &[u8], kind: u32, value: Vec<u8>) -> &mut Self {
        let value = [kind.to_le_bytes().to_vec(), value].concat();
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_vec(), value));
        self
    }

    pub fn without(&mut self, name: &str) -> &mut Self {
        self.settings.retain(|(known, _)| known != name.as_bytes());
        self.tensors.retain(|(known, ..)| known != name);
        self
    }

    pub fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.setting(name.as_bytes(), 8, text(value.as_bytes()))
    }

    pub fn count(&mut self, name: &str, value: usize) -> &mut Self {
        self.setting(name.as_bytes(), 4, (value as u32).to_le_bytes().to_vec())
    }

    pub fn number(&mut self, name: &str, value: f32) -> &mut Self {
        self.setting(name.as_bytes(), 6, value.to_le_bytes().to_vec())
    }

    pub fn texts(&mut self, name: &str, values: &[String]) -> &mut Self {
        let mut bytes = 8_u32.to_le_bytes().to_vec();
        bytes.extend((values.len() as u64).to_le_bytes());
        values
            .iter()
            .for_each(|value| bytes.extend(text(value.as_bytes())));
        self.setting(name.as_bytes(), 9, bytes)
    }

    pub fn integers(&mut self, name: &str, values: &[i32]) -> &mut Self {
        let mut bytes = 5_u32.to_le_bytes().to_vec();
        bytes.extend((values.len() as u64).to_le_bytes());
        values
            .iter()
            .for_each(|value| bytes.extend(value.to_le_bytes()));
        self.setting(name.as_bytes(), 9, bytes)
    }

    pub fn tensor(&mut self, name: &str, shape: &[usize], kind: u32, bytes: Vec<u8>) -> &mut Self {
        self.tensors.retain(|(known, ..)| known != name);
        self.tensors
            .push((name.into(), shape.to_vec(), kind, bytes));
        self
    }

    pub fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) -> &mut Self {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.tensor(name, shape, 0, bytes)
    }

    /// The file in parts, of which the first has the settings.
    pub fn split(&self, count: usize) -> Vec<GgufFile> {
        let part = |no: usize| {
            let mut part = GgufFile::default();
            if no == 0 {
                part.settings = self.settings.clone();
            }
            part.count("split.no", no)
                .count("split.count", count)
                .count("split.tensors.count", self.tensors.len());
            part.tensors = self
                .tensors
                .iter()
                .skip(no)
                .step_by(count)
                .cloned()
                .collect();
            part
        };
        (0..count).map(part).collect()
    }

    /// The file, and where its header ends.
    pub fn bytes(&self) -> (Vec<u8>, usize) {
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        file.extend((self.tensors.len() as u64 + self.more_tensors).to_le_bytes());
        file.extend((self.settings.len() as u64).to_le_bytes());
        for (name, value) in &self.settings {
            file.extend(text(name));
            file.extend(value);
        }
        let mut offset = self.shift;
        for (name, shape, kind, bytes) in &self.tensors {
            file.extend(text(name.as_bytes()));
            file.extend((shape.len() as u32).to_le_bytes());
            shape
                .iter()
                .rev()
                .for_each(|n| file.extend((*n as u64).to_le_bytes()));
            file.extend(kind.to_le_bytes());
            file.extend(offset.to_le_bytes());
            offset = offset.wrapping_add(bytes.len().next_multiple_of(32) as u64);
        }
        let header = file.len();
        file.resize(header.next_multiple_of(32), 0);
        for (.., bytes) in &self.tensors {
            file.extend(bytes);
            file.resize(file.len().next_multiple_of(32), 0);
        }
        (file, header)
    }

    pub fn write(&self, path: &Path) -> PathBuf {
        fs::write(path, self.bytes().0).unwrap();
        path.to_path_buf()
    }
}

/// The GGUF file of a decoder, with the tokenizer of random models.
pub fn gguf(config: &DecoderConfig, source: &RandomTensors) -> GgufFile {
    let mut file = GgufFile::default();
    // Mistral has no name of its own in GGUF.
    let name = match config.architecture {
        Architecture::Mistral => "llama",
        other => other.name(),
    };
    file.text("general.architecture", name)
        .text("general.name", "small");
    for (part, value) in [
        ("embedding_length", config.hidden),
        ("block_count", config.layers),
        ("attention.head_count", config.heads),
        ("attention.head_count_kv", config.kv_heads),
        ("attention.key_length", config.head_dim),
        ("feed_forward_length", config.feed_forward),
        ("context_length", config.max_positions),
    ] {
        file.count(&format!("{name}.{part}"), value);
    }
    file.number(&format!("{name}.rope.freq_base"), config.rope_theta as f32)
        .number(
            &format!("{name}.attention.layer_norm_rms_epsilon"),
            config.rms_norm_epsilon,
        );
    let json: Value = serde_json::from_slice(&tokenizer_json()).unwrap();
    let vocab = json["model"]["vocab"].as_object().unwrap();
    let mut tokens = vec![String::new(); vocab.len()];
    for (token, id) in vocab {
        tokens[id.as_u64().unwrap() as usize] = token.clone();
    }
    let mut kinds = vec![1; tokens.len()];
    kinds[0] = 3;
    file.text("tokenizer.ggml.model", "gpt2")
        .text("tokenizer.ggml.pre", "gpt-2")
        .texts("tokenizer.ggml.tokens", &tokens)
        .integers("tokenizer.ggml.token_type", &kinds)
        .texts("tokenizer.ggml.merges", &[])
        .count("tokenizer.ggml.eos_token_id", 0);
    for name in source.names() {
        let shape = source.shape(&name).unwrap();
        let mut values = all_of(source, &name);
        let projection = name.contains(".q_proj.") || name.contains(".k_proj.");
        if projection
            && matches!(
                config.architecture,
                Architecture::Llama | Architecture::Mistral
            )
        {
            let width = shape.get(1).copied().unwrap_or(1);
            values = interleaved(&values, width, config.head_dim);
        }
        file.floats(&gguf_name(&name), &shape, &values);
    }
    file
}

/// The rows of each head in GGUF's order: the two halves of a head alternate.
fn interleaved(values: &[f32], width: usize, head_dim: usize) -> Vec<f32> {
    let rows: Vec<&[f32]> = values.chunks(width).collect();
    let mut out = Vec::new();
    for head in rows.chunks(head_dim) {
        for pair in 0..head_dim / 2 {
            out.extend_from_slice(head[pair]);
            out.extend_from_slice(head[pair + head_dim / 2]);
        }
    }
    out
}

pub fn gguf_name(name: &str) -> String {
    name.replace("model.embed_tokens.", "token_embd.")
        .replace("model.norm.", "output_norm.")
        .replace("lm_head.", "output.")
        .replace("model.layers.", "blk.")
        .replace("input_layernorm", "attn_norm")
        .replace("post_attention_layernorm", "ffn_norm")
        .replace("self_attn.o_proj", "attn_output")
        .replace("self_attn.", "attn_")
        .replace("mlp.", "ffn_")
        .replace("_proj.", ".")
}

/// A length-delimited field of a protobuf message.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    bytes.extend(varint(content.len()));
    bytes.extend(content);
    bytes
}

fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 128 {
        bytes.push(number as u8 | 128);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// An input or output of an ONNX graph; axes of length 0 are open.
fn onnx_value(name: &str, element: u8, axes: &[usize]) -> Vec<u8> {
    let axes = axes.iter().flat_map(|&len| {
        let open = field(2, b"any");
        field(
            1,
            &if len == 0 {
                open
            } else {
                [vec![8], varint(len)].concat()
            },
        )
    });
    let shape: Vec<u8> = axes.collect();
    let tensor = [vec![8, element], field(2, &shape)].concat();
    [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat()
}

/// The outline of a decoder ONNX of two layers, whose weights are in `data_file`.
pub fn decoder_onnx(data_file: &str, without: &str) -> Vec<u8> {
    let entry = [field(1, b"location"), field(2, data_file.as_bytes())].concat();
    let mut graph = field(5, &field(13, &entry));
    let mut input = |name: &str, element: u8, axes: &[usize]| {
        if name != without {
            graph.extend(field(11, &onnx_value(name, element, axes)));
        }
    };
    input("input_ids", 7, &[0, 0]);
    input("attention_mask", 7, &[0, 0]);
    for layer in 0..2 {
        for part in ["key", "value"] {
            input(
                &format!("past_key_values.{layer}.{part}"),
                1,
                &[0, 2, 0, 16],
            );
        }
    }
    if without != "logits" {
        graph.extend(field(12, &onnx_value("logits", 1, &[0, 0, 300])));
    }
    [vec![8, 9], field(7, &graph)].concat()
}

/// A decoder ONNX with a node whose branch has a constant that lies in `data_file`.
pub fn decoder_onnx_with_a_branch(data_file: &str) -> Vec<u8> {
    let entry = [field(1, b"location"), field(2, data_file.as_bytes())].concat();
    let constant = field(1, &field(5, &field(5, &field(13, &entry))));
    let branching = field(1, &field(5, &field(6, &constant)));
    // A message that comes twice is one with the fields of both.
    [decoder_onnx("weights", ""), field(7, &branching)].concat()
}
