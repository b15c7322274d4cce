//! `--model` and what goes with it: the language model of a command.

use std::path::PathBuf;

use zerogr::raw::generate::language::PromptStyle;
use zerogr::raw::model::Device;
use zerogr::raw::model::language::{DecoderOptions, LanguageModel, LanguageModelOptions};

use crate::console::failure::Failure;

/// Which language model writes, and how it is asked.
#[derive(clap::Args)]
pub struct ModelArgs {
    /// Folder of the language model, as `zerogr model import` wrote it.
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// How the model is asked: by examples, or by rules in words. Small models take rules for
    /// text to go on with; by itself, the style follows the size of the model.
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
}

impl ModelArgs {
    /// True if a model was named.
    pub fn is_given(&self) -> bool {
        self.model.is_some()
    }

    /// Opens the model; `what_for` says why there must be one.
    pub fn open(
        &self,
        device: Device,
        what_for: &str,
    ) -> Result<(LanguageModel, PromptStyle), Failure> {
        let folder = self.model.as_ref().ok_or_else(|| {
            Failure::usage(format!(
                "{what_for} needs a language model: give its folder with --model, which \
                 `zerogr model import` makes"
            ))
        })?;
        // Writing is long work: the faster layout is worth its memory.
        let decoder = DecoderOptions::new().device(device).prepack(true);
        let options = LanguageModelOptions::new()
            .decoder(decoder)
            .batch_rows(self.batch);
        let model = LanguageModel::open(folder, &options)?;
        let style = match self.prompt_style {
            Style::Auto => PromptStyle::for_model(&model),
            Style::FewShot => PromptStyle::FewShot,
            Style::Instruction => PromptStyle::Instruction,
        };
        Ok((model, style))
    }
}
