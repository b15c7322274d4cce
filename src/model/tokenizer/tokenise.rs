//! Text to token ids and back, for encoders and for docids.
//!
//! A `tokenizer.json` may ask for padding and truncation; both are left out, because the callers
//! know their lengths and a padded docid would be wrong. The file passes [`check`](super::check) before
//! anything is made of it; what panics all the same is an error.
//!
//! Text is data: a literal `[SEP]` or `</s>` in a document becomes the tokens of those
//! characters, never the special token.
//!
//! **Long texts.** Only the first tokens matter, so a long text is cut before it is tokenised:
//! first at 16 characters per wanted token, before the last white space there, and at twice
//! that as long as the piece gave too few tokens, up to [`MAX_CUT_CHARS`]. The result is the one
//! of the whole text unless a single run without white space is longer than the cut (a word of
//! thousands of letters) or more than [`MAX_CUT_CHARS`] characters hold too few tokens (white
//! space by the megabyte); then it is that of the piece.

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::check;
use super::guarded::guarded;
use super::unknown::{unknown_share, unknown_token};
use super::word_pieces::WordPieces;
use crate::encode::DocidTokenizer;
use crate::{Error, ErrorKind, Result};

/// The most characters that [`Tokenizer::encode`] looks at.
pub const MAX_CUT_CHARS: usize = 1 << 18;

/// Characters per wanted token in the first cut.
const CUT_CHARS_PER_TOKEN: usize = 16;

