use super::*;
use proptest::prelude::*;

#[track_caller]
fn assert_plain(text: &str, expected: &str) {
    assert_eq!(plain(text).text(), expected, "{text:?}");
}

#[test]
fn one_writing_for_what_looks_the_same() {
    for (text, expected) in [
        ("The ﬁnancial oﬃce", "The financial office"),
        ("infor\u{ad}mation", "information"),
        ("infor\u{ad}\n  mation", "information"),
        (
            "zero\u{200b}width join\u{200d}er\u{feff}",
            "zerowidth joiner",
        ),
        ("Ｆｕｌｌ　ｗｉｄｔｈ", "Full width"),
        ("Zu\u{308}rich", "Zürich"),
        ("e\u{ad}\u{301}", "é"),
        ("dog’s l´eau ʼn", "dog's l'eau 'n"),
        ("IL\u{2011}6 IL–6", "IL-6 IL-6"),
        ("H₂O and CO² and m³", "H2O and CO2 and m3"),
        ("protein¹² and ³then 10⁵", "protein 12  and  3 then 10 5 "),
        ("1½ cups, Windows™", "1 1/2  cups, Windows TM "),
        ("①② ⓫ ❷", " 1  2   11   2 "),
        ("Ⅳ 𝐛𝐨𝐥𝐝 🅷🅸", "IV bold HI"),
        ("٣٫١٤ १२ ۱", "3.14 12 1"),
        ("1\u{a0}299\u{202f}000 km", "1299000 km"),
        ("in\u{a0}100 12\u{a0}34", "in 100 12 34"),
        ("كتـــاب", "كتاب"),
        ("ｶﾞﾗｽ", "ガラス"),
        ("\u{1112}\u{1161}\u{11ab}", "한"),
        ("👩\u{200d}🚀 ❤\u{fe0f}", "👩🚀 ❤"),
    ] {
        assert_plain(text, expected);
    }
}

#[test]
fn places_lead_back_to_the_original() {
    let text = "an oﬃce in Zu\u{308}rich, infor\u{ad}mation";
    let plain = plain(text);
    let of = |part: &str| {
        let start = plain.text().find(part).unwrap();
        &text[plain.original(start..start + part.len())]
    };
    assert_eq!(of("office"), "oﬃce");
    assert_eq!(of("ff"), "ﬃ", "a ligature is not divided");
    assert_eq!(of("in"), "in");
    assert_eq!(of("Zürich"), "Zu\u{308}rich");
    assert_eq!(of("information"), "infor\u{ad}mation");
    assert_eq!(of("mation"), "mation");
}

const PIECES: [&str; 30] = [
    "a", "Zu", "\u{308}", "ﬃ", "\u{ad}", "\n", " ", "\u{200d}", "①", "❷", "²", "12", "3", "\u{a0}",
    "’", "–", "™", "½", "ｶ", "ﾞ", "\u{1112}", "\u{1161}", "\u{fe71}", "\u{64b}", "٣", "🅷",
    "\u{301}", "İ", "ü", "\u{640}",
];

proptest! {
    /// I1 of the module, and places stay within the text and in order.
    #[test]
    fn plain_is_plain(
        text in prop_oneof![
            "\\PC{0,40}",
            prop::collection::vec(prop::sample::select(&PIECES[..]), 0..12)
                .prop_map(|pieces| pieces.concat()),
        ]
    ) {
        let once = plain(&text);
        let again = plain(once.text());
        prop_assert_eq!(once.text(), again.text());
        prop_assert!(!once.text().chars().any(is_invisible));
        let ends: Vec<usize> = once.text().char_indices().map(|(at, _)| at).collect();
        for pair in ends.windows(2) {
            let range = once.original(pair[0]..pair[1]);
            prop_assert!(text.get(range).is_some());
        }
        prop_assert_eq!(once.original(0..once.text().len()).end <= text.len(), true);
    }

    #[test]
    fn equal_texts_have_one_plain_form(text in "\\PC{0,30}") {
        let composed: String = text.nfc().collect();
        let decomposed: String = text.nfd().collect();
        let (composed, decomposed) = (plain(&composed), plain(&decomposed));
        prop_assert_eq!(composed.text(), decomposed.text());
    }
}
