//! Plain writing: one sequence of characters for what is the same to a reader.
//!
//! Problem: `financial` can hold a ligature, a soft hyphen, full-width letters; `é` is one
//! character or two. Whoever compares words, in documents, queries, docids or pseudo-queries,
//! compares them in this form. Letter case is kept, because words are taken apart by it;
//! [`super::fold`] takes it off each word afterwards.
//!
//! ```text
//!   "the oﬃce of Zu◌̈rich"   the original; ffi is one character, ü is two
//!    ───────│──────│───     marks, in both texts, where they begin to differ and where they
//!   "the office of Zürich"  are alike again, lead from a place in one to that in the other
//! ```
//!
//! The rules, in this order (ZF-TE-01):
//!
//! 1. Characters that show nothing go ([`is_invisible`]); a soft hyphen takes the line break
//!    behind it along, a no-break or thin space between groups of three digits goes too.
//! 2. NFKC. Signs that would run together with their neighbours stand between spaces:
//!    fractions, circled numbers, `™`, `№`, and raised digits that are a reference mark.
//! 3. One apostrophe, one hyphen, one fraction bar; digits of all scripts are `0` to `9`.
//!
//! I1. The plain form of a plain text is that text.
//! I2. ASCII is plain.

use std::borrow::Cow;
use std::ops::Range;

use unicode_normalization::char::{canonical_combining_class, decompose_compatible};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

const SOFT_HYPHEN: char = '\u{ad}';

/// Typed for an apostrophe; NFKC would make a space of it.
const ACUTE: char = '\u{b4}';

/// Letters before raised digits that are one term with them: `CO²`, but not `protein²`.
const MAX_RAISED_LETTERS: usize = 3;

/// A text in plain writing.
#[derive(Debug, Clone)]
pub(crate) struct Plain<'a> {
    text: Cow<'a, str>,
    original_len_bytes: usize,
    marks: Vec<Mark>,
}

/// From here to the next mark, both texts are alike byte for byte, or neither part can be divided.
#[derive(Debug, Clone, Copy)]
struct Mark {
    plain: usize,
    original: usize,
    is_alike: bool,
}

/// The plain writing of `text`.
pub(crate) fn plain(text: &str) -> Plain<'_> {
    if text.is_ascii() {
        return Plain {
            text: Cow::Borrowed(text),
            original_len_bytes: text.len(),
            marks: Vec::new(),
        };
    }
    Writer::new(text).write()
}

impl Plain<'_> {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Which bytes of the original became these bytes of the plain text.
    pub(crate) fn original(&self, range: Range<usize>) -> Range<usize> {
        let start = self.mark_before(range.start, true);
        let start = start.map_or(range.start, |(mark, _)| mark.place(range.start));
        let end = match self.mark_before(range.end, false) {
            None => range.end,
            Some((mark, _)) if mark.is_alike => mark.place(range.end),
            Some((_, next)) => next.map_or(self.original_len_bytes, |next| next.original),
        };
        start..end.max(start)
    }

    /// The last mark before `offset`, or at it if `inclusive`, and the one behind it.
    fn mark_before(&self, offset: usize, inclusive: bool) -> Option<(Mark, Option<Mark>)> {
        let count = self
            .marks
            .partition_point(|mark| mark.plain < offset || inclusive && mark.plain == offset);
        let mark = *self.marks.get(count.checked_sub(1)?)?;
        Some((mark, self.marks.get(count).copied()))
    }
}

impl Mark {
    fn place(self, plain: usize) -> usize {
        match self.is_alike {
            true => self.original + (plain - self.plain),
            false => self.original,
        }
    }
}

/// True for characters that show nothing: those that Unicode calls default ignorable, and the
/// Arabic stroke that only makes a word longer.
pub(crate) fn is_invisible(character: char) -> bool {
    matches!(u32::from(character),
        0xad | 0x34f | 0x61c | 0x640 | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f
        | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f
        | 0xfeff | 0xffa0 | 0xfff0..=0xfff8 | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a
        | 0xe0000..=0xe0fff)
}

/// True where a sign would run together with its neighbours once it is written out.
fn stands_apart(character: char) -> bool {
    matches!(u32::from(character),
        0xbc..=0xbe | 0x2150..=0x215f | 0x2189           // fractions
        | 0x2116 | 0x2120..=0x2122 | 0x213b              // numero, service mark, tel, trade mark, fax
        | 0x2460..=0x249b | 0x24ea..=0x24ff | 0x2776..=0x2793   // numbers in circles
        | 0x3200..=0x33ff) // words and units in one square
}

