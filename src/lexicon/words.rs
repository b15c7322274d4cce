//! Splitting text into words, the same way for statistics, docids and queries.
//!
//! Problem: one splitter must serve prose, tables, code and every script. Texts are first put in
//! plain writing ([`super::plain`]), and every word is folded afterwards ([`super::fold`]), so
//! that one word is the same however it was typed. In between, Unicode's word boundaries (UAX 29)
//! are the base; on top of them:
//!
//! - identifiers fall apart: `snake_case`, `lowerCamel`, `ThreeHumpCamel`, `self.method`. Names
//!   with two humps (`GitHub`, `PubMed`) stay whole, as do `mRNA`, `siRNA`, `iPhone`;
//! - special terms survive: `PD3.1`, `3.14`, `c++`, `c#`, `IL-6`, `5-HT`, `NF-κB`, `X-ray`, `U.S`;
//!   other hyphens separate;
//! - numbers and versions have one form: `1,299` is `1299`, `v1.2.3` is `1.2.3`;
//! - English clitics go: `document's` is `document`, `don't` is `don` (a stop word); so do
//!   articles and pronouns that lean on the next word: `l'hôpital` is `hopital`;
//! - scripts written without spaces (Chinese, Japanese kana, Thai, Lao, Khmer, Burmese) give
//!   overlapping pairs of characters; a lone character gives itself;
//! - pictures (emoji and other symbols of that kind) are words of one character.
//!
//! I1. Every word is folded, not empty, without spaces, at most [`MAX_WORD_CHARS`] characters.
//! I2. Its range of the original folds to a word, less the commas and points of a number. (One
//!     character that stands for several words is the range of each.)
//! I3. The result depends on the text alone.

use std::collections::VecDeque;
use std::iter::Peekable;
use std::ops::Range;

use unicode_properties::{GeneralCategoryGroup, UnicodeEmoji, UnicodeGeneralCategory};
use unicode_segmentation::{UWordBoundIndices, UnicodeSegmentation, UnicodeWordIndices};

use super::fold::fold;
use super::numbers::{ungrouped, unversioned};
use super::plain::plain;

/// Longer words (hashes, encoded data) are skipped, in characters.
pub const MAX_WORD_CHARS: usize = 40;

/// A word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The word, folded.
    pub text: String,
    /// Where the text has it, in bytes.
    pub range: Range<usize>,
}

/// The folded words of `text`, in order, function words included.
///
/// ```
/// use zerogr::raw::lexicon::words;
///
/// let found: Vec<String> = words("IL-6 and min_cost in PD3.1").collect();
/// assert_eq!(found, ["il-6", "and", "min", "cost", "in", "pd3.1"]);
/// assert!(words("ﬁnancial").eq(["financial"]));
/// ```
pub fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    located_words(text).map(|word| word.text)
}

/// The same, each with its place in `text`.
///
/// ```
/// use zerogr::raw::lexicon::located_words;
///
/// let text = "the oﬃce";
/// let word = located_words(text).last().unwrap();
/// assert_eq!((word.text.as_str(), &text[word.range]), ("office", "oﬃce"));
/// ```
pub fn located_words(text: &str) -> impl Iterator<Item = Word> + '_ {
    if text.is_ascii() {
        return Located::InPlace(Words::new(text));
    }
    let plain = plain(text);
    let in_original = |word: Word| Word {
        range: plain.original(word.range),
        ..word
    };
    let words: Vec<Word> = Words::new(plain.text()).map(in_original).collect();
    Located::Collected(words.into_iter())
}

/// True for characters of scripts that are written without spaces between words.
pub(crate) fn is_unspaced(character: char) -> bool {
    matches!(u32::from(character),
        0x0e00..=0x0eff        // Thai, Lao
        | 0x1000..=0x109f      // Burmese
        | 0x1780..=0x17ff      // Khmer
        | 0x3005..=0x3007      // ideographic iteration mark, closing mark, zero
        | 0x3040..=0x309f      // Hiragana
        | 0x30a1..=0x30fa | 0x30fc..=0x30ff | 0x31f0..=0x31ff   // Katakana
        | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff   // Han
        | 0x20000..=0x3ffff)
}

