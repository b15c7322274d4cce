//! The rules of written docids, and making what a model wrote obey them.
//!
//! ```text
//!   "Keywords: The Wing, flutter of wings and doctors"     what a model may write
//!    ────────  ───       ─────────────── ──── ───────
//!    label     function  form of a word  funct.  not in the document
//!              word      there already   word
//!
//!   wing flutter panels thin supersonic flow               the docid: completed with keywords
//! ```
//!
//! That a word is no verb is asked of the model and cannot be checked here.

use std::collections::{HashMap, HashSet};

use super::super::docids::{MAX_DOCID_BYTES, fallback_words};
use super::super::terms::TermStats;
use super::{PromptStyle, without_label};
use crate::lexicon::{EnglishStemmer, counted_words, fold, is_term, words};
use crate::{Document, Result};

/// What a docid is called in prompts.
const LABELS: [&str; 4] = ["keywords", "keyword name", "name", "document"];

/// How docids are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LanguageDocidOptions {
    /// How the model is asked.
    pub style: PromptStyle,
    /// Fewest words; shorter only if the document has no more terms. The paper's form: 6.
    pub min_words: usize,
    /// Most words. The paper's form: 8.
    pub max_words: usize,
    /// Most tokens that the model writes. The paper's: 64.
    pub max_new_tokens: usize,
    /// Docids of a document: the one written, and the same led by another of its words.
    pub per_document: usize,
}

impl LanguageDocidOptions {
    /// The paper's form, asked for in `style`.
    pub fn new(style: PromptStyle) -> Self {
        LanguageDocidOptions {
            style,
            min_words: 6,
            max_words: 8,
            max_new_tokens: 64,
            per_document: 3,
        }
    }
}

/// Where a docid comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DocidOrigin {
    /// The model's words, as they are.
    Written,
    /// The model's words, some of them left out, completed or put into the document's form.
    Repaired,
    /// The document's keywords: no word of the model's could be used.
    Fallback,
}

/// True if `docid` has the form asked for: 6 to 8 words (fewer if the document has no more terms),
/// folded to lower case, each of them a term of the document, no function word, none twice, at most
/// [`MAX_DOCID_BYTES`] bytes. A document without terms is named by its id.
pub fn obeys_docid_rules(docid: &str, document: &Document) -> bool {
    let vocabulary = Vocabulary::of(document, &TermStats::new());
    let parts: Vec<&str> = docid.split(' ').collect();
    let limit = LanguageDocidOptions::new(PromptStyle::FewShot);
    if vocabulary.terms.is_empty() {
        let mut named = fallback_words(&document.id, limit.max_words);
        named.sort_unstable();
        let mut parts = parts;
        parts.sort_unstable();
        return parts == named;
    }
    let stems: Option<HashSet<String>> = parts
        .iter()
        .map(|part| vocabulary.known(part).map(|(stem, _)| stem))
        .collect();
    let fits = |count: usize| vocabulary.longest_docid(count) <= MAX_DOCID_BYTES;
    let fewest = (0..=limit.min_words)
        .rev()
        .find(|&count| fits(count))
        .unwrap_or(0);
    docid == fold(docid)
        && docid.len() <= MAX_DOCID_BYTES
        && parts.len() <= limit.max_words
        && parts.len() >= fewest.min(vocabulary.terms.len())
        && stems.is_some_and(|stems| stems.len() == parts.len())
        && parts.iter().all(|part| vocabulary.forms.contains(*part))
}

/// The terms of a document, to check and complete a docid with.
pub(super) struct Vocabulary {
    stemmer: EnglishStemmer,
    /// Forms that are in the document.
    forms: HashSet<String>,
    /// Best first: stem and the document's favourite form.
    terms: Vec<(String, String)>,
    favourite: HashMap<String, String>,
}

impl Vocabulary {
    pub(super) fn of(document: &Document, stats: &TermStats) -> Vocabulary {
        let stemmer = EnglishStemmer::new();
        let texts = [&document.title, &document.text];
        let forms = texts.into_iter().flat_map(|text| counted_words(text));
        let terms: Vec<(String, String)> = stats
            .weights(document)
            .into_iter()
            .map(|(form, _)| (stemmer.stem(form.clone()), form))
            .collect();
        Vocabulary {
            forms: forms.filter(|word| is_term(word)).collect(),
            favourite: terms.iter().cloned().collect(),
            terms,
            stemmer,
        }
    }

