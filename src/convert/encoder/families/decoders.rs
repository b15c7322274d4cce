//! Encoders with the body of a decoder: Qwen 3, in which a token sees what stands before it, and
//! Gemma 3, in which it sees both sides.

use super::bert::activation;
use super::layer_kinds::{are_global, thetas};
use crate::Result;
use crate::convert::checkpoint::decoder_config::{Architecture, Biases, RopeScaling};
use crate::convert::encoder::config::{
    Activation, EncoderConfig, Layer, Linear, Norm, NormKind, Norms, Sees,
};
use crate::convert::hugging_face::config_json::ConfigJson;

/// The default of Gemma 3: so many layers, of which the last sees all.
const GEMMA_PATTERN: usize = 6;

/// Sizes that both have.
struct Sizes {
    hidden: usize,
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
    feed_forward: usize,
    epsilon: f32,
    is_offset: bool,
}

impl Sizes {
    fn norm(&self, module: String, len: usize) -> Norm {
        Norm {
            module,
            len,
            kind: NormKind::RootMeanSquare {
                is_offset: self.is_offset,
            },
            epsilon: self.epsilon,
        }
    }

    /// A layer without the norms around its parts.
    fn layer(&self, number: usize, theta: f64, sees: Sees) -> Layer {
        let name = |module: &str| format!("layers.{number}.{module}");
        let (q, kv) = (self.heads * self.head_dim, self.kv_heads * self.head_dim);
        let head_norm = |module: &str| self.norm(name(module), self.head_dim);
        let (hidden, wide) = (self.hidden, self.feed_forward);
        Layer {
            query_key_value: Linear {
                modules: vec![
                    (name("self_attn.q_proj"), q),
                    (name("self_attn.k_proj"), kv),
                    (name("self_attn.v_proj"), kv),
                ],
                inputs: hidden,
                has_bias: false,
            },
            attention_output: Linear::one(name("self_attn.o_proj"), hidden, q, false),
            head_norms: Some([head_norm("self_attn.q_norm"), head_norm("self_attn.k_norm")]),
            rotary_theta: Some(theta),
            sees,
            attention_norms: Norms::default(),
            up: Linear {
                modules: vec![(name("mlp.gate_proj"), wide), (name("mlp.up_proj"), wide)],
                inputs: hidden,
                has_bias: false,
            },
            down: Linear::one(name("mlp.down_proj"), hidden, wide, false),
            feed_forward_norms: Norms::default(),
        }
    }
}

pub(super) fn qwen3(config: &ConfigJson<'_>) -> Result<EncoderConfig> {
    let decoder = config.sizes(Architecture::Qwen3, Biases::default())?;
    if decoder.rope_scaling != RopeScaling::None {
        return Err(config.wrong("asks for scaled rotary positions, which cannot be imported"));
    }
    if decoder.biases != Biases::default() {
        return Err(config.wrong("asks for biases, which cannot be imported"));
    }
    let sizes = Sizes {
        hidden: decoder.hidden,
        heads: decoder.heads,
        kv_heads: decoder.kv_heads,
        head_dim: decoder.head_dim,
        feed_forward: decoder.feed_forward,
        epsilon: decoder.rms_norm_epsilon,
        is_offset: false,
    };
    let layer = |number: usize| {
        let before = |module: &str| Norms {
            before: Some(sizes.norm(format!("layers.{number}.{module}"), sizes.hidden)),
            ..Norms::default()
        };
        Layer {
            attention_norms: before("input_layernorm"),
            feed_forward_norms: before("post_attention_layernorm"),
            ..sizes.layer(number, decoder.rope_theta, Sees::Before)
        }
    };
    let layers = config.layers("num_hidden_layers")?;
    Ok(EncoderConfig {
        hidden: sizes.hidden,
        heads: sizes.heads,
        kv_heads: sizes.kv_heads,
        head_dim: sizes.head_dim,
        feed_forward: sizes.feed_forward,
        vocab: decoder.vocab,
        max_tokens: decoder.max_positions,
        words: "embed_tokens.weight".to_owned(),
        words_scale: 1.0,
        places: None,
        segments: None,
        embedding_norm: None,
        relative: None,
        attention_scale: 1.0 / (sizes.head_dim as f32).sqrt(),
        activation: Activation::Silu,
        is_gated: true,
        layers: (0..layers).map(layer).collect(),
        last_norm: Some(sizes.norm("norm".to_owned(), sizes.hidden)),
        irrelevant: &["lm_head."],
    })
}

