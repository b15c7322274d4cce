//! Checkpoints that are damaged, incomplete or not supported: an error that says so, and nothing
//! left behind.

use crate::support::checkpoints;
use std::fs;
use std::path::Path;

use crate::support::checkpoints::{
    GgufFile, config_json, decoder_onnx, decoder_onnx_with_a_branch, gguf, small, write_folder,
};
use serde_json::{Value, json};
use zerogr::ErrorKind;
use zerogr::raw::convert::{Architecture, RandomTensors, import};
use zerogr::raw::model::language::WeightFormat;

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

/// Imports a folder after `change`, which must fail with these words.
fn refused_folder(architecture: Architecture, change: impl FnOnce(&Path, &mut Value), words: &str) {
    let config = small(architecture);
    let source = RandomTensors::new(config.clone(), 1);
    let dir = tempfile::tempdir().unwrap();
    write_folder(dir.path(), &config, &source, 1);
    let mut json = config_json(&config);
    change(dir.path(), &mut json);
    fs::write(dir.path().join("config.json"), json.to_string()).unwrap();
    refused(dir.path(), ErrorKind::Model, words);
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
fn tensors_that_would_be_left_out_are_named() {
    let zeros = |len: usize| vec![0.0; len];
    for (name, shape) in [
        ("blk.0.attn_q_norm.weight", vec![16]),
        ("blk.2.attn_norm.weight", vec![64]),
        ("blk.0.attn_sinks.weight", vec![4]),
        ("blk.0.post_attention_norm.weight", vec![64]),
        ("output.bias", vec![300]),
        ("rope_factors_long.weight", vec![8]),
        ("unheard_of", vec![1]),
    ] {
        let len = shape.iter().product();
        refused_gguf(|f| _ = f.floats(name, &shape, &zeros(len)), name);
    }
    // Of each kind of bias there are all or none.
    refused_gguf(
        |f| _ = f.floats("blk.0.attn_k.bias", &[32], &zeros(32)),
        "model.layers.0.self_attn.q_proj.bias",
    );
    refused_gguf(
        |f| _ = f.floats("blk.1.ffn_up.bias", &[96], &zeros(96)),
        "blk.1.ffn_up.bias",
    );
    refused_gguf(
        |f| _ = f.count("llama.block_count", 1),
        "blk.1.attn_k.weight",
    );
    // The head of a model that ties it to the embedding must be the embedding.
    let tie = |_: &Path, json: &mut Value| json["tie_word_embeddings"] = json!(true);
    refused_folder(Architecture::Mistral, tie, "lm_head.weight differs");
    let untie = |_: &Path, json: &mut Value| json["tie_word_embeddings"] = json!(false);
    refused_folder(Architecture::Llama, untie, "lm_head.weight");
    let fewer = |_: &Path, json: &mut Value| json["num_hidden_layers"] = json!(1);
    refused_folder(Architecture::Llama, fewer, "model.layers.1.");
    let biases = |_: &Path, json: &mut Value| json["attention_bias"] = json!(true);
    refused_folder(Architecture::Llama, biases, "q_proj.bias");
}

#[test]
fn settings_that_would_be_passed_over_are_named() {
    for (key, value) in [
        ("rope_scaling", json!({"factor": 4.0})),
        ("rope_scaling", json!({"type": "linear"})),
        (
            "rope_scaling",
            json!({"rope_type": "longrope", "long_factor": [1.0]}),
        ),
        (
            "rope_parameters",
            json!({"full_attention": {"rope_theta": 1.0}}),
        ),
        ("rope_scaling", json!("linear")),
        ("quantization_config", json!({"quant_method": "awq"})),
        ("quantization", json!({"bits": 4, "group_size": 64})),
        (
            "auto_map",
            json!({"AutoModelForCausalLM": "modeling.Model"}),
        ),
        ("architectures", json!(["LlamaForSequenceClassification"])),
        ("layer_types", json!(["full_attention", "linear_attention"])),
        ("num_local_experts", json!(8)),
        ("partial_rotary_factor", json!(0.5)),
        ("logits_scaling", json!(8.0)),
        ("attention_multiplier", json!(0.01)),
        ("hidden_act", json!("gelu")),
        ("a_setting_of_tomorrow", json!(true)),
    ] {
        let word = match key {
            "rope_scaling" => "rotary scaling",
            other => other,
        };
        let word = if value == "linear" {
            "rope_scaling"
        } else {
            word
        };
        let change = |_: &Path, json: &mut Value| json[key] = value.clone();
        refused_folder(Architecture::Llama, change, word);
    }
    refused_gguf(
        |f| _ = f.number("llama.logit_scale", 0.5),
        "llama.logit_scale",
    );
    refused_gguf(|f| _ = f.count("llama.tomorrow", 1), "llama.tomorrow");
    refused_gguf(|f| _ = f.text("general.type", "adapter"), "adapter");
}

#[test]
fn known_forms_of_models_are_called_by_their_names() {
    let model = "model.safetensors";
    let instead = |file: &'static str| {
        move |dir: &Path, _: &mut Value| fs::rename(dir.join(model), dir.join(file)).unwrap()
    };
    let beside = |file: &'static str| {
        move |dir: &Path, _: &mut Value| fs::write(dir.join(file), "{}").unwrap()
    };
    let llama = Architecture::Llama;
    refused_folder(llama, instead("pytorch_model.bin"), "PyTorch");
    refused_folder(llama, instead("weights.00.npz"), "MLX");
    refused_folder(llama, instead("m.gguf"), "path of that file");
    refused_folder(llama, instead("consolidated.safetensors"), "transformers");
    refused_folder(llama, instead("unheard-of"), "neither");
    refused_folder(llama, beside("adapter_config.json"), "LoRA");
    refused_folder(llama, beside("quantize_config.json"), "GPTQ");
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n";
    for file in [model, "tokenizer.json"] {
        let change = |dir: &Path, _: &mut Value| fs::write(dir.join(file), pointer).unwrap();
        refused_folder(llama, change, "git lfs pull");
    }
    let shard = |dir: &Path, _: &mut Value| {
        let map = json!({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}});
        fs::rename(dir.join(model), dir.join("model-1.safetensors")).unwrap();
        fs::write(dir.join("model.safetensors.index.json"), map.to_string()).unwrap();
    };
    refused_folder(llama, shard, "model-2.safetensors is missing");

    let dir = tempfile::tempdir().unwrap();
    let (bytes, _) = small_gguf().bytes();
    let refused_file = |name: &str, bytes: &[u8], words: &str| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        refused(&path, ErrorKind::Model, words);
    };
    let with_version = |version: [u8; 4]| [b"GGUF", &version[..], &bytes[8..]].concat();
    refused_file("a.gguf", &with_version([1, 0, 0, 0]), "version is 1");
    refused_file("a.gguf", &with_version([0, 0, 0, 3]), "big-endian");
    refused_file("a.gguf", b"tjgg\x01\0\0\0", "GGML");
    refused_file("a.gguf", pointer.as_bytes(), "git lfs pull");
    refused_file("a.gguf.part", &bytes, "not finished");
    refused_file("a.gguf.part1of2", &bytes, "join the parts");
    refused_file("model.safetensors", &bytes, "give the folder");
    refused_file("pytorch_model.bin", &bytes, "PyTorch");
    for (number, name) in [(23, "IQ4_XS"), (34, "TQ1_0"), (39, "MXFP4")] {
        refused_gguf(
            |f| _ = f.tensor("output_norm.weight", &[64], number, vec![0; 64]),
            name,
        );
    }
}

