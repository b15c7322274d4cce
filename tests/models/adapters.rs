//! Language models with adapters: they write and score as if the changes were in their weights.

use std::ops::Range;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use zerogr::raw::convert::{
    DecoderConfig, RandomTensors, TensorSource, random_decoder, small_llama, write_decoder,
};
use zerogr::raw::language::{GenerationRequest, Prompt, Sampling, TextGenerator};
use zerogr::raw::model::Device;
use zerogr::raw::model::language::{
    Adapter, DecoderOptions, LanguageModel, LanguageModelConfig, LanguageModelOptions,
    LinearModule, LowRank, ModelKind, WeightFormat,
};
use zerogr::{ErrorKind, Result};

use crate::support::installed;

const SEED: u64 = 11;
const RANK: usize = 2;

pub fn config() -> DecoderConfig {
    small_llama(300, 512)
}

fn options() -> LanguageModelOptions {
    let decoder = DecoderOptions::new().device(Device::Cpu).threads(1);
    LanguageModelOptions::new().decoder(decoder)
}

/// Changes of both layers, which `seed` decides, large enough to change what is written.
pub fn adapter(model: &LanguageModel, seed: u64) -> Adapter {
    let config = config();
    let (hidden, inner) = (config.hidden, config.feed_forward);
    let shapes = [
        (0, LinearModule::Value, [hidden, 32]),
        (1, LinearModule::Query, [hidden, hidden]),
        (1, LinearModule::Down, [inner, hidden]),
    ];
    let mut state = seed;
    let mut value = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    let changes = shapes.map(|(layer, module, [inputs, outputs])| LowRank {
        layer,
        module,
        inputs,
        outputs,
        a: (0..inputs * RANK).map(|_| value() / 4.0).collect(),
        b: (0..RANK * outputs).map(|_| 4.0 * value()).collect(),
    });
    Adapter::new(model.as_base(), RANK, changes.into()).unwrap()
}

/// The random model with the changes in its weights.
pub struct Merged<'a>(pub RandomTensors, pub &'a Adapter);

impl TensorSource for Merged<'_> {
    fn names(&self) -> Vec<String> {
        self.0.names()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.0.shape(name)
    }

    fn read_rows(&self, name: &str, rows: Range<usize>, to: &mut [f32]) -> Result<()> {
        self.0.read_rows(name, rows.clone(), to)?;
        let mut changes = self.1.changes().iter();
        let Some(change) = changes.find(|change| format!("model.{change}.weight") == name) else {
            return Ok(());
        };
        for (output, row) in rows.zip(to.chunks_exact_mut(change.inputs)) {
            for (input, weight) in row.iter_mut().enumerate() {
                for rank in 0..RANK {
                    let b = change.b[rank * change.outputs + output];
                    *weight += change.a[input * RANK + rank] * b;
                }
            }
        }
        Ok(())
    }
}

fn folder() -> (TempDir, PathBuf) {
    installed::setup();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    random_decoder(&path, &config(), SEED).unwrap();
    (folder, path)
}

fn merged(adapter: &Adapter, path: &Path) -> LanguageModel {
    random_decoder(path, &config(), SEED).unwrap();
    let tensors = Merged(RandomTensors::new(config(), SEED), adapter);
    write_decoder(path, &config(), &tensors, WeightFormat::F32, &mut || ()).unwrap();
    LanguageModel::open(path, &options()).unwrap()
}

fn written(model: &LanguageModel) -> Vec<String> {
    let request = |(number, text): (usize, &str)| GenerationRequest {
        prompt: Prompt::Completion(text.into()),
        name: format!("request {number}"),
        samples: 2,
        sampling: match number {
            0 => Sampling::GREEDY,
            _ => Sampling {
                temperature: 0.7,
                ..Sampling::GREEDY
            },
        },
        max_new_tokens: 12,
        stop: Vec::new(),
    };
    let texts = ["one text", "another, longer text", "a third"];
    let requests: Vec<_> = texts.into_iter().enumerate().map(request).collect();
    let mut all = vec![Vec::new(); requests.len()];
    let mut done = |number: usize, generated: zerogr::raw::language::Generated| {
        let completions = generated.completions.into_iter();
        all[number] = completions.map(|one| one.text).collect();
        Ok(())
    };
    model.generate(&requests, &mut done).unwrap();
    all.concat()
}

#[test]
fn a_model_with_an_adapter_writes_and_scores_as_one_with_other_weights() {
    let (folder, path) = folder();
    let model = LanguageModel::open(&path, &options()).unwrap();
    let adapter = adapter(&model, 1);
    let adapted = model.with_adapter(&adapter).unwrap();
    let merged = merged(&adapter, &folder.path().join("merged"));
    let prompts = [vec![1, 2, 3], vec![7; 20], vec![1, 2, 4]];
    let of = |model: &LanguageModel| model.next_logits(&prompts).unwrap().concat();
    let off = |a: &[f32], b: &[f32]| {
        let pairs = a.iter().zip(b);
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    let (found, want) = (of(&adapted), of(&merged));
    assert!(off(&found, &want) < 1e-3, "off by {}", off(&found, &want));
    assert!(off(&found, &of(&model)) > 0.1);
    assert_eq!(written(&adapted), written(&merged));
    assert_ne!(written(&adapted), written(&model));

    // The same by another way, and from its bytes.
    let again = Adapter::from_bytes(&adapter.to_bytes()).unwrap();
    let opened = LanguageModel::open_adapted(&path, &options(), &again).unwrap();
    assert_eq!(of(&opened), found);
    assert_eq!(opened.fingerprint(), adapted.fingerprint());
}

#[test]
fn adapters_of_one_model_share_its_weights_and_nothing_else() {
    let (_folder, path) = folder();
    let model = LanguageModel::open(&path, &options()).unwrap();
    let adapters = [1, 2].map(|seed| adapter(&model, seed));
    let [one, other] = adapters
        .each_ref()
        .map(|it| model.with_adapter(it).unwrap());
    let sessions = [&one, &other].map(|model| model.session().unwrap());
    assert!(sessions[0].shares_weights_with(sessions[1]));
    let logits = |model: &LanguageModel| model.next_logits(&[vec![5, 6, 7]]).unwrap();
    let (first, second) = (logits(&one), logits(&other));
    assert_ne!(first, second);
    assert_eq!(logits(&one), first);
    let [base, one, other] = [&model, &one, &other].map(|model| model.fingerprint());
    assert!(base != one && one != other && base != other);
    let opened = LanguageModel::open_adapted(&path, &options(), &adapters[0]).unwrap();
    assert_eq!(opened.as_base().fingerprint, base);
}

#[test]
fn an_adapter_of_another_model_and_graphs_of_others_are_refused() {
    let (folder, path) = folder();
    let model = LanguageModel::open(&path, &options()).unwrap();
    let adapter = adapter(&model, 1);
    let other = folder.path().join("other");
    random_decoder(&other, &config(), SEED + 1).unwrap();
    let other = LanguageModel::open(&other, &options()).unwrap();
    let refused = other.with_adapter(&adapter).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ModelMismatch);
    let said = refused.to_string();
    let names = [&model, &other].map(|model| model.as_base().fingerprint);
    assert!(names.iter().all(|name| said.contains(name)), "{said}");

    let mut record = LanguageModelConfig::read(&path).unwrap();
    record.kind = ModelKind::ExternalGraph;
    record.write(&path).unwrap();
    let refused = LanguageModel::open_adapted(&path, &options(), &adapter).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Model);
    assert!(
        refused.to_string().contains("takes no adapter"),
        "{refused}"
    );
}
