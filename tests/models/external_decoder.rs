//! A decoder graph of another exporter writes what the imported graph of the same weights writes.
//! `tests/data/external-decoder/model.onnx` is made of the random model below by `make.py` there.

use std::path::Path;

use crate::support::installed;
use crate::support::repository::repository;
use zerogr::raw::convert::{DecoderConfig, random_decoder, small_llama};
use zerogr::raw::language::{Completion, GenerationRequest, Prompt, Sampling, TextGenerator};
use zerogr::raw::model::Device;
use zerogr::raw::model::language::{
    DecoderOptions, LanguageModel, LanguageModelConfig, LanguageModelOptions, ModelKind,
};

fn config() -> DecoderConfig {
    DecoderConfig {
        hidden: 32,
        heads: 2,
        kv_heads: 1,
        feed_forward: 48,
        ..small_llama(257, 256)
    }
}

fn open(folder: &Path) -> LanguageModel {
    let decoder = DecoderOptions::new().device(Device::Cpu).threads(1);
    let options = LanguageModelOptions::new().decoder(decoder).batch_rows(4);
    LanguageModel::open(folder, &options).unwrap()
}

fn write(model: &LanguageModel) -> Vec<Vec<Completion>> {
    let requests: Vec<GenerationRequest> = (0..9usize)
        .map(|number| GenerationRequest {
            prompt: Prompt::Completion("once upon a time ".repeat(1 + number % 3)),
            name: format!("r{number}"),
            samples: 1 + number % 4,
            sampling: Sampling {
                temperature: if number % 2 == 0 { 0.0 } else { 1.0 },
                top_k: 0,
                top_p: 1.0,
                seed: 1,
            },
            max_new_tokens: 5 + number,
            stop: Vec::new(),
        })
        .collect();
    let mut found = vec![Vec::new(); requests.len()];
    model
        .generate(&requests, &mut |at, generated| {
            found[at] = generated.completions;
            Ok(())
        })
        .unwrap();
    found
}

#[test]
fn both_kinds_of_graphs_write_the_same() {
    installed::setup();
    let imported = tempfile::tempdir().unwrap();
    random_decoder(imported.path(), &config(), 21).unwrap();
    let external = tempfile::tempdir().unwrap();
    let graph = repository("tests/data/external-decoder/model.onnx");
    std::fs::copy(graph, external.path().join("decoder.onnx")).unwrap();
    let tokenizer = "tokenizer.json";
    std::fs::copy(
        imported.path().join(tokenizer),
        external.path().join(tokenizer),
    )
    .unwrap();
    LanguageModelConfig {
        kind: ModelKind::ExternalGraph,
        graph: "decoder.onnx".into(),
        weights: None,
        ..LanguageModelConfig::read(imported.path()).unwrap()
    }
    .write(external.path())
    .unwrap();
    let (imported, external) = (open(imported.path()), open(external.path()));
    assert!(imported.session().is_some() && external.session().is_none());
    let want = write(&imported);
    assert!(want.iter().flatten().any(|one| one.tokens > 4), "{want:?}");
    assert_eq!(write(&external), want);
}
