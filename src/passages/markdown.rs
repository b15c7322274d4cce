//! Markdown: blocks and headings as CommonMark has them.

use std::borrow::Cow;
use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::blocks::{Heading, Kind, MAX_HEADING_BYTES, Strength, Structure};
use super::lines::lines;
use super::{plain, source};

/// How many levels of quotations and lists may lie in one another; each line costs the parser as many
/// steps, so a text with more is read as plain.
const MAX_NESTING: usize = 128;

/// The blocks and headings of `text`.
pub(super) fn structure(text: &str) -> Structure {
    if lines(text).any(|line| nesting(text.get(line).unwrap_or("")) > MAX_NESTING) {
        return plain::structure(text);
    }
    let options = Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
        | Options::ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS;
    let parsed = as_parsed(text);
    let mut reader = Reader {
        text,
        line_start: 0,
        read_to: 0,
        list_depth: 0,
        depth: 0,
        heading: None,
        after_heading: false,
        structure: Structure::default(),
    };
    reader.structure.push(0, Strength::Block, Kind::Prose);
    for (event, range) in Parser::new_ext(&parsed, options).into_offset_iter() {
        reader.read(event, range);
    }
    reader.structure
}

/// At least the number of blocks that a line can open or go on with.
fn nesting(line: &str) -> usize {
    let (mut levels, mut columns) = (0, 0);
    let mut previous = ' ';
    for character in line.chars() {
        match character {
            ' ' => columns += 1,
            '\t' => columns += 4,
            '>' => levels += 1,
            '-' | '+' | '*' | '.' | ')' | '0'..='9' => {}
            _ => break,
        }
        if matches!(character, ' ' | '\t') && matches!(previous, '-' | '+' | '*' | '.' | ')') {
            levels += 1;
        }
        previous = character;
    }
    levels + columns / 2
}

/// A text of the same length that the parser reads as it is meant: with `\n` for each `\r` that stands
/// alone, after some of which it reads on, and with spaces for a byte order mark.
fn as_parsed(text: &str) -> Cow<'_, str> {
    const MARK: &str = "\u{feff}";
    let mut parsed = match text.starts_with(MARK) {
        true => " ".repeat(MARK.len()),
        false => String::new(),
    };
    let mut copied_to = parsed.len();
    for (at, _) in text.match_indices('\r') {
        if !text.get(at + 1..).unwrap_or("").starts_with('\n') {
            parsed.push_str(text.get(copied_to..at).unwrap_or(""));
            parsed.push('\n');
            copied_to = at + 1;
        }
    }
    match copied_to {
        0 => text.into(),
        _ => (parsed + text.get(copied_to..).unwrap_or("")).into(),
    }
}

struct Reader<'a> {
    text: &'a str,
    /// Where the line of `read_to` begins.
    line_start: usize,
    read_to: usize,
    list_depth: usize,
    /// Blocks that are open, of all kinds but headings.
    depth: usize,
    /// The heading that is being read.
    heading: Option<Heading>,
    after_heading: bool,
    structure: Structure,
}

