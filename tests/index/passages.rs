//! Long documents, found by passage.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::support::encoder::HashingEncoder;
use zerogr::{
    Document, EncoderSource, Hit, Index, IndexOptions, Mode, OpenOptions, PassageParams,
    SearchOptions, TrainOptions, VerifyLevel, check, recover_with,
};

/// Small enough that a few sentences are a document of several passages.
const SIZE: PassageParams = PassageParams {
    whole_tokens: 40,
    max_tokens: 20,
};

const MODES: [Mode; 5] = [
    Mode::Planned,
    Mode::Generative,
    Mode::Lexical,
    Mode::Dense,
    Mode::Fusion,
];

fn encoder() -> Arc<HashingEncoder> {
    Arc::new(HashingEncoder {
        dim: 1024,
        ..HashingEncoder::named("hashing-passages")
    })
}

fn options(size: Option<PassageParams>) -> IndexOptions {
    IndexOptions::with_encoder(EncoderSource::Custom(encoder()))
        .passages(size)
        .file_seed(3)
}

/// Sentences about one thing each: `thing` names it, the number tells sentences apart.
fn long_text(thing: &str, sentences: usize) -> String {
    let sentence = |number: usize| {
        format!("Here the {thing} of part{number} meets detail{number} and remark{number}.")
    };
    (0..sentences).map(sentence).collect::<Vec<_>>().join(" ")
}

fn documents() -> Vec<Document> {
    let mut all: Vec<Document> = ["wing", "river", "yeast", "clock"]
        .iter()
        .map(|thing| {
            Document::new(*thing)
                .title(format!("The {thing}"))
                .text(long_text(thing, 12))
        })
        .collect();
    all.push(
        Document::new("short")
            .title("Note")
            .text("A short remark about salmon."),
    );
    all.push(Document::new("empty").title("Only a title"));
    all
}

fn built(path: &Path, size: Option<PassageParams>, documents: Vec<Document>) -> Index {
    let index = Index::create(path, options(size)).unwrap();
    let mut writer = index.writer().unwrap();
    for document in documents {
        writer.add(document).unwrap();
    }
    writer.commit().unwrap();
    index
}

fn search(index: &Index, query: &str, options: &SearchOptions) -> Vec<Hit> {
    index.search(query, options).unwrap().hits
}

fn text_of(index: &Index, id: &str) -> String {
    index.snapshot().document(id).unwrap().unwrap().text
}

#[test]
fn a_hit_names_the_place_that_answers() {
    let folder = tempfile::tempdir().unwrap();
    let index = built(&folder.path().join("a.zgr"), Some(SIZE), documents());
    for mode in MODES {
        let options = SearchOptions::new().mode(mode).passages_per_document(2);
        let hits = search(&index, "yeast detail9 remark9", &options);
        let hit = &hits[0];
        assert_eq!(hit.id, "yeast", "{mode:?}");
        let text = text_of(&index, "yeast");
        let place = &hit.passages[0];
        assert!(
            text[place.bytes.clone()].contains("detail9"),
            "{mode:?}: {place:?}"
        );
        let chars: String = text
            .chars()
            .take(place.chars.end)
            .skip(place.chars.start)
            .collect();
        assert_eq!(chars, text[place.bytes.clone()]);
        for hit in &hits {
            assert!(hit.passages.len() <= 2, "{mode:?}");
            assert!(hit.passages.is_sorted_by(|a, b| a.score >= b.score));
            let starts: BTreeSet<usize> = hit.passages.iter().map(|one| one.bytes.start).collect();
            assert_eq!(starts.len(), hit.passages.len(), "each place once");
        }
        let short = search(&index, "salmon remark", &options);
        assert_eq!(short[0].id, "short", "{mode:?}");
        assert!(short[0].passages.is_empty(), "all of it");
    }
}

#[test]
fn a_document_comes_once_and_k_of_them_while_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let index = built(&folder.path().join("a.zgr"), Some(SIZE), documents());
    for mode in MODES {
        // One passage is drawn to begin with, and all of "wing" are alike.
        let options = SearchOptions::new().mode(mode);
        let options = match mode {
            Mode::Generative | Mode::Planned => options.draws(1),
            _ => options,
        };
        for k in 1..=6 {
            let hits = search(&index, "the wing meets a remark", &options.clone().k(k));
            let ids: BTreeSet<&str> = hits.iter().map(|hit| hit.id.as_str()).collect();
            assert_eq!(ids.len(), hits.len(), "{mode:?}: a document came twice");
            // Two documents have none of the words, and BM25 finds no others.
            let most = if mode == Mode::Lexical { 5 } else { 6 };
            assert_eq!(hits.len(), k.min(most), "{mode:?}");
        }
    }
}

