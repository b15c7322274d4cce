//! A graph with an adapter equals one whose weights have the adapter's changes in them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use crate::Result;
use crate::convert::{DecoderConfig, RandomTensors, TensorSource, random_decoder, write_decoder};
use crate::model::language::{
    Adapter, BaseModel, DecoderInput, DecoderOptions, DecoderSession, KvCache, KvRow, LinearModule,
    LowRank, WeightFormat,
};
use crate::model::{Device, Runtime};
use crate::rng::Rng;

use super::formats::{Rounded, rms_difference};
use super::graph::{FAMILIES, greatest_difference, small, tokens};
use super::reference;

const RANK: usize = 3;

/// Tensors with the changes of an adapter in them.
struct Merged<'a> {
    base: &'a dyn TensorSource,
    changes: BTreeMap<String, &'a LowRank>,
}

impl<'a> Merged<'a> {
    fn of(base: &'a dyn TensorSource, adapter: &'a Adapter) -> Merged<'a> {
        let name = |change: &LowRank| format!("model.{change}.weight");
        let changes = adapter.changes().iter();
        Merged {
            base,
            changes: changes.map(|change| (name(change), change)).collect(),
        }
    }
}

impl TensorSource for Merged<'_> {
    fn names(&self) -> Vec<String> {
        self.base.names()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.base.shape(name)
    }

    fn read_rows(&self, name: &str, rows: Range<usize>, to: &mut [f32]) -> Result<()> {
        self.base.read_rows(name, rows.clone(), to)?;
        let Some(change) = self.changes.get(name) else {
            return Ok(());
        };
        for (output, row) in rows.zip(to.chunks_exact_mut(change.inputs)) {
            for (weight, a) in row.iter_mut().zip(change.a.chunks_exact(RANK)) {
                let b = change.b.iter().skip(output).step_by(change.outputs);
                *weight += a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            }
        }
        Ok(())
    }
}

/// Changes of all modules of the last layers, and of some of the first.
fn adapter(source: &dyn TensorSource, config: &DecoderConfig) -> Adapter {
    let mut rng = Rng::new(5);
    let mut changes = Vec::new();
    for layer in 0..config.layers {
        for module in LinearModule::ALL {
            if layer == 0 && module > LinearModule::Key {
                continue;
            }
            let shape = source.shape(&format!("model.layers.{layer}.{module}.weight"));
            let [outputs, inputs] = shape.unwrap().try_into().unwrap();
            let mut values = |count: usize, size: f32| -> Vec<f32> {
                (0..count).map(|_| size * (rng.unit_f32() - 0.5)).collect()
            };
            changes.push(LowRank {
                layer,
                module,
                inputs,
                outputs,
                a: values(inputs * RANK, 1.0 / (inputs as f32).sqrt()),
                b: values(RANK * outputs, 2.0),
            });
        }
    }
    let base = BaseModel {
        name: String::new(),
        fingerprint: String::new(),
    };
    Adapter::new(base, RANK, changes).unwrap()
}

fn options(as_on_cuda: bool) -> DecoderOptions {
    let options = DecoderOptions::new().device(Device::Cpu).threads(1);
    options.rehearse_cuda(as_on_cuda)
}

fn is_installed() -> bool {
    match Runtime::load(None) {
        Ok(_) => true,
        Err(error) => {
            eprintln!("skipped: {error}");
            false
        }
    }
}

/// Logits of all new tokens, and the grown cache.
fn pass(
    session: &DecoderSession,
    past: Option<&KvCache>,
    tokens: &[u32],
    positions: &[u32],
    lens: &[usize],
    bias: Option<&[f32]>,
) -> (Vec<f32>, KvCache) {
    let head_rows: Vec<usize> = (0..tokens.len()).collect();
    let input = DecoderInput {
        tokens,
        positions,
        lens,
        bias,
        past,
        head_rows: &head_rows,
        head_columns: &[],
        keep_present: true,
    };
    let output = session.run(&input).unwrap();
    let rows = head_rows.iter().flat_map(|&row| output.logits.row(row));
    (rows.copied().collect(), output.present.unwrap())
}

/// Logits of a prefill in two parts, of a tree below it, and of three texts that go on together.
fn logits(session: &DecoderSession, vocab: usize) -> Vec<f32> {
    let text: Vec<u32> = tokens(1, 20, vocab).into_iter().map(|t| t as u32).collect();
    let positions: Vec<u32> = (0..20).collect();
    let (mut all, cache) = pass(session, None, &text[..9], &positions[..9], &[9], None);
    let past = Some(&cache);
    let (more, cache) = pass(session, past, &text[9..16], &positions[9..16], &[7], None);
    all.extend(more);
    // Two children of the prompt, and a child of the first.
    let mut bias = vec![0.0; 3 * 19];
    for (token, hidden) in [(1, 16), (2, 17)] {
        bias[token * 19 + hidden] = f32::MIN;
    }
    let tree = (&text[16..19], &[16, 16, 17][..]);
    let past = Some(&cache);
    let (nodes, _) = pass(session, past, tree.0, tree.1, &[3], Some(&bias));
    all.extend(nodes);
    let rows = [0; 3].map(|row| KvRow { cache: &cache, row });
    let rows = KvCache::gather(&rows).unwrap();
    let next = &text[17..20];
    let (together, _) = pass(session, Some(&rows), next, &[16; 3], &[1; 3], None);
    all.extend(together);
    all
}

