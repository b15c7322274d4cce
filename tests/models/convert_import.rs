//! Checkpoints in every published format become the same model folder.

use crate::support::checkpoints;
use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use crate::support::checkpoints::{FAMILIES, GgufFile, all_of, gguf, small, write_folder};
use serde_json::json;
use zerogr::raw::convert::gguf::Gguf;
use zerogr::raw::convert::{
    Architecture, Biases, DecoderConfig, RandomTensors, RopeScaling, TensorSource, import,
    write_decoder,
};
use zerogr::raw::model::Tokenizer;
use zerogr::raw::model::language::{LanguageModelConfig, ModelKind, WeightFormat};

/// Graph and weights of a folder.
fn files(dir: &Path) -> [Vec<u8>; 2] {
    ["model.onnx", "model.weights"].map(|name| fs::read(dir.join(name)).unwrap())
}

fn direct(config: &DecoderConfig, source: &RandomTensors, format: WeightFormat) -> [Vec<u8>; 2] {
    let dir = tempfile::tempdir().unwrap();
    write_decoder(dir.path(), config, source, format, &mut || ()).unwrap();
    files(dir.path())
}

const FORMATS: [WeightFormat; 4] = [
    WeightFormat::F32,
    WeightFormat::F16,
    WeightFormat::Int8,
    WeightFormat::Int4,
];

#[test]
fn gguf_and_safetensors_give_the_graph_and_weights_of_their_tensors() {
    for family in FAMILIES {
        let config = small(family);
        let source = RandomTensors::new(config.clone(), 3);
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let file = gguf(&config, &source).write(&at("model.gguf"));
        write_folder(&at("single"), &config, &source, 1);
        write_folder(&at("sharded"), &config, &source, 3);
        for format in FORMATS {
            let want = direct(&config, &source, format);
            for (name, from) in [
                ("gguf", file.clone()),
                ("single", at("single")),
                ("sharded", at("sharded")),
            ] {
                let to = at(&format!("{name}-{format}"));
                let mut steps = Vec::new();
                let record =
                    import(&from, &to, format, &mut |done, of| steps.push((done, of))).unwrap();
                assert!(files(&to) == want, "{family:?} {name} {format}");
                assert_eq!(record, LanguageModelConfig::read(&to).unwrap());
                assert_eq!(record.eos_token_ids, [0]);
                assert_eq!(record.weights, Some(format));
                assert_eq!(steps.last(), Some(&(config.layers + 1, config.layers + 1)));
                let tokenizer = fs::read(to.join("tokenizer.json")).unwrap();
                let tokenizer = Tokenizer::from_bytes(&tokenizer).unwrap();
                let ids = tokenizer.encode_plain("Aß word270").unwrap();
                assert_eq!(tokenizer.decode(&ids).unwrap(), "Aß word270");
                assert_eq!(ids[0], u32::from(b'A') + 1);
            }
        }
    }
}

#[test]
fn rotary_scaling_is_read() {
    let llama3 = RopeScaling::Llama3 {
        factor: 8.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_positions: 32.0,
    };
    for scaling in [RopeScaling::Linear { factor: 4.0 }, llama3] {
        let mut config = small(Architecture::Llama);
        config.rope_scaling = scaling.clone();
        let source = RandomTensors::new(config.clone(), 4);
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        write_folder(&from, &config, &source, 1);
        import(&from, &to, WeightFormat::F32, &mut |_, _| ()).unwrap();
        let want = direct(&config, &source, WeightFormat::F32);
        assert!(files(&to) == want, "{scaling:?}");
        config.rope_scaling = RopeScaling::None;
        assert!(direct(&config, &source, WeightFormat::F32) != want);
    }
    // GGUF has the divisors of Llama 3's scaling as a tensor.
    let mut config = small(Architecture::Llama);
    let divisors: Vec<f32> = (0..8).map(|i| 1.0 + i as f32).collect();
    config.rope_scaling = RopeScaling::Divisors(divisors.clone());
    let source = RandomTensors::new(config.clone(), 4);
    let mut file = gguf(&config, &source);
    file.floats("rope_freqs.weight", &[8], &divisors);
    let opened = Gguf::open(Cursor::new(file.bytes().0)).unwrap();
    assert_eq!(opened.config(), &config);
}

