//! What a decoder of the Llama family looks like: sizes, positions, and which parts it has.

use super::tensors::TensorSource;
use crate::{Error, ErrorKind, Result};

/// The families whose graphs are built here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// Llama 2 and 3, SmolLM2, TinyLlama.
    Llama,
    /// Mistral without sliding window.
    Mistral,
    /// Qwen 2 and 2.5: always biases in the query, key and value projections.
    Qwen2,
    /// Qwen 3: norms of each query and key head.
    Qwen3,
}

impl Architecture {
    /// The name in `config.json` (`model_type`) and in GGUF (`general.architecture`).
    pub fn name(self) -> &'static str {
        match self {
            Architecture::Llama => "llama",
            Architecture::Mistral => "mistral",
            Architecture::Qwen2 => "qwen2",
            Architecture::Qwen3 => "qwen3",
        }
    }

    /// The architecture of this name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] naming what is not supported and what is.
    pub fn from_name(name: &str) -> Result<Architecture> {
        let known = [
            Architecture::Llama,
            Architecture::Mistral,
            Architecture::Qwen2,
            Architecture::Qwen3,
        ];
        let found = known.into_iter().find(|known| known.name() == name);
        found.ok_or_else(|| {
            Error::new(
                ErrorKind::Model,
                format!(
                    "models of the architecture {name:?} cannot be imported; llama, mistral, \
                     qwen2 and qwen3 can, and folders that hold a decoder ONNX"
                ),
            )
        })
    }
}

/// How the angles of the rotary position embedding are stretched.
#[derive(Debug, Clone, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// All by the same factor.
    Linear {
        /// The factor.
        factor: f64,
    },
    /// Low frequencies by a factor, high ones not, with a ramp between (Llama 3.1 and later).
    Llama3 {
        /// The factor of the low frequencies.
        factor: f64,
        /// Wavelengths above `original_positions` / this are scaled.
        low_freq_factor: f64,
        /// Wavelengths below `original_positions` / this are not.
        high_freq_factor: f64,
        /// The positions that the model was first trained with.
        original_positions: f64,
    },
    /// A divisor for each of the `head_dim / 2` frequencies.
    Divisors(Vec<f32>),
}

/// Which linear layers add a bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Biases {
    /// Those of queries, keys and values.
    pub qkv: bool,
    /// The one behind the attention.
    pub attention_output: bool,
    /// The three of the feed-forward layer.
    pub feed_forward: bool,
}

