//! Opening an index for a command: mapped, with the device asked for.

use std::path::Path;

use zerogr::index::{Index, OpenOptions};
use zerogr::model::{Device, EncoderOptions};

use crate::failure::Failure;
use crate::output;

/// Opens the index at `path` through memory maps.
pub fn index(path: &Path, device: Device) -> Result<Index, Failure> {
    index_with(path, device, None)
}

/// The same, with the folder of the language model it was built for if that was moved.
#[allow(unsafe_code)]
pub fn index_with(
    path: &Path,
    device: Device,
    language_model: Option<&Path>,
) -> Result<Index, Failure> {
    check_exists(path)?;
    let mut options = OpenOptions::new().encoder_options(EncoderOptions::new().device(device));
    options.language_model = language_model.map(Path::to_owned);
    // SAFETY: the command line promises in its documentation that an index in use is only
    // written by zerogr, which appends, or replaced by a rename.
    let index = unsafe { Index::open_mmap(path, options)? };
    for message in index.store().passed_over() {
        output::notice(format!("warning: {message}"));
    }
    Ok(index)
}

/// Refuses a path that leads nowhere.
pub fn check_exists(path: &Path) -> Result<(), Failure> {
    if path.symlink_metadata().is_ok() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "there is no index at {}: check the name, or make one with `zerogr build`",
        output::path(path)
    )))
}
