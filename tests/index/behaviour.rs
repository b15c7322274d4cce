//! Building, changing, reopening and searching an index, with an encoder that needs no runtime.

use std::path::Path;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::support::encoder::{Encoded, HashingEncoder, Intercepted};
use zerogr::{
    Document, EncoderSource, ErrorKind, Index, IndexOptions, Mode, OpenOptions, SearchOptions,
    TrainOptions,
};

fn encoder() -> Arc<HashingEncoder> {
    Arc::new(HashingEncoder::named("hashing-1"))
}

fn options() -> IndexOptions {
    IndexOptions::with_encoder(EncoderSource::Custom(encoder())).file_seed(7)
}

fn documents() -> Vec<Document> {
    let texts = [
        (
            "wing",
            "Slender wings flutter at supersonic speed in the tunnel",
        ),
        (
            "heat",
            "Heat transfer through a turbulent boundary layer on a plate",
        ),
        (
            "shock",
            "A shock wave meets the laminar boundary layer of a cone",
        ),
        ("gene", "Gene expression in yeast under osmotic stress"),
        (
            "brain",
            "Memory consolidation during sleep in the hippocampus",
        ),
        ("fish", "Migration of salmon depends on river temperature"),
    ];
    texts
        .map(|(id, text)| Document::new(id).title(id).text(text))
        .to_vec()
}

fn build(path: &Path, train: Option<&TrainOptions>) -> Index {
    let index = Index::create(path, options()).unwrap();
    let mut writer = index.writer().unwrap();
    for document in documents() {
        writer.add(document).unwrap();
    }
    writer.commit_with(train, &mut |_| {}).unwrap();
    index
}

fn reopen(path: &Path) -> Index {
    Index::open_with(path, OpenOptions::new().encoder(encoder())).unwrap()
}

fn ids(index: &Index, query: &str) -> Vec<String> {
    let result = index
        .search(query, &SearchOptions::new().mode(Mode::Generative))
        .unwrap();
    result.hits.into_iter().map(|hit| hit.id).collect()
}

#[test]
fn a_document_is_found_by_its_words_after_reopening_mapped_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    let built = build(&path, Some(&TrainOptions::default()));
    // SAFETY: nobody else touches the temporary file.
    #[allow(unsafe_code)]
    let mapped = unsafe { Index::open_mmap(&path, OpenOptions::new().encoder(encoder())) }.unwrap();
    for (query, expected) in [
        ("salmon migration river", "fish"),
        ("yeast gene expression", "gene"),
    ] {
        let all = SearchOptions::new().mode(Mode::Generative);
        let hits = built.search(query, &all).unwrap();
        assert_eq!(hits.hits[0].id, expected);
        assert_eq!(hits, reopen(&path).search(query, &all).unwrap());
        assert_eq!(hits, mapped.search(query, &all).unwrap());
    }
}

#[test]
fn equal_seeds_give_equal_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = |name: &str, seed| {
        let path = folder.path().join(name);
        build(&path, Some(&TrainOptions::default().seed(seed)));
        std::fs::read(path).unwrap()
    };
    assert_eq!(bytes("a", 1), bytes("b", 1));
    assert_ne!(bytes("c", 1), bytes("d", 2));
}

#[test]
fn an_index_built_in_many_commits_answers_like_one_built_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let given = |document: Document| {
        let words = document.text.to_lowercase();
        let docid = words.split(' ').take(4).collect::<Vec<_>>().join(" ");
        document.docid(docid)
    };
    let once = Index::create(folder.path().join("once"), options()).unwrap();
    let many = Index::create(folder.path().join("many"), options()).unwrap();
    let mut writer = once.writer().unwrap();
    documents()
        .into_iter()
        .for_each(|document| writer.add(given(document)).unwrap());
    writer.commit().unwrap();
    let mut writer = many.writer().unwrap();
    for document in documents() {
        writer.add(given(document)).unwrap();
        writer.commit().unwrap();
    }
    for query in ["salmon in the river", "boundary layer heat", "sleep"] {
        let drawn = SearchOptions::new().mode(Mode::Generative).rerank(false);
        let (a, b) = (
            once.search(query, &drawn).unwrap(),
            many.search(query, &drawn).unwrap(),
        );
        for (one, other) in a.hits.iter().zip(&b.hits) {
            assert_eq!(one.id, other.id);
            assert!(
                (one.score - other.score).abs() < 0.02,
                "{} {}",
                one.score,
                other.score
            );
        }
    }
}

#[test]
fn the_last_document_with_an_id_wins_and_deleted_ones_stay_away() {
    // ZF-SG-04, ZF-TS-03
    let folder = tempfile::tempdir().unwrap();
    let index = build(&folder.path().join("a.zgr"), None);
    let mut writer = index.writer().unwrap();
    writer
        .add(Document::new("fish").text("first try about volcanoes"))
        .unwrap();
    writer
        .add(Document::new("fish").text("penguins of the antarctic ice"))
        .unwrap();
    assert!(writer.delete("gene").unwrap());
    assert!(!writer.delete("unknown").unwrap());
    let report = writer.commit().unwrap();
    assert_eq!((report.added, report.replaced, report.deleted), (1, 2, 1));
    assert_eq!(index.snapshot().document_count(), 5);
    assert_eq!(ids(&index, "antarctic penguins")[0], "fish");
    let found = ids(&index, "yeast gene expression");
    assert_eq!(found.len(), 5);
    assert!(!found.contains(&"gene".to_owned()));
    assert!(index.snapshot().document("gene").unwrap().is_none());
}

