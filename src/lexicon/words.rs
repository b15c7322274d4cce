//! Splitting text into words, the same way for statistics, docids and queries.
//!
//! Problem: one splitter must serve prose, tables, code and every script. Unicode's word
//! boundaries (UAX 29) are the base; on top of them:
//!
//! - identifiers fall apart: `snake_case`, `lowerCamel`, `ThreeHumpCamel`, `self.method`. Names
//!   with two humps (`GitHub`, `PubMed`) stay whole, as do `mRNA`, `siRNA`, `iPhone`;
//! - special terms survive: `PD3.1`, `3.14`, `c++`, `c#`, `IL-6`, `5-HT`, `NF-κB`, `X-ray`, `U.S`;
//!   other hyphens separate;
//! - English clitics go: `document's` is `document`, `don't` is `don` (a stop word);
//! - scripts written without spaces (Chinese, Japanese kana, Thai, Lao, Khmer, Burmese) give
//!   overlapping pairs of characters; a lone character gives itself.
//!
//! I1. Every word is lowercase, not empty, without spaces, at most [`MAX_WORD_CHARS`] characters.
//! I2. Every word occurs in the lowercased text.
//! I3. The result depends on the text alone.

use std::collections::VecDeque;
use std::iter::Peekable;

use unicode_segmentation::{UnicodeSegmentation, UnicodeWordIndices};

/// Longer words (hashes, encoded data) are skipped, in characters.
pub const MAX_WORD_CHARS: usize = 40;

/// The lowercase words of `text`, in order, function words included.
///
/// ```
/// use zerogr::lexicon::words;
///
/// let found: Vec<String> = words("IL-6 and min_cost in PD3.1").collect();
/// assert_eq!(found, ["il-6", "and", "min", "cost", "in", "pd3.1"]);
/// ```
pub fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    Words {
        text,
        segments: text.unicode_word_indices().peekable(),
        ready: VecDeque::new(),
    }
}

/// True for characters of scripts that are written without spaces between words.
pub(crate) fn is_unspaced(character: char) -> bool {
    matches!(u32::from(character),
        0x0e00..=0x0eff        // Thai, Lao
        | 0x1000..=0x109f      // Burmese
        | 0x1780..=0x17ff      // Khmer
        | 0x3005..=0x3007      // ideographic iteration mark, closing mark, zero
        | 0x3040..=0x309f      // Hiragana
        | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff   // Han
        | 0x20000..=0x3ffff)
}

fn starts_unspaced(segment: &str) -> bool {
    segment.chars().next().is_some_and(is_unspaced)
}

struct Words<'a> {
    text: &'a str,
    segments: Peekable<UnicodeWordIndices<'a>>,
    ready: VecDeque<String>,
}

impl Iterator for Words<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        loop {
            if let Some(word) = self.ready.pop_front() {
                return Some(word);
            }
            let (start, segment) = self.segments.next()?;
            if starts_unspaced(segment) {
                self.unspaced(start, segment);
            } else {
                self.spaced(start, segment);
            }
        }
    }
}