/// A tokenizer in the `tokenizer.json` format.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// The same for texts, faster, where there is such a way.
    pieces: Option<WordPieces>,
    /// Special tokens before and after every encoder input.
    prefix: Vec<u32>,
    suffix: Vec<u32>,
    /// What stands for what is not in the vocabulary.
    unknown: Option<u32>,
    vocab_size: usize,
    fingerprint: String,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer")
            .field("vocab_size", &self.vocab_size)
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// Reads the bytes of a `tokenizer.json`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] when the bytes are not a tokenizer.
    pub fn from_bytes(bytes: &[u8]) -> Result<Tokenizer> {
        Tokenizer::read(bytes, true)
    }

    /// The same for prompts, in which special tokens are what they stand for: who puts text into
    /// a prompt takes care of those in it ([`special_tokens_in_text`](Self::special_tokens_in_text)).
    pub(in crate::model) fn for_prompts(bytes: &[u8]) -> Result<Tokenizer> {
        Tokenizer::read(bytes, false)
    }

    fn read(bytes: &[u8], special_tokens_are_text: bool) -> Result<Tokenizer> {
        let json = check::checked(bytes)?;
        let mut inner = guarded("making the tokenizer of its tokenizer.json", || {
            Ok(tokenizers::Tokenizer::deserialize(&json)?)
        })?;
        let unknown = unknown_token(&json, &inner);
        let pieces = special_tokens_are_text
            .then(|| WordPieces::of(&json))
            .flatten();
        drop(json);
        inner.set_encode_special_tokens(special_tokens_are_text);
        let (prefix, suffix) = template(&inner)?;
        let vocab_size = inner
            .get_vocab(true)
            .values()
            .max()
            .map_or(0, |&id| id as usize + 1);
        if vocab_size == 0 {
            let message = "the tokenizer has no tokens; use the file of the model";
            return Err(Error::new(ErrorKind::Model, message));
        }
        let mut around = prefix.iter().chain(&suffix);
        if let Some(id) = around.find(|&&id| id as usize >= vocab_size) {
            let message = format!(
                "the tokenizer puts the token {id} around a text, and has {vocab_size}; use the \
                 file of the model"
            );
            return Err(Error::new(ErrorKind::Model, message));
        }
        let fingerprint = format!("{:x}", Sha256::digest(bytes));
        Ok(Tokenizer {
            inner,
            pieces,
            prefix,
            suffix,
            unknown,
            vocab_size,
            fingerprint,
        })
    }

    /// The token ids of `text` as an encoder reads it: with the special tokens, and no more than
    /// `max_len_tokens` in all. An empty text gives the special tokens alone.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] when `max_len_tokens` leaves no room for a token of text.
    pub fn encode(&self, text: &str, max_len_tokens: usize) -> Result<Vec<u32>> {
        let room = self.room(max_len_tokens)?;
        let plain = self.first_tokens(text, room)?;
        let kept = plain.get(..room.min(plain.len())).unwrap_or_default();
        Ok([&self.prefix, kept, &self.suffix].concat())
    }

    /// Where in `text` the tokens of [`encode`](Self::encode) stand, in bytes, special tokens left out.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    pub fn token_ranges(
        &self,
        text: &str,
        max_len_tokens: usize,
    ) -> Result<Vec<std::ops::Range<usize>>> {
        let room = self.room(max_len_tokens)?;
        growing_pieces(text, room, |piece, is_last| {
            let encoding = guarded("tokenising a text", || self.inner.encode(piece, false))?;
            let offsets = encoding.get_offsets();
            let ranges = offsets.iter().take(room).map(|&(start, end)| start..end);
            Ok((offsets.len() >= room || is_last).then(|| ranges.collect()))
        })
    }

    /// The tokens of text that a limit has room for.
    fn room(&self, max_len_tokens: usize) -> Result<usize> {
        let special = self.special_tokens();
        if max_len_tokens <= special {
            return Err(Error::invalid(format!(
                "a limit of {max_len_tokens} tokens leaves no room for text beside the {special} \
                 special tokens; use {} or more",
                special + 1
            )));
        }
        Ok(max_len_tokens - special)
    }

    /// The token ids of `text` without special tokens and without a limit, as docids need them.
    /// Cut long texts before calling: the whole of it is tokenised.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] when the tokenizer cannot express the text at all (it has no
    /// fallback for unknown characters).
    pub fn encode_plain(&self, text: &str) -> Result<Vec<u32>> {
        let by_crate = |text: &str| {
            let encoding = guarded("tokenising a text", || self.inner.encode_fast(text, false))?;
            Ok(encoding.get_ids().to_vec())
        };
        match &self.pieces {
            Some(pieces) => pieces.tokens(text, by_crate),
            None => by_crate(text),
        }
    }

    /// The share of the letters of `text` that the vocabulary does not know: in unknown tokens, or
    /// alone in pieces of longer words.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] when the text cannot be expressed at all.
    pub fn unknown_share(&self, text: &str) -> Result<f32> {
        unknown_share(&self.inner, self.unknown, text)
    }

    /// The token ids of a prompt: with the special tokens that stand before a text, and without a
    /// limit.
    pub(in crate::model) fn encode_prompt(&self, text: &str) -> Result<Vec<u32>> {
        let plain = self.encode_plain(text)?;
        // Some templates write the first token themselves.
        Ok(if plain.starts_with(&self.prefix) {
            plain
        } else {
            [self.prefix.as_slice(), &plain].concat()
        })
    }

    /// The longest beginning of `text` with at most `max_tokens` tokens, special tokens not
    /// counted. Looks at as much of the text as [`encode`](Self::encode) does.
    pub(in crate::model) fn first_text<'t>(
        &self,
        text: &'t str,
        max_tokens: usize,
    ) -> Result<&'t str> {
        growing_pieces(text, max_tokens, |piece, is_last| {
            let encoding = guarded("tokenising a text", || self.inner.encode(piece, false))?;
            Ok(match encoding.get_offsets().get(max_tokens) {
                Some(&(start, _)) => Some(text.get(..start).unwrap_or(piece)),
                None => is_last.then_some(piece),
            })
        })
    }

    /// A token as the vocabulary writes it.
    pub(in crate::model) fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// Where the tokens of the text are among those of [`encode`](Self::encode).
    pub(crate) fn text_range(&self, encoded_tokens: usize) -> std::ops::Range<usize> {
        let start = self.prefix.len().min(encoded_tokens);
        start..encoded_tokens.saturating_sub(self.suffix.len()).max(start)
    }

    /// The texts of all special tokens.
    pub(in crate::model) fn special_tokens_in_text(&self) -> Vec<String> {
        let added = self.inner.get_added_tokens_decoder();
        let special = added.into_values().filter(|token| token.special);
        special.map(|token| token.content).collect()
    }

    /// All special tokens.
    pub(crate) fn special_token_ids(&self) -> Vec<u32> {
        let added = self.inner.get_added_tokens_decoder().into_iter();
        let special = added.filter(|(_, token)| token.special);
        special.map(|(id, _)| id).collect()
    }

    /// The text of token ids, special tokens left out.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for an id outside the vocabulary.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        if let Some(id) = ids.iter().find(|&&id| id as usize >= self.vocab_size) {
            return Err(Error::invalid(format!(
                "token {id} is outside the tokenizer's vocabulary of {}",
                self.vocab_size
            )));
        }
        guarded("decoding tokens", || self.inner.decode(ids, true))
    }

    /// One more than the largest token id.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// How many special tokens [`encode`](Self::encode) puts around a text.
    pub fn special_tokens(&self) -> usize {
        self.prefix.len() + self.suffix.len()
    }

    /// SHA-256 of the bytes that the tokenizer was read from, in lower-case hexadecimal.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// At least the first `room` tokens of `text`, or all that it has.
    fn first_tokens(&self, text: &str, room: usize) -> Result<Vec<u32>> {
        growing_pieces(text, room, |piece, is_last| {
            let ids = self.encode_plain(piece)?;
            Ok((ids.len() >= room || is_last).then_some(ids))
        })
    }
}