#[test]
fn parts_of_a_split_gguf_are_asked_for() {
    let mut part = small_gguf();
    part.count("split.count", 3).count("split.no", 0);
    let dir = tempfile::tempdir().unwrap();
    let path = part.write(&dir.path().join("m-00001-of-00003.gguf"));
    refused(&path, ErrorKind::Model, "m-00002-of-00003.gguf is missing");
    let renamed = part.write(&dir.path().join("renamed.gguf"));
    refused(
        &renamed,
        ErrorKind::Model,
        "part 1 of a model that was split into 3",
    );
}

#[test]
fn weights_that_are_not_finite_are_named() {
    refused_gguf(
        |f| _ = f.floats("blk.0.ffn_norm.weight", &[64], &[f32::INFINITY; 64]),
        "blk.0.ffn_norm.weight",
    );
    let mut file = small_gguf();
    file.floats("blk.1.ffn_up.weight", &[96, 64], &[70_000.0; 96 * 64]);
    let dir = tempfile::tempdir().unwrap();
    let path = file.write(&dir.path().join("m.gguf"));
    let to = dir.path().join("to");
    let error = import(&path, &to, WeightFormat::F16, &mut |_, _| ()).unwrap_err();
    assert!(error.to_string().contains("mlp.up_proj.weight"), "{error}");
    assert!(!to.exists());
    import(&path, &to, WeightFormat::F32, &mut |_, _| ()).unwrap();
}