/// True for emoji and symbols like them; not for arrows, boxes and bullets.
pub(crate) fn is_picture(character: char) -> bool {
    match u32::from(character) {
        0..0x2300 | 0x25a0..=0x25ff => false,
        0x2600..=0x2767 => !character.is_alphanumeric(),
        _ => character.is_emoji_char(),
    }
}

fn starts_unspaced(segment: &str) -> bool {
    segment.chars().next().is_some_and(is_unspaced)
}

fn says_something(segment: &str) -> bool {
    segment
        .chars()
        .any(|character| character.is_alphanumeric() || is_picture(character))
}

enum Located<'a> {
    InPlace(Words<'a>),
    Collected(std::vec::IntoIter<Word>),
}

impl Iterator for Located<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        match self {
            Located::InPlace(words) => words.next(),
            Located::Collected(words) => words.next(),
        }
    }
}

/// The parts of a text that can hold words, by UAX 29.
enum Segments<'a> {
    Ascii(UnicodeWordIndices<'a>),
    Any(UWordBoundIndices<'a>),
}

impl<'a> Iterator for Segments<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Segments::Ascii(segments) => segments.next(),
            Segments::Any(segments) => segments.find(|(_, segment)| says_something(segment)),
        }
    }
}

/// The words of a plain text, with their places in it.
struct Words<'a> {
    text: &'a str,
    segments: Peekable<Segments<'a>>,
    ready: VecDeque<Word>,
}

impl Iterator for Words<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        loop {
            if let Some(word) = self.ready.pop_front() {
                return Some(word);
            }
            let (start, segment) = self.segments.next()?;
            if is_run(segment) {
                let mut end = start + segment.len();
                while let Some(longer) = self.take_at(end, is_run) {
                    end = longer;
                }
                self.pairs(start, end);
            } else {
                self.spaced(start, segment);
            }
        }
    }
}

/// Whether all of a segment is written without spaces.
fn is_run(segment: &str) -> bool {
    starts_unspaced(segment)
        && (segment.chars()).all(|character| is_unspaced(character) || is_combining(character))
}

/// True for marks, which belong to the character before them.
pub(super) fn is_combining(character: char) -> bool {
    character.general_category_group() == GeneralCategoryGroup::Mark
}

impl<'a> Words<'a> {
    fn new(text: &'a str) -> Self {
        let segments = match text.is_ascii() {
            true => Segments::Ascii(text.unicode_word_indices()),
            false => Segments::Any(text.split_word_bound_indices()),
        };
        Words {
            text,
            segments: segments.peekable(),
            ready: VecDeque::new(),
        }
    }

