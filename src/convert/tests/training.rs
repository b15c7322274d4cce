//! Gradients of adapters, beside differences of a loss computed in plain loops of 64-bit floats.

use std::collections::BTreeMap;
use std::path::Path;

use crate::convert::graph::decoder::record_of;
use crate::convert::{
    Architecture, Biases, DecoderConfig, RandomTensors, RopeScaling, training_graphs, write_decoder,
};
use crate::model::Runtime;
use crate::model::language::{
    Beginning, DecoderOptions, FactorShape, GradientSession, Objective, RankedPair, StepGradients,
    Target, TrainingRows, WeightFormat, input_names,
};
use crate::rng::Rng;

use super::graph::{FAMILIES, small};
use super::reference;

const SEED: u64 = 5;
const RANK: usize = 2;
const HIDDEN_BIAS: f32 = -1e9;

/// A very small decoder of a family.
fn tiny(family: Architecture) -> DecoderConfig {
    DecoderConfig {
        hidden: 32,
        layers: 3,
        heads: 4,
        kv_heads: 2,
        head_dim: 16,
        feed_forward: 48,
        vocab: 60,
        rope_scaling: match family {
            Architecture::Qwen3 => RopeScaling::None,
            _ => small(family).rope_scaling,
        },
        ..small(family)
    }
}

/// An adapter with random factors, by the names of the factors.
struct Factors {
    shapes: Vec<FactorShape>,
    values: Vec<Vec<f32>>,
}

impl Factors {
    fn random(folder: &Path, first_layer: usize) -> Factors {
        let mut rng = Rng::new(3);
        let graphs = training_graphs(folder, first_layer).unwrap();
        let shapes: Vec<FactorShape> = graphs
            .shapes
            .iter()
            .flat_map(|shape| {
                let [a, b] = input_names(shape.layer, shape.module);
                [
                    FactorShape {
                        name: a,
                        dims: [shape.inputs, RANK],
                    },
                    FactorShape {
                        name: b,
                        dims: [RANK, shape.outputs],
                    },
                ]
            })
            .collect();
        let values = shapes
            .iter()
            .map(|shape| {
                let len: usize = shape.dims.iter().product();
                (0..len).map(|_| 0.4 * rng.unit_f32() - 0.2).collect()
            })
            .collect();
        Factors { shapes, values }
    }

    fn pairs(&self) -> Vec<(&FactorShape, &[f32])> {
        let values = self.values.iter().map(Vec::as_slice);
        self.shapes.iter().zip(values).collect()
    }

    /// As 64-bit floats, `step` along `direction` added to one of them.
    fn moved(&self, factor: usize, direction: &[f64], step: f64) -> BTreeMap<String, Vec<f64>> {
        let mut moved = BTreeMap::new();
        for (at, (shape, values)) in self.shapes.iter().zip(&self.values).enumerate() {
            let mut values: Vec<f64> = values.iter().map(|&x| f64::from(x)).collect();
            if at == factor {
                values
                    .iter_mut()
                    .zip(direction)
                    .for_each(|(x, d)| *x += step * d);
            }
            moved.insert(shape.name.clone(), values);
        }
        moved
    }
}

/// Two rows, the second of them padded; a loss of every kind.
struct Task {
    texts: Vec<Vec<usize>>,
    width: usize,
    objective: Objective,
}

fn task(vocab: usize) -> Task {
    let mut rng = Rng::new(1);
    let mut text = |len: usize| (0..len).map(|_| rng.index(vocab)).collect::<Vec<_>>();
    let texts = vec![text(7), text(5)];
    let columns: Vec<u32> = (0..vocab as u32).step_by(3).collect();
    let target = |row, column, weight| Target {
        row,
        column,
        weight,
    };
    let objective = Objective {
        head_rows: vec![4, 5, 6, 10, 6],
        // Some columns of the rows that have targets are hidden.
        column_bias: (0..5 * columns.len())
            .map(|at| match at % 7 {
                3 if at < 2 * columns.len() => HIDDEN_BIAS,
                other => 0.1 * other as f32,
            })
            .collect(),
        head_columns: columns,
        targets: vec![
            target(0, 0, 0.5),
            target(1, 1, 0.25),
            target(1, 5, 0.35),
            target(3, 2, 1.0),
        ],
        pairs: vec![
            RankedPair {
                better: 2,
                worse: 3,
                weight: 0.7,
            },
            RankedPair {
                better: 4,
                worse: 3,
                weight: 0.2,
            },
        ],
    };
    Task {
        texts,
        width: 7,
        objective,
    }
}

