//! Attention in the graph.
//!
//! ```text
//!                     floats                         integers
//! plain heads         Attention                      QAttention
//! biased by distance  Attention, with the bias       MultiHeadAttention, with the bias
//! rotated, limited    MultiHeadAttention             MultiHeadAttention
//! ```
//!
//! `Attention` multiplies by the weights of queries, keys and values itself; for
//! `MultiHeadAttention` they are split, normed and rotated before.

use super::building::Encoder;
use super::config::{Layer, Norm, Relative, Sees};
use crate::Result;
use crate::convert::checkpoint::tensors::read_all;
use crate::model::onnx::messages::DataType;
use crate::model::onnx::nodes::{MICROSOFT, Nodes, float, integer};

/// Added to a score that must not count.
const HIDDEN: f32 = -1e9;

/// The furthest distance that has a bucket of its own.
const MAX_DISTANCE: f64 = 128.0;

/// Tokens of each text, for the operators that take rows of different lengths.
const LENGTHS: &str = "lengths";
/// 1 for tokens, 0 for padding.
const MASK: &str = "mask";
/// The biases by distance.
const RELATIVE: &str = "relative_bias";

impl Encoder<'_> {
    /// What attention needs of the inputs, once for all layers.
    pub(super) fn attention_inputs(&mut self) -> Result<()> {
        let to_i32 = || vec![integer("to", DataType::Int32 as i64)];
        self.weights.constants.integers("tokens_axis", &[1], &[1])?;
        let attributes = vec![integer("keepdims", 0)];
        let operands = ["attention_mask", "tokens_axis"];
        let counts = self
            .nodes
            .onnx("ReduceSum", &operands, "counts", attributes);
        self.nodes.onnx("Cast", &[&counts], LENGTHS, to_i32());
        if self.config.layers.iter().any(|layer| !self.is_fused(layer)) {
            self.nodes.onnx("Cast", &["attention_mask"], MASK, to_i32());
        }
        let mut limits: Vec<Sees> = Vec::new();
        for layer in &self.config.layers {
            if layer.sees != Sees::All && !limits.contains(&layer.sees) {
                limits.push(layer.sees);
            }
        }
        if !limits.is_empty() || self.config.relative.is_some() {
            self.distances()?;
        }
        for limit in limits {
            self.limit(limit)?;
        }
        if let Some(relative) = &self.config.relative {
            self.relative_bias(relative)?;
        }
        self.rotary_tables()
    }

    /// The values that the tokens attend to, `[texts, tokens, heads · head_dim]`.
    pub(super) fn attention(&mut self, layer: &Layer, number: usize, x: &str) -> Result<String> {
        match self.is_fused(layer) {
            true => self.fused_attention(layer, number, x),
            false => self.split_attention(layer, number, x),
        }
    }

    /// True if one operator does it all.
    fn is_fused(&self, layer: &Layer) -> bool {
        let config = self.config;
        let is_plain = layer.rotary_theta.is_none()
            && layer.head_norms.is_none()
            && layer.sees == Sees::All
            && config.kv_heads == config.heads;
        is_plain && (config.relative.is_none() || !self.weights.is_quantised())
    }

    fn fused_attention(&mut self, layer: &Layer, number: usize, x: &str) -> Result<String> {
        let name = |part: &str| format!("layers.{number}.{part}");
        let output = name("attended");
        let linear = &layer.query_key_value;
        let matrix = self.weights.matrix(&mut self.nodes, linear)?;
        let bias = self.weights.bias(linear)?;
        let attributes = vec![
            integer("num_heads", self.config.heads as i64),
            float("scale", self.config.attention_scale),
        ];
        match &matrix.scales {
            None => {
                let mut operands = vec![x, &matrix.values, &bias, LENGTHS];
                if self.config.relative.is_some() {
                    operands.extend(["", RELATIVE]);
                }
                self.nodes
                    .add(MICROSOFT, "Attention", &operands, &[&output], attributes);
            }
            Some(scales) => {
                let (codes, scale, zero) = (name("codes"), name("scale"), name("zero"));
                let parts = [codes.as_str(), &scale, &zero];
                self.nodes
                    .add("", "DynamicQuantizeLinear", &[x], &parts, vec![]);
                let operands = [
                    codes.as_str(),
                    &matrix.values,
                    &bias,
                    &scale,
                    scales,
                    LENGTHS,
                    &zero,
                ];
                // It has no attribute for the scale of scores.
                let heads = vec![integer("num_heads", self.config.heads as i64)];
                self.nodes
                    .add(MICROSOFT, "QAttention", &operands, &[&output], heads);
            }
        }
        Ok(output)
    }

    fn split_attention(&mut self, layer: &Layer, number: usize, x: &str) -> Result<String> {
        let config = self.config;
        let name = |part: &str| format!("layers.{number}.{part}");
        let linear = &layer.query_key_value;
        let all = self
            .weights
            .linear(&mut self.nodes, linear, x, &name("query_key_value"))?;
        let (q, kv) = (
            config.heads * config.head_dim,
            config.kv_heads * config.head_dim,
        );
        let widths = [q as i64, kv as i64, kv as i64];
        self.weights.constants.integers("parts", &[3], &widths)?;
        let (mut query, mut key, mut value) = (name("query"), name("key"), name("value"));
        self.nodes.add(
            "",
            "Split",
            &[&all, "parts"],
            &[&query, &key, &value],
            vec![integer("axis", -1)],
        );
        if let Some([query_norm, key_norm]) = &layer.head_norms {
            query = self.head_norm(query_norm, config.heads, &query)?;
            key = self.head_norm(key_norm, config.kv_heads, &key)?;
        }
        if let Some(theta) = layer.rotary_theta {
            query = self.rotated(theta, config.heads, &query);
            key = self.rotated(theta, config.kv_heads, &key);
        }
        if config.kv_heads < config.heads {
            key = self.repeated(&key)?;
            value = self.repeated(&value)?;
        }
        let mut operands = vec![query.as_str(), &key, &value, "", MASK];
        let limit = limit_name(layer.sees);
        if config.relative.is_some() {
            operands.push(RELATIVE);
        } else if layer.sees != Sees::All {
            operands.push(&limit);
        }
        let output = name("attended");
        let attributes = vec![
            integer("num_heads", config.heads as i64),
            float("scale", config.attention_scale),
        ];
        self.nodes.add(
            MICROSOFT,
            "MultiHeadAttention",
            &operands,
            &[&output],
            attributes,
        );
        Ok(output)
    }

    /// The norm of each head.
    fn head_norm(&mut self, norm: &Norm, heads: usize, input: &str) -> Result<String> {
        let dim = self.config.head_dim as i64;
        let (split, joined) = (format!("split_{heads}"), format!("joined_{heads}"));
        let constants = &mut self.weights.constants;
        constants.integers(&split, &[4], &[0, 0, heads as i64, dim])?;
        constants.integers(&joined, &[3], &[0, 0, heads as i64 * dim])?;
        let part = |what: &str| format!("{input}.{what}");
        let apart = self
            .nodes
            .onnx("Reshape", &[input, &split], &part("heads"), vec![]);
        let normed = self
            .weights
            .norm(&mut self.nodes, norm, &apart, &part("normed_heads"))?;
        Ok(self
            .nodes
            .onnx("Reshape", &[&normed, &joined], &part("normed"), vec![]))
    }

    /// Queries or keys, rotated by their places.
    fn rotated(&mut self, theta: f64, heads: usize, input: &str) -> String {
        let output = format!("{input}.rotated");
        let [cos, sin] = table_names(theta);
        self.nodes.add(
            MICROSOFT,
            "RotaryEmbedding",
            &[input, "first_place", &cos, &sin],
            &[&output],
            vec![integer("num_heads", heads as i64)],
        );
        output
    }

    /// Each head of keys or values as often as queries share it.
    fn repeated(&mut self, input: &str) -> Result<String> {
        let config = self.config;
        let (kv, dim) = (config.kv_heads as i64, config.head_dim as i64);
        let times = (config.heads / config.kv_heads.max(1)) as i64;
        let constants = &mut self.weights.constants;
        constants.integers("shared", &[5], &[0, 0, kv, 1, dim])?;
        constants.integers("times", &[5], &[1, 1, 1, times, 1])?;
        constants.integers("all_heads", &[3], &[0, 0, kv * times * dim])?;
        let nodes = &mut self.nodes;
        let part = |what: &str| format!("{input}.{what}");
        let apart = nodes.onnx("Reshape", &[input, "shared"], &part("shared"), vec![]);
        let many = nodes.onnx("Expand", &[&apart, "times"], &part("times"), vec![]);
        Ok(nodes.onnx("Reshape", &[&many, "all_heads"], &part("repeated"), vec![]))
    }

    /// `distances[i, j] = j - i`.
    fn distances(&mut self) -> Result<()> {
        let constants = &mut self.weights.constants;
        constants.integers("zero", &[], &[0])?;
        constants.integers("one", &[], &[1])?;
        constants.integers("rows_axis", &[1], &[1])?;
        constants.integers("columns_axis", &[1], &[0])?;
        let nodes = &mut self.nodes;
        let shape = nodes.onnx("Shape", &["input_ids"], "input_shape", vec![]);
        let tokens = nodes.onnx("Gather", &[&shape, "one"], "token_count", vec![]);
        let places = nodes.onnx("Range", &["zero", &tokens, "one"], "place_numbers", vec![]);
        let rows = nodes.onnx("Unsqueeze", &[&places, "rows_axis"], "row_places", vec![]);
        let columns = nodes.onnx(
            "Unsqueeze",
            &[&places, "columns_axis"],
            "column_places",
            vec![],
        );
        nodes.onnx("Sub", &[&columns, &rows], "distances", vec![]);
        Ok(())
    }

    /// A bias that hides what must not be seen, `[1, 1, tokens, tokens]`.
    fn limit(&mut self, sees: Sees) -> Result<()> {
        let output = limit_name(sees);
        let constants = &mut self.weights.constants;
        constants.floats("hidden", &[], &[HIDDEN])?;
        constants.floats("seen", &[], &[0.0])?;
        constants.integers("outer_axes", &[2], &[0, 1])?;
        let most = format!("{output}.most");
        let (distance, far): (&str, i64) = match sees {
            Sees::Near(far) => ("far", far as i64),
            Sees::Before | Sees::All => ("distances", 0),
        };
        constants.integers(&most, &[], &[far])?;
        let nodes: &mut Nodes = &mut self.nodes;
        let part = |what: &str| format!("{output}.{what}");
        let distance = match distance {
            "far" => nodes.onnx("Abs", &["distances"], &part("far"), vec![]),
            all => all.to_owned(),
        };
        let is_seen = nodes.onnx("LessOrEqual", &[&distance, &most], &part("is_seen"), vec![]);
        let bias = nodes.onnx(
            "Where",
            &[&is_seen, "seen", "hidden"],
            &part("bias"),
            vec![],
        );
        nodes.onnx("Unsqueeze", &[&bias, "outer_axes"], &output, vec![]);
        Ok(())
    }

    /// The biases of all heads by distance, `[1, heads, tokens, tokens]`.
    fn relative_bias(&mut self, relative: &Relative) -> Result<()> {
        let config = self.config;
        let (heads, most) = (config.heads, config.max_tokens);
        let shape = [relative.buckets, heads];
        let table = read_all(self.weights.source, &relative.table, &shape)?;
        // Distances from 1 - most to most - 1, head by head.
        let last = most as i64 - 1;
        let mut biases = Vec::with_capacity(heads * (2 * most - 1));
        for head in 0..heads {
            biases.extend((-last..=last).map(|distance| {
                let at = bucket(distance, relative.buckets) * heads + head;
                table.get(at).copied().unwrap_or(0.0)
            }));
        }
        let constants = &mut self.weights.constants;
        constants.floats(&relative.table, &[heads, 2 * most - 1], &biases)?;
        constants.integers("last_place", &[], &[last])?;
        constants.integers("texts_axis", &[1], &[0])?;
        let nodes = &mut self.nodes;
        let at = nodes.onnx("Add", &["distances", "last_place"], "distance_rows", vec![]);
        let axis = vec![integer("axis", 1)];
        let picked = nodes.onnx("Gather", &[&relative.table, &at], "picked_biases", axis);
        nodes.onnx("Unsqueeze", &[&picked, "texts_axis"], RELATIVE, vec![]);
        Ok(())
    }

    /// Cosines and sines of each wavelength at each place.
    fn rotary_tables(&mut self) -> Result<()> {
        let config = self.config;
        let half = config.head_dim / 2;
        let shape = [config.max_tokens, half];
        for theta in config.layers.iter().filter_map(|layer| layer.rotary_theta) {
            let [cos, sin] = table_names(theta);
            if self.weights.constants.has(&cos) {
                continue;
            }
            let angles: Vec<f64> = (0..config.max_tokens)
                .flat_map(|place| {
                    (0..half).map(move |at| {
                        place as f64 / theta.powf(2.0 * at as f64 / config.head_dim as f64)
                    })
                })
                .collect();
            let table = |function: fn(f64) -> f64| -> Vec<f32> {
                angles.iter().map(|&angle| function(angle) as f32).collect()
            };
            let constants = &mut self.weights.constants;
            constants.floats(&cos, &shape, &table(f64::cos))?;
            constants.floats(&sin, &shape, &table(f64::sin))?;
            constants.integers("first_place", &[1], &[0])?;
        }
        Ok(())
    }
}

/// The bucket of a distance: one each for the small ones, then logarithmic ones, for either side.
fn bucket(distance: i64, buckets: usize) -> usize {
    let of_side = buckets / 2;
    let exact = of_side / 2;
    let far = distance.unsigned_abs() as usize;
    let side = if distance > 0 { of_side } else { 0 };
    if far < exact {
        return side + far;
    }
    let share = (far as f64 / exact as f64).ln() / (MAX_DISTANCE / exact as f64).ln();
    // Where the logarithm falls on a whole number it must not come out a hair below it.
    let place = exact + (share * (of_side - exact) as f64 + 1e-9) as usize;
    side + place.min(of_side - 1)
}

fn limit_name(sees: Sees) -> String {
    match sees {
        Sees::All => String::new(),
        Sees::Before => "before".to_owned(),
        Sees::Near(far) => format!("near_{far}"),
    }
}

fn table_names(theta: f64) -> [String; 2] {
    ["cos", "sin"].map(|function| format!("rotary_{function}_{theta}"))
}
