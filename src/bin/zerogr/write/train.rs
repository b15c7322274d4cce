//! `zerogr train`: fits an index to its documents.

use std::path::PathBuf;

use zerogr::TrainOptions;

use crate::console::failure::Failure;
use crate::console::output;
use crate::console::progress::Stages;
use crate::options::device::DeviceArg;
use crate::options::open;

/// Fit an index to pseudo-queries of its documents.
///
/// The first time all documents are learnt, later those that are new, which takes time in
/// proportion to them. All are learnt anew when more than half are new, when more than a third of
/// the old ones were deleted, or when a language model wrote queries for them.
#[derive(clap::Args)]
pub struct Args {
    /// The index file.
    index: PathBuf,
    /// Seed of everything random in training.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Learn all documents anew, not just those that are new.
    #[arg(long)]
    full: bool,
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
    let index = open::to_write(&args.index, &args.write, args.device.device())?;
    let generation = index.snapshot().generation();
    let mut stages = Stages::default();
    let options = TrainOptions::default().seed(args.seed).full(args.full);
    let report = index.train(&options, &mut |progress| stages.report(progress))?;
    stages.finish();
    let snapshot = index.snapshot();
    let Some(record) = &snapshot.params().training else {
        return output::line("nothing to train: the index has no documents");
    };
    if args.json {
        return output::json(&record);
    }
    if report.generation == generation {
        return output::line(
            "nothing to train: every document was learnt before (--full learns all anew)",
        );
    }
    output::line(&format!(
        "trained on {} pseudo-queries of {} documents, {} of them new, of {} in all\n  held-out loss: trie head {:.3} -> {:.3}, document head {:.3} -> {:.3} nats",
        record.pseudo_queries,
        record.learnt_documents + record.repeated_documents,
        record.learnt_documents,
        record.documents,
        record.trie_head.initial_loss,
        record.trie_head.best_loss,
        record.document_head.initial_loss,
        record.document_head.best_loss
    ))
}
