//! From the settings of a GGUF file to the shape of its decoder.
//!
//! A key that is missing means what llama.cpp takes it to mean.

use super::header::{Header, unusable, wrong};
use super::keys::{ARCHITECTURE, GGUF, is_looked_up};
use crate::Result;
use crate::convert::checkpoint::decoder_config::{
    Architecture, Biases, DecoderConfig, RopeScaling,
};
use crate::convert::checkpoint::settings::check;

/// The decoder's shape, as far as the settings say it: head, biases and divisors of the rotary
/// frequencies are known by the tensors.
pub(super) fn config(header: &Header) -> Result<DecoderConfig> {
    let name = header.text("general.architecture")?;
    let name = name.ok_or_else(|| wrong("it does not name its architecture"))?;
    let architecture = Architecture::from_name(name)?;
    check_keys(header, name)?;
    let key = |part: &str| format!("{name}.{part}");
    let optional = |part: &str| header.count(&key(part));
    let count = |part: &str| {
        optional(part)?.ok_or_else(|| wrong(format!("it has no setting {}", key(part))))
    };
    let (hidden, heads) = (count("embedding_length")?, count("attention.head_count")?);
    let head_dim = match optional("attention.key_length")? {
        Some(dim) => dim,
        None => hidden.checked_div(heads).unwrap_or(0),
    };
    let equal_to_head = |part: &str| -> Result<()> {
        match optional(part)? {
            Some(dim) if dim != head_dim => Err(wrong(format!(
                "its {} is {dim} where heads have {head_dim}",
                key(part)
            ))),
            _ => Ok(()),
        }
    };
    equal_to_head("attention.value_length")?;
    equal_to_head("rope.dimension_count")?;
    let vocab = match header.tensors.get("token_embd.weight") {
        Some(info) => info.shape.first().copied().unwrap_or(0),
        None => return Err(wrong("it has no tensor token_embd.weight")),
    };
    // Up to the window, attention within it is attention to everything.
    let window = optional("attention.sliding_window")?.filter(|window| *window > 0);
    let context = count("context_length")?;
    Ok(DecoderConfig {
        architecture,
        hidden,
        layers: count("block_count")?,
        heads,
        kv_heads: optional("attention.head_count_kv")?.unwrap_or(heads),
        head_dim,
        feed_forward: count("feed_forward_length")?,
        vocab,
        max_positions: window.map_or(context, |window| window.min(context)),
        rms_norm_epsilon: header
            .number(&key("attention.layer_norm_rms_epsilon"))?
            .ok_or_else(|| wrong("it has no epsilon of the norms"))?
            as f32,
        rope_theta: header.number(&key("rope.freq_base"))?.unwrap_or(10_000.0),
        rope_scaling: rope_scaling(header, &key)?,
        tied_head: false,
        biases: Biases::default(),
    })
}

/// Looks every key up.
fn check_keys(header: &Header, architecture: &str) -> Result<()> {
    let mut settings: Vec<_> = header.settings.iter().collect();
    settings.sort_by_key(|(name, _)| *name);
    for (name, value) in settings {
        let own = name.strip_prefix(architecture);
        let key = match own.and_then(|rest| rest.strip_prefix('.')) {
            Some(part) => format!("{ARCHITECTURE}{part}"),
            None => name.clone(),
        };
        if is_looked_up(&key) {
            let checked = check(GGUF, &key, value);
            checked.map_err(|what| unusable(format!("it {}", what.replace(&key, name))))?;
        }
    }
    Ok(())
}

/// A factor is one of linear scaling unless a type says otherwise; older files have it under
/// another name.
fn rope_scaling(header: &Header, key: &dyn Fn(&str) -> String) -> Result<RopeScaling> {
    let kind = header.text(&key("rope.scaling.type"))?;
    let newer = header.number(&key("rope.scaling.factor"))?;
    let older = header.number(&key("rope.scale_linear"))?;
    match kind.unwrap_or("linear") {
        "none" => Ok(RopeScaling::None),
        "linear" => Ok(match newer.or(older) {
            // llama.cpp takes 0 to mean that there is none.
            None | Some(0.0) => RopeScaling::None,
            Some(factor) => RopeScaling::Linear { factor },
        }),
        other => Err(unusable(format!(
            "its rotary scaling {other:?} is not supported; none and linear are"
        ))),
    }
}
