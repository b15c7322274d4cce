//! Document expansion: the words of written queries are searched beside those of the texts.

use std::collections::BTreeMap;

use crate::support::corpus::{document, empty, encoder, options, queries, reopen};
use crate::support::generator::{StandIn, document_in};
use zerogr::raw::format::SectionKind;
use zerogr::raw::generate::language::{LanguageQueryOptions, PromptStyle};
use zerogr::raw::store::{Store, VerifyLevel};
use zerogr::{
    Document, ErrorKind, Index, MergePolicy, Mode, OpenOptions, SearchOptions, TrainOptions, check,
    recover,
};

/// Writes for a document what it says of itself, and a word of its own that no text has.
fn write(index: &Index) {
    let model = StandIn::new(|prompt: &str, sample| {
        let words: Vec<&str> = document_in(prompt).split_whitespace().collect();
        format!(
            "asked about {} {}",
            words[2 + sample],
            words[2].len() + words[3].len()
        )
    });
    let mut options = LanguageQueryOptions::new(PromptStyle::FewShot, "Find.", 0).unwrap();
    options.per_document = 3;
    index.write_queries(&model, &options, &mut |_| {}).unwrap();
}

fn add(index: &Index, numbers: std::ops::Range<u64>) {
    let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
    numbers.for_each(|number| writer.add(document(number)).unwrap());
    writer.commit().unwrap();
}

fn scores(index: &Index, query: &str) -> BTreeMap<String, f64> {
    let found = index.snapshot().lexical(query, usize::MAX).unwrap();
    found.into_iter().collect()
}

/// Some queries of the corpus, and one in words that only written queries have.
fn asked() -> Vec<String> {
    let mut asked = queries();
    asked.push("what is asked about 9".into());
    asked
}

/// The same to the last bit.
#[track_caller]
fn assert_same(a: &Index, b: &Index) {
    for query in asked() {
        assert_eq!(scores(a, &query), scores(b, &query), "{query}");
        for mode in [Mode::Planned, Mode::Fusion] {
            let options = SearchOptions::new().mode(mode).k(10);
            let ids = |index: &Index| -> Vec<String> {
                let hits = index.search(&query, &options).unwrap().hits;
                hits.into_iter().map(|hit| hit.id).collect()
            };
            assert_eq!(ids(a), ids(b), "{mode:?} {query}");
        }
    }
}

/// BM25 of the texts, and that of an index whose documents are the written queries.
#[test]
fn scores_are_those_of_texts_and_weighed_ones_of_queries() {
    let index = empty();
    add(&index, 0..30);
    add(&index, 30..50);
    write(&index);
    let (of_texts, of_queries) = (empty(), empty());
    add(&of_texts, 0..50);
    let mut writer = of_queries.writer().unwrap();
    for number in 0..50 {
        let id = format!("doc-{number}");
        let queries = index.queries_of(&id).unwrap();
        writer
            .add(Document::new(id).text(queries.join("\n")).docid("any"))
            .unwrap();
    }
    writer.commit().unwrap();
    for weight in [0.5, 2.0, 0.0] {
        index.set_expansion_weight(weight).unwrap();
        for query in asked() {
            let mut expected = scores(&of_texts, &query);
            for (id, score) in scores(&of_queries, &query) {
                if weight > 0.0 {
                    *expected.entry(id).or_default() += weight * score;
                }
            }
            let found = scores(&index, &query);
            assert!(found.keys().eq(expected.keys()), "{weight} {query}");
            for (id, score) in found {
                assert!(
                    (score - expected[&id]).abs() < 1e-9,
                    "{weight} {query} {id}"
                );
            }
        }
    }
}

#[test]
fn what_only_a_query_says_finds_its_document() {
    let index = empty();
    add(&index, 0..40);
    write(&index);
    let ask = |mode| {
        let options = SearchOptions::new().mode(mode).k(5);
        index.search("asked", &options).unwrap().hits.len()
    };
    assert_eq!(ask(Mode::Lexical), 0);
    index.set_expansion_weight(0.3).unwrap();
    assert_eq!(ask(Mode::Lexical), 5);
    assert_eq!(ask(Mode::Planned), 5);
    let options = SearchOptions::new().mode(Mode::Planned).explain(true);
    let hits = index.search("asked", &options).unwrap().hits;
    let explanation = hits[0].explanation.as_ref().unwrap();
    assert_eq!(explanation.matched_terms[0].term, "ask");
}

