//! What a text is made of: sentences, table rows, lines of code.
//!
//! Problem: pieces of a document serve as queries, and what a good piece is depends on the kind
//! of text. A text is cut into blocks at blank lines and fences; each block is a table
//! ([`super::tables`]), code, or prose:
//!
//! - prose: markup marks go, lines join, UAX 29 finds the sentences; headings and list items
//!   stand for themselves;
//! - table: a row with its column names is a piece;
//! - code: a line, its identifiers split into words, is a piece; comments come along.
//!
//! All pieces follow each other in one *running* text, from which spans of so many units are
//! taken. A unit is what stands between spaces, or a character of a script without spaces.
//!
//! I1. Pieces are in plain writing and not empty, and contain a letter or digit; at most
//!     [`MAX_PIECE_UNITS`] units.
//! I2. Work is bounded by [`super::MAX_TERM_TEXT_BYTES`] of the text.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::tables::table_rows;
use crate::lexicon::{examined, is_unspaced, plain, words};

/// The longest piece, in units; longer ones are cut.
pub(crate) const MAX_PIECE_UNITS: usize = 32;

/// Units from which a piece is long enough to stand alone.
const MIN_PIECE_UNITS: usize = 3;

/// The pieces of a text, in its order.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    /// Sentences, rows and lines of code.
    pub(crate) pieces: Vec<String>,
    running: String,
    units: Vec<Range<usize>>,
}

impl Pieces {
    /// Takes a text apart.
    pub(crate) fn of(text: &str) -> Self {
        let mut pieces = Pieces::default();
        let mut block: Vec<&str> = Vec::new();
        let mut fenced = false;
        for line in examined(text).lines() {
            let fence =
                line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~");
            if fence || (line.trim().is_empty() && !fenced) {
                pieces.add_block(&block, fenced);
                block.clear();
                fenced ^= fence;
            } else {
                block.push(line);
            }
        }
        pieces.add_block(&block, fenced);
        pieces.units = units(&pieces.running);
        pieces
    }

    /// Units of the running text.
    pub(crate) fn unit_count(&self) -> usize {
        self.units.len()
    }

    /// `count` units of the running text from unit `first` on.
    pub(crate) fn span(&self, first: usize, count: usize) -> &str {
        let last = (first + count).min(self.units.len()).wrapping_sub(1);
        match (self.units.get(first), self.units.get(last)) {
            (Some(from), Some(to)) => self.running.get(from.start..to.end).unwrap_or(""),
            _ => "",
        }
    }

    /// The pieces long enough to say something, then the others; each group in the text's order.
    pub(crate) fn by_length(&self) -> (Vec<&str>, Vec<&str>) {
        self.pieces
            .iter()
            .map(String::as_str)
            .partition(|piece| units(piece).len() >= MIN_PIECE_UNITS)
    }

    fn add_block(&mut self, lines: &[&str], fenced: bool) {
        if let Some(rows) = table_rows(lines) {
            rows.iter().for_each(|row| self.add(row));
        } else if fenced || is_code(lines) {
            lines
                .iter()
                .for_each(|line| self.add(&words(line).collect::<Vec<_>>().join(" ")));
        } else {
            self.add_prose(lines);
        }
    }

    fn add_prose(&mut self, lines: &[&str]) {
        let mut paragraph = String::new();
        for line in lines {
            let (line, stands_alone) = without_line_marks(line);
            if stands_alone == Stands::Item {
                self.add_sentences(&std::mem::take(&mut paragraph));
            }
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(&without_inline_marks(line));
            if stands_alone == Stands::Heading {
                self.add_sentences(&std::mem::take(&mut paragraph));
            }
        }
        self.add_sentences(&paragraph);
    }

    /// Sentences; those too short to stand alone go with the next one.
    fn add_sentences(&mut self, paragraph: &str) {
        let mut short = String::new();
        for sentence in paragraph.unicode_sentences() {
            short.push_str(sentence);
            if units(&short).len() >= MIN_PIECE_UNITS {
                self.add(&std::mem::take(&mut short));
            }
        }
        self.add(&short);
    }

    fn add(&mut self, piece: &str) {
        let piece = plain(piece);
        let piece = piece
            .text()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        if !piece.chars().any(char::is_alphanumeric) {
            return;
        }
        if !self.running.is_empty() {
            self.running.push(' ');
        }
        self.running.push_str(&piece);
        self.pieces
            .push(first_units(&piece, MAX_PIECE_UNITS).to_owned());
    }
}

/// The first `count` units of `text`.
pub(crate) fn first_units(text: &str, count: usize) -> &str {
    match units(text).get(count.wrapping_sub(1)) {
        Some(last) => text.get(..last.end).unwrap_or(text),
        None => text,
    }
}