    /// The stem of a term of the document, and the form in which the document has it.
    fn known(&self, word: &str) -> Option<(String, String)> {
        if !is_term(word) {
            return None;
        }
        let stem = self.stemmer.stem(word.to_owned());
        let favourite = self.favourite.get(&stem)?;
        let form = if self.forms.contains(word) {
            word
        } else {
            favourite
        };
        Some((stem, form.to_owned()))
    }

    /// Bytes of the `count` longest terms, as a docid.
    fn longest_docid(&self, count: usize) -> usize {
        let mut lens: Vec<usize> = self.terms.iter().map(|(_, form)| form.len() + 1).collect();
        lens.sort_unstable_by(|a, b| b.cmp(a));
        lens.iter().take(count).sum::<usize>().saturating_sub(1)
    }

    /// A docid made of what a model wrote, and how much of it is the model's.
    pub(super) fn docid(
        &self,
        text: &str,
        document: &Document,
        options: &LanguageDocidOptions,
    ) -> (Vec<String>, DocidOrigin) {
        let mut best = (Docid::default(), "");
        for line in text.lines() {
            let line = without_label(line, &LABELS);
            let mut docid = Docid::default();
            words(line)
                .filter_map(|word| self.known(&word))
                .for_each(|(stem, form)| docid.push(stem, form, options.max_words));
            if docid.forms.len() > best.0.forms.len() {
                best = (docid, line);
            }
        }
        let (mut docid, line) = best;
        let used = docid.forms.len();
        for (stem, form) in &self.terms {
            if docid.forms.len() >= options.min_words {
                break;
            }
            docid.push(stem.clone(), form.clone(), options.max_words);
        }
        let origin = match used {
            0 => DocidOrigin::Fallback,
            used if used == docid.forms.len() && docid.forms.join(" ") == line => {
                DocidOrigin::Written
            }
            _ => DocidOrigin::Repaired,
        };
        if docid.forms.is_empty() {
            docid.forms = fallback_words(&document.id, options.max_words);
        }
        (docid.forms, origin)
    }

    /// The docid with another term of the document if it is taken: at its end, or in place of the
    /// last. Also whether that helped nothing.
    pub(super) fn unique(
        &self,
        docid: Vec<String>,
        options: &LanguageDocidOptions,
        is_taken: &mut dyn FnMut(&str) -> Result<bool>,
    ) -> Result<(Vec<String>, bool)> {
        if !is_taken(&docid.join(" "))? {
            return Ok((docid, false));
        }
        let keep = docid.len().min(options.max_words.saturating_sub(1));
        let kept = docid.get(..keep).unwrap_or_default();
        let mut base = Docid::default();
        for form in kept {
            base.push(
                self.stemmer.stem(form.clone()),
                form.clone(),
                options.max_words,
            );
        }
        let stems: HashSet<String> = docid
            .iter()
            .map(|form| self.stemmer.stem(form.clone()))
            .collect();
        for (stem, form) in self.terms.iter().filter(|(stem, _)| !stems.contains(stem)) {
            let mut longer = base.clone();
            longer.push(stem.clone(), form.clone(), options.max_words);
            if longer.forms.len() > base.forms.len() && !is_taken(&longer.forms.join(" "))? {
                return Ok((longer.forms, false));
            }
        }
        Ok((docid, true))
    }
}

/// A docid in the making: no stem twice, not too long.
#[derive(Debug, Clone, Default)]
struct Docid {
    forms: Vec<String>,
    stems: HashSet<String>,
    bytes: usize,
}

