//! The model folders that are open in this process, so that each is open once.
//!
//! Problem: a program may have many indexes open that are answered by one language model, whose
//! weights are larger than all of them.
//!
//! I1. A folder is known by what is in it: after a change of its files it is another one.
//! I2. Nothing is kept open here: what nobody uses is closed.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Weak};
use std::time::SystemTime;

use parking_lot::Mutex;

use super::core::Core;
use super::options::LanguageModelOptions;
use crate::{Error, Result};

/// What makes two models one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    folder: PathBuf,
    files: Vec<FileState>,
    options: LanguageModelOptions,
}

/// A file as it was when it was opened.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct FileState {
    name: std::ffi::OsString,
    len_bytes: u64,
    changed: Option<SystemTime>,
}

static OPEN: LazyLock<Mutex<HashMap<Key, Weak<Core>>>> = LazyLock::new(Mutex::default);

/// The folder, open, as everybody who uses it so has it.
///
/// # Errors
///
/// Those of [`Core::open`], and of reading the folder.
pub(super) fn core(folder: &Path, options: &LanguageModelOptions) -> Result<Arc<Core>> {
    // Without a record there is nothing to share, and that is the clearer error.
    let Ok(key) = Key::of(folder, options) else {
        return Core::open(folder, options).map(Arc::new);
    };
    let mut open = OPEN.lock();
    if let Some(core) = open.get(&key).and_then(Weak::upgrade) {
        return Ok(core);
    }
    open.retain(|_, core| core.strong_count() > 0);
    let core = Arc::new(Core::open(folder, options)?);
    open.insert(key, Arc::downgrade(&core));
    Ok(core)
}

impl Key {
    fn of(folder: &Path, options: &LanguageModelOptions) -> Result<Key> {
        let failed = |error| Error::io("reading", folder, error);
        let path = fs::canonicalize(folder).map_err(failed)?;
        let mut files = Vec::new();
        for entry in fs::read_dir(&path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // Of a link, what it leads to.
            let metadata = fs::metadata(entry.path()).map_err(failed)?;
            files.push(FileState {
                name: entry.file_name(),
                len_bytes: metadata.len(),
                changed: metadata.modified().ok(),
            });
        }
        files.sort();
        Ok(Key {
            folder: path,
            files,
            options: options.clone(),
        })
    }
}