#[test]
fn biases_are_used_wherever_a_checkpoint_has_them() {
    for family in FAMILIES {
        let mut config = small(family);
        config.biases = Biases {
            qkv: true,
            attention_output: true,
            feed_forward: true,
        };
        let source = RandomTensors::new(config.clone(), 9);
        let want = direct(&config, &source, WeightFormat::F32);
        let dir = tempfile::tempdir().unwrap();
        let file = gguf(&config, &source).write(&dir.path().join("m.gguf"));
        let folder = dir.path().join("folder");
        write_folder(&folder, &config, &source, 2);
        for (number, from) in [file, folder.clone()].iter().enumerate() {
            let to = dir.path().join(number.to_string());
            import(from, &to, WeightFormat::F32, &mut |_, _| ()).unwrap();
            assert!(files(&to) == want, "{family:?} {}", from.display());
        }
    }
}

#[test]
fn settings_say_that_there_are_biases_in_several_ways() {
    let mut config = small(Architecture::Llama);
    config.biases.qkv = true;
    config.biases.attention_output = true;
    let source = RandomTensors::new(config.clone(), 9);
    let want = direct(&config, &source, WeightFormat::F32);
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("folder");
    write_folder(&folder, &config, &source, 1);
    for key in ["bias", "attention_bias"] {
        let set = |value: bool| {
            let mut json = checkpoints::config_json(&config);
            json[key] = json!(value);
            fs::write(folder.join("config.json"), json.to_string()).unwrap();
        };
        set(true);
        let to = dir.path().join(key);
        import(&folder, &to, WeightFormat::F32, &mut |_, _| ()).unwrap();
        assert!(files(&to) == want, "{key}");
        set(false);
        let to = dir.path().join("none");
        let error = import(&folder, &to, WeightFormat::F32, &mut |_, _| ()).unwrap_err();
        assert!(error.to_string().contains("q_proj.bias"), "{error}");
    }
}

#[test]
fn tensors_that_change_nothing_are_passed_over() {
    let config = small(Architecture::Llama);
    let source = RandomTensors::new(config.clone(), 3);
    let want = direct(&config, &source, WeightFormat::F32);
    let dir = tempfile::tempdir().unwrap();
    let mut file = gguf(&config, &source);
    file.floats("blk.0.attn_rot_embd.weight", &[8], &[9.0; 8]);
    let file = file.write(&dir.path().join("m.gguf"));
    // A tied head that is stored once more.
    let folder = dir.path().join("folder");
    let mut tensors = BTreeMap::new();
    for name in source.names() {
        tensors.insert(
            name.clone(),
            (source.shape(&name).unwrap(), all_of(&source, &name)),
        );
    }
    let embedding = tensors["model.embed_tokens.weight"].clone();
    tensors.insert("lm_head.weight".into(), embedding);
    let frequencies = (vec![8], vec![9.0; 8]);
    tensors.insert(
        "model.layers.1.self_attn.rotary_emb.inv_freq".into(),
        frequencies,
    );
    write_folder(&folder, &config, &source, 1);
    checkpoints::write_safetensors(&folder.join("model.safetensors"), &tensors);
    for (number, from) in [file, folder].iter().enumerate() {
        let to = dir.path().join(number.to_string());
        import(from, &to, WeightFormat::F32, &mut |_, _| ()).unwrap();
        assert!(files(&to) == want, "{}", from.display());
    }
}

#[test]
fn a_gguf_that_was_split_is_read_whole_from_any_of_its_parts() {
    let config = small(Architecture::Qwen2);
    let source = RandomTensors::new(config.clone(), 3);
    let whole = gguf(&config, &source);
    let dir = tempfile::tempdir().unwrap();
    let parts = whole.split(3);
    let write = |parts: &[GgufFile]| -> Vec<PathBuf> {
        let names = (1..).map(|no| dir.path().join(format!("m-{no:05}-of-00003.gguf")));
        parts
            .iter()
            .zip(names)
            .map(|(part, path)| part.write(&path))
            .collect()
    };
    let paths = write(&parts);
    let want = direct(&config, &source, WeightFormat::F32);
    let record = paths.iter().map(|path| {
        let to = dir.path().join("to");
        let record = import(path, &to, WeightFormat::F32, &mut |_, _| ()).unwrap();
        assert!(files(&to) == want, "{}", path.display());
        fs::remove_dir_all(&to).unwrap();
        record
    });
    let records: Vec<_> = record.collect();
    assert!(records.iter().all(|record| *record == records[0]));
    let refused = |words: &str| {
        let to = dir.path().join("to");
        let error = import(&paths[0], &to, WeightFormat::F32, &mut |_, _| ()).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    };
    write(&[parts[0].clone(), parts[2].clone(), parts[1].clone()]);
    refused("it is part 3");
    let mut fewer = parts.clone();
    fewer[1]
        .without("output.weight")
        .without("blk.0.attn_q.bias");
    fewer[0]
        .without("output.weight")
        .without("blk.0.attn_q.bias");
    fewer[2]
        .without("output.weight")
        .without("blk.0.attn_q.bias");
    write(&fewer);
    refused("where the whole has");
}

