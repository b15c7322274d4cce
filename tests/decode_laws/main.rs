//! What the decoders promise, on indexes small enough to enumerate.

#![allow(clippy::unwrap_used)]

mod exact;
mod limits;
mod sampling;
mod shapes;
mod support;
