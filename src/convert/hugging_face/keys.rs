//! The keys of `config.json`, as the Llama, Mistral, Qwen 2 and Qwen 3 families of `transformers`
//! and the programs around it write them.

use serde_json::Value;

use crate::convert::checkpoint::settings::{Meaning, Off, Setting, Table};

use Meaning::{Irrelevant, Off as OffIf, Read};

const NOTE: Meaning = Irrelevant("a note of the program that wrote the file");
const TRAINING: Meaning = Irrelevant("matters in training only");
const OUTPUTS: Meaning = Irrelevant("what else a call returns");
const GENERATION: Meaning = Irrelevant("how transformers samples; requests say how here");
const OTHER_TASKS: Meaning = Irrelevant("belongs to tasks other than the next token");
const KERNELS: Meaning = Irrelevant("another way to the same numbers");
const OTHER_TOKENS: Meaning = Irrelevant("a token that no prompt here contains");

const NONE: &[Off] = &[Off::Null];
const NONE_OR_FALSE: &[Off] = &[Off::Null, Off::False];
const NONE_OR_ONE: &[Off] = &[Off::Null, Off::Number(1.0)];
const NONE_OR_ZERO: &[Off] = &[Off::Null, Off::Number(0.0)];
const NONE_OR_EMPTY: &[Off] = &[Off::Null, Off::Empty];

