//! Folders of encoders whose tokens are compared (ColBERT), in the three layouts that are published.
//!
//! | layout | told by | its settings |
//! |---|---|---|
//! | PyLate | `"model_type": "ColBERT"`, or keys of PyLate | `config_sentence_transformers.json` |
//! | sentence-transformers | the step `MultiVectorMask`, or `"model_type": "MultiVectorEncoder"` | `sentence_bert_config.json`, the folder of that step |
//! | ColBERT's authors | the class `HF_ColBERT` | `artifact.metadata`; the projection is among the weights |
//!
//! All become the same few settings in token numbers. A marker is a token in front of the text; in
//! the second layout it is the beginning of a prompt that the tokenizer takes for one token.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::families::TOKEN_CLASS;
use super::steps::Steps;
use crate::Result;
use crate::convert::checkpoint::texts::TokenIds;
use crate::convert::hugging_face::folder::{read_json, wrong};
use crate::encode::{LateInteraction, QueryExpansion};
use crate::model::SettingsFile;

/// Prompts, and the settings of PyLate.
pub(super) const PROMPTS_FILE: &str = "config_sentence_transformers.json";
/// Lengths, and the settings of sentence-transformers.
pub(super) const LENGTHS_FILE: &str = "sentence_bert_config.json";
const METADATA_FILE: &str = "artifact.metadata";

/// The projection in the layout of ColBERT's authors.
pub(super) const PROJECTION: &str = "linear.weight";

/// What is skipped where a folder does not say: the punctuation of ASCII.
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

const QUERY_TOKENS: usize = 32;
const DOCUMENT_TOKENS: usize = 180;

/// Keys that PyLate alone writes.
const PYLATE_KEYS: [&str; 7] = [
    "query_prefix",
    "document_prefix",
    "query_length",
    "document_length",
    "do_query_expansion",
    "attend_to_expansion_tokens",
    "skiplist_words",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    PyLate,
    SentenceTransformers,
    Authors,
}

/// What a folder says of reading queries and documents.
pub(super) struct TokenSettings {
    pub late_interaction: LateInteraction,
    /// What of the prompts is text.
    pub query_prompt: String,
    pub document_prompt: String,
}

impl Layout {
    /// The layout of a folder of an encoder of tokens; `None` if it is one of texts.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`](crate::ErrorKind::Model) for a file that cannot be read.
    pub fn of(dir: &Path, classes: &[String], steps: &Steps) -> Result<Option<Layout>> {
        let values: Map<String, Value> = read_json(dir, PROMPTS_FILE)?.unwrap_or_default();
        let kind = values.get("model_type").and_then(Value::as_str);
        let is_pylate =
            kind == Some("ColBERT") || PYLATE_KEYS.iter().any(|key| values.contains_key(*key));
        let is_multi_vector = steps.mask.is_some() || kind == Some("MultiVectorEncoder");
        Ok(if is_multi_vector {
            Some(Layout::SentenceTransformers)
        } else if is_pylate {
            Some(Layout::PyLate)
        } else if classes.iter().any(|class| class == TOKEN_CLASS) {
            Some(Layout::Authors)
        } else {
            None
        })
    }
}

/// A folder of an encoder of tokens.
pub(super) struct TokenFolder<'a> {
    pub layout: Layout,
    pub dir: &'a Path,
    /// The folder of the transformer.
    pub inner: &'a Path,
    pub steps: &'a Steps,
    pub tokens: &'a TokenIds,
    /// The most tokens that the model has places for.
    pub max_tokens: usize,
}