/// Looks at longer and longer beginnings of `text` until `look`, which is also told whether there
/// is no longer one, has what it needs for `tokens` tokens. All of them together have fewer than
/// twice [`MAX_CUT_CHARS`] characters, and the first one's.
fn growing_pieces<'t, T>(
    text: &'t str,
    tokens: usize,
    mut look: impl FnMut(&'t str, bool) -> Result<Option<T>>,
) -> Result<T> {
    let mut cut_chars = tokens.saturating_mul(CUT_CHARS_PER_TOKEN).max(1);
    loop {
        let piece = cut(text, cut_chars.min(MAX_CUT_CHARS));
        let is_last = piece.len() == text.len() || cut_chars >= MAX_CUT_CHARS;
        match look(piece, is_last)? {
            Some(found) => return Ok(found),
            None if is_last => {
                let message = "a text gave no tokens that could be counted";
                return Err(Error::new(ErrorKind::Model, message));
            }
            None => cut_chars = cut_chars.saturating_mul(2),
        }
    }
}

/// The first `chars` characters of `text`, shortened to end before white space if there is any.
fn cut(text: &str, chars: usize) -> &str {
    // No look at the characters of a text that is short enough in bytes.
    if text.len() <= chars {
        return text;
    }
    let Some((end, _)) = text.char_indices().nth(chars) else {
        return text;
    };
    let piece = text.get(..end).unwrap_or(text);
    match piece.rfind(char::is_whitespace) {
        Some(space) if space > 0 => piece.get(..space).unwrap_or(piece),
        _ => piece,
    }
}

/// The special tokens that the tokenizer puts before and after a text.
fn template(inner: &tokenizers::Tokenizer) -> Result<(Vec<u32>, Vec<u32>)> {
    let ids = |special| {
        let encoding = guarded("trying the tokenizer", || inner.encode_fast("a", special));
        encoding.map(|encoding| encoding.get_ids().to_vec())
    };
    let (bare, full) = (ids(false)?, ids(true)?);
    let at = full
        .windows(bare.len().max(1))
        .position(|window| window == bare);
    let split = at.map(|at| (full.get(..at), full.get(at + bare.len()..)));
    match split {
        Some((Some(prefix), Some(suffix))) => Ok((prefix.to_vec(), suffix.to_vec())),
        _ => Err(Error::new(
            ErrorKind::Model,
            "the tokenizer does more to a text than put special tokens around it; \
             use another model",
        )),
    }
}

