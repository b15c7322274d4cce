//! Which encoder is meant by a name.

use std::path::Path;

use zerogr::EncoderSource;
use zerogr::raw::convert;
use zerogr::raw::model::{Device, EncoderOptions};

use crate::console::failure::Failure;
use crate::console::progress;

/// The name of the static encoder.
const STATIC: &str = "static";
/// The name of the installed encoder.
pub const DEFAULT: &str = "default";

/// What `--encoder` names: a folder, or one of the two names. The static encoder is made here, where
/// one can see how far it is.
pub fn source(named: &Path, device: Device) -> Result<EncoderSource, Failure> {
    if named == Path::new(DEFAULT) {
        return Ok(EncoderSource::Installed);
    }
    if named != Path::new(STATIC) {
        return Ok(EncoderSource::Folder(named.to_owned()));
    }
    let bar = progress::bar(0, "static encoder");
    let options = EncoderOptions::new().device(device);
    let made = convert::installed_static_encoder(&options, &mut |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
        Ok(())
    });
    bar.finish_and_clear();
    made?;
    Ok(EncoderSource::Static)
}