/// The scaling that a GGUF file gets by `change`.
fn gguf_scaling(change: impl FnOnce(&mut GgufFile)) -> RopeScaling {
    let config = small(Architecture::Llama);
    let mut file = gguf(&config, &RandomTensors::new(config.clone(), 4));
    change(&mut file);
    let opened = Gguf::open(Cursor::new(file.bytes().0)).unwrap();
    opened.config().rope_scaling.clone()
}

#[test]
fn rotary_scaling_of_older_files_is_read() {
    let linear = RopeScaling::Linear { factor: 8.0 };
    let factor = "llama.rope.scaling.factor";
    assert_eq!(gguf_scaling(|f| _ = f.number(factor, 8.0)), linear);
    let older = "llama.rope.scale_linear";
    assert_eq!(gguf_scaling(|f| _ = f.number(older, 8.0)), linear);
    assert_eq!(
        gguf_scaling(|f| _ = f.number(older, 8.0).number(factor, 0.0)),
        RopeScaling::None
    );
    let none = |f: &mut GgufFile| {
        _ = f
            .number(factor, 8.0)
            .text("llama.rope.scaling.type", "none")
    };
    assert_eq!(gguf_scaling(none), RopeScaling::None);
    // Divisors and a factor go together.
    let both = |f: &mut GgufFile| {
        _ = f
            .number(factor, 8.0)
            .floats("rope_freqs.weight", &[8], &[2.0; 8])
    };
    assert_eq!(gguf_scaling(both), RopeScaling::Divisors(vec![16.0; 8]));
}

/// The record of a folder whose settings have these changes.
fn record_with(
    architecture: Architecture,
    changes: &[(&str, serde_json::Value)],
) -> LanguageModelConfig {
    let config = small(architecture);
    let source = RandomTensors::new(config.clone(), 4);
    let dir = tempfile::tempdir().unwrap();
    let from = dir.path().join("from");
    write_folder(&from, &config, &source, 1);
    let mut json = checkpoints::config_json(&config);
    json["max_position_embeddings"] = json!(9_000);
    for (key, value) in changes {
        json[*key] = value.clone();
    }
    fs::write(from.join("config.json"), json.to_string()).unwrap();
    let to = dir.path().join("to");
    import(&from, &to, WeightFormat::F32, &mut |_, _| ()).unwrap()
}

#[test]
fn windows_and_scaling_limit_the_positions_as_the_families_mean_them() {
    let positions = |architecture, changes: &[(&str, serde_json::Value)]| {
        record_with(architecture, changes).max_positions
    };
    let (mistral, qwen) = (Architecture::Mistral, Architecture::Qwen3);
    let window = ("sliding_window", json!(48));
    let used = ("use_sliding_window", json!(true));
    let none = ("sliding_window", json!(null));
    let types = |names: [&str; 2]| ("layer_types", json!(names));
    let (full, sliding) = ("full_attention", "sliding_attention");
    // Mistral has a window unless it says that it has none, Qwen has none unless it says so.
    assert_eq!(positions(mistral, &[]), 4_096);
    assert_eq!(positions(mistral, &[none]), 9_000);
    assert_eq!(positions(mistral, std::slice::from_ref(&window)), 48);
    assert_eq!(positions(qwen, std::slice::from_ref(&window)), 9_000);
    // Two layers, of which those from 28 on have windows.
    assert_eq!(positions(qwen, &[window.clone(), used.clone()]), 9_000);
    let first = ("max_window_layers", json!(1));
    assert_eq!(positions(qwen, &[window.clone(), used.clone(), first]), 48);
    let some = types([full, sliding]);
    assert_eq!(positions(qwen, &[window.clone(), used.clone(), some]), 48);
    let all = types([full, full]);
    assert_eq!(positions(mistral, &[window, all]), 9_000);
    // Up to the positions it was trained with, dynamic scaling is none.
    let dynamic = json!({"type": "dynamic", "factor": 4.0});
    assert_eq!(
        positions(Architecture::Llama, &[("rope_scaling", dynamic)]),
        9_000
    );
    let dynamic = json!({
        "rope_type": "dynamic", "type": "dynamic", "factor": 4.0,
        "original_max_position_embeddings": 64,
    });
    assert_eq!(
        positions(Architecture::Llama, &[("rope_scaling", dynamic)]),
        64
    );
}

