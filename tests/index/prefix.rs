//! As you type: the last word of a query finds what it may become.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::corpus::{add, document, empty, index_with};
use proptest::prelude::*;
use zerogr::raw::lexicon::{Analyser, words};
use zerogr::raw::segment::LexiconParams;
use zerogr::{Document, ErrorKind, Index, MergePolicy, Mode, SearchOptions};

fn typing() -> SearchOptions {
    SearchOptions::new().k(99).mode(Mode::Lexical).prefix(true)
}

fn holding(texts: &[&str]) -> Index {
    let index = empty();
    let documents = texts.iter().enumerate();
    add(
        &index,
        documents.map(|(number, text)| Document::new(format!("d{number}")).text(*text)),
    );
    index
}

/// Numbers of the documents found for a query that is being typed.
fn found(index: &Index, query: &str) -> BTreeSet<usize> {
    let hits = index.snapshot().search_lexical(query, &typing());
    let numbers = hits.unwrap().hits.into_iter();
    numbers.map(|hit| hit.id[1..].parse().unwrap()).collect()
}

#[track_caller]
fn assert_found(index: &Index, query: &str, expected: impl IntoIterator<Item = usize>) {
    assert_eq!(
        found(index, query),
        expected.into_iter().collect(),
        "{query:?}"
    );
}

const WORDS: [&str; 16] = [
    "wing", "wings", "the", "of", "flutter", "flutters", "il-6", "heat", "heating", "plate",
    "flow", "cone", "a", "x", "salmon", "3.14",
];

fn text() -> impl Strategy<Value = String> {
    let skewed = (0..WORDS.len(), 0..WORDS.len()).prop_map(|(a, b)| WORDS[a.min(b)]);
    prop::collection::vec(skewed, 0..12).prop_map(|words| words.join(" "))
}

/// Words, and a part of another.
fn typed() -> impl Strategy<Value = String> {
    let last = (
        prop::sample::select(&WORDS[..]),
        any::<prop::sample::Index>(),
    );
    (
        prop::collection::vec(prop::sample::select(&WORDS[..]), 0..3),
        last,
    )
        .prop_map(|(before, (word, cut))| {
            let typed = &word[..=cut.index(word.len())];
            [before, vec![typed]].concat().join(" ")
        })
}

