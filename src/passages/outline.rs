//! Sections: the pieces below a heading; small sections that follow each other are one.

use std::ops::Range;

use super::blocks::{Heading, Strength};
use super::pieces::Piece;

/// Sections with less than this part of a passage are small.
const SMALL_PART: usize = 4;

/// Pieces that passages may be made of together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) pieces: Range<usize>,
    /// The outermost first.
    pub(super) headings: Vec<String>,
}

/// A heading with what is below it up to the next heading, and the headings before it that have
/// nothing else below them than this one.
struct Part {
    pieces: Range<usize>,
    tokens: usize,
    /// Of its first heading; 0 where there is none.
    level: u8,
    /// The number of its last heading.
    heading: Option<usize>,
    is_heading_only: bool,
}

/// The sections of `pieces`.
pub(super) fn sections(pieces: &[Piece], headings: &[Heading], max_tokens: usize) -> Vec<Section> {
    let outline = Outline::new(headings);
    let is_small = |tokens: usize| tokens < max_tokens / SMALL_PART;
    let mut sections: Vec<Section> = Vec::new();
    // The last section so far: its level, its tokens, the numbers of the headings that its parts share.
    let mut open: Option<(u8, usize, Vec<usize>)> = None;
    for part in parts(pieces, headings) {
        let path = outline.path(part.heading);
        match (&mut open, sections.last_mut()) {
            (Some((level, tokens, shared)), Some(section))
                if is_small(*tokens) && is_small(part.tokens) && part.level >= *level =>
            {
                let common = shared.iter().zip(&path).take_while(|(a, b)| a == b).count();
                shared.truncate(common);
                *tokens += part.tokens;
                section.pieces.end = part.pieces.end;
                section.headings = outline.texts(shared);
            }
            _ => {
                sections.push(Section {
                    pieces: part.pieces,
                    headings: outline.texts(&path),
                });
                open = Some((part.level, part.tokens, path));
            }
        }
    }
    sections
}

fn parts(pieces: &[Piece], headings: &[Heading]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut next_heading = 0;
    for (number, piece) in pieces.iter().enumerate() {
        let mut heading = None;
        while let Some(next) = headings.get(next_heading)
            && next.start <= piece.bytes.start
        {
            heading = Some((next_heading, next));
            next_heading += 1;
        }
        let is_new = piece.strength == Strength::Heading;
        let level = heading.map_or(0, |(_, heading)| heading.level);
        let is_heading_only = heading.is_some_and(|(_, heading)| piece.bytes.end <= heading.end);
        match parts.last_mut() {
            Some(last) if !is_new || last.is_heading_only && last_level(last, headings) < level => {
                last.pieces.end = number + 1;
                last.tokens += piece.tokens;
                last.heading = heading.map_or(last.heading, |(number, _)| Some(number));
                let end = last
                    .heading
                    .and_then(|number| headings.get(number))
                    .map(|heading| heading.end);
                last.is_heading_only &= end.is_some_and(|end| piece.bytes.end <= end);
            }
            _ => parts.push(Part {
                pieces: number..number + 1,
                tokens: piece.tokens,
                level,
                heading: heading.map(|(number, _)| number),
                is_heading_only,
            }),
        }
    }
    parts
}

fn last_level(part: &Part, headings: &[Heading]) -> u8 {
    let heading = part.heading.and_then(|number| headings.get(number));
    heading.map_or(0, |heading| heading.level)
}

/// Which heading is below which.
struct Outline<'a> {
    headings: &'a [Heading],
    /// The nearest heading before each that is of a higher level.
    parents: Vec<Option<usize>>,
}

impl<'a> Outline<'a> {
    fn new(headings: &'a [Heading]) -> Self {
        let mut parents = Vec::with_capacity(headings.len());
        let mut above: Vec<(usize, u8)> = Vec::new();
        for (number, heading) in headings.iter().enumerate() {
            while above
                .last()
                .is_some_and(|(_, level)| *level >= heading.level)
            {
                above.pop();
            }
            parents.push(above.last().map(|(number, _)| *number));
            above.push((number, heading.level));
        }
        Outline { headings, parents }
    }

    /// The numbers of a heading and of those above it, the outermost first.
    fn path(&self, heading: Option<usize>) -> Vec<usize> {
        let parent = |number: &usize| self.parents.get(*number).copied().flatten();
        let mut path: Vec<usize> = std::iter::successors(heading, parent).collect();
        path.reverse();
        path
    }

    fn texts(&self, path: &[usize]) -> Vec<String> {
        let headings = path.iter().filter_map(|number| self.headings.get(*number));
        let texts = headings.map(|heading| &heading.text);
        texts.filter(|text| !text.is_empty()).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Headings by level, each followed by a body of so many tokens, if any.
    fn paths(layout: &[(u8, usize)], max_tokens: usize) -> Vec<(usize, String)> {
        let (mut pieces, mut headings) = (Vec::new(), Vec::new());
        for &(level, body) in layout {
            let start = pieces.len() * 10;
            if level > 0 {
                headings.push(Heading {
                    start,
                    end: start + 5,
                    level,
                    text: format!("{level}{}", ["a", "b", "c", "d", "e", "f"][headings.len()]),
                });
                pieces.push((start, 1, Strength::Heading));
            }
            if body > 0 {
                pieces.push((pieces.len() * 10, body, Strength::Block));
            }
        }
        let piece = |(start, tokens, strength)| Piece {
            bytes: start..start + 5,
            tokens,
            strength,
        };
        let pieces: Vec<Piece> = pieces.into_iter().map(piece).collect();
        let sections = sections(&pieces, &headings, max_tokens);
        let mut end = 0;
        sections
            .into_iter()
            .map(|section| {
                assert_eq!(section.pieces.start, end);
                end = section.pieces.end;
                (section.pieces.len(), section.headings.join(" "))
            })
            .collect()
    }

    fn expect(layout: &[(u8, usize)], expected: &[(usize, &str)]) {
        let found = paths(layout, 100);
        let found: Vec<(usize, &str)> = found
            .iter()
            .map(|(len, path)| (*len, path.as_str()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_heading_begins_a_section() {
        expect(
            &[(0, 50), (1, 50), (2, 500), (3, 30), (2, 40)],
            &[
                (1, ""),
                (2, "1a"),
                (2, "1a 2b"),
                (2, "1a 2b 3c"),
                (2, "1a 2d"),
            ],
        );
    }

    #[test]
    fn a_heading_goes_with_the_next_one_below_it() {
        expect(&[(1, 0), (2, 0), (4, 90)], &[(4, "1a 2b 4c")]);
        expect(&[(2, 0), (1, 90)], &[(1, "2a"), (2, "1b")]);
        expect(&[(1, 0)], &[(1, "1a")]);
    }

    #[test]
    fn small_sections_are_joined_below_what_they_share() {
        expect(
            &[(1, 30), (2, 5), (2, 10), (3, 20), (2, 5), (1, 3)],
            &[(2, "1a"), (6, "1a"), (2, "1a 2e"), (2, "1f")],
        );
        expect(&[(1, 5), (1, 5), (1, 5)], &[(6, "")]);
        expect(&[(0, 5), (1, 50)], &[(1, ""), (2, "1a")]);
    }
}
