//! Indexes with an encoder of tokens, from a folder of random weights to hits: what is said on the
//! command line is done through all of a file's life.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Output;
use std::sync::Mutex;

use serde_json::{Value, json};
use zerogr::raw::model::{Device, Encoder, EncoderOptions};
use zerogr::{Index, IndexOptions, Mode, SearchOptions, SnippetOptions, TextEncoder};

use crate::support::checkpoints::write_safetensors;
use crate::support::installed::{self, stderr, stdout, zerogr};

const WORDS: [&str; 20] = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[Q] ", "[D] ", ".", ",", "the", "wing", "heat",
    "flow", "plate", "stream", "shock", "boundary", "layer", "drag", "lift",
];
const HIDDEN: usize = 32;
const DIM: usize = 12;
const QUERY_TOKENS: usize = 8;

const DOCUMENTS: [(&str, &str); 4] = [
    ("a", "the wing . lift , drag"),
    ("b", "heat flow , the plate ."),
    ("c", "shock stream . the boundary layer"),
    ("d", "layer plate , heat"),
];

fn tokenizer() -> Value {
    let id = |name: &str| WORDS.iter().position(|word| *word == name).unwrap();
    let vocab: serde_json::Map<String, Value> = WORDS
        .iter()
        .map(|word| ((*word).to_owned(), json!(id(word))))
        .collect();
    let added = |name: &str, special: bool| {
        json!({"id": id(name), "content": name, "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": special})
    };
    let around = |name: &str| json!({"SpecialToken": {"id": name, "type_id": 0}});
    let text = json!({"Sequence": {"id": "A", "type_id": 0}});
    let special = |name: &str| json!({"id": name, "ids": [id(name)], "tokens": [name]});
    json!({
        "version": "1.0",
        "added_tokens": [added("[MASK]", true), added("[Q] ", false), added("[D] ", false)],
        "normalizer": null,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {"type": "TemplateProcessing",
            "single": [around("[CLS]"), text, around("[SEP]")],
            "pair": [around("[CLS]"), text, around("[SEP]")],
            "special_tokens": {"[CLS]": special("[CLS]"), "[SEP]": special("[SEP]")}},
        "decoder": null,
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]"},
    })
}

/// A small BERT with a projection of its tokens, as PyLate saves it; `seed` makes its weights.
fn write_folder(dir: &Path, seed: usize) {
    let mut tensors = BTreeMap::new();
    let mut add = |name: String, shape: &[usize]| {
        let count: usize = shape.iter().product();
        let number = tensors.len() + 131 * seed;
        let value = |at: usize| {
            let mixed = (at * 7_919 + number * 104_729).wrapping_mul(2_654_435_761) >> 7;
            (mixed % 1_000) as f32 / 1_000.0 - 0.5
        };
        let is_norm = name.contains("LayerNorm.weight");
        let values = (0..count).map(|at| if is_norm { 1.0 } else { 0.6 * value(at) });
        tensors.insert(name, (shape.to_vec(), values.collect()));
    };
    let places = 24;
    for (name, rows) in [
        ("word", WORDS.len()),
        ("position", places),
        ("token_type", 2),
    ] {
        add(
            format!("embeddings.{name}_embeddings.weight"),
            &[rows, HIDDEN],
        );
    }
    let norm = |add: &mut dyn FnMut(String, &[usize]), name: &str| {
        add(format!("{name}.LayerNorm.weight"), &[HIDDEN]);
        add(format!("{name}.LayerNorm.bias"), &[HIDDEN]);
    };
    norm(&mut add, "embeddings");
    for layer in 0..2 {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        for (part, rows, columns) in [
            ("attention.self.query", HIDDEN, HIDDEN),
            ("attention.self.key", HIDDEN, HIDDEN),
            ("attention.self.value", HIDDEN, HIDDEN),
            ("attention.output.dense", HIDDEN, HIDDEN),
            ("intermediate.dense", 48, HIDDEN),
            ("output.dense", HIDDEN, 48),
        ] {
            add(name(&format!("{part}.weight")), &[rows, columns]);
            add(name(&format!("{part}.bias")), &[rows]);
        }
        norm(&mut add, &name("attention.output"));
        norm(&mut add, &name("output"));
    }
    let mut projection = BTreeMap::new();
    let value = |at: usize| ((at * 37 + seed * 11) % 19) as f32 / 19.0 - 0.45;
    let matrix = (vec![DIM, HIDDEN], (0..DIM * HIDDEN).map(value).collect());
    projection.insert("linear.weight".to_owned(), matrix);
    fs::create_dir_all(dir.join("1_Dense")).unwrap();
    let text = |name: &str, value: Value| fs::write(dir.join(name), value.to_string()).unwrap();
    text(
        "config.json",
        json!({"model_type": "bert", "architectures": ["BertModel"], "hidden_size": HIDDEN,
            "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48,
            "vocab_size": WORDS.len(), "max_position_embeddings": places, "type_vocab_size": 2}),
    );
    text("tokenizer.json", tokenizer());
    text(
        "tokenizer_config.json",
        json!({"mask_token": {"content": "[MASK]"}}),
    );
    text(
        "modules.json",
        json!([{"path": "", "type": "sentence_transformers.models.Transformer"},
            {"path": "1_Dense", "type": "pylate.models.Dense.Dense"}]),
    );
    text(
        "1_Dense/config.json",
        json!({"in_features": HIDDEN, "out_features": DIM, "bias": false,
            "activation_function": "torch.nn.modules.linear.Identity"}),
    );
    text(
        "config_sentence_transformers.json",
        json!({"model_type": "ColBERT", "query_prefix": "[Q] ", "document_prefix": "[D] ",
            "query_length": QUERY_TOKENS, "document_length": 16, "do_query_expansion": true,
            "attend_to_expansion_tokens": false, "skiplist_words": [".", ","],
            "similarity_fn_name": "MaxSim"}),
    );
    write_safetensors(&dir.join("model.safetensors"), &tensors);
    write_safetensors(&dir.join("1_Dense/model.safetensors"), &projection);
}