/// The keys of `config.json`.
pub(in crate::convert) const CONFIG_JSON: &Table = &[
    ("model_type", Read),
    ("architectures", Read),
    ("hidden_size", Read),
    ("num_hidden_layers", Read),
    ("num_attention_heads", Read),
    ("num_key_value_heads", Read),
    ("head_dim", Read),
    ("intermediate_size", Read),
    ("vocab_size", Read),
    ("max_position_embeddings", Read),
    ("max_sequence_length", Read),
    ("rms_norm_eps", Read),
    ("rope_theta", Read),
    ("rope_scaling", Read),
    ("rope_parameters", Read),
    ("tie_word_embeddings", Read),
    ("sliding_window", Read),
    ("use_sliding_window", Read),
    ("max_window_layers", Read),
    ("layer_types", Read),
    ("attention_bias", Read),
    ("mlp_bias", Read),
    ("bias", Read),
    ("qkv_bias", Read),
    ("hidden_act", Read),
    ("bos_token_id", Read),
    ("eos_token_id", Read),
    // What a family member can be that no graph here is.
    (
        "quantization_config",
        OffIf(
            NONE,
            "quantised weights (AWQ, GPTQ, bitsandbytes, FP8 or the like; import the model that is not quantised, or its GGUF file)",
        ),
    ),
    ("compression_config", OffIf(NONE, "compressed weights")),
    (
        "quantization",
        OffIf(
            NONE,
            "weights quantised by MLX (import the model that is not quantised)",
        ),
    ),
    (
        "auto_map",
        OffIf(NONE, "the program code that comes with the model"),
    ),
    ("num_experts", OffIf(NONE_OR_ZERO, "a mixture of experts")),
    (
        "num_local_experts",
        OffIf(NONE_OR_ZERO, "a mixture of experts"),
    ),
    (
        "n_routed_experts",
        OffIf(NONE_OR_ZERO, "a mixture of experts"),
    ),
    (
        "partial_rotary_factor",
        OffIf(NONE_OR_ONE, "rotating a part of each head"),
    ),
    (
        "rope_interleaved",
        OffIf(NONE_OR_FALSE, "rotating neighbours"),
    ),
    (
        "use_mrope",
        OffIf(NONE_OR_FALSE, "rotary positions in several dimensions"),
    ),
    (
        "no_rope_layers",
        OffIf(NONE_OR_EMPTY, "layers without positions"),
    ),
    (
        "alibi",
        OffIf(NONE_OR_FALSE, "positions as biases of the attention"),
    ),
    (
        "use_qk_norm",
        OffIf(NONE_OR_FALSE, "norms of queries and keys"),
    ),
    ("qk_norm", OffIf(NONE_OR_FALSE, "norms of queries and keys")),
    (
        "qk_layernorm",
        OffIf(NONE_OR_FALSE, "norms of queries and keys"),
    ),
    ("clip_qkv", OffIf(NONE, "clipped queries, keys and values")),
    (
        "attention_multiplier",
        OffIf(NONE, "another scale of the attention"),
    ),
    (
        "query_pre_attn_scalar",
        OffIf(NONE, "another scale of the attention"),
    ),
    (
        "attn_logit_softcapping",
        OffIf(NONE, "capped attention scores"),
    ),
    ("final_logit_softcapping", OffIf(NONE, "capped logits")),
    ("logits_scaling", OffIf(NONE_OR_ONE, "scaled logits")),
    ("logit_scale", OffIf(NONE_OR_ONE, "scaled logits")),
    (
        "residual_multiplier",
        OffIf(NONE_OR_ONE, "scaled residuals"),
    ),
    (
        "embedding_multiplier",
        OffIf(NONE_OR_ONE, "scaled embeddings"),
    ),
    ("scale_emb", OffIf(NONE_OR_ONE, "scaled embeddings")),
    ("scale_depth", OffIf(NONE, "scaled residuals")),
    ("dim_model_base", OffIf(NONE, "scaled logits")),
    (
        "pruned_heads",
        OffIf(NONE_OR_EMPTY, "layers with fewer heads than others"),
    ),
    (
        "is_encoder_decoder",
        OffIf(NONE_OR_FALSE, "an encoder beside the decoder"),
    ),
    (
        "add_cross_attention",
        OffIf(NONE_OR_FALSE, "attention to an encoder"),
    ),
    (
        "cross_attention_hidden_size",
        OffIf(NONE, "attention to an encoder"),
    ),
    (
        "tie_encoder_decoder",
        OffIf(NONE_OR_FALSE, "an encoder beside the decoder"),
    ),
    // What changes no logit.
    ("torch_dtype", Irrelevant("each tensor names its own type")),
    ("dtype", Irrelevant("each tensor names its own type")),
    ("use_bfloat16", Irrelevant("each tensor names its own type")),
    ("pretraining_tp", KERNELS),
    ("chunk_size_feed_forward", KERNELS),
    ("_attn_implementation", KERNELS),
    ("_attn_implementation_autoset", KERNELS),
    ("_attn_implementation_internal", KERNELS),
    ("attn_implementation", KERNELS),
    ("_flash_attn_2_enabled", KERNELS),
    ("use_flash_attn", KERNELS),
    ("torchscript", KERNELS),
    ("use_cache", KERNELS),
    ("initializer_range", TRAINING),
    ("attention_dropout", TRAINING),
    ("hidden_dropout", TRAINING),
    ("attn_pdrop", TRAINING),
    ("embd_pdrop", TRAINING),
    ("resid_pdrop", TRAINING),
    ("gradient_checkpointing", TRAINING),
    ("neftune_noise_alpha", TRAINING),
    ("tf_legacy_loss", TRAINING),
    ("output_attentions", OUTPUTS),
    ("output_hidden_states", OUTPUTS),
    ("return_dict", OUTPUTS),
    ("use_return_dict", OUTPUTS),
    ("output_scores", OUTPUTS),
    ("return_dict_in_generate", OUTPUTS),
    ("is_decoder", Irrelevant("all these models are decoders")),
    ("task_specific_params", OTHER_TASKS),
    ("problem_type", OTHER_TASKS),
    ("finetuning_task", OTHER_TASKS),
    ("id2label", OTHER_TASKS),
    ("label2id", OTHER_TASKS),
    ("num_labels", OTHER_TASKS),
    ("pad_token_id", OTHER_TOKENS),
    ("unk_token_id", OTHER_TOKENS),
    ("sep_token_id", OTHER_TOKENS),
    ("cls_token_id", OTHER_TOKENS),
    ("mask_token_id", OTHER_TOKENS),
    ("decoder_start_token_id", OTHER_TOKENS),
    ("max_length", GENERATION),
    ("min_length", GENERATION),
    ("max_new_tokens", GENERATION),
    ("do_sample", GENERATION),
    ("early_stopping", GENERATION),
    ("num_beams", GENERATION),
    ("num_beam_groups", GENERATION),
    ("num_return_sequences", GENERATION),
    ("diversity_penalty", GENERATION),
    ("temperature", GENERATION),
    ("top_k", GENERATION),
    ("top_p", GENERATION),
    ("typical_p", GENERATION),
    ("repetition_penalty", GENERATION),
    ("length_penalty", GENERATION),
    ("no_repeat_ngram_size", GENERATION),
    ("encoder_no_repeat_ngram_size", GENERATION),
    ("bad_words_ids", GENERATION),
    ("forced_bos_token_id", GENERATION),
    ("forced_eos_token_id", GENERATION),
    ("suppress_tokens", GENERATION),
    ("begin_suppress_tokens", GENERATION),
    ("remove_invalid_values", GENERATION),
    ("exponential_decay_length_penalty", GENERATION),
    ("prefix", GENERATION),
    (
        "tokenizer_class",
        Irrelevant("tokenizer.json is the tokenizer"),
    ),
    (
        "tokenizer_padding_side",
        Irrelevant("nothing here pads by the tokenizer"),
    ),
    (
        "tokenizer_model_max_length",
        Irrelevant("the model's positions are the limit"),
    ),
    (
        "model_max_length",
        Irrelevant("the model's positions are the limit"),
    ),
    ("transformers_version", NOTE),
    ("transformers.js_config", NOTE),
    ("_name_or_path", NOTE),
    ("name_or_path", NOTE),
    ("_commit_hash", NOTE),
    ("is_llama_config", NOTE),
    ("unsloth_fixed", NOTE),
    ("unsloth_version", NOTE),
];

