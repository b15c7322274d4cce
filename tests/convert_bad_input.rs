//! Checkpoints that are damaged, incomplete or not supported: an error that says so, and nothing
//! left behind.
#![allow(missing_docs, clippy::unwrap_used)]
#![cfg(feature = "models")]

mod convert_support;

use std::fs;
use std::path::Path;

use convert_support::{GgufFile, config_json, decoder_onnx, gguf, small, write_folder};
use serde_json::json;
use zerogr::ErrorKind;
use zerogr::convert::{Architecture, RandomTensors, import};
use zerogr::model::language::WeightFormat;

/// Imports `from`, which must fail with this kind and these words, and leave nothing.
fn refused(from: &Path, kind: ErrorKind, words: &str) {
    let work = tempfile::tempdir().unwrap();
    let to = work.path().join("to");
    let error = import(from, &to, WeightFormat::F32, &mut |_, _| ()).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(
        error.to_string().contains(words),
        "{words:?} is not in: {error}"
    );
    let left: Vec<_> = fs::read_dir(work.path()).unwrap().collect();
    assert!(left.is_empty(), "{error}: left {left:?}");
}

fn small_gguf() -> GgufFile {
    let config = small(Architecture::Llama);
    gguf(&config, &RandomTensors::new(config.clone(), 1))
}

fn refused_gguf(change: impl FnOnce(&mut GgufFile), words: &str) {
    let mut file = small_gguf();
    change(&mut file);
    let dir = tempfile::tempdir().unwrap();
    refused(
        &file.write(&dir.path().join("m.gguf")),
        ErrorKind::Model,
        words,
    );
}

#[test]
fn settings_and_tensors_that_are_wrong_are_named() {
    refused_gguf(|f| _ = f.text("general.architecture", "mamba"), "\"mamba\"");
    refused_gguf(|f| _ = f.without("llama.block_count"), "llama.block_count");
    refused_gguf(|f| _ = f.without("general.architecture"), "architecture");
    refused_gguf(|f| _ = f.text("llama.block_count", "two"), "not a count");
    refused_gguf(|f| _ = f.count("llama.block_count", 3), "model.layers.2");
    refused_gguf(|f| _ = f.count("llama.block_count", 1 << 30), "layers");
    refused_gguf(|f| _ = f.count("llama.attention.head_count_kv", 3), "share");
    refused_gguf(|f| _ = f.count("llama.attention.head_count", 0), "heads");
    refused_gguf(|f| _ = f.count("llama.attention.key_length", 24), "16");
    refused_gguf(|f| _ = f.count("llama.expert_count", 8), "mixture");
    refused_gguf(|f| _ = f.text("llama.rope.scaling.type", "yarn"), "yarn");
    refused_gguf(|f| _ = f.number("llama.rope.freq_base", f32::NAN), "rotary");
    refused_gguf(
        |f| _ = f.without("blk.1.ffn_up.weight"),
        "model.layers.1.mlp.up_proj.weight",
    );
    refused_gguf(|f| _ = f.without("token_embd.weight"), "token_embd.weight");
    refused_gguf(
        |f| _ = f.floats("blk.0.attn_q.weight", &[64, 32], &[0.0; 2048]),
        "[64, 32]",
    );
    refused_gguf(
        |f| _ = f.floats("output_norm.weight", &[64], &[f32::NAN; 64]),
        "finite",
    );
    refused_gguf(
        |f| _ = f.tensor("output_norm.weight", &[64], 19, vec![0; 64]),
        "19",
    );
    refused_gguf(
        |f| _ = f.tensor("blk.0.ffn_up.weight", &[96, 64], 12, vec![0; 9999]),
        "Q4_K",
    );
}

