//! The commands that write indexes and what goes into them: `build`, `add`, `generate`, `train`.

pub mod build;
mod docid_journal;
pub mod generate;
pub mod train;
mod unfinished;
