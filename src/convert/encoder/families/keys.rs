//! The keys of `config.json` of encoders, as `transformers` writes them; those that mean the same
//! for decoders, and are not read, are in the table of these.

use super::family::Family;
use crate::convert::checkpoint::settings::{Meaning, Off, Table};
use crate::convert::hugging_face::keys::CONFIG_JSON;

use Meaning::{Irrelevant, Off as OffIf, Read};

const TRAINING: Meaning = Irrelevant("matters in training only");
const OTHER_TASKS: Meaning = Irrelevant("belongs to tasks other than encoding");
const KERNELS: Meaning = Irrelevant("another way to the same numbers");
const NOTE: Meaning = Irrelevant("a note of the program that wrote the file");
const NONE_OR_FALSE: &[Off] = &[Off::Null, Off::False];
const ABSOLUTE: &[Off] = &[Off::Null, Off::Text("absolute")];

/// Of BERT, RoBERTa and XLM-RoBERTa.
const BERT: &Table = &[
    ("model_type", Read),
    ("architectures", Read),
    ("hidden_size", Read),
    ("num_hidden_layers", Read),
    ("num_attention_heads", Read),
    ("intermediate_size", Read),
    ("vocab_size", Read),
    ("max_position_embeddings", Read),
    ("type_vocab_size", Read),
    ("layer_norm_eps", Read),
    ("hidden_act", Read),
    ("pad_token_id", Read),
    (
        "position_embedding_type",
        OffIf(
            ABSOLUTE,
            "another position scheme than one vector per place",
        ),
    ),
    (
        "is_decoder",
        OffIf(NONE_OR_FALSE, "attention to what stands before only"),
    ),
    ("attention_probs_dropout_prob", TRAINING),
    ("hidden_dropout_prob", TRAINING),
    ("classifier_dropout", TRAINING),
    ("bos_token_id", OTHER_TASKS),
    ("eos_token_id", OTHER_TASKS),
    ("tie_word_embeddings", OTHER_TASKS),
    ("directionality", NOTE),
    ("pooler_fc_size", OTHER_TASKS),
    ("pooler_num_attention_heads", OTHER_TASKS),
    ("pooler_num_fc_layers", OTHER_TASKS),
    ("pooler_size_per_head", OTHER_TASKS),
    ("pooler_type", OTHER_TASKS),
    ("output_past", NOTE),
    ("model_name", NOTE),
];

/// Of DistilBERT.
const DISTIL_BERT: &Table = &[
    ("model_type", Read),
    ("architectures", Read),
    ("dim", Read),
    ("n_layers", Read),
    ("n_heads", Read),
    ("hidden_dim", Read),
    ("vocab_size", Read),
    ("max_position_embeddings", Read),
    ("activation", Read),
    ("attention_dropout", TRAINING),
    ("dropout", TRAINING),
    ("qa_dropout", TRAINING),
    ("seq_classif_dropout", TRAINING),
    (
        "sinusoidal_pos_embds",
        Irrelevant("the vectors of the places are among the tensors"),
    ),
    ("tie_weights_", OTHER_TASKS),
    ("tie_word_embeddings", OTHER_TASKS),
    ("bos_token_id", OTHER_TASKS),
    ("eos_token_id", OTHER_TASKS),
    ("output_past", NOTE),
];

/// Of MPNet.
const MPNET: &Table = &[
    ("model_type", Read),
    ("architectures", Read),
    ("hidden_size", Read),
    ("num_hidden_layers", Read),
    ("num_attention_heads", Read),
    ("intermediate_size", Read),
    ("vocab_size", Read),
    ("max_position_embeddings", Read),
    ("layer_norm_eps", Read),
    ("hidden_act", Read),
    ("relative_attention_num_buckets", Read),
    ("attention_probs_dropout_prob", TRAINING),
    ("hidden_dropout_prob", TRAINING),
    ("bos_token_id", OTHER_TASKS),
    ("eos_token_id", OTHER_TASKS),
    ("tie_word_embeddings", OTHER_TASKS),
];

/// Of ModernBERT.
const MODERN_BERT: &Table = &[
    ("model_type", Read),
    ("architectures", Read),
    ("hidden_size", Read),
    ("num_hidden_layers", Read),
    ("num_attention_heads", Read),
    ("intermediate_size", Read),
    ("vocab_size", Read),
    ("max_position_embeddings", Read),
    ("norm_eps", Read),
    ("norm_bias", Read),
    ("attention_bias", Read),
    ("mlp_bias", Read),
    ("hidden_activation", Read),
    ("global_attn_every_n_layers", Read),
    ("local_attention", Read),
    ("global_rope_theta", Read),
    ("local_rope_theta", Read),
    ("rope_parameters", Read),
    ("layer_types", Read),
    (
        "position_embedding_type",
        Irrelevant("the class rotates, whatever it says"),
    ),
    ("layer_norm_eps", Irrelevant("the class reads norm_eps")),
    ("mlp_dropout", TRAINING),
    ("embedding_dropout", TRAINING),
    ("initializer_cutoff_factor", TRAINING),
    ("decoder_bias", OTHER_TASKS),
    ("classifier_activation", OTHER_TASKS),
    ("classifier_bias", OTHER_TASKS),
    ("classifier_dropout", OTHER_TASKS),
    ("classifier_pooling", OTHER_TASKS),
    ("sparse_prediction", OTHER_TASKS),
    ("sparse_pred_ignore_index", OTHER_TASKS),
    ("deterministic_flash_attn", KERNELS),
    ("reference_compile", KERNELS),
    ("repad_logits_with_grad", KERNELS),
    ("bos_token_id", OTHER_TASKS),
    ("eos_token_id", OTHER_TASKS),
    ("tie_word_embeddings", OTHER_TASKS),
];

