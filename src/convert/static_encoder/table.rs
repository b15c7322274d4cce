//! A table of token vectors as an encoder folder: a graph of a few nodes, whose output is pooled
//! by its mean like that of any encoder.
//!
//! ```text
//!   input_ids ─┬─ Gather ◄── rows [tokens, dim] ── Cast ─┐
//!              ├─ Gather ◄── scales [tokens, 1] ─────────×──► last_hidden_state    (int8)
//!              └─ Gather ◄── weights [tokens] ──────────────► query_token_weights
//! ```
//!
//! What a token counts in a text is the length of its row, and where tokens are compared its weight. The tokenizer puts no special tokens around a text:
//! one without a token has no vector. Special and unknown tokens keep their directions and count next
//! to nothing, so that a text of nothing else is still a text.

use std::fs;
use std::path::Path;

use half::f16;
use prost::Message;
use serde_json::{Value, json};

use crate::convert::checkpoint::texts::check_tokenizer;
use crate::model::language::WeightFormat;
use crate::model::onnx::messages::{
    DataType, GraphProto, ModelProto, OperatorSetIdProto, TensorProto,
};
use crate::model::onnx::nodes::{Nodes, axis, fixed, value};
use crate::model::{ENGINE_FILE, QUERY_TOKEN_WEIGHTS};
use crate::{Error, ErrorKind, Result};

/// What special and unknown tokens count.
const SPECIAL_WEIGHT: f32 = 1e-3;

/// The most tokens of a text; what static encoders of this kind read by default.
const MAX_LEN_TOKENS: usize = 512;

/// What BM25 counts beside vectors that know no context (`benches/QUALITY.md`).
const PRIOR_SHARE: f64 = 0.5;

/// The largest code of a row in 8 bits. They are turned into floats before anything is multiplied, so
/// that no sum can saturate.
const LARGEST_CODE: f32 = 127.0;

/// Rows by the numbers of their tokens.
pub(super) struct Table {
    /// `[tokens, dim]`.
    pub(super) rows: Vec<f32>,
    pub(super) dim: usize,
    /// `[tokens]`: what each counts in a query whose tokens are compared, if that is known.
    pub(super) weights: Option<Vec<f32>>,
}

impl Table {
    /// Writes the folder of an encoder that gives each token of `tokenizer` (a `tokenizer.json`) its
    /// row. Returns the length of the table in bytes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] for a tokenizer that cannot be read or has more tokens than the table, a
    /// row that is not of finite numbers, and 4-bit weights.
    pub(super) fn write(
        mut self,
        dir: &Path,
        tokenizer: &[u8],
        lower_case: bool,
        format: WeightFormat,
    ) -> Result<usize> {
        let dim = self.dim.max(1);
        check_tokenizer(tokenizer, self.rows.len() / dim)?;
        let mut tokenizer = parsed(tokenizer)?;
        for token in special_tokens(&tokenizer) {
            let row = self.rows.chunks_exact_mut(dim).nth(token);
            let weight = self.weights.iter_mut().filter_map(|all| all.get_mut(token));
            let values = row.into_iter().flatten().chain(weight);
            values.for_each(|value| *value *= SPECIAL_WEIGHT);
        }
        if let Some(at) = self.rows.iter().position(|value| !value.is_finite()) {
            let message = format!("the vector of token {} is not of finite numbers", at / dim);
            return Err(model_error(message));
        }
        for setting in ["post_processor", "truncation", "padding"] {
            if let Some(value) = tokenizer.get_mut(setting) {
                *value = Value::Null;
            }
        }
        let (graph, len_bytes) = self.graph(format)?;
        let pooling = json!({
            "word_embedding_dimension": dim,
            "pooling_mode_mean_tokens": true,
        });
        let limits = json!({"max_seq_length": MAX_LEN_TOKENS, "do_lower_case": lower_case});
        let engine = json!({"prior_share": PRIOR_SHARE});
        let pooling_dir = dir.join("1_Pooling");
        fs::create_dir_all(&pooling_dir).map_err(|e| Error::io("creating", &pooling_dir, e))?;
        for (name, bytes) in [
            ("model.onnx", graph),
            ("tokenizer.json", tokenizer.to_string().into_bytes()),
            ("1_Pooling/config.json", pooling.to_string().into_bytes()),
            ("sentence_bert_config.json", limits.to_string().into_bytes()),
            (ENGINE_FILE, engine.to_string().into_bytes()),
        ] {
            let path = dir.join(name);
            fs::write(&path, bytes).map_err(|e| Error::io("writing", &path, e))?;
        }
        Ok(len_bytes)
    }

