//! The keys of GGUF files, as the format's description, llama.cpp and its converters know them for
//! the architectures llama, qwen2 and qwen3.

use super::header::Value;
use crate::convert::checkpoint::settings::{Meaning, Off, Setting, Table};

use Meaning::{Irrelevant, Off as OffIf, Read};

const NOTE: Meaning = Irrelevant("describes the file");
const OTHER_TOKENS: Meaning = Irrelevant("a token that no prompt here contains");
const YARN: Meaning = Irrelevant("belongs to the rotary scaling yarn, which is refused");
const OTHER_KIND: Meaning = Irrelevant("belongs to a kind of tokenizer that is refused");

const ZERO: &[Off] = &[Off::Number(0.0)];
const ONE: &[Off] = &[Off::Number(1.0)];
const ZERO_OR_ONE: &[Off] = &[Off::Number(0.0), Off::Number(1.0)];
const FALSE: &[Off] = &[Off::False];
const EMPTY: &[Off] = &[Off::Empty];

/// What stands for the architecture's name at the start of a key.
pub(in crate::convert) const ARCHITECTURE: &str = "{arch}.";

/// The keys of the header.
pub(in crate::convert) const GGUF: &Table = &[
    ("general.architecture", Read),
    ("general.name", Read),
    ("general.alignment", Read),
    (
        "general.type",
        OffIf(
            &[Off::Text("model")],
            "something else than a model (an adapter, say, which has to be merged into its model first)",
        ),
    ),
    ("general.*", NOTE),
    ("quantize.*", NOTE),
    ("split.count", Read),
    ("split.no", Read),
    ("split.tensors.count", Read),
    (
        "{arch}.vocab_size",
        Irrelevant("the embedding has a row for each token"),
    ),
    ("{arch}.context_length", Read),
    ("{arch}.embedding_length", Read),
    ("{arch}.block_count", Read),
    ("{arch}.feed_forward_length", Read),
    ("{arch}.attention.head_count", Read),
    ("{arch}.attention.head_count_kv", Read),
    ("{arch}.attention.key_length", Read),
    ("{arch}.attention.value_length", Read),
    ("{arch}.attention.layer_norm_rms_epsilon", Read),
    ("{arch}.attention.sliding_window", Read),
    (
        "{arch}.attention.sliding_window_pattern",
        Irrelevant("up to the window, which limits the positions, all layers see the same"),
    ),
    ("{arch}.rope.dimension_count", Read),
    ("{arch}.rope.freq_base", Read),
    ("{arch}.rope.scale_linear", Read),
    ("{arch}.rope.scaling.type", Read),
    ("{arch}.rope.scaling.factor", Read),
    ("{arch}.rope.scaling.original_context_length", YARN),
    (
        "{arch}.rope.scaling.finetuned",
        Irrelevant("is printed and not used"),
    ),
    ("{arch}.rope.scaling.yarn_log_multiplier", YARN),
    ("{arch}.rope.scaling.yarn_ext_factor", YARN),
    ("{arch}.rope.scaling.yarn_attn_factor", YARN),
    ("{arch}.rope.scaling.yarn_beta_fast", YARN),
    ("{arch}.rope.scaling.yarn_beta_slow", YARN),
    (
        "{arch}.rope.scaling.attn_factor",
        OffIf(ONE, "another scale of the attention"),
    ),
    (
        "{arch}.rope.scaling.alpha",
        OffIf(ZERO, "another rotary scaling"),
    ),
    (
        "{arch}.rope.dimension_sections",
        OffIf(EMPTY, "rotary positions in several dimensions"),
    ),
    ("{arch}.expert_count", OffIf(ZERO, "a mixture of experts")),
    (
        "{arch}.expert_used_count",
        OffIf(ZERO, "a mixture of experts"),
    ),
    (
        "{arch}.use_parallel_residual",
        OffIf(FALSE, "attention and feed-forward layer side by side"),
    ),
    (
        "{arch}.attention.causal",
        OffIf(&[Off::True], "attention to what follows"),
    ),
    (
        "{arch}.attention.clamp_kqv",
        OffIf(ZERO, "clipped queries, keys and values"),
    ),
    (
        "{arch}.attention.max_alibi_bias",
        OffIf(ZERO, "positions as biases of the attention"),
    ),
    (
        "{arch}.attention.scale",
        OffIf(ZERO, "another scale of the attention"),
    ),
    (
        "{arch}.attn_logit_softcapping",
        OffIf(ZERO, "capped attention scores"),
    ),
    (
        "{arch}.final_logit_softcapping",
        OffIf(ZERO, "capped logits"),
    ),
    ("{arch}.logit_scale", OffIf(ZERO_OR_ONE, "scaled logits")),
    (
        "{arch}.residual_scale",
        OffIf(ZERO_OR_ONE, "scaled residuals"),
    ),
    (
        "{arch}.embedding_scale",
        OffIf(ZERO_OR_ONE, "scaled embeddings"),
    ),
    (
        "{arch}.tensor_data_layout",
        Irrelevant("each architecture has one layout; llama.cpp reads no other"),
    ),
    (
        "{arch}.pooling_type",
        Irrelevant("makes embeddings of texts, not logits"),
    ),
    ("tokenizer.ggml.model", Read),
    ("tokenizer.ggml.pre", Read),
    ("tokenizer.ggml.tokens", Read),
    ("tokenizer.ggml.token_type", Read),
    ("tokenizer.ggml.scores", Read),
    ("tokenizer.ggml.merges", Read),
    ("tokenizer.ggml.bos_token_id", Read),
    ("tokenizer.ggml.eos_token_id", Read),
    ("tokenizer.ggml.eos_token_ids", Read),
    ("tokenizer.ggml.eot_token_id", Read),
    ("tokenizer.ggml.eom_token_id", Read),
    ("tokenizer.ggml.eog_token_ids", Read),
    ("tokenizer.ggml.unknown_token_id", Read),
    ("tokenizer.ggml.add_bos_token", Read),
    ("tokenizer.ggml.add_space_prefix", Read),
    ("tokenizer.chat_template", Read),
    (
        "tokenizer.chat_template.*",
        Irrelevant("templates for tools and the like; the first one is used"),
    ),
    (
        "tokenizer.chat_templates",
        Irrelevant("names of templates for tools and the like"),
    ),
    (
        "tokenizer.ggml.add_eos_token",
        Irrelevant("what follows a prompt or a docid is open"),
    ),
    (
        "tokenizer.ggml.add_sep_token",
        Irrelevant("what follows a prompt or a docid is open"),
    ),
    (
        "tokenizer.ggml.token_type_count",
        Irrelevant("texts are of one type"),
    ),
    ("tokenizer.ggml.seperator_token_id", OTHER_TOKENS),
    ("tokenizer.ggml.padding_token_id", OTHER_TOKENS),
    ("tokenizer.ggml.cls_token_id", OTHER_TOKENS),
    ("tokenizer.ggml.mask_token_id", OTHER_TOKENS),
    ("tokenizer.ggml.fim_*", OTHER_TOKENS),
    ("tokenizer.ggml.prefix_token_id", OTHER_TOKENS),
    ("tokenizer.ggml.suffix_token_id", OTHER_TOKENS),
    ("tokenizer.ggml.middle_token_id", OTHER_TOKENS),
    (
        "tokenizer.ggml.remove_extra_whitespaces",
        OffIf(FALSE, "a tokenizer that drops white space"),
    ),
    (
        "tokenizer.ggml.precompiled_charsmap",
        OffIf(EMPTY, "a tokenizer with a map of characters"),
    ),
    (
        "tokenizer.ggml.normalizer.lowercase",
        OffIf(FALSE, "a tokenizer that lowers case"),
    ),
    (
        "tokenizer.ggml.normalizer.strip_accents",
        OffIf(FALSE, "a tokenizer that strips accents"),
    ),
    (
        "tokenizer.ggml.suppress_tokens",
        OffIf(EMPTY, "tokens that are never written"),
    ),
    (
        "tokenizer.huggingface.json",
        Irrelevant("the same tokenizer once more"),
    ),
    ("tokenizer.rwkv.world", OTHER_KIND),
];

