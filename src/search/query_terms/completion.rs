//! What the last word of a query may become, among the terms of the live documents.
//!
//! ```text
//!   vacuu ─► vacuum 31, vacuum-pump 2, ...     the most frequent, at most MAX_COMPLETIONS
//!                 │
//!                 ▼
//!   vacuu*: one term, as if each document had it wherever it has one of them
//! ```
//!
//! A document that has any of them has the beginning, so its frequencies are those of the union:
//! many completions weigh little, as a frequent word does. (The best of the terms, each by its own
//! weight, ranks worse: a rare word that begins alike would count most.)
//!
//! Invariants:
//! - I1. The terms are chosen by how many live documents have them, then by their letters: several
//!   segments and their merge give the same.
//! - I2. The term of the letters as a whole word is always among them.
//! - I3. Function words and single letters answer only a query of nothing else, as in every
//!   search; letters that are one by themselves may still become other words.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::Result;
use crate::lexicon::{
    Analyser, Beginning, Lexicon, Matches, for_each_term_from, is_minor, minor_term,
};
use crate::segment::Segment;

/// Completions that are joined at most, so that one letter costs no more than a long query.
const MAX_COMPLETIONS: usize = 64;

/// A term, and how many live documents have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Completion {
    pub(super) term: String,
    pub(super) documents: u64,
}

/// What the last word of a query stands for.
#[derive(Debug)]
pub(super) enum LastWord {
    /// One term.
    Term(String),
    /// Several.
    Terms {
        /// The letters that were typed.
        letters: String,
        terms: Vec<String>,
        /// The documents of each segment that have one of them.
        occurrences: Vec<Occurrences>,
    },
}

/// Ordinals, ascending, and how often each document has one of some terms.
pub(super) type Occurrences = Vec<(u32, u32)>;

/// The terms of a query that is still being typed: those of its finished words, and what stands
/// for the last word if it may go on.
pub(super) fn typed_terms(
    query: &str,
    analyser: Analyser,
    segments: &[Segment],
) -> Result<(Vec<String>, Option<LastWord>)> {
    let typed = analyser.typed_query(query);
    let Some(beginning) = typed.beginning else {
        return Ok((analyser.query_terms(query), None));
    };
    let mut found = completions(&beginning, segments)?;
    let is_minor = is_minor(&beginning.term);
    let says_nothing = typed.terms.is_empty() && (is_minor || found.is_empty());
    if !says_nothing {
        if is_minor && found.is_empty() {
            return Ok((typed.terms, None));
        }
        return Ok((typed.terms, Some(joined(beginning, found, segments)?)));
    }
    if is_minor {
        found.extend(counted(&beginning.term, segments)?);
    }
    if found.is_empty() {
        let mut most = MostFrequent::default();
        most.add_from(&minor_term(&beginning.letters), segments)?;
        found = most.completions();
    }
    Ok((typed.minor_terms, Some(joined(beginning, found, segments)?)))
}

/// What `beginning` may become, the most frequent first; minor terms are left out.
pub(super) fn completions(beginning: &Beginning, segments: &[Segment]) -> Result<Vec<Completion>> {
    let mut most = MostFrequent::default();
    if let Some(prefix) = &beginning.prefix {
        most.add_from(prefix, segments)?;
    }
    for term in &beginning.shorter_terms {
        if let Some(completion) = counted(term, segments)? {
            most.add(completion);
        }
    }
    let mut found = most.completions();
    let is_there = found.iter().any(|one| one.term == beginning.term);
    if !is_there && !is_minor(&beginning.term) {
        found.extend(counted(&beginning.term, segments)?);
    }
    Ok(found)
}

/// `term`, if a live document has it.
fn counted(term: &str, segments: &[Segment]) -> Result<Option<Completion>> {
    let mut documents = 0;
    for segment in segments {
        if let Some(matches) = segment.lexicon.matches(term)? {
            documents += segment.count_live(&matches)?;
        }
    }
    let term = term.to_owned();
    Ok((documents > 0).then_some(Completion { term, documents }))
}

/// The most frequent of the terms that were added.
#[derive(Debug, Default)]
struct MostFrequent(BTreeSet<(Reverse<u64>, String)>);

impl MostFrequent {
    /// Whether a term of so many documents would be among them.
    fn takes(&self, documents: u64, term: &str) -> bool {
        let last = self.0.last().filter(|_| self.0.len() >= MAX_COMPLETIONS);
        documents > 0
            && last.is_none_or(|(Reverse(least), other)| {
                documents > *least || documents == *least && term < other.as_str()
            })
    }

    fn add(&mut self, completion: Completion) {
        let Completion { term, documents } = completion;
        if self.takes(documents, &term) {
            self.0.insert((Reverse(documents), term));
            if self.0.len() > MAX_COMPLETIONS {
                self.0.pop_last();
            }
        }
    }

    /// Adds the terms of the live documents that begin with `prefix`.
    fn add_from(&mut self, prefix: &str, segments: &[Segment]) -> Result<()> {
        let lexicons: Vec<&Lexicon> = segments.iter().map(|segment| &segment.lexicon).collect();
        for_each_term_from(&lexicons, prefix, |term, found| {
            let stored = found.iter().map(|(_, postings)| postings.document_count());
            // Deleted documents are counted in it, so it is a bound.
            if !self.takes(stored.map(u64::from).sum(), term) {
                return Ok(());
            }
            let mut documents = 0;
            for &(place, postings) in found {
                if let Some(segment) = segments.get(place) {
                    documents += segment.count_live(&Matches::Stored(postings))?;
                }
            }
            let term = term.to_owned();
            self.add(Completion { term, documents });
            Ok(())
        })
    }

    fn completions(self) -> Vec<Completion> {
        let completion = |(Reverse(documents), term)| Completion { term, documents };
        self.0.into_iter().map(completion).collect()
    }
}

/// What stands for `beginning`, which may become the terms `found`.
fn joined(beginning: Beginning, found: Vec<Completion>, segments: &[Segment]) -> Result<LastWord> {
    match found.as_slice() {
        [] => Ok(LastWord::Term(beginning.term)),
        [one] => Ok(LastWord::Term(one.term.clone())),
        several => {
            let occurrences = segments.iter().map(|segment| occurrences(several, segment));
            Ok(LastWord::Terms {
                letters: beginning.letters,
                occurrences: occurrences.collect::<Result<_>>()?,
                terms: found.into_iter().map(|one| one.term).collect(),
            })
        }
    }
}

/// Which passages of `segment` have one of `completions`, and how often.
fn occurrences(completions: &[Completion], segment: &Segment) -> Result<Occurrences> {
    let mut counts = vec![0u32; segment.passages.count() as usize];
    for completion in completions {
        if let Some(matches) = segment.lexicon.matches(&completion.term)? {
            matches.for_each(|passage, count| {
                if let Some(sum) = counts.get_mut(passage as usize) {
                    *sum = sum.saturating_add(count);
                }
            })?;
        }
    }
    let counted = (0u32..).zip(counts);
    Ok(counted.filter(|&(_, count)| count > 0).collect())
}
