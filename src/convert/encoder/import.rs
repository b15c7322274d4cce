//! Importing an encoder: from a folder of sentence-transformers to one with a graph.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Map, Value, json};

use super::config::{EncoderConfig, Sees};
use super::dense::{Dense, Head, HeadPooling};
use super::families::{self, Family};
use super::graph::encoder_graph;
use super::late_interaction::{
    LENGTHS_FILE, Layout, PROJECTION, PROMPTS_FILE, TokenFolder, TokenSettings,
};
use super::named::Named;
use super::steps::{self, Steps};
use crate::convert::checkpoint::texts::{TokenIds, check_tokenizer};
use crate::convert::hugging_face::config_json::{CONFIG_FILE, ConfigJson};
use crate::convert::hugging_face::folder::{read, read_json, wrong};
use crate::convert::hugging_face::safetensors::SafetensorsFolder;
use crate::convert::hugging_face::variants;
use crate::convert::ready::Ready;
use crate::encode::LateInteraction;
use crate::model::language::WeightFormat;
use crate::model::{ENGINE_FILE, EncoderFiles, Pooling, Tokenizer};
use crate::{Error, ErrorKind, Result};

const GRAPH_FILE: &str = "model.onnx";
const TOKENIZER_FILE: &str = "tokenizer.json";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";

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
    /// How queries and documents are read, if the encoder was trained to compare their tokens.
    pub late_interaction: Option<LateInteraction>,
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
        late_interaction: settings.late_interaction,
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
        let checked = check_tokenizer(&tokenizer, config.vocab)
            .map_err(|error| error.about(inner.join(TOKENIZER_FILE).display()))?;
        let classes = config_json.texts("architectures")?.unwrap_or_default();
        let layout = Layout::of(path, &classes, &steps)?;
        let settings = match layout {
            Some(layout) => Some(token_settings(
                &TokenFolder {
                    layout,
                    dir: path,
                    inner,
                    steps: &steps,
                    tokens: &TokenIds::of(&tokenizer)?,
                    max_tokens: most_tokens(layout, inner, config.max_tokens)?,
                },
                &config,
                &checked,
                pooling,
            )?),
            None => None,
        };
        let weights = SafetensorsFolder::open(inner)?.ok_or_else(|| without_weights(inner))?;
        let mut weights = Named::new(weights, &config.words);
        let (pooling, before) = match settings {
            Some(_) => (steps::settings_of(Pooling::Mean), HeadPooling::OfTokens),
            None => {
                let pooling = steps.pooling_settings(path, pooling)?;
                let before = HeadPooling::of(&pooling);
                (pooling, before)
            }
        };
        let mut head = Head::read(path, &steps.dense, before, config.hidden)?;
        match layout {
            Some(Layout::Authors) => {
                let layer = Dense::projection(weights.source(), PROJECTION, config.hidden)?;
                head.layers.insert(0, layer);
                weights = weights.without(PROJECTION);
            }
            Some(Layout::PyLate) if head.is_empty() => {
                let what = "has no step Dense, which makes the vectors of tokens";
                return Err(wrong(path, steps::FILE, what));
            }
            _ => {}
        }
        let is_normalised = steps.is_normalised || settings.is_some();
        let mut texts = vec![
            (
                steps::FILE.to_owned(),
                Steps::written(is_normalised).into_bytes(),
            ),
            (
                steps::pooling_file(),
                text_of(&written_pooling(pooling, &head, config.hidden)),
            ),
            (TOKENIZER_FILE.to_owned(), tokenizer),
        ];
        let mut copied = vec![(inner.as_path(), TOKENIZER_CONFIG)];
        match &settings {
            None => {
                let lengths = lengths(inner, config.max_tokens)?;
                texts.push((LENGTHS_FILE.to_owned(), text_of(&lengths)));
                copied.push((path, PROMPTS_FILE));
            }
            Some(settings) => {
                let lengths = token_lengths(inner, &settings.late_interaction)?;
                texts.push((LENGTHS_FILE.to_owned(), text_of(&lengths)));
                texts.push((PROMPTS_FILE.to_owned(), text_of(&settings.prompts())));
                texts.push((ENGINE_FILE.to_owned(), text_of(&settings.engine())));
            }
        }
        for (folder, name) in copied {
            texts.extend(read(folder, name)?.map(|bytes| (name.to_owned(), bytes)));
        }
        Ok(Folder {
            architecture: config_json.model_type()?,
            weights,
            config,
            head,
            texts,
        })
    }
}

/// How an encoder of tokens reads, checked against its tokenizer.
fn token_settings(
    folder: &TokenFolder<'_>,
    config: &EncoderConfig,
    tokenizer: &Tokenizer,
    pooling: Option<Pooling>,
) -> Result<TokenSettings> {
    if pooling.is_some() {
        return Err(wrong(
            folder.dir,
            steps::FILE,
            "is of an encoder whose tokens are compared: import it without --pooling",
        ));
    }
    let settings = folder.settings()?;
    let special = tokenizer.special_tokens();
    let late = &settings.late_interaction;
    late.check(tokenizer.vocab_size(), special)
        .map_err(|error| error.about(folder.dir.display()))?;
    let expansion = late.expansion.filter(|expansion| !expansion.is_attended);
    let sights = config.layers.iter().filter_map(|layer| match layer.sees {
        Sees::Near(far) => Some(far),
        Sees::All | Sees::Before => None,
    });
    // A query has a word, a marker and two special tokens at least.
    if let (Some(expansion), Some(far)) = (expansion, sights.min())
        && expansion.len_tokens > far.saturating_add(4)
    {
        let message = format!(
            "{}: queries are filled up to {} tokens, the last of which sees nothing of a short query: \
             layers see {far} tokens to a side",
            folder.dir.display(),
            expansion.len_tokens
        );
        return Err(Error::new(ErrorKind::Model, message));
    }
    // Markers are put behind the first token, whatever that is.
    let markers = [late.query_marker, late.document_marker];
    if markers.iter().any(Option::is_some) && tokenizer.text_range(special).start != 1 {
        let what = "does not begin texts with one special token, behind which a marker would stand";
        return Err(wrong(folder.inner, TOKENIZER_FILE, what));
    }
    Ok(settings)
}

/// The most tokens of a text of an encoder of tokens. What PyLate writes as `max_seq_length` is left
/// over from the last text that was read.
fn most_tokens(layout: Layout, dir: &Path, places: usize) -> Result<usize> {
    if layout != Layout::SentenceTransformers {
        return Ok(places);
    }
    let lengths = lengths(dir, places)?;
    let most = lengths.get("max_seq_length").and_then(Value::as_u64);
    Ok(most
        .and_then(|most| usize::try_from(most).ok())
        .unwrap_or(places))
}

/// The lengths of an encoder of tokens, which its own settings limit further.
fn token_lengths(dir: &Path, late: &LateInteraction) -> Result<Value> {
    let lengths: Map<String, Value> = read_json(dir, LENGTHS_FILE)?.unwrap_or_default();
    let lower_case = lengths.get("do_lower_case").cloned().unwrap_or_default();
    let most = late.max_query_tokens.max(late.max_document_tokens);
    Ok(json!({"max_seq_length": most, "do_lower_case": lower_case}))
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
