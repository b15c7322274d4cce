//! The changes of a model's linear layers, and what is known of them.

use std::collections::BTreeMap;
use std::fmt;

use half::f16;
use half::slice::HalfFloatSliceExt;

use crate::format::limits::to_u64;
use crate::{Error, Result};

/// Layers of a model.
const MAX_LAYERS: usize = 4_096;
/// Width of the input or output of a linear layer.
const MAX_WIDTH: usize = 1 << 24;
/// Width of the two matrices where they meet.
const MAX_RANK: usize = 4_096;
/// Values of all matrices: 1 GiB of 32-bit floats.
const MAX_VALUES: u64 = 1 << 28;
/// Facts of a training.
const MAX_FACTS: usize = 256;
/// Bytes of a name or value.
const MAX_TEXT_BYTES: usize = 4_096;

/// A linear layer of a decoder layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LinearModule {
    /// Queries of the attention.
    Query,
    /// Keys of the attention.
    Key,
    /// Values of the attention.
    Value,
    /// What follows the attention.
    Output,
    /// The gate of the feed-forward part.
    Gate,
    /// Its other half.
    Up,
    /// Back to the width of the model.
    Down,
}

impl LinearModule {
    /// All of them, in the order of their use.
    pub const ALL: [LinearModule; 7] = [
        LinearModule::Query,
        LinearModule::Key,
        LinearModule::Value,
        LinearModule::Output,
        LinearModule::Gate,
        LinearModule::Up,
        LinearModule::Down,
    ];

    /// The name in checkpoints, such as `self_attn.q_proj`.
    pub fn name(self) -> &'static str {
        match self {
            LinearModule::Query => "self_attn.q_proj",
            LinearModule::Key => "self_attn.k_proj",
            LinearModule::Value => "self_attn.v_proj",
            LinearModule::Output => "self_attn.o_proj",
            LinearModule::Gate => "mlp.gate_proj",
            LinearModule::Up => "mlp.up_proj",
            LinearModule::Down => "mlp.down_proj",
        }
    }

    /// The module of a name.
    pub fn from_name(name: &str) -> Option<LinearModule> {
        let mut all = LinearModule::ALL.into_iter();
        all.find(|module| module.name() == name)
    }
}

impl fmt::Display for LinearModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The change of one linear layer: `x·W` becomes `x·W + (x·A)·B`. The scale that is usual beside it
/// (alpha over rank) is part of `B`.
#[derive(Debug, Clone, PartialEq)]
pub struct LowRank {
    /// Number of the decoder layer, the first being 0.
    pub layer: usize,
    /// Which of its linear layers.
    pub module: LinearModule,
    /// Width of `x`.
    pub inputs: usize,
    /// Width of `x·W`.
    pub outputs: usize,
    /// `[inputs, rank]`, row by row.
    pub a: Vec<f32>,
    /// `[rank, outputs]`, row by row.
    pub b: Vec<f32>,
}

/// The model that an adapter changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseModel {
    /// Its name, for people.
    pub name: String,
    /// Its fingerprint.
    pub fingerprint: String,
}

/// What a training changed of a language model.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapter {
    pub(super) base: BaseModel,
    pub(super) rank: usize,
    pub(super) rerank_token: Option<u32>,
    pub(super) facts: BTreeMap<String, String>,
    /// In the order of layers, then modules.
    pub(super) changes: Vec<LowRank>,
    /// Whether every value is one of 16 bits, and written as such.
    pub(super) is_half: bool,
}

