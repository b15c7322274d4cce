//! Source text: blocks between blank lines, by their indentation.

use std::ops::Range;

use super::blocks::{Kind, Strength, Structure};
use super::lines::lines;

/// Columns of a tab.
const TAB_COLUMNS: usize = 4;

/// A line that is not blank.
struct Line {
    start: usize,
    columns: usize,
    /// It begins with a bracket that closes, so it belongs to what is before.
    closes: bool,
    after_blank: bool,
}

/// The blocks of `text`: what begins without indentation behind a blank line or behind the end of
/// another such block, then what begins with the least indentation behind a blank line, then lines.
pub(super) fn structure(text: &str) -> Structure {
    let mut structure = Structure::default();
    let inner_columns = code_lines(text)
        .filter(|line| line.after_blank && line.columns > 0)
        .map(|line| line.columns)
        .min();
    let mut after_end = true;
    for line in code_lines(text) {
        let begins = !line.closes && (line.after_blank || after_end);
        let strength = match line.columns {
            0 if begins => Strength::Block,
            columns if line.after_blank && !line.closes && Some(columns) == inner_columns => {
                Strength::Item
            }
            _ => Strength::Line,
        };
        structure.push(line.start, strength, Kind::Lines);
        after_end = line.closes && line.columns == 0;
    }
    structure
}

fn code_lines(text: &str) -> impl Iterator<Item = Line> + '_ {
    let mut after_blank = false;
    lines(text).filter_map(move |range: Range<usize>| {
        let line = text.get(range.clone()).unwrap_or("");
        let inside = line.trim_start();
        if inside.is_empty() {
            after_blank = true;
            return None;
        }
        let indentation = line.get(..line.len() - inside.len()).unwrap_or("");
        let columns = |character| if character == '\t' { TAB_COLUMNS } else { 1 };
        Some(Line {
            start: range.start,
            columns: indentation.chars().map(columns).sum(),
            closes: inside.starts_with(['}', ')', ']']),
            after_blank: std::mem::take(&mut after_blank),
        })
    })
}