#[test]
fn tables_of_positions_are_bounded() {
    // 300 kB of weights would make 4 GB of them.
    refused_gguf(
        |f| {
            f.count("llama.context_length", 1 << 20)
                .count("llama.attention.key_length", 1_024);
        },
        "positions of 1024 units",
    );
}

#[cfg(unix)]
#[test]
fn pipes_are_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let make = |path: &Path| {
        let made = std::process::Command::new("mkfifo").arg(path).status();
        assert!(made.unwrap().success());
    };
    let pipe = dir.path().join("m.gguf");
    make(&pipe);
    refused(&pipe, ErrorKind::Io, "regular");
    for file in [
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
    ] {
        let config = small(Architecture::Llama);
        let folder = dir.path().join(file.replace('.', "-"));
        write_folder(&folder, &config, &RandomTensors::new(config.clone(), 1), 1);
        _ = fs::remove_file(folder.join(file));
        make(&folder.join(file));
        refused(&folder, ErrorKind::Io, file);
    }
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
    // One token more than the model has.
    refused_gguf(
        |f| {
            let mut config = small(Architecture::Llama);
            config.vocab -= 1;
            let source = RandomTensors::new(config.clone(), 1);
            let shape = [config.vocab, config.hidden];
            let values = checkpoints::all_of(&source, "model.embed_tokens.weight");
            f.floats("token_embd.weight", &shape, &values);
        },
        "300 tokens and the model 299",
    );
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
        let Ok(gguf) = zerogr::raw::convert::gguf::Gguf::open(std::io::Cursor::new(damaged)) else {
            continue;
        };
        opened += 1;
        let _ = (gguf.texts(), gguf.tokenizer_json());
    }
    // Most of the header is names of tokens.
    assert!(opened > header / 4, "{opened} of {header}");
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
    change(
        &|dir| set(dir, "rope_scaling", json!({"type": "yarn"})),
        "yarn",
    );
    change(&|dir| set(dir, "eos_token_id", json!(300)), "300");
    change(&|dir| remove(dir, "tokenizer.json"), "tokenizer.json");
    change(&|dir| remove(dir, "config.json"), "config.json");
    change(
        &|dir| remove(dir, "model.safetensors.index.json"),
        "model.safetensors.index.json",
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
        (decoder_onnx_with_a_branch("../constants"), "outside"),
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
    refused(&dir.path().join("absent"), ErrorKind::NotFound, "absent");
    let file = small_gguf().write(&dir.path().join("m.gguf"));
    let to = dir.path().join("to");
    fs::create_dir(&to).unwrap();
    fs::write(to.join("mine"), "keep").unwrap();
    let error = import(&file, &to, WeightFormat::F32, &mut |_, _| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read(to.join("mine")).unwrap(), b"keep");
    #[cfg(unix)]
    {
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path().join("nowhere"), &link).unwrap();
        let error = import(&file, &link, WeightFormat::F32, &mut |_, _| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    }
    // An imported folder is no checkpoint.
    let model = dir.path().join("model");
    import(&file, &model, WeightFormat::F32, &mut |_, _| ()).unwrap();
    refused(&model, ErrorKind::AlreadyExists, "already");
}
