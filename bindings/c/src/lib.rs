//! The C interface of zerogr.
//!
//! ```text
//!   C ──► exports ──► door ──► one call of the crate `zerogr`
//!            │          │ catches panics, refuses a forked process
//!            ▼          └► last_failure: code and message, by thread and handle
//!           raw     pointers and lengths of C to slices and back
//!            ▼
//!         handles   numbers that look like pointers, and what they stand for
//! ```
//!
//! Invariants:
//! - I1. No panic crosses: the body of every exported function is one call of [`door`].
//! - I2. A handle is a number that is never used twice, and is looked up before it is used. So a handle
//!   that is null, closed, of another kind or made up is [`ZGR_MISUSE`](codes::ZGR_MISUSE).
//! - I3. What is exported is called `zgr_*`, and is in `include/zerogr.h`, which is made of this source.
//! - I4. `unsafe` is in `exports`, whose callers are C, and in `raw`.

#![warn(missing_docs)]

pub mod codes;
mod door;
pub mod exports;
mod failure;
mod handles;
mod last_failure;
mod objects;
mod raw;
mod texts;
pub mod types;
