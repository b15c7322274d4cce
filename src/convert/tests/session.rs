//! The decoder graph in ONNX Runtime, with its inputs spelt out.

use std::path::Path;

use ndarray::{Array, ArrayD, IxDyn};
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::Tensor;

use crate::model::Runtime;
use crate::model::language::LanguageModelConfig;

/// A session and the keys and values so far.
pub struct Decoder {
    /// The file of the graph.
    pub graph: String,
    session: Session,
    config: LanguageModelConfig,
    past: Vec<ArrayD<f32>>,
}

/// New tokens for [`Decoder::run`]: `batch` rows of equal length.
pub struct Step<'a> {
    pub tokens: &'a [Vec<i64>],
    pub positions: &'a [Vec<i64>],
    /// `(row, new token, token in all)` sees it.
    pub sees: &'a dyn Fn(usize, usize, usize) -> bool,
    /// Valid length of each row in all.
    pub lengths: Vec<i32>,
    pub rows: Vec<i64>,
    pub columns: Vec<i64>,
}

impl Decoder {
    /// Both graphs of a model folder, on the CPU; none where ONNX Runtime is not installed.
    pub fn open_both(dir: &Path) -> Vec<Decoder> {
        let config = LanguageModelConfig::read(dir).unwrap();
        let graphs = [config.graph, config.cuda_graph.unwrap()];
        graphs
            .iter()
            .filter_map(|graph| Self::open_graph(dir, graph))
            .collect()
    }

    /// `None` where ONNX Runtime is not installed.
    fn open_graph(dir: &Path, graph: &str) -> Option<Decoder> {
        let runtime = match Runtime::load(None) {
            Ok(runtime) => runtime,
            Err(error) => {
                eprintln!("skipped: {error}");
                return None;
            }
        };
        let config = LanguageModelConfig::read(dir).unwrap();
        let session = Session::builder(runtime.environment())
            .unwrap()
            .with_optimization_level(GraphOptimizationLevel::All)
            .unwrap()
            .with_intra_op_spinning(false)
            .unwrap()
            .commit_from_file(dir.join(graph))
            .unwrap();
        let mut decoder = Decoder {
            graph: graph.to_owned(),
            session,
            config,
            past: Vec::new(),
        };
        decoder.forget(1);
        Some(decoder)
    }

    /// Starts `batch` new texts.
    pub fn forget(&mut self, batch: usize) {
        let shape = [batch, self.config.kv_heads, 0, self.config.head_dim];
        self.past = vec![ArrayD::zeros(IxDyn(&shape)); 2 * self.config.layers];
    }

    /// Runs new tokens; returns a line of logits for each of `rows`. Keeps the keys and values
    /// if `keep`.
    pub fn run(&mut self, step: &Step<'_>, keep: bool) -> Vec<Vec<f32>> {
        let (batch, new) = (step.tokens.len(), step.tokens[0].len());
        let past_len = self.past[0].shape()[2];
        let total = past_len + new;
        let table = |lines: &[Vec<i64>]| {
            Tensor::from_array(([batch, new], lines.concat()))
                .unwrap()
                .into()
        };
        let mut bias = vec![0.0_f32; batch * new * total];
        for (at, bias) in bias.iter_mut().enumerate() {
            let (row, i, j) = (at / total / new, at / total % new, at % total);
            if !(step.sees)(row, i, j) {
                *bias = f32::MIN;
            }
        }
        let list = |values: &[i64]| {
            Tensor::from_array(([values.len()], values.to_vec()))
                .unwrap()
                .into()
        };
        let valid: Vec<i32> = step.lengths.iter().map(|n| n - 1).collect();
        let mut inputs: Vec<(String, SessionInputValue<'_>)> = vec![
            ("input_ids".into(), table(step.tokens)),
            ("position_ids".into(), table(step.positions)),
            (
                "attention_bias".into(),
                Tensor::from_array(([batch, 1, new, total], bias))
                    .unwrap()
                    .into(),
            ),
            (
                "seqlens_k".into(),
                Tensor::from_array(([batch], valid)).unwrap().into(),
            ),
            (
                "total_sequence_length".into(),
                Tensor::from_array(Array::from_elem((), total as i32))
                    .unwrap()
                    .into(),
            ),
            ("head_rows".into(), list(&step.rows)),
            ("head_columns".into(), list(&step.columns)),
        ];
        for (at, past) in self.past.iter().enumerate() {
            let part = ["key", "value"][at % 2];
            let name = format!("past_key_values.{}.{part}", at / 2);
            inputs.push((name, Tensor::from_array(past.clone()).unwrap().into()));
        }
        let outputs = self.session.run(inputs).unwrap();
        let (shape, logits) = outputs["logits"].try_extract_tensor::<f32>().unwrap();
        assert_eq!(shape[0] as usize, step.rows.len());
        let logits = logits
            .chunks((shape[1] as usize).max(1))
            .map(<[f32]>::to_vec)
            .collect();
        if keep {
            self.past = (0..2 * self.config.layers)
                .map(|at| {
                    let part = ["key", "value"][at % 2];
                    let name = format!("present.{}.{part}", at / 2);
                    outputs[name.as_str()]
                        .try_extract_array::<f32>()
                        .unwrap()
                        .to_owned()
                })
                .collect();
        }
        logits
    }

    /// Feeds more of one text; returns the logits of its last token.
    pub fn feed(&mut self, tokens: &[i64]) -> Vec<f32> {
        let past = self.past[0].shape()[2];
        let total = past + tokens.len();
        let step = Step {
            tokens: &[tokens.to_vec()],
            positions: &[(past as i64..total as i64).collect()],
            sees: &|_, i, j| j <= past + i,
            lengths: vec![total as i32],
            rows: vec![tokens.len() as i64 - 1],
            columns: vec![],
        };
        self.run(&step, true).remove(0)
    }
}
