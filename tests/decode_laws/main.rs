//! What the decoders promise, on indexes small enough to enumerate.

#![allow(clippy::unwrap_used)]

#[cfg(feature = "cli")]
#[path = "../common/mod.rs"]
mod common;
mod exact;
#[cfg(feature = "cli")]
mod language;
mod limits;
mod sampling;
mod shapes;
mod support;