/// Of NomicBERT.
const NOMIC_BERT: &Table = &[
    ("model_type", Read),
    ("architectures", Read),
    ("n_embd", Read),
    ("n_layer", Read),
    ("n_head", Read),
    ("n_inner", Read),
    ("n_positions", Read),
    ("vocab_size", Read),
    ("type_vocab_size", Read),
    ("activation_function", Read),
    ("layer_norm_epsilon", Read),
    ("qkv_proj_bias", Read),
    ("mlp_fc1_bias", Read),
    ("mlp_fc2_bias", Read),
    ("rotary_emb_base", Read),
    ("max_trained_positions", Read),
    (
        "auto_map",
        Irrelevant("what the code that comes with it computes is computed here"),
    ),
    (
        "rotary_scaling_factor",
        Irrelevant("scales beyond the positions that it was trained with only"),
    ),
    (
        "rotary_emb_fraction",
        OffIf(
            &[Off::Number(1.0)],
            "another position scheme than rotating whole heads",
        ),
    ),
    (
        "rotary_emb_interleaved",
        OffIf(NONE_OR_FALSE, "rotating neighbours"),
    ),
    (
        "rotary_emb_scale_base",
        OffIf(&[Off::Null], "scaled rotary positions"),
    ),
    (
        "prenorm",
        OffIf(NONE_OR_FALSE, "norms before the parts of a layer"),
    ),
    (
        "parallel_block_tied_norm",
        OffIf(NONE_OR_FALSE, "attention beside the feed-forward part"),
    ),
    (
        "parallel_block",
        OffIf(NONE_OR_FALSE, "attention beside the feed-forward part"),
    ),
    (
        "causal",
        OffIf(NONE_OR_FALSE, "attention to what stands before only"),
    ),
    (
        "use_rms_norm",
        OffIf(NONE_OR_FALSE, "norms by the root of the mean square"),
    ),
    (
        "num_experts",
        OffIf(&[Off::Null, Off::Number(0.0)], "a mixture of experts"),
    ),
    (
        "scale_attn_weights",
        OffIf(
            &[Off::Null, Off::True],
            "attention scores that are not scaled",
        ),
    ),
    (
        "scale_attn_by_inverse_layer_idx",
        OffIf(NONE_OR_FALSE, "another scale of the attention"),
    ),
    ("attn_pdrop", TRAINING),
    ("embd_pdrop", TRAINING),
    ("resid_pdrop", TRAINING),
    ("dense_seq_output", KERNELS),
    ("fused_bias_fc", KERNELS),
    ("fused_dropout_add_ln", KERNELS),
    ("pad_vocab_size_multiple", KERNELS),
    ("reorder_and_upcast_attn", KERNELS),
    ("use_xentropy", KERNELS),
    ("summary_activation", OTHER_TASKS),
    ("summary_first_dropout", OTHER_TASKS),
    ("summary_proj_to_labels", OTHER_TASKS),
    ("summary_type", OTHER_TASKS),
    ("summary_use_proj", OTHER_TASKS),
    ("bos_token_id", OTHER_TASKS),
    ("eos_token_id", OTHER_TASKS),
    ("tie_word_embeddings", OTHER_TASKS),
];

/// Of Gemma 3.
const GEMMA3: &Table = &[
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
    ("rms_norm_eps", Read),
    ("rope_theta", Read),
    ("rope_local_base_freq", Read),
    ("rope_parameters", Read),
    ("sliding_window", Read),
    ("sliding_window_pattern", Read),
    ("_sliding_window_pattern", Read),
    ("layer_types", Read),
    ("query_pre_attn_scalar", Read),
    ("hidden_activation", Read),
    ("use_bidirectional_attention", Read),
    (
        "rope_scaling",
        OffIf(&[Off::Null], "scaled rotary positions"),
    ),
    (
        "attention_bias",
        OffIf(NONE_OR_FALSE, "biases of the attention"),
    ),
    ("bos_token_id", OTHER_TASKS),
    ("eos_token_id", OTHER_TASKS),
    ("tie_word_embeddings", OTHER_TASKS),
];

/// The table of a family.
pub(in crate::convert::encoder) fn of(family: Family) -> &'static Table {
    match family {
        Family::Bert | Family::Roberta => BERT,
        Family::DistilBert => DISTIL_BERT,
        Family::Mpnet => MPNET,
        Family::ModernBert => MODERN_BERT,
        Family::NomicBert => NOMIC_BERT,
        Family::Qwen3 => CONFIG_JSON,
        Family::Gemma3 => GEMMA3,
    }
}
