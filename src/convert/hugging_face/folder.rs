//! The files of a folder by their names; errors name them.

use std::path::Path;

use serde::Deserialize;

use crate::convert::checkpoint::files;
use crate::{Error, ErrorKind, Result};

pub(in crate::convert) fn read_json<T: for<'a> Deserialize<'a>>(
    dir: &Path,
    name: &str,
) -> Result<Option<T>> {
    let Some(bytes) = read(dir, name)? else {
        return Ok(None);
    };
    let parsed = serde_json::from_slice(&bytes);
    parsed
        .map(Some)
        .map_err(|e| wrong(dir, name, &format!("cannot be read: {e}")))
}

pub(in crate::convert) fn read(dir: &Path, name: &str) -> Result<Option<Vec<u8>>> {
    files::read_if_present(&dir.join(name))
}

pub(in crate::convert) fn wrong(dir: &Path, name: &str, what: &str) -> Error {
    Error::new(
        ErrorKind::Model,
        format!("{} {what}", dir.join(name).display()),
    )
}
