//! Lexical search is BM25 over the live documents, however they are stored.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use crate::support::corpus::{add, document, encoder, index_with, options, reopen};
use proptest::prelude::*;
use serde_json::Value;
use zerogr::raw::generate::{DocidOptions, TermStats, keyword_docids};
use zerogr::raw::lexicon::Analyser;
use zerogr::raw::segment::LexiconParams;
use zerogr::raw::store::{MemoryBackend, Store, VerifyLevel};
use zerogr::{
    Document, Documents, ErrorKind, Filter, Index, MergePolicy, Mode, OpenOptions, SearchOptions,
    TrainOptions, check, recover, recover_with,
};

fn analyser(params: &LexiconParams) -> Analyser {
    Analyser::new(params.stemming, params.stop_words)
}

/// BM25 in plain loops: documents that share a term with the query, best first.
fn by_hand(
    documents: &BTreeMap<String, Document>,
    params: &LexiconParams,
    query: &str,
) -> Vec<(String, f64)> {
    let analyser = analyser(params);
    // All terms, and how many of them count.
    let terms_of = |document: &Document| {
        let parts = [&document.title, &document.text];
        let mut terms = parts.map(|part| analyser.terms(part)).concat();
        let length = terms.len();
        terms.extend(parts.map(|part| analyser.minor_terms(part)).concat());
        (terms, length)
    };
    let terms: Vec<(&String, (Vec<String>, usize))> = documents
        .iter()
        .map(|(id, document)| (id, terms_of(document)))
        .collect();
    let n = terms.len() as f64;
    let average = terms.iter().map(|(_, (_, length))| length).sum::<usize>() as f64 / n;
    // Where no word counts, 0 / 0 is 0.
    let average = average.max(f64::MIN_POSITIVE);
    let mut scored = Vec::new();
    for (id, (own, length)) in &terms {
        let mut score = 0.0;
        for term in analyser.query_terms(query) {
            let df = terms
                .iter()
                .filter(|(_, (terms, _))| terms.contains(&term))
                .count() as f64;
            let tf = own.iter().filter(|other| **other == term).count() as f64;
            let idf = (1.0 + (n - df + 0.5) / (df + 0.5)).ln();
            let norm = params.k1 * (1.0 - params.b + params.b * *length as f64 / average);
            score += idf * tf / (tf + norm);
        }
        if score > 0.0 {
            scored.push(((*id).clone(), score));
        }
    }
    scored.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    scored
}

/// The same documents with the same scores; those closer than `tolerance` may change places.
#[track_caller]
fn assert_close(found: &[(String, f64)], expected: &[(String, f64)], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    let expected_of: HashMap<&str, f64> = expected
        .iter()
        .map(|(id, score)| (id.as_str(), *score))
        .collect();
    for ((id, score), (_, at_place)) in found.iter().zip(expected) {
        assert!((score - expected_of[id.as_str()]).abs() < tolerance, "{id}");
        assert!((score - at_place).abs() < tolerance, "{id}");
    }
}

const TEXTS: [&str; 16] = [
    "wing", "wings", "the", "of", "flutter", "flutters", "il-6", "heat", "heating", "plate",
    "水力", "cone", "a", "x", "salmon", "3.14",
];

fn text() -> impl Strategy<Value = String> {
    let skewed = (0..TEXTS.len(), 0..TEXTS.len()).prop_map(|(a, b)| TEXTS[a.min(b)]);
    prop::collection::vec(skewed, 0..12).prop_map(|words| words.join(" "))
}