impl DocidTokenizer for Tokenizer {
    fn vocabulary_size(&self) -> usize {
        self.vocab_size
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    fn docid_tokens(&self, docid: &str) -> Result<Vec<u32>> {
        self.encode_plain(docid)
    }

    fn token_text(&self, token: u32) -> Option<String> {
        self.token(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::runtime::cache::DEFAULT_TOKENIZER;

    fn minilm() -> Tokenizer {
        Tokenizer::from_bytes(DEFAULT_TOKENIZER).unwrap()
    }

    #[test]
    fn special_tokens_surround_and_the_limit_holds() {
        let tokenizer = minilm();
        assert_eq!(tokenizer.vocab_size(), 30_522);
        assert_eq!(tokenizer.encode("", 8).unwrap(), [101, 102]);
        assert_eq!(
            tokenizer.encode("hello world", 8).unwrap(),
            [101, 7592, 2088, 102]
        );
        assert_eq!(
            tokenizer.encode("hello world", 3).unwrap(),
            [101, 7592, 102]
        );
        assert!(tokenizer.encode("hello", 2).unwrap_err().is_invalid_input());
    }

    #[test]
    fn tokens_have_places() {
        let tokenizer = minilm();
        for (text, expected) in [
            (
                "The embeddings-wing",
                &["the", "em", "bed", "ding", "s", "-", "wing"][..],
            ),
            ("Zu\u{308}rich é 水力", &["zu\u{308}rich", "é", "水", "力"]),
            ("", &[]),
        ] {
            let ranges = tokenizer.token_ranges(text, 64).unwrap();
            let places: Vec<String> = ranges
                .iter()
                .map(|range| text[range.clone()].to_lowercase())
                .collect();
            assert_eq!(places, expected);
            assert_eq!(tokenizer.encode(text, 64).unwrap().len(), ranges.len() + 2);
        }
        assert_eq!(
            tokenizer
                .token_ranges(&"word ".repeat(9_000), 32)
                .unwrap()
                .len(),
            30
        );
        assert!(
            tokenizer
                .token_ranges("a", 2)
                .unwrap_err()
                .is_invalid_input()
        );
    }

    #[test]
    fn special_tokens_in_a_text_are_text() {
        let ids = minilm().encode_plain("a [SEP] b [PAD]").unwrap();
        assert!(!ids.contains(&102) && !ids.contains(&0));
    }

    #[test]
    fn plain_tokens_decode_to_the_text() {
        let tokenizer = minilm();
        let ids = tokenizer.encode_plain("reverse annealed decoding").unwrap();
        assert_eq!(tokenizer.decode(&ids).unwrap(), "reverse annealed decoding");
        assert!(tokenizer.decode(&[30_522]).unwrap_err().is_invalid_input());
    }

    #[test]
    fn cutting_changes_nothing_for_words() {
        let tokenizer = minilm();
        for text in [
            "internationalisation of ",
            "x ",
            "\u{4e2d}\u{6587} ",
            "a\n\n\n          ",
        ] {
            let long = text.repeat(3_000);
            let all = tokenizer.encode_plain(&long).unwrap();
            let some = tokenizer.encode(&long, 130).unwrap();
            assert_eq!(some.get(1..129), all.get(..128), "{text:?}");
        }
    }

    #[test]
    fn of_ten_megabytes_little_is_looked_at() {
        let tokenizer = minilm();
        for (unit, most_chars) in [
            ("a word or two ", 256 * CUT_CHARS_PER_TOKEN),
            ("a", 2 * MAX_CUT_CHARS),
            (" ", 2 * MAX_CUT_CHARS),
            ("\u{1f600}", 2 * MAX_CUT_CHARS),
        ] {
            let long = unit.repeat(10_000_000 / unit.len());
            let mut chars = 0;
            let found = growing_pieces(&long, 256, |piece, is_last| {
                chars += piece.chars().count();
                let ids = tokenizer.encode_plain(piece)?;
                Ok((ids.len() >= 256 || is_last).then_some(ids))
            });
            assert!(chars <= most_chars, "{unit:?}: {chars}");
            let room = 256.min(found.unwrap().len());
            let some = tokenizer.encode(&long, 258).unwrap();
            assert_eq!(some.len(), room + 2, "{unit:?}");
        }
    }

    #[test]
    fn a_text_can_leave_no_token() {
        let mut json: serde_json::Value = serde_json::from_slice(DEFAULT_TOKENIZER).unwrap();
        json["post_processor"] = serde_json::Value::Null;
        let tokenizer = Tokenizer::from_bytes(json.to_string().as_bytes()).unwrap();
        assert_eq!(tokenizer.special_tokens(), 0);
        for text in ["", " ", "\u{200b}", "\u{1}"] {
            assert!(tokenizer.encode(text, 8).unwrap().is_empty(), "{text:?}");
            assert!(tokenizer.text_range(0).is_empty());
        }
    }

    #[test]
    fn wrong_bytes_are_a_typed_error() {
        for bytes in [
            &b""[..],
            b"{}",
            b"\xff\xfe",
            b"[1,2,3]",
            &DEFAULT_TOKENIZER[..1000],
        ] {
            let error = Tokenizer::from_bytes(bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Model);
        }
    }
}
