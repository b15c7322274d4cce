//! What of a document is put into a prompt: its first words, and no more than fits.

use crate::language::TextGenerator;
use crate::{Document, Error, Result};

/// Words of a document that are read, as in the paper.
pub(super) const MAX_DOCUMENT_WORDS: usize = 128;

/// Tokens of a document that are read, as in the paper.
pub(super) const MAX_DOCUMENT_TOKENS: usize = 300;

/// Tokens that may come of joining an excerpt to the prompt around it.
const JOINT_TOKENS: usize = 8;

/// Fewer tokens of a document than this say nothing about it.
const LEAST_DOCUMENT_TOKENS: usize = 16;

/// How many tokens of each document fit into a prompt that has `prompt_tokens` without it: the
/// document is shortened, never what is to come behind it.
///
/// # Errors
/// `Limit` when the prompt alone leaves no room.
pub(super) fn room(
    generator: &dyn TextGenerator,
    prompt_tokens: usize,
    max_new_tokens: usize,
) -> Result<usize> {
    let taken = prompt_tokens + max_new_tokens + JOINT_TOKENS;
    let room = generator.context_tokens().saturating_sub(taken);
    if room < LEAST_DOCUMENT_TOKENS {
        return Err(Error::limit(format!(
            "the prompt has {prompt_tokens} tokens without a document, which leaves no room for \
             one in the {} of {}: shorten the instruction, or use a model that reads more",
            generator.context_tokens(),
            generator.name()
        )));
    }
    Ok(room.min(MAX_DOCUMENT_TOKENS))
}

/// The beginning of a document, title first. In one line if `flat`, as few-shot prompts need it.
pub(super) fn excerpt(
    generator: &dyn TextGenerator,
    document: &Document,
    max_tokens: usize,
    flat: bool,
) -> Result<String> {
    let break_between = if flat { " " } else { "\n" };
    let title = document.title.trim();
    let mut text = String::from(title);
    if !title.is_empty() && flat && !title.ends_with(['.', '!', '?', ':']) {
        text.push('.');
    }
    let left = MAX_DOCUMENT_WORDS.saturating_sub(title.split_whitespace().count());
    let body = first_words(document.text.trim(), left);
    if !text.is_empty() && !body.is_empty() {
        text.push_str(break_between);
    }
    if flat {
        let mut words = body.split_whitespace();
        if let Some(first) = words.next() {
            text.push_str(first);
        }
        for word in words {
            text.push(' ');
            text.push_str(word);
        }
    } else {
        text.push_str(body);
    }
    Ok(generator.first_tokens(&text, max_tokens)?.trim().to_owned())
}

/// `text` up to the end of its `count`-th word.
fn first_words(text: &str, count: usize) -> &str {
    let mut words = 0;
    let mut inside = false;
    for (at, character) in text.char_indices() {
        if character.is_whitespace() {
            inside = false;
        } else if !inside {
            if words == count {
                return text.get(..at).unwrap_or(text).trim_end();
            }
            words += 1;
            inside = true;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_and_breaks_kept() {
        assert_eq!(first_words("one two\n  three four", 3), "one two\n  three");
        assert_eq!(first_words("one two", 3), "one two");
        assert_eq!(first_words("one two", 0), "");
    }
}
