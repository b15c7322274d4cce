//! Learning from judgements: what it may change, and what it must leave alone.

use std::path::Path;
use std::sync::Arc;

use crate::support::encoder::HashingEncoder;
use crate::support::second_reader::read_py;
use zerogr::raw::segment::JudgedPartName;
use zerogr::{
    CancelToken, Document, EncoderSource, ErrorKind, Index, IndexOptions, JudgedOptions,
    JudgedQueries, JudgedReport, OpenOptions, SearchOptions, Stage, TrainOptions, UpgradeOptions,
};

const DOCUMENTS: usize = 12;

/// Queries of each document.
const VARIANTS: usize = 5;

/// All of them.
const QUERIES: u64 = (DOCUMENTS * VARIANTS) as u64;

/// A document, whose nickname it does not have in it.
fn document(number: usize) -> Document {
    Document::new(format!("d{number}")).text(format!(
        "thing{number} part{} made of stuff{} in place{}",
        number % 5,
        number % 7,
        number % 3
    ))
}

/// What people call a document, in words that no document has.
fn query(number: usize, variant: usize) -> String {
    format!("nickname{number} please{variant}")
}

fn build(path: &Path) -> Index {
    let options = IndexOptions::with_encoder(EncoderSource::Custom(encoder()));
    let index = Index::create(path, options.file_seed(7)).unwrap();
    let mut writer = index.writer().unwrap();
    (0..DOCUMENTS).for_each(|number| writer.add(document(number)).unwrap());
    writer.commit_with(Some(&train()), &mut |_| {}).unwrap();
    drop(writer);
    index
}

/// Of more values than there are words, so that words are told apart.
fn encoder() -> Arc<HashingEncoder> {
    Arc::new(HashingEncoder {
        dim: 128,
        ..HashingEncoder::named("nicknames")
    })
}

fn reopen(path: &Path) -> Index {
    Index::open_with(path, OpenOptions::new().encoder(encoder())).unwrap()
}

fn train() -> TrainOptions {
    TrainOptions::default().seed(5)
}

/// Queries of each document; `answer` says which document they ask for.
fn judged(answer: impl Fn(usize, usize) -> usize) -> JudgedQueries {
    let mut judged = JudgedQueries::new();
    for number in 0..DOCUMENTS {
        for variant in 0..VARIANTS {
            let id = format!("d{}", answer(number, variant));
            judged.add(&query(number, variant), &id, 1.0).unwrap();
        }
    }
    judged
}

fn learn(index: &Index, judged: &JudgedQueries) -> JudgedReport {
    let options = JudgedOptions::new().train(train());
    let learnt = index.train_from_judgements(judged, &options, &mut |_| {});
    learnt.unwrap()
}

/// How many documents are the first answer to a query by a nickname that was not judged.
fn found(index: &Index) -> usize {
    let is_found = |number: &usize| {
        let result = index.search(&query(*number, 77), &SearchOptions::new().k(1));
        result.unwrap().hits[0].id == format!("d{number}")
    };
    (0..DOCUMENTS).filter(is_found).count()
}

fn answers(index: &Index) -> Vec<Vec<(String, f64)>> {
    let answer = |number| {
        let result = index.search(&query(number, 77), &SearchOptions::new());
        let hits = result.unwrap().hits.into_iter();
        hits.map(|hit| (hit.id, hit.score)).collect()
    };
    (0..DOCUMENTS).map(answer).collect()
}

#[test]
fn judged_queries_teach_what_documents_are_called() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    let index = build(&path);
    let (before, found_before) = (answers(&index), found(&index));
    let size = std::fs::metadata(&path).unwrap().len();
    let report = learn(&index, &judged(|number, _| number));
    let [map, shares] = report.record.parts.as_slice() else {
        panic!("{report:?}");
    };
    assert!(
        map.kept && map.planned.after > map.planned.before + 0.2,
        "{map:?}"
    );
    assert_eq!(shares.part, JudgedPartName::Shares);
    assert!(
        found(&index) > found_before + 5,
        "{found_before} {}",
        found(&index)
    );
    drop(index);

    let index = reopen(&path);
    let recorded = index.snapshot().params().judged.clone().unwrap();
    assert_eq!(recorded, report.record);
    assert_eq!(
        (recorded.queries, recorded.unknown_ids, recorded.seed),
        (QUERIES, 0, 5)
    );

    // The second reader knows the map.
    let read = read_py(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(read["params"]["judged"]["queries"], QUERIES);
    assert_eq!(read["blobs"][0]["role"], 6);

    // It stays when segments are merged and the file is vacuumed.
    let found_after = found(&index);
    let mut writer = index.writer().unwrap();
    writer
        .add(Document::new("new").text("something else"))
        .unwrap();
    writer.merge().unwrap();
    writer.vacuum().unwrap();
    drop(writer);
    assert!(found(&index).abs_diff(found_after) <= 1);
    assert_eq!(index.snapshot().params().judged, Some(recorded));

    let mut writer = index.writer().unwrap();
    writer.delete("new").unwrap();
    writer.merge().unwrap();
    writer.forget_judgements().unwrap();
    drop(writer);
    assert_eq!(index.snapshot().params().judged, None);
    assert_eq!(answers(&index), before, "as if nothing had been learnt");
    let generation = index.snapshot().generation();
    index.forget_judgements().unwrap();
    assert_eq!(
        index.snapshot().generation(),
        generation,
        "there is nothing left"
    );
    index.vacuum().unwrap();
    assert!(
        std::fs::metadata(&path).unwrap().len() <= size,
        "no byte of it"
    );
}

