//! Opening an index for a command: mapped unless asked not to, with the device asked for.

use std::path::Path;
use std::time::Duration;

use zerogr::raw::model::{Device, EncoderOptions};
use zerogr::raw::store::WriteOptions;
use zerogr::{Documents, Index, OpenOptions};

use crate::console::failure::Failure;
use crate::console::output;

/// How an index is read.
#[derive(Clone, Default, clap::Args)]
pub struct AccessArgs {
    /// Read what is needed of the index into memory, instead of mapping the file.
    ///
    /// An index in use may be replaced by a rename and written by zerogr. If some other program
    /// may cut it or write into it in place, as `cp` over it does, give this option.
    #[arg(long)]
    no_mmap: bool,
    /// Run the models that the index brings, although this machine does not know them, and know
    /// them from now on.
    ///
    /// A model is a program: give this for an index from somebody you trust. Models of indexes
    /// that were built here are known.
    #[arg(long)]
    trust_model: bool,
}

/// How an index is written.
#[derive(Clone, Default, clap::Args)]
pub struct WriteArgs {
    #[command(flatten)]
    access: AccessArgs,
    /// How long to wait for another writer to finish, in seconds.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    wait: Option<Duration>,
    /// Do without a lock, on a file system that has none. No other program may write to the index
    /// at the same time: one of two writers would lose its commits.
    #[arg(long)]
    no_lock: bool,
}

impl WriteArgs {
    fn options(&self) -> WriteOptions {
        WriteOptions::new()
            .wait(self.wait.unwrap_or_default())
            .without_lock(self.no_lock)
    }
}

/// Opens an index to read it.
pub fn to_read(path: &Path, access: &AccessArgs, device: Device) -> Result<Index, Failure> {
    with(path, access, options(device))
}

/// Opens an index to write to it.
pub fn to_write(path: &Path, write: &WriteArgs, device: Device) -> Result<Index, Failure> {
    let options = options(device).write_options(write.options());
    with(path, &write.access, options)
}

/// Opens an index for what is done on a device.
pub fn options(device: Device) -> OpenOptions {
    OpenOptions::new().encoder_options(EncoderOptions::new().device(device))
}

/// Opens an index with the library's options.
#[allow(unsafe_code)]
pub fn with(path: &Path, access: &AccessArgs, options: OpenOptions) -> Result<Index, Failure> {
    check_exists(path)?;
    let options = options.trust_model(access.trust_model);
    let index = match access.no_mmap {
        true => Index::open_with(path, options)?,
        // SAFETY: help and README say what may not be done to an index in use without --no-mmap.
        // Where it is done all the same, `cut_file` ends the process before a byte is believed.
        false => unsafe { Index::open_mmap(path, options)? },
    };
    for message in index.stored().passed_over() {
        output::notice(format!("warning: {}", output::inline(message)));
    }
    if access.trust_model
        && let Err(error) = index.remember_models()
    {
        output::notice(format!(
            "warning: the models of the index will be asked about again: {}",
            output::inline(&error.to_string())
        ));
    }
    Ok(index)
}

/// Opens the documents of an index alone, whatever else of it is damaged.
#[allow(unsafe_code)]
pub fn documents(path: &Path, access: &AccessArgs) -> Result<Documents, Failure> {
    check_exists(path)?;
    let documents = match access.no_mmap {
        true => Documents::open(path)?,
        // SAFETY: as in `with`.
        false => unsafe { Documents::open_mmap(path)? },
    };
    for message in documents.damage() {
        output::notice(format!("warning: {}", output::inline(message)));
    }
    Ok(documents)
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

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().map_err(|error| error.to_string())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
