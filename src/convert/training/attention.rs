//! Attention with its gradient: `G` query heads to a key head, `S` tokens in a row.
//!
//! ```text
//!   q [B, kv_heads, G·S, d] ─┐
//!                            × k ──► scores [B, heads, S, S] + bias ─► softmax p ─× v ──► o
//!
//!   dv = pᵀ·do     dp = do·vᵀ     ds = p·(dp − Σ p·dp)     dq = ds·k     dk = dsᵀ·q
//! ```
//!
//! Queries of one key head are rows of one matrix, so that the gradients of keys and values are
//! sums over their heads by themselves.

use super::layer::{Gradients, Layer};
use super::linear::Linear;
use super::norm::Norm;
use super::tape::{Tape, across, plain};
use crate::Result;
use crate::model::language::LinearModule;

/// What the backward pass needs of a forward one.
pub(super) struct Attention {
    projections: [Projection; 3],
    output: Linear,
    heads: [String; 3],
    shares: String,
    scale: f32,
}

/// A projection to heads, their norm if they have one, and whether they are turned.
struct Projection {
    linear: Linear,
    norm: Option<Norm>,
    module: LinearModule,
}

/// Names of the shapes that all layers share.
const BY_KV_HEAD: &str = "by_kv_head";

impl Attention {
    /// Attention of `input`, projected, and `sum` added. Also returns the result.
    pub(super) fn forward(
        tape: &mut Tape,
        layer: &Layer<'_>,
        input: &str,
        sum: &str,
    ) -> Result<(Attention, String)> {
        let (query, q) = Projection::forward(tape, layer, LinearModule::Query, input)?;
        let (key, k) = Projection::forward(tape, layer, LinearModule::Key, input)?;
        let (value, v) = Projection::forward(tape, layer, LinearModule::Value, input)?;
        let q = tape.op("Reshape", &[&q, BY_KV_HEAD]);
        let scale = 1.0 / (layer.base.config.head_dim as f32).sqrt();
        let scores = tape.stacked(plain(&q), across(&k), scale);
        let scores = tape.op("Reshape", &[&scores, "by_head"]);
        let scores = tape.op("Add", &[&scores, "attention_bias"]);
        let shares = tape.op("Softmax", &[&scores]);
        let shares = tape.op("Reshape", &[&shares, BY_KV_HEAD]);
        let mixed = tape.stacked(plain(&shares), plain(&v), 1.0);
        let mixed = tape.op("Reshape", &[&mixed, "by_head"]);
        let mixed = tape.transposed(&mixed, &[0, 2, 1, 3]);
        let mixed = tape.op("Reshape", &[&mixed, "flat_heads"]);
        let (output, attended) = layer.linear(tape, LinearModule::Output, &mixed, Some(sum))?;
        let attention = Attention {
            projections: [query, key, value],
            output,
            heads: [q, k, v],
            shares,
            scale,
        };
        Ok((attention, attended))
    }

    /// The gradient of the input, if it `is_wanted`.
    pub(super) fn backward(
        &self,
        tape: &mut Tape,
        gradients: &mut Gradients,
        gradient: &str,
        is_wanted: bool,
    ) -> Option<String> {
        let [q, k, v] = &self.heads;
        let mixed = gradients.linear(LinearModule::Output, &self.output, tape, gradient)?;
        let mixed = tape.op("Reshape", &[&mixed, "split_q"]);
        let mixed = tape.transposed(&mixed, &[0, 2, 1, 3]);
        let mixed = tape.op("Reshape", &[&mixed, BY_KV_HEAD]);
        let of_values = tape.stacked(across(&self.shares), plain(&mixed), 1.0);
        let of_shares = tape.stacked(plain(&mixed), across(v), 1.0);
        let along = tape.op("Mul", &[&of_shares, &self.shares]);
        let mean = tape.op("ReduceSum", &[&along, "last_axis"]);
        let rest = tape.op("Sub", &[&of_shares, &mean]);
        let of_scores = tape.op("Mul", &[&rest, &self.shares]);
        let of_queries = tape.stacked(plain(&of_scores), plain(k), self.scale);
        let of_queries = tape.op("Reshape", &[&of_queries, "by_head"]);
        let of_keys = tape.stacked(across(&of_scores), plain(q), self.scale);
        let mut of_input: Option<String> = None;
        for (projection, heads) in self
            .projections
            .iter()
            .zip([of_queries, of_keys, of_values])
        {
            let others = is_wanted.then_some(of_input.as_deref());
            of_input = projection.backward(tape, gradients, &heads, others);
        }
        of_input
    }
}

impl Projection {
    /// `[B, heads, S, d]`.
    fn forward(
        tape: &mut Tape,
        layer: &Layer<'_>,
        module: LinearModule,
        input: &str,
    ) -> Result<(Projection, String)> {
        let (linear, mut heads) = layer.linear(tape, module, input, None)?;
        let shapes = Shapes::of(module);
        let mut norm = None;
        let weight = shapes
            .norm
            .map(|norm| format!("model.layers.{}.{norm}", layer.number));
        if let Some(weight) = weight.filter(|weight| layer.base.has(weight)) {
            let apart = tape.op("Reshape", &[&heads, shapes.split]);
            let (kept, normed) = Norm::forward(tape, &apart, &weight, layer.base.rms_norm_epsilon);
            (norm, heads) = (Some(kept), normed);
        }
        if shapes.is_turned {
            let in_rows = tape.op("Reshape", &[&heads, shapes.joined]);
            heads = tape.turned(&in_rows, "rotary_sin");
        }
        let apart = tape.op("Reshape", &[&heads, shapes.split]);
        let heads = tape.transposed(&apart, &[0, 2, 1, 3]);
        let projection = Projection {
            linear,
            norm,
            module,
        };
        Ok((projection, heads))
    }

    fn backward(
        &self,
        tape: &mut Tape,
        gradients: &mut Gradients,
        gradient: &str,
        others: Option<Option<&str>>,
    ) -> Option<String> {
        let shapes = Shapes::of(self.module);
        let mut gradient = tape.transposed(gradient, &[0, 2, 1, 3]);
        if shapes.is_turned {
            let in_rows = tape.op("Reshape", &[&gradient, shapes.joined]);
            gradient = tape.turned(&in_rows, "rotary_sin_back");
        }
        if let Some(norm) = &self.norm {
            let apart = tape.op("Reshape", &[&gradient, shapes.split]);
            gradient = norm.backward(tape, &apart);
        }
        let flat = tape.op("Reshape", &[&gradient, shapes.flat]);
        gradients.linear_onto(self.module, &self.linear, tape, &flat, others)
    }
}

/// What becomes of a projection.
struct Shapes {
    split: &'static str,
    joined: &'static str,
    flat: &'static str,
    is_turned: bool,
    /// The weight of the norm that its heads may have.
    norm: Option<&'static str>,
}

impl Shapes {
    fn of(module: LinearModule) -> Shapes {
        let is_query = module == LinearModule::Query;
        Shapes {
            split: if is_query { "split_q" } else { "split_k" },
            joined: if is_query { "joined_q" } else { "joined_k" },
            flat: if is_query { "flat_heads" } else { "flat_kv" },
            is_turned: module != LinearModule::Value,
            norm: match module {
                LinearModule::Query => Some("self_attn.q_norm.weight"),
                LinearModule::Key => Some("self_attn.k_norm.weight"),
                _ => None,
            },
        }
    }
}
