//! The query with its last word completed, for whoever reads texts and not terms.
//!
//! ```text
//!   vacuu ─► vacuum, the most frequent term it may become ─► the shortest passages that have it
//!                                                                │
//!                                                                ▼
//!                       the most frequent of their words of that term that begin so: vacuums
//! ```
//!
//! The lexicon has stems, which an encoder does not know as words; the documents have the words.
//! Of queries cut within their last word, those so completed keep most of what the whole ones find
//! (`benches/NUMBERS.md`); with stems they keep less, and single letters are better left alone.
//!
//! I1. The result depends on the live documents, not on where they are stored.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::completion::{Completion, completions};
use crate::Result;
use crate::decode::PassagePlace;
use crate::lexicon::{Analyser, Beginning, examined, is_minor, located_words};
use crate::segment::{Segment, document_at, id_at};

/// Passages that are looked at for a form of a word.
const FORM_PASSAGES: usize = 4;

/// A word is kept as it stands if the most frequent one that begins so is at most so many times
/// as frequent.
const MAX_FREQUENCY_RATIO: u64 = 4;

/// `query` with its last word completed, if that may go on.
///
/// # Errors
///
/// `Corrupt` when a lexicon or a document is damaged, `Io` when it cannot be read.
pub(in crate::search) fn complete<'q>(
    query: &'q str,
    analyser: Analyser,
    segments: &[Segment],
) -> Result<Cow<'q, str>> {
    let as_it_is = Cow::Borrowed(query);
    let beginning = analyser.typed_query(query).beginning;
    // Too little is known of a word from a function word or a letter.
    let Some(beginning) = beginning.filter(|beginning| !is_minor(&beginning.term)) else {
        return Ok(as_it_is);
    };
    let found = completions(&beginning, segments)?;
    let form = match likeliest(&beginning, &found) {
        Some(term) => form_of(term, &beginning, analyser, segments)?,
        None => None,
    };
    let Some(form) = form else {
        return Ok(as_it_is);
    };
    let at = beginning.range.start;
    let (before, typed) = query.split_at_checked(at).unwrap_or((query, ""));
    Ok(Cow::Owned(match form.strip_prefix(&typed.to_lowercase()) {
        // What was typed stays as it was.
        Some(rest) => format!("{query}{rest}"),
        None => format!("{before}{form}"),
    }))
}

/// The term that a beginning most likely is or becomes.
fn likeliest<'f>(beginning: &Beginning, found: &'f [Completion]) -> Option<&'f str> {
    let best = found
        .iter()
        .max_by_key(|one| (one.documents, Reverse(&one.term)))?;
    let whole = found.iter().find(|one| one.term == beginning.term);
    let is_kept =
        |whole: &&Completion| whole.documents.saturating_mul(MAX_FREQUENCY_RATIO) >= best.documents;
    Some(&whole.filter(is_kept).unwrap_or(best).term)
}

/// The most frequent word of `term` that begins with the letters, in the shortest passages that
/// have the term; `None` when there is none and when the letters are such a word themselves.
fn form_of(
    term: &str,
    beginning: &Beginning,
    analyser: Analyser,
    segments: &[Segment],
) -> Result<Option<String>> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for place in shortest_with(term, segments)? {
        let Some(segment) = segments.get(place.segment as usize) else {
            continue;
        };
        let ordinal = segment.passages.document_of(place.passage);
        let document = segment.documents.document(ordinal)?;
        let passage = segment.passages.place(place.passage);
        let text = passage.map_or(document.text.as_str(), |passage| passage.of(&document.text));
        for text in [&document.title, text] {
            let text = examined(text);
            for word in located_words(text) {
                let is_form = word.text.starts_with(&beginning.letters)
                    && analyser.term_of_word(&word.text) == term;
                if !is_form {
                    continue;
                }
                if word.text == beginning.letters {
                    return Ok(None);
                }
                let form = text.get(word.range).unwrap_or("").to_lowercase();
                *counts.entry(form).or_default() += 1;
            }
        }
    }
    let most = counts
        .into_iter()
        .max_by_key(|(form, count)| (*count, Reverse(form.clone())));
    Ok(most.map(|(form, _)| form))
}

/// The shortest live passages that have `term`, ties by external id.
fn shortest_with(term: &str, segments: &[Segment]) -> Result<Vec<PassagePlace>> {
    let mut shortest: Vec<(u32, PassagePlace)> = Vec::new();
    for (number, segment) in (0u32..).zip(segments) {
        let Some(matches) = segment.lexicon.matches(term)? else {
            continue;
        };
        let lengths = segment.lexicon.lengths();
        matches.for_each(|passage, _| {
            let length = lengths
                .get(passage as usize)
                .map_or(0, |length| length.get());
            let is_longer = |last: &(u32, PassagePlace)| length > last.0;
            let is_full = shortest.len() == FORM_PASSAGES;
            if is_full && shortest.last().is_some_and(is_longer)
                || !segment.is_live_passage(passage)
            {
                return;
            }
            let place = PassagePlace {
                segment: number,
                passage,
            };
            let key = |&(length, place): &(u32, PassagePlace)| {
                let id = id_at(segments, document_at(segments, place));
                (length, id, place.passage)
            };
            let at = shortest.partition_point(|one| key(one) < key(&(length, place)));
            shortest.insert(at, (length, place));
            shortest.truncate(FORM_PASSAGES);
        })?;
    }
    Ok(shortest.into_iter().map(|(_, place)| place).collect())
}
