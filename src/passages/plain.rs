//! Text without markup: paragraphs between blank lines, and lines.

use std::ops::Range;

use super::blocks::{Kind, Strength, Structure};
use super::lines::lines;

/// Where a line is longer, nobody has wrapped it: it is a paragraph.
const MAX_WRAPPED_BYTES: usize = 240;

/// The blocks of `text`; it has no headings.
pub(super) fn structure(text: &str) -> Structure {
    let mut structure = Structure::default();
    let mut block: Vec<Range<usize>> = Vec::new();
    for line in lines(text) {
        if text.get(line.clone()).unwrap_or("").trim().is_empty() {
            push_block(text, &block, &mut structure);
            block.clear();
        } else {
            block.push(line);
        }
    }
    push_block(text, &block, &mut structure);
    structure
}

/// Lines of one paragraph are one block; others are one each.
fn push_block(text: &str, block: &[Range<usize>], structure: &mut Structure) {
    let Some((first, others)) = block.split_first() else {
        return;
    };
    structure.push(first.start, Strength::Block, Kind::Prose);
    let strength = if block.iter().any(|line| line.len() > MAX_WRAPPED_BYTES) {
        Strength::Block
    } else if is_wrapped(text, others) {
        return;
    } else {
        Strength::Item
    };
    for line in others {
        structure.push(line.start, strength, Kind::Prose);
    }
}

/// Whether lines go on with the sentence of the line before: half of them begin with a small letter.
fn is_wrapped(text: &str, others: &[Range<usize>]) -> bool {
    let goes_on = |line: &&Range<usize>| {
        let first = text
            .get((*line).clone())
            .and_then(|line| line.trim_start().chars().next());
        first.is_some_and(char::is_lowercase)
    };
    others.iter().filter(goes_on).count() * 2 >= others.len()
}
