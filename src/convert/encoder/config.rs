//! What an encoder consists of, as its graph needs it, whatever family it is of.
//!
//! Tensors are named as in the checkpoint, without the prefix that some programs put before all of
//! them. [`EncoderConfig::tensors`] follows from the same parts as the graph, so that no tensor is
//! passed over.

use crate::{Error, ErrorKind, Result};

/// Sizes that a file can claim end here: no encoder is near it, and no product of two overflows.
const MOST: usize = 1 << 20;

/// An encoder.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::convert) struct EncoderConfig {
    pub hidden: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub feed_forward: usize,
    pub vocab: usize,
    /// The most tokens of a text, special tokens included.
    pub max_tokens: usize,
    /// The embedding of the tokens.
    pub words: String,
    /// What the embedding is multiplied by.
    pub words_scale: f32,
    pub places: Option<Places>,
    /// The table of segment embeddings, of so many rows; all tokens are of the first segment.
    pub segments: Option<(String, usize)>,
    pub embedding_norm: Option<Norm>,
    pub relative: Option<Relative>,
    /// The attention scores are multiplied by this.
    pub attention_scale: f32,
    pub activation: Activation,
    /// The feed-forward part multiplies two products, one of which is activated.
    pub is_gated: bool,
    pub layers: Vec<Layer>,
    pub last_norm: Option<Norm>,
    /// Starts of names of tensors that change no vector.
    pub irrelevant: &'static [&'static str],
}

/// A vector per place, added to the embedding of the token there.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::convert) struct Places {
    pub table: String,
    pub rows: usize,
    /// The row of the first token.
    pub first: usize,
}

/// A bias of the attention by the distance of two tokens, the same in all layers.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::convert) struct Relative {
    pub table: String,
    pub buckets: usize,
}

/// One layer: attention, then feed-forward.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::convert) struct Layer {
    /// The rows of queries, keys and values, one below the other.
    pub query_key_value: Linear,
    pub attention_output: Linear,
    /// Norms of each head's query and key.
    pub head_norms: Option<[Norm; 2]>,
    /// Base of the rotary wavelengths, if places are told by rotation.
    pub rotary_theta: Option<f64>,
    pub sees: Sees,
    pub attention_norms: Norms,
    /// The rows that are activated; with a gate, then those that they are multiplied by.
    pub up: Linear,
    pub down: Linear,
    pub feed_forward_norms: Norms,
}

/// Where a residual branch is normed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::convert) struct Norms {
    /// What goes into the branch.
    pub before: Option<Norm>,
    /// What comes out of it, before it is added.
    pub after: Option<Norm>,
    /// The sum.
    pub sum: Option<Norm>,
}

/// What a token attends to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::convert) enum Sees {
    All,
    /// Tokens at most so far away.
    Near(usize),
    /// Those before it, and itself.
    Before,
}

/// A linear layer, in one tensor or in several one below the other.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::convert) struct Linear {
    /// Modules with a `.weight` of so many rows each.
    pub modules: Vec<(String, usize)>,
    pub inputs: usize,
    /// The modules have a `.bias` too.
    pub has_bias: bool,
}

/// A norm over the last axis; a module with a `.weight`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::convert) struct Norm {
    pub module: String,
    pub len: usize,
    pub kind: NormKind,
    pub epsilon: f32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::convert) enum NormKind {
    /// Mean and variance, with a `.bias` or without.
    Layer { has_bias: bool },
    /// The root of the mean square; 1 is added to the weights, or not.
    RootMeanSquare { is_offset: bool },
}

/// What the feed-forward part is activated by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::convert) enum Activation {
    Gelu,
    /// Gelu by a hyperbolic tangent.
    GeluTanh,
    /// Gelu by a sigmoid of 1.702 x.
    QuickGelu,
    Relu,
    Silu,
}

impl Activation {
    /// The activation that `transformers` calls so.
    pub fn from_name(name: &str) -> Option<Activation> {
        Some(match name {
            "gelu" | "gelu_python" => Activation::Gelu,
            "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" | "gelu_accurate" => {
                Activation::GeluTanh
            }
            "quick_gelu" => Activation::QuickGelu,
            "relu" => Activation::Relu,
            "silu" | "swish" => Activation::Silu,
            _ => return None,
        })
    }
}

