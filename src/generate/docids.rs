//! Docids from keywords: short, readable, derivable from the document.
//!
//! The form is the paper's: 6-8 words, lower-case letters, digits and special terms, no function
//! words, the weightiest first. A document gets several docids, each led by another of its first
//! keywords with the others behind in their order, so that a query may come in by any of them
//! and the tails are shared:
//!
//! ```text
//!   wing flutter slender low drag
//!   flutter wing slender low drag
//!   slender wing flutter low drag
//! ```

use super::terms::TermStats;
use crate::docs::Document;

/// Longest keyword, in bytes: a longer "word" is an encoded blob, not a term.
const MAX_KEYWORD_LEN_BYTES: usize = 40;

/// Longest text taken over from a title or an external id, in characters.
const MAX_TEXT_CHARS: usize = 120;

/// How keyword docids are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocidOptions {
    /// Words per docid.
    pub words: usize,
    /// Docids per document, each led by another keyword.
    pub per_document: usize,
}

/// The docids of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeywordDocids {
    /// At least one.
    pub docids: Vec<String>,
    /// False when the document has no indexable term; then the docid is made of its external id.
    pub from_terms: bool,
}

/// Keyword docids of a document; fewer and shorter ones for a document with few terms.
pub fn keyword_docids(
    document: &Document,
    stats: &TermStats,
    options: &DocidOptions,
) -> KeywordDocids {
    let mut words: Vec<String> = stats
        .terms(document)
        .into_iter()
        .map(|term| term.word)
        .collect();
    words.retain(|word| word.len() <= MAX_KEYWORD_LEN_BYTES);
    words.truncate(options.words.max(1));
    if words.is_empty() {
        return KeywordDocids {
            docids: vec![fallback(&document.id)],
            from_terms: false,
        };
    }
    let led_by = |leader: usize| {
        let rest = words
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != leader)
            .map(|(_, word)| word.as_str());
        std::iter::once(words[leader].as_str())
            .chain(rest)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let leaders = options.per_document.clamp(1, words.len());
    KeywordDocids {
        docids: (0..leaders).map(led_by).collect(),
        from_terms: true,
    }
}

/// The title as a docid, white space made single, or `None` when the document has no title.
pub fn title_docid(document: &Document) -> Option<String> {
    let words: Vec<&str> = document.title.split_whitespace().collect();
    (!words.is_empty()).then(|| first_chars(&words.join(" ").to_lowercase()))
}

/// What a document without a single term is called.
fn fallback(id: &str) -> String {
    let visible = id.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("untitled {}", first_chars(&visible))
        .trim_end()
        .to_owned()
}

fn first_chars(text: &str) -> String {
    text.chars().take(MAX_TEXT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: DocidOptions = DocidOptions {
        words: 7,
        per_document: 3,
    };

    fn docids(document: &Document) -> KeywordDocids {
        let mut stats = TermStats::default();
        stats.add(document);
        stats.add(&Document::new("other").text("something else entirely"));
        keyword_docids(document, &stats, &OPTIONS)
    }

    #[test]
    fn each_docid_is_led_by_another_keyword_and_keeps_the_rest_in_order() {
        let document = Document::new("1")
            .title("Slender wings")
            .text("Flutter of slender wings.");
        assert_eq!(
            docids(&document).docids,
            [
                "slender wings flutter",
                "wings slender flutter",
                "flutter slender wings"
            ]
        );
    }

    #[test]
    fn prose_tables_and_code_give_lower_case_terms_of_the_document() {
        let prose = "In this paper we study the effect of Reynolds number on boundary layer transition over \
                     slender delta wings at supersonic speed, using hot-wire anemometry in a wind tunnel.";
        let table = "| city | population | country |\n|---|---|---|\n| Bergen | 289330 | Norway |\n| Tromsø | 77544 | Norway |";
        let csv = "model,cylinders,horsepower\nford pinto,4,88\ndatsun b210,4,65";
        let code = "def parse_header(lineText):\n    '''Split an HTTP header.'''\n    return lineText.split(':', 1)";
        for text in [prose, table, csv, code] {
            let made = docids(&Document::new("1").text(text));
            assert!(made.from_terms);
            assert_eq!(made.docids.len(), 3);
            let lower = text.to_lowercase();
            for docid in &made.docids {
                let words: Vec<&str> = docid.split(' ').collect();
                assert!((6..=8).contains(&words.len()), "{docid}");
                assert!(words.iter().all(|word| lower.contains(word)), "{docid}");
                assert!(!words.contains(&"the") && !words.contains(&"of"), "{docid}");
                assert_eq!(docid, &docid.to_lowercase());
            }
        }
    }

    #[test]
    fn a_document_without_terms_is_called_by_its_id() {
        for text in ["", "the of and", "--- !!!"] {
            let made = docids(&Document::new("doc  7").text(text));
            assert_eq!(
                made,
                KeywordDocids {
                    docids: vec!["untitled doc 7".into()],
                    from_terms: false
                }
            );
        }
        let one = docids(&Document::new("1").text("Flutter."));
        assert_eq!(one.docids, ["flutter"]);
    }

    #[test]
    fn titles_are_single_spaced_and_cut() {
        let document = Document::new("1").title("  The\tWing \n Flutter ");
        assert_eq!(title_docid(&document).as_deref(), Some("the wing flutter"));
        assert_eq!(title_docid(&Document::new("1").title(" \n")), None);
        let long = Document::new("1").title("wing ".repeat(1000));
        assert_eq!(
            title_docid(&long).map(|docid| docid.chars().count()),
            Some(120)
        );
    }
}