/// True if `key` belongs to what programs look up for a model of this architecture. They look up
/// whole names, so that other keys reach nobody.
pub(in crate::convert) fn is_looked_up(key: &str) -> bool {
    [ARCHITECTURE, "tokenizer.", "general.", "split."]
        .iter()
        .any(|start| key.starts_with(start))
}

impl Setting for Value {
    fn is(&self, off: Off) -> bool {
        match (self, off) {
            (Value::Bool(flag), Off::False) => !flag,
            (Value::Bool(flag), Off::True) => *flag,
            (Value::Integer(n), Off::Number(number)) => *n as f64 == number,
            (Value::Float(x), Off::Number(number)) => *x == number,
            (Value::Text(text), Off::Text(off)) => text == off,
            (Value::Integers(list), Off::Empty) => list.is_empty(),
            (Value::Floats(list), Off::Empty) => list.is_empty(),
            (Value::Texts(list), Off::Empty) => list.is_empty(),
            _ => false,
        }
    }

    fn shown(&self) -> String {
        match self {
            Value::Integer(n) => n.to_string(),
            Value::Float(x) => x.to_string(),
            Value::Bool(flag) => flag.to_string(),
            Value::Text(text) => format!("{:?}", text.chars().take(100).collect::<String>()),
            Value::Integers(_) | Value::Floats(_) | Value::Texts(_) | Value::Bools => {
                "a list".into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::io::Cursor;

    use super::super::config::config;
    use super::super::header::{Header, TensorInfo};
    use super::super::{Gguf, GgufTexts, tokenizer};
    use super::*;
    use crate::convert::DecoderConfig;

    type Found = (DecoderConfig, Vec<u8>, GgufTexts);

    /// What the readers make of these settings.
    fn read(header: &Header) -> crate::Result<Found> {
        let header = Header::joined(vec![header.clone()])?;
        let config = config(&header)?;
        let tokenizer = tokenizer::tokenizer_json(&header)?;
        let gguf: Gguf<Cursor<Vec<u8>>> = Gguf {
            header,
            config: config.clone(),
            tensors: HashMap::new(),
            unknown: Vec::new(),
            readers: Vec::new(),
        };
        Ok((config, tokenizer, gguf.texts()?))
    }

    fn header(kind: &str) -> Header {
        let text = |text: &str| Value::Text(text.into());
        let tokens = ["<unk>", "<s>", "</s>", "a"];
        let mut header = Header::default();
        for (key, value) in [
            ("general.architecture", text("llama")),
            ("llama.context_length", Value::Integer(64)),
            ("llama.embedding_length", Value::Integer(64)),
            ("llama.block_count", Value::Integer(2)),
            ("llama.feed_forward_length", Value::Integer(96)),
            ("llama.attention.head_count", Value::Integer(4)),
            ("llama.attention.layer_norm_rms_epsilon", Value::Float(1e-5)),
            ("tokenizer.ggml.model", text(kind)),
            (
                "tokenizer.ggml.tokens",
                Value::Texts(tokens.map(String::from).into()),
            ),
            ("tokenizer.ggml.scores", Value::Floats(vec![0.0; 4])),
            ("tokenizer.ggml.merges", Value::Texts(Vec::new())),
        ] {
            header.settings.insert(key.into(), value);
        }
        let info = TensorInfo {
            shape: vec![4, 64],
            format: 0,
            offset_bytes: 0,
            part: 0,
        };
        header.tensors.insert("token_embd.weight".into(), info);
        header
    }

    fn set(kind: &str, key: &str, value: Value) -> crate::Result<Found> {
        let mut header = header(kind);
        header.settings.insert(key.into(), value);
        read(&header)
    }

    #[test]
    fn every_key_is_read_or_changes_nothing_or_is_refused_by_name() {
        let kinds = ["gpt2", "llama"];
        let usual = kinds.map(|kind| read(&header(kind)).unwrap());
        for (key, meaning) in GGUF {
            let key = key.replace(ARCHITECTURE, "llama.").replace('*', "any");
            let refusals = kinds.map(|kind| set(kind, &key, Value::Bools).err());
            let unchanged = |value: &Value| {
                for (kind, usual) in kinds.iter().zip(&usual) {
                    let found = set(kind, &key, value.clone()).unwrap();
                    assert!(found == *usual, "{key}");
                }
            };
            match meaning {
                // The reader of the header asks for it, before anything else is known.
                Read if key == "general.alignment" => {}
                // Each kind of tokenizer has settings of its own.
                Read => {
                    let mut errors = refusals.iter().flatten().map(|error| error.to_string());
                    assert!(errors.any(|error| error.contains(&key)), "{key}");
                }
                Irrelevant(why) => {
                    assert!(why.contains(' '), "{key}: {why}");
                    unchanged(&Value::Bools);
                }
                OffIf(values, _) => {
                    for refusal in refusals {
                        assert!(refusal.unwrap().to_string().contains(&key), "{key}");
                    }
                    for off in *values {
                        unchanged(&match off {
                            Off::Null | Off::Empty => Value::Integers(Vec::new()),
                            Off::False => Value::Bool(false),
                            Off::True => Value::Bool(true),
                            Off::Number(number) => Value::Float(*number),
                            Off::Text(text) => Value::Text((*text).into()),
                        });
                    }
                }
            }
        }
        for key in ["llama.unheard_of", "tokenizer.ggml.unheard_of"] {
            let error = set("llama", key, Value::Integer(1)).unwrap_err();
            assert!(error.to_string().contains(key), "{error}");
        }
        // Nobody looks there.
        assert!(set("llama", "another.program", Value::Integer(1)).is_ok());
    }
}