fn folder_of(
    source: &dyn TensorSource,
    config: &DecoderConfig,
    format: WeightFormat,
) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    random_decoder(folder.path(), config, 7).unwrap();
    write_decoder(folder.path(), config, source, format, &mut || ()).unwrap();
    folder
}

fn open(folder: &Path, as_on_cuda: bool) -> [DecoderSession; 2] {
    let options = options(as_on_cuda);
    [
        DecoderSession::open(folder, &options).unwrap(),
        DecoderSession::open_adaptable(folder, &options).unwrap(),
    ]
}

#[test]
fn an_adapter_equals_weights_that_have_it_in_them() {
    if !is_installed() {
        return;
    }
    for family in FAMILIES {
        let config = small(family);
        let source = RandomTensors::new(config.clone(), 7);
        let adapter = adapter(&source, &config);
        let merged = folder_of(&Merged::of(&source, &adapter), &config, WeightFormat::F32);
        let folder = folder_of(&source, &config, WeightFormat::F32);
        for as_on_cuda in [false, true] {
            let [plain, adaptable] = open(folder.path(), as_on_cuda);
            let [merged, _] = open(merged.path(), as_on_cuda);
            let adapted = adaptable.with_adapter(&adapter).unwrap();
            assert!(adapted.shares_weights_with(&adaptable));
            assert!(!adapted.shares_weights_with(&plain));
            let of = |session: &DecoderSession| logits(session, config.vocab);
            let what = format!("{family:?}, as on CUDA: {as_on_cuda}");
            let (found, want, without) = (of(&adapted), of(&merged), of(&plain));
            let off = greatest_difference(&found, &want);
            assert!(off < 5e-5, "{what}: off by {off}");
            let moved = greatest_difference(&want, &without);
            assert!(moved > 0.3, "{what}: moved by {moved}");
            // Without an adapter nothing is added, before and after one is used.
            assert_eq!(of(&adaptable), without, "{what}");
            assert_eq!(of(&adapted), found, "{what}");
        }
    }
}

#[test]
fn an_adapter_is_added_to_weights_of_every_format() {
    if !is_installed() {
        return;
    }
    for (format, tolerance) in [
        (WeightFormat::F16, 1e-3),
        (WeightFormat::Int8, 0.06),
        (WeightFormat::Int4, 0.04),
    ] {
        for family in FAMILIES {
            let config = small(family);
            let exact = RandomTensors::new(config.clone(), 7);
            let adapter = adapter(&exact, &config);
            let folder = folder_of(&exact, &config, format);
            let rounded = Rounded { exact, format };
            let text = tokens(1, 20, config.vocab);
            let last = |source: &dyn TensorSource| {
                reference::text_logits(&config, source, &text).swap_remove(text.len() - 1)
            };
            let want = last(&Merged::of(&rounded, &adapter));
            let without = last(&rounded);
            let text: Vec<u32> = text.iter().map(|&token| token as u32).collect();
            let positions: Vec<u32> = (0..20).collect();
            for as_on_cuda in [false, true] {
                let [plain, adaptable] = open(folder.path(), as_on_cuda);
                let of = |session: &DecoderSession| {
                    let (all, _) = pass(session, None, &text, &positions, &[20], None);
                    all[19 * config.vocab..].to_vec()
                };
                let found = of(&adaptable.with_adapter(&adapter).unwrap());
                let off = rms_difference(&found, &want);
                let what = format!("{format} {family:?}, as on CUDA: {as_on_cuda}");
                assert!(off <= tolerance, "{what}: off by {off}");
                let moved = rms_difference(&want, &without);
                assert!(moved > 3.0 * tolerance, "{what}: moved by {moved}");
                assert_eq!(of(&adaptable), of(&plain), "{what}");
            }
        }
    }
}

#[test]
fn what_does_not_fit_a_graph_is_refused() {
    if !is_installed() {
        return;
    }
    let config = small(FAMILIES[0]);
    let source = RandomTensors::new(config.clone(), 7);
    let folder = folder_of(&source, &config, WeightFormat::F32);
    let [plain, adaptable] = open(folder.path(), false);
    let adapter = adapter(&source, &config);
    let kind = |session: &DecoderSession, adapter: &Adapter| {
        session.with_adapter(adapter).unwrap_err().kind()
    };
    assert_eq!(kind(&plain, &adapter), crate::ErrorKind::InvalidInput);
    let first = &adapter.changes()[0];
    let other_layer = LowRank {
        layer: 3,
        ..first.clone()
    };
    let other_shape = LowRank {
        outputs: 1,
        b: vec![0.0; RANK],
        ..first.clone()
    };
    for change in [other_layer, other_shape] {
        let adapter = Adapter::new(adapter.base().clone(), RANK, vec![change]).unwrap();
        assert_eq!(kind(&adaptable, &adapter), crate::ErrorKind::Model);
    }
    // A graph with a field that is not understood may mean anything.
    let path = folder.path().join("model.onnx");
    let mut graph = std::fs::read(&path).unwrap();
    graph.extend_from_slice(b"\x32\x04note");
    std::fs::write(&path, graph).unwrap();
    assert!(DecoderSession::open(folder.path(), &options(false)).is_ok());
    let error = DecoderSession::open_adaptable(folder.path(), &options(false)).unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Model);
}