pub(super) fn gemma3(config: &ConfigJson<'_>) -> Result<EncoderConfig> {
    if config.flag("use_bidirectional_attention")? != Some(true) {
        return Err(config.wrong(
            "does not say use_bidirectional_attention: it is a language model and no encoder",
        ));
    }
    let heads = config.needed("num_attention_heads")?;
    let sizes = Sizes {
        hidden: config.needed("hidden_size")?,
        heads,
        kv_heads: config.count("num_key_value_heads")?.unwrap_or(heads),
        head_dim: config.count("head_dim")?.unwrap_or(256),
        feed_forward: config.needed("intermediate_size")?,
        epsilon: config.number("rms_norm_eps")?.unwrap_or(1e-6) as f32,
        is_offset: true,
    };
    let [theta, local_theta] = thetas(config, ["rope_theta", "rope_local_base_freq"])?;
    let theta = theta.unwrap_or(1_000_000.0);
    let local_theta = local_theta.unwrap_or(10_000.0);
    // Half of it lies to either side.
    let window = config.count("sliding_window")?.unwrap_or(4_096) / 2;
    let layers = config.layers("num_hidden_layers")?;
    let pattern = match config.count("sliding_window_pattern")? {
        Some(pattern) => Some(pattern),
        None => config.count("_sliding_window_pattern")?,
    };
    let pattern = pattern.unwrap_or(GEMMA_PATTERN).max(1);
    let is_global = are_global(config, layers, |number| {
        (number + 1).is_multiple_of(pattern)
    })?;
    let layer = |(number, is_global): (usize, bool)| {
        let norm =
            |module: &str| Some(sizes.norm(format!("layers.{number}.{module}"), sizes.hidden));
        let around = |before: &str, after: &str| Norms {
            before: norm(before),
            after: norm(after),
            sum: None,
        };
        let (theta, sees) = match is_global {
            true => (theta, Sees::All),
            false => (local_theta, Sees::Near(window)),
        };
        Layer {
            attention_norms: around("input_layernorm", "post_attention_layernorm"),
            feed_forward_norms: around("pre_feedforward_layernorm", "post_feedforward_layernorm"),
            ..sizes.layer(number, theta, sees)
        }
    };
    let scalar = config.number("query_pre_attn_scalar")?.unwrap_or(256.0);
    let name = config.text("hidden_activation")?;
    Ok(EncoderConfig {
        hidden: sizes.hidden,
        heads,
        kv_heads: sizes.kv_heads,
        head_dim: sizes.head_dim,
        feed_forward: sizes.feed_forward,
        vocab: config.needed("vocab_size")?,
        max_tokens: config.count("max_position_embeddings")?.unwrap_or(131_072),
        words: "embed_tokens.weight".to_owned(),
        words_scale: (sizes.hidden as f32).sqrt(),
        places: None,
        segments: None,
        embedding_norm: None,
        relative: None,
        attention_scale: (1.0 / scalar.sqrt()) as f32,
        activation: match name {
            None => Activation::GeluTanh,
            Some(_) => activation(config, "hidden_activation")?,
        },
        is_gated: true,
        layers: is_global.into_iter().enumerate().map(layer).collect(),
        last_norm: Some(sizes.norm("norm".to_owned(), sizes.hidden)),
        irrelevant: &["lm_head."],
    })
}
