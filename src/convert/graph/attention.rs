//! Attention in the decoder graph, in two ways that give the same numbers.
//!
//! | | CPU | CUDA |
//! |---|---|---|
//! | operators | `GroupQueryAttention` | `RotaryEmbedding`, products and a softmax |
//! | why | one kernel, nothing copied | CUDA has the former for 16-bit floats only, and ONNX Runtime before 1.31 refuses its `attention_bias` there |
//!
//! The plain way, `G` query heads to a key head, `T` tokens in all:
//!
//! ```text
//!   q [B, kv_heads, G·S, d] ─┐
//!                            ×──► scores [B, heads, S, T] + mask ─► softmax ─┐
//!   k [B, kv_heads, T, d] ───┘                                               ×──► [B, S, heads·d]
//!   v [B, kv_heads, T, d] ───────────────────────────────────────────────────┘
//! ```
//!
//! I1. Token `i` of a row sees the columns up to `past_len + i`, where `past_len` is what the row
//! has of the past, and of these what the bias leaves it.
//! I2. The new tokens of a row lie behind what it has of the past. They are appended to the
//! longest row; where rows of several lengths grow by a token, that token is put in its place.

use super::decoder::{Decoder, past_name, present_name};
use super::weights::Operators;
use crate::Result;
use crate::model::onnx::nodes::{MICROSOFT, integer, integers};

/// Added to the score of what is not seen.
const HIDDEN: f32 = -1e9;

