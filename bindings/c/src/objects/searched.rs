//! What a search found, with the texts that C is shown.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::json;
use serde_json::value::RawValue;
use zerogr::{Document, Hit, Index, SearchOptions, SearchResult, SnippetOptions};

use super::opened::Opened;
use crate::failure::{Failure, Outcome};
use crate::texts::Shown;

/// What was asked.
pub struct Query {
    pub words: String,
    pub options: SearchOptions,
}

/// A result.
pub struct Searched {
    query: Query,
    index: Index,
    result: SearchResult,
    texts: Vec<HitTexts>,
}

/// Texts of a hit that C may be shown as long as the result is open.
struct HitTexts {
    id: Shown,
    docid: Shown,
    document: OnceLock<DocumentTexts>,
}

/// Texts of a document.
pub struct DocumentTexts {
    pub title: Shown,
    pub text: Shown,
    pub rest: Shown,
}

/// How marks are shown.
pub enum SnippetFormat<'a> {
    /// Between two texts.
    Between(&'a str, &'a str),
    Html,
    Json,
}

/// One hit.
pub struct FoundHit<'a> {
    pub hit: &'a Hit,
    pub id: &'a Shown,
    pub docid: &'a Shown,
}

impl Searched {
    /// Searches.
    pub fn new(opened: &Opened, query: Query) -> Outcome<Self> {
        let result = opened.state().search(&query.words, &query.options)?;
        let texts = result.hits.iter().map(|hit| HitTexts {
            id: Shown::new(&hit.id),
            docid: Shown::new(&hit.docid),
            document: OnceLock::new(),
        });
        Ok(Searched {
            query,
            index: opened.index().clone(),
            texts: texts.collect(),
            result,
        })
    }

    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether no limit of time ended the search.
    pub fn is_complete(&self) -> bool {
        self.result.complete
    }

    fn at(&self, place: usize) -> Outcome<(&Hit, &HitTexts)> {
        let hit = self.result.hits.get(place).zip(self.texts.get(place));
        hit.ok_or_else(|| {
            let hits = self.len();
            Failure::misuse(format!("there is no hit {place}: the result has {hits}"))
        })
    }

    /// A hit, the best one at place 0.
    pub fn hit(&self, place: usize) -> Outcome<FoundHit<'_>> {
        let (hit, texts) = self.at(place)?;
        Ok(FoundHit {
            hit,
            id: &texts.id,
            docid: &texts.docid,
        })
    }

    /// Its id and document, read the first time it is asked for.
    pub fn document(&self, place: usize) -> Outcome<(&Shown, &DocumentTexts)> {
        let (hit, texts) = self.at(place)?;
        if let Some(document) = texts.document.get() {
            return Ok((&texts.id, document));
        }
        let mut documents = self
            .result
            .snapshot()
            .documents(std::slice::from_ref(hit))?;
        let document = documents.pop().unwrap_or_default();
        let document = DocumentTexts::new(document)?;
        Ok((&texts.id, texts.document.get_or_init(|| document)))
    }

    /// The best lines of its text.
    pub fn snippet(
        &self,
        place: usize,
        options: SnippetOptions,
        format: &SnippetFormat<'_>,
    ) -> Outcome<String> {
        let (hit, _) = self.at(place)?;
        let options = options.prefix(self.query.options.prefix);
        let snippet = self.result.snapshot();
        let snippet = snippet.snippet(hit, &self.query.words, &options)?;
        Ok(match format {
            SnippetFormat::Html => snippet.to_html(),
            SnippetFormat::Json => serde_json::to_string(&snippet)?,
            SnippetFormat::Between(open, close) => {
                let parts = snippet.parts().map(|(part, mark)| match mark {
                    Some(_) => [*open, part, *close].concat(),
                    None => part.to_owned(),
                });
                parts.collect()
            }
        })
    }

    /// All that is known of a hit, as JSON; decisions with their tokens in words.
    pub fn explain(&self, place: usize) -> Outcome<String> {
        let (hit, _) = self.at(place)?;
        let mut value = serde_json::to_value(hit)?;
        let decisions = hit.explanation.iter().flat_map(|why| &why.decisions);
        let shown = value["explanation"]["decisions"].as_array_mut();
        for (decision, shown) in decisions.zip(shown.into_iter().flatten()) {
            shown["text"] = match decision.token {
                Some(token) => json!(self.index.token_text(token)?),
                None => json!("(end)"),
            };
        }
        Ok(value.to_string())
    }
}

impl DocumentTexts {
    /// Title and text by themselves, everything else as JSON.
    fn new(document: Document) -> Outcome<Self> {
        let line = document.to_json_line();
        // Values stay as they are written, numbers of any size included.
        let mut rest: BTreeMap<&str, &RawValue> = serde_json::from_str(&line)?;
        for part in ["_id", "title", "text"] {
            rest.remove(part);
        }
        let rest = serde_json::to_string(&rest)?;
        Ok(DocumentTexts {
            title: Shown::new(&document.title),
            text: Shown::new(&document.text),
            rest: Shown::new(&rest),
        })
    }
}
