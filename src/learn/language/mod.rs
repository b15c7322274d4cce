//! What a language model learns from an index: which docids to generate for a query.
//!
//! ```text
//!   passages ─► pseudo-queries ─► prompt ──┬─► docids of the passage, as paths of the trie
//!                    │                     │
//!                    └─► BM25: rivals ─────┴─► its docid above theirs
//! ```
//!
//! After the ZeroGR paper (arXiv 2510.10419): cross-entropy on the tokens of the docid, and before
//! every eighth step one that ranks.

mod options;
mod targets;
mod texts;

pub use options::{LanguageLoss, LanguageTrainOptions};
pub(crate) use texts::{LanguageTask, LanguageTexts};
