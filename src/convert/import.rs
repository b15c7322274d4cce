//! Importing: from what a user has to a model folder.
//!
//! I1. The folder appears by one rename when all is written: a failure or a kill leaves nothing
//! at its place (a killed import leaves a `.zerogr-import-…` folder beside it).

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::decoder_config::DecoderConfig;
use super::decoder_graph::{record_of, write_decoder};
use super::gguf::Gguf;
use super::tensors::TensorSource;
use crate::model::Tokenizer;
use crate::model::language::{CONFIG_FILE, LanguageModelConfig, WeightFormat};
use crate::model::tokenizer::hex;
use crate::{Error, ErrorKind, Result};

/// A checkpoint, opened and checked.
pub(super) struct Checkpoint {
    pub config: DecoderConfig,
    pub tensors: Box<dyn TensorSource>,
    pub tokenizer: Vec<u8>,
    pub name: String,
    pub chat_template: Option<String>,
    pub bos_token_id: Option<u32>,
    pub eos_token_ids: Vec<u32>,
    /// The files that the weights come from.
    pub files: Vec<PathBuf>,
}

/// Imports the checkpoint at `path` (a GGUF file, or a Hugging Face folder) into the new folder
/// `dir`. `progress` is told how many of how many steps are done.
///
/// # Errors
///
/// [`ErrorKind::Path`] when there is nothing at `path` or something at `dir`;
/// [`ErrorKind::Model`] when the checkpoint is damaged, incomplete or of a kind that is not
/// supported; [`ErrorKind::Io`] when reading or writing fails.
pub fn import(
    path: &Path,
    dir: &Path,
    format: WeightFormat,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<LanguageModelConfig> {
    if dir.exists() {
        let message = format!(
            "{} exists; name a folder that does not, or remove it",
            dir.display()
        );
        return Err(Error::new(ErrorKind::Path, message));
    }
    let ready = Ready::beside(dir)?;
    let config = if path.is_dir() {
        if path.join(CONFIG_FILE).is_file() {
            let message = format!("{} is an imported model already", path.display());
            return Err(Error::new(ErrorKind::Path, message));
        }
        match super::hugging_face::open(path)? {
            super::hugging_face::Folder::Checkpoint(checkpoint) => {
                write(*checkpoint, ready.path(), format, progress)?
            }
            super::hugging_face::Folder::Graph(graph) => {
                super::external_graph::copy(&graph, path, ready.path())?
            }
        }
    } else {
        write(gguf(path)?, ready.path(), format, progress)?
    };
    ready.publish(dir)?;
    Ok(config)
}

/// Writes the folder of a checkpoint.
fn write(
    checkpoint: Checkpoint,
    to: &Path,
    format: WeightFormat,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<LanguageModelConfig> {
    let config = &checkpoint.config;
    check_tokenizer(&checkpoint.tokenizer, config.vocab)?;
    let steps = config.layers + 1;
    progress(0, steps);
    let source_sha256 = sha256_of(&checkpoint.files)?;
    let mut done = 1;
    progress(done, steps);
    let weights_sha256 = write_decoder(to, config, &*checkpoint.tensors, format, &mut || {
        done += 1;
        progress(done, steps);
    })?;
    let path = to.join("tokenizer.json");
    fs::write(&path, &checkpoint.tokenizer).map_err(|e| Error::io("writing", &path, e))?;
    let record = LanguageModelConfig {
        name: checkpoint.name,
        bos_token_id: checkpoint.bos_token_id,
        eos_token_ids: checkpoint.eos_token_ids,
        chat_template: checkpoint.chat_template,
        source_sha256,
        ..record_of(config, format, weights_sha256)
    };
    record.write(to)?;
    Ok(record)
}

/// The tokenizer must be readable, and must not have tokens that the model lacks.
pub(super) fn check_tokenizer(json: &[u8], vocab: usize) -> Result<()> {
    let tokenizer = Tokenizer::from_bytes(json)?;
    let tokens = crate::encode::DocidTokenizer::vocabulary_size(&tokenizer);
    if tokens <= vocab {
        return Ok(());
    }
    let message = format!(
        "the tokenizer has {tokens} tokens and the model {vocab}: they do not belong together"
    );
    Err(Error::new(ErrorKind::Model, message))
}

fn gguf(path: &Path) -> Result<Checkpoint> {
    let file = File::open(path).map_err(|e| Error::io("opening", path, e))?;
    let gguf = Gguf::open(file).map_err(|e| about(path, &e))?;
    let texts = gguf.texts().map_err(|e| about(path, &e))?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    Ok(Checkpoint {
        config: gguf.config().clone(),
        tokenizer: gguf.tokenizer_json().map_err(|e| about(path, &e))?,
        tensors: Box::new(gguf),
        name: texts.name.unwrap_or_else(|| stem.into_owned()),
        chat_template: texts.chat_template,
        bos_token_id: texts.bos_token_id,
        eos_token_ids: texts.eos_token_ids,
        files: vec![path.to_path_buf()],
    })
}

/// The same error, naming the file.
fn about(path: &Path, error: &Error) -> Error {
    Error::with_source(
        error.kind(),
        format!("{}: {error}", path.display()),
        error.clone(),
    )
}

/// SHA-256 of files, one after the other.
pub(super) fn sha256_of(files: &[PathBuf]) -> Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    for path in files {
        let failed = |e: io::Error| Error::io("reading", path, e);
        let mut file = File::open(path).map_err(failed)?;
        loop {
            match file.read(&mut buffer).map_err(failed)? {
                0 => break,
                n => hash.update(buffer.get(..n).unwrap_or_default()),
            }
        }
    }
    Ok(hex(&hash.finalize()))
}

/// A folder under construction, beside its place.
struct Ready(tempfile::TempDir);

impl Ready {
    fn beside(dir: &Path) -> Result<Ready> {
        let parent = match dir.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent).map_err(|e| Error::io("creating", parent, e))?;
        let folder = tempfile::Builder::new()
            .prefix(".zerogr-import-")
            .tempdir_in(parent);
        let folder = folder.map_err(|e| Error::io("creating a folder in", parent, e))?;
        Ok(Ready(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Moves the folder to its place (I1).
    fn publish(self, dir: &Path) -> Result<()> {
        #[cfg(unix)]
        {
            // Temporary folders are private; a model is not.
            use std::os::unix::fs::PermissionsExt;
            let permissions = fs::Permissions::from_mode(0o755);
            fs::set_permissions(self.path(), permissions)
                .map_err(|e| Error::io("finishing", self.path(), e))?;
        }
        fs::rename(self.path(), dir).map_err(|e| Error::io("creating", dir, e))?;
        // What the guard would remove is gone.
        let _ = self.0.keep();
        Ok(())
    }
}
