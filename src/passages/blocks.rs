//! What a reader of a format finds in a text: where it may be cut, and its headings.

/// How good a place is to cut at, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    /// A heading begins.
    Heading,
    /// A paragraph, a fence, a table, a list, a top-level item of source text begins.
    Block,
    /// An item of a list, a row, a line of plain text, an inner block of source text begins.
    Item,
    /// A line begins.
    Line,
    /// A sentence begins.
    Sentence,
    /// A line of source text begins that is inside of others.
    InnerLine,
    /// A line of source text begins that belongs to the one before.
    GoesOn,
    /// What a heading is about begins.
    AfterHeading,
    /// A word begins.
    Word,
    /// Inside what stands between spaces, a word begins.
    Within,
    /// Inside a word.
    Grapheme,
}

/// How the inside of a block is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Sentences; line ends are spaces.
    Prose,
    /// Lines.
    Lines,
}

/// A part of a text, up to where the next one begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) start: usize,
    pub(super) strength: Strength,
    pub(super) kind: Kind,
}

/// A heading of the whole text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Heading {
    pub(super) start: usize,
    pub(super) end: usize,
    /// 1 is the outermost.
    pub(super) level: u8,
    /// Without markup; at most [`MAX_HEADING_BYTES`].
    pub(super) text: String,
}

/// The longest text of a heading: every passage below it bears it.
pub(super) const MAX_HEADING_BYTES: usize = 256;

/// Blocks that cover a text, and its headings, both in order.
#[derive(Debug, Default)]
pub(super) struct Structure {
    pub(super) blocks: Vec<Block>,
    pub(super) headings: Vec<Heading>,
}

impl Structure {
    /// Adds a block; one that begins where the last one does makes that as strong as the stronger.
    pub(super) fn push(&mut self, start: usize, strength: Strength, kind: Kind) {
        let block = Block {
            start,
            strength,
            kind,
        };
        match self.blocks.last_mut() {
            Some(last) if last.start >= start => {
                last.strength = last.strength.min(strength);
                last.kind = kind;
            }
            Some(_) => self.blocks.push(block),
            None => self.blocks.push(Block { start: 0, ..block }),
        }
    }
}
