//! Which script a text is written in, coarsely: enough to see that a model answered in another.

use crate::lexicon::plain;

/// A group of scripts that are read by the same people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Script {
    Latin,
    Greek,
    Cyrillic,
    Semitic,
    Indic,
    SouthEastAsian,
    Korean,
    ChineseOrJapanese,
    Other,
}

/// The script of a letter; `None` for what is no letter.
fn script_of(character: char) -> Option<Script> {
    if !character.is_alphabetic() {
        return None;
    }
    Some(match u32::from(character) {
        0x0000..=0x024f | 0x1e00..=0x1eff | 0x2c60..=0x2c7f | 0xa720..=0xa7ff => Script::Latin,
        0x0370..=0x03ff | 0x1f00..=0x1fff => Script::Greek,
        0x0400..=0x052f => Script::Cyrillic,
        0x0590..=0x08ff | 0xfb1d..=0xfdff | 0xfe70..=0xfeff => Script::Semitic,
        0x0900..=0x0dff => Script::Indic,
        0x0e00..=0x0fff | 0x1000..=0x109f | 0x1780..=0x17ff => Script::SouthEastAsian,
        0x1100..=0x11ff | 0x3130..=0x318f | 0xac00..=0xd7ff => Script::Korean,
        0x3040..=0x30ff | 0x3400..=0x9fff | 0xf900..=0xfaff | 0x20000..=0x3ffff => {
            Script::ChineseOrJapanese
        }
        _ => Script::Other,
    })
}

/// True if more than half the letters of `text` are of scripts that `known` does not have.
pub(super) fn is_foreign_to(text: &str, known: &[&str]) -> bool {
    let mut seen: Vec<Script> = Vec::new();
    let scripts =
        |text: &str| -> Vec<Script> { plain(text).text().chars().filter_map(script_of).collect() };
    for script in known.iter().flat_map(|text| scripts(text)) {
        if !seen.contains(&script) {
            seen.push(script);
        }
    }
    let letters = scripts(text);
    let foreign = letters
        .iter()
        .filter(|script| !seen.contains(script))
        .count();
    foreign * 2 > letters.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_script_is_foreign() {
        assert!(!is_foreign_to("flutter of wings", &["Thin panels"]));
        assert!(is_foreign_to("机器学习的应用", &["Thin panels"]));
        assert!(!is_foreign_to("机器学习 of wings", &["Wings", "机器"]));
        assert!(is_foreign_to("что это", &["what is this"]));
        assert!(!is_foreign_to("NF-κB in mice", &["NF"]));
        assert!(!is_foreign_to("42", &["what"]));
        assert!(
            !is_foreign_to("ｗｉｎｇｓ", &["wings"]),
            "full-width letters"
        );
    }
}