#[test]
fn words_of_a_document_weigh_as_if_it_were_whole() {
    let folder = tempfile::tempdir().unwrap();
    let cut = built(&folder.path().join("cut.zgr"), Some(SIZE), documents());
    let whole = built(&folder.path().join("whole.zgr"), None, documents());
    for query in [
        "yeast",
        "the wing of part3",
        "remark2 detail11",
        "salmon",
        "title",
    ] {
        let scores = |index: &Index| index.snapshot().lexical(query, 10).unwrap();
        assert_eq!(scores(&cut), scores(&whole), "{query}");
    }
}

/// The best passage of each document, found by encoding every passage that hits name.
#[test]
fn the_cosine_of_a_document_is_that_of_its_best_passage() {
    let folder = tempfile::tempdir().unwrap();
    let index = built(&folder.path().join("a.zgr"), Some(SIZE), documents());
    let query = "river part7 remark7";
    let all = SearchOptions::new()
        .mode(Mode::Dense)
        .passages_per_document(100);
    let encoder = encoder();
    let vector = encoder.vector(query, 256);
    for hit in search(&index, query, &all) {
        let document = index.snapshot().document(&hit.id).unwrap().unwrap();
        let parts: Vec<String> = match hit.passages.as_slice() {
            [] => vec![format!("{} {}", document.title, document.text)],
            places => places
                .iter()
                .map(|place| format!("{} {}", document.title, &document.text[place.bytes.clone()]))
                .collect(),
        };
        let cosine = |text: &String| {
            let other = encoder.vector(text.trim(), 256);
            vector.iter().zip(&other).map(|(a, b)| a * b).sum::<f32>()
        };
        let best = parts.iter().map(cosine).fold(f32::MIN, f32::max);
        assert!((hit.score as f32 - best).abs() < 2e-3, "{hit:?}: {best}");
        // Together the places are the text.
        let joined: usize = hit.passages.iter().map(|place| place.bytes.len()).sum();
        if !hit.passages.is_empty() {
            let spaces = hit.passages.len() - 1;
            assert_eq!(joined + spaces, document.text.len());
        }
    }
}

fn assert_same_answers(a: &Index, b: &Index, what: &str) {
    for mode in MODES {
        for query in ["yeast detail9", "wing part3 remark3", "salmon", "clock"] {
            let options = SearchOptions::new().mode(mode);
            let names = |index: &Index| -> Vec<(String, Vec<std::ops::Range<usize>>)> {
                let hits = search(index, query, &options).into_iter();
                let places = |hit: &Hit| hit.passages.iter().map(|one| one.bytes.clone()).collect();
                hits.map(|hit| (hit.id.clone(), places(&hit))).collect()
            };
            assert_eq!(names(a), names(b), "{what}: {mode:?} {query}");
        }
    }
}

#[test]
fn a_document_is_deleted_replaced_merged_and_vacuumed_with_its_passages() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    let index = built(&path, Some(SIZE), documents());
    let mut writer = index.writer().unwrap();
    writer.delete("wing").unwrap();
    writer
        .add(
            Document::new("river")
                .title("The river")
                .text(long_text("delta", 9)),
        )
        .unwrap();
    writer.commit().unwrap();
    for mode in MODES {
        let options = SearchOptions::new().mode(mode);
        let hits = search(&index, "wing part3 detail3", &options);
        assert!(hits.iter().all(|hit| hit.id != "wing"), "{mode:?}");
        assert_eq!(
            search(&index, "delta detail8 remark8", &options)[0].id,
            "river"
        );
    }
    // What is left, in one go.
    let mut left = documents();
    left.retain(|document| document.id != "wing" && document.id != "river");
    left.push(
        Document::new("river")
            .title("The river")
            .text(long_text("delta", 9)),
    );
    let fresh = built(&folder.path().join("fresh.zgr"), Some(SIZE), left);
    writer.merge().unwrap();
    for query in ["yeast detail9", "delta remark8"] {
        let scores = |index: &Index| index.snapshot().lexical(query, 10).unwrap();
        assert_eq!(scores(&index), scores(&fresh));
    }
    drop(writer);
    index.vacuum().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert!(
        !bytes.windows(4).any(|window| window == b"wing"),
        "a word of what was deleted"
    );
    assert!(check(&path, VerifyLevel::Full).unwrap().is_ok());
    let open = OpenOptions::new().encoder(encoder());
    let reopened = Index::open_with(&path, open).unwrap();
    assert_same_answers(&index, &reopened, "reopened");
}

#[test]
fn training_learns_passages_and_finds_what_it_found() {
    let folder = tempfile::tempdir().unwrap();
    let index = built(&folder.path().join("a.zgr"), Some(SIZE), documents());
    let mut writer = index.writer().unwrap();
    let report = writer.train(&TrainOptions::default(), &mut |_| {}).unwrap();
    let record = index.snapshot().params().training.clone().unwrap();
    assert!(
        record.documents > 20,
        "passages are learnt: {record:?} {report:?}"
    );
    for mode in [Mode::Planned, Mode::Generative] {
        let hits = search(
            &index,
            "clock detail4 remark4",
            &SearchOptions::new().mode(mode),
        );
        assert_eq!(hits[0].id, "clock");
        if mode == Mode::Planned {
            let place = hits[0].passages[0].bytes.clone();
            assert!(text_of(&index, "clock")[place].contains("detail4"));
        }
    }
    // There is nothing new, so nothing is learnt again.
    writer.train(&TrainOptions::default(), &mut |_| {}).unwrap();
    assert_eq!(index.snapshot().params().training.clone().unwrap(), record);
}

