//! Pseudo-queries: what somebody might type to find a document, made from the document.
//!
//! Four kinds, taken in turn until there are enough:
//!
//! 1. the title;
//! 2. a *piece*: a sentence, a table row with its column names, a line of code (the first piece
//!    first, then the others in random order, those of one or two units last);
//! 3. a *span* of 6 to 20 units anywhere in the text, across sentences;
//! 4. a *bag* of 3 to 9 terms, drawn without replacement in proportion to their weights.
//!
//! I1. The result depends on the seed, the document and the statistics alone, not on what other
//!     documents were seen before.
//! I2. No query is empty, and none comes twice (letter case, punctuation at the ends, and the
//!     order of the terms in a bag aside).
//! I3. There is at least one: a document without a word is asked for by the words of its id.

use std::collections::HashSet;

use super::docids::fallback_words;
use super::terms::TermStats;
use super::text::{MAX_PIECE_UNITS, Pieces, first_units};
use crate::Document;
use crate::lexicon::{fold, plain};
use crate::rng::Rng;

/// Units in a span, shortest and longest.
const SPAN_UNITS: (usize, usize) = (6, 20);

/// Terms in a bag, fewest and most.
const BAG_TERMS: (usize, usize) = (3, 9);

/// Terms that bags are drawn from: the document's best.
const BAG_POOL: usize = 50;

/// How pseudo-queries are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PseudoQueryOptions {
    /// Queries wanted for each document; short documents give fewer. Default 8.
    pub per_document: usize,
    /// Seed of all random choices. Default 0.
    pub seed: u64,
}

impl Default for PseudoQueryOptions {
    fn default() -> Self {
        PseudoQueryOptions {
            per_document: 8,
            seed: 0,
        }
    }
}

/// Pseudo-queries for `document`, at most `options.per_document`.
///
/// ```
/// use zerogr::{Document, raw::generate::{PseudoQueryOptions, TermStats, pseudo_queries}};
///
/// let document = Document::new("1").title("Wing flutter").text("Thin wings may vibrate.");
/// let queries = pseudo_queries(&document, &TermStats::new(), &PseudoQueryOptions::default());
/// assert_eq!(queries[..2], ["Wing flutter", "Thin wings may vibrate."]);
/// ```
pub fn pseudo_queries(
    document: &Document,
    stats: &TermStats,
    options: &PseudoQueryOptions,
) -> Vec<String> {
    let mut rng = Rng::for_name(options.seed, &document.id);
    let source = Pieces::of(&document.text);
    let (mut pieces, mut short) = source.by_length();
    if let Some(others) = pieces.get_mut(1..) {
        rng.shuffle(others);
    }
    pieces.append(&mut short);
    let mut pieces = pieces.into_iter();
    let mut pool = stats.weights(document);
    pool.truncate(BAG_POOL);

    let mut found = Queries {
        wanted: options.per_document,
        ..Queries::default()
    };
    let title = plain(&document.title);
    let title: Vec<&str> = title.text().split_whitespace().collect();
    found.add(first_units(&title.join(" "), MAX_PIECE_UNITS));
    // Every round offers one of each kind; rounds that find nothing new are bounded.
    for _round in 0..options.per_document.saturating_mul(2) {
        if let Some(piece) = pieces.next() {
            found.add(piece);
        }
        found.add(span(&source, &mut rng));
        found.add_bag(bag(&pool, &mut rng));
        if found.list.len() >= options.per_document {
            break;
        }
    }
    if found.list.is_empty() {
        found.add(&fallback_words(&document.id, BAG_TERMS.1).join(" "));
    }
    found.list
}

/// The queries so far.
#[derive(Default)]
struct Queries {
    wanted: usize,
    list: Vec<String>,
    seen: HashSet<String>,
    bags: HashSet<Vec<String>>,
}

impl Queries {
    /// Keeps `query` if it is new, says something, and is still wanted.
    fn add(&mut self, query: &str) {
        let key = fold(query.trim_matches(|c: char| !c.is_alphanumeric()));
        if self.list.len() < self.wanted && !key.is_empty() && self.seen.insert(key) {
            self.list.push(query.to_owned());
        }
    }

    /// Keeps a bag of terms if no bag had the same terms in another order.
    fn add_bag(&mut self, bag: Vec<&str>) {
        let query = bag.join(" ");
        let mut terms: Vec<String> = bag.into_iter().map(str::to_owned).collect();
        terms.sort_unstable();
        if self.bags.insert(terms) {
            self.add(&query);
        }
    }
}

/// A random span; empty when the text is shorter than the shortest.
fn span<'a>(source: &'a Pieces, rng: &mut Rng) -> &'a str {
    let count = rng.between(SPAN_UNITS.0, SPAN_UNITS.1);
    let units = source.unit_count();
    if units < SPAN_UNITS.0 {
        return "";
    }
    let count = count.min(units);
    source.span(rng.between(0, units - count), count)
}