impl Decoder<'_> {
    /// The attention of a layer, without its last projection.
    pub(in crate::convert) fn attention(&mut self, layer: usize, input: &str) -> Result<String> {
        let [query, key, value] = self.projections(layer, input)?;
        Ok(match self.weights.operators {
            Operators::Cpu => self.fused_attention(layer, [&query, &key, &value]),
            Operators::Cuda => self.plain_attention(layer, [&query, &key, &value]),
        })
    }

    /// Query, key and value of each new token, all heads in a row.
    fn projections(&mut self, layer: usize, input: &str) -> Result<[String; 3]> {
        let config = self.config;
        let (heads, kv_heads) = (config.heads, config.kv_heads);
        Ok([
            self.projection(layer, "q", heads, input)?,
            self.projection(layer, "k", kv_heads, input)?,
            self.projection(layer, "v", kv_heads, input)?,
        ])
    }

    fn projection(
        &mut self,
        layer: usize,
        letter: &str,
        heads: usize,
        input: &str,
    ) -> Result<String> {
        let config = self.config;
        let width = heads * config.head_dim;
        let module = format!("self_attn.{letter}_proj");
        let mut output = format!("layers.{layer}.{letter}");
        output = self.linear(layer, &module, [width, config.hidden], input, &output)?;
        if config.has_qk_norm() && letter != "v" {
            let name = format!("model.layers.{layer}.self_attn.{letter}_norm.weight");
            self.weights.vector(&name, config.head_dim)?;
            let (split, joined) = (format!("split_{letter}"), format!("joined_{letter}"));
            let heads = self.reshaped(&output, &split, &format!("{output}.heads"));
            let normed = self.norm(&heads, &name, &format!("{output}.normed_heads"));
            output = self.reshaped(&normed, &joined, &format!("{output}.normed"));
        }
        Ok(output)
    }

    fn fused_attention(&mut self, layer: usize, projected: [&str; 3]) -> String {
        let past = [past_name(layer, "key"), past_name(layer, "value")];
        let mut inputs = projected.to_vec();
        inputs.extend(past.iter().map(String::as_str));
        inputs.extend([
            "seqlens_k",
            "total_sequence_length",
            "rotary_cos",
            "rotary_sin",
            "position_ids",
            "attention_bias",
        ]);
        let output = format!("layers.{layer}.attended");
        let outputs = [
            output.as_str(),
            &present_name(layer, "key"),
            &present_name(layer, "value"),
        ];
        let attributes = vec![
            integer("num_heads", self.config.heads as i64),
            integer("kv_num_heads", self.config.kv_heads as i64),
            integer("do_rotary", 1),
            integer("rotary_interleaved", 0),
        ];
        let operator = "GroupQueryAttention";
        self.nodes
            .add(MICROSOFT, operator, &inputs, &outputs, attributes);
        output
    }

    /// What all layers of plain attention share: the mask, and which column a row's last token
    /// belongs in.
    pub(in crate::convert) fn plain_attention_inputs(&mut self) {
        let config = self.config;
        let file = &mut self.weights.file;
        let (heads, kv_heads) = (config.heads as i64, config.kv_heads as i64);
        file.integers("by_kv_head", &[4], &[0, kv_heads, -1, 0]);
        file.integers("by_head", &[4], &[0, heads, -1, 0]);
        file.integers("first", &[], &[0]);
        file.integers("next", &[], &[1]);
        file.integers("last_one", &[1], &[-1]);
        file.integers("axis_1", &[1], &[1]);
        file.integers("axes_1_3", &[2], &[1, 3]);
        file.integers("axes_1_2_3", &[3], &[1, 2, 3]);
        file.scalar("seen", 0.0);
        file.scalar("hidden", HIDDEN);
        file.scalar("attention_scale", 1.0 / (config.head_dim as f32).sqrt());

        let nodes = &mut self.nodes;
        let new_tokens = vec![integer("start", 1), integer("end", 2)];
        let new = nodes.onnx("Shape", &["input_ids"], "new_tokens", new_tokens);
        let new_count = nodes.onnx("Squeeze", &[&new], "new_count", vec![]);
        let total = nodes.cast_to_integer("total_sequence_length", "total_tokens");
        let columns = nodes.onnx("Range", &["first", &total, "next"], "all_columns", vec![]);
        let steps = nodes.onnx("Range", &["first", &new_count, "next"], "steps", vec![]);

        let last = nodes.cast_to_integer("seqlens_k", "last_columns");
        let lens = nodes.onnx("Add", &[&last, "next"], "row_lens", vec![]);
        let before = nodes.onnx("Sub", &[&lens, &new], "row_lens_before", vec![]);
        let past = nodes.onnx("Max", &[&before, "first"], "past_lens", vec![]);
        let column = nodes.onnx("Unsqueeze", &[&past, "axis_1"], "past_column", vec![]);
        let sees_to = nodes.onnx("Add", &[&column, &steps], "sees_to", vec![]);
        let sees_to = nodes.onnx("Unsqueeze", &[&sees_to, "axes_1_3"], "sees_to_4", vec![]);
        let is_hidden = nodes.onnx("Greater", &[&columns, &sees_to], "is_hidden", vec![]);
        let causal = nodes.onnx("Where", &[&is_hidden, "hidden", "seen"], "causal", vec![]);
        nodes.onnx("Add", &[&causal, "attention_bias"], MASK, vec![]);

        let place = nodes.onnx("Add", &[&past, &new], "place_behind", vec![]);
        let place = nodes.onnx("Sub", &[&place, "next"], "last_place", vec![]);
        let place = nodes.onnx("Unsqueeze", &[&place, "axes_1_2_3"], "last_place_4", vec![]);
        let down = nodes.onnx("Unsqueeze", &[&columns, "axis_1"], "columns_down", vec![]);
        nodes.onnx("Equal", &[&down, &place], IS_LAST, vec![]);
    }

    fn plain_attention(&mut self, layer: usize, [query, key, value]: [&str; 3]) -> String {
        let name = |what: &str| format!("layers.{layer}.{what}");
        let query = self.turned(query);
        let key = self.turned(key);
        let keys = self.present(layer, "key", &key);
        let values = self.present(layer, "value", value);

        let query = self.heads_first(&query, "split_q");
        let nodes = &mut self.nodes;
        let query = nodes.onnx("Mul", &[&query, "attention_scale"], &name("query"), vec![]);
        let query = nodes.onnx(
            "Reshape",
            &[&query, "by_kv_head"],
            &name("grouped_query"),
            vec![],
        );
        let across = vec![integers("perm", &[0, 1, 3, 2])];
        let across = nodes.onnx("Transpose", &[&keys], &name("keys_across"), across);
        let scores = nodes.onnx("MatMul", &[&query, &across], &name("products"), vec![]);
        let scores = nodes.onnx("Reshape", &[&scores, "by_head"], &name("scores"), vec![]);
        let scores = nodes.onnx("Add", &[&scores, MASK], &name("masked"), vec![]);
        let shares = vec![integer("axis", -1)];
        let shares = nodes.onnx("Softmax", &[&scores], &name("shares"), shares);
        let shares = nodes.onnx(
            "Reshape",
            &[&shares, "by_kv_head"],
            &name("grouped_shares"),
            vec![],
        );
        let mixed = nodes.onnx("MatMul", &[&shares, &values], &name("mixed"), vec![]);
        let mixed = nodes.onnx(
            "Reshape",
            &[&mixed, "by_head"],
            &name("mixed_heads"),
            vec![],
        );
        let back = vec![integers("perm", &[0, 2, 1, 3])];
        let mixed = nodes.onnx("Transpose", &[&mixed], &name("mixed_tokens"), back);
        nodes.onnx("Reshape", &[&mixed, "joined_q"], &name("attended"), vec![])
    }

    /// Queries or keys, turned by their positions.
    fn turned(&mut self, tokens: &str) -> String {
        let output = format!("{tokens}.turned");
        let tables = ["rotary_cos", "rotary_sin"];
        self.nodes.turned(tokens, "position_ids", tables, &output)
    }

    /// Keys or values of the past and the new tokens (I2).
    fn present(&mut self, layer: usize, part: &str, new: &str) -> String {
        let new = self.heads_first(new, "split_k");
        let past = past_name(layer, part);
        let output = present_name(layer, part);
        let along = vec![integer("axis", 2)];
        let joined = format!("{output}.joined");
        let joined = self
            .nodes
            .onnx("Concat", &[&past, &new], &joined, along.clone());
        let last = format!("{output}.last");
        let last = self.nodes.onnx("Gather", &[&new, "last_one"], &last, along);
        self.nodes
            .onnx("Where", &[IS_LAST, &last, &joined], &output, vec![])
    }

    /// `[B, S, heads·d]` as `[B, heads, S, d]`.
    fn heads_first(&mut self, tokens: &str, split: &str) -> String {
        let heads = self.reshaped(tokens, split, &format!("{tokens}.by_token"));
        let perm = vec![integers("perm", &[0, 2, 1, 3])];
        self.nodes
            .onnx("Transpose", &[&heads], &format!("{tokens}.by_head"), perm)
    }

    fn reshaped(&mut self, from: &str, shape: &str, to: &str) -> String {
        self.nodes.onnx("Reshape", &[from, shape], to, vec![])
    }
}

/// What is added to the scores of every layer.
const MASK: &str = "attention_mask";
/// Which column is that of a row's last token.
const IS_LAST: &str = "is_last_token";