/// What a word of a query stands for in plain loops: all terms of words that begin with it.
fn by_hand(
    documents: &BTreeMap<String, Document>,
    params: &LexiconParams,
    query: &str,
) -> BTreeMap<String, f64> {
    let analyser = Analyser::new(params.stemming, params.stop_words);
    let minor = |word: &str| analyser.terms(word).is_empty();
    let term = |word: &str| {
        [analyser.terms(word), analyser.minor_terms(word)]
            .concat()
            .remove(0)
    };
    let counts: BTreeMap<&String, Vec<String>> = documents
        .iter()
        .map(|(id, document)| {
            let all = format!("{} | {}", document.title, document.text);
            (id, words(&all).map(|word| term(&word)).collect())
        })
        .collect();
    let corpus: BTreeSet<&String> = counts.values().flatten().collect();
    let mut typed: Vec<String> = words(query).collect();
    let mut groups: Vec<BTreeSet<String>> = Vec::new();
    let goes_on = query.ends_with(char::is_alphanumeric);
    let last = goes_on.then(|| typed.pop().unwrap());
    let is_content = |word: &&String| !minor(word);
    let mut before: Vec<&String> = typed.iter().filter(is_content).collect();
    if let Some(letters) = &last {
        let known = WORDS
            .iter()
            .filter(|word| !minor(word) && word.starts_with(letters.as_str()));
        let mut group: BTreeSet<String> = known.map(|word| term(word)).collect();
        group.extend(
            corpus
                .iter()
                .filter(|term| term.starts_with(letters.as_str()))
                .map(|term| (*term).clone()),
        );
        if !minor(letters) {
            group.insert(term(letters));
        }
        group.retain(|term| corpus.contains(term));
        if before.is_empty() && (minor(letters) || group.is_empty()) {
            before = typed.iter().collect();
            if minor(letters) && corpus.contains(&term(letters)) {
                group.insert(term(letters));
            }
            if group.is_empty() {
                let start = format!(" {letters}");
                group = corpus
                    .iter()
                    .filter(|term| term.starts_with(&start))
                    .map(|term| (*term).clone())
                    .collect();
            }
        }
        groups.push(group);
    } else if before.is_empty() {
        before = typed.iter().collect();
    }
    groups.extend(before.into_iter().map(|word| BTreeSet::from([term(word)])));
    let length =
        |terms: &[String]| terms.iter().filter(|term| !term.starts_with(' ')).count() as f64;
    let n = counts.len() as f64;
    // Where no word counts, 0 / 0 is 0.
    let average = counts.values().map(|terms| length(terms)).sum::<f64>() / n;
    let average = average.max(f64::MIN_POSITIVE);
    let mut scores = BTreeMap::new();
    for (id, terms) in &counts {
        let norm = params.k1 * (1.0 - params.b + params.b * length(terms) / average);
        let mut score = 0.0;
        for group in &groups {
            let has = |terms: &&Vec<String>| terms.iter().any(|term| group.contains(term));
            let df = counts.values().filter(has).count() as f64;
            let tf = terms.iter().filter(|term| group.contains(*term)).count() as f64;
            score += (1.0 + (n - df + 0.5) / (df + 0.5)).ln() * tf / (tf + norm);
        }
        if score > 0.0 {
            scores.insert((*id).clone(), score);
        }
    }
    scores
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever the history, the scores are those of the words of the documents that are left, and
    /// a merge changes no bit of them.
    #[test]
    fn beginnings_score_as_plain_loops_say(
        segments in prop::collection::vec(prop::collection::vec((text(), text()), 1..8), 1..4),
        deleted in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        queries in prop::collection::vec(typed(), 1..8),
        (stemming, stop_words, b) in (any::<bool>(), any::<bool>(), 0.0f64..=1.0),
    ) {
        let params = LexiconParams { stemming, stop_words, k1: 0.3 + b, b, ..LexiconParams::default() };
        let index = index_with(params.clone());
        let mut live = BTreeMap::new();
        for segment in segments {
            let mut documents = Vec::new();
            for (title, text) in segment {
                let document = Document::new(format!("d{}", live.len())).title(title).text(text).docid("one");
                live.insert(document.id.clone(), document.clone());
                documents.push(document);
            }
            add(&index, documents);
        }
        let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
        for one in deleted {
            let id = format!("d{}", one.index(live.len().max(1)));
            live.remove(&id);
            writer.delete(&id).unwrap();
        }
        writer.commit().unwrap();
        drop(writer);
        let scattered = index.snapshot();
        index.merge().unwrap();
        for query in &queries {
            let expected = by_hand(&live, &params, query);
            let result = scattered.search_lexical(query, &typing()).unwrap();
            let merged = index.snapshot().search_lexical(query, &typing()).unwrap();
            prop_assert_eq!(&result.hits, &merged.hits, "{:?}", query);
            prop_assert_eq!(scattered.complete(query).unwrap(), index.snapshot().complete(query).unwrap());
            prop_assert_eq!(result.hits.len(), expected.len(), "{:?}", query);
            for hit in &result.hits {
                prop_assert!((hit.score - expected[&hit.id]).abs() < 1e-6, "{:?} {}", query, hit.id);
                prop_assert!((0.0..=1.0).contains(&hit.similarity.unwrap()));
            }
        }
    }
}