fn is_raised_digit(character: char) -> bool {
    matches!(
        character,
        '²' | '³' | '¹' | '\u{2070}' | '\u{2074}'..='\u{2079}'
    )
}

/// The number in a circle that has no decomposition.
fn circled_number(character: char) -> Option<u32> {
    let code = u32::from(character);
    match code {
        0x24eb..=0x24f4 => Some(code - 0x24eb + 11),
        0x24f5..=0x24fe => Some(code - 0x24f5 + 1),
        0x24ff => Some(0),
        0x2776..=0x277f => Some(code - 0x2776 + 1),
        0x2780..=0x2789 => Some(code - 0x2780 + 1),
        0x278a..=0x2793 => Some(code - 0x278a + 1),
        _ => None,
    }
}

/// The letter in a dark circle or square, which has no decomposition.
fn dark_letter(character: char) -> Option<char> {
    let code = u32::from(character);
    let first = match code {
        0x1f150..=0x1f169 => 0x1f150,
        0x1f170..=0x1f189 => 0x1f170,
        _ => return None,
    };
    char::from_u32(u32::from('A') + code - first)
}

/// The digit 0 to 9 for one of any script.
fn digit_value(character: char) -> Option<char> {
    let is_digit = |code: u32| {
        char::from_u32(code)
            .is_some_and(|character| character.general_category() == GeneralCategory::DecimalNumber)
    };
    let code = u32::from(character);
    if !is_digit(code) {
        return None;
    }
    // Digits come in runs of ten, or of several tens, from 0 on.
    let before = (0..code).rev().take_while(|&code| is_digit(code)).count();
    char::from_digit(u32::try_from(before % 10).ok()?, 10)
}

/// One sign for those that mean the same, after NFKC.
fn common_sign(character: char) -> char {
    match character {
        ascii if ascii.is_ascii() => ascii,
        '\u{2bb}'..='\u{2bf}' | '\u{5f3}' | '\u{2018}' | '\u{2019}' | '\u{201b}' => '\'',
        '\u{5f4}' => '"',
        '\u{2010}'..='\u{2013}' => '-',
        '\u{2044}' => '/',
        '\u{66b}' => '.',
        '\u{66c}' => ',',
        other if other.is_numeric() => digit_value(other).unwrap_or(other),
        other => other,
    }
}

/// Whether no plain form of what comes before `character` can change because of it.
fn begins_anew(character: char) -> bool {
    let mut first = None;
    decompose_compatible(character, |part| {
        if !is_invisible(part) {
            first.get_or_insert(part);
        }
    });
    let first = first.unwrap_or(character);
    canonical_combining_class(first) == 0
        && is_nfkc_quick(std::iter::once(first)) == IsNormalized::Yes
}

/// Writes the plain form of a text that is not ASCII.
struct Writer<'a> {
    original: &'a str,
    plain: String,
    marks: Vec<Mark>,
    /// Characters that are made plain together, and where they begin.
    open: String,
    open_at: usize,
    end: End,
}

/// How the plain text ends so far.
#[derive(Debug, Clone, Copy, Default)]
struct End {
    letters: usize,
    digits: usize,
    /// The digits follow others of the same number.
    is_grouped: bool,
    raised: Raised,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
enum Raised {
    #[default]
    No,
    WithTheWord,
    Reference,
}

impl End {
    fn push(&mut self, character: char) {
        let digit = character.is_ascii_digit();
        *self = End {
            letters: if character.is_alphabetic() {
                self.letters + 1
            } else {
                0
            },
            digits: if digit { self.digits + 1 } else { 0 },
            is_grouped: digit && self.is_grouped,
            raised: Raised::No,
        };
    }
}

impl<'a> Writer<'a> {
    fn new(original: &'a str) -> Self {
        Writer {
            original,
            plain: String::with_capacity(original.len()),
            marks: Vec::new(),
            open: String::new(),
            open_at: 0,
            end: End::default(),
        }
    }

    fn rest(&self, offset: usize) -> &'a str {
        self.original.get(offset..).unwrap_or("")
    }

