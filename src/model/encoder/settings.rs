//! What a folder of sentence-transformers says of how texts become vectors, beside the graph and
//! the tokenizer.
//!
//! Every setting that changes vectors is applied or refused by name; a file has no setting that is
//! not known here.
//!
//! | file | applied | refused |
//! |---|---|---|
//! | `modules.json` | Transformer, Pooling, Normalize, in this order | other steps |
//! | `1_Pooling/config.json` | one way of pooling | several; prompts left out of the pooling |
//! | `sentence_bert_config.json` | `max_seq_length`, `do_lower_case` | |
//! | `config_sentence_transformers.json` | prompts, cosine, inner product of unit vectors | other similarities, other kinds of models |
//! | `zerogr-encoder.json` | `prior_share`, `late_interaction` | |
//! | `tokenizer_config.json` | `model_max_length` | truncation on the left; what contradicts `tokenizer.json` |
//!
//! Padding is no setting: rows of one pass are masked, and where the tokens of a text are is known.

use std::path::Path;

use serde_json::{Map, Value};

use super::engine_file::EngineSettings;
use super::pooling::Pooling;
use super::settings_file::{SettingsFile, json, wrong};
use crate::Result;
use crate::encode::LateInteraction;

/// The limit for a folder that names none: what the models of this kind were trained with.
const FALLBACK_MAX_LEN_TOKENS: usize = 256;

/// The most tokens that a limit is believed for.
const MAX_LEN_TOKENS: u64 = 1_000_000;

/// Where the pooling step keeps its settings, if no list of steps says otherwise.
const POOLING_FOLDER: &str = "1_Pooling";

/// Settings of an encoder that no file of its graph and tokenizer has.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderSettings {
    /// How token vectors become one; `None` if the folder does not say.
    pub pooling: Option<Pooling>,
    /// The most tokens that the model can read, special tokens included.
    pub max_len_tokens: usize,
    /// Texts are made lower case before they are tokenised.
    pub lower_case: bool,
    /// What stands before every query.
    pub query_prompt: String,
    /// What stands before every document.
    pub document_prompt: String,
    /// What BM25 counts beside it in planned search, where it was measured; else the default.
    pub prior_share: Option<f64>,
    /// How queries and documents are read, if tokens are what the encoder was trained to compare.
    pub late_interaction: Option<LateInteraction>,
}

impl EncoderSettings {
    /// Settings that change nothing but the pooling and the limit.
    pub fn plain(pooling: Option<Pooling>, max_len_tokens: usize) -> EncoderSettings {
        EncoderSettings {
            pooling,
            max_len_tokens,
            lower_case: false,
            query_prompt: String::new(),
            document_prompt: String::new(),
            prior_share: None,
            late_interaction: None,
        }
    }

    /// Reads the settings of a folder; `tokenizer` is its `tokenizer.json`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] naming the file and the setting that cannot be applied.
    pub(in crate::model) fn read(dir: &Path, tokenizer: &[u8]) -> Result<EncoderSettings> {
        check_kind(dir)?;
        let modules = Modules::read(dir)?;
        let (query_prompt, document_prompt) = prompts(dir, &modules)?;
        let has_prompt = !(query_prompt.is_empty() && document_prompt.is_empty());
        let tokenizer_len = check_tokenizer(dir, tokenizer)?;
        let (max_len_tokens, lower_case) = sentence_bert(dir, tokenizer_len)?;
        let engine = EngineSettings::read(dir)?;
        Ok(EncoderSettings {
            pooling: pooling(dir, &modules.pooling, has_prompt)?,
            max_len_tokens,
            lower_case,
            query_prompt,
            document_prompt,
            prior_share: engine.prior_share,
            late_interaction: engine.late_interaction,
        })
    }
}

/// The steps from tokens to a vector.
struct Modules {
    /// The folder of the pooling step.
    pooling: String,
    /// Whether vectors are scaled to length 1 by the last step, or nothing is known of the steps.
    normalizes: bool,
}