impl Task {
    fn rows(&self) -> TrainingRows {
        let (rows, width) = (self.texts.len(), self.width);
        let mut bias = Vec::new();
        let mut tokens = Vec::new();
        for text in &self.texts {
            tokens.extend((0..width).map(|at| text.get(at).map_or(0, |&token| token as u32)));
            for i in 0..width {
                bias.extend((0..width).map(|j| if j <= i { 0.0 } else { HIDDEN_BIAS }));
            }
        }
        TrainingRows {
            rows,
            width,
            tokens,
            positions: (0..rows).flat_map(|_| 0..width as u32).collect(),
            bias,
        }
    }

    /// Both losses, in plain loops.
    fn losses(
        &self,
        config: &DecoderConfig,
        weights: &BTreeMap<String, Vec<f64>>,
        factors: &BTreeMap<String, Vec<f64>>,
    ) -> (f64, f64) {
        let tensor = |name: &str| {
            let mut values = weights[name].clone();
            let module = name
                .strip_prefix("model.")
                .and_then(|n| n.strip_suffix(".weight"));
            let factor = |part: &str| factors.get(&format!("{}.{part}", module?));
            if let (Some(a), Some(b)) = (factor("a"), factor("b")) {
                let (inputs, outputs) = (a.len() / RANK, b.len() / RANK);
                for (at, value) in values.iter_mut().enumerate() {
                    let (output, input) = (at / inputs, at % inputs);
                    *value += (0..RANK)
                        .map(|r| a[input * RANK + r] * b[r * outputs + output])
                        .sum::<f64>();
                }
            }
            values
        };
        let mut lines = Vec::new();
        for text in &self.texts {
            let positions: Vec<usize> = (0..text.len()).collect();
            let mut own =
                reference::exact_logits(config, &tensor, text, &positions, &|i, j| j <= i);
            own.resize(self.width, Vec::new());
            lines.extend(own);
        }
        let asked = &self.objective;
        let logit = |row: usize, column: usize| {
            let bias = asked.column_bias[row * asked.head_columns.len() + column];
            lines[asked.head_rows[row]][asked.head_columns[column] as usize] + f64::from(bias)
        };
        let columns = 0..asked.head_columns.len();
        let loss = asked.targets.iter().map(|target| {
            let sum: f64 = columns.clone().map(|c| logit(target.row, c).exp()).sum();
            f64::from(target.weight) * (sum.ln() - logit(target.row, target.column))
        });
        let pair_loss = asked.pairs.iter().map(|pair| {
            let of_column = columns.clone().map(|c| {
                let difference = logit(pair.better, c) - logit(pair.worse, c);
                f64::from(pair.weight) * (-difference).exp().ln_1p()
            });
            of_column.sum::<f64>()
        });
        (loss.sum(), pair_loss.sum())
    }
}

