//! The bytes of a file: golden files, layout, limits, damage, and a second reader that agrees.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../support"]
mod support {
    pub mod encoder;
    pub mod generator;
    pub mod repository;
    pub mod second_reader;
}

mod by_hand;
mod contents;
mod indexes;

mod damage;
mod fields;
mod golden;
mod layout;
mod limits;
mod passages;
mod requirements;
mod scores;
mod trie;