    /// The text between two byte offsets; empty when they do not fit.
    fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or("")
    }

    /// The end of a segment that follows directly at `offset`, if `accept` likes it.
    fn take_at(&mut self, offset: usize, accept: impl Fn(&str) -> bool) -> Option<usize> {
        let (start, segment) = *self.segments.peek()?;
        if start != offset || !accept(segment) {
            return None;
        }
        self.segments.next();
        Some(start + segment.len())
    }

    /// A run of characters without spaces: overlapping pairs. Marks belong to what they follow.
    fn pairs(&mut self, start: usize, end: usize) {
        let run = self.slice(start, end);
        let first_of_each = run
            .char_indices()
            .filter(|&(offset, character)| offset == 0 || !is_combining(character));
        let mut bounds: Vec<usize> = first_of_each.map(|(offset, _)| start + offset).collect();
        bounds.push(end);
        if bounds.len() == 2 {
            self.push(start, end);
        }
        for window in bounds.windows(3) {
            if let [from, _, to] = *window {
                self.push(from, to);
            }
        }
    }

    /// A word of a script with spaces: a special term, or an identifier to take apart.
    fn spaced(&mut self, start: usize, segment: &str) {
        let end = start + segment.len();
        let rest = self.text.get(end..).unwrap_or("");
        let next_is_free = |skip: usize| {
            !rest
                .get(skip..)
                .and_then(|rest| rest.chars().next())
                .is_some_and(char::is_alphabetic)
        };
        let is_name = |name: &str| segment.eq_ignore_ascii_case(name);
        if is_name("c") && rest.starts_with("++") && next_is_free(2) {
            return self.push_as(start..end + 2, "c++".to_owned());
        }
        if (is_name("c") || is_name("f")) && rest.starts_with('#') && next_is_free(1) {
            return self.push(start, end + 1);
        }
        if rest.starts_with('-')
            && let Some(joined) = self.take_at(end + 1, |right| hyphen_joins(segment, right))
        {
            return self.push(start, joined);
        }
        let mut rest = segment.bytes().skip(1);
        if rest.all(|byte| byte.is_ascii_lowercase()) || is_acronym(segment) {
            return self.push(start, end);
        }
        for (offset, part) in split_inner_marks(segment) {
            let (skipped, stem) = without_clitics(part);
            self.stem(start + offset + skipped, stem);
        }
    }

    /// A word without what leans on it.
    fn stem(&mut self, start: usize, stem: &str) {
        let end = start + stem.len();
        if is_run(stem) {
            self.pairs(start, end);
        } else if let Some(number) = ungrouped(stem) {
            self.push_as(start..end, number);
        } else if let Some(version) = unversioned(stem) {
            self.push(end - version.len(), end);
        } else {
            for (offset, hump) in split_humps(stem) {
                self.push(start + offset, start + offset + hump.len());
            }
        }
    }

    fn push(&mut self, start: usize, end: usize) {
        // A segment can begin with a space that carries a combining mark.
        let blank = |character: char| character.is_whitespace() || character.is_control();
        let word = self.slice(start, end);
        let word = match word.is_ascii() {
            true => word,
            false => word.trim_matches(blank),
        };
        if !word.contains(blank) {
            self.push_as(start..end, fold(word));
        }
    }

    fn push_as(&mut self, range: Range<usize>, text: String) {
        let is_long = text.len() > MAX_WORD_CHARS && text.chars().nth(MAX_WORD_CHARS).is_some();
        if !is_long && says_something(&text) {
            self.ready.push_back(Word { text, range });
        }
    }
}

/// Whether `left-right` is one term (`IL-6`, `5-HT`, `NF-κB`) and not two words.
fn hyphen_joins(left: &str, right: &str) -> bool {
    let letters = |text: &str| text.chars().all(char::is_alphabetic);
    let capitals = |text: &str| text.chars().all(char::is_uppercase);
    let digit = |text: &str| {
        text.chars()
            .next()
            .is_some_and(|first| first.is_ascii_digit())
    };
    let (left_chars, right_chars) = (left.chars().count(), right.chars().count());
    // `i-1` with a small letter is a subtraction.
    let name = letters(left) && left_chars <= 6 && (left_chars > 1 || capitals(left));
    let name_then_number = name && digit(right) && right_chars <= 3;
    let number_then_name = digit(left) && left_chars <= 3 && capitals(right) && right_chars <= 4;
    let short_name = capitals(left) && left_chars <= 5 && letters(right) && right_chars <= 3;
    name_then_number || number_then_name || short_name
}

/// `U.S`, `e.g`: single letters with points between them.
fn is_acronym(segment: &str) -> bool {
    segment.contains('.')
        && segment.split('.').all(|part| {
            let mut characters = part.chars();
            characters.next().is_some_and(char::is_alphabetic) && characters.all(is_combining)
        })
}

/// Splits at `_`, and at `.`, `,`, `:` and the like unless digits stand on both sides.
fn split_inner_marks(segment: &str) -> Vec<(usize, &str)> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut before = None;
    let mut characters = segment.char_indices().peekable();
    while let Some((offset, character)) = characters.next() {
        let after = characters.peek().map(|(_, after)| *after);
        let digits = |side: Option<char>| side.is_some_and(char::is_numeric);
        let splits = match character {
            '_' | '\u{203f}' | '\u{2040}' => true,
            '.' | ',' | ':' | ';' | '\u{b7}' | '\u{2027}' => !(digits(before) && digits(after)),
            _ => false,
        };
        if splits {
            parts.push((start, segment.get(start..offset).unwrap_or("")));
            start = offset + character.len_utf8();
        }
        before = Some(character);
    }
    parts.push((start, segment.get(start..).unwrap_or("")));
    parts.retain(|(_, part)| !part.is_empty());
    parts
}

