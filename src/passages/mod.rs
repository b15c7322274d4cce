//! Passages: where a text is cut, so that each part can be encoded by itself.
//!
//! Problem: an encoder reads a few hundred tokens and documents have any length. A part that begins
//! and ends where the text does (a section, a paragraph, an item, a sentence) says one thing; a part
//! cut anywhere says two halves.
//!
//! ```text
//!  text ── markdown, plain, source ──► blocks, headings        where it may be cut, and how well
//!                                          │ pieces            sentences, lines, words; counted
//!                                          ▼
//!                                       pieces ── outline ──► sections      one heading each, small ones joined
//!                                                                │ pack      as few and as even as cuts allow
//!                                                                ▼
//!                                                             passages
//! ```
//!
//! - I1. Passages are in order, disjoint, not empty, and begin and end with what is not white space;
//!   what is not white space is in one of them. Only a text that is one passage is kept as it is.
//! - I2. A passage has at most [`PassageSize::max_tokens`] tokens, as the sum of what its pieces have
//!   when counted alone; a grapheme that has more is a passage.
//! - I3. Work and memory are linear in the text, whatever it holds. The counter of tokens is given at
//!   most twice the text where `max_tokens` is [`CHUNK_BYTES`] or more, otherwise three times, and a
//!   short text once more as a whole.
//! - I4. The same text, size and counter give the same passages.

mod blocks;
mod lines;
mod markdown;
mod outline;
mod pack;
mod pieces;
mod plain;
mod sentences;
mod source;
mod text_format;
mod words;

use std::ops::Range;

use crate::Result;
use blocks::Structure;

pub use text_format::TextFormat;
pub use words::CHUNK_BYTES;

/// How long passages may be, in the encoder's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassageSize {
    /// A text of at most so many tokens is one passage, unless its tokens are longer than 64 bytes on
    /// average.
    pub whole_tokens: usize,
    /// Passages of a longer text have at most so many; 0 is taken for 1.
    pub max_tokens: usize,
}

/// A place in a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passage {
    /// Where it is, in bytes of the text.
    pub bytes: Range<usize>,
    /// Where it is, in characters (Unicode scalar values) of the text.
    pub chars: Range<usize>,
    /// The headings it is under, the outermost first, without markup.
    pub headings: Vec<String>,
}

impl Passage {
    /// What `text`, which it is a passage of, says there.
    pub fn of<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.bytes.clone()).unwrap_or("")
    }
}

/// Bytes of a text, for each token that the whole of it may have, from which on its tokens are counted
/// in pieces only: nearly all such texts are long, and would be counted twice. Tokenizers also take any
/// length of what they do not know for one token.
const MAX_BYTES_PER_WHOLE_TOKEN: usize = 8;

/// Cuts `text`; `count_tokens` counts the encoder's tokens of a string.
///
/// # Errors
///
/// Those of `count_tokens`.
pub fn cut(
    text: &str,
    format: TextFormat,
    size: PassageSize,
    count_tokens: &mut dyn FnMut(&str) -> Result<usize>,
) -> Result<Vec<Passage>> {
    let is_short = text.len() <= size.whole_tokens.saturating_mul(MAX_BYTES_PER_WHOLE_TOKEN);
    // A token has at least one byte.
    if text.len() <= size.whole_tokens || is_short && count_tokens(text)? <= size.whole_tokens {
        return Ok(vec![whole(text)]);
    }
    let max_tokens = size.max_tokens.max(1);
    let structure = structure_of(text, format);
    let pieces = pieces::pieces(text, &structure.blocks, max_tokens, count_tokens)?;
    let tokens = pieces.iter().map(|piece| piece.tokens).sum::<usize>();
    if tokens <= size.whole_tokens {
        return Ok(vec![whole(text)]);
    }
    let mut passages = Vec::new();
    for section in outline::sections(&pieces, &structure.headings, max_tokens) {
        let Some(inside) = pieces.get(section.pieces) else {
            continue;
        };
        for part in pack::pack(inside, max_tokens) {
            if let Some([first, .., last] | [first @ last]) = inside.get(part) {
                passages.push(Passage {
                    bytes: first.bytes.start..last.bytes.end,
                    chars: 0..0,
                    headings: section.headings.clone(),
                });
            }
        }
    }
    count_chars(text, &mut passages);
    Ok(passages)
}

fn structure_of(text: &str, format: TextFormat) -> Structure {
    match format {
        TextFormat::Markdown => markdown::structure(text),
        TextFormat::Plain => plain::structure(text),
        TextFormat::Source => source::structure(text),
    }
}

/// A text as its only passage.
fn whole(text: &str) -> Passage {
    Passage {
        bytes: 0..text.len(),
        chars: 0..text.chars().count(),
        headings: Vec::new(),
    }
}

/// Sets the places in characters of passages in order, in one walk.
fn count_chars(text: &str, passages: &mut [Passage]) {
    let (mut at_bytes, mut at_chars) = (0, 0);
    let mut walk_to = |bytes: usize| {
        let between = text.get(at_bytes..bytes).unwrap_or("");
        at_chars += between.chars().count();
        at_bytes = bytes;
        at_chars
    };
    for passage in passages {
        passage.chars = walk_to(passage.bytes.start)..walk_to(passage.bytes.end);
    }
}

#[cfg(test)]
mod tests;