/// Byte ranges of the units of `text`.
fn units(text: &str) -> Vec<Range<usize>> {
    let mut units: Vec<Range<usize>> = Vec::new();
    let mut open = false;
    for (start, character) in text.char_indices() {
        let end = start + character.len_utf8();
        if character.is_whitespace() {
            open = false;
        } else if is_unspaced(character) {
            units.push(start..end);
            open = false;
        } else if let Some(unit) = units.last_mut().filter(|_| open) {
            unit.end = end;
        } else {
            units.push(start..end);
            open = true;
        }
    }
    units
}

/// Whether a block of lines is code.
fn is_code(lines: &[&str]) -> bool {
    let code = lines
        .iter()
        .filter(|line| is_code_line(&without_inline_marks(line)))
        .count();
    !lines.is_empty() && code * 2 >= lines.len()
}

/// Whether a line looks like code: how it begins, how it ends, or how many signs it has.
fn is_code_line(line: &str) -> bool {
    const STARTS: &[&str] = &[
        "def ",
        "class ",
        "import ",
        "return ",
        "fn ",
        "pub ",
        "let ",
        "const ",
        "var ",
        "public ",
        "private ",
        "protected ",
        "static ",
        "void ",
        "func ",
        "function ",
        "package ",
        "#include",
        "#define",
        "CREATE TABLE",
        "INSERT INTO",
        "SELECT ",
        "FOREIGN KEY",
        "elif ",
        "@",
        "//",
    ];
    let line = line.trim();
    let starts = STARTS.iter().any(|start| line.starts_with(start));
    let ends = line.ends_with([';', '{', '}']) || line.ends_with("):") || line.ends_with("()");
    let solid = line
        .chars()
        .filter(|character| !character.is_whitespace())
        .count();
    let calls = line
        .as_bytes()
        .windows(2)
        .filter(
            |pair| matches!(pair, [name, b'('] if name.is_ascii_alphanumeric() || *name == b'_'),
        )
        .count();
    let others = line
        .chars()
        .filter(|character| "{}[]=<>_+*&\\;".contains(*character))
        .count();
    let signs = 2 * calls + others;
    line.contains(['(', '=', '{', ';', ':', '.', '#', '/']) && (starts || ends)
        || signs >= 3 && signs * 8 >= solid
}

/// How a line of prose relates to its neighbours.
#[derive(PartialEq, Eq)]
enum Stands {
    /// Part of a paragraph.
    Within,
    /// A list item: begins a piece.
    Item,
    /// A heading: begins and ends a piece.
    Heading,
}

/// A line without heading, quotation and list marks.
fn without_line_marks(line: &str) -> (&str, Stands) {
    let line = line.trim_start_matches(['>', ' ', '\t']).trim_end();
    let heading = line.trim_start_matches('#');
    if heading.len() < line.len() && heading.starts_with(' ') {
        return (
            heading.trim().trim_end_matches('#').trim_end(),
            Stands::Heading,
        );
    }
    for mark in ["- ", "* ", "+ ", "• "] {
        if let Some(item) = line.strip_prefix(mark) {
            return (item.trim_start(), Stands::Item);
        }
    }
    let digits = line.trim_start_matches(|character: char| character.is_ascii_digit());
    if digits.len() < line.len()
        && let Some(item) = digits
            .strip_prefix(". ")
            .or_else(|| digits.strip_prefix(") "))
    {
        return (item.trim_start(), Stands::Item);
    }
    (line, Stands::Within)
}

/// A line without emphasis marks and code ticks, links reduced to their words.
fn without_inline_marks(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(character) = rest.chars().next() {
        let after = rest.get(character.len_utf8()..).unwrap_or("");
        if let Some((label, tail)) = link(rest) {
            plain.push_str(label);
            rest = tail;
        } else if character == '`' {
            rest = after;
        } else if rest.starts_with("**") || rest.starts_with("__") {
            rest = rest.get(2..).unwrap_or("");
        } else {
            plain.push(character);
            rest = after;
        }
    }
    plain
}

/// `[label](target)` or `![label](target)` at the start of `text`: the label, and what follows.
fn link(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('!').unwrap_or(text).strip_prefix('[')?;
    let (label, tail) = inner.split_once("](")?;
    if label.contains('[') {
        return None;
    }
    let (_, tail) = tail.split_once(')')?;
    Some((label, tail))
}

/// Documents of every kind, for the tests of this folder.
#[cfg(test)]
pub(crate) mod samples {
    use crate::Document;

