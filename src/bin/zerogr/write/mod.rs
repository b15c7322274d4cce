//! The commands that write indexes and what goes into them: `build`, `add`, `sync`, `generate`,
//! `expand`, `train`.

pub mod build;
mod docid_journal;
pub mod expand;
pub mod generate;
pub mod sync;
pub mod train;
pub mod train_language;
mod unfinished;
