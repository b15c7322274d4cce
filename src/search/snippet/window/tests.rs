use super::super::marked::marks;
use super::*;
use crate::lexicon::Analyser;
use crate::search::query_terms::{QueryTerms, WeighedTerm};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Matches of the terms of a query that weigh 1, 2, 3, ... in their order.
fn matches(query: &str, text: &str) -> Matches {
    let analyser = Analyser::default();
    let terms = analyser.query_terms(query).into_iter().zip(1..);
    let weighed = |(term, weight)| WeighedTerm::single(term, f64::from(weight));
    let terms = QueryTerms {
        terms: terms.map(weighed).collect(),
    };
    Matches::new(text, &terms, analyser)
}

fn best_text<'t>(query: &str, text: &'t str, max_chars: usize) -> &'t str {
    &text[best(text, &matches(query, text), max_chars)]
}

/// Every window, looked at for itself.
fn plainly_best(text: &str, matches: &Matches, max_chars: usize) -> Range<usize> {
    let units: Vec<Unit> = units(text, max_chars).collect();
    let mut best: Option<(Rank, Range<usize>)> = None;
    for (number, unit) in units.iter().enumerate().filter(|(_, unit)| unit.begins) {
        let mut behind = units[number..].iter().filter(|end| {
            !end.is_blank && text[unit.bytes.start..end.bytes.end].chars().count() <= max_chars
        });
        let Some(end) = behind.next_back() else {
            continue;
        };
        let window = unit.bytes.start..end.bytes.end;
        let places = &matches.places;
        let inside: Vec<&Match> = places
            .iter()
            .filter(|place| place.bytes.start >= window.start && place.bytes.end <= window.end)
            .collect();
        let terms: BTreeSet<usize> = inside.iter().map(|place| place.term).collect();
        let weight = terms.into_iter().map(|term| matches.weight(term)).sum();
        let starts = places.iter().map(|place| place.bytes.start);
        let ends = places.iter().map(|place| place.bytes.end);
        let first = starts.filter(|&start| start >= window.start).min();
        let last = ends.filter(|&end| end <= window.end).max();
        let imbalance = match (inside.is_empty(), first, last) {
            (false, Some(first), Some(last)) => (first - window.start).abs_diff(window.end - last),
            _ => 0,
        };
        let rank = (
            weight,
            inside.len(),
            unit.begins_sentence,
            Reverse(imbalance),
        );
        let is_last = window.end >= text.trim_end().len();
        if best.as_ref().is_none_or(|(most, _)| rank > *most) {
            best = Some((rank, window));
        }
        if is_last || places.is_empty() {
            break;
        }
    }
    best.map_or(0..0, |(_, window)| window)
}

/// Texts with everything that words, graphemes and sentences can be made of.
fn texts() -> impl Strategy<Value = String> {
    let parts = [
        "wing ",
        "Wing. ",
        "heat, ",
        "so ",
        "学习",
        "机",
        "e\u{301}",
        "\n",
        " ",
        "IL-6 ",
        "👩‍🔬",
        "\u{0}",
        "กำ",
        "שלום ",
        "internationalisation",
        "\u{301}\u{301}\u{301}",
        "🇩🇪",
        "\"",
        "a_b",
        "。",
        "\u{202e}",
        "\t",
        "क्षि",
        "\r\n",
    ];
    let part = prop::sample::select(parts.to_vec());
    prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn the_best_of_all_windows_is_found(text in texts(), max_chars in 0usize..60) {
        let matches = matches("wing heat il-6 学习 学", &text);
        let found = best(&text, &matches, max_chars);
        prop_assert_eq!(&found, &plainly_best(&text, &matches, max_chars));

        let window = &text[found.clone()];
        prop_assert!(window.chars().count() <= max_chars);
        prop_assert_eq!(window.trim_start(), window);
        let last = window.graphemes(true).next_back();
        prop_assert!(last.is_none_or(|last| !last.trim().is_empty()));
        let graphemes = text.grapheme_indices(true).map(|(at, _)| at);
        let bounds: BTreeSet<usize> = graphemes.chain([0, text.len()]).collect();
        prop_assert!(bounds.contains(&found.start) && bounds.contains(&found.end));
    }

    /// Whatever stands in a text, what is marked is in it.
    #[test]
    fn any_text_is_marked_at_characters(
        text in any::<String>(),
        more in "[\\p{L}\\p{M}\\p{N}\\p{S}\\p{C} ]{0,40}",
        max_chars in 0usize..30,
    ) {
        let text = format!("{text}{more} wing {text}");
        let matches = matches(&format!("{more} {text}"), &text);
        let window = best(&text, &matches, max_chars);
        let shown = &text[window.clone()];
        for (bytes, _) in marks(&matches, &Matches::default(), &window) {
            prop_assert!(shown.get(bytes).is_some_and(|part| !part.is_empty()));
        }
    }

    #[test]
    fn units_are_the_text(text in texts(), max_chars in 0usize..20) {
        let (mut byte, mut char) = (0, 0);
        for unit in units(&text, max_chars) {
            prop_assert_eq!((unit.bytes.start, unit.chars.start), (byte, char));
            let part = &text[unit.bytes.clone()];
            prop_assert_eq!(unit.chars.len(), part.chars().count());
            prop_assert!(unit.chars.len() <= max_chars.max(1) || part.graphemes(true).count() == 1);
            (byte, char) = (unit.bytes.end, unit.chars.end);
        }
        prop_assert_eq!(byte, text.len());
    }
}

