//! Encoders and language models on ONNX Runtime, and importing them. These tests belong to the
//! package of the command line, whose `setup` installs what is missing: none of them is skipped
//! because something is not there.
#![allow(clippy::unwrap_used)]

#[path = "../support"]
mod support {
    pub mod checkpoints;
    pub mod decoding;
    pub mod encoder;
    pub mod installed;
    pub mod process;
    pub mod repository;
    pub mod second_reader;
}

mod adapter_over_indexes;
mod adapters;
mod convert_bad_input;
mod convert_import;
mod cuda;
mod decoding;
mod encoder_failures;
mod encoder_vectors;
mod external_decoder;
mod index_adapter;
mod index_language_model;
mod index_training;
mod instructions;
mod killed_training;
mod language_model;
mod late_interaction;
mod readme;
mod runtime;
mod static_encoder;
mod tuning;