impl Biases {
    /// The biases of a checkpoint: of each kind, if its first layer has one of them.
    pub(in crate::convert) fn in_tensors(source: &dyn TensorSource) -> Biases {
        let any = |modules: &[&str]| {
            modules.iter().any(|module| {
                let name = format!("model.layers.0.{module}.bias");
                source.shape(&name).is_some()
            })
        };
        Biases {
            qkv: any(&["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]),
            attention_output: any(&["self_attn.o_proj"]),
            feed_forward: any(&["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]),
        }
    }

    /// True if the linear layer `module` (`self_attn.q_proj`, ...) adds a bias.
    pub(in crate::convert) fn has(&self, module: &str) -> bool {
        match module {
            "self_attn.o_proj" => self.attention_output,
            _ if module.starts_with("self_attn.") => self.qkv,
            _ => self.feed_forward,
        }
    }
}

/// The shape of a decoder.
#[derive(Debug, Clone, PartialEq)]
pub struct DecoderConfig {
    /// The family.
    pub architecture: Architecture,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Decoder layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads, a divisor of `heads`.
    pub kv_heads: usize,
    /// Width of a head, a multiple of 16.
    pub head_dim: usize,
    /// Width of the feed-forward layer.
    pub feed_forward: usize,
    /// Tokens of the vocabulary.
    pub vocab: usize,
    /// Most positions.
    pub max_positions: usize,
    /// Added to the mean square in the norms.
    pub rms_norm_epsilon: f32,
    /// Base of the rotary wavelengths.
    pub rope_theta: f64,
    /// Stretching of the rotary angles.
    pub rope_scaling: RopeScaling,
    /// True if the head is the embedding.
    pub tied_head: bool,
    /// Which linear layers add a bias.
    pub biases: Biases,
}

/// The most of anything but positions and tokens that a header is believed.
const MAX_COUNT: usize = 1 << 20;
/// The most positions for which rotary tables are written.
const MAX_POSITIONS: usize = 1 << 20;
/// The most values of a rotary table, which is a gigabyte and not bounded by the file's length.
const MAX_ROTARY_VALUES: usize = 1 << 28;
/// The largest vocabulary that is believed.
const MAX_VOCAB: usize = 1 << 24;

impl DecoderConfig {
    /// True if each query and key head is normed.
    pub fn has_qk_norm(&self) -> bool {
        self.architecture == Architecture::Qwen3
    }

    /// Checks that a graph can be built of these numbers.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] naming the number that makes no sense.
    pub fn check(&self) -> Result<()> {
        let within = |what: &str, value: usize, most: usize| {
            if (1..=most).contains(&value) {
                return Ok(());
            }
            Err(wrong(format!("{value} {what}, not 1 to {most}")))
        };
        within("hidden units", self.hidden, MAX_COUNT)?;
        within("layers", self.layers, 4_096)?;
        within("heads", self.heads, 65_536)?;
        within("key heads", self.kv_heads, 65_536)?;
        within("units per head", self.head_dim, 65_536)?;
        within("feed-forward units", self.feed_forward, MAX_COUNT)?;
        within("tokens", self.vocab, MAX_VOCAB)?;
        within("positions", self.max_positions, MAX_POSITIONS)?;
        if self.max_positions * (self.head_dim / 2) > MAX_ROTARY_VALUES {
            return Err(wrong(format!(
                "{} positions of {} units",
                self.max_positions, self.head_dim
            )));
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return Err(wrong(format!(
                "{} heads cannot share {} key heads",
                self.heads, self.kv_heads
            )));
        }
        if !self.head_dim.is_multiple_of(16) {
            return Err(wrong(format!(
                "heads of {} units; ONNX Runtime rotates multiples of 16",
                self.head_dim
            )));
        }
        let positive = |x: f64| x.is_finite() && x > 0.0;
        let scaling_is_sane = match &self.rope_scaling {
            RopeScaling::None => true,
            RopeScaling::Linear { factor } => positive(*factor),
            RopeScaling::Llama3 {
                factor,
                low_freq_factor,
                high_freq_factor,
                original_positions,
            } => {
                [factor, low_freq_factor, original_positions]
                    .iter()
                    .all(|x| positive(**x))
                    && high_freq_factor.is_finite()
                    && high_freq_factor > low_freq_factor
            }
            RopeScaling::Divisors(divisors) => {
                divisors.len() == self.head_dim / 2
                    && divisors.iter().all(|x| positive(f64::from(*x)))
            }
        };
        if !scaling_is_sane || !positive(self.rope_theta) {
            return Err(wrong("unusable rotary settings".into()));
        }
        if !self.rms_norm_epsilon.is_finite() || self.rms_norm_epsilon < 0.0 {
            return Err(wrong("an unusable epsilon of the norms".into()));
        }
        Ok(())
    }

    /// The angle per position of each of the `head_dim / 2` rotated pairs: `theta^(-2i/d)`,
    /// stretched as [`RopeScaling`] says (Llama 3: the rule of Meta's reference implementation).
    pub fn rotary_frequencies(&self) -> Vec<f64> {
        let pairs = self.head_dim / 2;
        let plain =
            (0..pairs).map(|i| self.rope_theta.powf(-2.0 * i as f64 / self.head_dim as f64));
        match &self.rope_scaling {
            RopeScaling::None => plain.collect(),
            RopeScaling::Linear { factor } => plain.map(|f| f / factor).collect(),
            RopeScaling::Divisors(divisors) => plain
                .zip(divisors)
                .map(|(f, divisor)| f / f64::from(*divisor))
                .collect(),
            RopeScaling::Llama3 {
                factor,
                low_freq_factor,
                high_freq_factor,
                original_positions,
            } => plain
                .map(|f| {
                    let turns = original_positions * f / std::f64::consts::TAU;
                    let unscaled = (turns - low_freq_factor) / (high_freq_factor - low_freq_factor);
                    let unscaled = unscaled.clamp(0.0, 1.0);
                    unscaled * f + (1.0 - unscaled) * f / factor
                })
                .collect(),
        }
    }
}

fn wrong(what: String) -> Error {
    Error::new(
        ErrorKind::Model,
        format!("the model's settings say {what}: it cannot be imported"),
    )
}
