//! Source text: blocks between blank lines, by their indentation.

use std::ops::Range;

use super::blocks::{Kind, Strength, Structure};
use super::lines::lines;

/// Columns of a tab.
const TAB_COLUMNS: usize = 4;

/// What a line begins with that belongs to the line before: brackets that close, operators, the end of
/// a fence.
const CLOSES: &[&str] = &[
    "}", ")", "]", ".", "&&", "||", "?", ":", "+", "=>", "->", "{", "else", "end", "```", "~~~",
];

/// What a line begins with that belongs to the line after: comments, attributes, decorators.
const LEADS_ON: &[&str] = &["//", "/*", "*", "#", "@", "--", ";;"];

/// A line that is not blank.
struct Line {
    start: usize,
    columns: usize,
    closes: bool,
    /// It belongs to the line before.
    goes_on: bool,
    after_blank: bool,
}

/// The blocks of `text`; it has no headings.
pub(super) fn structure(text: &str) -> Structure {
    let mut structure = Structure::default();
    push_lines(text, 0..text.len(), Strength::Block, &mut structure);
    structure
}

/// Adds the lines of a part of `text`: as strong as `outermost` is what begins without indentation behind
/// a blank line or behind the end of another such; then comes what begins with the least indentation
/// behind a blank line, then the other lines of that indentation, and then those inside of them.
pub(super) fn push_lines(
    text: &str,
    part: Range<usize>,
    outermost: Strength,
    structure: &mut Structure,
) {
    let code = text.get(part.clone()).unwrap_or("");
    let inner_columns = code_lines(code)
        .filter(|line| line.after_blank && line.columns > 0)
        .map(|line| line.columns)
        .min();
    let mut after_end = true;
    for line in code_lines(code) {
        let is_inner = inner_columns.is_some_and(|columns| line.columns <= columns);
        let strength = if line.goes_on {
            Strength::GoesOn
        } else if line.columns == 0 && (line.after_blank || after_end) {
            outermost
        } else if line.after_blank && is_inner {
            Strength::Item.max(outermost)
        } else if line.after_blank || is_inner {
            Strength::Line
        } else {
            Strength::InnerLine
        };
        structure.push(part.start + line.start, strength, Kind::Lines);
        after_end = line.closes && line.columns == 0;
    }
}

fn code_lines(code: &str) -> impl Iterator<Item = Line> + '_ {
    let (mut after_blank, mut led_on) = (false, false);
    lines(code).filter_map(move |range| {
        let line = code.get(range.clone()).unwrap_or("");
        let inside = line.trim_start();
        if inside.is_empty() {
            after_blank = true;
            return None;
        }
        let indentation = line.get(..line.len() - inside.len()).unwrap_or("");
        let columns = |character| if character == '\t' { TAB_COLUMNS } else { 1 };
        let begins = |marks: &[&str]| marks.iter().any(|mark| inside.starts_with(mark));
        let after_blank = std::mem::take(&mut after_blank);
        let goes_on = begins(CLOSES) || led_on && !after_blank;
        led_on = begins(LEADS_ON);
        Some(Line {
            start: range.start,
            columns: indentation.chars().map(columns).sum(),
            closes: begins(CLOSES),
            goes_on,
            after_blank,
        })
    })
}