#[derive(Debug, Clone)]
enum Step {
    Add(u8, String, String),
    Delete(u8),
    Commit,
    Merge,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0u8..25, text(), text()).prop_map(|(id, title, text)| Step::Add(id, title, text)),
        2 => (0u8..25).prop_map(Step::Delete),
        2 => Just(Step::Commit),
        1 => Just(Step::Merge),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    /// ZF-SC-05, ZF-TE-03. Whatever the history, the scores are those of the documents that are left.
    #[test]
    fn scores_are_those_of_plain_loops(
        steps in prop::collection::vec(step(), 1..50),
        queries in prop::collection::vec(text(), 1..4),
        (stemming, stop_words, b) in (any::<bool>(), any::<bool>(), 0.0f64..=1.0),
        k in 0usize..30,
    ) {
        let params = LexiconParams { stemming, stop_words, k1: 0.3 + b, b, ..LexiconParams::default() };
        let index = index_with(params.clone());
        let mut live: BTreeMap<String, Document> = BTreeMap::new();
        let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
        for step in steps {
            match step {
                Step::Add(id, title, text) => {
                    let document = Document::new(format!("d{id}"))
                        .title(title).text(text).docid(format!("docid {}", id % 7))
                        .tag(if id % 2 == 0 { "even" } else { "odd" });
                    live.insert(document.id.clone(), document.clone());
                    writer.add(document).unwrap();
                }
                Step::Delete(id) => {
                    live.remove(&format!("d{id}"));
                    writer.delete(&format!("d{id}")).unwrap();
                }
                Step::Commit => {
                    writer.commit().unwrap();
                }
                Step::Merge => {
                    writer.commit().unwrap();
                    drop(writer);
                    let scattered = index.snapshot();
                    index.merge().unwrap();
                    for query in &queries {
                        prop_assert_eq!(
                            scattered.lexical(query, 99).unwrap(),
                            index.snapshot().lexical(query, 99).unwrap(),
                            "not in the last bit"
                        );
                    }
                    writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
                }
            }
        }
        writer.commit().unwrap();
        let snapshot = index.snapshot();
        for query in &queries {
            let expected = by_hand(&live, &params, query);
            let found = snapshot.lexical(query, 99).unwrap();
            assert_close(&found, &expected, 1e-6);
            prop_assert!(found.is_sorted_by(|a, b| a.1 > b.1 || (a.1 == b.1 && a.0 < b.0)));
            prop_assert_eq!(&snapshot.lexical(query, k).unwrap()[..], &found[..k.min(found.len())]);
            let even: Vec<_> = found.into_iter().filter(|(id, _)| live[id].tags == ["even"]).collect();
            let options = SearchOptions::new()
                .k(99)
                .mode(Mode::Lexical)
                .filter(Filter::tag("even"));
            let hits = snapshot.search_encoded(query, &Vec::new().into(), &options).unwrap().hits;
            let hits: Vec<_> = hits.into_iter().map(|hit| (hit.id, hit.score)).collect();
            prop_assert_eq!(hits, even);
        }
    }
}

/// Documents that bring no docids, so that they get keywords by the corpus statistics.
fn without_docids(number: u64) -> Document {
    let mut document = document(number);
    document.docids.clear();
    document
}

#[test]
fn docids_weigh_words_by_all_live_documents() {
    for lexicon in [
        LexiconParams::default(),
        LexiconParams {
            stop_words: false,
            ..LexiconParams::default()
        },
    ] {
        let index = index_with(lexicon);
        let mut live: BTreeMap<String, Document> = BTreeMap::new();
        for batch in 0..6u64 {
            let new: Vec<Document> = (batch * 12..(batch + 1) * 12).map(without_docids).collect();
            let mut writer = index.writer().unwrap().merge_policy(if batch == 4 {
                MergePolicy::Everything
            } else {
                MergePolicy::Never
            });
            for number in (0..batch * 12).filter(|number| number % 6 == batch) {
                writer.delete(&format!("doc-{number}")).unwrap();
                live.remove(&format!("doc-{number}"));
            }
            for document in &new {
                writer.add(document.clone()).unwrap();
                live.insert(document.id.clone(), document.clone());
            }
            writer.commit().unwrap();
            let mut stats = TermStats::new();
            live.values().for_each(|document| stats.add(document));
            let params = index.snapshot().params().docids.clone();
            let docid_options = DocidOptions {
                words: params.words,
                per_document: params.per_document,
            };
            for document in &new {
                let stored = index.snapshot().document(&document.id).unwrap().unwrap();
                let expected = keyword_docids(document, &stats, &docid_options);
                assert_eq!(stored.docids, expected, "{}", document.id);
            }
        }
    }
}

