//! WordPiece over plain letters, several times as fast as the crate that reads every tokenizer.
//!
//! Most tokenizers of encoders are those of BERT: texts are cleaned and made lower case, cut at white
//! space and punctuation, and words are taken apart from the left, the longest piece first. For words
//! of ASCII that needs no tables and no copies:
//!
//! ```text
//!   text ─► runs between white space ─┬─ ASCII ──► words ─► pieces ─┐
//!                                     └─ others ─► the crate ───────┴─► tokens
//! ```
//!
//! I1. Tokens are those of the crate: a run never takes part in what becomes of another one.

use serde_json::Value;

use super::piece_trie::PieceTrie;
use crate::Result;

/// A tokenizer of the kind.
pub(super) struct WordPieces {
    /// Pieces that begin a word.
    first: PieceTrie,
    /// Pieces that go on with one, without what marks them.
    further: PieceTrie,
    unknown: u32,
    most_word_chars: usize,
    lower_case: bool,
}

impl WordPieces {
    /// That of a `tokenizer.json` whose special tokens are text like any other; `None` for one of
    /// another kind.
    pub(super) fn of(json: &Value) -> Option<WordPieces> {
        let text = |pointer: &str| json.pointer(pointer).and_then(Value::as_str);
        let flag = |pointer: &str| json.pointer(pointer).and_then(Value::as_bool);
        let added = json.get("added_tokens").and_then(Value::as_array);
        let is_special = |token: &Value| token.get("special").is_some_and(|flag| flag == true);
        let is_of_the_kind = text("/model/type") == Some("WordPiece")
            && text("/normalizer/type") == Some("BertNormalizer")
            && text("/pre_tokenizer/type") == Some("BertPreTokenizer")
            && flag("/normalizer/clean_text") == Some(true)
            && added.is_none_or(|added| added.iter().all(is_special));
        if !is_of_the_kind {
            return None;
        }
        let vocab = json.pointer("/model/vocab")?.as_object()?;
        let prefix = text("/model/continuing_subword_prefix")?;
        let (mut first, mut further) = (Vec::with_capacity(vocab.len()), Vec::new());
        for (piece, id) in vocab {
            let id = u32::try_from(id.as_u64()?).ok()?;
            first.push((piece.as_bytes(), id));
            further.extend(piece.strip_prefix(prefix).map(|rest| (rest.as_bytes(), id)));
        }
        Some(WordPieces {
            first: PieceTrie::of(first),
            further: PieceTrie::of(further),
            unknown: u32::try_from(vocab.get(text("/model/unk_token")?)?.as_u64()?).ok()?,
            most_word_chars: json
                .pointer("/model/max_input_chars_per_word")
                .and_then(Value::as_u64)
                .and_then(|most| usize::try_from(most).ok())?,
            lower_case: flag("/normalizer/lowercase")?,
        })
    }

    /// The tokens of `text`; `other` has those of a run that is not of ASCII.
    ///
    /// # Errors
    ///
    /// Those of `other`.
    pub(super) fn tokens(
        &self,
        text: &str,
        other: impl Fn(&str) -> Result<Vec<u32>>,
    ) -> Result<Vec<u32>> {
        let mut tokens = Vec::with_capacity(text.len() / 4);
        let mut word = Vec::new();
        for run in text.split([' ', '\t', '\n', '\r']) {
            if !run.is_ascii() {
                tokens.extend(other(run)?);
                continue;
            }
            for &byte in run.as_bytes() {
                match byte {
                    // Other white space than that above counts as control characters here.
                    _ if byte.is_ascii_control() => {}
                    _ if byte.is_ascii_punctuation() => {
                        self.push_word(&mut word, &mut tokens);
                        word.push(byte);
                        self.push_word(&mut word, &mut tokens);
                    }
                    _ if self.lower_case => word.push(byte.to_ascii_lowercase()),
                    _ => word.push(byte),
                }
            }
            self.push_word(&mut word, &mut tokens);
        }
        Ok(tokens)
    }