/// Terms drawn one by one in proportion to their weights; empty when there are too few.
fn bag<'a>(pool: &'a [(String, f32)], rng: &mut Rng) -> Vec<&'a str> {
    let count = rng.between(BAG_TERMS.0, BAG_TERMS.1).min(pool.len());
    if count < 2 {
        return Vec::new();
    }
    let mut left: Vec<&(String, f32)> = pool.iter().collect();
    let mut drawn: Vec<&str> = Vec::with_capacity(count);
    while drawn.len() < count {
        let total: f64 = left.iter().map(|(_, weight)| f64::from(*weight)).sum();
        let mut point = rng.unit_f64() * total;
        let chosen = left
            .iter()
            .position(|(_, weight)| {
                point -= f64::from(*weight);
                point < 0.0
            })
            .unwrap_or(left.len() - 1);
        drawn.push(&left.remove(chosen).0);
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::super::text::samples;
    use super::*;
    use proptest::prelude::*;

    fn queries(document: &Document, per_document: usize, seed: u64) -> Vec<String> {
        let mut stats = TermStats::new();
        samples::all()
            .iter()
            .for_each(|document| stats.add(document));
        pseudo_queries(document, &stats, &PseudoQueryOptions { per_document, seed })
    }

    #[test]
    fn every_kind_of_document_gives_enough() {
        for document in samples::all() {
            let found = queries(&document, 8, 1);
            assert_eq!(found.len(), 8, "{}: {found:#?}", document.id);
            assert_eq!(found, queries(&document, 8, 1), "deterministic");
            assert_ne!(found, queries(&document, 8, 2), "the seed matters");
            let distinct: HashSet<&String> = found.iter().collect();
            assert_eq!(distinct.len(), 8);
        }
    }

    #[test]
    fn the_kinds_take_turns() {
        let found = queries(&samples::prose(), 4, 0);
        assert_eq!(found[0], samples::prose().title);
        assert!(found[1].starts_with("Thin panels may vibrate"));
        assert!((6..=20).contains(&found[2].split(' ').count()), "{found:?}");
        assert!((3..=9).contains(&found[3].split(' ').count()), "{found:?}");
        let text = samples::prose().text;
        assert!(text.contains(&found[2]));
        assert!(
            found[3]
                .split(' ')
                .all(|term| text.to_lowercase().contains(term)
                    || samples::prose().title.to_lowercase().contains(term))
        );
    }

    #[test]
    fn table_rows_carry_their_header() {
        let found = queries(&samples::csv_table(), 12, 0);
        assert!(
            found.iter().any(|query| query.contains("river Rhine")),
            "{found:?}"
        );
        let found = queries(&samples::markdown_table(), 12, 0);
        assert!(
            found.iter().any(|query| query.contains("Title Novella")),
            "{found:?}"
        );
    }

    #[test]
    fn identifiers_in_code_are_split() {
        let found = queries(&samples::python_code(), 8, 0);
        assert_eq!(found[0], "def min cost cost m n");
        assert!(
            found
                .iter()
                .all(|query| !query.contains('_') && !query.contains("totalCost"))
        );
    }

    #[test]
    fn small_documents() {
        assert_eq!(queries(&Document::new("a-1"), 8, 0), ["a 1"]);
        assert_eq!(queries(&Document::new("a").text("..."), 8, 0), ["a"]);
        assert_eq!(
            queries(&Document::new("a").text("Flutter"), 8, 0),
            ["Flutter"]
        );
        assert_eq!(
            queries(&Document::new("a").title("Flutter").text("flutter."), 8, 0),
            ["Flutter"]
        );
        assert_eq!(
            queries(&Document::new("a").title("The Who"), 8, 0),
            ["The Who"]
        );
        assert!(queries(&samples::prose(), 0, 0).is_empty());
        assert_eq!(queries(&samples::prose(), 1, 0).len(), 1);
    }

    #[test]
    fn other_documents_do_not_matter_to_the_choices() {
        let stats = TermStats::new();
        let options = PseudoQueryOptions::default();
        let alone = pseudo_queries(&samples::prose(), &stats, &options);
        let _ = pseudo_queries(&samples::python_code(), &stats, &options);
        assert_eq!(alone, pseudo_queries(&samples::prose(), &stats, &options));
        let mut renamed = samples::prose();
        renamed.id = "other".to_owned();
        assert_ne!(alone, pseudo_queries(&renamed, &stats, &options));
    }

    proptest! {
        #[test]
        fn never_empty_never_twice(id in "\\PC{1,8}", title in "\\PC{0,30}", text in "(\\PC|\n){0,200}", n in 0_usize..12) {
            let document = Document::new(id).title(title).text(text);
            let found = queries(&document, n, 5);
            prop_assert!(found.len() <= n);
            prop_assert!(n == 0 || !found.is_empty());
            let distinct: HashSet<&String> = found.iter().collect();
            prop_assert_eq!(distinct.len(), found.len());
            prop_assert!(found.iter().all(|query| !query.trim().is_empty()));
        }
    }
}