/// Writes a model; `None` where ONNX Runtime is not installed.
fn written(config: &DecoderConfig, format: WeightFormat) -> Option<tempfile::TempDir> {
    if let Err(error) = Runtime::load(None) {
        eprintln!("skipped: {error}");
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let source = RandomTensors::new(config.clone(), SEED);
    let sha256 = write_decoder(dir.path(), config, &source, format, &mut || ()).unwrap();
    record_of(config, format, sha256).write(dir.path()).unwrap();
    Some(dir)
}

fn session(folder: &Path, first_layer: usize) -> GradientSession {
    let graphs = training_graphs(folder, first_layer).unwrap();
    let frozen = graphs.frozen.as_deref();
    let options = DecoderOptions::new().threads(1);
    GradientSession::open(frozen, &graphs.trained, folder, &options).unwrap()
}

fn check_gradients(config: &DecoderConfig, first_layer: usize) {
    let Some(dir) = written(config, WeightFormat::F32) else {
        return;
    };
    let session = session(dir.path(), first_layer);
    let factors = Factors::random(dir.path(), first_layer);
    let task = task(config.vocab);
    let found = step(&session, first_layer, &task, &factors);

    let source = RandomTensors::new(config.clone(), SEED);
    let names = crate::convert::TensorSource::names(&source);
    let weights: BTreeMap<String, Vec<f64>> = names
        .into_iter()
        .map(|name| (name.clone(), reference::values(&source, &name)))
        .collect();
    let losses = |factor: usize, direction: &[f64], step: f64| {
        task.losses(config, &weights, &factors.moved(factor, direction, step))
    };
    let (loss, pair_loss) = losses(0, &[], 0.0);
    assert!((f64::from(found.loss) - loss).abs() < 1e-5 * loss);
    assert!((f64::from(found.pair_loss) - pair_loss).abs() < 1e-5 * pair_loss);

    let mut rng = Rng::new(2);
    for (factor, (shape, gradient)) in factors.shapes.iter().zip(&found.gradients).enumerate() {
        let norm = gradient.iter().map(|g| g * g).sum::<f32>().sqrt();
        assert!(norm > 1e-4, "{}: nothing to compare", shape.name);
        let largest = (0..gradient.len())
            .max_by(|&a, &b| gradient[a].abs().total_cmp(&gradient[b].abs()))
            .unwrap();
        let mut directions = vec![vec![0.0; gradient.len()]];
        directions[0][largest] = 1.0;
        directions.extend((0..3).map(|_| {
            let signs = (0..gradient.len()).map(|_| if rng.index(2) == 0 { 1.0 } else { -1.0 });
            signs.collect()
        }));
        for direction in directions {
            let sum = |step: f64| {
                let (loss, pair_loss) = losses(factor, &direction, step);
                loss + pair_loss
            };
            let step = 1e-5;
            let want = (sum(step) - sum(-step)) / (2.0 * step);
            let along = gradient.iter().zip(&direction);
            let found: f64 = along.map(|(&g, d)| f64::from(g) * d).sum();
            let length = direction.iter().map(|d| d * d).sum::<f64>().sqrt();
            let error = (found - want).abs() / (f64::from(norm) * length);
            assert!(
                error < 1e-4,
                "{:?} {}: {found} for {want}, {error:e}",
                config.architecture,
                shape.name
            );
        }
    }
}

fn step(
    session: &GradientSession,
    first_layer: usize,
    task: &Task,
    factors: &Factors,
) -> StepGradients {
    let rows = task.rows();
    let stream;
    let beginning = match first_layer {
        0 => Beginning::Tokens,
        _ => {
            stream = session.frozen_stream(&rows).unwrap();
            Beginning::Stream(&stream)
        }
    };
    session
        .step(&rows, beginning, &task.objective, &factors.pairs())
        .unwrap()
}

#[test]
fn gradients_of_every_family_equal_differences_of_the_loss() {
    for family in FAMILIES {
        check_gradients(&tiny(family), 0);
    }
}

#[test]
fn gradients_go_past_biases_wherever_they_are() {
    let mut config = tiny(Architecture::Llama);
    config.biases = Biases {
        qkv: true,
        attention_output: true,
        feed_forward: true,
    };
    check_gradients(&config, 0);
}

#[test]
fn upper_layers_learn_the_same_above_frozen_ones() {
    let config = tiny(Architecture::Qwen3);
    check_gradients(&config, 2);
    let Some(dir) = written(&config, WeightFormat::F32) else {
        return;
    };
    let task = task(config.vocab);
    let upper = Factors::random(dir.path(), 1);
    let alone = step(&session(dir.path(), 1), 1, &task, &upper);

    // All layers, the lowest of them with a change that is none.
    let mut whole = Factors::random(dir.path(), 0);
    let lower = whole.shapes.len() - upper.shapes.len();
    for values in &mut whole.values[..lower] {
        values.fill(0.0);
    }
    whole.values[lower..].clone_from_slice(&upper.values);
    let together = step(&session(dir.path(), 0), 0, &task, &whole);
    assert!((alone.loss - together.loss).abs() < 1e-5);
    let pairs = together.gradients[lower..].iter().zip(&alone.gradients);
    for (together, alone) in pairs {
        let difference = super::graph::greatest_difference(together, alone);
        assert!(difference < 1e-5, "off by {difference}");
    }
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let config = tiny(Architecture::Llama);
    let Some(dir) = written(&config, WeightFormat::F32) else {
        return;
    };
    let error = training_graphs(dir.path(), config.layers).unwrap_err();
    assert!(error.to_string().contains("has 3"), "{error}");
    let config = DecoderConfig {
        hidden: 64,
        feed_forward: 64,
        ..tiny(Architecture::Llama)
    };
    let folder = written(&config, WeightFormat::Int8).unwrap();
    let error = training_graphs(folder.path(), 0).unwrap_err();
    assert!(error.to_string().contains("--weights f32"), "{error}");

    let graphs = session(dir.path(), 0);
    let factors = Factors::random(dir.path(), 0);
    let mut task = task(60);
    task.objective.targets[0].row = 9;
    let rows = task.rows();
    let asked =
        |objective: &Objective| graphs.step(&rows, Beginning::Tokens, objective, &factors.pairs());
    assert!(
        asked(&task.objective)
            .unwrap_err()
            .to_string()
            .contains("outside")
    );
    task.objective.targets[0].row = 0;
    task.objective.head_columns[0] = 60;
    assert!(asked(&task.objective).is_err());
}
