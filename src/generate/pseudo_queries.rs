//! Pseudo-queries: what someone looking for a document might type, made of its own words.
//!
//! In turn, until enough are made: the title; sentences (or table rows) in random order; random
//! spans of 6-20 words; bags of 3-9 terms drawn by weight. Measured on the prototype, these
//! train at least as well as the questions of a small language model.

use super::terms::TermStats;
use super::text::{beginning, passages, single_spaced};
use crate::docs::Document;
use crate::rng::Rng;

/// Words of a sentence that are kept: an encoder reads little more.
const MAX_SENTENCE_WORDS: usize = 48;
const SPAN_WORDS: (usize, usize) = (6, 20);
const BAG_TERMS: (usize, usize) = (3, 9);
/// Terms a bag is drawn from.
const MAX_TERMS: usize = 40;

/// How pseudo-queries are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PseudoQueryOptions {
    /// Most pseudo-queries per document.
    pub per_document: usize,
    /// Seed; each document has its own sequence, whatever the others are.
    pub seed: u64,
}

/// At most `options.per_document` distinct pseudo-queries of a document; none for one without
/// a word.
pub fn pseudo_queries(
    document: &Document,
    stats: &TermStats,
    options: &PseudoQueryOptions,
) -> Vec<String> {
    let mut rng = Rng::for_label(options.seed, &document.id);
    let text = beginning(&document.text);
    let mut queries = Queries {
        wanted: options.per_document,
        made: Vec::new(),
    };
    queries.push(single_spaced(&document.title));

    let mut sentences = passages(text);
    rng.shuffle(&mut sentences);
    let mut sentences = sentences.into_iter();
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut terms = stats.terms(document);
    terms.truncate(MAX_TERMS);

    // Rounds of one kind each; a document too short for new ones ends them early.
    for round in 0..options.per_document.saturating_mul(3) {
        if queries.is_full() {
            break;
        }
        match round % 3 {
            0 => queries.push(first_words(
                &sentences.next().unwrap_or_default(),
                MAX_SENTENCE_WORDS,
            )),
            1 => queries.push(random_span(&words, &mut rng)),
            _ => queries.push(random_bag(&terms, &mut rng)),
        }
    }
    queries.made
}

struct Queries {
    wanted: usize,
    made: Vec<String>,
}

impl Queries {
    fn push(&mut self, query: String) {
        let has_word = query.chars().any(char::is_alphanumeric);
        if has_word && !self.is_full() && !self.made.contains(&query) {
            self.made.push(query);
        }
    }

    fn is_full(&self) -> bool {
        self.made.len() >= self.wanted
    }
}

fn first_words(text: &str, count: usize) -> String {
    text.split(' ').take(count).collect::<Vec<_>>().join(" ")
}

fn random_span(words: &[&str], rng: &mut Rng) -> String {
    let length = rng.between(SPAN_WORDS.0, SPAN_WORDS.1).min(words.len());
    let start = rng.below(words.len() - length + 1);
    words[start..start + length].join(" ")
}

/// Distinct terms drawn in proportion to their weight.
fn random_bag(terms: &[super::terms::Term], rng: &mut Rng) -> String {
    let mut left: Vec<&super::terms::Term> = terms.iter().collect();
    let mut bag = Vec::new();
    for _ in 0..rng.between(BAG_TERMS.0, BAG_TERMS.1).min(left.len()) {
        let total: f64 = left.iter().map(|term| term.weight).sum();
        let mut mark = f64::from(rng.unit_f32()) * total;
        let chosen = left.iter().position(|term| {
            mark -= term.weight;
            mark < 0.0
        });
        bag.push(left.remove(chosen.unwrap_or(left.len() - 1)).word.as_str());
    }
    bag.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queries(document: &Document, per_document: usize, seed: u64) -> Vec<String> {
        let mut stats = TermStats::default();
        stats.add(document);
        pseudo_queries(document, &stats, &PseudoQueryOptions { per_document, seed })
    }

    fn abstract_of_wings() -> Document {
        Document::new("1").title("Flutter of wings").text(
            "Slender wings flutter at high speed. The boundary layer thickens downstream of the shock. \
             Tests in a wind tunnel confirm the theory within five percent over the whole range of incidence.",
        )
    }

    #[test]
    fn as_many_as_wanted_distinct_and_reproducible() {
        let document = abstract_of_wings();
        let made = queries(&document, 8, 3);
        assert_eq!(made.len(), 8);
        assert_eq!(made[0], "Flutter of wings");
        let distinct: std::collections::HashSet<_> = made.iter().collect();
        assert_eq!(distinct.len(), 8);
        assert_eq!(made, queries(&document, 8, 3));
        assert_ne!(made, queries(&document, 8, 4));
        assert_eq!(queries(&document, 3, 3), made[..3]);
    }

    #[test]
    fn short_documents_give_what_they_have() {
        assert!(queries(&Document::new("1"), 8, 0).is_empty());
        assert!(queries(&Document::new("1").text("-- !"), 8, 0).is_empty());
        assert_eq!(
            queries(&Document::new("1").text("Flutter"), 8, 0),
            ["Flutter", "flutter"]
        );
        assert_eq!(
            queries(&Document::new("1").title("Wing"), 8, 0),
            ["Wing", "wing"]
        );
        assert!(queries(&abstract_of_wings(), 0, 0).is_empty());
    }

    #[test]
    fn tables_and_code_ask_with_their_own_words() {
        let table = Document::new("1")
            .text("| city | people |\n|---|---|\n| Bergen | 289330 |\n| Oslo | 709037 |");
        assert!(queries(&table, 8, 0).contains(&"city Bergen people 289330".to_owned()));
        let code = Document::new("2").text("def parse_header(line):\n    return line.split(':')");
        assert!(
            queries(&code, 8, 0)
                .iter()
                .any(|query| query.contains("parse") && query.contains("header"))
        );
    }

    #[test]
    fn a_huge_document_is_quick_and_a_huge_sentence_is_cut() {
        let huge = Document::new("1").text("wing flutter ".repeat(500_000));
        let made = queries(&huge, 8, 0);
        assert!(
            made.iter()
                .all(|query| query.split(' ').count() <= MAX_SENTENCE_WORDS)
        );
    }
}