/// The ids of "A" in the tokenizer of a GGUF file, with those that every text starts with.
fn start_of(change: impl FnOnce(&mut GgufFile)) -> Vec<u32> {
    let config = small(Architecture::Llama);
    let mut file = gguf(&config, &RandomTensors::new(config.clone(), 4));
    file.count("tokenizer.ggml.bos_token_id", 7);
    change(&mut file);
    let opened = Gguf::open(Cursor::new(file.bytes().0)).unwrap();
    let tokenizer = Tokenizer::from_bytes(&opened.tokenizer_json().unwrap()).unwrap();
    tokenizer.encode("A", 8).unwrap()
}

#[test]
fn the_kind_of_tokenizer_says_whether_texts_start_with_a_token() {
    let a = u32::from(b'A') + 1;
    let says = |f: &mut GgufFile, says: bool| {
        _ = f.setting(b"tokenizer.ggml.add_bos_token", 7, vec![u8::from(says)]);
    };
    let rule = |f: &mut GgufFile, rule: &str| _ = f.text("tokenizer.ggml.pre", rule);
    assert_eq!(start_of(|_| ()), [a]);
    assert_eq!(start_of(|f| says(f, true)), [7, a]);
    assert_eq!(start_of(|f| rule(f, "qwen2")), [a]);
    assert_eq!(start_of(|f| rule(f, "llama-bpe")), [7, a]);
    assert_eq!(
        start_of(|f| {
            rule(f, "llama-bpe");
            says(f, false)
        }),
        [a]
    );
}

