//! Importing an encoder: from a folder of sentence-transformers to one with a graph.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Map, Value, json};

use super::config::EncoderConfig;
use super::dense::{Head, HeadPooling};
use super::families::{self, Family};
use super::graph::encoder_graph;
use super::named::Named;
use super::steps::{self, Steps};
use crate::convert::checkpoint::texts::check_tokenizer;
use crate::convert::hugging_face::config_json::{CONFIG_FILE, ConfigJson};
use crate::convert::hugging_face::folder::{read, read_json, wrong};
use crate::convert::hugging_face::safetensors::SafetensorsFolder;
use crate::convert::hugging_face::variants;
use crate::convert::ready::Ready;
use crate::model::language::WeightFormat;
use crate::model::{EncoderFiles, Pooling};
use crate::{Error, ErrorKind, Result};

const GRAPH_FILE: &str = "model.onnx";
const TOKENIZER_FILE: &str = "tokenizer.json";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
const LENGTHS_FILE: &str = "sentence_bert_config.json";
const PROMPTS_FILE: &str = "config_sentence_transformers.json";

/// A limit that a tokenizer names beyond this stands for none.
const MOST_TOKENS: u64 = 1_000_000;

/// What was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncoderRecord {
    /// The family, as `config.json` calls it.
    pub architecture: String,
    /// Number of layers.
    pub layers: usize,
    /// Values of a vector.
    pub dim: usize,
    /// Tokens that the model knows.
    pub vocab: usize,
    /// The most tokens of a text, special tokens included.
    pub max_len_tokens: usize,
    /// How weights are stored.
    pub weights: WeightFormat,
    /// How the vectors of a text's tokens become one.
    pub pooling: Pooling,
    /// What stands before every query.
    pub query_prompt: String,
    /// What stands before every document.
    pub document_prompt: String,
}

/// True if the folder holds a sentence encoder, and no language model.
pub fn is_encoder(path: &Path) -> bool {
    if path.join(steps::FILE).is_file() {
        return true;
    }
    let config: Option<Map<String, Value>> = read_json(path, CONFIG_FILE).ok().flatten();
    let name = config
        .as_ref()
        .and_then(|config| config.get("model_type")?.as_str());
    name.and_then(Family::from_name)
        .is_some_and(|family| !family.is_decoder())
}