    /// The graph, and the length of the rows in it in bytes.
    fn graph(&self, format: WeightFormat) -> Result<(Vec<u8>, usize)> {
        let dim = self.dim.max(1);
        let count = self.rows.len() / dim;
        let tensor =
            |name: &str, data_type: DataType, dims: &[usize], bytes: Vec<u8>| TensorProto {
                dims: dims.iter().map(|&n| n as i64).collect(),
                data_type: Some(data_type.into()),
                name: Some(name.into()),
                raw_data: Some(bytes),
                external_data: Vec::new(),
                data_location: None,
            };
        let mut nodes = Nodes::default();
        let output = "last_hidden_state";
        let mut initializer = match format {
            WeightFormat::F32 => {
                nodes.onnx("Gather", &["rows", "input_ids"], output, vec![]);
                let bytes = self.rows.iter().flat_map(|value| value.to_le_bytes());
                vec![tensor(
                    "rows",
                    DataType::Float,
                    &[count, dim],
                    bytes.collect(),
                )]
            }
            WeightFormat::F16 => {
                nodes.onnx("Gather", &["rows", "input_ids"], "halves", vec![]);
                nodes.cast_to_float("halves", output);
                let halves = self.rows.iter().map(|&value| f16::from_f32(value));
                let bytes = halves.flat_map(f16::to_le_bytes);
                vec![tensor(
                    "rows",
                    DataType::Float16,
                    &[count, dim],
                    bytes.collect(),
                )]
            }
            WeightFormat::Int8 => {
                nodes.onnx("Gather", &["rows", "input_ids"], "codes", vec![]);
                nodes.cast_to_float("codes", "steps");
                nodes.onnx("Gather", &["scales", "input_ids"], "scale", vec![]);
                nodes.onnx("Mul", &["steps", "scale"], output, vec![]);
                let (mut codes, mut scales) = (Vec::with_capacity(self.rows.len()), Vec::new());
                for row in self.rows.chunks_exact(dim) {
                    let largest = row.iter().fold(0.0f32, |most, value| most.max(value.abs()));
                    let scale = (largest / LARGEST_CODE).max(f32::MIN_POSITIVE);
                    codes.extend(row.iter().map(|value| (value / scale).round() as i8 as u8));
                    scales.extend(scale.to_le_bytes());
                }
                vec![
                    tensor("rows", DataType::Int8, &[count, dim], codes),
                    tensor("scales", DataType::Float, &[count, 1], scales),
                ]
            }
            WeightFormat::Int4 => {
                let message = "a table of token vectors has no 4-bit form: take f32, f16 or int8";
                return Err(model_error(message.to_owned()));
            }
        };
        let (batch, sequence) = (axis("batch"), axis("sequence"));
        let ids = [batch, sequence];
        let [batch, sequence] = ids.clone();
        let shape = [batch, sequence, fixed(dim)];
        let mut outputs = vec![value(output, DataType::Float, &shape)];
        if let Some(weights) = &self.weights {
            let bytes = weights.iter().flat_map(|weight| weight.to_le_bytes());
            initializer.push(tensor(
                "weights",
                DataType::Float,
                &[count],
                bytes.collect(),
            ));
            nodes.onnx(
                "Gather",
                &["weights", "input_ids"],
                QUERY_TOKEN_WEIGHTS,
                vec![],
            );
            outputs.push(value(QUERY_TOKEN_WEIGHTS, DataType::Float, &ids));
        }
        let len_bytes = initializer.iter().filter_map(|one| one.raw_data.as_ref());
        let len_bytes = len_bytes.map(Vec::len).sum();
        let graph = GraphProto {
            node: nodes.finish(),
            name: Some("zerogr static encoder 1".into()),
            initializer,
            input: vec![value("input_ids", DataType::Int64, &ids)],
            output: outputs,
        };
        let model = ModelProto {
            ir_version: Some(8),
            producer_name: Some("zerogr".into()),
            graph: Some(graph),
            opset_import: vec![OperatorSetIdProto {
                domain: None,
                version: Some(17),
            }],
        };
        Ok((model.encode_to_vec(), len_bytes))
    }
}

/// A `tokenizer.json`.
///
/// # Errors
///
/// [`ErrorKind::Model`] for one that is no JSON.
pub(super) fn parsed(tokenizer: &[u8]) -> Result<Value> {
    serde_json::from_slice(tokenizer).map_err(|e| model_error(format!("tokenizer.json: {e}")))
}

/// The tokens of a `tokenizer.json` that are not of texts, and the one for what it does not know,
/// ascending.
pub(super) fn special_tokens(tokenizer: &Value) -> Vec<usize> {
    let added = tokenizer.get("added_tokens").and_then(Value::as_array);
    let special = added.into_iter().flatten().filter(|token| {
        let flag = token.get("special").and_then(Value::as_bool);
        flag.unwrap_or(false)
    });
    let mut tokens: Vec<usize> = special
        .filter_map(|token| token.get("id")?.as_u64())
        .chain(tokenizer.pointer("/model/unk_id").and_then(Value::as_u64))
        .chain(unknown_word(tokenizer))
        .filter_map(|id| usize::try_from(id).ok())
        .collect();
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

/// The number of the unknown token where it is given as a word.
fn unknown_word(tokenizer: &Value) -> Option<u64> {
    let model = tokenizer.get("model")?;
    let word = model.get("unk_token")?.as_str()?;
    model.get("vocab")?.get(word)?.as_u64()
}

fn model_error(message: String) -> Error {
    Error::new(ErrorKind::Model, message)
}
