//! The head of a decoder, what it is asked for, and the gradient of that.
//!
//! ```text
//!   logits l = norm(stream[head_rows]) · head[head_columns]ᵀ + column_bias
//!   loss     = Σ_t w_t·(logsumexp(l_row) − l_place)  +  Σ_p v_p·softplus(−(pairs·l)_p)
//!               targets: places and weights               pairs: the better, less the worse
//!   dl       = row_weights·softmax(l) − scatter(w)   −  pairsᵀ·(v·sigmoid(−pairs·l))
//! ```
//!
//! The first sum is cross-entropy over the columns: all of the vocabulary, or, with a bias of minus
//! infinity on the others, the children of a node of the trie. The second is RankNet
//! (Burges et al. 2005), with which ZeroGR (arXiv 2510.10419) trains its rerank step.

use super::base::FrozenModel;
use super::norm::Norm;
use super::tape::{Tape, across, plain};
use crate::Result;
use crate::convert::checkpoint::layout::LAST_NORM;
use crate::model::onnx::nodes::text;

/// Writes logits and losses; returns the gradient of the stream `[N, hidden]`.
pub(super) fn objective(tape: &mut Tape, base: &FrozenModel, stream: &str) -> Result<String> {
    let rows = tape.op("Gather", &[stream, "head_rows"]);
    let (norm, normed) = Norm::forward(tape, &rows, LAST_NORM, base.rms_norm_epsilon);
    let mut columns = tape.op("Gather", &[base.head(), "head_columns"]);
    if base.is_half(base.head())? {
        columns = tape.floats(&columns);
    }
    let logits = tape.gemm(plain(&normed), across(&columns), None);
    let logits = tape.op("Add", &[&logits, "column_bias"]);
    tape.name(&logits, "logits");

    let chances = tape.op("LogSoftmax", &[&logits]);
    let at_targets = tape.op("GatherND", &[&chances, "targets"]);
    let weighted = tape.op("Mul", &[&at_targets, "target_weights"]);
    let sum = tape.op("ReduceSum", &[&weighted, "first_axis"]);
    let loss = tape.op("Neg", &[&sum]);
    tape.name(&loss, "loss");

    let differences = tape.op("MatMul", &["pairs", &logits]);
    let opposite = tape.op("Neg", &[&differences]);
    let losses = tape.op("Softplus", &[&opposite]);
    let losses = tape.op("Mul", &[&losses, "pair_weights"]);
    let pair_loss = tape.op("ReduceSum", &[&losses, "both_axes"]);
    tape.name(&pair_loss, "pair_loss");

    let shares = tape.op("Exp", &[&chances]);
    let shares = tape.op("Mul", &[&shares, "row_weights"]);
    let wanted = tape.op("Neg", &["target_weights"]);
    let reduction = vec![text("reduction", "add")];
    let gradient = tape.op_with(
        "ScatterND",
        &[&shares, "targets", &wanted],
        reduction.clone(),
    );
    let wrongness = tape.op("Sigmoid", &[&opposite]);
    let wrongness = tape.op("Mul", &[&wrongness, "pair_weights"]);
    let of_pairs = tape.transposed("pairs", &[1, 0]);
    let of_pairs = tape.op("MatMul", &[&of_pairs, &wrongness]);
    let gradient = tape.op("Sub", &[&gradient, &of_pairs]);

    let gradient = tape.gemm(plain(&gradient), plain(&columns), None);
    let gradient = norm.backward(tape, &gradient);
    let shape = tape.op("Shape", &[stream]);
    let nothing = tape.op("ConstantOfShape", &[&shape]);
    let places = tape.op("Unsqueeze", &["head_rows", "last_axis"]);
    Ok(tape.op_with("ScatterND", &[&nothing, &places, &gradient], reduction))
}
