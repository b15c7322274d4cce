//! The graphs in ONNX Runtime, beside a decoder written in plain loops.

mod adapted;
mod formats;
mod graph;
mod reference;
mod session;
mod smollm2;
mod training;