impl Words<'_> {
    /// The text between two byte offsets; empty when they do not fit.
    fn slice(&self, start: usize, end: usize) -> &str {
        self.text.get(start..end).unwrap_or("")
    }

    /// A segment that follows directly at `offset`, if `accept` likes it.
    fn take_at(&mut self, offset: usize, accept: impl Fn(&str) -> bool) -> Option<usize> {
        let (start, segment) = *self.segments.peek()?;
        if start != offset || !accept(segment) {
            return None;
        }
        self.segments.next();
        Some(start + segment.len())
    }

    /// A run of characters without spaces: overlapping pairs.
    fn unspaced(&mut self, start: usize, segment: &str) {
        let mut previous = start;
        let mut boundary = start + segment.len();
        let mut paired = false;
        while let Some(end) = self.take_at(boundary, starts_unspaced) {
            self.push(self.slice(previous, end).to_lowercase());
            paired = true;
            previous = boundary;
            boundary = end;
        }
        if !paired {
            self.push(segment.to_lowercase());
        }
    }

    /// A word of a script with spaces: a special term, or an identifier to take apart.
    fn spaced(&mut self, start: usize, segment: &str) {
        let mut end = start + segment.len();
        let rest = self.text.get(end..).unwrap_or("");
        let next_is_free = |skip: usize| {
            !rest
                .get(skip..)
                .and_then(|rest| rest.chars().next())
                .is_some_and(char::is_alphabetic)
        };
        if segment.eq_ignore_ascii_case("c") && rest.starts_with("++") && next_is_free(2) {
            return self.push("c++".to_owned());
        }
        if ["c", "f"]
            .iter()
            .any(|name| segment.eq_ignore_ascii_case(name))
            && rest.starts_with('#')
            && next_is_free(1)
        {
            return self.push(format!("{}#", segment.to_lowercase()));
        }
        if rest.starts_with('-')
            && let Some(joined) = self.take_at(end + 1, |right| hyphen_joins(segment, right))
        {
            end = joined;
            return self.push(self.slice(start, end).to_lowercase());
        }
        for part in split_word(segment) {
            self.push(part);
        }
    }

    fn push(&mut self, word: String) {
        // A segment can begin with a space that carries a combining mark.
        let blank = |character: char| character.is_whitespace() || character.is_control();
        let word = word.trim_matches(blank);
        let fits = word.chars().count() <= MAX_WORD_CHARS && !word.contains(blank);
        if fits && word.chars().any(char::is_alphanumeric) {
            self.ready.push_back(word.to_owned());
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

/// Takes one UAX 29 word apart: underscores, dots between letters, apostrophes, camel humps.
fn split_word(segment: &str) -> Vec<String> {
    if segment
        .bytes()
        .skip(1)
        .all(|byte| byte.is_ascii_lowercase())
    {
        return vec![segment.to_ascii_lowercase()];
    }
    let acronym = segment.contains('.')
        && segment.split('.').all(|part| {
            let mut characters = part.chars();
            characters.next().is_some_and(char::is_alphabetic) && characters.next().is_none()
        });
    if acronym {
        return vec![segment.to_lowercase()];
    }
    let mut parts = Vec::new();
    for part in split_inner_marks(segment) {
        let stem = strip_clitic(part);
        for hump in split_humps(stem) {
            parts.push(hump.to_lowercase());
        }
    }
    parts
}

/// Splits at `_`, and at `.`, `,`, `:` and the like unless digits stand on both sides.
fn split_inner_marks(segment: &str) -> Vec<&str> {
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
            parts.push(segment.get(start..offset).unwrap_or(""));
            start = offset + character.len_utf8();
        }
        before = Some(character);
    }
    parts.push(segment.get(start..).unwrap_or(""));
    parts.retain(|part| !part.is_empty());
    parts
}

/// `document's` -> `document`, `don't` -> `don`; other apostrophes (`o'brien`) stay.
fn strip_clitic(word: &str) -> &str {
    let Some(at) = word.rfind(['\'', '\u{2019}']) else {
        return word;
    };
    let (head, tail) = word.split_at(at);
    let clitic = tail.trim_start_matches(['\'', '\u{2019}']);
    let known = ["s", "t", "re", "ve", "ll", "d", "m"];
    if !head.is_empty() && known.iter().any(|end| clitic.eq_ignore_ascii_case(end)) {
        head
    } else {
        word
    }
}

/// Splits camel case where it marks an identifier, see the head of this file.
fn split_humps(word: &str) -> Vec<&str> {
    let humps = humps(word);
    let [first, rest @ ..] = humps.as_slice() else {
        return vec![word];
    };
    let starts_lower = first.chars().next().is_some_and(char::is_lowercase);
    let tail_is_capitals = rest
        .iter()
        .all(|hump| !hump.chars().any(char::is_lowercase));
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
    if splits { humps } else { vec![word] }
}

