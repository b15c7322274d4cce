//! `zerogr upgrade`: another encoder for an index that is in use.

use std::path::PathBuf;

use zerogr::raw::model::EncoderOptions;
use zerogr::{TrainOptions, UpgradeOptions};

use crate::console::failure::Failure;
use crate::console::output;
use crate::console::progress::Stages;
use crate::options::device::DeviceArg;
use crate::options::{encoder, open};

/// Give an index another encoder: encode its documents again and train, while it is searched.
///
/// Searches find what they found until all is done, in one commit; others can write while
/// documents are encoded. What an interrupted run has encoded is kept beside the index, and the same
/// command goes on from there. The space of the old vectors comes back with `zerogr vacuum`.
#[derive(clap::Args)]
pub struct Args {
    /// The index file.
    index: PathBuf,
    /// The encoder: a folder (sentence-transformers with an ONNX graph, `model import`, `model
    /// distill`), `static`, or `default`: the installed one.
    #[arg(long, value_name = "DIR|static|default")]
    encoder: PathBuf,
    /// Keep the encoder outside the index file, by path and hash.
    #[arg(long)]
    external_encoder: bool,
    /// Keep no vectors of tokens: a smaller file, and reranking by whole texts alone.
    #[arg(long)]
    no_token_vectors: bool,
    /// Do not train; `zerogr train` can do it later.
    #[arg(long)]
    no_train: bool,
    /// Seed of everything random in training.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    device: DeviceArg,
    #[command(flatten)]
    write: open::WriteArgs,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<(), Failure> {
    let device = args.device.device();
    let index = open::to_write(&args.index, &args.write, device)?;
    let train = TrainOptions::default().seed(args.seed);
    let options = UpgradeOptions::new(encoder::source(&args.encoder, device)?)
        .embed_encoder(!args.external_encoder)
        .token_vectors(!args.no_token_vectors)
        .train((!args.no_train).then_some(train))
        .encoder_options(EncoderOptions::new().device(device));
    let generation = index.snapshot().generation();
    let mut stages = Stages::default();
    let report = index.upgrade(&options, &mut |progress| stages.report(progress))?;
    stages.finish();
    if args.json {
        return output::json(&report);
    }
    if report.generation == generation {
        return output::line("nothing to do: the index has this encoder");
    }
    let snapshot = index.snapshot();
    output::line(&format!(
        "{}: {} documents in {} passages, encoded by {}",
        output::path(&args.index),
        snapshot.document_count(),
        report.passages,
        output::inline(&snapshot.params().encoder.fingerprint)
    ))
}
