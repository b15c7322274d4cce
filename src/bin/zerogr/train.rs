//! `zerogr train`: fits an index to its documents.

use std::path::PathBuf;

use zerogr::index::TrainOptions;

use crate::device::DeviceArg;
use crate::failure::Failure;
use crate::progress::Stages;
use crate::{open, output};

/// Fit an index to pseudo-queries of its documents.
#[derive(clap::Args)]
pub struct Args {
    /// The index file.
    index: PathBuf,
    /// Seed of everything random in training.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    device: DeviceArg,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<(), Failure> {
    let index = open::index(&args.index, args.device.device())?;
    let mut stages = Stages::default();
    let options = TrainOptions::default().seed(args.seed);
    index.train(&options, &mut |progress| stages.report(progress))?;
    stages.finish();
    let snapshot = index.snapshot();
    let Some(record) = &snapshot.params().training else {
        return output::line("nothing to train: the index has no documents");
    };
    if args.json {
        let text =
            serde_json::to_string(record).map_err(|error| Failure::new(error.to_string()))?;
        return output::line(&text);
    }
    output::line(&format!(
        "trained on {} pseudo-queries of {} documents\n  held-out loss: trie head {:.3} -> {:.3}, document head {:.3} -> {:.3} nats",
        record.pseudo_queries,
        record.documents,
        record.trie_head.initial_loss,
        record.trie_head.best_loss,
        record.document_head.initial_loss,
        record.document_head.best_loss
    ))
}
