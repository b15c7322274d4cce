//! Writing texts.
//!
//! | file | concept |
//! |---|---|
//! | [`batch`] | many texts in flight: joining, stepping, leaving |
//! | [`job`] | requests with their prompts' tokens |
//! | [`sampler`] | choosing the next token |
//! | [`finish`] | where a continuation ends |

mod batch;
mod finish;
mod job;
mod sampler;

pub(super) use batch::{BatchLimits, Vocabulary, generate};
pub(super) use job::{Job, check};
