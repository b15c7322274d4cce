//! Encoders whose places are told by rotation: ModernBERT and NomicBERT.

use super::bert::activation;
use super::layer_kinds::{are_global, thetas};
use crate::Result;
use crate::convert::encoder::config::{
    Activation, EncoderConfig, Layer, Linear, Norm, NormKind, Norms, Sees,
};
use crate::convert::hugging_face::config_json::ConfigJson;

/// The inner size of NomicBERT's gated part is a multiple of this.
const NOMIC_MULTIPLE: usize = 256;

pub(super) fn modern_bert(config: &ConfigJson<'_>) -> Result<EncoderConfig> {
    let hidden = config.needed("hidden_size")?;
    let heads = config.needed("num_attention_heads")?;
    let feed_forward = config.needed("intermediate_size")?;
    let flag = |key: &str| Ok::<_, crate::Error>(config.flag(key)?.unwrap_or(false));
    let has_bias = flag("norm_bias")?;
    let attention_bias = flag("attention_bias")?;
    let mlp_bias = flag("mlp_bias")?;
    let epsilon = config.number("norm_eps")?.unwrap_or(1e-5) as f32;
    let layers = config.layers("num_hidden_layers")?;
    let every = config
        .count("global_attn_every_n_layers")?
        .unwrap_or(3)
        .max(1);
    let window = config.count("local_attention")?.unwrap_or(128) / 2;
    let is_global = are_global(config, layers, |number| number.is_multiple_of(every))?;
    let [theta, local_theta] = thetas(config, ["global_rope_theta", "local_rope_theta"])?;
    let theta = theta.unwrap_or(160_000.0);
    let local_theta = match config.is_null("local_rope_theta") {
        true => local_theta.unwrap_or(theta),
        false => local_theta.unwrap_or(10_000.0),
    };
    let norm = |module: String| Norm {
        module,
        len: hidden,
        kind: NormKind::Layer { has_bias },
        epsilon,
    };
    let layer = |(number, is_global): (usize, bool)| {
        let name = |module: &str| format!("layers.{number}.{module}");
        let before = |module: &str| Norms {
            before: Some(norm(name(module))),
            ..Norms::default()
        };
        Layer {
            query_key_value: Linear::one(name("attn.Wqkv"), 3 * hidden, hidden, attention_bias),
            attention_output: Linear::one(name("attn.Wo"), hidden, hidden, attention_bias),
            head_norms: None,
            rotary_theta: Some(if is_global { theta } else { local_theta }),
            sees: if is_global {
                Sees::All
            } else {
                Sees::Near(window)
            },
            // The embedding is normed already.
            attention_norms: match number {
                0 => Norms::default(),
                _ => before("attn_norm"),
            },
            up: Linear::one(name("mlp.Wi"), 2 * feed_forward, hidden, mlp_bias),
            down: Linear::one(name("mlp.Wo"), hidden, feed_forward, mlp_bias),
            feed_forward_norms: before("mlp_norm"),
        }
    };
    let head_dim = hidden.checked_div(heads).unwrap_or(0);
    Ok(EncoderConfig {
        hidden,
        heads,
        kv_heads: heads,
        head_dim,
        feed_forward,
        vocab: config.needed("vocab_size")?,
        max_tokens: config.needed("max_position_embeddings")?,
        words: "embeddings.tok_embeddings.weight".to_owned(),
        words_scale: 1.0,
        places: None,
        segments: None,
        embedding_norm: Some(norm("embeddings.norm".to_owned())),
        relative: None,
        attention_scale: 1.0 / (head_dim as f32).sqrt(),
        activation: activation(config, "hidden_activation")?,
        is_gated: true,
        layers: is_global.into_iter().enumerate().map(layer).collect(),
        last_norm: Some(norm("final_norm".to_owned())),
        irrelevant: &["head.", "decoder.", "classifier."],
    })
}