/// The keys of `rope_scaling` and `rope_parameters` in `config.json`.
pub(in crate::convert) const ROPE: &Table = &[
    ("rope_type", Read),
    ("type", Read),
    ("rope_theta", Read),
    ("factor", Read),
    ("low_freq_factor", Read),
    ("high_freq_factor", Read),
    ("original_max_position_embeddings", Read),
    (
        "partial_rotary_factor",
        OffIf(NONE_OR_ONE, "rotating a part of each head"),
    ),
    (
        "attention_factor",
        OffIf(NONE_OR_ONE, "another scale of the attention"),
    ),
];

/// The keys of `rope_parameters` that say it for each kind of layers.
pub(in crate::convert) const ROPE_OF_KINDS: &Table =
    &[("full_attention", Read), ("sliding_attention", Read)];

impl Setting for Value {
    fn is(&self, off: Off) -> bool {
        match off {
            Off::Null => self.is_null(),
            Off::False => *self == Value::Bool(false),
            Off::True => *self == Value::Bool(true),
            Off::Number(number) => self.as_f64() == Some(number),
            Off::Text(text) => self.as_str() == Some(text),
            Off::Empty => match self {
                Value::Array(list) => list.is_empty(),
                Value::Object(map) => map.is_empty(),
                _ => false,
            },
        }
    }

    fn shown(&self) -> String {
        const MOST_CHARS: usize = 100;
        let text = self.to_string();
        match text.char_indices().nth(MOST_CHARS) {
            Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
            None => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Map, json};

    use super::super::config_json::ConfigJson;
    use super::super::texts::texts;
    use super::*;
    use crate::convert::checkpoint::texts::Texts;
    use crate::convert::{Architecture, DecoderConfig, RandomTensors, random_decoder, small_llama};

    type Found = (DecoderConfig, Vec<u8>, Texts);

    /// What the readers make of these settings.
    fn read(dir: &Path, values: &Map<String, Value>) -> crate::Result<Found> {
        let config = ConfigJson::new(dir, values.clone());
        let architecture = Architecture::from_name(&config.model_type()?)?;
        let weights = RandomTensors::new(small_llama(300, 64), 1);
        let decoder = config.decoder(architecture, &weights)?;
        let (tokenizer, texts) = texts(dir, &config)?;
        Ok((decoder, tokenizer, texts))
    }

    fn settings(rope: Value) -> Map<String, Value> {
        let settings = json!({
            "model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2,
            "num_attention_heads": 4, "intermediate_size": 96, "vocab_size": 300,
            "tie_word_embeddings": true, "rope_scaling": rope,
        });
        settings.as_object().unwrap().clone()
    }

    /// Calls `set` with each value that the key of a row is tried with, and checks what comes of
    /// it: a strange value is refused with the key's name or changes nothing, as the table says.
    fn walk(table: &Table, usual: &Found, set: &dyn Fn(&str, Value) -> crate::Result<Found>) {
        let strange = json!({"strange": [1]});
        for (key, meaning) in table {
            let refused = |value: Value| {
                let error = set(key, value).unwrap_err().to_string();
                assert!(error.contains(key), "{key}: {error}");
            };
            let unchanged = |value: Value| assert!(set(key, value).unwrap() == *usual, "{key}");
            match meaning {
                Read => refused(strange.clone()),
                Irrelevant(why) => {
                    assert!(why.contains(' '), "{key}: {why}");
                    unchanged(strange.clone());
                }
                OffIf(values, _) => {
                    refused(strange.clone());
                    for off in *values {
                        unchanged(match off {
                            Off::Null => Value::Null,
                            Off::False => json!(false),
                            Off::True => json!(true),
                            Off::Number(number) => json!(number),
                            Off::Text(text) => json!(text),
                            Off::Empty => json!([]),
                        });
                    }
                }
            }
        }
        let error = set("unheard_of", json!(1)).unwrap_err().to_string();
        assert!(error.contains("unheard_of"), "{error}");
    }

    #[test]
    fn every_key_is_read_or_changes_nothing_or_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        random_decoder(dir.path(), &small_llama(300, 64), 1).unwrap();
        let rope = json!({
            "rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4,
            "original_max_position_embeddings": 32,
        });
        let plain = settings(Value::Null);
        let usual = read(dir.path(), &plain).unwrap();
        walk(CONFIG_JSON, &usual, &|key, value| {
            let mut changed = plain.clone();
            changed.insert(key.into(), value);
            read(dir.path(), &changed)
        });
        let scaled = settings(rope);
        let usual = read(dir.path(), &scaled).unwrap();
        walk(ROPE, &usual, &|key, value| {
            let mut changed = scaled.clone();
            changed["rope_scaling"][key] = value;
            read(dir.path(), &changed)
        });
    }
}
