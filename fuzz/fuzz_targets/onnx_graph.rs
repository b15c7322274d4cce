#![no_main]

#[path = "../bodies/mod.rs"]
mod bodies;
#[path = "../../tests/hashing/mod.rs"]
mod hashing;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::run("onnx_graph", data));