#[test]
fn a_tokenizer_is_needed_that_is_known_and_fits() {
    refused_gguf(|f| _ = f.without("tokenizer.ggml.model"), "tokenizer");
    refused_gguf(|f| _ = f.without("tokenizer.ggml.tokens"), "tokens");
    refused_gguf(|f| _ = f.without("tokenizer.ggml.merges"), "merges");
    refused_gguf(|f| _ = f.text("tokenizer.ggml.model", "rwkv"), "rwkv");
    refused_gguf(
        |f| _ = f.text("tokenizer.ggml.pre", "unheard-of"),
        "unheard-of",
    );
    refused_gguf(|f| _ = f.count("tokenizer.ggml.eos_token_id", 300), "300");
    let many: Vec<String> = (0..301).map(|id| format!("t{id}")).collect();
    refused_gguf(|f| _ = f.texts("tokenizer.ggml.tokens", &many), "301");
    let same = vec!["same".to_owned(); 300];
    refused_gguf(|f| _ = f.texts("tokenizer.ggml.tokens", &same), "twice");
    let merges = ["nothing known".to_owned()];
    refused_gguf(
        |f| _ = f.texts("tokenizer.ggml.merges", &merges),
        "tokenizer",
    );
}

#[test]
fn a_header_that_lies_is_refused_before_anything_is_allocated() {
    refused_gguf(|f| f.more_tensors = u64::MAX / 2, "entries");
    refused_gguf(|f| f.shift = 1 << 40, "behind its end");
    refused_gguf(|f| f.shift = u64::MAX - (1 << 20), "behind its end");
    let huge = u64::MAX.to_le_bytes().to_vec();
    refused_gguf(|f| _ = f.setting(b"a.text", 8, huge.clone()), "entries");
    let list = [4_u32.to_le_bytes().to_vec(), huge].concat();
    refused_gguf(|f| _ = f.setting(b"a.list", 9, list), "entries");
    refused_gguf(|f| _ = f.setting(b"\xff\xfe", 4, vec![0; 4]), "UTF-8");
    refused_gguf(|f| _ = f.setting(b"", 4, vec![0; 4]), "0 bytes");
    refused_gguf(|f| _ = f.setting(b"odd", 99, vec![0; 4]), "99");
    let nested = [9_u32.to_le_bytes().to_vec(), 1_u64.to_le_bytes().to_vec()].concat();
    refused_gguf(|f| _ = f.setting(b"nested", 9, nested), "nested");
    refused_gguf(|f| _ = f.count("general.alignment", 0), "alignment");
    refused_gguf(|f| _ = f.tensor("big", &[1 << 62, 4], 0, vec![]), "large");
    refused_gguf(|f| _ = f.tensor("none", &[0], 0, vec![]), "large");
    refused_gguf(|f| _ = f.tensor("axes", &[1; 9], 0, vec![]), "axes");
}

#[test]
fn a_truncated_gguf_is_refused_wherever_it_ends() {
    let (bytes, header) = small_gguf().bytes();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.gguf");
    let in_header = (0..header).step_by(97);
    let in_tensors = (header..bytes.len() - 64).step_by(9_973);
    for len in in_header.chain(in_tensors) {
        fs::write(&path, &bytes[..len]).unwrap();
        refused(&path, ErrorKind::Model, "GGUF");
    }
}

#[test]
fn no_flipped_bit_of_a_header_panics() {
    let (bytes, header) = small_gguf().bytes();
    let mut opened = 0;
    for at in 0..header {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        let Ok(gguf) = zerogr::convert::gguf::Gguf::open(std::io::Cursor::new(damaged)) else {
            continue;
        };
        opened += 1;
        let _ = (gguf.texts(), gguf.tokenizer_json());
    }
    // Most of the header is names of tokens.
    assert!(opened > header / 2);
}

