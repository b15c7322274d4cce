//! Measuring searches: metrics, and the quality of words alone.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../support"]
mod support {
    pub mod corpus;
    pub mod encoder;
    pub mod repository;
}

mod lexical;
mod metrics;
