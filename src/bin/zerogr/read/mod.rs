//! The commands that read an index: `search`, `get` and its kin, `info`, `check`.

pub mod count;
pub mod documents;
pub mod info;
pub mod search;
