//! How much of a text a tokenizer does not know.
//!
//! A vocabulary made for one language has a few letters of others. Their words become unknown tokens
//! or fall into letters, and vectors of those say nothing; whoever ranks by them has to know.

use serde_json::Value;
use tokenizers::Tokenizer;

use super::guarded::guarded;
use crate::Result;

/// The token that stands for what is not in the vocabulary, if the file names one.
pub(super) fn unknown_token(json: &Value, tokenizer: &Tokenizer) -> Option<u32> {
    let model = json.get("model")?;
    match model.get("unk_token").and_then(Value::as_str) {
        Some(token) => tokenizer.token_to_id(token),
        None => u32::try_from(model.get("unk_id")?.as_u64()?).ok(),
    }
}

/// The share of the letters of `text` that are in unknown tokens, or alone in pieces of longer
/// words; 0 for a text without letters.
pub(super) fn unknown_share(
    tokenizer: &Tokenizer,
    unknown: Option<u32>,
    text: &str,
) -> Result<f32> {
    let encoding = guarded("tokenising a text", || tokenizer.encode(text, false))?;
    let words = encoding.get_word_ids();
    let tokens = encoding.get_ids().iter().zip(encoding.get_offsets());
    let (mut letters, mut unknown_letters) = (0, 0);
    for (at, (&token, &(start, end))) in tokens.enumerate() {
        let own = text.get(start..end).unwrap_or("");
        let own = own.chars().filter(|one| one.is_alphabetic()).count();
        let word = words.get(at).copied().flatten();
        let neighbours = [at.checked_sub(1), at.checked_add(1)];
        let goes_on = word.is_some()
            && neighbours
                .into_iter()
                .flatten()
                .any(|other| words.get(other).copied().flatten() == word);
        letters += own;
        if Some(token) == unknown || goes_on && own <= 1 {
            unknown_letters += own;
        }
    }
    Ok(match letters {
        0 => 0.0,
        _ => unknown_letters as f32 / letters as f32,
    })
}

#[cfg(test)]
mod tests {
    use crate::model::tokenizer::Tokenizer;

    #[test]
    fn unknown_tokens_and_words_in_letters_are_unknown() {
        let json = r###"{"model": {"type": "WordPiece", "unk_token": "[UNK]",
            "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
            "vocab": {"[UNK]": 0, "wing": 1, "a": 2, "##b": 3, "##c": 4, "##ings": 5, "w": 6}},
            "pre_tokenizer": {"type": "Whitespace"}, "normalizer": null, "post_processor": null,
            "decoder": null, "added_tokens": [], "version": "1.0"}"###;
        let tokenizer = Tokenizer::from_bytes(json.as_bytes()).unwrap();
        let share = |text: &str| tokenizer.unknown_share(text).unwrap();
        assert_eq!(share("wing"), 0.0);
        assert_eq!(share("a wing"), 0.0, "a word of one letter");
        assert_eq!(share("abc"), 1.0);
        assert_eq!(share("wing 翼翼"), 2.0 / 6.0);
        assert_eq!(share("wwing"), 1.0, "a word that is in no pieces");
        assert_eq!((share(""), share("12 !")), (0.0, 0.0));
    }
}