/// Imports the encoder in the folder `path` into the new folder `dir`. `pooling` is for folders
/// that do not say how vectors are pooled. `progress` is told how many of how many steps are done.
///
/// # Errors
///
/// [`ErrorKind::AlreadyExists`] when something is at `dir`; [`ErrorKind::Model`] naming the file,
/// setting or tensor that is missing, damaged or not supported; [`ErrorKind::InvalidInput`] for
/// weights of 4 bits; [`ErrorKind::Io`] when reading or writing fails.
pub fn import_encoder(
    path: &Path,
    dir: &Path,
    format: WeightFormat,
    pooling: Option<Pooling>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<EncoderRecord> {
    let ready = Ready::beside(dir)?;
    let folder = Folder::open(path, pooling)?;
    let config = &folder.config;
    let steps = config.layers.len() + 1;
    let mut done = 0;
    progress(done, steps);
    let graph = encoder_graph(config, &folder.weights, &folder.head, format, &mut || {
        done += 1;
        progress(done, steps);
    })?;
    let write = |name: &str, bytes: &[u8]| {
        let to = ready.path().join(name);
        write_synced(&to, bytes).map_err(|e| Error::io("writing", &to, e))
    };
    write(GRAPH_FILE, &graph)?;
    for (name, bytes) in &folder.texts {
        write(name, bytes)?;
    }
    // Whatever else would change vectors is refused by whoever reads the folder.
    let settings = EncoderFiles::from_dir(ready.path())
        .map_err(|error| error.about(path.display()))?
        .settings;
    ready.publish(dir)?;
    progress(steps, steps);
    Ok(EncoderRecord {
        architecture: folder.architecture,
        layers: config.layers.len(),
        dim: folder.head.width(config.hidden),
        vocab: config.vocab,
        max_len_tokens: settings.max_len_tokens,
        weights: format,
        pooling: settings.pooling.unwrap_or_default(),
        query_prompt: settings.query_prompt,
        document_prompt: settings.document_prompt,
    })
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A folder, read and checked.
struct Folder {
    architecture: String,
    config: EncoderConfig,
    weights: Named,
    head: Head,
    /// The small files of the folder to write, by their names.
    texts: Vec<(String, Vec<u8>)>,
}

impl Folder {
    fn open(path: &Path, pooling: Option<Pooling>) -> Result<Folder> {
        if let Some(refusal) = variants::addition(path) {
            return Err(refusal);
        }
        let steps = Steps::read(path)?;
        let inner = &path.join(&steps.transformer);
        let values = read_json(inner, CONFIG_FILE)?
            .ok_or_else(|| wrong(inner, CONFIG_FILE, "is missing: download the whole folder"))?;
        let config_json = ConfigJson::new(inner, values);
        let config = families::encoder(&config_json)?;
        let tokenizer = read(inner, TOKENIZER_FILE)?.ok_or_else(|| {
            let what =
                "is missing; download it with the model (other tokenizer files cannot be read)";
            wrong(inner, TOKENIZER_FILE, what)
        })?;
        check_tokenizer(&tokenizer, config.vocab)
            .map_err(|error| error.about(inner.join(TOKENIZER_FILE).display()))?;
        let pooling = steps.pooling_settings(path, pooling)?;
        let weights = SafetensorsFolder::open(inner)?.ok_or_else(|| without_weights(inner))?;
        let before = HeadPooling::of(&pooling);
        let head = Head::read(path, &steps.dense, before, config.hidden)?;
        let mut texts = vec![
            (steps::FILE.to_owned(), steps.written().into_bytes()),
            (
                steps::pooling_file(),
                text_of(&written_pooling(pooling, &head, config.hidden)),
            ),
            (
                LENGTHS_FILE.to_owned(),
                text_of(&lengths(inner, config.max_tokens)?),
            ),
            (TOKENIZER_FILE.to_owned(), tokenizer),
        ];
        for (folder, name) in [(path, PROMPTS_FILE), (inner.as_path(), TOKENIZER_CONFIG)] {
            texts.extend(read(folder, name)?.map(|bytes| (name.to_owned(), bytes)));
        }
        Ok(Folder {
            architecture: config_json.model_type()?,
            weights: Named::new(weights, &config.words),
            config,
            head,
            texts,
        })
    }
}

/// The refusal of a folder without weights that can be read.
fn without_weights(dir: &Path) -> Error {
    let graphs = ["model.onnx", "onnx/model.onnx"];
    match graphs.iter().find(|name| dir.join(name).is_file()) {
        None => variants::without_weights(dir),
        Some(name) => Error::new(
            ErrorKind::Model,
            format!(
                "{} has {name} and no model.safetensors: it needs no import; give it as the encoder",
                dir.display()
            ),
        ),
    }
}

/// How long texts may be: what the folder says, and never more than the model has places for.
fn lengths(dir: &Path, most: usize) -> Result<Value> {
    let mut lengths: Map<String, Value> = read_json(dir, LENGTHS_FILE)?.unwrap_or_default();
    let tokenizer: Map<String, Value> = read_json(dir, TOKENIZER_CONFIG)?.unwrap_or_default();
    let of = |values: &Map<String, Value>, key: &str| values.get(key).and_then(Value::as_u64);
    let by_tokenizer = of(&tokenizer, "model_max_length").filter(|&len| len <= MOST_TOKENS);
    let found = match lengths.get("max_seq_length") {
        None | Some(Value::Null) => by_tokenizer.unwrap_or(most as u64),
        Some(said) => said
            .as_u64()
            .filter(|&len| len > 0)
            .ok_or_else(|| wrong(dir, LENGTHS_FILE, "says no count for max_seq_length"))?,
    };
    lengths.insert("max_seq_length".to_owned(), json!(found.min(most as u64)));
    Ok(Value::Object(lengths))
}

/// The settings of the pooling with the dimension behind the layers.
fn written_pooling(mut settings: Value, head: &Head, hidden: usize) -> Value {
    if let Some(values) = settings.as_object_mut() {
        for key in ["word_embedding_dimension", "embedding_dimension"] {
            if let Some(value) = values.get_mut(key) {
                *value = json!(head.width(hidden));
            }
        }
    }
    settings
}

fn text_of(value: &Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}
