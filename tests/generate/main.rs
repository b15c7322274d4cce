//! Docids and queries that a language model writes; the model says what a test wants.
#![allow(clippy::unwrap_used)]

#[path = "../support"]
mod support {
    pub mod corpus;
    pub mod encoder;
    pub mod generator;
}

mod by_model;
mod stored_queries;