    /// Takes a word apart, and leaves it empty.
    fn push_word(&self, word: &mut Vec<u8>, tokens: &mut Vec<u32>) {
        let before = tokens.len();
        let mut rest = word.as_slice();
        let mut pieces = &self.first;
        if rest.len() > self.most_word_chars {
            tokens.push(self.unknown);
            rest = &[];
        }
        while !rest.is_empty() {
            match pieces.longest(rest) {
                Some((id, behind)) => {
                    tokens.push(id);
                    rest = behind;
                    pieces = &self.further;
                }
                None => {
                    tokens.truncate(before);
                    tokens.push(self.unknown);
                    rest = &[];
                }
            }
        }
        word.clear();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::runtime::cache;
    use crate::rng::Rng;

    fn tokenizer(change: impl Fn(&mut Value)) -> (WordPieces, tokenizers::Tokenizer) {
        let mut json: Value = serde_json::from_slice(cache::DEFAULT_TOKENIZER).unwrap();
        for part in ["padding", "truncation"] {
            json[part] = Value::Null;
        }
        change(&mut json);
        let mut inner: tokenizers::Tokenizer = serde_json::from_value(json.clone()).unwrap();
        inner.set_encode_special_tokens(true);
        (WordPieces::of(&json).unwrap(), inner)
    }

    fn assert_same(pieces: &WordPieces, inner: &tokenizers::Tokenizer, text: &str) {
        let ids = |text: &str| inner.encode_fast(text, false).unwrap().get_ids().to_vec();
        let found = pieces.tokens(text, |run| Ok(ids(run))).unwrap();
        assert_eq!(found, ids(text), "{text:?}");
    }

    #[test]
    fn tokens_are_those_of_the_crate() {
        let cased = |json: &mut Value| json["normalizer"]["lowercase"] = json!(false);
        let short = |json: &mut Value| json["model"]["max_input_chars_per_word"] = json!(6);
        for (pieces, inner) in [tokenizer(|_| {}), tokenizer(cased), tokenizer(short)] {
            for text in [
                "",
                "  \r\n",
                "The IL-6 Receptor, unaffordable; [SEP] [UNK] don't",
                "a\u{b}b\u{c}c a\0b \u{7f}",
                "na\u{ef}ve \u{3b2}-catenin 5\u{a0}mm \u{6c34}\u{529b} caf\u{e9}s\u{301} \u{301}x",
                "zzzzzzqqqq\u{1f600} x_y~z",
                &"long".repeat(40),
            ] {
                assert_same(&pieces, &inner, text);
            }
            let alphabet: Vec<char> =
                "abcdeghinorstuABC 012 .,-'[]#\t\n\u{b}\0\u{7f}\u{a0}\u{e9}\u{301}\u{6c34}\u{df}\u{130}"
                    .chars()
                    .collect();
            let mut rng = Rng::new(11);
            for _ in 0..2_000 {
                let len = rng.index(40);
                let text: String = (0..len)
                    .map(|_| alphabet[rng.index(alphabet.len())])
                    .collect();
                assert_same(&pieces, &inner, &text);
            }
        }
    }

    #[test]
    fn tokenizers_of_other_kinds_are_left_to_the_crate() {
        let json: Value = serde_json::from_slice(cache::DEFAULT_TOKENIZER).unwrap();
        for (pointer, value) in [
            ("/model/type", json!("BPE")),
            ("/normalizer", json!({"type": "Lowercase"})),
            ("/normalizer/clean_text", json!(false)),
            ("/pre_tokenizer/type", json!("Whitespace")),
            ("/added_tokens/0/special", json!(false)),
        ] {
            let mut other = json.clone();
            *other.pointer_mut(pointer).unwrap() = value;
            assert!(WordPieces::of(&other).is_none(), "{pointer}");
        }
    }
}