#[test]
fn documents_that_share_a_docid_are_all_retrievable() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::create(folder.path().join("a.zgr"), options()).unwrap();
    let mut writer = index.writer().unwrap();
    for id in ["a", "b", "c"] {
        writer
            .add(Document::new(id).text("same").docid("annual report"))
            .unwrap();
    }
    let report = writer.commit().unwrap();
    assert_eq!((report.docids, report.colliding_docids), (1, 1));
    assert_eq!(ids(&index, "report"), ["a", "b", "c"]);
}

#[test]
fn odd_documents_and_queries_have_defined_results() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::create(folder.path().join("a.zgr"), options()).unwrap();
    assert!(
        ids(&index, "anything").is_empty(),
        "an empty index has no hits"
    );
    let mut writer = index.writer().unwrap();
    writer.add(Document::new("empty")).unwrap();
    writer
        .add(Document::new("stop").text("to be or not to be"))
        .unwrap();
    writer
        .add(Document::new("huge").text("flutter of wings ".repeat(600_000)))
        .unwrap();
    writer
        .add(Document::new("word").text("x".repeat(1 << 20)))
        .unwrap();
    assert!(
        writer
            .add(Document::new(""))
            .unwrap_err()
            .is_invalid_input()
    );
    assert!(
        writer
            .add(Document::new("i".repeat(4097)))
            .unwrap_err()
            .is_invalid_input()
    );
    assert!(
        writer
            .add(Document::new("d").docid(" "))
            .unwrap_err()
            .is_invalid_input()
    );
    let report = writer.commit().unwrap();
    assert!(report.without_terms >= 2);
    let mut found = ids(&index, "flutter");
    found.sort();
    assert_eq!(found, ["empty", "huge", "stop", "word"]);
    assert_eq!(
        index
            .search(" \n", &SearchOptions::new().mode(Mode::Generative))
            .unwrap_err()
            .kind(),
        ErrorKind::InvalidInput
    );
    assert_eq!(ids(&index, &"wing ".repeat(10_000)).len(), 4);
    assert!(
        index
            .search("wing", &SearchOptions::new().mode(Mode::Generative).k(0))
            .unwrap()
            .hits
            .is_empty()
    );
    let long = Document::new("long").docid("word ".repeat(65));
    assert_eq!(writer.add(long).unwrap_err().kind(), ErrorKind::Limit);
}

#[test]
fn another_encoder_or_none_is_refused() {
    // ZF-PA-02
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    build(&path, None);
    let other = Arc::new(HashingEncoder::named("hashing-2"));
    let index = Index::open_with(&path, OpenOptions::new().encoder(other)).unwrap();
    let error = index
        .search("wing", &SearchOptions::new().mode(Mode::Generative))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ModelMismatch);
    assert!(error.to_string().contains("hashing-1") && error.to_string().contains("hashing-2"));
    let none = Index::open(&path)
        .unwrap()
        .search("wing", &SearchOptions::new().mode(Mode::Generative))
        .unwrap_err();
    assert_eq!(none.kind(), ErrorKind::Model);
}

#[test]
fn foreign_and_truncated_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    build(&path, None);
    let bytes = std::fs::read(&path).unwrap();
    for len in (0..bytes.len()).step_by(4096) {
        std::fs::write(&path, &bytes[..len]).unwrap();
        let opened = Index::open_with(&path, OpenOptions::new().encoder(encoder()));
        // An older committed state may be whole; then it is what is opened.
        if let Ok(index) = opened {
            assert_eq!(index.snapshot().document_count(), 0);
        }
    }
    std::fs::write(
        &path,
        "not an index at all, but long enough to be read".repeat(1000),
    )
    .unwrap();
    assert!(Index::open(&path).unwrap_err().is_not_an_index());
}

#[test]
fn eight_queries_are_in_the_model_at_once_and_a_writer_commits_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    build(&path, None);
    // Queries meet in the encoder: each is answered once all are inside.
    let (inside, all_inside) = (Arc::new(Mutex::new(0)), Condvar::new());
    let meeting = Intercepted {
        encoder: *encoder(),
        intercept: {
            let inside = inside.clone();
            move |encoded: Encoded<'_>| {
                if !matches!(encoded, Encoded::Texts(["do we meet?"], _)) {
                    return;
                }
                let mut inside = inside.lock().unwrap();
                *inside += 1;
                all_inside.notify_all();
                let minute = Duration::from_secs(60);
                let (_guard, waited) = all_inside
                    .wait_timeout_while(inside, minute, |inside: &mut i32| *inside < 9)
                    .unwrap();
                assert!(
                    !waited.timed_out(),
                    "a query waits for another's model pass"
                );
            }
        },
    };
    let index = Index::open_with(&path, OpenOptions::new().encoder(Arc::new(meeting))).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| ids(&index, "do we meet?"));
        }
        let mut writer = index.writer().unwrap();
        writer
            .add(Document::new("new").text("Added meanwhile"))
            .unwrap();
        writer.commit().unwrap();
        assert_eq!(index.snapshot().document_count(), 7);
        // Only now may the eight go on.
        ids(&index, "do we meet?");
    });
    assert_eq!(*inside.lock().unwrap(), 9);
}

