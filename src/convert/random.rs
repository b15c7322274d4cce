//! A decoder with random weights, for tests and benches that need a model and not a good one.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;

use serde_json::json;

use super::checkpoint::decoder_config::{Architecture, Biases, DecoderConfig, RopeScaling};
use super::checkpoint::layout::tensors_of;
use super::checkpoint::tensors::TensorSource;
use super::graph::decoder::{record_of, write_decoder};
use crate::model::language::{LanguageModelConfig, WeightFormat};
use crate::rng::{Rng, stable_hash};
use crate::{Error, ErrorKind, Result};

/// Random tensors of the shapes that a [`DecoderConfig`] wants; the same for the same seed.
#[derive(Debug, Clone)]
pub struct RandomTensors {
    shapes: BTreeMap<String, Vec<usize>>,
    seed: u64,
}

impl RandomTensors {
    /// The tensors of `config` under `seed`.
    pub fn new(config: DecoderConfig, seed: u64) -> RandomTensors {
        let shapes = tensors_of(&config).into_iter().collect();
        RandomTensors { shapes, seed }
    }
}

impl TensorSource for RandomTensors {
    fn names(&self) -> Vec<String> {
        self.shapes.keys().cloned().collect()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.shapes.get(name).cloned()
    }

    fn read_rows(&self, name: &str, rows: Range<usize>, to: &mut [f32]) -> Result<()> {
        let Some(shape) = self.shape(name) else {
            let message = format!("a random model has no tensor {name}");
            return Err(Error::new(ErrorKind::Model, message));
        };
        let width: usize = shape.iter().skip(1).product();
        let seed = self.seed ^ stable_hash(name.as_bytes());
        // Norms near 1; matrices that keep the size of what they multiply.
        let (centre, spread) = match (shape.len(), name.ends_with("bias")) {
            (1, false) => (1.0, 0.2),
            (1, true) => (0.0, 0.3),
            _ => (0.0, (3.0 / width as f32).sqrt()),
        };
        for (row, values) in rows.zip(to.chunks_exact_mut(width.max(1))) {
            let mut rng = Rng::for_cell(seed, row as u64, 0);
            for value in values {
                *value = centre + spread * (2.0 * rng.unit_f32() - 1.0);
            }
        }
        Ok(())
    }
}

/// A small Llama with `vocab` tokens and `max_positions` positions, for [`random_decoder`].
pub fn small_llama(vocab: usize, max_positions: usize) -> DecoderConfig {
    DecoderConfig {
        architecture: Architecture::Llama,
        hidden: 64,
        layers: 2,
        heads: 4,
        kv_heads: 2,
        head_dim: 16,
        feed_forward: 96,
        vocab,
        max_positions,
        rms_norm_epsilon: 1e-5,
        rope_theta: 10_000.0,
        rope_scaling: RopeScaling::None,
        tied_head: true,
        biases: Biases::default(),
    }
}

/// The token that ends a text in a random model.
const END: &str = "<|endoftext|>";
/// The tokens of the byte alphabet, and the one that ends a text.
const LEAST_VOCAB: usize = 257;

/// Writes a whole model folder with random weights into `dir`, which is created: 32-bit floats,
/// and a tokenizer whose token 0 ends a text, tokens 1 to 256 are bytes, and the rest are single
/// invented words. The same `config` and `seed` give the same bytes.
///
/// # Errors
///
/// [`ErrorKind::InvalidInput`] for a vocabulary below 257 tokens, [`ErrorKind::Model`] for a
/// `config` that makes no sense, [`ErrorKind::Io`] when a file cannot be written.
pub fn random_decoder(dir: &Path, config: &DecoderConfig, seed: u64) -> Result<()> {
    if config.vocab < LEAST_VOCAB {
        return Err(Error::invalid(format!(
            "a random model needs {LEAST_VOCAB} tokens or more, not {}",
            config.vocab
        )));
    }
    fs::create_dir_all(dir).map_err(|e| Error::io("creating", dir, e))?;
    let source = RandomTensors::new(config.clone(), seed);
    let weights_sha256 = write_decoder(dir, config, &source, WeightFormat::F32, &mut || ())?;
    let path = dir.join("tokenizer.json");
    fs::write(&path, tokenizer(config.vocab)).map_err(|e| Error::io("writing", &path, e))?;
    LanguageModelConfig {
        name: format!("random {}", config.architecture.name()),
        eos_token_ids: vec![0],
        ..record_of(config, WeightFormat::F32, weights_sha256)
    }
    .write(dir)
}

/// A byte-level tokenizer without merges.
fn tokenizer(vocab: usize) -> String {
    let mut tokens = serde_json::Map::new();
    tokens.insert(END.into(), json!(0));
    for (byte, letter) in byte_alphabet().into_iter().enumerate() {
        tokens.insert(letter.to_string(), json!(byte + 1));
    }
    for id in LEAST_VOCAB..vocab {
        tokens.insert(format!("Ġword{id}"), json!(id));
    }
    let bytes = json!({
        "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true,
    });
    json!({
        "version": "1.0",
        "added_tokens": [{
            "id": 0, "content": END, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true,
        }],
        "pre_tokenizer": bytes,
        "decoder": bytes,
        "model": {"type": "BPE", "vocab": tokens, "merges": []},
    })
    .to_string()
}

/// The letter that stands for each byte in byte-level tokenizers: itself where it is printable,
/// else the next one from U+0100 on.
fn byte_alphabet() -> [char; 256] {
    let mut next = 0x100;
    std::array::from_fn(|byte| match byte as u8 {
        b @ (b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff) => char::from(b),
        _ => {
            next += 1;
            char::from_u32(next - 1).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
    })
}
