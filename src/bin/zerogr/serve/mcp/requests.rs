//! What clients ask, with the words that they are told about each part.

use rmcp::schemars;
use serde::Deserialize;
use serde_json::{Map, Value};
use zerogr::Mode;

/// `search`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub struct Search {
    /// What to look for, in words. A question or a description of what is sought does best.
    pub query: String,
    /// Name of the index; not needed where only one is served.
    pub index: Option<String>,
    /// Hits wanted, 1 to 50.
    #[serde(default = "few_hits")]
    #[schemars(range(min = 1, max = 50))]
    pub k: usize,
    /// Only documents whose fields are so: `year >= 2020 and lang in ("en", "de") and not draft`.
    /// `list_fields` tells the fields.
    #[serde(rename = "where")]
    pub filter: Option<String>,
    /// By meaning and words (`planned`), or by words alone (`lexical`).
    #[serde(default)]
    pub mode: SearchMode,
    /// The longest answer wanted, in characters, 500 to 50,000. Hits that do not go in are left out
    /// and counted.
    #[serde(default = "short")]
    #[schemars(range(min = 500, max = 50_000))]
    pub max_chars: usize,
}

/// How a search finds documents.
#[derive(Debug, Clone, Copy, Default, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(crate = "rmcp::schemars")]
pub enum SearchMode {
    /// By meaning and words.
    #[default]
    Planned,
    /// By words alone.
    Lexical,
}

impl SearchMode {
    /// What the library calls it.
    pub fn mode(self) -> Mode {
        match self {
            SearchMode::Planned => Mode::Planned,
            SearchMode::Lexical => Mode::Lexical,
        }
    }
}

/// `get`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub struct Get {
    /// Id of the document, as `search` gives it.
    pub id: String,
    /// Name of the index; not needed where only one is served.
    pub index: Option<String>,
    /// Where in its text to begin, in characters.
    #[serde(default)]
    pub from_char: usize,
    /// The longest piece of text wanted, in characters, 1 to 50,000.
    #[serde(default = "a_page")]
    #[schemars(range(min = 1, max = 50_000))]
    pub max_chars: usize,
}

/// `list_fields`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub struct ListFields {
    /// Name of the index; not needed where only one is served.
    pub index: Option<String>,
}

/// `add`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub struct Add {
    /// Documents: objects with `id` and `text`, and if they have them `title`, `tags` (texts) and
    /// `metadata` (an object of fields). One whose id is there takes the place of the old one.
    #[schemars(length(min = 1, max = 1_000))]
    pub documents: Vec<Map<String, Value>>,
    /// Name of the index; not needed where only one is served.
    pub index: Option<String>,
}

/// `delete`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub struct Delete {
    /// Ids of the documents.
    #[schemars(length(min = 1, max = 1_000))]
    pub ids: Vec<String>,
    /// Name of the index; not needed where only one is served.
    pub index: Option<String>,
}

fn few_hits() -> usize {
    5
}

fn short() -> usize {
    4_000
}

fn a_page() -> usize {
    8_000
}