#[test]
fn folders_that_cannot_be_read_are_refused() {
    let config = small(Architecture::Qwen2);
    let source = RandomTensors::new(config.clone(), 1);
    let change = |change: &dyn Fn(&Path), words: &str| {
        let dir = tempfile::tempdir().unwrap();
        write_folder(dir.path(), &config, &source, 2);
        change(dir.path());
        refused(dir.path(), ErrorKind::Model, words);
    };
    let set = |dir: &Path, name: &str, value: serde_json::Value| {
        let mut json = config_json(&config);
        json[name] = value;
        fs::write(dir.join("config.json"), json.to_string()).unwrap();
    };
    let remove = |dir: &Path, name: &str| fs::remove_file(dir.join(name)).unwrap();
    let shard = "model-00002-of-00002.safetensors";
    change(&|dir| set(dir, "model_type", json!("mamba")), "\"mamba\"");
    change(&|dir| set(dir, "hidden_size", json!(128)), "[300, 64]");
    change(&|dir| set(dir, "hidden_size", json!("many")), "config.json");
    change(
        &|dir| set(dir, "num_hidden_layers", json!(3)),
        "model.layers.2",
    );
    change(&|dir| set(dir, "hidden_act", json!("gelu")), "silu");
    change(&|dir| set(dir, "attention_bias", json!(true)), "biases");
    change(
        &|dir| set(dir, "rope_scaling", json!({"type": "yarn"})),
        "yarn",
    );
    change(&|dir| set(dir, "eos_token_id", json!(300)), "300");
    change(&|dir| remove(dir, "tokenizer.json"), "tokenizer.json");
    change(&|dir| remove(dir, "config.json"), "config.json");
    change(
        &|dir| remove(dir, "model.safetensors.index.json"),
        "neither",
    );
    change(
        &|dir| fs::write(dir.join("tokenizer.json"), "{}").unwrap(),
        "tokenizer.json",
    );
    change(
        &|dir| {
            let bytes = fs::read(dir.join(shard)).unwrap();
            fs::write(dir.join(shard), &bytes[..bytes.len() / 2]).unwrap();
        },
        "truncated",
    );
    change(
        &|dir| fs::write(dir.join(shard), [255; 64]).unwrap(),
        "header",
    );
    change(
        &|dir| fs::write(dir.join(shard), [0; 3]).unwrap(),
        "truncated",
    );
    change(
        &|dir| {
            let index = json!({"weight_map": {"x": "../elsewhere"}}).to_string();
            fs::write(dir.join("model.safetensors.index.json"), index).unwrap();
        },
        "elsewhere",
    );
}

#[test]
fn graphs_that_are_no_decoders_are_refused() {
    let config = small(Architecture::Qwen2);
    let source = RandomTensors::new(config.clone(), 1);
    for (graph, words) in [
        (decoder_onnx("weights", "attention_mask"), "attention_mask"),
        (decoder_onnx("weights", "past_key_values.0.key"), "past"),
        (decoder_onnx("weights", "logits"), "logits"),
        (decoder_onnx("../weights", ""), "outside"),
        (vec![255; 99], "decoder"),
        (vec![], "no graph"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        write_folder(dir.path(), &config, &source, 1);
        fs::remove_file(dir.path().join("model.safetensors")).unwrap();
        fs::write(dir.path().join("model.onnx"), graph).unwrap();
        refused(dir.path(), ErrorKind::Model, words);
    }
}

#[test]
fn nothing_is_overwritten_and_nothing_missing_is_read() {
    let dir = tempfile::tempdir().unwrap();
    refused(&dir.path().join("absent"), ErrorKind::Path, "absent");
    let file = small_gguf().write(&dir.path().join("m.gguf"));
    let to = dir.path().join("to");
    fs::create_dir(&to).unwrap();
    fs::write(to.join("mine"), "keep").unwrap();
    let error = import(&file, &to, WeightFormat::F32, &mut |_, _| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Path);
    assert_eq!(fs::read(to.join("mine")).unwrap(), b"keep");
    // An imported folder is no checkpoint.
    let model = dir.path().join("model");
    import(&file, &model, WeightFormat::F32, &mut |_, _| ()).unwrap();
    refused(&model, ErrorKind::Path, "already");
}
