//! The best window of a text.
//!
//! A text falls into *units*, between which it may be cut: words, what stands between them, and
//! the graphemes of a word that is longer than a window. A window begins with a unit that a reader
//! would begin with (no comma, no space), is as long as it may be, and does not end in a space.
//! One is better than another by, in this order,
//!
//! 1. the weights of the different terms in it;
//! 2. how many places match;
//! 3. whether it begins where a sentence does;
//! 4. how evenly what stands around the places is shared between both sides;
//! 5. being the earlier one.
//!
//! After the first window that reaches the end of the text there is none: it has all that a later
//! one could have.

use std::cmp::Reverse;
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::matches::{Match, Matches};

/// A part of a text that is not cut.
#[derive(Debug, Clone)]
struct Unit {
    bytes: Range<usize>,
    chars: Range<usize>,
    is_blank: bool,
    /// A window may begin here.
    begins: bool,
    begins_sentence: bool,
}

/// How good a window is; the greater the better.
type Rank = (u64, usize, bool, Reverse<usize>);

/// The bytes of the best window of `text` with at most `max_chars` characters; empty when not
/// even a grapheme fits.
pub(super) fn best(text: &str, matches: &Matches, max_chars: usize) -> Range<usize> {
    let last = text.trim_end().len();
    let mut ends = units(text, max_chars).peekable();
    let mut end = 0;
    let mut inside = Inside::new(matches);
    let mut best: Option<(Rank, Range<usize>)> = None;
    for unit in units(text, max_chars).filter(|unit| unit.begins) {
        let fits = |next: &Unit| next.chars.end - unit.chars.start.min(next.chars.end) <= max_chars;
        while let Some(next) = ends.next_if(fits) {
            if !next.is_blank {
                end = next.bytes.end;
            }
        }
        let window = unit.bytes.start..end;
        if window.is_empty() {
            continue;
        }
        let (weight, count, imbalance) = inside.slide_to(&window);
        let rank = (weight, count, unit.begins_sentence, Reverse(imbalance));
        if best.as_ref().is_none_or(|(most, _)| rank > *most) {
            best = Some((rank, window));
        }
        if end >= last || matches.places.is_empty() {
            break;
        }
    }
    best.map_or(0..0, |(_, window)| window)
}

/// The places inside a window that only moves forwards.
struct Inside<'m> {
    matches: &'m Matches,
    /// The places by where they end.
    by_end: Vec<&'m Match>,
    /// Places that begin before the window; places that end before its end.
    left: usize,
    entered: usize,
    end: usize,
    /// How often each term is inside.
    counts: Vec<usize>,
    count: usize,
    weight: u64,
}

impl<'m> Inside<'m> {
    fn new(matches: &'m Matches) -> Self {
        let mut by_end: Vec<&Match> = matches.places.iter().collect();
        by_end.sort_by_key(|place| place.bytes.end);
        Inside {
            matches,
            by_end,
            left: 0,
            entered: 0,
            end: 0,
            counts: vec![0; matches.weights.len()],
            count: 0,
            weight: 0,
        }
    }

    /// The weight of the different terms in `window`, the number of places, and by how many bytes
    /// there is more on one side of them than on the other.
    fn slide_to(&mut self, window: &Range<usize>) -> (u64, usize, usize) {
        let places = &self.matches.places;
        while let Some(place) = places.get(self.left)
            && place.bytes.start < window.start
        {
            self.left += 1;
            // One that is still open at the end of the window before has not been counted.
            if place.bytes.end <= self.end {
                self.count_less(place.term);
            }
        }
        while let Some(place) = self.by_end.get(self.entered)
            && place.bytes.end <= window.end
        {
            self.entered += 1;
            if place.bytes.start >= window.start {
                self.count_more(place.term);
            }
        }
        self.end = window.end;
        let first = places.get(self.left);
        let last = self
            .entered
            .checked_sub(1)
            .and_then(|at| self.by_end.get(at));
        let imbalance = match (first, last) {
            (Some(first), Some(last)) if self.count > 0 => {
                let before = first.bytes.start.saturating_sub(window.start);
                before.abs_diff(window.end.saturating_sub(last.bytes.end))
            }
            _ => 0,
        };
        (self.weight, self.count, imbalance)
    }

    fn count_more(&mut self, term: usize) {
        self.count += 1;
        if let Some(count) = self.counts.get_mut(term) {
            *count += 1;
            if *count == 1 {
                self.weight = self.weight.saturating_add(self.matches.weight(term));
            }
        }
    }

    fn count_less(&mut self, term: usize) {
        self.count = self.count.saturating_sub(1);
        if let Some(count) = self.counts.get_mut(term) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.weight = self.weight.saturating_sub(self.matches.weight(term));
            }
        }
    }
}

/// The units of `text`, in order.
fn units(text: &str, max_chars: usize) -> impl Iterator<Item = Unit> {
    let parts = words(text).flat_map(move |word| {
        let is_long = word.len() > max_chars && word.chars().nth(max_chars).is_some();
        let whole = (!is_long).then_some(word);
        let graphemes = is_long.then(|| word.graphemes(true));
        whole.into_iter().chain(graphemes.into_iter().flatten())
    });
    let (mut byte, mut char) = (0, 0);
    let (mut after_space, mut after_sentence) = (true, true);
    parts.map(move |part| {
        let is_blank = part.chars().all(char::is_whitespace);
        let is_word = part.chars().any(char::is_alphanumeric);
        // A space can carry a mark.
        let is_spaced = part.starts_with(char::is_whitespace);
        let begins = !is_spaced && (after_space || is_word);
        let is_lower = part.chars().next().is_some_and(char::is_lowercase);
        let unit = Unit {
            bytes: byte..byte + part.len(),
            chars: char..char + part.chars().count(),
            is_blank,
            begins,
            begins_sentence: begins && after_sentence && !is_lower,
        };
        (byte, char) = (unit.bytes.end, unit.chars.end);
        after_space = is_spaced;
        after_sentence = match is_blank {
            true => after_sentence || part.contains(ENDS_OF_LINES),
            false => part.ends_with(ENDS_OF_SENTENCES) || after_sentence && !is_word && !begins,
        };
        unit
    })
}

const ENDS_OF_LINES: [char; 4] = ['\n', '\r', '\u{2028}', '\u{2029}'];

const ENDS_OF_SENTENCES: [char; 14] = [
    '.', '!', '?', '…', '。', '！', '？', '．', '｡', '।', '॥', '؟', '۔', '።',
];

/// `text` cut at the bounds of words (UAX 29) that are bounds of graphemes.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let ends = |(at, grapheme): (usize, &str)| at + grapheme.len();
    let mut graphemes = text.grapheme_indices(true).map(ends).peekable();
    let mut start = 0;
    text.split_word_bound_indices()
        .filter_map(move |(at, word)| {
            let end = at + word.len();
            while graphemes.next_if(|&grapheme| grapheme < end).is_some() {}
            graphemes.next_if_eq(&end)?;
            let whole = text.get(start..end);
            start = end;
            whole
        })
}

#[cfg(test)]
mod tests;
