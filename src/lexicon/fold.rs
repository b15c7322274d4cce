//! Words without the differences that nobody types: letter case, accents, vowel signs (ZF-TE-02).
//!
//! 1. Full case folding: `Straße` and `STRASSE` are one word, `Σίσυφος` and `ΣΊΣΥΦΟΣ` too, and
//!    `İ`, `I`, `ı` and `i` are one letter.
//! 2. Marks over and under letters go, Hebrew and Arabic vowel signs and the skin of emoji with
//!    them; Latin and Greek letters lose those that are part of the character, and a few Latin
//!    letters are spelt out (`æ`, `ø`, `ł`). The marks of other scripts stay, where they make
//!    another letter: `й`, `が`, Indic vowels.
//! 3. A word that would become an English function word keeps its accents: `thé`.
//!
//! I1. Folding twice is folding once.

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::decompose_canonical;

use super::stop_words::is_stop_word;

/// A word in plain writing, folded.
pub(crate) fn fold(word: &str) -> String {
    if word.is_ascii() {
        return word.to_ascii_lowercase();
    }
    let lower: String = word.nfd().default_case_fold().nfc().collect();
    let mut bare = String::with_capacity(lower.len());
    for character in lower.chars() {
        if has_loose_marks(character) {
            decompose_canonical(character, |part| push_bare(part, &mut bare));
        } else {
            push_bare(character, &mut bare);
        }
    }
    let bare = match bare.is_ascii() {
        true => bare,
        // What a mark kept apart can come together.
        false => bare.nfc().collect(),
    };
    if is_stop_word(&bare) { lower } else { bare }
}

fn push_bare(character: char, bare: &mut String) {
    match character {
        mark if is_mark(mark) => {}
        'æ' => bare.push_str("ae"),
        'œ' => bare.push_str("oe"),
        'þ' => bare.push_str("th"),
        'ø' => bare.push('o'),
        'đ' | 'ð' => bare.push('d'),
        'ł' => bare.push('l'),
        'ħ' => bare.push('h'),
        'ı' => bare.push('i'),
        other => bare.push(other),
    }
}

/// Latin and Greek letters, of which those with a mark are composed.
fn has_loose_marks(character: char) -> bool {
    matches!(u32::from(character),
        0xc0..=0x24f | 0x370..=0x3ff | 0x1e00..=0x1fff)
}

/// Marks that make no other letter.
fn is_mark(character: char) -> bool {
    matches!(u32::from(character),
        0x300..=0x36f | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x20d0..=0x20ff | 0xfe20..=0xfe2f
        | 0x483..=0x489                                                // Cyrillic
        | 0x591..=0x5bd | 0x5bf | 0x5c1..=0x5c2 | 0x5c4..=0x5c5 | 0x5c7 // Hebrew
        | 0x610..=0x61a | 0x64b..=0x65f | 0x670 | 0x6d6..=0x6dc | 0x6df..=0x6e4
        | 0x6e7..=0x6e8 | 0x6ea..=0x6ed | 0x8d3..=0x8e1 | 0x8e3..=0x8ff // Arabic
        | 0x1f3fb..=0x1f3ff) // tones of skin
}

#[cfg(test)]
mod tests {
    use super::super::plain::plain;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn writings_of_one_word_fold_together() {
        for (a, b) in [
            ("Straße", "STRASSE"),
            ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
            ("Αθήνα", "ΑΘΗΝΑ"),
            ("İstanbul", "istanbul"),
            ("DIYARBAKIR", "Diyarbakır"),
            ("Zürich", "zurich"),
            ("Łódź", "lodz"),
            ("Encyclopædia", "encyclopaedia"),
            ("Москва\u{301}", "москва"),
            ("كِتَاب", "كتاب"),
            ("שָׁלוֹם", "שלום"),
            ("👍🏽", "👍"),
        ] {
            let folded = |word| fold(plain(word).text());
            assert_eq!(folded(a), folded(b), "{a} {b}");
        }
    }

    #[test]
    fn other_words_stay_apart() {
        for (a, b) in [
            ("ещё", "еще"),
            ("май", "маи"),
            ("が", "か"),
            ("thé", "the"),
            ("कि", "क"),
        ] {
            assert_ne!(fold(a), fold(b), "{a} {b}");
        }
        assert_eq!(fold("THÉ"), "thé");
    }

    proptest! {
        /// I1 of the module; and what is folded is in plain writing.
        #[test]
        fn folded_is_folded(text in "\\PC{0,20}") {
            let once = fold(plain(&text).text());
            prop_assert_eq!(fold(&once), once.clone());
            let again = plain(&once);
            prop_assert_eq!(again.text(), once.as_str());
        }
    }
}
