//! Folders of Model2Vec and of the `StaticEmbedding` step of sentence-transformers: a table of
//! token vectors in safetensors, and a tokenizer.
//!
//! | tensor | |
//! |---|---|
//! | `embeddings`, `embedding.weight` | `[rows, dim]` |
//! | `weights` | `[tokens]`, optional: what each counts |
//! | `mapping` | `[tokens]`, optional: the row of each, where several share one |
//!
//! How the table was made is no matter of ours: its settings are known and change nothing. A text is
//! the weighted mean of its tokens' rows without unknown ones; which is scaled to length 1, as all
//! vectors here, whether the folder says so or not.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::distill::StaticEncoder;
use super::table::Table;
use crate::convert::checkpoint::files;
use crate::convert::checkpoint::tensors::{TensorSource, read_all};
use crate::convert::hugging_face::SafetensorsFolder;
use crate::convert::ready::Ready;
use crate::model::language::WeightFormat;
use crate::{Error, ErrorKind, Result};

/// The settings of a table that change nothing about it, or are in its tensors.
const KNOWN_SETTINGS: [&str; 14] = [
    "model_type",
    "architectures",
    "tokenizer_name",
    "apply_pca",
    "apply_zipf",
    "sif_coefficient",
    "hidden_dim",
    "seq_length",
    "normalize",
    "pooling",
    "embedding_dtype",
    "vocabulary_quantization",
    "token_remove_pattern",
    "transformers_version",
];

/// Names of the table's tensor.
const ROWS: [&str; 2] = ["embeddings", "embedding.weight"];
/// Name of what tokens count.
const WEIGHTS: &str = "weights";
/// Name of the rows of tokens.
const MAPPING: &str = "mapping";

/// Whether the folder holds a table of token vectors and no other kind of model.
pub fn is_static_encoder(dir: &Path) -> bool {
    let steps = json(dir, "modules.json").ok().flatten();
    let is_table = |step: &Value| kind_of(step) == "StaticEmbedding";
    let first = steps.as_ref().and_then(|steps| steps.get(0));
    match first {
        Some(step) => is_table(step),
        None => json(dir, "config.json")
            .ok()
            .flatten()
            .is_some_and(|config| {
                config
                    .get("model_type")
                    .is_some_and(|kind| kind == "model2vec")
            }),
    }
}

/// Imports the table in the folder `source` into the new folder `dir` of an encoder.
///
/// # Errors
///
/// [`ErrorKind::AlreadyExists`] when something is at `dir`; [`ErrorKind::Model`] naming the file, the
/// tensor or the setting that is missing, unknown or does not fit; [`ErrorKind::Io`] when reading or
/// writing fails.
pub fn import_static_encoder(
    source: &Path,
    dir: &Path,
    format: WeightFormat,
) -> Result<StaticEncoder> {
    let ready = Ready::beside(dir)?;
    check_settings(source)?;
    let folder = table_folder(source)?;
    let tensors = SafetensorsFolder::open(&folder)?
        .ok_or_else(|| wrong(&folder, "model.safetensors", "is missing"))?;
    let tokenizer = files::read_if_present(&folder.join("tokenizer.json"))?
        .ok_or_else(|| wrong(&folder, "tokenizer.json", "is missing"))?;
    let table = table(&tensors)?;
    let dim = table.dim;
    let tokens = table.rows.len() / dim.max(1);
    let table_bytes = table.write(ready.path(), &tokenizer, false, format)?;
    ready.publish(dir)?;
    Ok(StaticEncoder {
        tokens,
        dim,
        table_bytes,
    })
}

/// Where the table is: the folder itself, or the one of its first step.
fn table_folder(source: &Path) -> Result<PathBuf> {
    let name = "modules.json";
    let Some(Value::Array(steps)) = json(source, name)? else {
        return Ok(source.to_owned());
    };
    let mut folder = source.to_owned();
    for (place, step) in steps.iter().enumerate() {
        match (place, kind_of(step)) {
            (0, "StaticEmbedding") => {
                let path = step.get("path").and_then(Value::as_str).unwrap_or_default();
                if path.contains(['/', '\\', ':']) || path == ".." {
                    let what = format!("has the path {path:?}, which is no folder in this one");
                    return Err(wrong(source, name, &what));
                }
                folder.push(path);
            }
            (_, "Normalize") => {}
            (_, kind) => {
                let what =
                    format!("has the step {kind:?}, which a table of vectors cannot take in");
                return Err(wrong(source, name, &what));
            }
        }
    }
    Ok(folder)
}

