//! What the decoders promise, on indexes small enough to enumerate. A language model over such an
//! index is among the tests of models.
#![allow(clippy::unwrap_used)]

#[path = "../support"]
mod support {
    pub mod decoding;
}

mod exact;
mod limits;
mod sampling;
