//! What gives a decoder its logits.
//!
//! | file | concept |
//! |---|---|
//! | [`expander`] | the question that a decoder asks |
//! | [`place`] | docids and passages by where they are stored |
//! | [`softmax`] | from logits to log-probabilities |
//! | `language`, `language_rows`, `token_tree` | a language model: many prefixes in one pass |

mod expander;
#[cfg(feature = "models")]
mod language;
#[cfg(feature = "models")]
mod language_rows;
pub(super) mod place;
pub(super) mod softmax;
#[cfg(feature = "models")]
mod token_tree;

pub use expander::{Branching, Expander};
#[cfg(feature = "models")]
pub use language::{LanguageExpander, LanguageQuery};
#[cfg(feature = "models")]
pub(crate) use language::{label, whole_docids};
#[cfg(feature = "models")]
pub use language_rows::RowsExpander;
pub use place::{DocidPlace, PassagePlace};
pub use softmax::log_softmax;
#[cfg(feature = "models")]
pub(crate) use token_tree::{HIDDEN, TokenTree};