/// Refuses settings that are not known.
fn check_settings(source: &Path) -> Result<()> {
    let config = json(source, "config.json")?;
    let empty = Map::new();
    let settings = config.as_ref().and_then(Value::as_object).unwrap_or(&empty);
    let is_table = settings
        .get("model_type")
        .is_none_or(|kind| kind == "model2vec");
    if !is_table {
        let what = "is of another kind of model than a table of vectors";
        return Err(wrong(source, "config.json", what));
    }
    let unknown = |(key, value): &(&String, &Value)| {
        !KNOWN_SETTINGS.contains(&key.as_str()) && !value.is_null()
    };
    match settings.iter().find(unknown) {
        Some((key, _)) => {
            let what = format!("has the setting {key:?}, which is not known here");
            Err(wrong(source, "config.json", &what))
        }
        None => Ok(()),
    }
}

/// The rows of all tokens, as long as they count.
fn table(tensors: &SafetensorsFolder) -> Result<Table> {
    let names = tensors.names();
    let known = |name: &str| ROWS.contains(&name) || name == WEIGHTS || name == MAPPING;
    if let Some(name) = names.iter().find(|name| !known(name)) {
        let message = format!("the tensor {name} is not known in a table of token vectors");
        return Err(Error::new(ErrorKind::Model, message));
    }
    let name = ROWS.into_iter().find(|name| tensors.shape(name).is_some());
    let name = name.ok_or_else(|| model_error("the model has no tensor embeddings".to_owned()))?;
    let shape = tensors.shape(name).unwrap_or_default();
    let &[row_count, dim] = shape.as_slice() else {
        let message = format!("the tensor {name} has the shape {shape:?}, not rows of vectors");
        return Err(model_error(message));
    };
    let rows = read_all(tensors, name, &[row_count, dim])?;
    let row_of = match tensors.shape(MAPPING) {
        Some(_) => Some(tensors.read_integers(MAPPING)?),
        None => None,
    };
    let tokens = row_of.as_ref().map_or(row_count, Vec::len);
    let weights = match tensors.shape(WEIGHTS) {
        Some(_) => Some(read_all(tensors, WEIGHTS, &[tokens])?),
        None => None,
    };
    if weights.iter().flatten().any(|&weight| weight < 0.0) {
        let message = format!("the tensor {WEIGHTS} has a weight below 0");
        return Err(model_error(message));
    }
    let mut all = Vec::new();
    for token in 0..tokens {
        let weight = weights.as_ref().and_then(|all| all.get(token));
        let weight = weight.copied().unwrap_or(1.0);
        let at = match &row_of {
            Some(row_of) => row_of.get(token).and_then(|&row| usize::try_from(row).ok()),
            None => Some(token),
        };
        let row = at.and_then(|at| rows.chunks_exact(dim.max(1)).nth(at));
        let row = row.ok_or_else(|| {
            model_error(format!(
                "the tensor {MAPPING} gives token {token} a row that is not among {row_count}"
            ))
        })?;
        all.extend(row.iter().map(|value| value * weight));
    }
    Ok(Table {
        rows: all,
        dim,
        weights,
    })
}

/// What a step is called without its package.
fn kind_of(step: &Value) -> &str {
    let kind = step.get("type").and_then(Value::as_str).unwrap_or_default();
    kind.rsplit('.').next().unwrap_or_default()
}

fn json(dir: &Path, name: &str) -> Result<Option<Value>> {
    let bytes = files::read_if_present(&dir.join(name))?;
    let value = bytes
        .map(|bytes| serde_json::from_slice(&bytes))
        .transpose();
    value.map_err(|e| wrong(dir, name, &format!("cannot be read: {e}")))
}

fn wrong(dir: &Path, name: &str, what: &str) -> Error {
    model_error(format!("{} {what}", dir.join(name).display()))
}

fn model_error(message: String) -> Error {
    Error::new(ErrorKind::Model, message)
}
