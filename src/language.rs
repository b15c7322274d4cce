//! The seam between the engine and whatever continues text.
//!
//! Writing docids and pseudo-queries asks for text through [`TextGenerator`]. The usual
//! implementation is `model::language::LanguageModel` on ONNX Runtime; tests and applications
//! with a model of their own bring another one, and then need neither ONNX Runtime nor the
//! `models` feature.

use serde::{Deserialize, Serialize};

use crate::Result;

/// What a model is given to continue. It is text throughout: the special tokens of a model that
/// occur in it literally have no effect.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Prompt {
    /// A text to go on with.
    Completion(String),
    /// A question in the form of the model's chat template, to be answered.
    Chat {
        /// What the model is told first; may be empty.
        system: String,
        /// What it is asked.
        user: String,
    },
}

/// A prompt and what is to be written behind it, to the letter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TuningPair {
    /// What a model is given.
    pub prompt: Prompt,
    /// What it is to write, the blank before it included.
    pub completion: String,
}

/// How the next token is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// 0: always the most probable token. Otherwise the logits are divided by it.
    pub temperature: f32,
    /// Only this many of the most probable tokens; 0 means all.
    pub top_k: usize,
    /// Only the most probable tokens that together have this probability; 1 means all.
    pub top_p: f32,
    /// Seed of all draws.
    pub seed: u64,
}

impl Sampling {
    /// The most probable token, always.
    pub const GREEDY: Sampling = Sampling {
        temperature: 0.0,
        top_k: 0,
        top_p: 1.0,
        seed: 0,
    };
}

/// One prompt and what is wanted for it.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerationRequest {
    /// What to continue.
    pub prompt: Prompt,
    /// Names the request among all under one seed, for example the document's id: its draws do
    /// not depend on what else is being generated.
    pub name: String,
    /// How many continuations, each with draws of its own.
    pub samples: usize,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Most tokens of a continuation.
    pub max_new_tokens: usize,
    /// Strings that end a continuation and are not part of it. White space at its start does
    /// not count, so a model may begin with a line break.
    pub stop: Vec<String>,
}

/// Why a continuation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Finish {
    /// The model said so, or a stop string came.
    Stop,
    /// It has as many tokens as were allowed.
    Length,
    /// It began with nothing but white space for too long.
    Blank,
}

/// One continuation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The text, without white space at its ends.
    pub text: String,
    /// Tokens generated.
    pub tokens: usize,
    /// Why it ended.
    pub finish: Finish,
}

/// What came of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// As many as there were samples wanted, in their order.
    pub completions: Vec<Completion>,
}

/// Continues texts.
///
/// - I1. What comes of a request follows from the request alone, up to a float noise that the
///   implementation documents, whatever else is in the call.
/// - I2. Two generators with equal [`fingerprint`](Self::fingerprint)s compute the same function.
pub trait TextGenerator: Send + Sync {
    /// The model's name for people.
    fn name(&self) -> String;

    /// Identifies the function, for example the SHA-256 of the weights.
    fn fingerprint(&self) -> String;

    /// Whether [`Prompt::Chat`] with rules in words works better than examples to continue.
    fn follows_instructions(&self) -> bool;

    /// Most tokens of a prompt and its continuation together.
    fn context_tokens(&self) -> usize;

    /// Tokens of a prompt.
    ///
    /// # Errors
    ///
    /// [`Model`](crate::ErrorKind::Model) when the prompt cannot be expressed.
    fn prompt_tokens(&self, prompt: &Prompt) -> Result<usize>;

    /// The longest beginning of `text` with at most `max_tokens` tokens.
    ///
    /// # Errors
    ///
    /// [`Model`](crate::ErrorKind::Model) when the text cannot be expressed.
    fn first_tokens<'t>(&self, text: &'t str, max_tokens: usize) -> Result<&'t str>;

    /// Continues every prompt. `done` gets the position of a request and what came of it, in
    /// the order in which requests are finished, from the calling thread; its error ends the call.
    ///
    /// # Errors
    ///
    /// [`Limit`](crate::ErrorKind::Limit), before anything is generated, when a prompt and its
    /// continuation do not fit into the model's context: nothing is ever cut silently.
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an empty prompt or one of another kind
    /// than the model takes. A failure of the model is [`Model`](crate::ErrorKind::Model).
    fn generate(
        &self,
        requests: &[GenerationRequest],
        done: &mut dyn FnMut(usize, Generated) -> Result<()>,
    ) -> Result<()>;
}
