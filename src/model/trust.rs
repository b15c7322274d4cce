//! The models that this machine knows: those of an index run only if they are among them.
//!
//! Problem: a model is a program. An index may come from anybody, and opening it must not run what
//! its sender wrote; but an index of one's own opens without a question.
//!
//! ```text
//!   known  =  the default model of this build
//!           + $ZEROGR_HOME/trusted-models    SHA-256 of a file, and its name, one to a line
//!   added  by building an index or importing a model here, and by the user's word
//! ```
//!
//! Invariants:
//!
//! - I1. Known is by content: a name, a place or a promise in a file counts for nothing.
//! - I2. The list is for its owner to write. It grows by whole lines, so two programs can add to it.
//! - I3. A list that cannot be read or written makes models unknown, never known.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::language::{CONFIG_FILE, LanguageModelConfig};
use super::runtime::cache;
use crate::store::regular_file;
use crate::{Error, ErrorKind, Result};

/// Name of the list in the cache folder.
const LIST_FILE: &str = "trusted-models";

/// A longer list is not read: 100,000 models.
const MAX_LIST_BYTES: u64 = 16 << 20;

/// A file that is part of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModelFile {
    /// What it is called, for people.
    pub(crate) name: String,
    /// SHA-256 of its bytes.
    pub(crate) sha256: [u8; 32],
    /// Length in bytes.
    pub(crate) len_bytes: u64,
}

/// Those of `files` that this machine does not know.
pub(crate) fn unknown(files: Vec<ModelFile>) -> Vec<ModelFile> {
    let list = cache::home().map(|home| home.join(LIST_FILE));
    let listed = list.map(|list| listed(&list)).unwrap_or_default();
    let is_known = |file: &ModelFile| is_built_in(file) || is_listed(&listed, file);
    files.into_iter().filter(|file| !is_known(file)).collect()
}

/// Adds `files` to the models that this machine knows.
///
/// # Errors
///
/// The kind of I/O failure ([`ErrorKind::PermissionDenied`], [`ErrorKind::DiskFull`], ...) when
/// the list cannot be written.
pub(crate) fn remember(files: Vec<ModelFile>) -> Result<()> {
    let files = unknown(files);
    match files.is_empty() {
        true => Ok(()),
        false => append(&cache::home()?, &files),
    }
}

/// The question to the user, about files that are not known.
pub(crate) fn question(files: &[ModelFile]) -> Error {
    let names: Vec<String> = files
        .iter()
        .map(|file| {
            let sha256 = hex(&file.sha256);
            format!(
                "{:?} ({} bytes, SHA-256 {sha256})",
                file.name, file.len_bytes
            )
        })
        .collect();
    let message = format!(
        "the index brings a model that this machine does not know: {}. A model is a program that \
         would run here: if you trust where the index is from, say so with \
         OpenOptions::trust_model",
        names.join(", ")
    );
    Error::new(ErrorKind::UntrustedModel, message)
}

/// An imported language model as one file: everything in its folder but the weights, which the
/// record names by their hash.
///
/// # Errors
///
/// [`ErrorKind::Model`] or those of reading when the folder is not that of an imported model.
pub(crate) fn of_language_model(folder: &Path) -> Result<ModelFile> {
    let config = LanguageModelConfig::read(folder)?;
    let mut hash = Sha256::new();
    let mut len_bytes = 0;
    let names = [CONFIG_FILE, "tokenizer.json", &config.graph];
    for name in names.into_iter().chain(config.cuda_graph.as_deref()) {
        let path = folder.join(name);
        let bytes =
            regular_file::read(&path, u64::MAX).map_err(|e| Error::io("reading", &path, e))?;
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(&bytes);
        len_bytes += bytes.len() as u64;
    }
    Ok(ModelFile {
        name: config.name,
        sha256: hash.finalize().into(),
        len_bytes,
    })
}

/// Whether it belongs to the default model of this build.
fn is_built_in(file: &ModelFile) -> bool {
    let sha256 = hex(&file.sha256);
    let of = |bytes: &[u8]| {
        file.len_bytes == bytes.len() as u64 && sha256 == hex(&Sha256::digest(bytes))
    };
    [cache::DEFAULT_MODEL_SHA256, cache::DEFAULT_ENCODER_SHA256].contains(&sha256.as_str())
        || cache::EARLIER_ENCODERS_SHA256.contains(&sha256.as_str())
        || of(cache::DEFAULT_TOKENIZER)
        || of(cache::DEFAULT_TOKEN_HEAD)
}

fn is_listed(list: &str, file: &ModelFile) -> bool {
    let sha256 = hex(&file.sha256);
    list.lines()
        .any(|line| line.split_whitespace().next() == Some(sha256.as_str()))
}

/// The text of the list; empty if there is none that can be read.
fn listed(list: &Path) -> String {
    let bytes = regular_file::read(list, MAX_LIST_BYTES).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn append(home: &Path, files: &[ModelFile]) -> Result<()> {
    let list: PathBuf = home.join(LIST_FILE);
    let failed = |e| Error::io("writing", &list, e);
    fs::create_dir_all(home).map_err(failed)?;
    if list.exists() && !list.is_file() {
        let message = format!("{} is no file: move it away", list.display());
        return Err(Error::new(ErrorKind::AlreadyExists, message));
    }
    let before = listed(&list);
    // Behind a line that was cut off.
    let mut text = match before.is_empty() || before.ends_with('\n') {
        true => String::new(),
        false => "\n".to_owned(),
    };
    for file in files {
        let name = file.name.escape_debug();
        text.push_str(&format!("{} {name}\n", hex(&file.sha256)));
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&list).map_err(failed)?;
    // One write, which no other program's comes between (I2).
    file.write_all(text.as_bytes()).map_err(failed)
}

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, bytes: &[u8]) -> ModelFile {
        ModelFile {
            name: name.to_owned(),
            sha256: Sha256::digest(bytes).into(),
            len_bytes: bytes.len() as u64,
        }
    }

    #[test]
    fn the_default_model_is_known_and_nothing_else_by_its_name() {
        assert!(is_built_in(&file("t", cache::DEFAULT_TOKENIZER)));
        assert!(is_built_in(&file("h", cache::DEFAULT_TOKEN_HEAD)));
        assert!(!is_built_in(&file("model.onnx", b"another")));
    }

    #[test]
    fn a_list_grows_by_whole_lines_and_is_read_by_content() {
        let home = tempfile::tempdir().unwrap();
        let list = home.path().join(LIST_FILE);
        let (one, two) = (file("one\nmodel", b"1"), file("two", b"2"));
        append(home.path(), std::slice::from_ref(&one)).unwrap();
        // A line that was cut off.
        let mut torn = listed(&list);
        torn.push_str(&hex(&two.sha256)[..40]);
        fs::write(&list, &torn).unwrap();
        assert!(!is_listed(&listed(&list), &two));
        append(home.path(), std::slice::from_ref(&two)).unwrap();
        let text = listed(&list);
        assert!(is_listed(&text, &one) && is_listed(&text, &two), "{text}");
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(!is_listed(&text, &file("one", b"3")));
    }

    #[cfg(unix)]
    #[test]
    fn the_list_is_its_owners_to_write_and_nothing_else_is_written_to() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let list = home.path().join(LIST_FILE);
        append(home.path(), &[file("one", b"1")]).unwrap();
        assert_eq!(
            fs::metadata(&list).unwrap().permissions().mode() & 0o777,
            0o600
        );
        fs::remove_file(&list).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &list).unwrap();
        assert!(append(home.path(), &[file("one", b"1")]).is_err());
        assert_eq!(listed(&list), "");
    }
}
