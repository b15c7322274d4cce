//! An index over its life: built, changed, merged, damaged, and searched in every mode, with an
//! encoder that needs no model.
#![allow(clippy::unwrap_used)]

#[path = "../support"]
mod support {
    pub mod corpus;
    pub mod encoder;
    pub mod generator;
    pub mod numbered;
    pub mod process;
    pub mod repository;
    pub mod second_reader;
}

mod behaviour;
mod deletes;
mod dense;
mod expansion;
mod face;
mod fields;
mod filter;
#[cfg(feature = "eval")]
mod judged;
mod lexical;
mod living;
mod merge;
mod odd_texts;
mod passage_histories;
mod passages;
mod planned;
mod prefix;
mod recover;
mod scale;
mod snippets;
mod tokens;
mod upgrade;
