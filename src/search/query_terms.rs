//! The words of a query, analysed and weighed once per search.

mod completion;
mod expansion;
mod word_form;

pub(super) use word_form::complete;

use std::borrow::Cow;

use completion::{LastWord, Occurrences, typed_terms};
use expansion::Expanded;

use crate::Result;
use crate::lexicon::{Bm25, Lexicon, Matches};
use crate::segment::{IndexParams, Segment};

/// The terms of a query, each with its weight over all live documents.
#[derive(Debug, Default)]
pub(super) struct QueryTerms {
    pub(super) terms: Vec<WeighedTerm>,
}

/// What a document is searched for: a term, or all that the last word may become, as if they were
/// one.
#[derive(Debug)]
pub(super) struct WeighedTerm {
    /// The term; of several, the letters that were typed and `*`.
    pub(super) term: String,
    /// Its inverse document frequency.
    pub(super) weight: f64,
    /// Where there are several.
    joined: Option<Joined>,
    /// Where the words of written queries are searched.
    pub(super) expanded: Option<Expanded>,
}

#[derive(Debug)]
struct Joined {
    terms: Vec<String>,
    /// By segment: which documents have one of them, and how often.
    occurrences: Vec<Occurrences>,
}

impl WeighedTerm {
    /// A single term.
    pub(super) fn single(term: String, weight: f64) -> Self {
        WeighedTerm {
            term,
            weight,
            joined: None,
            expanded: None,
        }
    }

    /// What the last word may become, not weighed yet.
    fn of_last_word(last: LastWord) -> Self {
        match last {
            LastWord::Term(term) => WeighedTerm::single(term, 0.0),
            LastWord::Terms {
                letters,
                terms,
                occurrences,
            } => WeighedTerm {
                joined: Some(Joined { terms, occurrences }),
                ..WeighedTerm::single(format!("{letters}*"), 0.0)
            },
        }
    }

    /// The terms of the lexicon that it stands for.
    pub(super) fn terms(&self) -> impl Iterator<Item = &str> + Clone {
        let single = std::slice::from_ref(&self.term);
        let terms = self.joined.as_ref().map_or(single, |joined| &joined.terms);
        terms.iter().map(String::as_str)
    }

    /// The documents it finds in segment number `place`, which has this lexicon.
    pub(super) fn matches<'a>(
        &'a self,
        place: u32,
        lexicon: &'a Lexicon,
    ) -> Result<Option<Matches<'a>>> {
        let Some(joined) = &self.joined else {
            return lexicon.matches(&self.term);
        };
        let found = joined.occurrences.get(place as usize);
        let found = found.filter(|list| !list.is_empty());
        Ok(found.map(|list| Matches::Merged(Cow::Borrowed(list))))
    }
}

impl QueryTerms {
    /// Analyses `words` and weighs their terms; with `prefix`, what the last word may become
    /// stands for it.
    ///
    /// # Errors
    ///
    /// `Corrupt` when a lexicon is damaged.
    pub(super) fn new(
        words: &str,
        prefix: bool,
        segments: &[Segment],
        params: &IndexParams,
    ) -> Result<Self> {
        let analyser = params.lexicon.analyser();
        let (terms, last) = match prefix {
            true => typed_terms(words, analyser, segments)?,
            false => (analyser.query_terms(words), None),
        };
        let single = |term| WeighedTerm::single(term, 0.0);
        let last = last.map(WeighedTerm::of_last_word);
        let mut terms: Vec<WeighedTerm> = terms.into_iter().map(single).chain(last).collect();
        let live = segments
            .iter()
            .map(|segment| u64::from(segment.live_count()));
        let documents = live.sum();
        for term in &mut terms {
            let mut frequency = 0;
            for (place, segment) in (0u32..).zip(segments) {
                if let Some(matches) = term.matches(place, &segment.lexicon)? {
                    frequency += segment.count_live(&matches)?;
                }
            }
            term.weight = Bm25::idf(documents, frequency);
            let expansion_weight = params.lexicon.expansion_weight;
            if expansion_weight > 0.0 {
                let found = Expanded::new(term.terms(), segments, documents, expansion_weight)?;
                term.expanded = Some(found);
            }
        }
        Ok(QueryTerms { terms })
    }

    /// The most that BM25 of a document could be.
    pub(super) fn bound(&self) -> f64 {
        let bound = |term: &WeighedTerm| {
            let expanded = term.expanded.as_ref();
            term.weight + expanded.map_or(0.0, |expanded| expanded.weight)
        };
        self.terms.iter().map(bound).sum()
    }
}