impl Docid {
    fn push(&mut self, stem: String, form: String, max_words: usize) {
        let bytes = self.bytes + form.len() + usize::from(!self.forms.is_empty());
        if self.forms.len() < max_words && bytes <= MAX_DOCID_BYTES && self.stems.insert(stem) {
            self.bytes = bytes;
            self.forms.push(form);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::text::samples;
    use super::super::examples::EXAMPLES;
    use super::*;

    fn options() -> LanguageDocidOptions {
        LanguageDocidOptions::new(PromptStyle::FewShot)
    }

    fn repaired(document: &Document, text: &str) -> (String, DocidOrigin) {
        let mut stats = TermStats::new();
        samples::all()
            .iter()
            .for_each(|document| stats.add(document));
        let (docid, origin) = Vocabulary::of(document, &stats).docid(text, document, &options());
        let docid = docid.join(" ");
        assert!(
            obeys_docid_rules(&docid, document),
            "{text:?} gave {docid:?}"
        );
        (docid, origin)
    }

    #[test]
    fn good_words_stay_as_they_are() {
        let good = "flutter thin panels supersonic flow aluminium";
        assert_eq!(
            repaired(&samples::prose(), good),
            (good.into(), DocidOrigin::Written)
        );
        let table = "renaissance discography studio albums uk chart 1977 novella";
        let found = repaired(&samples::markdown_table(), table);
        assert_eq!(found, (table.into(), DocidOrigin::Written));
        let code = "min cost cheapest path grid range";
        assert_eq!(
            repaired(&samples::python_code(), code),
            (code.into(), DocidOrigin::Written)
        );
    }

    #[test]
    fn bad_words_are_left_out_and_replaced() {
        let (docid, origin) = repaired(
            &samples::prose(),
            "Keywords: \"The Panel, fluttering of panels, and doctors; aluminium.\"",
        );
        assert!(docid.starts_with("panels flutter aluminium "), "{docid}");
        assert_eq!(origin, DocidOrigin::Repaired);
        let long =
            "flutter thin panels supersonic flow aluminium mach numbers boundary layer delays";
        let (docid, origin) = repaired(&samples::prose(), long);
        assert_eq!(
            docid,
            "flutter thin panels supersonic flow aluminium mach numbers"
        );
        assert_eq!(origin, DocidOrigin::Repaired);
    }

    #[test]
    fn the_line_that_says_most_is_taken() {
        let (docid, _) = repaired(
            &samples::prose(),
            "Sure! Here is a name for it:\n\n**flutter thin panels supersonic flow mach**\n",
        );
        assert_eq!(docid, "flutter thin panels supersonic flow mach");
    }

    #[test]
    fn useless_texts_fall_back_to_keywords() {
        for text in ["", "\n\n\n", "of the and", "生物学 研究", "quux zork", "?!"] {
            for document in samples::all() {
                assert_eq!(
                    repaired(&document, text).1,
                    DocidOrigin::Fallback,
                    "{text:?}"
                );
            }
        }
    }

    #[test]
    fn endless_texts_give_a_docid() {
        for document in samples::all() {
            repaired(&document, &"panels ".repeat(20_000));
            repaired(&document, &document.text.repeat(50));
            repaired(&document, &"x".repeat(100_000));
        }
    }

    #[test]
    fn short_and_empty_documents_obey_too() {
        let short = Document::new("a-1").text("Wing flutter");
        assert_eq!(repaired(&short, "flutter wing tail").0, "flutter wing");
        let none = Document::new("notes/Doc-17.md").text("to be or not to be");
        assert_eq!(repaired(&none, "being").0, "notes doc-17 md");
    }

    #[test]
    fn rules_are_told_apart() {
        let document = samples::prose();
        for bad in [
            "",
            "flutter thin panels",
            "Flutter thin panels supersonic flow mach",
            "flutter thin panels supersonic flow the",
            "flutter thin panels supersonic flow panel",
            "flutter thin panels supersonic flow doctors",
            "flutter  thin panels supersonic flow mach",
            "flutter thin panels supersonic flow mach aluminium numbers rectangular",
        ] {
            assert!(!obeys_docid_rules(bad, &document), "{bad:?}");
        }
    }

    #[test]
    fn taken_docids_get_another_term() {
        let document = samples::prose();
        let vocabulary = Vocabulary::of(&document, &TermStats::new());
        let docid = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let short = docid("flutter thin panels supersonic flow mach");
        let (found, shared) = vocabulary
            .unique(short.clone(), &options(), &mut |_| Ok(false))
            .unwrap();
        assert_eq!((found, shared), (short.clone(), false));
        let mut taken = HashSet::from([short.join(" ")]);
        for _ in 0..5 {
            let (found, shared) = vocabulary
                .unique(short.clone(), &options(), &mut |docid| {
                    Ok(taken.contains(docid))
                })
                .unwrap();
            assert!(!shared && found.len() == 7 && obeys_docid_rules(&found.join(" "), &document));
            assert!(taken.insert(found.join(" ")));
        }
        let full = docid("flutter thin panels supersonic flow mach aluminium numbers");
        let (found, shared) = vocabulary
            .unique(full.clone(), &options(), &mut |d| Ok(d == full.join(" ")))
            .unwrap();
        assert!(
            !shared && found.len() == 8 && found[..7] == full[..7],
            "{found:?}"
        );
        let (found, shared) = vocabulary
            .unique(full.clone(), &options(), &mut |_| Ok(true))
            .unwrap();
        assert_eq!((found, shared), (full, true));
    }

    #[test]
    fn examples_obey_the_rules() {
        for example in &EXAMPLES {
            let document = Document::new("e").text(example.document);
            assert!(
                obeys_docid_rules(example.docid, &document),
                "{}",
                example.docid
            );
        }
    }
}
