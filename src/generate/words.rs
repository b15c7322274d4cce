//! Words of a text: Unicode word boundaries, identifiers taken apart, function words known.

use unicode_segmentation::UnicodeSegmentation;

/// Calls `each` with every word of `text`, lower-cased, until it returns false.
///
/// Words are those of Unicode Annex 29, so digits and special terms such as `pd3.1` stay whole
/// and scripts without spaces still give words. Identifiers are taken apart: `read_csv` and
/// `readCsv` both give `read` and `csv`.
pub(super) fn for_each_word(text: &str, mut each: impl FnMut(&str) -> bool) {
    let mut lower = String::new();
    for word in text.unicode_words() {
        for part in parts(word) {
            lower.clear();
            lower.extend(part.chars().flat_map(char::to_lowercase));
            if !each(&lower) {
                return;
            }
        }
    }
}

/// The parts of an identifier: at underscores, and where a capital follows a small letter.
fn parts(word: &str) -> impl Iterator<Item = &str> {
    word.split('_')
        .flat_map(camel_parts)
        .filter(|part| !part.is_empty())
}

fn camel_parts(word: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut previous_is_small = false;
    for (position, letter) in word.char_indices() {
        if previous_is_small && letter.is_uppercase() {
            parts.push(&word[start..position]);
            start = position;
        }
        previous_is_small = letter.is_lowercase();
    }
    parts.push(&word[start..]);
    parts
}

/// True for words that can carry a document's topic: not a function word, not a lone ASCII
/// letter.
pub(super) fn is_content(word: &str) -> bool {
    let lone_letter = word.len() == 1 && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    !lone_letter && FUNCTION_WORDS.binary_search(&word).is_err()
}

/// True for plain numbers: kept, but rarely what a document is about.
pub(super) fn is_number(word: &str) -> bool {
    word.chars()
        .all(|letter| letter.is_numeric() || matches!(letter, '.' | ',' | '\''))
}

/// English function words, sorted.
const FUNCTION_WORDS: &[&str] = &[
    "a",
    "about",
    "above",
    "across",
    "after",
    "again",
    "against",
    "all",
    "almost",
    "along",
    "already",
    "also",
    "although",
    "always",
    "am",
    "among",
    "an",
    "and",
    "another",
    "any",
    "are",
    "aren't",
    "as",
    "at",
    "away",
    "be",
    "became",
    "because",
    "become",
    "been",
    "before",
    "being",
    "below",
    "between",
    "both",
    "but",
    "by",
    "came",
    "can",
    "can't",
    "cannot",
    "come",
    "could",
    "couldn't",
    "did",
    "didn't",
    "do",
    "does",
    "doesn't",
    "doing",
    "don't",
    "done",
    "down",
    "during",
    "each",
    "either",
    "else",
    "et",
    "etc",
    "even",
    "ever",
    "every",
    "few",
    "first",
    "for",
    "from",
    "further",
    "get",
    "give",
    "given",
    "go",
    "got",
    "had",
    "has",
    "have",
    "haven't",
    "having",
    "he",
    "hence",
    "her",
    "here",
    "hers",
    "him",
    "his",
    "how",
    "however",
    "i",
    "i'm",
    "if",
    "in",
    "into",
    "is",
    "isn't",
    "it",
    "it's",
    "its",
    "itself",
    "just",
    "let",
    "like",
    "made",
    "make",
    "many",
    "may",
    "me",
    "might",
    "more",
    "moreover",
    "most",
    "much",
    "must",
    "my",
    "near",
    "neither",
    "never",
    "no",
    "nor",
    "not",
    "now",
    "of",
    "off",
    "often",
    "on",
    "once",
    "one",
    "only",
    "or",
    "other",
    "others",
    "our",
    "out",
    "over",
    "own",
    "per",
    "rather",
    "s",
    "same",
    "shall",
    "she",
    "should",
    "since",
    "so",
    "some",
    "still",
    "such",
    "t",
    "take",
    "than",
    "that",
    "that's",
    "the",
    "their",
    "them",
    "then",
    "there",
    "therefore",
    "these",
    "they",
    "this",
    "those",
    "through",
    "thus",
    "to",
    "too",
    "toward",
    "towards",
    "under",
    "until",
    "up",
    "upon",
    "us",
    "use",
    "used",
    "using",
    "very",
    "via",
    "was",
    "wasn't",
    "we",
    "well",
    "were",
    "weren't",
    "what",
    "when",
    "where",
    "whether",
    "which",
    "while",
    "who",
    "whom",
    "whose",
    "why",
    "will",
    "with",
    "within",
    "without",
    "won't",
    "would",
    "yet",
    "you",
    "your",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        for_each_word(text, |word| {
            words.push(word.to_owned());
            true
        });
        words
    }

    #[test]
    fn words_of_prose_code_and_other_scripts() {
        assert_eq!(
            words("The Heat-transfer of PD3.1, 42%!"),
            ["the", "heat", "transfer", "of", "pd3.1", "42"]
        );
        assert_eq!(
            words("def read_csvFile(path2):"),
            ["def", "read", "csv", "file", "path2"]
        );
        assert_eq!(words("HTTPServer __init__"), ["httpserver", "init"]);
        assert_eq!(words("ÜBER größe"), ["über", "größe"]);
        assert_eq!(words("日本"), ["日", "本"]);
        assert_eq!(words(" -- ,;"), Vec::<String>::new());
    }

    #[test]
    fn function_words_are_sorted_so_that_they_can_be_looked_up() {
        assert!(FUNCTION_WORDS.is_sorted());
        assert!(
            !is_content("the")
                && !is_content("x")
                && is_content("日")
                && is_content("7")
                && is_content("wing")
        );
        assert!(is_number("3.14") && is_number("1,000") && !is_number("pd3.1"));
    }
}
