//! The command line as a person or a script meets it.
#![allow(clippy::unwrap_used)]

#[path = "../support"]
mod support {
    pub mod command;
    pub mod encoder;
    pub mod installed;
    pub mod numbered;
    pub mod repository;
}

mod bad_input;
mod documents;
mod eval;
mod fields;
mod generate;
#[cfg(target_os = "linux")]
mod hostile_index;
mod input;
mod judgements;
mod mcp;
mod output;
mod passages;
mod serve;
mod setup;
mod snippets;
mod sync;