/// The humps of a camel-case word: `parseHTMLPage2` -> `parse`, `HTML`, `Page2`.
fn humps(word: &str) -> Vec<&str> {
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
        .filter_map(|pair| word.get(*pair.first()?..*pair.last()?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(text: &str) -> Vec<String> {
        words(text).collect()
    }

    #[test]
    fn prose_with_special_terms() {
        assert_eq!(
            split("The IL-6 level (p<0.05) of PD3.1 isn't the document's; C++, C# and X-ray."),
            [
                "the", "il-6", "level", "p", "0.05", "of", "pd3.1", "isn", "the", "document",
                "c++", "c#", "and", "x-ray"
            ]
        );
        assert_eq!(
            split("COVID-19, 5-HT, NF-κB, HIV-1"),
            ["covid-19", "5-ht", "nf-κb", "hiv-1"]
        );
        assert_eq!(
            split("state-of-the-art 2020-01-02 pre-1970"),
            [
                "state", "of", "the", "art", "2020", "01", "02", "pre", "1970"
            ]
        );
        assert_eq!(
            split("in the U.S. 1,000 times, e.g. v1.2.3"),
            ["in", "the", "u.s", "1,000", "times", "e.g", "v1.2.3"]
        );
    }

    #[test]
    fn identifiers_fall_apart() {
        assert_eq!(
            split("def min_cost(testTup1):"),
            ["def", "min", "cost", "test", "tup1"]
        );
        assert_eq!(
            split("self.assertEqual(x)"),
            ["self", "assert", "equal", "x"]
        );
        assert_eq!(
            split("HttpServletRequest getURL parseHTMLPage"),
            [
                "http", "servlet", "request", "get", "url", "parse", "html", "page"
            ]
        );
        assert_eq!(split("__init__ i++ x[i-1]"), ["init", "i", "x", "i", "1"]);
    }

    #[test]
    fn names_stay_whole() {
        assert_eq!(
            split("GitHub PubMed mRNA siRNA iPhone McDonald O'Brien"),
            [
                "github", "pubmed", "mrna", "sirna", "iphone", "mcdonald", "o'brien"
            ]
        );
    }

    #[test]
    fn unspaced_scripts_give_pairs() {
        assert_eq!(split("机器学习"), ["机器", "器学", "学习"]);
        assert_eq!(split("水"), ["水"]);
        assert_eq!(split("用Python写"), ["用", "python", "写"]);
        assert!(!split("ภาษาไทย").is_empty());
        assert_eq!(split("русский язык"), ["русский", "язык"]);
    }

    #[test]
    fn nothing_from_nothing() {
        assert!(split("").is_empty());
        assert!(split("--- ... !!! ☃ |").is_empty());
        assert!(split(&"a1".repeat(100)).is_empty());
        assert_eq!(
            split(" \u{9c7}"),
            ["\u{9c7}"],
            "a space with a mark of its own"
        );
    }

    proptest! {
        #[test]
        fn words_are_short_lowercase_and_in_the_text(text in "\\PC{0,60}") {
            // Letters whose lowercase form depends on their neighbours (final sigma) or on more
            // than one character are compared per word instead.
            let lower = text.to_lowercase().replace('ς', "σ");
            for word in split(&text) {
                prop_assert!(!word.is_empty());
                prop_assert!(word.chars().count() <= MAX_WORD_CHARS);
                prop_assert!(lower.contains(&word.replace('ς', "σ")), "{word:?} in {lower:?}");
            }
        }

        #[test]
        fn code_like_text_never_panics(text in "[a-zA-Z0-9_.'’#+\\-,:; \n水β]{0,80}") {
            for word in split(&text) {
                prop_assert_eq!(word.to_lowercase(), word);
            }
        }
    }
}