impl Reader<'_> {
    fn read(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                let start = self.line_start_of(range.start);
                if self.depth > 0 {
                    self.push(start, Kind::Prose);
                    return;
                }
                self.structure.push(start, Strength::Heading, Kind::Prose);
                self.heading = Some(Heading {
                    start,
                    end: range.end,
                    level: level as u8,
                    text: String::new(),
                });
            }
            Event::End(TagEnd::Heading(_)) => {
                if let Some(mut heading) = self.heading.take() {
                    heading.text.truncate(heading.text.trim_end().len());
                    self.structure.headings.push(heading);
                    self.after_heading = true;
                }
            }
            Event::Text(text) | Event::Code(text) => self.add_to_heading(&text),
            Event::SoftBreak | Event::HardBreak => self.add_to_heading(" "),
            Event::Start(tag) => self.open(&tag, range),
            Event::End(tag) => self.close(tag),
            Event::Rule => self.push_at(range.start, Kind::Prose),
            _ => {}
        }
    }

    fn open(&mut self, tag: &Tag<'_>, range: Range<usize>) {
        match tag {
            Tag::Paragraph => self.push_paragraph(range),
            Tag::CodeBlock(_) => {
                self.push_at(range.start, Kind::Lines);
                self.push_code(range);
            }
            Tag::HtmlBlock | Tag::MetadataBlock(_) => self.push_at(range.start, Kind::Lines),
            Tag::BlockQuote(_) => self.push_at(range.start, Kind::Prose),
            Tag::List(_) => {
                self.push_at(range.start, Kind::Prose);
                self.list_depth += 1;
            }
            Tag::Item => self.push_at(range.start, Kind::Prose),
            _ => return,
        }
        self.depth += 1;
    }

    fn close(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::List(_) => self.list_depth = self.list_depth.saturating_sub(1),
            TagEnd::Paragraph
            | TagEnd::CodeBlock
            | TagEnd::HtmlBlock
            | TagEnd::MetadataBlock(_)
            | TagEnd::BlockQuote(_)
            | TagEnd::Item => {}
            _ => return,
        }
        self.depth = self.depth.saturating_sub(1);
    }

    /// Lines that begin with `|` are rows of a table, and kept whole.
    fn push_paragraph(&mut self, range: Range<usize>) {
        self.push_at(range.start, Kind::Prose);
        let mut was_row = false;
        for line in lines(self.text.get(range.clone()).unwrap_or("")) {
            let start = range.start + line.start;
            let text = self.text.get(start..range.start + line.end).unwrap_or("");
            let is_row = text.trim_start_matches([' ', '\t', '>']).starts_with('|');
            let start = self.line_start_of(start);
            match (was_row, is_row) {
                (true, true) => self.structure.push(start, Strength::Item, Kind::Lines),
                (false, true) => self.push(start, Kind::Lines),
                (true, false) => self.push(start, Kind::Prose),
                (false, false) => {}
            }
            was_row = is_row;
        }
    }

    /// The lines of a block of code but the first one, where the block begins.
    fn push_code(&mut self, range: Range<usize>) {
        let code = self.text.get(range.clone()).unwrap_or("");
        if let Some(second) = lines(code).nth(1) {
            let others = range.start + second.start..range.end;
            source::push_lines(self.text, others, Strength::Item, &mut self.structure);
        }
    }

    fn push_at(&mut self, start: usize, kind: Kind) {
        let start = self.line_start_of(start);
        self.push(start, kind);
    }

    /// Adds a block as strong as its depth in lists lets it be.
    fn push(&mut self, start: usize, kind: Kind) {
        let strength = match self.list_depth {
            _ if std::mem::take(&mut self.after_heading) => Strength::AfterHeading,
            0 => Strength::Block,
            1 => Strength::Item,
            _ => Strength::Line,
        };
        self.structure.push(start, strength, kind);
    }

    /// The beginning of the line of `at`, with the marks of quotations and items; `at` never goes back
    /// by more than a line.
    fn line_start_of(&mut self, at: usize) -> usize {
        let between = self.text.as_bytes().get(self.read_to..at).unwrap_or(&[]);
        if let Some(newline) = between
            .iter()
            .rposition(|byte| matches!(byte, b'\n' | b'\r'))
        {
            self.line_start = self.read_to + newline + 1;
        }
        self.read_to = self.read_to.max(at);
        self.line_start.min(at)
    }

    fn add_to_heading(&mut self, more: &str) {
        let Some(heading) = &mut self.heading else {
            return;
        };
        for character in more.chars() {
            let is_space = character.is_whitespace();
            let character = if is_space { ' ' } else { character };
            let is_doubled = is_space && (heading.text.is_empty() || heading.text.ends_with(' '));
            if heading.text.len() + character.len_utf8() > MAX_HEADING_BYTES {
                return;
            }
            if !is_doubled {
                heading.text.push(character);
            }
        }
    }
}
