//! A language model over a trie: decoding beside its literal form, in one run, on one model.
//!
//! `ZEROGR_BENCH_MODEL=DIR cargo bench --bench language` takes a model folder that `zerogr model
//! import` wrote (weights f32 or f16); without it, a model with random weights stands in. The
//! docids are the keyword docids of the first SciFact abstracts, one per document.
//!
//! The literal loop is the paper's decoder as its reference runs it: 100 draws, each of which
//! reads the prompt anew, then a token per pass with the logits of the whole vocabulary, down to
//! where its docid is alone in the trie. Both take the same random numbers, so that the draws
//! can be compared; sums in another order can make a close decision differ.

#![allow(clippy::unwrap_used)]

mod scifact;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use zerogr::DocidTokenizer;
use zerogr::convert::{Architecture, DecoderConfig, RopeScaling, random_decoder};
use zerogr::decode::*;
use zerogr::docs::{DocumentReader, ReadOptions};
use zerogr::format::{SectionInput, SectionKind};
use zerogr::generate::{DocidGenerator, DocidOptions};
use zerogr::language::Prompt;
use zerogr::model::language::{
    DecoderInput, DecoderOptions, DecoderSession, KvCache, LanguageModel, LanguageModelOptions,
};
use zerogr::store::Section;
use zerogr::trie::{END, Forest, ForestNode, ForestTrie, SegmentTrie, TokenWidth, build_trie};

const DOCUMENTS: usize = 1_000;
const QUERIES: usize = 3;
const DRAWS: usize = 100;
