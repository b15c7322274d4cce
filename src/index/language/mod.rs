//! The language model of an index: what changes it.
//!
//! | file | concept |
//! |---|---|
//! | `train` | training it on the documents |
//! | `adapter` | taking in what a training changed |

mod adapter;
mod train;

pub use train::LanguageTrainReport;