impl Modules {
    fn read(dir: &Path) -> Result<Modules> {
        let name = "modules.json";
        let mut modules = Modules {
            pooling: POOLING_FOLDER.to_owned(),
            normalizes: true,
        };
        let Some(value) = json(dir, name)? else {
            return Ok(modules);
        };
        let Value::Array(steps) = value else {
            return Err(wrong(dir, name, "it is no list of steps"));
        };
        modules.normalizes = false;
        let mut before = 0;
        for step in &steps {
            let field = |name| step.get(name).and_then(Value::as_str).unwrap_or_default();
            let (kind, path) = (field("type"), field("path"));
            let kind = kind.rsplit('.').next().unwrap_or_default();
            let place = match kind {
                "Transformer" => 1,
                "Pooling" => 2,
                "Normalize" => 3,
                _ => {
                    return Err(wrong(
                        dir,
                        name,
                        &format!("the step {kind:?} is not supported"),
                    ));
                }
            };
            if place <= before {
                let what = format!("the step {kind:?} stands where it is not supported");
                return Err(wrong(dir, name, &what));
            }
            before = place;
            let is_plain = !path.contains(['/', '\\', ':']) && path != "..";
            match kind {
                "Transformer" if !path.is_empty() && path != "." => {
                    let what = format!("the model is in {path:?}: move its files to the top");
                    return Err(wrong(dir, name, &what));
                }
                "Pooling" if !is_plain => {
                    let what = format!("the path {path:?} is no folder in this one");
                    return Err(wrong(dir, name, &what));
                }
                "Pooling" => path.clone_into(&mut modules.pooling),
                "Normalize" => modules.normalizes = true,
                _ => {}
            }
        }
        Ok(modules)
    }
}

/// The prompts of queries and of documents, by the names that sentence-transformers gives them.
fn prompts(dir: &Path, modules: &Modules) -> Result<(String, String)> {
    let name = "config_sentence_transformers.json";
    let Some(settings) = SettingsFile::read(dir, name)? else {
        return Ok(Default::default());
    };
    settings.only(&[
        "__version__",
        "model_type",
        "prompts",
        "default_prompt_name",
        "similarity_fn_name",
    ])?;
    match settings.text("model_type")? {
        None | Some("SentenceTransformer") => {}
        Some(other) => {
            return settings.wrong(format!("a model of the type {other:?} is no encoder"));
        }
    }
    match settings.text("similarity_fn_name")? {
        None | Some("cosine") => {}
        Some("dot" | "dot_product") if modules.normalizes => {}
        Some(other) => {
            return settings.wrong(format!(
                "the similarity {other:?} is not supported: vectors are compared by cosine, which \
                 is their inner product where the steps end in Normalize"
            ));
        }
    }
    let empty = Map::new();
    let prompts = match settings.get("prompts") {
        None => &empty,
        Some(Value::Object(prompts)) => prompts,
        Some(_) => return settings.wrong("prompts is no object"),
    };
    if let Some((name, _)) = prompts.iter().find(|(_, prompt)| !prompt.is_string()) {
        return settings.wrong(format!("the prompt {name:?} is no text"));
    }
    let prompt = |name: &str| prompts.get(name).and_then(Value::as_str);
    let default = match settings.text("default_prompt_name")? {
        None => None,
        Some(name) => match prompt(name) {
            Some(prompt) => Some(prompt),
            None => return settings.wrong(format!("there is no prompt {name:?}, the default one")),
        },
    };
    let query = prompt("query").or(default);
    let document = ["document", "passage", "corpus"]
        .into_iter()
        .find_map(prompt);
    let document = document.or(default);
    let is_for_others = query.is_none() && document.is_none();
    if is_for_others && prompts.values().any(|prompt| prompt != "") {
        let names: Vec<&str> = prompts.keys().map(String::as_str).take(8).collect();
        return settings.wrong(format!(
            "of the prompts {names:?} none is for queries or documents: call those that are \
             \"query\" and \"document\""
        ));
    }
    let owned = |prompt: Option<&str>| prompt.unwrap_or_default().to_owned();
    Ok((owned(query), owned(document)))
}

fn pooling(dir: &Path, folder: &str, has_prompt: bool) -> Result<Option<Pooling>> {
    let name = format!("{folder}/config.json");
    let Some(settings) = SettingsFile::read(dir, &name)? else {
        return Ok(None);
    };
    let modes = [
        ("cls_token", Pooling::Cls),
        ("mean_tokens", Pooling::Mean),
        // Another length than the mean's, and the same direction.
        ("mean_sqrt_len_tokens", Pooling::Mean),
        ("max_tokens", Pooling::Max),
        ("weightedmean_tokens", Pooling::WeightedMean),
        ("lasttoken", Pooling::LastToken),
    ];
    let flags = modes.map(|(mode, _)| format!("pooling_mode_{mode}"));
    let mut known = vec![
        "word_embedding_dimension",
        "embedding_dimension",
        "include_prompt",
        "pooling_mode",
    ];
    known.extend(flags.iter().map(String::as_str));
    settings.only(&known)?;
    if has_prompt && !settings.flag("include_prompt", true)? {
        return settings.wrong(
            "include_prompt is false: leaving the tokens of a prompt out of the pooling is not \
             supported",
        );
    }
    let mut on = Vec::new();
    for (flag, (_, pooling)) in flags.iter().zip(modes) {
        if settings.flag(flag, false)? {
            on.push(pooling);
        }
    }
    match (settings.text("pooling_mode")?, on.as_slice()) {
        (None, [one]) => Ok(Some(*one)),
        (Some(mode), [] | [_]) => {
            let of_mode = match mode {
                "mean_sqrt_len" => Some(Pooling::Mean),
                mode => Pooling::from_name(mode).ok(),
            };
            match of_mode.filter(|one| on.iter().all(|other| other == one)) {
                Some(one) => Ok(Some(one)),
                None => settings.wrong(format!("the pooling {mode:?} is not supported")),
            }
        }
        (None, []) => settings.wrong("no way of pooling that is known here is on"),
        _ => settings.wrong("more than one way of pooling is on, which is not supported"),
    }
}

