//! The index that a dataset is searched in: opened, or built of its corpus.

use std::fs;
use std::time::Instant;

use zerogr::raw::format::{BlobEntry, BlobPlace};
use zerogr::raw::model::EncoderOptions;
use zerogr::{Index, IndexOptions, TrainOptions};

use super::args::Args;
use super::measured::IndexFacts;
use super::plan::IndexPlace;
use crate::console::failure::Failure;
use crate::console::output;
use crate::options::open;
use crate::options::reading::ReadArgs;
use crate::write::build;

/// Opens or builds it; `None` where only run files are measured.
pub fn open_or_build(
    args: &Args,
    place: &IndexPlace,
) -> Result<Option<(Index, IndexFacts)>, Failure> {
    let device = args.device.device();
    let (index, build_seconds) = match place {
        IndexPlace::Nowhere => return Ok(None),
        IndexPlace::Existing(path) => (open::to_read(path, &args.access, device)?, None),
        IndexPlace::Built { path, .. } if path.is_file() => {
            output::notice(format!("{} is there and used as it is", output::path(path)));
            (open::to_read(path, &args.access, device)?, None)
        }
        IndexPlace::Built { path, corpus } => {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)
                    .map_err(|error| Failure::io("creating", folder, &error))?;
            }
            let started = Instant::now();
            let mut options = IndexOptions::default().file_seed(0);
            options.encoder_options = EncoderOptions::new().device(device);
            let task = build::Task {
                inputs: std::slice::from_ref(corpus),
                output: path,
                train: Some(&TrainOptions::default()),
                docid_writer: None,
                reading: ReadArgs::default(),
            };
            let built = build::build(&task, options)?;
            if built.report.replaced > 0 {
                output::notice(format!(
                    "warning: {}: {} documents have the id of an earlier one, which they \
                     replaced",
                    output::path(corpus),
                    built.report.replaced
                ));
            }
            (built.index, Some(started.elapsed().as_secs_f64()))
        }
    };
    let stored = index.stored();
    let is_outside = |blob: &BlobEntry| matches!(blob.place, BlobPlace::External { .. });
    let inside = stored
        .manifest()
        .blobs
        .iter()
        .filter(|blob| !is_outside(blob));
    let facts = IndexFacts {
        encoder_len_bytes: inside.map(|blob| blob.len_bytes).sum(),
        path: index.path().to_owned(),
        len_bytes: stored.space()?.file_bytes,
        document_count: index.snapshot().document_count(),
        build_seconds,
    };
    Ok(Some((index, facts)))
}