#[test]
fn a_beginning_finds_every_form_of_what_it_may_become() {
    let texts = [
        "the vacuum",
        "two vacuums",
        "vacuuming now",
        "vacant",
        "he runs",
        "running late",
        "happiness",
        "vaccination",
        "studying",
    ];
    let index = holding(&texts);
    for query in ["vacu", "vacuu", "Vacuum", "vacuums", "vacuumi", "a vacuu"] {
        assert_found(&index, query, [0, 1, 2]);
    }
    assert_found(&index, "vac", [0, 1, 2, 3, 7]);
    assert_found(&index, "vacuu ", []);
    assert_found(&index, "vacuu?", []);
    // Longer than the stem.
    for (query, expected) in [
        ("runn", 4..6),
        ("runnin", 4..6),
        ("happines", 6..7),
        ("vaccinati", 7..8),
        ("studyin", 8..9),
    ] {
        assert_found(&index, query, expected);
    }
    assert_found(&index, "run", 4..6);
    assert_found(&index, "vacuum run", [0, 1, 2, 4, 5]);
}

#[test]
fn function_words_and_single_letters_may_become_other_words() {
    let index = holding(&[
        "the theory",
        "the who",
        "insulin in blood",
        "blood",
        "a and b",
    ]);
    assert_found(&index, "th", [0]);
    assert_found(&index, "blood in", [2, 3]);
    assert_found(&index, "blood i", [2, 3]);
    assert_found(&index, "theory of b", [0, 2, 3]);
    assert_found(&index, "the", [0, 1]);
    assert_found(&index, "wh", [1]);
    assert_found(&index, "a", [4]);
    assert_found(&index, "i", [2]);
}

#[test]
fn scripts_numbers_and_identifiers_go_on_as_they_are_taken_apart() {
    let texts = [
        "机器学习",
        "学校",
        "ภาษาไทย",
        "min_cost",
        "parseHtmlPage",
        "GitHub",
        "café crème",
        "1,299 items",
        "PD3.14",
        "Zürich",
        "NF-κB",
        "👍 fine",
        "Ελλάδα",
        "l'hôpital",
    ];
    let index = holding(&texts);
    for (query, expected) in [
        ("机器", &[0][..]),
        ("学", &[0, 1]),
        ("机器学", &[0]),
        ("ภา", &[2]),
        ("min_c", &[3, 6]),
        ("a_co", &[3]),
        ("parseHt", &[4]),
        ("parseHtmlPa", &[4]),
        ("gith", &[5]),
        ("GitH", &[5]),
        ("caf", &[6]),
        ("cafe\u{301}", &[6]),
        ("crè", &[6]),
        ("cre", &[6]),
        ("1,299", &[7]),
        ("129", &[7]),
        ("pd3.1", &[8]),
        ("PD3", &[8]),
        ("zur", &[9]),
        ("Zu\u{308}r", &[9]),
        ("nf-", &[]),
        ("NF-κ", &[10]),
        ("👍", &[11]),
        ("ΕΛΛ", &[12]),
        ("l'hop", &[13]),
        ("fi\u{200b}", &[11]),
    ] {
        assert_found(&index, query, expected.iter().copied());
    }
}

#[test]
fn of_many_completions_the_most_frequent_in_live_documents_count() {
    let index = empty();
    let words = (100..180).map(|number| format!("zeta{number}"));
    add(
        &index,
        words.clone().map(|word| Document::new(&word).text(&word)),
    );
    let ids = |query| {
        let result = index.snapshot().search_lexical(query, &typing());
        let hits = result.unwrap().hits.into_iter();
        hits.map(|hit| hit.id).collect::<BTreeSet<String>>()
    };
    assert_eq!(
        ids("z"),
        words.clone().take(64).collect(),
        "ties by their letters"
    );
    let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
    writer.delete("zeta100").unwrap();
    writer.add(Document::new("more").text("zeta179")).unwrap();
    writer.commit().unwrap();
    drop(writer);
    let mut expected: BTreeSet<String> = words.skip(1).take(63).collect();
    expected.extend(["zeta179".to_owned(), "more".to_owned()]);
    assert_eq!(ids("zet"), expected);
    assert_eq!(ids("zeta178"), BTreeSet::from(["zeta178".to_owned()]));
}

