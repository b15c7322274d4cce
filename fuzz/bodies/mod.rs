//! What each fuzz target does with its input. Shared with `tests/fuzz_corpus`, which replays
//! the committed inputs on every test run.
//!
//! A target returns when all is well and panics when not. None of them checks that damage is
//! *noticed*: they repair the checksums, so that the decoders below see hostile bytes. What is
//! asked of those is to end, to end soon, in bounded memory, and to return an error or something
//! readable.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

/// What the tests have in common, shared with them.
#[path = "../../tests/support"]
pub mod support {
    #[cfg(feature = "models")]
    pub mod checkpoints;
    pub mod encoder;
    pub mod fault;
    pub mod repository;
    pub mod segments;
}

#[cfg(feature = "models")]
mod adapter;
mod document_block;
#[cfg(feature = "models")]
mod encoder_folder;
mod faults;
mod filter;
mod filter_text;
#[cfg(feature = "models")]
mod gguf;
mod json_documents;
#[cfg(feature = "eval")]
mod judgements;
mod manifest;
mod memory;
#[cfg(feature = "models")]
mod onnx_graph;
#[cfg(feature = "models")]
mod onnx_message;
pub mod open;
mod operations;
mod passages;
mod repair;
#[cfg(feature = "models")]
mod tokenizer_folder;
mod trie_section;

/// A target: its name, what it does, and inputs to start from.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    pub seeds: fn() -> Vec<Vec<u8>>,
}

pub const TARGETS: &[Target] = &[
    Target {
        name: "open",
        run: open::run,
        seeds: open::seeds,
    },
    Target {
        name: "manifest",
        run: manifest::run,
        seeds: manifest::seeds,
    },
    Target {
        name: "trie_section",
        run: trie_section::run,
        seeds: trie_section::seeds,
    },
    Target {
        name: "document_block",
        run: document_block::run,
        seeds: document_block::seeds,
    },
    Target {
        name: "json_documents",
        run: json_documents::run,
        seeds: json_documents::seeds,
    },
    #[cfg(feature = "eval")]
    Target {
        name: "judgements",
        run: judgements::run,
        seeds: judgements::seeds,
    },
    Target {
        name: "passages",
        run: passages::run,
        seeds: passages::seeds,
    },
    Target {
        name: "filter",
        run: filter::run,
        seeds: filter::seeds,
    },
    Target {
        name: "filter_text",
        run: filter_text::run,
        seeds: filter_text::seeds,
    },
    Target {
        name: "operations",
        run: operations::run,
        seeds: operations::seeds,
    },
    Target {
        name: "faults",
        run: faults::run,
        seeds: faults::seeds,
    },
    #[cfg(feature = "models")]
    Target {
        name: "onnx_graph",
        run: onnx_graph::run,
        seeds: onnx_graph::seeds,
    },
    #[cfg(feature = "models")]
    Target {
        name: "encoder_folder",
        run: encoder_folder::run,
        seeds: encoder_folder::seeds,
    },
    #[cfg(feature = "models")]
    Target {
        name: "adapter",
        run: adapter::run,
        seeds: adapter::seeds,
    },
    #[cfg(feature = "models")]
    Target {
        name: "gguf",
        run: gguf::run,
        seeds: gguf::seeds,
    },
    #[cfg(feature = "models")]
    Target {
        name: "tokenizer_folder",
        run: tokenizer_folder::run,
        seeds: tokenizer_folder::seeds,
    },
];

impl Target {
    /// Runs an input, within [`memory::MAX_BYTES`].
    pub fn run(&self, data: &[u8]) {
        let peak_bytes = memory::peak_of(|| (self.run)(data));
        assert!(
            peak_bytes <= memory::MAX_BYTES,
            "{peak_bytes} bytes of memory for an input of {}",
            data.len()
        );
    }
}

/// Runs the target of this name.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    target.unwrap().run(data);
}

/// Takes an input apart; where it ends, zeros follow.
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    pub fn byte(&mut self) -> u8 {
        let (&byte, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        byte
    }

    pub fn number(&mut self) -> usize {
        usize::from(self.byte()) | usize::from(self.byte()) << 8
    }

    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        bytes
    }
}