    pub(crate) fn prose() -> Document {
        Document::new("prose")
            .title("On the flutter of thin panels in supersonic flow")
            .text(
                "Thin panels may vibrate violently once the stream is fast enough. We measured the \
             onset of flutter for rectangular panels of aluminium at Mach numbers from 1.2 to 3. \
             Buckled panels flutter earlier than flat ones, and the boundary layer delays it. \
             A simple theory with two modes predicts the onset within ten per cent.",
            )
    }

    pub(crate) fn markdown_table() -> Document {
        Document::new("albums").title("Renaissance (band) discography").text(
            "# Studio albums\n\n| Year | Title | UK chart |\n|------|-------|---------:|\n\
             | 1969 | Renaissance | 60 |\n| 1973 | Ashes Are Burning | – |\n\
             | 1977 | Novella | 171 |\n\nAll of them were **released** on [vinyl](http://x.org/y).\n",
        )
    }

    pub(crate) fn csv_table() -> Document {
        Document::new("cities.csv").text(
            "city,country,population,river\nVienna,Austria,1982097,Danube\n\
             Budapest,Hungary,1686222,Danube\n\"Basel, city\",Switzerland,177571,Rhine\n",
        )
    }

    pub(crate) fn python_code() -> Document {
        Document::new("mbpp-1").text(
            "def min_cost(cost, m, n):\n\ttotalCost = [[0 for x in range(C)] for x in range(R)]\n\
             \t# cheapest path through the grid\n\tfor i in range(1, m + 1):\n\
             \t\ttotalCost[i][0] = totalCost[i - 1][0] + cost[i][0]\n\treturn totalCost[m][n]\n",
        )
    }

    pub(crate) fn all() -> Vec<Document> {
        vec![prose(), markdown_table(), csv_table(), python_code()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prose_gives_sentences() {
        let pieces = Pieces::of(&samples::prose().text);
        assert_eq!(pieces.pieces.len(), 4);
        assert_eq!(
            pieces.pieces[0],
            "Thin panels may vibrate violently once the stream is fast enough."
        );
        assert_eq!(pieces.span(0, 3), "Thin panels may");
        assert_eq!(pieces.span(pieces.unit_count() - 2, 9), "per cent.");
        assert_eq!(pieces.span(pieces.unit_count(), 3), "");
    }

    #[test]
    fn markdown_gives_headings_rows_and_plain_sentences() {
        let pieces = Pieces::of(&samples::markdown_table().text).pieces;
        assert_eq!(
            pieces,
            [
                "Studio albums",
                "Year 1969 Title Renaissance UK chart 60",
                "Year 1973 Title Ashes Are Burning",
                "Year 1977 Title Novella UK chart 171",
                "All of them were released on vinyl.",
            ]
        );
    }

    #[test]
    fn lists_and_wrapped_lines() {
        let pieces = Pieces::of(
            "Wrapped lines\nare one sentence.\n- first list item\n2. second list item\n> quoted words here",
        );
        assert_eq!(
            pieces.pieces,
            [
                "Wrapped lines are one sentence.",
                "first list item",
                "second list item quoted words here",
            ]
        );
    }

    #[test]
    fn code_gives_lines_of_words() {
        let pieces = Pieces::of(&samples::python_code().text).pieces;
        assert_eq!(pieces[0], "def min cost cost m n");
        assert!(
            pieces.contains(&"cheapest path through the grid".to_owned()),
            "{pieces:?}"
        );
        let fenced =
            Pieces::of("Call it so:\n\n```\nrunMe now\n\nthen_wait\n```\nDone with all that.");
        assert_eq!(
            fenced.pieces,
            [
                "Call it so:",
                "run me now",
                "then wait",
                "Done with all that."
            ]
        );
    }

    #[test]
    fn prose_with_signs_is_not_code() {
        for text in [
            "The mean (SD) was 3.2 (1.1) in group A and 2.9 (0.8) in group B; p < 0.05 for both.",
            "Class differences in health are large.",
            "Let us return to the question: who was first?",
        ] {
            assert!(!is_code(&[text]), "{text}");
        }
        assert!(is_code(&["sorted(d.items(), key=lambda x: x[1])"]));
    }

    #[test]
    fn unspaced_scripts_count_characters() {
        let pieces = Pieces::of("机器学习是人工智能的一个分支。它研究算法。");
        assert_eq!(pieces.pieces.len(), 2);
        assert_eq!(pieces.span(2, 3), "学习是");
    }

    proptest! {
        #[test]
        fn pieces_are_never_empty_and_spans_never_panic(text in "(\\PC|[\n#*|,()]){0,120}", first in 0_usize..40) {
            let pieces = Pieces::of(&text);
            for piece in &pieces.pieces {
                prop_assert!(piece.chars().any(char::is_alphanumeric));
                prop_assert!(units(piece).len() <= MAX_PIECE_UNITS);
            }
            let _ = pieces.span(first, 7);
        }
    }
}