impl Adapter {
    /// The `changes` of `base`, each of them of the same `rank`, in any order.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) when a matrix has not the values
    /// that its shape asks for, or one that is not a finite number, when a layer is changed twice,
    /// and when there is no change at all; [`ErrorKind::Limit`](crate::ErrorKind::Limit) above 1 GiB of 32-bit floats, 4,096 layers, a rank of 4,096.
    pub fn new(base: BaseModel, rank: usize, mut changes: Vec<LowRank>) -> Result<Adapter> {
        check_text("the name of the base model", &base.name)?;
        check_text("the fingerprint of the base model", &base.fingerprint)?;
        if rank > MAX_RANK {
            return Err(Error::limit(format!("a rank is at most {MAX_RANK}")));
        }
        if rank == 0 || changes.is_empty() {
            return Err(Error::invalid("an adapter changes at least one layer"));
        }
        let mut values = 0_u64;
        for change in &changes {
            change.check(rank)?;
            values = values.saturating_add(to_u64(change.a.len() + change.b.len()));
        }
        if values > MAX_VALUES {
            let message = format!("an adapter has at most {MAX_VALUES} values, not {values}");
            return Err(Error::limit(message));
        }
        changes.sort_by_key(LowRank::place);
        let twice = changes.windows(2).find_map(|pair| match pair {
            [one, other] if one.place() == other.place() => Some(one),
            _ => None,
        });
        if let Some(change) = twice {
            return Err(Error::invalid(format!("{change} is changed twice")));
        }
        Ok(Adapter {
            base,
            rank,
            rerank_token: None,
            facts: BTreeMap::new(),
            changes,
            is_half: false,
        })
    }

    /// Sets the token whose logit behind a docid the training made a score.
    pub fn with_rerank_token(mut self, token: Option<u32>) -> Self {
        self.rerank_token = token;
        self
    }

    /// Sets what is to be known of the training: its steps, seed, losses.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) for more than 256 facts, and for a name or
    /// value of more than 4,096 bytes.
    pub fn with_facts(mut self, facts: BTreeMap<String, String>) -> Result<Self> {
        if facts.len() > MAX_FACTS {
            return Err(Error::limit(format!("at most {MAX_FACTS} facts are kept")));
        }
        for (name, value) in &facts {
            check_text("the name of a fact", name)?;
            check_text("a fact", value)?;
        }
        self.facts = facts;
        Ok(self)
    }

    /// The adapter with values of 16 bits, half the bytes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for a value above 65,504, where
    /// 16-bit floats end.
    pub fn halved(mut self) -> Result<Self> {
        for change in &mut self.changes {
            let mut is_finite = true;
            for values in [&mut change.a, &mut change.b] {
                let mut halves = vec![f16::ZERO; values.len()];
                halves.convert_from_f32_slice(values);
                is_finite &= halves.iter().all(|half| half.is_finite());
                halves.convert_to_f32_slice(values);
            }
            if !is_finite {
                return Err(Error::invalid(format!(
                    "{change} has a value too large for 16-bit floats: keep 32 bits"
                )));
            }
        }
        self.is_half = true;
        Ok(self)
    }

    /// The model that it changes.
    pub fn base(&self) -> &BaseModel {
        &self.base
    }

    /// Width of the matrices where they meet.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// The token whose logit behind a docid scores a passage, if there was training for it.
    pub fn rerank_token(&self) -> Option<u32> {
        self.rerank_token
    }

    /// What is known of the training, by name.
    pub fn facts(&self) -> &BTreeMap<String, String> {
        &self.facts
    }

    /// The changed layers, in the order of layers, then modules.
    pub fn changes(&self) -> &[LowRank] {
        &self.changes
    }
}

impl LowRank {
    pub(super) fn place(&self) -> (usize, LinearModule) {
        (self.layer, self.module)
    }

    fn check(&self, rank: usize) -> Result<()> {
        let (inputs, outputs) = (self.inputs, self.outputs);
        if self.layer >= MAX_LAYERS || inputs > MAX_WIDTH || outputs > MAX_WIDTH {
            return Err(Error::limit(format!(
                "{self} is larger than {MAX_LAYERS} layers of width {MAX_WIDTH}"
            )));
        }
        let matrices = [("A", &self.a, inputs), ("B", &self.b, outputs)];
        for (name, values, width) in matrices {
            let wrong = |what: &str| {
                let message = format!("matrix {name} of {self} {what}");
                Err(Error::invalid(message))
            };
            if width == 0 || values.len() != width * rank {
                return wrong("has not the values that its shape asks for");
            }
            if !values.iter().all(|value| value.is_finite()) {
                return wrong("has a value that is not a finite number");
            }
        }
        Ok(())
    }
}

/// The layer's name, for people.
impl fmt::Display for LowRank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "layers.{}.{}", self.layer, self.module)
    }
}

fn check_text(what: &str, text: &str) -> Result<()> {
    match text.len() > MAX_TEXT_BYTES {
        true => Err(Error::limit(format!(
            "{what} has more than {MAX_TEXT_BYTES} bytes"
        ))),
        false => Ok(()),
    }
}