#[test]
fn where_it_is_stored_changes_no_score() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    let index = Index::create(&path, options()).unwrap();
    add(&index, 0..30);
    add(&index, 30..50);
    write(&index);
    index.set_expansion_weight(0.3).unwrap();
    // Without queries.
    add(&index, 50..60);
    let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
    for number in (0..50).step_by(4) {
        writer.delete(&format!("doc-{number}")).unwrap();
    }
    writer.commit().unwrap();
    drop(writer);

    let whole = folder.path().join("b.zgr");
    index.backup(&whole).unwrap();
    let whole = reopen(&whole);
    whole.merge().unwrap();
    assert_same(&index, &whole);
    whole.vacuum().unwrap();
    assert_same(&index, &whole);
    index.vacuum().unwrap();
    assert_same(&index, &whole);
    drop(index);
    let index = reopen(&path);
    assert_same(&index, &whole);
    assert!(check(&path, VerifyLevel::Full).unwrap().is_ok());

    let saved = folder.path().join("c.zgr");
    assert!(recover(&path, &saved).unwrap().is_complete());
    assert_same(&index, &reopen(&saved));
    // Queries that are written later are searched too.
    write(&index);
    let with = scores(&index, "asked");
    assert!((50..60).all(|number| with.contains_key(&format!("doc-{number}"))));
    // And training changes heads alone.
    index.train(&TrainOptions::default(), &mut |_| {}).unwrap();
    assert_eq!(scores(&index, "asked"), with);
}

#[test]
fn it_can_be_turned_off_and_on() {
    let (index, plain) = (empty(), empty());
    for one in [&index, &plain] {
        add(one, 0..40);
        write(one);
    }
    index.set_expansion_weight(0.3).unwrap();
    let expanded = scores(&index, "asked");
    assert!(!expanded.is_empty());
    let before = index.snapshot();
    index.set_expansion_weight(0.0).unwrap();
    assert_same(&index, &plain);
    assert!(index.snapshot().lexical("asked", 1).unwrap().is_empty());
    // Whoever has a snapshot keeps what it had.
    assert_eq!(
        before.lexical("asked", usize::MAX).unwrap().len(),
        expanded.len()
    );
    index.set_expansion_weight(0.3).unwrap();
    assert_eq!(scores(&index, "asked"), expanded);
}

#[test]
fn weights_that_are_none_are_refused() {
    let index = empty();
    add(&index, 0..3);
    let generation = index.snapshot().generation();
    for weight in [-0.1, f64::NAN, f64::INFINITY] {
        let error = index.set_expansion_weight(weight).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
    assert_eq!(index.snapshot().generation(), generation);
    // Without written queries there is nothing to search, and that is no error.
    index.set_expansion_weight(0.3).unwrap();
    assert!(index.snapshot().lexical("asked", 1).unwrap().is_empty());
}

/// A flipped bit in written queries or in their words is found, and recovery saves all documents,
/// without the queries.
#[test]
fn damage_loses_the_words_and_no_document() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    let index = Index::create(&path, options()).unwrap();
    add(&index, 0..40);
    let texts = scores(&index, "wing flutter");
    write(&index);
    index.set_expansion_weight(0.3).unwrap();
    drop(index);
    let sound = std::fs::read(&path).unwrap();
    let [of_texts, of_postings] = [SectionKind(0x0502), SectionKind(0x0506)].map(|kind| {
        let store = Store::open(&path).unwrap();
        let queries = store.manifest().segments[0].pseudo_queries.unwrap();
        let extent = store.extent(&queries).unwrap();
        let info = extent.sections().find(|info| info.kind == kind).unwrap();
        info.off_bytes as usize
    });
    for at in [of_texts, of_postings] {
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let opened = Index::open_with(&path, OpenOptions::new().encoder(encoder()));
        // A search reads the words alone.
        match at == of_postings {
            true => assert!(opened.unwrap_err().is_corrupt()),
            false => assert!(opened.is_ok()),
        }
        assert!(!check(&path, VerifyLevel::Full).unwrap().is_ok());
        let saved = folder.path().join(format!("saved-{at}.zgr"));
        let report = recover(&path, &saved).unwrap();
        assert_eq!(report.documents, 40);
        assert!(report.notes.iter().any(|note| note.contains("wrote")));
        let saved = reopen(&saved);
        assert_eq!(saved.written_queries(), (0, 0));
        assert_eq!(scores(&saved, "wing flutter"), texts);
    }
}
