//! Docids made from a document's own words.
//!
//! The *keyword docid*: the document's best terms by weight, best first, seven by default:
//! folded letters, digits and spaces (special terms such as `pd3.1` survive), no function
//! words, one surface form per stem, every word taken from the document.
//!
//! A document gets several (three by default), so that several of its words can be found first:
//!
//! ```text
//! keywords   flutter wing transonic panel buckling mach shell
//! docid 0    flutter wing transonic panel buckling mach shell
//! docid 1    wing flutter transonic panel buckling mach shell
//! docid 2    transonic flutter wing panel buckling mach shell
//!                                    └── the tails are the same, and are shared
//! ```
//!
//! I1. Never empty, never a docid twice; every docid is clean in the sense of [`clean_docid`].
//! I2. At most `words` words (16 at the utmost) and [`MAX_DOCID_BYTES`] bytes; fewer words only
//!     if the document has no more that fit.
//! I3. A document without any term is named by the words of its external id, and if that has
//!     none either, by `untitled` and 16 hexadecimal digits that depend on the id alone: every
//!     document can be generated.

use std::collections::HashSet;

use super::terms::TermStats;
use crate::Document;
use crate::lexicon::{is_term, plain, words};
use crate::rng::stable_hash;

/// The longest docid that is generated, in bytes.
pub const MAX_DOCID_BYTES: usize = 96;

/// The most words in a generated docid.
const MAX_DOCID_WORDS: usize = 16;

/// How docids are made from terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocidOptions {
    /// Words of a docid, 1 to 16. The paper's form has 6 to 8; the default is 7.
    pub words: usize,
    /// Docids of a document, each with another of its keywords in front. Default 3.
    pub per_document: usize,
}

impl Default for DocidOptions {
    fn default() -> Self {
        DocidOptions {
            words: 7,
            per_document: 3,
        }
    }
}

impl DocidOptions {
    fn word_limit(&self) -> usize {
        self.words.clamp(1, MAX_DOCID_WORDS)
    }
}

/// The keyword docids of `document`, the plain one first; at least one.
///
/// ```
/// use zerogr::{Document, raw::generate::{DocidOptions, TermStats, keyword_docids}};
///
/// let document = Document::new("1").title("Wing flutter").text("Panels of a thin wing.");
/// let docids = keyword_docids(&document, &TermStats::new(), &DocidOptions::default());
/// assert_eq!(docids[0], "wing flutter panels thin");
/// assert_eq!(docids[1], "flutter wing panels thin");
/// ```
pub fn keyword_docids(
    document: &Document,
    stats: &TermStats,
    options: &DocidOptions,
) -> Vec<String> {
    docids_of_terms(&document.id, stats.weights(document), options)
}

/// As [`keyword_docids`], of a document whose terms are known already, best first.
pub(crate) fn docids_of_terms(
    id: &str,
    weights: Vec<(String, f32)>,
    options: &DocidOptions,
) -> Vec<String> {
    let terms = weights.into_iter().map(|(term, _)| term);
    let mut keywords = fitting(terms, options.word_limit());
    if keywords.is_empty() {
        keywords = fallback_words(id, options.word_limit());
    }
    led_by_each(&keywords, options.per_document)
}

/// The docid of these words as it is, and the same with another of its first words in front:
/// `count` of them, at least one and no more than there are words.
pub(crate) fn led_by_each(words: &[String], count: usize) -> Vec<String> {
    let most = words.len().max(1);
    (0..count.clamp(1, most))
        .map(|front| {
            let mut order: Vec<&str> = words.iter().map(String::as_str).collect();
            if let Some(head) = order.get_mut(..=front) {
                head.rotate_right(1);
            }
            order.join(" ")
        })
        .collect()
}

/// The docid made from the title: its content words in the title's order, each once.
///
/// A document without a usable title gets its first keyword docid instead.
pub fn title_docids(document: &Document, stats: &TermStats, options: &DocidOptions) -> Vec<String> {
    title_docids_or(document, stats.weights(document), options)
}

/// As [`title_docids`], of a document whose terms are known already, best first.
pub(crate) fn title_docids_or(
    document: &Document,
    weights: Vec<(String, f32)>,
    options: &DocidOptions,
) -> Vec<String> {
    let title = fitting(
        words(&document.title).filter(|word| is_term(word)),
        MAX_DOCID_WORDS,
    );
    if title.is_empty() {
        let options = DocidOptions {
            per_document: 1,
            ..options.clone()
        };
        return docids_of_terms(&document.id, weights, &options);
    }
    vec![title.join(" ")]
}