#[test]
fn tokenizer_settings_say_whether_texts_start_with_a_token() {
    let config = small(Architecture::Llama);
    let source = RandomTensors::new(config.clone(), 4);
    let (a, bos) = (u32::from(b'A') + 1, "<|endoftext|>");
    for (settings, want) in [
        (json!({}), vec![a]),
        (json!({"add_bos_token": true, "bos_token": bos}), vec![0, a]),
        (
            json!({"add_bos_token": true, "bos_token": {"content": bos}}),
            vec![0, a],
        ),
        (json!({"add_bos_token": false, "bos_token": bos}), vec![a]),
        (
            json!({"tokenizer_class": "LlamaTokenizerFast", "bos_token": bos}),
            vec![0, a],
        ),
        (
            json!({"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": bos}),
            vec![a],
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        write_folder(&from, &config, &source, 1);
        fs::write(from.join("tokenizer_config.json"), settings.to_string()).unwrap();
        import(&from, &to, WeightFormat::F32, &mut |_, _| ()).unwrap();
        let tokenizer = fs::read(to.join("tokenizer.json")).unwrap();
        let tokenizer = Tokenizer::from_bytes(&tokenizer).unwrap();
        assert_eq!(tokenizer.encode("A", 8).unwrap(), want, "{settings}");
    }
}

#[test]
fn every_token_that_a_file_calls_the_last_ends_a_text() {
    let config = small(Architecture::Llama);
    let source = RandomTensors::new(config.clone(), 4);
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    write_folder(&from, &config, &source, 1);
    let write =
        |name: &str, json: serde_json::Value| fs::write(from.join(name), json.to_string()).unwrap();
    let mut json = checkpoints::config_json(&config);
    json["eos_token_id"] = json!([9, 8]);
    write("config.json", json);
    write("generation_config.json", json!({"eos_token_id": 290}));
    write(
        "tokenizer_config.json",
        json!({"eos_token": {"content": "Ġword280"}}),
    );
    write("special_tokens_map.json", json!({"eos_token": "Ġword270"}));
    let record = import(&from, &to, WeightFormat::F32, &mut |_, _| ()).unwrap();
    // The last is the one that ends texts by its name.
    assert_eq!(record.eos_token_ids, [8, 9, 270, 280, 290, 0]);

    let mut file = gguf(&config, &source);
    let json: serde_json::Value = serde_json::from_slice(&checkpoints::tokenizer_json()).unwrap();
    let mut tokens = vec![String::new(); 300];
    for (token, id) in json["model"]["vocab"].as_object().unwrap() {
        tokens[id.as_u64().unwrap() as usize] = token.clone();
    }
    tokens[299] = "<|im_end|>".into();
    file.texts("tokenizer.ggml.tokens", &tokens)
        .count("tokenizer.ggml.eos_token_id", 20)
        .count("tokenizer.ggml.eot_token_id", 10)
        .count("tokenizer.ggml.eom_token_id", 11)
        .integers("tokenizer.ggml.eos_token_ids", &[12])
        .integers("tokenizer.ggml.eog_token_ids", &[13, 12]);
    let file = file.write(&dir.path().join("m.gguf"));
    let to = dir.path().join("to-gguf");
    let record = import(&file, &to, WeightFormat::F32, &mut |_, _| ()).unwrap();
    assert_eq!(record.eos_token_ids, [10, 11, 12, 13, 20, 0, 299]);
}

#[test]
fn a_chat_template_that_does_not_work_is_left_out_and_reported() {
    let config = small(Architecture::Llama);
    let mut file = gguf(&config, &RandomTensors::new(config.clone(), 4));
    let dir = tempfile::tempdir().unwrap();
    let deep = format!("{{{{ {}1{} }}}}", "(".repeat(50_000), ")".repeat(50_000));
    for (number, (template, problem)) in [
        ("{{ messages[0].content }}", None),
        (
            "{% unheard_of %}{{ messages[0].content }}",
            Some("unheard_of"),
        ),
        ("{{ messages[0].content | unheard_of }}", Some("unheard_of")),
        ("always the same", Some("leaves out")),
        (deep.as_str(), Some("brackets")),
    ]
    .into_iter()
    .enumerate()
    {
        file.text("tokenizer.chat_template", template);
        let file = file.write(&dir.path().join("m.gguf"));
        let to = dir.path().join(number.to_string());
        let record = import(&file, &to, WeightFormat::F32, &mut |_, _| ()).unwrap();
        let found = record.chat_template_problem.unwrap_or_default();
        assert!(found.contains(problem.unwrap_or("")), "{found}");
        assert_eq!(record.chat_template.is_some(), problem.is_none(), "{found}");
    }
}

#[test]
fn a_sliding_window_limits_the_positions() {
    let config = small(Architecture::Mistral);
    let source = RandomTensors::new(config.clone(), 4);
    let dir = tempfile::tempdir().unwrap();
    let from = dir.path().join("from");
    write_folder(&from, &config, &source, 1);
    let mut json = checkpoints::config_json(&config);
    json["sliding_window"] = json!(48);
    fs::write(from.join("config.json"), json.to_string()).unwrap();
    let to = dir.path().join("to");
    let record = import(&from, &to, WeightFormat::F32, &mut |_, _| ()).unwrap();
    assert_eq!(record.max_positions, 48);
}

#[test]
fn every_block_format_is_read_as_the_gguf_package_reads_it() {
    #[derive(serde::Deserialize)]
    struct Blocks {
        name: String,
        number: u32,
        bytes: Vec<u8>,
        values: Vec<f32>,
    }
    let json = include_str!("../data/gguf/blocks.json");
    let formats: Vec<Blocks> = serde_json::from_str(json).unwrap();
    assert_eq!(formats.len(), 12);
    let config = DecoderConfig {
        hidden: 256,
        heads: 16,
        vocab: 1,
        ..small(Architecture::Llama)
    };
    let mut file = GgufFile::default();
    file.text("general.architecture", "llama");
    for (part, value) in [
        ("embedding_length", config.hidden),
        ("block_count", 1),
        ("attention.head_count", config.heads),
        ("feed_forward_length", 32),
        ("context_length", 8),
    ] {
        file.count(&format!("llama.{part}"), value);
    }
    file.number("llama.attention.layer_norm_rms_epsilon", 1e-5);
    for blocks in formats {
        file.tensor("token_embd.weight", &[1, 256], blocks.number, blocks.bytes);
        let opened = Gguf::open(Cursor::new(file.bytes().0)).unwrap();
        let found = all_of(&opened, "model.embed_tokens.weight");
        for (found, want) in found.iter().zip(&blocks.values) {
            let difference = (found - want).abs();
            assert!(
                difference <= 1e-6 * want.abs().max(1.0),
                "{}: {found} {want}",
                blocks.name
            );
        }
    }
}

#[test]
fn a_sentence_piece_tokenizer_joins_by_score() {
    let config = small(Architecture::Llama);
    let source = RandomTensors::new(config.clone(), 5);
    let mut file = gguf(&config, &source);
    let mut tokens: Vec<String> = ["<unk>", "<s>", "</s>"].map(String::from).into();
    tokens.extend((0..256).map(|byte| format!("<0x{byte:02X}>")));
    let words = ["▁", "a", "b", "c", "ab", "bc", "▁a", "▁ab", "abc"];
    tokens.extend(words.map(String::from));
    let mut kinds = vec![1; tokens.len()];
    kinds[..3].copy_from_slice(&[2, 3, 3]);
    kinds[3..259].fill(6);
    let mut scores = vec![0.0_f32; tokens.len()];
    for (at, score) in scores.iter_mut().enumerate().skip(259) {
        *score = -(at as f32);
    }
    // "bc" is better than "ab".
    let at = |word: &str| tokens.iter().position(|token| token == word).unwrap();
    scores[at("bc")] = -1.0;
    let mut list = 6_u32.to_le_bytes().to_vec();
    list.extend((scores.len() as u64).to_le_bytes());
    scores
        .iter()
        .for_each(|score| list.extend(score.to_le_bytes()));
    file.text("tokenizer.ggml.model", "llama")
        .texts("tokenizer.ggml.tokens", &tokens)
        .integers("tokenizer.ggml.token_type", &kinds)
        .setting(b"tokenizer.ggml.scores", 9, list)
        .count("tokenizer.ggml.bos_token_id", 1)
        .count("tokenizer.ggml.eos_token_id", 2);
    let opened = Gguf::open(Cursor::new(file.bytes().0)).unwrap();
    let tokenizer = Tokenizer::from_bytes(&opened.tokenizer_json().unwrap()).unwrap();
    let ids = |words: &[&str]| words.iter().map(|word| at(word) as u32).collect::<Vec<_>>();
    assert_eq!(tokenizer.encode_plain("ab").unwrap(), ids(&["▁ab"]));
    assert_eq!(tokenizer.encode_plain("abc").unwrap(), ids(&["▁a", "bc"]));
    let bytes = tokenizer.encode_plain("é").unwrap();
    assert_eq!(bytes, ids(&["▁", "<0xC3>", "<0xA9>"]));
    assert_eq!(tokenizer.decode(&bytes).unwrap(), "é");
    assert_eq!(tokenizer.encode("ab", 8).unwrap(), ids(&["<s>", "▁ab"]));
}

#[test]
fn a_folder_with_a_decoder_onnx_is_copied_as_it_is() {
    let graph = checkpoints::decoder_onnx("model.onnx_data", "");
    let dir = tempfile::tempdir().unwrap();
    let from = dir.path().join("from");
    fs::create_dir_all(from.join("onnx")).unwrap();
    fs::write(from.join("onnx/model.onnx"), &graph).unwrap();
    fs::write(from.join("onnx/model.onnx_data"), [7; 64]).unwrap();
    fs::write(from.join("tokenizer.json"), checkpoints::tokenizer_json()).unwrap();
    let config = json!({
        "model_type": "gpt_neox", "hidden_size": 64, "num_attention_heads": 4,
        "max_position_embeddings": 512, "vocab_size": 300, "eos_token_id": [0, 2],
    });
    fs::write(from.join("config.json"), config.to_string()).unwrap();
    let to = dir.path().join("to");
    let record = import(&from, &to, WeightFormat::F32, &mut |_, _| ()).unwrap();
    assert_eq!(record.kind, ModelKind::ExternalGraph);
    assert_eq!(record.graph, "onnx/model.onnx");
    assert_eq!(
        (record.layers, record.kv_heads, record.head_dim),
        (2, 2, 16)
    );
    assert_eq!((record.hidden, record.heads, record.vocab), (64, 4, 300));
    assert_eq!((record.weights, record.max_positions), (None, 512));
    assert_eq!(record.eos_token_ids, [0, 2]);
    assert_eq!(fs::read(to.join("onnx/model.onnx")).unwrap(), graph);
    assert_eq!(fs::read(to.join("onnx/model.onnx_data")).unwrap(), [7; 64]);
    assert_eq!(LanguageModelConfig::read(&to).unwrap(), record);
}
