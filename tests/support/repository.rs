//! Files of the repository.
#![allow(dead_code)]

use std::path::{Path, PathBuf};

/// A file or folder of the repository, whichever package of it the test belongs to.
pub fn repository(path: &str) -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = package.ancestors();
    let root = folders.find(|folder| folder.join("format-spec").is_dir());
    root.unwrap().join(path)
}