#[test]
fn recovery_cuts_and_encodes_what_is_lost_and_keeps_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    let index = built(&path, Some(SIZE), documents());
    let sound = std::fs::read(&path).unwrap();
    let open = OpenOptions::new().encoder(encoder());
    let target = folder.path().join("saved.zgr");
    // Somewhere in every section, one after the other.
    for at in (8192..sound.len()).step_by(sound.len() / 60) {
        let mut bytes = sound.clone();
        bytes[at] ^= 4;
        std::fs::write(&path, &bytes).unwrap();
        recover_with(&path, &target, &open).unwrap();
        assert!(
            check(&target, VerifyLevel::Full).unwrap().is_ok(),
            "byte {at}"
        );
        let saved = Index::open_with(&target, open.clone()).unwrap();
        for document in documents() {
            let found = saved.snapshot().document(&document.id).unwrap().unwrap();
            assert_eq!(found.text, document.text, "byte {at}");
        }
        let hits = search(&saved, "yeast detail9 remark9", &SearchOptions::new());
        assert_eq!(hits[0].id, "yeast", "byte {at}");
        assert!(text_of(&saved, "yeast")[hits[0].passages[0].bytes.clone()].contains("detail9"));
        drop(saved);
        std::fs::remove_file(&target).unwrap();
    }
    drop(index);
}

#[test]
fn docids_that_a_document_brings_are_those_of_all_its_passages() {
    let folder = tempfile::tempdir().unwrap();
    let given = Document::new("wing")
        .text(long_text("wing", 12))
        .docid("slender wing");
    let index = built(
        &folder.path().join("a.zgr"),
        Some(SIZE),
        vec![given, documents().remove(1)],
    );
    let snapshot = index.snapshot();
    assert_eq!(
        snapshot.document("wing").unwrap().unwrap().docids,
        ["slender wing"]
    );
    assert!(
        snapshot
            .document("river")
            .unwrap()
            .unwrap()
            .docids
            .is_empty(),
        "each passage has its own"
    );
    let hits = search(&index, "wing detail5 remark5", &SearchOptions::new());
    assert_eq!(
        (hits[0].id.as_str(), hits[0].docid.as_str()),
        ("wing", "slender wing")
    );
    assert!(text_of(&index, "wing")[hits[0].passages[0].bytes.clone()].contains("detail5"));
}

#[test]
fn a_docid_of_one_long_document_is_not_shared() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::create(folder.path().join("a.zgr"), options(Some(SIZE))).unwrap();
    let mut writer = index.writer().unwrap();
    let long = |id: &str| {
        let text = long_text(id, 12);
        Document::new(id).text(text).docid("annual report")
    };
    writer.add(long("wing")).unwrap();
    let report = writer.commit().unwrap();
    assert_eq!((report.docids, report.colliding_docids), (1, 0));
    assert!(report.passages > 5, "{report:?}");
    for id in ["river", "clock"] {
        writer.add(long(id).docid(id)).unwrap();
    }
    let report = writer.commit().unwrap();
    assert_eq!((report.docids, report.colliding_docids), (3, 1));
}

#[test]
fn headings_are_told_and_found_by() {
    let folder = tempfile::tempdir().unwrap();
    let section = |name: &str, thing: &str| format!("## {name}\n\n{}\n\n", long_text(thing, 4));
    let text = format!(
        "# Manual\n\n{}{}",
        section("Installing", "step"),
        section("Watering", "can")
    );
    let manual = Document::new("guide/manual.md").text(text);
    let mut all = documents();
    all.push(manual);
    let index = built(&folder.path().join("a.zgr"), Some(SIZE), all);
    let hits = search(
        &index,
        "watering remark2 detail2 can",
        &SearchOptions::new(),
    );
    assert_eq!(hits[0].id, "guide/manual.md");
    assert_eq!(hits[0].passages[0].headings, ["Manual", "Watering"]);
}

#[test]
fn a_table_stays_whole() {
    let folder = tempfile::tempdir().unwrap();
    let rows = (0..60).map(|row| format!("{row} | city{row} | {}\n", row * 7));
    let table = format!("Rank | City | People\n{}", rows.collect::<String>());
    let document = Document::new("cities").text(table);
    let index = built(&folder.path().join("a.zgr"), Some(SIZE), vec![document]);
    let hits = search(&index, "city41", &SearchOptions::new());
    assert_eq!(hits[0].id, "cities");
    assert!(hits[0].passages.is_empty());
}
