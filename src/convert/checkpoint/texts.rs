//! What a checkpoint says of texts: how they begin and end, and how a chat is written.
//!
//! I1. Every token that some file of the checkpoint says to end a text ends one, and so do the
//! tokens that the families' chats end turns with: a chat model that is stopped by another token
//! than the one it writes does not stop.
//! I2. A chat template that does not work is left out, and the record says why; the rest of the
//! model is not blocked by it.

use serde_json::{Value, json};

use crate::encode::DocidTokenizer;
use crate::model::Tokenizer;
use crate::model::language::{LanguageModelConfig, check_chat_template};
use crate::{Error, ErrorKind, Result};

/// What a checkpoint says of texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::convert) struct Texts {
    pub name: String,
    pub chat_template: Option<String>,
    pub bos_token_id: Option<u32>,
    /// The tokens that the files declare to end a text.
    pub eos_token_ids: Vec<u32>,
}

/// Tokens that end a text or a turn by their names.
const END_TOKENS: [&str; 10] = [
    "<|im_end|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end_of_text|>",
    "<|end|>",
    "<|return|>",
    "<end_of_turn>",
    "<EOT>",
    "_<EOT>",
];

impl Texts {
    /// The record of a model, with what is said of texts. `tokenizer` is its `tokenizer.json`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`](crate::ErrorKind::Model) when the tokenizer is no JSON.
    pub fn into_record(
        self,
        tokenizer: &[u8],
        record: LanguageModelConfig,
    ) -> Result<LanguageModelConfig> {
        let tokenizer = TokenIds::of(tokenizer)?;
        let mut ends = self.eos_token_ids;
        ends.sort_unstable();
        ends.dedup();
        let mut named: Vec<u32> = END_TOKENS
            .iter()
            .filter_map(|name| tokenizer.id(name))
            .filter(|id| !ends.contains(id) && (*id as usize) < record.vocab)
            .collect();
        named.sort_unstable();
        named.dedup();
        // What is declared stays in front: docids end with the first.
        ends.extend(named);
        let checked = match self.chat_template {
            Some(template) => check_chat_template(&template).map(|()| Some(template)),
            None => Ok(None),
        };
        let (chat_template, chat_template_problem) = match checked {
            Ok(template) => (template, None),
            Err(error) => (None, Some(error.to_string())),
        };
        Ok(LanguageModelConfig {
            name: self.name,
            bos_token_id: self.bos_token_id,
            eos_token_ids: ends,
            chat_template,
            chat_template_problem,
            ..record
        })
    }
}

/// The ids of tokens by their texts, in a `tokenizer.json`.
pub(in crate::convert) struct TokenIds(Value);

impl TokenIds {
    /// Of the bytes of the file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`](crate::ErrorKind::Model) when they are no JSON.
    pub fn of(tokenizer: &[u8]) -> Result<TokenIds> {
        let parsed = serde_json::from_slice(tokenizer).map_err(|e| {
            let message = format!("not a usable tokenizer.json ({e}); use the file of the model");
            crate::Error::with_source(crate::ErrorKind::Model, message, e)
        })?;
        Ok(TokenIds(parsed))
    }

    /// The id of a token.
    pub fn id(&self, text: &str) -> Option<u32> {
        let added = self.0["added_tokens"].as_array().into_iter().flatten();
        let added = added.filter(|token| token["content"] == text);
        let number = |id: &Value| id.as_u64().and_then(|id| u32::try_from(id).ok());
        let mut ids = added.filter_map(|token| number(&token["id"]));
        ids.next().or_else(|| match &self.0["model"]["vocab"] {
            Value::Object(ids) => ids.get(text).and_then(number),
            Value::Array(pieces) => {
                let at = pieces.iter().position(|piece| piece[0] == text)?;
                u32::try_from(at).ok()
            }
            _ => None,
        })
    }

    /// The tokens that are kept whole in a text, with their ids.
    pub fn added(&self) -> impl Iterator<Item = (&str, u32)> {
        let added = self.0["added_tokens"].as_array().into_iter().flatten();
        added.filter_map(|token| {
            let id = u32::try_from(token["id"].as_u64()?).ok()?;
            Some((token["content"].as_str()?, id))
        })
    }

    /// The file with this token before every text, or with nothing around it.
    pub fn starting_with(mut self, first: Option<(&str, u32)>) -> Vec<u8> {
        self.0["post_processor"] = first.map_or(Value::Null, |(text, id)| starts_with(text, id));
        self.0.to_string().into_bytes()
    }
}

/// The `post_processor` of a `tokenizer.json` by which every text starts with this token.
pub(in crate::convert) fn starts_with(token: &str, id: u32) -> Value {
    let special = json!({"SpecialToken": {"id": token, "type_id": 0}});
    let text = |name: &str, kind: usize| json!({"Sequence": {"id": name, "type_id": kind}});
    json!({
        "type": "TemplateProcessing",
        "single": [special, text("A", 0)],
        "pair": [special, text("A", 0), text("B", 1)],
        "special_tokens": {token: {"id": token, "ids": [id], "tokens": [token]}},
    })
}

/// The tokenizer must be readable, and must not have tokens that the model lacks.
pub(in crate::convert) fn check_tokenizer(json: &[u8], vocab: usize) -> Result<Tokenizer> {
    let tokenizer = Tokenizer::from_bytes(json)?;
    let tokens = tokenizer.vocabulary_size();
    if tokens <= vocab {
        return Ok(tokenizer);
    }
    let message = format!(
        "the tokenizer has {tokens} tokens and the model {vocab}: they do not belong together"
    );
    Err(Error::new(ErrorKind::Model, message))
}
