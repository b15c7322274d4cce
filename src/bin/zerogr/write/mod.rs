//! The commands that write indexes and what goes into them: `build`, `add`, `sync`, `generate`, `train`.

pub mod build;
mod docid_journal;
pub mod generate;
pub mod sync;
pub mod train;
pub mod train_language;
mod unfinished;
