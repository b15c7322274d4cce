//! Importing: from what a user has to a model folder.

use std::fs;
use std::path::{Path, PathBuf};

use super::checkpoint::Checkpoint;
use super::checkpoint::files;
use super::checkpoint::files::sha256_of;
use super::checkpoint::texts::{Texts, check_tokenizer};
use super::gguf::Gguf;
use super::graph::decoder::{record_of, write_decoder};
use super::ready::Ready;
use crate::model::language::{CONFIG_FILE, LanguageModelConfig, WeightFormat};
use crate::model::trust;
use crate::{Error, ErrorKind, Result};

/// Imports the checkpoint at `path` (a GGUF file, or a Hugging Face folder) into the new folder
/// `dir`. `progress` is told how many of how many steps are done.
///
/// # Errors
///
/// [`ErrorKind::NotFound`] when there is nothing at `path`; [`ErrorKind::AlreadyExists`] when
/// something is at `dir`, or `path` is imported already; [`ErrorKind::Model`] when the checkpoint is damaged, incomplete or of a kind that is not
/// supported; [`ErrorKind::Io`] when reading or writing fails.
pub fn import(
    path: &Path,
    dir: &Path,
    format: WeightFormat,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<LanguageModelConfig> {
    let ready = Ready::beside(dir)?;
    let config = if path.is_dir() {
        if path.join(CONFIG_FILE).is_file() {
            let message = format!("{} is an imported model already", path.display());
            return Err(Error::new(ErrorKind::AlreadyExists, message));
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
        check_extension(path)?;
        write(gguf(path)?, ready.path(), format, progress)?
    };
    ready.publish(dir)?;
    // Whoever imports a model trusts it. Without a list, an index that names it asks.
    if let Ok(model) = trust::of_language_model(dir) {
        let _ = trust::remember(vec![model]);
    }
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
        source_sha256,
        ..record_of(config, format, weights_sha256)
    };
    let record = checkpoint
        .texts
        .into_record(&checkpoint.tokenizer, record)?;
    record.write(to)?;
    Ok(record)
}

fn gguf(path: &Path) -> Result<Checkpoint> {
    let files = parts_of(path)?;
    let readers = files.iter().map(|path| files::open(path));
    let readers = readers.collect::<Result<Vec<_>>>()?;
    let gguf = Gguf::open_parts(readers).map_err(|e| about(path, &e))?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let texts = gguf.texts().map_err(|e| about(path, &e))?;
    let texts = Texts {
        name: texts.name.unwrap_or_else(|| stem.into_owned()),
        chat_template: texts.chat_template,
        bos_token_id: texts.bos_token_id,
        eos_token_ids: texts.eos_token_ids,
    };
    Ok(Checkpoint {
        config: gguf.config().clone(),
        tokenizer: gguf.tokenizer_json().map_err(|e| about(path, &e))?,
        tensors: Box::new(gguf),
        texts,
        files,
    })
}

/// The files of a model that was split, by the name of one of them (`…-00001-of-00003.gguf`); of
/// another name, itself.
fn parts_of(path: &Path) -> Result<Vec<PathBuf>> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let number = |text: &str| (text.len() == 5).then(|| text.parse::<usize>().ok())?;
    let parts = name.strip_suffix(".gguf").and_then(|stem| {
        let (rest, count) = stem.rsplit_once("-of-")?;
        let (model, no) = rest.rsplit_once('-')?;
        number(no)?;
        Some((model, number(count)?))
    });
    let Some((model, count)) = parts.filter(|(_, count)| *count > 1) else {
        return Ok(vec![path.to_path_buf()]);
    };
    let files: Vec<PathBuf> = (1..=count)
        .map(|no| path.with_file_name(format!("{model}-{no:05}-of-{count:05}.gguf")))
        .collect();
    match files.iter().find(|file| !file.exists()) {
        // What was named is reported by whoever opens it.
        Some(missing) if missing != path => {
            let message = format!(
                "{} is one of {count} parts of a model, and {} is missing: download all of them \
                 into one folder",
                path.display(),
                missing.display()
            );
            Err(Error::new(ErrorKind::Model, message))
        }
        _ => Ok(files),
    }
}

/// A file that belongs to a folder is not imported by itself.
fn check_extension(path: &Path) -> Result<()> {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let what = match extension.as_ref() {
        "safetensors" | "onnx" | "json" => {
            "belongs to a folder with config.json and tokenizer.json: give the folder"
        }
        "bin" | "pt" | "pth" | "ckpt" => {
            "is in PyTorch's own format, which can hold program code and is not read: save the \
             model as safetensors and give the folder, or import its GGUF file"
        }
        _ => return Ok(()),
    };
    let message = format!("{} {what}", path.display());
    Err(Error::new(ErrorKind::Model, message))
}

/// The same error, naming the file.
fn about(path: &Path, error: &Error) -> Error {
    error.clone().about(path.display())
}