fn run(args: &[&str]) -> Output {
    let output = zerogr().args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    output
}

fn json_of(args: &[&str]) -> Value {
    serde_json::from_str(&stdout(&run(args))).unwrap()
}

/// The vectors of tokens that are compared, of a query or a document.
fn tokens(encoder: &dyn TextEncoder, text: &str, is_query: bool) -> Vec<Vec<f32>> {
    let rows = Mutex::new(Vec::new());
    let each = |_, tokens: zerogr::TokenVectors<'_>| {
        *rows.lock().unwrap() = tokens.vectors.chunks(DIM).map(<[f32]>::to_vec).collect();
    };
    let progress = &mut |_, _| Ok(());
    match is_query {
        true => encoder.encode_queries(&[text], 256, progress, Some(&each)),
        false => encoder.encode_tokens(&[text], 256, progress, &each),
    }
    .unwrap();
    rows.into_inner().unwrap()
}

#[test]
fn an_encoder_of_tokens_serves_an_index_through_its_life() {
    installed::setup();
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    for (name, seed) in [("one", 1), ("two", 2)] {
        write_folder(&dir.path().join(format!("{name}-folder")), seed);
        let folder = at(&format!("{name}-folder"));
        let made = json_of(&["model", "import", &folder, "-o", &at(name), "--json"]);
        assert_eq!(made["dim"], DIM);
        assert_eq!(
            made["late_interaction"]["expansion"]["len_tokens"],
            QUERY_TOKENS
        );
        assert_eq!(made["late_interaction"]["skipped_tokens"], json!([7, 8]));
    }
    let folder = at("one-folder");
    let said = stdout(&run(&["model", "import", &folder, "-o", &at("three")]));
    assert!(said.contains("compares tokens"), "{said}");

    let lines = |documents: &[(&str, &str)]| {
        let line = |(id, text): &(&str, &str)| json!({"_id": id, "text": text}).to_string();
        documents.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    fs::write(at("first.jsonl"), lines(&DOCUMENTS[..3])).unwrap();
    fs::write(at("later.jsonl"), lines(&DOCUMENTS[3..])).unwrap();
    let index = at("index.zgr");
    run(&[
        "build",
        &at("first.jsonl"),
        "-o",
        &index,
        "--encoder",
        &at("one"),
    ]);
    run(&["add", &index, &at("later.jsonl")]);
    run(&["train", &index]);
    run(&["check", &index]);
    let find = |query: &str| {
        let found = json_of(&["search", &index, query, "--json", "-k", "4"]);
        found[0]["id"].as_str().unwrap().to_owned()
    };
    assert_eq!(find("shock stream"), "c");
    assert_eq!(find("lift"), "a");

    let opened = Index::open(&index).unwrap();
    let params = opened.snapshot().params().encoder.clone();
    assert_eq!(params.dim, DIM);
    assert!(params.token_vectors);
    assert_eq!(
        params.late_interaction.unwrap().max_query_tokens,
        QUERY_TOKENS
    );
    let encoder = opened.encoder().unwrap();
    let options = EncoderOptions::new().device(Device::Cpu);
    let from_folder = Encoder::from_dir(at("one"), &options).unwrap();
    assert_eq!(encoder.fingerprint(), from_folder.fingerprint());
    for is_query in [true, false] {
        let text = "heat , the plate .";
        let rows = tokens(&*encoder, text, is_query);
        assert_eq!(rows, tokens(&from_folder, text, is_query));
        // Special tokens and the marker; masks in queries, no punctuation in documents.
        assert_eq!(rows.len(), if is_query { QUERY_TOKENS } else { 6 });
    }
    // What it recalls by the mean of tokens is in the order of the means.
    let query = opened.encode_query("heat plate", None).unwrap();
    let mean = |rows: &[Vec<f32>]| {
        let mut mean = [0f32; DIM];
        for row in rows {
            mean.iter_mut()
                .zip(row)
                .for_each(|(sum, value)| *sum += value);
        }
        let length = mean.iter().map(|x| x * x).sum::<f32>().sqrt();
        mean.iter().map(|x| x / length).collect::<Vec<f32>>()
    };
    let cosine = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    let own = mean(&tokens(&*encoder, "heat plate", true));
    assert!(cosine(query.vector(), &own) > 0.999_99);
    let dense = SearchOptions::new().mode(Mode::Dense).k(4);
    for hit in opened.search("heat plate", &dense).unwrap().hits {
        let (_, text) = DOCUMENTS.iter().find(|(id, _)| *id == hit.id).unwrap();
        let wanted = cosine(query.vector(), &mean(&tokens(&*encoder, text, false)));
        assert!((hit.score - f64::from(wanted)).abs() < 2e-3, "{}", hit.id);
    }
    // Every mode and the marks of a snippet do.
    for mode in [Mode::Planned, Mode::Generative, Mode::Fusion, Mode::Lexical] {
        let found = opened
            .search("drag", &SearchOptions::new().mode(mode))
            .unwrap();
        assert!(!found.hits.is_empty(), "{mode:?}");
        let semantic = SnippetOptions::new().semantic(true);
        let snapshot = opened.snapshot();
        snapshot.snippet(&found.hits[0], "drag", &semantic).unwrap();
    }
    // An instruction has no place in a query of so few tokens.
    let instructed = SearchOptions::new().instruction("find wings");
    let error = opened.search("drag", &instructed).unwrap_err();
    assert!(error.is_invalid_input(), "{error}");

    run(&["upgrade", &index, "--encoder", &at("two")]);
    run(&["check", &index]);
    assert_eq!(find("shock stream"), "c");
    let upgraded = Index::open(&index).unwrap();
    let next = upgraded.snapshot().params().encoder.fingerprint.clone();
    assert_ne!(next, encoder.fingerprint());
    run(&["upgrade", &index, "--encoder", "default"]);
    let params = Index::open(&index)
        .unwrap()
        .snapshot()
        .params()
        .encoder
        .clone();
    assert_eq!(params.late_interaction, None);
    run(&["upgrade", &index, "--encoder", &at("one")]);
    assert_eq!(find("lift"), "a");
    run(&["check", &index]);
    // A query is of the encoder that made it.
    let error = upgraded
        .snapshot()
        .search_encoded("heat", &query, &dense)
        .unwrap_err();
    assert_eq!(error.kind(), zerogr::ErrorKind::ModelMismatch);
}

/// Settings that do not belong to the tokenizer are an error before anything runs.
#[test]
fn settings_of_another_tokenizer_are_refused() {
    installed::setup();
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    write_folder(&at("folder"), 1);
    let (folder, encoder) = (at("folder"), at("encoder"));
    let [folder, to] = [&folder, &encoder].map(|path| path.to_str().unwrap());
    run(&["model", "import", folder, "-o", to]);
    let engine = encoder.join("zerogr-encoder.json");
    let whole: Value = serde_json::from_slice(&fs::read(&engine).unwrap()).unwrap();
    for (key, value, said) in [
        ("query_marker", json!(20), "token 20"),
        ("max_query_tokens", json!(3), "room"),
        ("skipped_tokens", json!([8, 7]), "ascend"),
        (
            "expansion",
            json!({"token": 4, "len_tokens": 9, "is_attended": false}),
            "filled up",
        ),
        ("surprise", json!(1), "surprise"),
    ] {
        let mut spoilt = whole.clone();
        spoilt["late_interaction"][key] = value;
        fs::write(&engine, spoilt.to_string()).unwrap();
        let source = zerogr::EncoderSource::Folder(encoder.clone());
        let error = Index::create(at("a.zgr"), IndexOptions::with_encoder(source)).unwrap_err();
        assert_eq!(error.kind(), zerogr::ErrorKind::Model, "{error}");
        assert!(error.to_string().contains(said), "{said}: {error}");
        assert!(!at("a.zgr").exists());
    }
}