#[test]
fn rare_words_first_then_many_then_whole_sentences() {
    let text = "Heat here. A wing is a wing. In heat, a wing of a plane bends. So it goes on.";
    // The second term weighs more than the first.
    assert_eq!(
        best_text("heat wing", text, 34),
        "A wing is a wing. In heat, a wing"
    );
    assert_eq!(best_text("heat", text, 18), "In heat, a wing of");
    assert_eq!(best_text("wing", text, 18), "A wing is a wing.");
    assert_eq!(best_text("goes", text, 14), "So it goes on.");
    assert_eq!(best_text("nothing", text, 14), "Heat here. A");
}

#[test]
fn in_a_long_sentence_there_is_something_on_both_sides() {
    let text = "one two three four five six wing seven eight nine ten eleven twelve";
    assert_eq!(
        best_text("wing", text, 30),
        "four five six wing seven eight"
    );
}

#[test]
fn a_text_that_fits_is_whole() {
    assert_eq!(best_text("wing", "\n  A (wing).\n", 20), "A (wing).");
    for (text, max_chars) in [("", 10), (" \n ", 10), ("wing", 0), ("e\u{301}", 1)] {
        assert_eq!(best_text("wing", text, max_chars), "");
    }
}

#[test]
fn a_word_longer_than_the_window_is_cut_at_graphemes() {
    let text = "e\u{301}".repeat(50);
    assert_eq!(best_text("x", &text, 9), "e\u{301}".repeat(4));
    let line = format!("{}_wing_{}", "a_b".repeat(40), "c_d".repeat(40));
    assert!(best_text("wing", &line, 20).contains("_wing_"));
}

#[test]
fn sentences_begin_after_their_ends_and_lines() {
    let begins = |text: &str| -> Vec<String> {
        units(text, 100)
            .filter(|unit| unit.begins_sentence)
            .map(|unit| text[unit.bytes].to_owned())
            .collect()
    };
    let text = "One is. Two (so.) Three e.g. four\nfive, six\n- Seven";
    assert_eq!(begins(text), ["One", "Two", "Three", "-"]);
    assert_eq!(begins("水力。学习"), ["水", "学"]);
    assert_eq!(begins("\"Yes!\" He"), ["\"", "He"]);
}

/// Texts that are hard on whoever looks back or ahead.
#[test]
fn long_texts_of_anything_have_a_window() {
    for unit in [
        "a",
        " ",
        "a ",
        "\u{301}",
        "a\u{200d}",
        ". ",
        "'",
        "a.",
        "\0",
        "🇩🇪",
        "水",
        "👩‍🔬",
        "ก",
        "क्",
        "\u{202e}",
        "_",
    ] {
        let text = format!("start {} wing", unit.repeat((1 << 16) / unit.len()));
        let window = best_text("wing", &text, 40);
        assert!(window.ends_with("wing"), "{unit:?} {window:?}");
    }
}
