//! The functions of the header: what C gives is read, one of `objects` is asked, and what it gives is
//! written back.
//!
//! All of them are `unsafe` to call for the reason at the head of [`raw`](crate::raw).
#![allow(unsafe_code, clippy::missing_safety_doc)]

pub mod handle;
pub mod index;
pub mod judgements;
mod options;
pub mod result;
pub mod writer;