#[test]
fn explanations_name_the_beginning_and_add_up() {
    let index = holding(&["vacuum pump", "vacuous pump", "pump"]);
    let terms = |query: &str, id: &str| -> Vec<(String, f64)> {
        let result = index
            .snapshot()
            .search_lexical(query, &typing().explain(true))
            .unwrap();
        let hit = result.hits.into_iter().find(|hit| hit.id == id).unwrap();
        let matched = hit.explanation.unwrap().matched_terms;
        let sum: f64 = matched.iter().map(|term| term.score).sum();
        assert!((sum - hit.score).abs() < 1e-12);
        matched
            .into_iter()
            .map(|term| (term.term, term.score))
            .collect()
    };
    let names = |query, id| {
        terms(query, id)
            .into_iter()
            .map(|one| one.0)
            .collect::<Vec<_>>()
    };
    assert_eq!(names("pump Vacu", "d0"), ["pump", "vacu*"]);
    assert_eq!(names("pump vacu", "d2"), ["pump"]);
    assert_eq!(names("pump vacuum", "d0"), ["pump", "vacuum"]);
}

#[test]
fn a_query_is_completed_by_the_most_frequent_word() {
    let index = holding(&[
        "two vacuums",
        "a vacuum of long words beside others",
        "vacuums",
        "vacant",
        "cell",
        "cells",
        "cellular cellular",
        "the Élysée",
    ]);
    let snapshot = index.snapshot();
    for (query, expected) in [
        ("clean vac", "clean vacuums"),
        ("Vacu", "Vacuums"),
        ("vacuum", "vacuum"),
        ("cell", "cell"),
        ("cel", "cell"),
        ("élys", "élysée"),
        ("elys", "élysée"),
        ("vacu ", "vacu "),
        ("xyz", "xyz"),
        ("to the", "to the"),
        ("", ""),
    ] {
        assert_eq!(snapshot.complete(query).unwrap(), expected, "{query:?}");
    }
    let mut writer = index.writer().unwrap();
    for id in ["d0", "d1", "d2"] {
        writer.delete(id).unwrap();
    }
    writer.commit().unwrap();
    assert_eq!(
        index.snapshot().complete("clean vac").unwrap(),
        "clean vacant",
        "none of the deleted"
    );
}

#[test]
fn every_mode_reads_the_completed_query() {
    let index = empty();
    add(&index, (0..60).map(document));
    let snapshot = index.snapshot();
    let (typed, whole) = ("salmon flutt", "salmon flutter");
    assert_eq!(snapshot.complete(typed).unwrap(), whole);
    for mode in [
        Mode::Planned,
        Mode::Generative,
        Mode::Dense,
        Mode::Fusion,
        Mode::Lexical,
    ] {
        let options = SearchOptions::new().mode(mode);
        let expected = index.search(whole, &options).unwrap().hits;
        let hits = index
            .search(typed, &options.clone().prefix(true))
            .unwrap()
            .hits;
        assert_eq!(hits, expected, "{mode:?}");
        assert_ne!(
            index.search(typed, &options).unwrap().hits,
            expected,
            "{mode:?}"
        );
    }
    let options = SearchOptions::new().mode(Mode::Dense).prefix(true);
    let error = snapshot.search_vector(&[0.0; 64], &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn any_last_word_is_answered() {
    let index = holding(&["wing flutter", "👍🏽 emoji", "nul\0l"]);
    let long = "a".repeat(1_000_000);
    let marks = "\u{301}".repeat(1000);
    let joined = "👩\u{200d}".repeat(1000);
    for last in [
        long.as_str(),
        &marks,
        &joined,
        "👍",
        "👍🏽",
        "nul\0",
        "\0",
        "\u{202e}",
        "*",
        "'",
        "-",
        "_",
        "e\u{301}",
        "\u{feff}",
        "ก็",
        "\u{ad}",
    ] {
        for query in [
            last.to_owned(),
            format!("wing {last}"),
            format!("win{last}"),
        ] {
            if query.trim().is_empty() {
                continue;
            }
            index.search(&query, &typing()).unwrap();
            index.snapshot().complete(&query).unwrap();
        }
    }
    assert_found(&index, &format!("wing {long}"), [0]);
    assert_found(&index, "flu\0", []);
    assert_found(&index, &"wing ".repeat(30_000), [0]);
}
