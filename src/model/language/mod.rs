//! Language models on ONNX Runtime.

mod config;

pub use config::{CONFIG_FILE, LanguageModelConfig, ModelKind, WeightFormat};