/// A docid given by the caller, in the plain writing that words are compared in (NFKC, nothing
/// invisible), with every run of white space and control characters turned into one space, and
/// none at the ends. May be empty; its length in tokens is the caller's to check.
pub fn clean_docid(docid: &str) -> String {
    let spaced = |character: char| character.is_whitespace() || character.is_control();
    plain(docid)
        .text()
        .split(spaced)
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The first `count` distinct words that fit into [`MAX_DOCID_BYTES`]; a word that does not fit
/// is passed over.
fn fitting(candidates: impl Iterator<Item = String>, count: usize) -> Vec<String> {
    let mut taken = Vec::new();
    let mut seen = HashSet::new();
    let mut bytes = 0;
    for word in candidates {
        if taken.len() == count {
            break;
        }
        let with_space = word.len() + usize::from(!taken.is_empty());
        if bytes + with_space <= MAX_DOCID_BYTES && seen.insert(word.clone()) {
            bytes += with_space;
            taken.push(word);
        }
    }
    taken
}

/// Words for a document that has no term, see I3.
pub(crate) fn fallback_words(id: &str, count: usize) -> Vec<String> {
    let named = fitting(words(id), count);
    if named.is_empty() {
        vec![
            "untitled".to_owned(),
            format!("{:016x}", stable_hash(id.as_bytes())),
        ]
    } else {
        named
    }
}

#[cfg(test)]
mod tests {
    use super::super::is_stop_word;
    use super::super::text::samples;
    use super::*;
    use proptest::prelude::*;

    fn stats() -> TermStats {
        let mut stats = TermStats::new();
        samples::all()
            .iter()
            .for_each(|document| stats.add(document));
        stats
    }

    fn docids(document: &Document) -> Vec<String> {
        keyword_docids(document, &stats(), &DocidOptions::default())
    }

    #[test]
    fn form_rules_hold_for_every_kind_of_document() {
        let stats = stats();
        for document in samples::all() {
            let text = format!("{}\n{}", document.title, document.text).to_lowercase();
            let found = docids(&document);
            assert_eq!(found, docids(&document), "deterministic");
            assert_eq!(found.len(), 3, "{}", document.id);
            for docid in &found {
                let parts: Vec<&str> = docid.split(' ').collect();
                assert!((6..=8).contains(&parts.len()), "{}: {docid}", document.id);
                assert!(parts.iter().all(|word| text.contains(word)), "{docid}");
                assert!(!parts.iter().any(|word| is_stop_word(word)), "{docid}");
                assert_eq!(clean_docid(docid), *docid);
                assert_eq!(docid.to_lowercase(), *docid);
            }
            let best = &stats.weights(&document)[0].0;
            assert!(found[0].starts_with(best.as_str()));
        }
    }

    #[test]
    fn each_docid_moves_another_keyword_to_the_front() {
        let found = docids(&samples::prose());
        let words: Vec<Vec<&str>> = found
            .iter()
            .map(|docid| docid.split(' ').collect())
            .collect();
        assert_eq!(words[1][0], words[0][1]);
        assert_eq!(words[2][0], words[0][2]);
        assert_eq!(words[2][1..3], words[0][..2]);
        assert!(
            words.iter().all(|docid| docid[3..] == words[0][3..]),
            "shared tails"
        );
    }

    #[test]
    fn short_documents_have_short_and_fewer_docids() {
        let one = Document::new("1").text("Flutter!");
        assert_eq!(docids(&one), ["flutter"]);
        let two = Document::new("1").title("The wing").text("of flutter");
        assert_eq!(docids(&two), ["wing flutter", "flutter wing"]);
    }

    #[test]
    fn documents_without_terms_are_named_by_their_id() {
        for text in ["", "to be or not to be", "?!… ---", "x"] {
            assert_eq!(
                docids(&Document::new("notes/Doc-17.md").text(text))[0],
                "notes doc-17 md"
            );
        }
        let odd = docids(&Document::new("…"));
        assert_eq!(odd.len(), 2);
        assert!(
            odd[0].starts_with("untitled ") && odd[0].len() == 25,
            "{odd:?}"
        );
        assert_ne!(odd, docids(&Document::new("?")));
    }

    #[test]
    fn options_are_obeyed_within_bounds() {
        let stats = stats();
        let wide = DocidOptions {
            words: 8,
            per_document: 5,
        };
        let found = keyword_docids(&samples::prose(), &stats, &wide);
        assert_eq!(found.len(), 5);
        assert!(found.iter().all(|docid| docid.split(' ').count() == 8));
        let none = DocidOptions {
            words: 0,
            per_document: 0,
        };
        let found = keyword_docids(&samples::prose(), &stats, &none);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].split(' ').count(), 1);
    }

    #[test]
    fn titles_become_docids() {
        let found = title_docids(&samples::prose(), &stats(), &DocidOptions::default());
        assert_eq!(found, ["flutter thin panels supersonic flow"]);
        let untitled = Document::new("1").text("Flutter of panels");
        let found = title_docids(&untitled, &TermStats::new(), &DocidOptions::default());
        assert_eq!(found, ["flutter panels"]);
    }

    #[test]
    fn given_docids_are_cleaned() {
        assert_eq!(
            clean_docid("  Wing\t\tflutter\r\n  2024 "),
            "Wing flutter 2024"
        );
        assert_eq!(clean_docid(" \u{a0}\u{0}\u{200b} "), "");
        assert_eq!(clean_docid("oﬃce Zu\u{308}rich"), "office Zürich");
    }

    #[test]
    fn chinese_text_gives_a_docid() {
        let document = Document::new("1").text("机器学习是人工智能的一个分支。");
        let found = docids(&document);
        assert!(found[0].split(' ').count() >= 6, "{found:?}");
    }

    proptest! {
        #[test]
        fn always_something_clean_and_short(title in "\\PC{0,40}", text in "\\PC{0,200}", id in "\\PC{1,20}") {
            let document = Document::new(id).title(title).text(text);
            let found = keyword_docids(&document, &TermStats::new(), &DocidOptions::default());
            prop_assert!(!found.is_empty());
            let distinct: HashSet<&String> = found.iter().collect();
            prop_assert_eq!(distinct.len(), found.len());
            for docid in &found {
                prop_assert!(!docid.is_empty() && docid.len() <= MAX_DOCID_BYTES);
                prop_assert_eq!(&clean_docid(docid), docid);
                prop_assert!(docid.split(' ').count() <= 8);
            }
        }
    }
}