#[test]
fn threads_search_while_a_writer_commits() {
    let folder = tempfile::tempdir().unwrap();
    let index = build(&folder.path().join("a.zgr"), None);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let found = ids(&index, "salmon migration river");
                    assert!(found.contains(&"fish".to_owned()));
                }
            });
        }
        let mut writer = index.writer().unwrap();
        assert!(index.writer().unwrap_err().is_locked());
        for number in 0..5 {
            writer
                .add(Document::new(format!("n{number}")).text("noise about nothing much"))
                .unwrap();
            writer.commit().unwrap();
        }
    });
    assert_eq!(index.snapshot().document_count(), 11);
}

#[test]
fn what_is_no_vector_is_refused_where_it_comes_in() {
    for (value, of_tokens) in [
        (f32::NAN, false),
        (f32::INFINITY, false),
        (1e39f64 as f32, false),
        (7e4, false),
        (f32::NAN, true),
        (f32::NEG_INFINITY, true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zgr");
        // The first vector of texts, or of tokens, is spoilt after one that is good.
        let good = AtomicIsize::new(1);
        let encoder = Arc::new(Intercepted {
            encoder: HashingEncoder::named("spoilt"),
            intercept: move |encoded: Encoded<'_>| {
                let (is_of_tokens, vectors) = match encoded {
                    Encoded::Texts(_, vectors) => (false, vectors),
                    Encoded::Tokens(vectors) => (true, vectors),
                };
                if is_of_tokens == of_tokens && good.fetch_sub(1, Ordering::Relaxed) <= 0 {
                    vectors[3] = value;
                }
            },
        });
        let options = IndexOptions::with_encoder(EncoderSource::Custom(encoder.clone()));
        let index = Index::create(&path, options).unwrap();
        let mut writer = index.writer().unwrap();
        writer.add(Document::new("a").text("thin wings")).unwrap();
        writer.commit().unwrap();
        writer.add(Document::new("b").text("thick wings")).unwrap();
        let error = writer.commit().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Model, "{value}: {error}");
        assert!(error.to_string().contains("spoilt"), "{error}");
        // A query is no other way in.
        let error = index.search("wings", &SearchOptions::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Model);
        drop((writer, index));
        let index = Index::open_with(&path, OpenOptions::new().encoder(encoder)).unwrap();
        assert_eq!(index.snapshot().document_count(), 1);
    }
}

#[test]
fn options_that_are_no_numbers_are_refused_and_nothing_is_written() {
    let encoder = || EncoderSource::Custom(Arc::new(HashingEncoder::named("hashing")));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    for (k1, b) in [
        (f64::NAN, 0.75),
        (f64::INFINITY, 0.75),
        (-1.0, 0.75),
        (1.2, f64::NAN),
        (1.2, 2.0),
    ] {
        let mut options = IndexOptions::with_encoder(encoder());
        (options.lexicon.k1, options.lexicon.b) = (k1, b);
        let error = Index::create(&path, options).unwrap_err();
        assert!(
            error.is_invalid_input() && error.to_string().contains("lexicon."),
            "{error}"
        );
        assert!(!path.exists());
    }
    let index = Index::create(&path, IndexOptions::with_encoder(encoder())).unwrap();
    let mut writer = index.writer().unwrap();
    for number in 0..20 {
        let text = format!("thin wings number {number}");
        writer
            .add(Document::new(number.to_string()).text(text))
            .unwrap();
    }
    writer.commit().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    type Change = fn(&mut TrainOptions);
    let changes: [Change; 5] = [
        |options| options.learning_rate = f32::NAN,
        |options| options.document_learning_rate = f32::INFINITY,
        |options| options.dropout = f32::NAN,
        |options| options.dropout = 1.0,
        |options| options.document_head_share = -f32::NAN,
    ];
    for change in changes {
        let mut options = TrainOptions::default();
        change(&mut options);
        let error = writer.commit_with(Some(&options), &mut |_| {}).unwrap_err();
        assert!(error.is_invalid_input(), "{error}");
    }
    drop(writer);
    assert!(std::fs::read(&path).unwrap() == bytes);
    let nan = vec![f32::NAN; 64];
    let found = index
        .snapshot()
        .search_vector(&nan, &SearchOptions::new().mode(Mode::Dense));
    assert!(found.unwrap_err().is_invalid_input());
}