impl Linear {
    /// One module.
    pub fn one(module: String, outputs: usize, inputs: usize, has_bias: bool) -> Linear {
        Linear {
            modules: vec![(module, outputs)],
            inputs,
            has_bias,
        }
    }

    /// Values in the product.
    pub fn outputs(&self) -> usize {
        self.modules.iter().map(|(_, rows)| rows).sum()
    }

    /// The name that stands for all of it.
    pub fn name(&self) -> &str {
        self.modules.first().map_or("", |(module, _)| module)
    }

    fn tensors(&self, all: &mut Vec<(String, Vec<usize>)>) {
        for (module, rows) in &self.modules {
            all.push((format!("{module}.weight"), vec![*rows, self.inputs]));
            if self.has_bias {
                all.push((format!("{module}.bias"), vec![*rows]));
            }
        }
    }
}

impl Norm {
    /// True if there is a `.bias`.
    pub fn has_bias(&self) -> bool {
        self.kind == NormKind::Layer { has_bias: true }
    }

    fn tensors(&self, all: &mut Vec<(String, Vec<usize>)>) {
        all.push((format!("{}.weight", self.module), vec![self.len]));
        if self.has_bias() {
            all.push((format!("{}.bias", self.module), vec![self.len]));
        }
    }
}

impl EncoderConfig {
    /// The tensors and their shapes.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let mut all = vec![(self.words.clone(), vec![self.vocab, self.hidden])];
        if let Some(places) = &self.places {
            all.push((places.table.clone(), vec![places.rows, self.hidden]));
        }
        if let Some((table, rows)) = &self.segments {
            all.push((table.clone(), vec![*rows, self.hidden]));
        }
        if let Some(relative) = &self.relative {
            all.push((relative.table.clone(), vec![relative.buckets, self.heads]));
        }
        let mut norms: Vec<&Norm> = self.embedding_norm.iter().chain(&self.last_norm).collect();
        for layer in &self.layers {
            for linear in [
                &layer.query_key_value,
                &layer.attention_output,
                &layer.up,
                &layer.down,
            ] {
                linear.tensors(&mut all);
            }
            norms.extend(layer.head_norms.iter().flatten());
            for around in [&layer.attention_norms, &layer.feed_forward_norms] {
                norms.extend(
                    [&around.before, &around.after, &around.sum]
                        .into_iter()
                        .flatten(),
                );
            }
        }
        norms.iter().for_each(|norm| norm.tensors(&mut all));
        all
    }

    /// Checks that the sizes go together.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] with the size that does not.
    pub fn check(&self) -> Result<()> {
        let wrong = |what: String| Err(Error::new(ErrorKind::Model, format!("config.json {what}")));
        let sizes = [
            ("a hidden size", self.hidden),
            ("a number of heads", self.heads),
            ("a number of heads of keys", self.kv_heads),
            ("a size of a head", self.head_dim),
            ("a size of the feed-forward part", self.feed_forward),
            ("a vocabulary", self.vocab),
            ("a number of layers", self.layers.len()),
            ("a number of positions", self.max_tokens),
        ];
        if let Some((what, size)) = sizes.iter().find(|(_, size)| !(1..=MOST).contains(size)) {
            return wrong(format!("says {size} for {what}"));
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            let (heads, kv_heads) = (self.heads, self.kv_heads);
            return wrong(format!("has {heads} heads and {kv_heads} heads of keys"));
        }
        let (q, kv) = (self.heads * self.head_dim, self.kv_heads * self.head_dim);
        let rows = |layer: &Layer| layer.query_key_value.outputs();
        if self.layers.iter().any(|layer| rows(layer) != q + 2 * kv) {
            let (heads, head_dim) = (self.heads, self.head_dim);
            return wrong(format!(
                "has {heads} heads of {head_dim} values, which do not make up the rest"
            ));
        }
        let has_rotation = self.layers.iter().any(|layer| layer.rotary_theta.is_some());
        if has_rotation && !self.head_dim.is_multiple_of(2) {
            return wrong(format!("has heads of {} values to rotate", self.head_dim));
        }
        Ok(())
    }
}
