//! Checkpoints in every published format become the same model folder.
#![allow(missing_docs, clippy::unwrap_used)]
#![cfg(feature = "models")]

mod convert_support;

use std::fs;
use std::io::Cursor;
use std::path::Path;

use convert_support::{FAMILIES, GgufFile, all_of, gguf, small, write_folder};
use serde_json::json;
use zerogr::convert::gguf::Gguf;
use zerogr::convert::{
    Architecture, DecoderConfig, RandomTensors, RopeScaling, import, write_decoder,
};
use zerogr::model::Tokenizer;
use zerogr::model::language::{LanguageModelConfig, ModelKind, WeightFormat};

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
fn a_sliding_window_limits_the_positions() {
    let config = small(Architecture::Mistral);
    let source = RandomTensors::new(config.clone(), 4);
    let dir = tempfile::tempdir().unwrap();
    let from = dir.path().join("from");
    write_folder(&from, &config, &source, 1);
    let mut json = convert_support::config_json(&config);
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
    let json = include_str!("data/gguf/blocks.json");
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
    let graph = convert_support::decoder_onnx("model.onnx_data", "");
    let dir = tempfile::tempdir().unwrap();
    let from = dir.path().join("from");
    fs::create_dir_all(from.join("onnx")).unwrap();
    fs::write(from.join("onnx/model.onnx"), &graph).unwrap();
    fs::write(from.join("onnx/model.onnx_data"), [7; 64]).unwrap();
    fs::write(
        from.join("tokenizer.json"),
        convert_support::tokenizer_json(),
    )
    .unwrap();
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
