//! Text to token ids and back, for encoders and for docids.
//!
//! A `tokenizer.json` may ask for padding and truncation; both are switched off here, because
//! the callers know their lengths and a padded docid would be wrong.
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

use sha2::{Digest, Sha256};

use crate::encode::DocidTokenizer;
use crate::{Error, ErrorKind, Result};

/// The most characters that [`Tokenizer::encode`] looks at.
pub const MAX_CUT_CHARS: usize = 1 << 18;

/// Characters per wanted token in the first cut.
const CUT_CHARS_PER_TOKEN: usize = 16;

/// A tokenizer in the `tokenizer.json` format.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// Special tokens before and after every encoder input.
    prefix: Vec<u32>,
    suffix: Vec<u32>,
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
    pub(super) fn for_prompts(bytes: &[u8]) -> Result<Tokenizer> {
        Tokenizer::read(bytes, false)
    }

    fn read(bytes: &[u8], special_tokens_are_text: bool) -> Result<Tokenizer> {
        let mut inner = tokenizers::Tokenizer::from_bytes(bytes).map_err(|e| {
            let message = format!("not a usable tokenizer.json ({e}); use the file of the model");
            Error::with_source(ErrorKind::Model, message, e)
        })?;
        inner.with_padding(None);
        inner
            .with_truncation(None)
            .map_err(|e| failed("setting up the tokenizer", e))?;
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
        let fingerprint = hex(&Sha256::digest(bytes));
        Ok(Tokenizer {
            inner,
            prefix,
            suffix,
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
        let special = self.special_tokens();
        if max_len_tokens <= special {
            return Err(Error::invalid(format!(
                "a limit of {max_len_tokens} tokens leaves no room for text beside the {special} \
                 special tokens; use {} or more",
                special + 1
            )));
        }
        let room = max_len_tokens - special;
        let plain = self.first_tokens(text, room)?;
        let kept = plain.get(..room.min(plain.len())).unwrap_or_default();
        Ok([&self.prefix, kept, &self.suffix].concat())
    }

    /// The token ids of `text` without special tokens and without a limit, as docids need them.
    /// Cut long texts before calling: the whole of it is tokenised.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] when the tokenizer cannot express the text at all (it has no
    /// fallback for unknown characters).
    pub fn encode_plain(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self
            .inner
            .encode_fast(text, false)
            .map_err(|e| failed("tokenising a text", e))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The token ids of a prompt: with the special tokens that stand before a text, and without a
    /// limit.
    pub(super) fn encode_prompt(&self, text: &str) -> Result<Vec<u32>> {
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
    pub(super) fn first_text<'t>(&self, text: &'t str, max_tokens: usize) -> Result<&'t str> {
        let mut cut_chars = max_tokens.saturating_mul(CUT_CHARS_PER_TOKEN);
        loop {
            let piece = cut(text, cut_chars.min(MAX_CUT_CHARS));
            let encoding = self.inner.encode(piece, false);
            let encoding = encoding.map_err(|e| failed("tokenising a text", e))?;
            if let Some(&(start, _)) = encoding.get_offsets().get(max_tokens) {
                return Ok(text.get(..start).unwrap_or(piece));
            }
            if piece.len() == text.len() || cut_chars >= MAX_CUT_CHARS {
                return Ok(piece);
            }
            cut_chars = cut_chars.saturating_mul(2);
        }
    }

    /// A token as the vocabulary writes it.
    pub(super) fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// Where the tokens of the text are among those of [`encode`](Self::encode).
    pub(super) fn text_range(&self, encoded_tokens: usize) -> std::ops::Range<usize> {
        let start = self.prefix.len().min(encoded_tokens);
        start..encoded_tokens.saturating_sub(self.suffix.len()).max(start)
    }

    /// The texts of all special tokens.
    pub(super) fn special_tokens_in_text(&self) -> Vec<String> {
        let added = self.inner.get_added_tokens_decoder();
        let special = added.into_values().filter(|token| token.special);
        special.map(|token| token.content).collect()
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
        self.inner
            .decode(ids, true)
            .map_err(|e| failed("decoding tokens", e))
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
        let mut cut_chars = room.saturating_mul(CUT_CHARS_PER_TOKEN);
        loop {
            let piece = cut(text, cut_chars.min(MAX_CUT_CHARS));
            let ids = self.encode_plain(piece)?;
            if ids.len() >= room || piece.len() == text.len() || cut_chars >= MAX_CUT_CHARS {
                return Ok(ids);
            }
            cut_chars = cut_chars.saturating_mul(2);
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
        let encoding = inner.encode_fast("a", special);
        encoding
            .map(|e| e.get_ids().to_vec())
            .map_err(|e| failed("trying the tokenizer", e))
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

fn failed(action: &str, source: tokenizers::Error) -> Error {
    Error::with_source(ErrorKind::Model, format!("{action}: {source}"), source)
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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
    use super::super::cache::DEFAULT_TOKENIZER;
    use super::*;

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
    fn ten_megabytes_are_fast() {
        let tokenizer = minilm();
        for unit in ["a word or two ", "a", " ", "\u{1f600}"] {
            let long = unit.repeat(10_000_000 / unit.len());
            let start = std::time::Instant::now();
            tokenizer.encode(&long, 256).unwrap();
            assert!(
                start.elapsed().as_secs_f64() < 2.0,
                "{unit:?}: {:?}",
                start.elapsed()
            );
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