#[test]
fn learning_is_the_same_by_the_same_seed_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a.zgr"), folder.path().join("b.zgr"));
    let judged = judged(|number, _| number);
    let (first, second) = (build(&a), build(&b));
    let report = learn(&first, &judged);
    assert_eq!(learn(&second, &judged), report);
    assert_eq!(answers(&first), answers(&second));
    // What was learnt before is no part of what is measured.
    let again = learn(&first, &judged);
    assert_eq!(again.record, report.record);
    assert_eq!(answers(&first), answers(&second));
}

#[test]
fn shuffled_judgements_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    let index = build(&path);
    let before = std::fs::read(&path).unwrap();
    for seed in 1..3 {
        let shuffled =
            judged(|number, variant| (number * 7 + variant * variant * 5 + seed * 11) % DOCUMENTS);
        let report = learn(&index, &shuffled);
        assert!(
            report.record.parts.iter().all(|one| !one.kept),
            "{report:?}"
        );
        assert!(
            before == std::fs::read(&path).unwrap(),
            "the file is as it was"
        );
    }
}

#[test]
fn it_is_kept_by_trainings_and_recovery_and_forgotten_by_an_upgrade() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    let index = build(&path);
    let untaught = found(&index);
    let report = learn(&index, &judged(|number, _| number));
    let taught = found(&index);
    assert!(taught > untaught + 5, "{untaught} {taught}");
    let record = |index: &Index| index.snapshot().params().judged.clone();
    // Documents that come later are compared with queries as they are understood.
    let mut writer = index.writer().unwrap();
    writer.add(document(DOCUMENTS)).unwrap();
    writer.train(&train(), &mut |_| {}).unwrap();
    writer.train(&train().full(true), &mut |_| {}).unwrap();
    drop(writer);
    assert_eq!(record(&index), Some(report.record.clone()));
    assert!(found(&index).abs_diff(taught) <= 1);
    let copy = folder.path().join("b.zgr");
    zerogr::recover_with(&path, &copy, &OpenOptions::new().encoder(encoder())).unwrap();
    let recovered = reopen(&copy);
    assert_eq!(record(&recovered), Some(report.record));
    assert_eq!(answers(&recovered), answers(&index));
    drop(recovered);

    let search = |index: &Index| index.snapshot().params().search.clone();
    index.forget_judgements().unwrap();
    let plain = search(&index);
    learn(&index, &judged(|number, _| number));
    let source = EncoderSource::Custom(Arc::new(HashingEncoder::named("another")));
    index
        .upgrade(&UpgradeOptions::new(source), &mut |_| {})
        .unwrap();
    assert_eq!((record(&index), search(&index)), (None, plain));
    assert!(index.stored().manifest().blobs.is_empty());
}

#[test]
fn ids_that_are_not_there_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let index = build(&folder.path().join("a.zgr"));
    let mut judged = judged(|number, _| number);
    judged.add("nickname1 please0", "gone", 1.0).unwrap();
    judged.add("a query", "gone", 1.0).unwrap();
    judged.add("no answer", "d1", 0.0).unwrap();
    let report = learn(&index, &judged);
    assert_eq!(
        (report.record.unknown_ids, report.record.queries),
        (2, QUERIES)
    );
    assert_eq!(
        (report.record.judgements, report.queries_left_out),
        (QUERIES, 2)
    );

    let mut none = JudgedQueries::new();
    none.add("a query", "gone", 1.0).unwrap();
    let options = JudgedOptions::new();
    let error = index.train_from_judgements(&none, &options, &mut |_| {});
    assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidInput);
    let folds = options.folds(1);
    let error = index.train_from_judgements(&judged, &folds, &mut |_| {});
    assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn cancelled_it_leaves_the_file_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    let index = build(&path);
    let before = std::fs::read(&path).unwrap();
    let judged = judged(|number, _| number);
    for stage in [
        Stage::EncodingPseudoQueries,
        Stage::DrawingJudged,
        Stage::LearningJudged,
        Stage::Writing,
    ] {
        let cancel = CancelToken::new();
        let mut writer = index.writer().unwrap().cancel_token(cancel.clone());
        let learnt = writer.train_from_judgements(&judged, &JudgedOptions::new(), &mut |one| {
            if one.stage == stage {
                cancel.cancel();
            }
        });
        // Once it is written, it is done.
        if stage != Stage::Writing {
            assert!(learnt.unwrap_err().is_cancelled(), "{stage:?}");
            assert!(before == std::fs::read(&path).unwrap());
        }
    }
}
