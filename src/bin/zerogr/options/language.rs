//! `--model` and what goes with it: the language model of a command.

use std::path::PathBuf;

use zerogr::Adapter;
use zerogr::raw::generate::language::{PROMPT_VERSION, PromptStyle};
use zerogr::raw::model::Device;
use zerogr::raw::model::language::{DecoderOptions, LanguageModel, LanguageModelOptions};

use crate::console::failure::Failure;
use crate::console::output;

/// Which language model writes, and how it is asked.
#[derive(clap::Args)]
pub struct ModelArgs {
    /// Folder of the language model, as `zerogr model import` wrote it.
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// What `zerogr model tune` changed of that model. It is asked in the form that it was tuned
    /// to.
    #[arg(long, value_name = "FILE", requires = "model")]
    adapter: Option<PathBuf>,
    /// How the model is asked: by examples, by rules in words, or by the document alone. Small
    /// models take rules for text to go on with; by itself, the style follows the size of the
    /// model, and what it was tuned to.
    #[arg(long, value_enum, default_value_t = Style::Auto)]
    prompt_style: Style,
    /// Texts that are written at a time.
    #[arg(long, default_value_t = 16, value_name = "N")]
    batch: usize,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Style {
    Auto,
    FewShot,
    Instruction,
    Bare,
}

/// What a language model is to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Docids.
    Docids,
    /// Pseudo-queries.
    Queries,
}

impl Written {
    /// The word for it, in messages and in adapters.
    pub fn name(self) -> &'static str {
        match self {
            Written::Docids => "docids",
            Written::Queries => "queries",
        }
    }
}

/// The fact of an adapter that says what it was tuned to write.
pub const WRITER_FACT: &str = "writer";

/// The fact of an adapter that says which wording of prompts it was tuned to.
pub const PROMPT_FACT: &str = "prompt_version";

impl ModelArgs {
    /// True if a model was named.
    pub fn is_given(&self) -> bool {
        self.model.is_some()
    }

    /// Opens the model, which is to write what is named.
    pub fn open(
        &self,
        device: Device,
        written: &[Written],
    ) -> Result<(LanguageModel, PromptStyle), Failure> {
        let folder = self.model.as_ref().ok_or_else(|| {
            let names: Vec<&str> = written.iter().map(|one| one.name()).collect();
            Failure::usage(format!(
                "writing {} needs a language model: give its folder with --model, which \
                 `zerogr model import` makes",
                names.join(" and ")
            ))
        })?;
        // Writing is long work: the faster layout is worth its memory.
        let decoder = DecoderOptions::new().device(device).prepack(true);
        let options = LanguageModelOptions::new()
            .decoder(decoder)
            .batch_rows(self.batch);
        let adapter = self.adapter.as_ref().map(Adapter::read).transpose()?;
        let tuned = match &adapter {
            Some(adapter) => tuned_to(adapter, written)?,
            None => None,
        };
        let model = match &adapter {
            Some(adapter) => LanguageModel::open_adapted(folder, &options, adapter)?,
            None => LanguageModel::open(folder, &options)?,
        };
        let style = match self.prompt_style {
            Style::Auto => tuned.unwrap_or_else(|| PromptStyle::for_model(&model)),
            Style::FewShot => PromptStyle::FewShot,
            Style::Instruction => PromptStyle::Instruction,
            Style::Bare => PromptStyle::Bare,
        };
        Ok((model, style))
    }
}

/// The form in which a tuned model is asked; `None` where it was not tuned to write.
fn tuned_to(adapter: &Adapter, written: &[Written]) -> Result<Option<PromptStyle>, Failure> {
    let facts = adapter.facts();
    let Some(writer) = facts.get(WRITER_FACT) else {
        return Ok(None);
    };
    let known = [Written::Docids, Written::Queries];
    let tuned = known.into_iter().find(|one| one.name() == writer);
    if let Some(other) = written.iter().find(|&&one| tuned.is_some_and(|t| t != one)) {
        return Err(Failure::usage(format!(
            "the adapter was tuned to write {}, not {}: leave it out, or tune another",
            output::inline(writer),
            other.name()
        )));
    }
    if let Some(version) = facts.get(PROMPT_FACT)
        && *version != PROMPT_VERSION.to_string()
    {
        output::notice(format!(
            "the adapter was tuned to prompts of version {}, these are of version {PROMPT_VERSION}: \
             tune another for better texts",
            output::inline(version)
        ));
    }
    Ok(Some(PromptStyle::Bare))
}