pub(super) fn nomic_bert(config: &ConfigJson<'_>) -> Result<EncoderConfig> {
    let hidden = config.needed("n_embd")?;
    let heads = config.needed("n_head")?;
    let (is_gated, activation) = match config.text("activation_function")?.unwrap_or("gelu") {
        "swiglu" => (true, Activation::Silu),
        "geglu" => (true, Activation::Gelu),
        other => (
            false,
            Activation::from_name(other).ok_or_else(|| {
                config.wrong(&format!(
                    "asks for the activation {other:?} (activation_function), which cannot be \
                     imported"
                ))
            })?,
        ),
    };
    let inner = match (config.count("n_inner")?, is_gated) {
        (Some(inner), _) => inner,
        (None, true) => hidden.saturating_mul(8) / 3,
        (None, false) => hidden.saturating_mul(4),
    };
    let feed_forward = match is_gated {
        true => inner.checked_next_multiple_of(NOMIC_MULTIPLE).unwrap_or(0),
        false => inner,
    };
    let flag = |key: &str, default| Ok::<_, crate::Error>(config.flag(key)?.unwrap_or(default));
    let qkv_bias = flag("qkv_proj_bias", true)?;
    let (up_bias, down_bias) = (flag("mlp_fc1_bias", true)?, flag("mlp_fc2_bias", true)?);
    let theta = config.number("rotary_emb_base")?.unwrap_or(10_000.0);
    let epsilon = config.number("layer_norm_epsilon")?.unwrap_or(1e-5) as f32;
    let norm = |module: String| Norm {
        module,
        len: hidden,
        kind: NormKind::Layer { has_bias: true },
        epsilon,
    };
    let layer = |number: usize| {
        let name = |module: &str| format!("encoder.layers.{number}.{module}");
        let after = |module: &str| Norms {
            sum: Some(norm(name(module))),
            ..Norms::default()
        };
        let up = match is_gated {
            true => vec!["mlp.fc12", "mlp.fc11"],
            false => vec!["mlp.fc1"],
        };
        Layer {
            query_key_value: Linear::one(name("attn.Wqkv"), 3 * hidden, hidden, qkv_bias),
            attention_output: Linear::one(name("attn.out_proj"), hidden, hidden, qkv_bias),
            head_norms: None,
            rotary_theta: Some(theta),
            sees: Sees::All,
            attention_norms: after("norm1"),
            up: Linear {
                modules: up
                    .iter()
                    .map(|module| (name(module), feed_forward))
                    .collect(),
                inputs: hidden,
                has_bias: up_bias,
            },
            down: Linear::one(name("mlp.fc2"), hidden, feed_forward, down_bias),
            feed_forward_norms: after("norm2"),
        }
    };
    let segments = config.count("type_vocab_size")?.unwrap_or(2);
    let positions = config.needed("n_positions")?;
    // Beyond those that it was trained with, the wavelengths would change with the text's length.
    let trained = config.count("max_trained_positions")?.unwrap_or(positions);
    let layers = config.layers("n_layer")?;
    let head_dim = hidden.checked_div(heads).unwrap_or(0);
    Ok(EncoderConfig {
        hidden,
        heads,
        kv_heads: heads,
        head_dim,
        feed_forward,
        vocab: config.needed("vocab_size")?,
        max_tokens: positions.min(trained),
        words: "embeddings.word_embeddings.weight".to_owned(),
        words_scale: 1.0,
        places: None,
        segments: (segments > 0).then(|| {
            (
                "embeddings.token_type_embeddings.weight".to_owned(),
                segments,
            )
        }),
        embedding_norm: Some(norm("emb_ln".to_owned())),
        relative: None,
        attention_scale: 1.0 / (head_dim as f32).sqrt(),
        activation,
        is_gated,
        layers: (0..layers).map(layer).collect(),
        last_norm: None,
        irrelevant: &["pooler.", "cls."],
    })
}