    fn write(mut self) -> Plain<'a> {
        let mut at = 0;
        while let Some(character) = self.rest(at).chars().next() {
            let ascii_len = self.rest(at).bytes().take_while(u8::is_ascii).count();
            let is_last = at + ascii_len == self.original.len();
            // What follows can change the last character, no other.
            let alike = ascii_len.saturating_sub(usize::from(!is_last));
            let next = at + character.len_utf8();
            if alike > 0 {
                self.close(at);
                at += alike;
                self.push_alike(at - alike, at);
            } else if is_invisible(character) {
                at = next + self.skipped_break(character, next);
            } else if self.joins_groups(character, next) {
                self.close(at);
                self.end = End {
                    is_grouped: true,
                    ..End::default()
                };
                at = next;
            } else {
                if begins_anew(character) {
                    self.close(at);
                }
                self.open.push(dark_letter(character).unwrap_or(character));
                at = next;
            }
        }
        self.close(at);
        Plain {
            text: Cow::Owned(self.plain),
            original_len_bytes: at,
            marks: self.marks,
        }
    }

    /// Bytes of the line break that a soft hyphen before `offset` takes along.
    fn skipped_break(&self, character: char, offset: usize) -> usize {
        let rest = self.rest(offset);
        let after = rest.trim_start();
        let skipped = rest.len() - after.len();
        let breaks = rest
            .get(..skipped)
            .map_or(0, |gap| gap.matches('\n').count());
        let goes_on = after.chars().next().is_some_and(char::is_alphabetic);
        match character == SOFT_HYPHEN && goes_on && breaks == 1 {
            true => skipped,
            false => 0,
        }
    }

    /// Whether `space` stands between groups of digits of one number, of which the next begins
    /// at `offset`.
    fn joins_groups(&self, space: char, offset: usize) -> bool {
        if !matches!(space, '\u{a0}' | '\u{2007}' | '\u{2009}' | '\u{202f}') {
            return false;
        }
        // The digit before is still open.
        let open = self.open.bytes().filter(u8::is_ascii_digit).count();
        let before = match open == self.open.len() {
            true => self.end.digits + open,
            false => 0,
        };
        let least = if self.end.is_grouped { 3 } else { 1 };
        let group = self.rest(offset).bytes().take_while(u8::is_ascii_digit);
        (least..=3).contains(&before) && group.count() == 3
    }

    fn mark(&mut self, original: usize, is_alike: bool) {
        self.marks.push(Mark {
            plain: self.plain.len(),
            original,
            is_alike,
        });
    }

    /// Copies ASCII from the original.
    fn push_alike(&mut self, start: usize, end: usize) {
        let text = self.original.get(start..end).unwrap_or("");
        self.mark(start, true);
        self.plain.push_str(text);
        self.open_at = end;
        let tail = text.len().saturating_sub(MAX_RAISED_LETTERS + 1);
        if tail > 0 {
            self.end = End::default();
        }
        text.chars()
            .skip(tail)
            .for_each(|character| self.end.push(character));
    }

    /// Writes what is open, which ends at `offset` of the original.
    fn close(&mut self, offset: usize) {
        let open = std::mem::take(&mut self.open);
        let mut characters = open.chars();
        match (characters.next(), characters.next()) {
            (None, _) if self.open_at == offset => {}
            (None, _) => self.mark(self.open_at, false),
            (Some(one), None)
                if is_nfkc_quick(std::iter::once(one)) == IsNormalized::Yes
                    && circled_number(one).is_none() =>
            {
                let sign = common_sign(one);
                self.mark(
                    self.open_at,
                    sign == one && self.open_at + one.len_utf8() == offset,
                );
                self.push(sign);
            }
            (Some(first), _) => self.close_changed(first, &open),
        }
        self.open = open;
        self.open.clear();
        self.open_at = offset;
    }

    fn push(&mut self, character: char) {
        self.plain.push(character);
        self.end.push(character);
    }

    fn close_changed(&mut self, first: char, open: &str) {
        let before = self.end;
        let raised = match is_raised_digit(first) {
            false => Raised::No,
            true if before.raised != Raised::No => before.raised,
            true if (1..=MAX_RAISED_LETTERS).contains(&before.letters) => Raised::WithTheWord,
            true => Raised::Reference,
        };
        let goes_on = raised == Raised::Reference && before.raised == raised;
        if goes_on {
            self.plain.pop();
        }
        self.mark(self.open_at, false);
        let is_apart = stands_apart(first) || raised == Raised::Reference;
        if is_apart && !goes_on {
            self.push(' ');
        }
        if first == ACUTE {
            self.push('\'');
        } else if let Some(number) = circled_number(first) {
            number
                .to_string()
                .chars()
                .for_each(|digit| self.push(digit));
        } else {
            let visible = open.nfkd().filter(|&character| !is_invisible(character));
            visible
                .nfc()
                .for_each(|character| self.push(common_sign(character)));
        }
        if is_apart {
            self.push(' ');
        }
        self.end.raised = raised;
    }
}

#[cfg(test)]
mod tests;