impl TokenFolder<'_> {
    /// Its settings.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`](crate::ErrorKind::Model) naming the file and the setting that is not
    /// known, cannot be applied or names a token that is not there.
    pub fn settings(&self) -> Result<TokenSettings> {
        if self.steps.has_pooling {
            let what = "has a step of pooling, and tokens are to be compared";
            return Err(wrong(self.dir, super::steps::FILE, what));
        }
        let prompts = self.file(self.dir, PROMPTS_FILE)?;
        let common = [
            "__version__",
            "model_type",
            "prompts",
            "default_prompt_name",
            "similarity_fn_name",
        ];
        match self.layout {
            Layout::PyLate => prompts.only(&[&common[..], &PYLATE_KEYS].concat())?,
            _ => prompts.only(&common)?,
        }
        if let Some(name) = prompts.text("similarity_fn_name")?
            && !["maxsim", "meanmaxsim", "cosine"].contains(&name.to_lowercase().as_str())
        {
            let what =
                format!("the similarity {name:?} is not supported: tokens are compared by maxsim");
            return prompts.wrong(what);
        }
        let mut found = match self.layout {
            Layout::PyLate => self.pylate(&prompts)?,
            Layout::SentenceTransformers => self.sentence_transformers(&prompts)?,
            Layout::Authors => self.authors()?,
        };
        let late = &mut found.late_interaction;
        for most in [&mut late.max_query_tokens, &mut late.max_document_tokens] {
            *most = self.max_tokens.min(*most);
        }
        if let Some(expansion) = &mut late.expansion {
            expansion.len_tokens = late.max_query_tokens.min(expansion.len_tokens);
        }
        Ok(found)
    }

    fn pylate(&self, file: &SettingsFile<'_>) -> Result<TokenSettings> {
        let marker = |key: &str, usual: &str| {
            let prefix = file.text(key)?.filter(|prefix| !prefix.is_empty());
            let prefix = prefix.unwrap_or(usual);
            Ok::<_, crate::Error>((self.marker(file, key, prefix)?, prefix.to_owned()))
        };
        let (query_marker, query_prefix) = marker("query_prefix", "[Q] ")?;
        let (document_marker, document_prefix) = marker("document_prefix", "[D] ")?;
        let rest = |name: &str, prefix: &str| {
            let prompt = prompt(file, name)?;
            Ok::<_, crate::Error>(prompt.strip_prefix(prefix).unwrap_or(&prompt).to_owned())
        };
        let max_query_tokens = file.count("query_length")?.unwrap_or(QUERY_TOKENS);
        let is_expanded = file.flag("do_query_expansion", true)?;
        let is_attended = file.flag("attend_to_expansion_tokens", false)?;
        let expansion = match is_expanded {
            false => None,
            true => Some(QueryExpansion {
                token: self.mask()?,
                len_tokens: max_query_tokens,
                is_attended,
            }),
        };
        let skipped = file.texts("skiplist_words")?;
        Ok(TokenSettings {
            late_interaction: LateInteraction {
                query_marker: Some(query_marker),
                document_marker: Some(document_marker),
                max_query_tokens,
                max_document_tokens: file.count("document_length")?.unwrap_or(DOCUMENT_TOKENS),
                expansion,
                skipped_tokens: self.skipped(skipped.filter(|words| !words.is_empty())),
            },
            query_prompt: rest("query", &query_prefix)?,
            document_prompt: rest("document", &document_prefix)?,
        })
    }

    fn sentence_transformers(&self, prompts: &SettingsFile<'_>) -> Result<TokenSettings> {
        if !self.steps.is_normalised {
            let what = "has no step Normalize, and tokens are compared by their directions";
            return Err(wrong(self.dir, super::steps::FILE, what));
        }
        let lengths = self.file(self.inner, LENGTHS_FILE)?;
        let mask = self.steps.mask.as_deref().unwrap_or_default();
        let file = self.file(self.dir, &format!("{mask}/config.json"))?;
        file.only(&["skiplist_words", "skiplist_tasks", "keep_only_token_ids"])?;
        if let Some(tasks) = file.texts("skiplist_tasks")?
            && tasks != ["document"]
        {
            return file.wrong("skiplist_tasks: tokens are left out of documents only");
        }
        if file.get("keep_only_token_ids").is_some() {
            return file.wrong("keep_only_token_ids cannot be applied");
        }
        let (query_marker, query_prompt) = self.split(&prompt(prompts, "query")?);
        let (document_marker, document_prompt) = self.split(&prompt(prompts, "document")?);
        let most = lengths.count("query_length")?.unwrap_or(self.max_tokens);
        let (expansion, max_query_tokens) = match lengths.within("query_expansion")? {
            None => (None, most),
            Some(settings) => self.expansion(&settings, most)?,
        };
        let words = file.texts("skiplist_words")?.unwrap_or_default();
        let most = lengths.count("document_length")?.unwrap_or(self.max_tokens);
        Ok(TokenSettings {
            late_interaction: LateInteraction {
                query_marker,
                document_marker,
                max_query_tokens,
                max_document_tokens: most,
                expansion,
                skipped_tokens: self.skipped(Some(words)),
            },
            query_prompt,
            document_prompt,
        })
    }

    /// What `query_expansion` says, and the most tokens of a query.
    fn expansion(
        &self,
        settings: &SettingsFile<'_>,
        most: usize,
    ) -> Result<(Option<QueryExpansion>, usize)> {
        settings.only(&["strategy", "attend", "token", "length"])?;
        let Some(len_tokens) = settings.count("length")? else {
            return settings.wrong("query_expansion has no length");
        };
        let most = match settings.text("strategy")? {
            Some("fixed") => len_tokens,
            Some("min") => most.max(len_tokens),
            _ => return settings.wrong("query_expansion has no strategy that is known here"),
        };
        let token = match settings.text("token")? {
            None => self.mask()?,
            Some(token) => self.marker(settings, "token", token)?,
        };
        let is_attended = settings.flag("attend", false)?;
        let expansion = QueryExpansion {
            token,
            len_tokens,
            is_attended,
        };
        Ok((Some(expansion), most))
    }

    fn authors(&self) -> Result<TokenSettings> {
        let file = self.file(self.dir, METADATA_FILE)?;
        let marker = |key: &str, usual: &str| {
            let token = file.text(key)?.unwrap_or(usual);
            self.marker(&file, key, token)
        };
        if let Some(name) = file.text("similarity")?.filter(|name| *name != "cosine") {
            return file.wrong(format!("the similarity {name:?} is not supported"));
        }
        let max_query_tokens = file.count("query_maxlen")?.unwrap_or(QUERY_TOKENS);
        let skips = file.flag("mask_punctuation", true)?;
        Ok(TokenSettings {
            late_interaction: LateInteraction {
                query_marker: Some(marker("query_token_id", "[unused0]")?),
                document_marker: Some(marker("doc_token_id", "[unused1]")?),
                max_query_tokens,
                max_document_tokens: file.count("doc_maxlen")?.unwrap_or(DOCUMENT_TOKENS),
                expansion: Some(QueryExpansion {
                    token: self.mask()?,
                    len_tokens: max_query_tokens,
                    is_attended: file.flag("attend_to_mask_tokens", false)?,
                }),
                skipped_tokens: self.skipped((!skips).then(Vec::new)),
            },
            query_prompt: String::new(),
            document_prompt: String::new(),
        })
    }

    /// A file; without it, no settings.
    fn file<'d>(&self, dir: &'d Path, name: &str) -> Result<SettingsFile<'d>> {
        let read = SettingsFile::read(dir, name)?;
        Ok(read.unwrap_or_else(|| SettingsFile::none(dir, name)))
    }

    /// The number of a token that a setting names.
    fn marker(&self, file: &SettingsFile<'_>, key: &str, token: &str) -> Result<u32> {
        match self.tokens.id(token) {
            Some(id) => Ok(id),
            None => file.wrong(format!(
                "{key} is {token:?}, which is no token of the tokenizer: the folder may have been \
                 saved without it"
            )),
        }
    }

    /// A prompt as the token that it begins with, if the tokenizer keeps one in a text, and the
    /// rest.
    fn split(&self, prompt: &str) -> (Option<u32>, String) {
        let begins = |(token, _): &(&str, u32)| !token.is_empty() && prompt.starts_with(token);
        let longest = self.tokens.added().filter(begins);
        match longest.max_by_key(|(token, _)| token.len()) {
            Some((token, id)) => {
                let rest = prompt.strip_prefix(token).unwrap_or_default();
                (Some(id), rest.to_owned())
            }
            None => (None, prompt.to_owned()),
        }
    }

    /// The token that fills queries: the mask, or that which ends texts.
    fn mask(&self) -> Result<u32> {
        for name in ["tokenizer_config.json", "special_tokens_map.json"] {
            let values: Map<String, Value> = read_json(self.inner, name)?.unwrap_or_default();
            for key in ["mask_token", "eos_token"] {
                let token = values.get(key).map(|token| match token {
                    Value::Object(token) => token.get("content").unwrap_or(&Value::Null),
                    other => other,
                });
                if let Some(id) = token
                    .and_then(Value::as_str)
                    .and_then(|token| self.tokens.id(token))
                {
                    return Ok(id);
                }
            }
        }
        // The default of the classes of BERT.
        self.tokens.id("[MASK]").ok_or_else(|| {
            let what = "names no mask_token, and queries are filled up with it";
            wrong(self.inner, "tokenizer_config.json", what)
        })
    }

    /// The numbers of the words that are tokens; without a list, of punctuation.
    fn skipped(&self, words: Option<Vec<String>>) -> Vec<u32> {
        let words = words.unwrap_or_else(|| PUNCTUATION.chars().map(String::from).collect());
        let mut tokens: Vec<u32> = words
            .iter()
            .filter_map(|word| self.tokens.id(word))
            .collect();
        tokens.sort_unstable();
        tokens.dedup();
        tokens
    }
}

impl TokenSettings {
    /// The prompts that are text, as sentence-transformers writes them.
    pub fn prompts(&self) -> Value {
        json!({"prompts": {"query": self.query_prompt, "document": self.document_prompt}})
    }

    /// The settings of this engine.
    pub fn engine(&self) -> Value {
        json!({"late_interaction": self.late_interaction})
    }
}

/// A prompt by its name, or the default one; empty if there is none.
fn prompt(file: &SettingsFile<'_>, name: &str) -> Result<String> {
    let Some(prompts) = file.within("prompts")? else {
        return Ok(String::new());
    };
    let default = file.text("default_prompt_name")?;
    let prompt = match prompts.text(name)? {
        None => default
            .map(|default| prompts.text(default))
            .transpose()?
            .flatten(),
        found => found,
    };
    Ok(prompt.unwrap_or_default().to_owned())
}
