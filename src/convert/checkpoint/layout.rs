//! Which tensors a decoder consists of, and the door through which they are read.
//!
//! I1. A tensor of the checkpoint that the graph does not use changes what the model computes
//! where other programs do use it. So every tensor is used, or known to change nothing, or the
//! checkpoint is refused with the tensor's name: before anything is written, by
//! [`Expected::of`], and by [`Expected::finish`] should a graph leave one of them out.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;

use super::decoder_config::DecoderConfig;
use super::tensors::{TensorSource, check_shape};
use crate::{Error, ErrorKind, Result};

/// The Hugging Face name of the embedding.
pub(in crate::convert) const EMBEDDING: &str = "model.embed_tokens.weight";
/// The Hugging Face name of a head that is not the embedding.
pub(in crate::convert) const HEAD: &str = "lm_head.weight";
/// The Hugging Face name of the last norm.
pub(in crate::convert) const LAST_NORM: &str = "model.norm.weight";

/// Ends of names of tensors that change nothing, and why.
const IRRELEVANT: [(&str, &str); 2] = [
    (
        "rotary_emb.inv_freq",
        "the rotary frequencies follow from the settings; transformers ignores the tensor",
    ),
    (
        "attn_rot_embd.weight",
        "the same in GGUF; llama.cpp ignores the tensor",
    ),
];
/// Values of a head that are compared with the embedding at a time.
const COMPARED_VALUES: usize = 1 << 20;
/// Names that an error lists.
const LISTED_NAMES: usize = 5;

/// The tensors of a decoder, and their shapes.
pub(in crate::convert) fn tensors_of(config: &DecoderConfig) -> Vec<(String, Vec<usize>)> {
    let (hidden, wide) = (config.hidden, config.feed_forward);
    let (q, kv) = (
        config.heads * config.head_dim,
        config.kv_heads * config.head_dim,
    );
    let mut layer_tensors = vec![
        ("input_layernorm.weight".to_owned(), vec![hidden]),
        ("post_attention_layernorm.weight".to_owned(), vec![hidden]),
    ];
    for (module, outputs, inputs) in [
        ("self_attn.q_proj", q, hidden),
        ("self_attn.k_proj", kv, hidden),
        ("self_attn.v_proj", kv, hidden),
        ("self_attn.o_proj", hidden, q),
        ("mlp.gate_proj", wide, hidden),
        ("mlp.up_proj", wide, hidden),
        ("mlp.down_proj", hidden, wide),
    ] {
        layer_tensors.push((format!("{module}.weight"), vec![outputs, inputs]));
        if config.biases.has(module) {
            layer_tensors.push((format!("{module}.bias"), vec![outputs]));
        }
    }
    if config.has_qk_norm() {
        for letter in ["q", "k"] {
            let name = format!("self_attn.{letter}_norm.weight");
            layer_tensors.push((name, vec![config.head_dim]));
        }
    }
    let mut tensors = vec![
        (EMBEDDING.to_owned(), vec![config.vocab, hidden]),
        (LAST_NORM.to_owned(), vec![hidden]),
    ];
    if !config.tied_head {
        tensors.push((HEAD.to_owned(), vec![config.vocab, hidden]));
    }
    for layer in 0..config.layers {
        let named = layer_tensors
            .iter()
            .map(|(name, shape)| (format!("model.layers.{layer}.{name}"), shape.clone()));
        tensors.extend(named);
    }
    tensors
}

/// The tensors of a checkpoint, which are those of the decoder.
pub(in crate::convert) struct Expected<'a> {
    source: &'a dyn TensorSource,
    unread: RefCell<BTreeSet<String>>,
}

impl<'a> Expected<'a> {
    /// Checks that `source` has the tensors that `config` calls for, in their shapes, and no
    /// others that matter.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] with the name of the tensor.
    pub fn of(source: &'a dyn TensorSource, config: &DecoderConfig) -> Result<Expected<'a>> {
        let is_repeated = |name: &str| name == HEAD && config.tied_head;
        let expected = Expected::new(source, tensors_of(config), &|name| {
            is_repeated(name) || IRRELEVANT.iter().any(|(end, _)| name.ends_with(end))
        })?;
        if config.tied_head && source.shape(HEAD).is_some() {
            check_equal_to_embedding(source, config)?;
        }
        Ok(expected)
    }

    /// Checks that `source` has these tensors in their shapes, and no others but those that
    /// `is_irrelevant` knows.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] with the name of the tensor.
    pub fn new(
        source: &'a dyn TensorSource,
        tensors: Vec<(String, Vec<usize>)>,
        is_irrelevant: &dyn Fn(&str) -> bool,
    ) -> Result<Expected<'a>> {
        let mut expected = BTreeSet::new();
        for (name, shape) in tensors {
            check_shape(source, &name, &shape)?;
            expected.insert(name);
        }
        let names = source.names().into_iter();
        let others = names.filter(|name| !is_irrelevant(name) && !expected.contains(name));
        let mut others: Vec<String> = others.map(|name| source.name_in_file(&name)).collect();
        others.sort_unstable();
        refuse(&others)?;
        Ok(Expected {
            source,
            unread: RefCell::new(expected),
        })
    }

    /// Checks that every tensor has been read.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] with the names of those that have not.
    pub fn finish(self) -> Result<()> {
        let unread = self.unread.into_inner();
        let names: Vec<String> = unread
            .iter()
            .map(|name| self.source.name_in_file(name))
            .collect();
        refuse(&names)
    }
}

impl TensorSource for Expected<'_> {
    fn names(&self) -> Vec<String> {
        self.source.names()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.source.shape(name)
    }

    fn read_rows(&self, name: &str, rows: Range<usize>, to: &mut [f32]) -> Result<()> {
        self.unread.borrow_mut().remove(name);
        self.source.read_rows(name, rows, to)
    }
}

fn refuse(names: &[String]) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let listed = names.iter().take(LISTED_NAMES).cloned();
    let listed = listed.collect::<Vec<_>>().join(", ");
    let more = match names.len().saturating_sub(LISTED_NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Err(Error::new(
        ErrorKind::Model,
        format!(
            "the model has tensors that its settings do not call for and that would be left out of \
             what it computes: {listed}{more}. Settings and weights do not belong together, or it \
             is a variant of its family that cannot be imported"
        ),
    ))
}

/// A head beside an embedding that stands for it must be the embedding.
fn check_equal_to_embedding(source: &dyn TensorSource, config: &DecoderConfig) -> Result<()> {
    let (rows, width) = (config.vocab, config.hidden);
    check_shape(source, HEAD, &[rows, width])?;
    let at_a_time = (COMPARED_VALUES / width.max(1)).clamp(1, rows.max(1));
    let mut head = vec![0.0; at_a_time * width];
    let mut embedding = head.clone();
    for from in (0..rows).step_by(at_a_time) {
        let to = (from + at_a_time).min(rows);
        let len = (to - from) * width;
        let head = head.get_mut(..len).unwrap_or_default();
        let embedding = embedding.get_mut(..len).unwrap_or_default();
        source.read_rows(HEAD, from..to, head)?;
        source.read_rows(EMBEDDING, from..to, embedding)?;
        if head != embedding {
            return Err(Error::new(
                ErrorKind::Model,
                format!(
                    "the settings say that the head is the embedding (tie_word_embeddings), and \
                     {} differs from {}: set tie_word_embeddings to false if the head was trained \
                     by itself",
                    source.name_in_file(HEAD),
                    source.name_in_file(EMBEDDING)
                ),
            ));
        }
    }
    Ok(())
}