/// Refuses models that score or classify texts.
fn check_kind(dir: &Path) -> Result<()> {
    let Some(config) = SettingsFile::read(dir, "config.json")? else {
        return Ok(());
    };
    let architectures = config.get("architectures").and_then(Value::as_array);
    let mut architectures = architectures
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    let other = [
        "SequenceClassification",
        "TokenClassification",
        "QuestionAnswering",
        "MultipleChoice",
    ];
    let is_other = |name: &&str| other.iter().any(|kind| name.ends_with(kind));
    match architectures.find(is_other) {
        Some(name) => config.wrong(format!(
            "{name} is a reranker or a classifier, no sentence encoder"
        )),
        None => Ok(()),
    }
}

/// The most tokens that are read, and whether texts are made lower case; `tokenizer_len` is what
/// the tokenizer says of the former.
fn sentence_bert(dir: &Path, tokenizer_len: Option<u64>) -> Result<(usize, bool)> {
    let positions = SettingsFile::read(dir, "config.json")?
        .and_then(|config| config.get("max_position_embeddings")?.as_u64());
    let by_default = match (tokenizer_len, positions) {
        (Some(len), Some(positions)) => len.min(positions),
        _ => FALLBACK_MAX_LEN_TOKENS as u64,
    };
    let (len, lower_case, name) = match SettingsFile::read(dir, "sentence_bert_config.json")? {
        None => (by_default, false, "tokenizer_config.json"),
        Some(settings) => {
            settings.only(&[
                "__version__",
                "max_seq_length",
                "do_lower_case",
                // How other programs call the graph; here its outputs say what they are.
                "transformer_task",
                "modality_config",
                "module_output_name",
                "unpad_inputs",
            ])?;
            let len = match settings.get("max_seq_length") {
                None => by_default,
                Some(value) => value.as_u64().unwrap_or(0),
            };
            (
                len,
                settings.flag("do_lower_case", false)?,
                "sentence_bert_config.json",
            )
        }
    };
    match usize::try_from(len) {
        Ok(len @ 1..) if len as u64 <= MAX_LEN_TOKENS => Ok((len, lower_case)),
        _ => Err(wrong(
            dir,
            name,
            "the most tokens of a text are no sensible number",
        )),
    }
}

/// Refuses what contradicts the `tokenizer.json` or cuts texts at another end than theirs; gives
/// the most tokens of a text.
fn check_tokenizer(dir: &Path, tokenizer: &[u8]) -> Result<Option<u64>> {
    let tokenizer: Value = serde_json::from_slice(tokenizer).unwrap_or_default();
    let left = "texts are cut at their beginning (truncation on the left), which is not supported";
    let Some(settings) = SettingsFile::read(dir, "tokenizer_config.json")? else {
        let side = tokenizer.pointer("/truncation/direction");
        return match side.and_then(Value::as_str) {
            Some("Left") => Err(wrong(dir, "tokenizer.json", left)),
            _ => Ok(None),
        };
    };
    match settings.text("truncation_side")? {
        None | Some("right") => {}
        Some(_) => return settings.wrong(left),
    }
    // Programs that read both files let these have their way over the tokenizer.json.
    if let Some(normalizer) = tokenizer.get("normalizer").and_then(bert_normalizer) {
        for (name, there) in [
            ("do_lower_case", "lowercase"),
            ("strip_accents", "strip_accents"),
            ("tokenize_chinese_chars", "handle_chinese_chars"),
        ] {
            if let Some(value) = settings.get(name)
                && normalizer.get(there) != Some(value)
            {
                return settings.wrong(format!(
                    "{name} is {value}, and {there} in the normalizer of tokenizer.json is not: \
                     save the tokenizer again with one of them"
                ));
            }
        }
    }
    let len = settings.get("model_max_length");
    Ok(len
        .and_then(Value::as_u64)
        .filter(|&len| len <= MAX_LEN_TOKENS))
}

/// The BERT normaliser in a normaliser, if any.
fn bert_normalizer(normalizer: &Value) -> Option<&Value> {
    let parts = normalizer.get("normalizers").and_then(Value::as_array);
    let mut all = parts.into_iter().flatten().chain([normalizer]);
    all.find(|part| {
        part.get("type")
            .is_some_and(|kind| kind == "BertNormalizer")
    })
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
