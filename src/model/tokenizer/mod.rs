//! Text to token ids and back.
//!
//! | file | concept |
//! |---|---|
//! | `tokenise` | a tokenizer, and as much of a text as it needs to see |
//! | `word_pieces`, `piece_trie` | those of BERT, for plain letters |
//! | `check` | the door for a `tokenizer.json` that may come from a stranger |
//! | `part`, `steps` | its objects field by field, and what surrounds its model |
//! | `patterns`, `charsmap` | bounds of its regular expressions and of its maps of characters |

mod charsmap;
mod check;
mod guarded;
mod part;
mod patterns;
mod piece_trie;
mod steps;
mod tokenise;
mod unknown;
mod word_pieces;

pub use tokenise::{MAX_CUT_CHARS, Tokenizer};