/// What leans on the word before it, in English, behind an apostrophe.
const ENCLITICS: [&str; 7] = ["s", "t", "re", "ve", "ll", "d", "m"];

/// What leans on the word behind it, in French, Italian and Catalan, before an apostrophe and a
/// vowel or h.
const PROCLITICS: [&str; 31] = [
    "c", "d", "j", "l", "m", "n", "s", "t", "qu", "jusqu", "lorsqu", "puisqu", "quoiqu", "agl",
    "all", "anch", "bell", "coll", "com", "dagl", "dall", "degl", "dell", "dov", "gl", "nell",
    "quell", "quest", "sant", "sull", "un",
];

/// `document's` -> `document`, `l'arbre` -> `arbre`, and how many bytes are left out in front;
/// other apostrophes (`o'brien`) stay.
fn without_clitics(word: &str) -> (usize, &str) {
    let is_one_of =
        |part: &str, list: &[&str]| list.iter().any(|one| part.eq_ignore_ascii_case(one));
    let mut stem = word;
    while let Some((head, tail)) = stem.split_once('\'') {
        let vowel = tail.chars().next().is_some_and(|first| {
            let bare = fold(first.encode_utf8(&mut [0; 4]));
            bare.starts_with(['a', 'e', 'i', 'o', 'u', 'y', 'h'])
        });
        if !vowel || !is_one_of(head, &PROCLITICS) {
            break;
        }
        stem = tail;
    }
    let skipped = word.len() - stem.len();
    while let Some((head, tail)) = stem.rsplit_once('\'') {
        if head.is_empty() || !is_one_of(tail, &ENCLITICS) {
            break;
        }
        stem = head;
    }
    (skipped, stem)
}

/// Splits camel case where it marks an identifier, see the head of this file.
fn split_humps(word: &str) -> Vec<(usize, &str)> {
    let humps = humps(word);
    let [(_, first), rest @ ..] = humps.as_slice() else {
        return vec![(0, word)];
    };
    let starts_lower = first.chars().next().is_some_and(char::is_lowercase);
    let tail_is_capitals = rest
        .iter()
        .all(|(_, hump)| !hump.chars().any(char::is_lowercase));
    let verb = matches!(
        *first,
        "get" | "set" | "is" | "to" | "has" | "as" | "on" | "from" | "parse"
    );
    let splits = match (starts_lower, rest.len()) {
        (_, 0) => false,
        (true, _) if first.chars().count() < 2 => false,
        (true, _) if tail_is_capitals => verb || first.chars().count() > 3,
        (true, _) => true,
        (false, more) => more >= 2,
    };
    if splits { humps } else { vec![(0, word)] }
}

/// The humps of a camel-case word: `parseHTMLPage2` -> `parse`, `HTML`, `Page2`.
fn humps(word: &str) -> Vec<(usize, &str)> {
    let characters: Vec<(usize, char)> = word.char_indices().collect();
    let mut cuts = vec![0];
    for window in 1..characters.len() {
        let (Some((_, before)), Some((offset, here))) =
            (characters.get(window - 1), characters.get(window))
        else {
            continue;
        };
        let after_lower = characters
            .get(window + 1)
            .is_some_and(|(_, after)| after.is_lowercase());
        let rises = here.is_uppercase() && !before.is_uppercase();
        let ends_acronym = here.is_uppercase() && before.is_uppercase() && after_lower;
        if rises || ends_acronym {
            cuts.push(*offset);
        }
    }
    cuts.push(word.len());
    cuts.windows(2)
        .filter_map(|pair| Some((*pair.first()?, word.get(*pair.first()?..*pair.last()?)?)))
        .collect()
}

#[cfg(test)]
mod tests;