#[test]
fn training_sees_the_same_statistics_however_they_were_collected() {
    // Without stop words the lexicon does not know the terms of docids, and texts are read.
    let trained = |stop_words| {
        let index = index_with(LexiconParams {
            stop_words,
            ..LexiconParams::default()
        });
        add(&index, (0..40).map(without_docids));
        add(&index, (40..60).map(without_docids));
        let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
        (0..60).step_by(7).for_each(|number| {
            writer.delete(&format!("doc-{number}")).unwrap();
        });
        let train = TrainOptions::default();
        writer.commit_with(Some(&train), &mut |_| {}).unwrap();
        let snapshot = index.snapshot();
        snapshot.params().training.clone().unwrap()
    };
    assert_eq!(trained(true), trained(false));
}

/// One document for each writing, and a query: found both ways, and nothing else is.
#[test]
fn a_word_is_found_however_it_is_written() {
    let pairs = [
        ("financial", "the \u{fb01}nancial report"),
        ("office", "an o\u{fb03}ce"),
        ("information", "infor\u{ad}mation"),
        ("retrieval", "retri\u{ad}\n  eval"),
        ("zerowidth", "zero\u{200b}width"),
        ("joiner", "join\u{200d}er"),
        ("keyboard", "ｋｅｙｂｏａｒｄ"),
        ("piñata", "pin\u{303}ata"),
        ("Zürich", "Zu\u{308}rich"),
        ("Straße", "STRASSE"),
        ("σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("istanbul", "İSTANBUL"),
        ("Diyarbakır", "DIYARBAKIR"),
        ("créme", "CREME"),
        ("œuvre", "oeuvre"),
        ("1299", "costs 1,299"),
        ("84299.00", "84.299,00"),
        ("73299", "73\u{202f}299"),
        ("1.2.3", "version v1.2.3"),
        ("hôpital", "l'hôpital"),
        ("école", "l’école"),
        ("accord", "d\u{b4}accord"),
        ("O'Brien", "O’Brien"),
        ("IL-6", "IL\u{2011}6"),
        ("H2O", "H₂O"),
        ("CO2", "CO²"),
        ("XIV", "ⅩⅣ"),
        ("17", "⑰"),
        ("كتاب", "كِتـَاب"),
        ("שלום", "שָׁלוֹם"),
        ("ガラス", "ｶﾞﾗｽ"),
        ("한글", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}"),
        ("2024", "٢٠٢٤"),
        ("ภาษา", "ภา\u{200b}ษา"),
        ("молоко", "молоко\u{301}"),
        ("🚀", "🚀\u{fe0f}"),
        ("👍", "👍🏽"),
        ("❤", "❤\u{fe0f}"),
    ];
    let documents = pairs.iter().enumerate().flat_map(|(number, (one, other))| {
        [(one, "a"), (other, "b")].map(|(text, kind)| {
            Document::new(format!("{number:02}{kind}"))
                .text(*text)
                .docid("some docid")
        })
    });
    let index = index_with(LexiconParams::default());
    add(&index, documents);
    let snapshot = index.snapshot();
    for (number, (one, other)) in pairs.iter().enumerate() {
        for query in [one, other] {
            let hits = snapshot.lexical(query, 99).unwrap();
            let found: BTreeSet<String> = hits.into_iter().map(|(id, _)| id).collect();
            for kind in ["a", "b"] {
                let id = format!("{number:02}{kind}");
                assert!(
                    found.contains(&id),
                    "{query:?} does not find {id}: {found:?}"
                );
            }
            assert_eq!(found.len(), 2, "{query:?}: {found:?}");
        }
    }
}

#[test]
fn single_characters_pictures_and_function_words_are_found() {
    let texts = [
        ("zh", "机器学习是人工智能的分支"),
        ("ja", "猫がいるカメラ"),
        ("space", "an astronaut 👩\u{200d}🚀 waves"),
        ("hamlet", "to be or not to be, that is the question"),
        ("band", "the Who played"),
        ("language", "programs in C"),
        ("plain", "gardening with tulips"),
    ];
    let index = index_with(LexiconParams::default());
    let document = |(id, text): (&str, &str)| Document::new(id).text(text).docid("some docid");
    add(&index, texts.map(document));
    let snapshot = index.snapshot();
    for (query, expected) in [
        ("习", "zh"),
        ("机", "zh"),
        ("が", "ja"),
        ("メ", "ja"),
        ("猫", "ja"),
        ("🚀", "space"),
        ("👩\u{200d}🚀", "space"),
        ("to be or not to be", "hamlet"),
        ("the who", "band"),
        ("C", "language"),
        ("the tulips", "plain"),
    ] {
        let hits = snapshot.lexical(query, 9).unwrap();
        assert_eq!(
            hits.first().map(|hit| hit.0.as_str()),
            Some(expected),
            "{query}"
        );
    }
    // Beside other words, function words decide nothing.
    assert_eq!(snapshot.lexical("the tulips", 9).unwrap().len(), 1);
}

/// Writes a commit with other parameters.
fn change_params(path: &Path, change: impl FnOnce(&mut Value)) {
    let store = Store::open(path).unwrap();
    let transaction = store.begin().unwrap();
    let mut manifest = transaction.base().clone();
    let mut params = serde_json::from_slice(&manifest.params).unwrap();
    change(&mut params);
    manifest.params = params.to_string().into_bytes();
    transaction.commit(manifest).unwrap();
}

/// ZF-PA-03.
#[test]
fn an_index_by_other_rules_is_refused_and_recovered_by_those_of_this_version() {
    let folder = tempfile::tempdir().unwrap();
    let sound = folder.path().join("sound.zgr");
    let unstemmed = LexiconParams {
        stemming: false,
        ..LexiconParams::default()
    };
    let index = Index::create(&sound, options().lexicon(unstemmed.clone())).unwrap();
    add(
        &index,
        (0..30).map(|number| match number % 3 {
            0 => document(number).text("the heating of wings"),
            _ => document(number),
        }),
    );
    let mut writer = index.writer().unwrap();
    assert!(writer.delete("doc-4").unwrap());
    writer.commit().unwrap();
    drop((writer, index));
    let mut live: BTreeMap<String, Document> = BTreeMap::new();
    let documents = Documents::open(&sound).unwrap();
    let mut collect = |document: Document| {
        live.insert(document.id.clone(), document);
        Ok(())
    };
    assert!(documents.for_each(&mut collect).unwrap().is_empty());
    drop(documents);

    let other_number: fn(&mut Value) = |params| params["lexicon"]["analysis"] = 1.into();
    let other_rules: fn(&mut Value) = |params| {
        params["lexicon"]["analysis"] = 3.into();
        params["lexicon"]["stemming"] = true.into();
    };
    let no_rules: fn(&mut Value) = |params| {
        params.as_object_mut().unwrap().remove("lexicon").unwrap();
    };
    let nothing: fn(&mut Value) = |params| *params = Value::Null;
    let changes = [
        (other_number, unstemmed),
        (other_rules, LexiconParams::default()),
        (no_rules, LexiconParams::default()),
        (nothing, LexiconParams::default()),
    ];
    for (number, (change, expected)) in changes.into_iter().enumerate() {
        let other = folder.path().join(format!("other-{number}.zgr"));
        std::fs::copy(&sound, &other).unwrap();
        change_params(&other, change);
        let open = OpenOptions::new().encoder(encoder());
        let error = Index::open_with(&other, open.clone()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnsupportedVersion, "{error}");
        assert!(error.to_string().contains("zerogr list"), "{error}");
        assert!(!check(&other, VerifyLevel::Full).unwrap().is_ok());
        let documents = Documents::open(&other).unwrap();
        let document = documents.get("doc-3").unwrap().unwrap();
        assert_eq!(document, live["doc-3"]);

        let saved = folder.path().join(format!("saved-{number}.zgr"));
        let report = recover_with(&other, &saved, &open).unwrap();
        assert!(report.is_complete(), "{report:?}");
        let snapshot = reopen(&saved).snapshot();
        assert_eq!(snapshot.params().lexicon, expected);
        for query in ["wings", "wing", "heat memories", "the"] {
            let expected = by_hand(&live, &expected, query);
            assert_close(&snapshot.lexical(query, 99).unwrap(), &expected, 1e-6);
        }
    }
}

#[test]
fn documents_of_function_words_alone_are_found_by_them() {
    // ZF-SC-05: the mean length is 0.
    for (k1, b) in [(0.9, 0.4), (1.2, 0.0), (100.0, 1.0)] {
        let params = LexiconParams {
            k1,
            b,
            ..LexiconParams::default()
        };
        let index = index_with(params.clone());
        let texts = ["the who", "who is who", ""];
        let documents: Vec<Document> = texts
            .iter()
            .enumerate()
            .map(|(number, text)| Document::new(format!("d{number}")).text(*text).docid("one"))
            .collect();
        add(&index, documents.clone());
        let documents = documents.into_iter().map(|one| (one.id.clone(), one));
        let expected = by_hand(&documents.collect(), &params, "who");
        assert_eq!(expected.len(), 2);
        let found = index.snapshot().lexical("who", 9).unwrap();
        assert_close(&found, &expected, 1e-6);
    }
}

#[test]
fn an_index_by_other_rules_is_not_made() {
    let other = LexiconParams {
        analysis: 1,
        ..LexiconParams::default()
    };
    let backend = Arc::new(MemoryBackend::default());
    let error = Index::create_on(backend, options().lexicon(other)).unwrap_err();
    assert!(error.is_invalid_input(), "{error}");
    assert!(error.to_string().contains("lexicon.analysis"), "{error}");
}

/// Changes a bit in the middle of a section of the first segment.
fn damage(path: &Path, kind: u16) {
    let store = Store::open(path).unwrap();
    let extent = store.extent(&store.manifest().segments[0].segment).unwrap();
    let info = extent.sections().find(|info| info.kind.0 == kind).unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    bytes[(info.off_bytes + info.len_bytes / 2) as usize] ^= 4;
    drop((extent, store));
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_commit_reads_no_stored_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    let index = Index::create(&path, options()).unwrap();
    add(&index, (0..30).map(without_docids));
    drop(index);
    // Texts that cannot be read are not missed.
    damage(&path, 0x0305);
    let index = reopen(&path);
    assert!(index.snapshot().document("doc-3").unwrap_err().is_corrupt());
    add(&index, (30..40).map(without_docids));
    assert_eq!(index.snapshot().document_count(), 40);
}

#[test]
fn a_damaged_lexicon_loses_no_document_and_is_built_anew() {
    for kind in [0x0401, 0x0402, 0x0403] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zgr");
        let index = Index::create(&path, options()).unwrap();
        add(&index, (0..30).map(document));
        let expected = index.snapshot().lexical("wing heat", 99).unwrap();
        drop(index);
        damage(&path, kind);

        let open = OpenOptions::new().encoder(encoder());
        assert!(Index::open_with(&path, open).unwrap_err().is_corrupt());
        let report = check(&path, VerifyLevel::Full).unwrap();
        assert_eq!(report.at_risk.len(), 1);
        assert!(report.at_risk[0].documents.is_empty(), "{report:?}");
        let saved = folder.path().join("b.zgr");
        assert_eq!(recover(&path, &saved).unwrap().documents, 30);
        let found = reopen(&saved).snapshot().lexical("wing heat", 99).unwrap();
        assert_eq!(found, expected);
    }
}
