//! What the page shows of a search.

use std::time::{Duration, Instant};

use maud::PreEscaped;
use zerogr::{Facet, FacetCounts, FieldType, Filter, Index, SearchOptions, SnippetOptions};

use crate::console::failure::Failure;

use super::asked::Asked;
use super::walk::Walk;

/// The most fields that are counted by, and the most values a field may have to be one of them.
const MAX_FACETS: usize = 6;
const MAX_VALUES: usize = 12;
/// A search that takes longer shows what it has found by then.
const MAX_TIME: Duration = Duration::from_secs(20);

/// What was found.
pub struct Found {
    /// Best first.
    pub hits: Vec<ShownHit>,
    /// How many of the hits have which value of a field.
    pub facets: Vec<FacetCounts>,
    /// Whether the search ended by itself.
    pub is_complete: bool,
    /// How long it took, in milliseconds.
    pub time_ms: f64,
    /// How docids were decoded, if that is asked for.
    pub walk: Option<Walk>,
}

/// A hit as it is shown.
pub struct ShownHit {
    pub id: String,
    pub title: String,
    /// Those above its best place, outermost first.
    pub headings: Vec<String>,
    /// Where its best place begins, in characters.
    pub from_char: usize,
    /// What answers best, the words of the query marked.
    pub snippet: PreEscaped<String>,
    pub score: f64,
    pub similarity: Option<f32>,
}

/// Searches the newest state of an index.
pub fn search(index: &Index, asked: &Asked) -> Result<Found, Failure> {
    index.refresh()?;
    let mut options = SearchOptions::new()
        .k(asked.k())
        .mode(asked.mode.mode())
        .explain(asked.shows_walk());
    options.budget = options.budget.max_time(MAX_TIME);
    options.filter = match asked.filter.trim() {
        "" => None,
        text => Some(text.parse::<Filter>()?),
    };
    let begin = Instant::now();
    let result = index.search(&asked.q, &options)?;
    let time_ms = begin.elapsed().as_secs_f64() * 1e3;
    let snippets = SnippetOptions::new().max_chars(320);
    let mut hits = Vec::with_capacity(result.hits.len());
    for (hit, document) in result.hits.iter().zip(result.documents()?) {
        let snippet = result.snapshot().snippet(hit, &asked.q, &snippets)?;
        let place = hit.passages.first();
        hits.push(ShownHit {
            id: hit.id.clone(),
            title: document.title,
            headings: place.map_or(Vec::new(), |place| place.headings.clone()),
            from_char: place.map_or(0, |place| place.chars.start),
            snippet: PreEscaped(snippet.to_html()),
            score: hit.score,
            similarity: hit.similarity,
        });
    }
    let mut facets = Vec::new();
    for (name, of) in result.snapshot().params().fields.iter() {
        if facets.len() == MAX_FACETS {
            break;
        }
        if matches!(of, FieldType::Float | FieldType::Timestamp) {
            continue;
        }
        let counts = result.count_hits(&Facet::values(name))?;
        if (1..=MAX_VALUES).contains(&counts.counts.len()) {
            facets.push(counts);
        }
    }
    let walk = match asked.shows_walk() {
        true => Some(Walk::of(index, &result.hits)?),
        false => None,
    };
    Ok(Found {
        hits,
        facets,
        is_complete: result.complete,
        time_ms,
        walk,
    })
}
