//! Docids and pseudo-queries by a language model.
//!
//! ```text
//!   document ─► excerpt ─► prompt ─► language model ─► text ─► checked against the rules
//!               (128 words,  few-shot, bare                     │           │
//!                300 tokens) or instruction                  repaired    fallback
//! ```
//!
//! What a model writes is a proposal. A docid leaves here only if it obeys the rules of
//! [`obeys_docid_rules`]; a query only if it is one. So a small model, which echoes, repeats and
//! invents, can be used as well as a capable one; how much of its text was good is counted.

mod docids;
mod examples;
mod excerpt;
mod queries;
mod rules;
mod script;

pub use docids::{DocidWriter, LanguageDocids};
pub use queries::{DEFAULT_INSTRUCTION, LanguageQueries, LanguageQueryOptions, QueryWriter};
pub use rules::{DocidOrigin, LanguageDocidOptions, obeys_docid_rules};

use serde::{Deserialize, Serialize};

use crate::language::{Prompt, TextGenerator, TuningPair};

/// How a model is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PromptStyle {
    /// Examples, and the beginning of one more: for base models and small ones, which take
    /// instructions for text.
    FewShot,
    /// The rules in words, in the model's chat template: for capable chat models.
    Instruction,
    /// The document alone, and the beginning of what is to come: for models that were tuned to it.
    Bare,
}

impl PromptStyle {
    /// The style that suits a model.
    pub fn for_model(generator: &dyn TextGenerator) -> PromptStyle {
        if generator.follows_instructions() {
            PromptStyle::Instruction
        } else {
            PromptStyle::FewShot
        }
    }

    /// Whether the model goes on with a text, in which a document and what is written for it have
    /// one line each.
    fn is_flat(self) -> bool {
        self != PromptStyle::Instruction
    }

    /// What ends what a model writes.
    fn stop(self) -> Vec<String> {
        match self.is_flat() {
            true => vec!["\n".into()],
            false => Vec::new(),
        }
    }

    /// `text` as a model of this style is to write it behind `prompt`.
    fn pair(self, prompt: Prompt, text: &str) -> TuningPair {
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let completion = match self.is_flat() {
            true => format!(" {line}"),
            false => line,
        };
        TuningPair { prompt, completion }
    }
}

/// Changes whenever the wording of a prompt does, and is recorded with what came of it.
pub const PROMPT_VERSION: u32 = 1;

/// A line without the label, ended by a colon, that a prompt or a model puts in front of it.
fn without_label<'t>(line: &'t str, labels: &[&str]) -> &'t str {
    let line = line.trim();
    for label in labels {
        let bare = line.trim_start_matches('*');
        let head = bare.get(..label.len());
        let rest = bare
            .get(label.len()..)
            .map(|rest| rest.trim_start_matches('*'));
        if let Some(rest) = rest.and_then(|rest| rest.strip_prefix(':'))
            && head.is_some_and(|head| head.eq_ignore_ascii_case(label))
        {
            return rest.trim_matches([' ', '*']);
        }
    }
    line
}
