//! What the files of a folder say of texts.
//!
//! | file | |
//! |---|---|
//! | `tokenizer.json` | the tokenizer |
//! | `tokenizer_config.json` | its first and last token, whether texts start with the former, a chat template |
//! | `special_tokens_map.json` | its first and last token |
//! | `chat_template.jinja` | the chat template, before the one of `tokenizer_config.json` |
//! | `config.json`, `generation_config.json` | the numbers of the first and the last tokens |

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::config_json::{CONFIG_FILE, ConfigJson};
use super::folder::{read, read_json, wrong};
use crate::Result;
use crate::convert::checkpoint::texts::{Texts, TokenIds};
use crate::model::Tokenizer;

const TOKENIZER_FILE: &str = "tokenizer.json";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
const GENERATION_CONFIG: &str = "generation_config.json";
const TEMPLATE_FILE: &str = "chat_template.jinja";

#[derive(Deserialize, Default)]
struct TokenizerSettings {
    tokenizer_class: Option<String>,
    chat_template: Option<Value>,
    bos_token: Option<Value>,
    eos_token: Option<Value>,
    eot_token: Option<Value>,
    eom_token: Option<Value>,
    add_bos_token: Option<bool>,
}

#[derive(Deserialize, Default)]
struct GenerationSettings {
    bos_token_id: Option<Value>,
    eos_token_id: Option<Value>,
}

#[derive(Deserialize, Default)]
struct SpecialTokens {
    bos_token: Option<Value>,
    eos_token: Option<Value>,
}

/// The tokenizer of the folder, as the model reads texts, and what is said of them.
pub(super) fn texts(dir: &Path, config: &ConfigJson<'_>) -> Result<(Vec<u8>, Texts)> {
    let bytes = read(dir, TOKENIZER_FILE)?.ok_or_else(|| {
        let what = "is missing; download it with the model (other tokenizer files cannot be read)";
        wrong(dir, TOKENIZER_FILE, what)
    })?;
    let settings: TokenizerSettings = read_json(dir, TOKENIZER_CONFIG)?.unwrap_or_default();
    let special: SpecialTokens = read_json(dir, "special_tokens_map.json")?.unwrap_or_default();
    let generation: GenerationSettings = read_json(dir, GENERATION_CONFIG)?.unwrap_or_default();
    let tokenizer = Tokenizer::from_bytes(&bytes)
        .map_err(|e| wrong(dir, TOKENIZER_FILE, &format!("cannot be used: {e}")))?;
    let ids = TokenIds::of(&bytes)?;
    let vocab = config.count("vocab_size")?.unwrap_or(usize::MAX);

    let numbers = |file: &str, value: Option<&Value>| token_numbers(dir, file, value, vocab);
    let of_generation = numbers(GENERATION_CONFIG, generation.eos_token_id.as_ref())?;
    let of_config = numbers(CONFIG_FILE, config.tokens("eos_token_id"))?;
    let named = [
        &settings.eos_token,
        &settings.eot_token,
        &settings.eom_token,
        &special.eos_token,
    ];
    let named = named
        .into_iter()
        .filter_map(|token| ids.id(token_text(token)?));
    let mut eos_token_ids = [of_generation, of_config].concat();
    eos_token_ids.extend(named.filter(|id| (*id as usize) < vocab));

    let bos_text = token_text(&settings.bos_token).or(token_text(&special.bos_token));
    let bos = numbers(GENERATION_CONFIG, generation.bos_token_id.as_ref())?;
    let bos = bos.first().copied();
    let of_config = numbers(CONFIG_FILE, config.tokens("bos_token_id"))?;
    let bos_token_id = bos
        .or(of_config.first().copied())
        .or_else(|| ids.id(bos_text?));

    let template = match read(dir, TEMPLATE_FILE)? {
        Some(bytes) => {
            Some(String::from_utf8(bytes).map_err(|_| wrong(dir, TEMPLATE_FILE, "is not UTF-8"))?)
        }
        None => settings.chat_template.as_ref().and_then(template_text),
    };
    let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf());
    let name = absolute.file_name().unwrap_or_default().to_string_lossy();
    let texts = Texts {
        name: name.into_owned(),
        chat_template: template,
        bos_token_id,
        eos_token_ids,
    };
    let starts = settings.add_bos_token;
    let by_class = ["LlamaTokenizer", "LlamaTokenizerFast"];
    let is_llama = by_class
        .map(Some)
        .contains(&settings.tokenizer_class.as_deref());
    let starts = starts.or(is_llama.then_some(true));
    let first = bos_text.or(is_llama.then_some("<s>"));
    let first = first.and_then(|text| Some((text, ids.id(text)?)));
    if settings.add_bos_token == Some(true) && first.is_none() {
        let what = "asks for a first token (add_bos_token) and names none of the vocabulary \
                    (bos_token)";
        return Err(wrong(dir, TOKENIZER_CONFIG, what));
    }
    let (Some(starts), Some((_, id))) = (starts, first) else {
        return Ok((bytes, texts));
    };
    let does_start = tokenizer.encode("a", 64)?.first() == Some(&id);
    if starts == does_start {
        return Ok((bytes, texts));
    }
    Ok((ids.starting_with(first.filter(|_| starts)), texts))
}

/// The token ids that a key of `file` names: one, several or none.
fn token_numbers(dir: &Path, file: &str, value: Option<&Value>, vocab: usize) -> Result<Vec<u32>> {
    let list = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    let id = |value: &Value| {
        let id = value.as_u64().filter(|id| *id < vocab as u64);
        let id = id.and_then(|id| u32::try_from(id).ok());
        id.ok_or_else(|| {
            let what = format!(
                "names the token {value} as the first or the last of a text (bos_token_id, \
                 eos_token_id), and the vocabulary has none of that number"
            );
            wrong(dir, file, &what)
        })
    };
    list.iter().map(id).collect()
}

/// The text of a token that is given as such or as an object.
fn token_text(token: &Option<Value>) -> Option<&str> {
    match token.as_ref()? {
        Value::String(text) => Some(text),
        object => object["content"].as_str(),
    }
}

/// A template, or the one called `default` of several.
fn template_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(several) => {
            let named = |name: &str| several.iter().find(|one| one["name"] == name);
            let chosen = named("default").or(several.first())?;
            chosen["template"].as_str().map(str::to_owned)
        }
        _ => None,
    }
}
