//! Pieces: what passages are put together from, each counted.

use std::ops::Range;

use super::blocks::{Block, Kind, Strength};
use super::lines::{lines, trimmed};
use super::sentences::sentence_starts;
use super::words::{atoms, chunks};
use crate::Result;

/// Sentences and lines up to this length are counted whole; longer ones go to chunks at once.
const MAX_COUNTED_BYTES: usize = 1024;

/// Neighbours up to this length together are one piece.
const MIN_PIECE_BYTES: usize = 32;

/// A part of a text without white space around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) bytes: Range<usize>,
    /// At least 1, so that passages are bounded in bytes too.
    pub(super) tokens: usize,
    /// Of its beginning.
    pub(super) strength: Strength,
}

struct Pieces<'a> {
    text: &'a str,
    max_tokens: usize,
    count_tokens: &'a mut dyn FnMut(&str) -> Result<usize>,
    pieces: Vec<Piece>,
    /// Not counted yet: what follows may be so short that it is of the same piece.
    open: Option<(Range<usize>, Strength)>,
}

/// The pieces of `text`, none with more than `max_tokens` tokens but single graphemes.
///
/// # Errors
///
/// Those of `count_tokens`.
pub(super) fn pieces(
    text: &str,
    blocks: &[Block],
    max_tokens: usize,
    count_tokens: &mut dyn FnMut(&str) -> Result<usize>,
) -> Result<Vec<Piece>> {
    let mut pieces = Pieces {
        text,
        max_tokens,
        count_tokens,
        pieces: Vec::new(),
        open: None,
    };
    for (number, block) in blocks.iter().enumerate() {
        let end = blocks.get(number + 1).map_or(text.len(), |next| next.start);
        pieces.add_block(block, end)?;
    }
    pieces.close()?;
    Ok(pieces.pieces)
}

impl Pieces<'_> {
    fn add_block(&mut self, block: &Block, end: usize) -> Result<()> {
        let all = trimmed(self.text, block.start..end);
        let (start, text) = (all.start, self.text.get(all.clone()).unwrap_or(""));
        let mut strength = block.strength;
        match block.kind {
            Kind::Prose => {
                let starts = sentence_starts(text);
                for (number, sentence) in starts.iter().enumerate() {
                    let end = starts.get(number + 1).map_or(all.end, |next| start + next);
                    self.add(start + sentence..end, strength)?;
                    strength = Strength::Sentence;
                }
            }
            Kind::Lines => {
                for line in lines(text) {
                    self.add(start + line.start..start + line.end, strength)?;
                    strength = Strength::Line;
                }
            }
        }
        Ok(())
    }

    /// Adds a sentence or a line.
    fn add(&mut self, range: Range<usize>, strength: Strength) -> Result<()> {
        let range = trimmed(self.text, range);
        if range.is_empty() {
            return Ok(());
        }
        // A token has at least one byte, so this fits.
        let short_bytes = MIN_PIECE_BYTES.min(self.max_tokens);
        match &mut self.open {
            Some((open, _))
                if strength != Strength::Heading && range.end - open.start <= short_bytes =>
            {
                open.end = range.end;
            }
            _ => {
                self.close()?;
                self.open = Some((range, strength));
            }
        }
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        let Some((range, strength)) = self.open.take() else {
            return Ok(());
        };
        if range.len() <= MAX_COUNTED_BYTES {
            let tokens = self.count(range.clone())?;
            if tokens <= self.max_tokens {
                self.push(range, tokens, strength);
                return Ok(());
            }
        }
        self.push_chunks(range, strength)
    }

    fn push_chunks(&mut self, range: Range<usize>, strength: Strength) -> Result<()> {
        let mut found = Vec::new();
        let text = self.text.get(range.clone()).unwrap_or("");
        chunks(text, self.max_tokens, &mut |chunk, strength| {
            found.push((range.start + chunk.start..range.start + chunk.end, strength));
        });
        if let Some((_, first)) = found.first_mut() {
            *first = strength;
        }
        for (chunk, strength) in found {
            let tokens = self.count(chunk.clone())?;
            if tokens <= self.max_tokens {
                self.push(chunk, tokens, strength);
            } else {
                self.push_atoms(chunk, strength)?;
            }
        }
        Ok(())
    }

    fn push_atoms(&mut self, chunk: Range<usize>, mut strength: Strength) -> Result<()> {
        let mut start = chunk.start;
        for atom in atoms(self.text.get(chunk).unwrap_or("")) {
            let range = trimmed(self.text, start..start + atom.len());
            start += atom.len();
            if !range.is_empty() {
                let tokens = self.count(range.clone())?;
                self.push(range, tokens, strength);
                strength = Strength::Grapheme;
            }
        }
        Ok(())
    }

    fn count(&mut self, range: Range<usize>) -> Result<usize> {
        (self.count_tokens)(self.text.get(range).unwrap_or(""))
    }

    fn push(&mut self, bytes: Range<usize>, tokens: usize, strength: Strength) {
        self.pieces.push(Piece {
            bytes,
            tokens: tokens.max(1),
            strength,
        });
    }
}
