//! BERT and those that differ from it in names and places: DistilBERT, RoBERTa, MPNet.

use crate::Result;
use crate::convert::encoder::config::{
    Activation, EncoderConfig, Layer, Linear, Norm, NormKind, Norms, Places, Relative, Sees,
};
use crate::convert::hugging_face::config_json::ConfigJson;

/// RoBERTa and MPNet count places from behind this row.
const PADDING_ROW: usize = 1;

/// Tensors of heads for other tasks, and of the pooler, whose vector sentence-transformers does not use.
const IRRELEVANT: &[&str] = &["pooler.", "cls.", "lm_head.", "vocab_", "classifier."];

/// Names of the modules of a layer.
struct Names {
    layer: &'static str,
    qkv: [&'static str; 3],
    attention_output: &'static str,
    attention_norm: &'static str,
    up: &'static str,
    down: &'static str,
    feed_forward_norm: &'static str,
}

const BERT: Names = Names {
    layer: "encoder.layer",
    qkv: [
        "attention.self.query",
        "attention.self.key",
        "attention.self.value",
    ],
    attention_output: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    up: "intermediate.dense",
    down: "output.dense",
    feed_forward_norm: "output.LayerNorm",
};

const DISTIL_BERT: Names = Names {
    layer: "transformer.layer",
    qkv: ["attention.q_lin", "attention.k_lin", "attention.v_lin"],
    attention_output: "attention.out_lin",
    attention_norm: "sa_layer_norm",
    up: "ffn.lin1",
    down: "ffn.lin2",
    feed_forward_norm: "output_layer_norm",
};

const MPNET: Names = Names {
    qkv: ["attention.attn.q", "attention.attn.k", "attention.attn.v"],
    attention_output: "attention.attn.o",
    attention_norm: "attention.LayerNorm",
    ..BERT
};

/// Sizes, whatever the keys are called.
struct Sizes {
    hidden: usize,
    layers: usize,
    heads: usize,
    feed_forward: usize,
    vocab: usize,
    places: usize,
    first_place: usize,
    epsilon: f32,
    activation: Activation,
}

pub(super) fn bert(config: &ConfigJson<'_>) -> Result<EncoderConfig> {
    // Its places count from 0, whatever the padding is.
    config.count("pad_token_id")?;
    let sizes = sizes(config, 0)?;
    let segments = config.count("type_vocab_size")?.unwrap_or(2);
    Ok(encoder(sizes, &BERT, Some(segments)))
}

pub(super) fn roberta(config: &ConfigJson<'_>) -> Result<EncoderConfig> {
    let padding = config.count("pad_token_id")?.unwrap_or(PADDING_ROW);
    let sizes = sizes(config, padding.saturating_add(1))?;
    let segments = config.count("type_vocab_size")?.unwrap_or(2);
    Ok(encoder(sizes, &BERT, Some(segments)))
}

pub(super) fn mpnet(config: &ConfigJson<'_>) -> Result<EncoderConfig> {
    let mut encoder = encoder(sizes(config, PADDING_ROW + 1)?, &MPNET, None);
    let buckets = config
        .count("relative_attention_num_buckets")?
        .unwrap_or(32);
    if buckets < 4 || !buckets.is_multiple_of(4) {
        let what = format!("says {buckets} for relative_attention_num_buckets");
        return Err(config.wrong(&what));
    }
    encoder.relative = Some(Relative {
        table: "encoder.relative_attention_bias.weight".to_owned(),
        buckets,
    });
    Ok(encoder)
}

pub(super) fn distil_bert(config: &ConfigJson<'_>) -> Result<EncoderConfig> {
    let sizes = Sizes {
        hidden: config.needed("dim")?,
        layers: config.layers("n_layers")?,
        heads: config.needed("n_heads")?,
        feed_forward: config.needed("hidden_dim")?,
        vocab: config.needed("vocab_size")?,
        places: config.count("max_position_embeddings")?.unwrap_or(512),
        first_place: 0,
        epsilon: 1e-12,
        activation: activation(config, "activation")?,
    };
    Ok(encoder(sizes, &DISTIL_BERT, None))
}

fn sizes(config: &ConfigJson<'_>, first_place: usize) -> Result<Sizes> {
    Ok(Sizes {
        hidden: config.needed("hidden_size")?,
        layers: config.layers("num_hidden_layers")?,
        heads: config.needed("num_attention_heads")?,
        feed_forward: config.needed("intermediate_size")?,
        vocab: config.needed("vocab_size")?,
        places: config.count("max_position_embeddings")?.unwrap_or(512),
        first_place,
        epsilon: config.number("layer_norm_eps")?.unwrap_or(1e-12) as f32,
        activation: activation(config, "hidden_act")?,
    })
}

/// The activation that a key names; all these families have gelu by default.
pub(super) fn activation(config: &ConfigJson<'_>, key: &str) -> Result<Activation> {
    let name = config.text(key)?.unwrap_or("gelu");
    Activation::from_name(name).ok_or_else(|| {
        config.wrong(&format!(
            "asks for the activation {name:?} ({key}), which cannot be imported"
        ))
    })
}

fn encoder(sizes: Sizes, names: &Names, segments: Option<usize>) -> EncoderConfig {
    let hidden = sizes.hidden;
    let norm = |module: String| Norm {
        module,
        len: hidden,
        kind: NormKind::Layer { has_bias: true },
        epsilon: sizes.epsilon,
    };
    let after = |module: String| Norms {
        sum: Some(norm(module)),
        ..Norms::default()
    };
    let layer = |number: usize| {
        let name = |module: &str| format!("{}.{number}.{module}", names.layer);
        Layer {
            query_key_value: Linear {
                modules: names.qkv.map(|module| (name(module), hidden)).to_vec(),
                inputs: hidden,
                has_bias: true,
            },
            attention_output: Linear::one(name(names.attention_output), hidden, hidden, true),
            head_norms: None,
            rotary_theta: None,
            sees: Sees::All,
            attention_norms: after(name(names.attention_norm)),
            up: Linear::one(name(names.up), sizes.feed_forward, hidden, true),
            down: Linear::one(name(names.down), hidden, sizes.feed_forward, true),
            feed_forward_norms: after(name(names.feed_forward_norm)),
        }
    };
    let head_dim = hidden.checked_div(sizes.heads).unwrap_or(0);
    EncoderConfig {
        hidden,
        heads: sizes.heads,
        kv_heads: sizes.heads,
        head_dim,
        feed_forward: sizes.feed_forward,
        vocab: sizes.vocab,
        max_tokens: sizes.places.saturating_sub(sizes.first_place),
        words: "embeddings.word_embeddings.weight".to_owned(),
        words_scale: 1.0,
        places: Some(Places {
            table: "embeddings.position_embeddings.weight".to_owned(),
            rows: sizes.places,
            first: sizes.first_place,
        }),
        segments: segments.map(|rows| ("embeddings.token_type_embeddings.weight".to_owned(), rows)),
        embedding_norm: Some(norm("embeddings.LayerNorm".to_owned())),
        relative: None,
        attention_scale: 1.0 / (head_dim as f32).sqrt(),
        activation: sizes.activation,
        is_gated: false,
        layers: (0..sizes.layers).map(layer).collect(),
        last_norm: None,
        irrelevant: IRRELEVANT,
    }
}
