//! The language model of an index: what changes it.
//!
//! | file | concept |
//! |---|---|
//! | `train` | training it on the documents of the index |
//! | `several` | training one adapter on those of several indexes |
//! | `lesson` | what the documents teach |
//! | `fitting` | fitting an adapter to it |
//! | `learnt` | which passages an adapter has seen |
//! | `adapter` | taking in what a training changed |

mod adapter;
mod fitting;
mod learnt;
mod lesson;
mod several;
mod train;

pub use fitting::LanguageTrainReport;
pub use several::{TaughtIndex, tune_over_indexes};
