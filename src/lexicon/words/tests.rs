use super::*;
use proptest::prelude::*;

fn split(text: &str) -> Vec<String> {
    words(text).collect()
}

#[test]
fn prose_with_special_terms() {
    assert_eq!(
        split("The IL-6 level (p<0.05) of PD3.1 isn't the document's; C++, C# and X-ray."),
        [
            "the", "il-6", "level", "p", "0.05", "of", "pd3.1", "isn", "the", "document", "c++",
            "c#", "and", "x-ray"
        ]
    );
    assert_eq!(
        split("COVID-19, 5-HT, NF-κB, HIV-1"),
        ["covid-19", "5-ht", "nf-κb", "hiv-1"]
    );
    assert_eq!(
        split("state-of-the-art 2020-01-02 pre-1970"),
        [
            "state", "of", "the", "art", "2020", "01", "02", "pre", "1970"
        ]
    );
    assert_eq!(
        split("in the U.S. 1,000 times, e.g. v1.2.3"),
        ["in", "the", "u.s", "1000", "times", "e.g", "1.2.3"]
    );
}

#[test]
fn identifiers_fall_apart() {
    assert_eq!(
        split("def min_cost(testTup1):"),
        ["def", "min", "cost", "test", "tup1"]
    );
    assert_eq!(
        split("self.assertEqual(x)"),
        ["self", "assert", "equal", "x"]
    );
    assert_eq!(
        split("HttpServletRequest getURL parseHTMLPage"),
        [
            "http", "servlet", "request", "get", "url", "parse", "html", "page"
        ]
    );
    assert_eq!(split("__init__ i++ x[i-1]"), ["init", "i", "x", "i", "1"]);
}

#[test]
fn names_stay_whole() {
    assert_eq!(
        split("GitHub PubMed mRNA siRNA iPhone McDonald O'Brien"),
        [
            "github", "pubmed", "mrna", "sirna", "iphone", "mcdonald", "o'brien"
        ]
    );
}

#[test]
fn unspaced_scripts_give_pairs() {
    assert_eq!(split("机器学习"), ["机器", "器学", "学习"]);
    assert_eq!(split("水"), ["水"]);
    assert_eq!(split("用Python写"), ["用", "python", "写"]);
    assert!(!split("ภาษาไทย").is_empty());
    assert_eq!(split("русский язык"), ["русский", "язык"]);
}

#[test]
fn nothing_from_nothing() {
    assert!(split("").is_empty());
    assert!(split("--- ... !!! → |").is_empty());
    assert!(split(&"a1".repeat(100)).is_empty());
    assert_eq!(
        split(" \u{9c7}"),
        ["\u{9c7}"],
        "a space with a mark of its own"
    );
}

#[test]
fn one_word_has_many_writings() {
    for (text, expected) in [
        ("The ﬁnancial oﬃce", vec!["the", "financial", "office"]),
        (
            "retri\u{ad}eval ｆｕｌｌ Zu\u{308}rich",
            vec!["retrieval", "full", "zurich"],
        ),
        ("1,299 or 1.299,00", vec!["1299", "or", "1299.00"]),
        ("v1.2.3 and 1.2.3", vec!["1.2.3", "and", "1.2.3"]),
        ("l'hôpital d’État qu'il", vec!["hopital", "etat", "il"]),
        ("O’Brien don’t L'Oréal", vec!["o'brien", "don", "oreal"]),
        ("IL\u{2011}6 H₂O CO²", vec!["il-6", "h2o", "co2"]),
        ("カメラ ｶﾒﾗ", vec!["カメ", "メラ", "カメ", "メラ"]),
        ("使うカ_x", vec!["使う", "カ", "x"]),
        (
            "go 👩\u{200d}🚀 👍🏽 ❤\u{fe0f} 🇩🇪!",
            vec!["go", "👩", "🚀", "👍", "❤", "🇩🇪"],
        ),
    ] {
        assert_eq!(split(text), expected, "{text}");
    }
}

proptest! {
    /// I1 and I2.
    #[test]
    fn words_are_short_folded_and_where_they_say(text in "\\PC{0,60}") {
        for word in located_words(&text) {
            prop_assert!(!word.text.is_empty());
            prop_assert!(word.text.chars().count() <= MAX_WORD_CHARS);
            prop_assert!(!word.text.contains(char::is_whitespace));
            prop_assert_eq!(&fold(&word.text), &word.text);
            let there = text.get(word.range.clone());
            prop_assert!(there.is_some_and(|there| !there.is_empty()), "{:?}", word);
            let there = plain(there.unwrap_or(""));
            let left_out = |c: char| c.is_whitespace() || matches!(c, ',' | '.' | '\'');
            let bare = |text: &str| fold(text).replace(left_out, "");
            prop_assert!(bare(there.text()).contains(&bare(&word.text)), "{:?}", word);
        }
    }

    #[test]
    fn code_like_text_never_panics(text in "[a-zA-Z0-9_.'’#+\\-,:; \n水β]{0,80}") {
        for word in split(&text) {
            prop_assert_eq!(fold(&word), word);
        }
    }
}
