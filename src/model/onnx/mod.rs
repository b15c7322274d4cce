//! ONNX graphs: made, and looked at before they are run.
//!
//! Problem: a graph is a program. It may name files to read, loop for ever, or make a tensor larger
//! than memory out of a few bytes, and an index or a folder with such a graph may come from
//! anybody. ONNX Runtime runs what it is given, so nothing reaches it that was not looked at here.
//!
//! ```text
//!   bytes ─► wire      fields of protocol-buffer messages, borrowed
//!            check     tensors, operators, subgraphs: what is allowed
//!            inline    weights of other files of a folder, taken in
//!
//!   messages            the messages of graphs that are made or changed here
//!   nodes               lists of nodes under construction
//! ```
//!
//! Invariants:
//!
//! - I1. No field is passed over: one that is not known here is refused or harmless by its meaning.
//! - I2. The work is linear in the bytes, and weights are never copied to be checked.

mod check;
mod inline;
pub(crate) mod messages;
pub(crate) mod nodes;
mod operators;
mod wire;

pub(crate) use check::{Weights, check};
pub(crate) use inline::{MAX_MODEL_BYTES, with_weights_inside};
