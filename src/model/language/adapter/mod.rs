//! Adapters: what a training changes of a language model, apart from the model.
//!
//! Problem: a model that was trained for one corpus would be a second copy of all its weights. What
//! a training changes of a linear layer is put as the product of two thin matrices instead (LoRA,
//! arXiv 2106.09685): a few megabytes, which fit into an index, while the weights stay one file
//! that is shared.
//!
//! ```text
//!           ┌───────── W  [inputs, outputs], frozen ─────────┐
//!   x ──────┤                                                +──► x·W + (x·A)·B
//!           └── A [inputs, rank] ──► B [rank, outputs] ──────┘
//! ```
//!
//! | file | concept |
//! |---|---|
//! | [`adapter`](self) | the changes of the layers, and what is known of them |
//! | `file` | their bytes |
//! | `graph` | a decoder graph that takes them as inputs |
//! | `inputs` | their matrices, as these inputs |
//! | `layer` | a layer that can be changed, and the names of its matrices |
//!
//! Invariants:
//!
//! - I1. An adapter is of one base model, which it names; whoever uses it compares.
//! - I2. Layers and modules that it does not name are as they are in the base model.
//! - I3. The same adapter has the same bytes.

#[expect(
    clippy::module_inception,
    reason = "the concept that the room is about"
)]
mod adapter;
mod file;
pub(super) mod graph;
pub(super) mod inputs;
mod layer;
#[cfg(test)]
mod tests;

pub use adapter::{Adapter, BaseModel, LinearModule, LowRank};
pub use layer::AdaptableLayer;
pub(crate) use layer::input_names;
