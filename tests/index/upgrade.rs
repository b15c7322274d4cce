//! Another encoder for an index that is in use: killed and gone on with, and searched meanwhile.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::support::corpus::{HashingEncoder, document, encoder, options, queries};
use crate::support::process::{Helper, role, say, wait_for_go};
use zerogr::{
    CancelToken, DocidTokenizer, Document, EachText, EncoderSource, ErrorKind, Filter, Index,
    IndexOptions, ListOptions, Mode, OpenOptions, Result, SearchOptions, TextEncoder, TrainOptions,
    UpgradeOptions, VerifyLevel,
};

/// The encoder that indexes are to have: of another dimension, with other tokens.
const NEXT: HashingEncoder = HashingEncoder {
    name: "next",
    dim: 40,
    vocabulary_size: 70_000,
    ..HashingEncoder::DEFAULT
};

/// One that counts the texts it reads, and fails when it has read so many.
#[derive(Debug)]
struct Counting {
    read: AtomicUsize,
    most: usize,
}

impl Counting {
    fn new(most: usize) -> Arc<Counting> {
        Arc::new(Counting {
            read: AtomicUsize::new(0),
            most,
        })
    }

    fn read(&self) -> usize {
        self.read.load(Ordering::SeqCst)
    }

    fn count(&self, texts: &[&str]) -> Result<()> {
        let read = self.read.fetch_add(texts.len(), Ordering::SeqCst) + texts.len();
        match read > self.most {
            true => Index::open("/nowhere").map(drop),
            false => Ok(()),
        }
    }
}

impl TextEncoder for Counting {
    fn dim(&self) -> usize {
        NEXT.dim
    }

    fn fingerprint(&self) -> String {
        TextEncoder::fingerprint(&NEXT)
    }

    fn tokenizer(&self) -> &dyn DocidTokenizer {
        &NEXT
    }

    fn has_token_vectors(&self) -> bool {
        true
    }

    fn encode(
        &self,
        texts: &[&str],
        most: usize,
        progress: &mut dyn FnMut(usize, usize) -> Result<()>,
    ) -> Result<Vec<f32>> {
        self.count(texts)?;
        NEXT.encode(texts, most, progress)
    }

    fn encode_tokens(
        &self,
        texts: &[&str],
        most: usize,
        progress: &mut dyn FnMut(usize, usize) -> Result<()>,
        each: EachText<'_>,
    ) -> Result<Vec<f32>> {
        self.count(texts)?;
        NEXT.encode_tokens(texts, most, progress, each)
    }
}

fn upgrade(encoder: Arc<dyn TextEncoder>) -> UpgradeOptions {
    UpgradeOptions::new(EncoderSource::Custom(encoder))
}

fn build(path: &Path, documents: u64) -> Index {
    let index = Index::create(path, options()).unwrap();
    let mut writer = index.writer().unwrap();
    for number in 0..documents {
        writer.add(document(number)).unwrap();
        if number == documents / 2 {
            writer.commit().unwrap();
        }
    }
    writer.train(&TrainOptions::new(), &mut |_| {}).unwrap();
    writer.delete("doc-3").unwrap();
    writer.commit().unwrap();
    drop(writer);
    index
}

fn open(path: &Path, encoder: Arc<dyn TextEncoder>) -> Index {
    Index::open_with(path, OpenOptions::new().encoder(encoder)).unwrap()
}

fn assert_whole(path: &Path) {
    let report = zerogr::check(path, VerifyLevel::Full).unwrap();
    assert!(report.is_ok(), "{report:?}");
}

/// What is found, in every mode that the encoder has a say in.
fn answers(index: &Index) -> Vec<Vec<(String, u64)>> {
    let mut answers = Vec::new();
    for query in queries().iter().take(8) {
        for mode in [Mode::Planned, Mode::Generative, Mode::Dense] {
            let found = index
                .search(query, &SearchOptions::new().mode(mode))
                .unwrap();
            let hits = found.hits.iter();
            answers.push(
                hits.map(|hit| (hit.id.clone(), hit.score.to_bits()))
                    .collect(),
            );
        }
    }
    answers
}

#[test]
fn everything_is_made_anew_and_documents_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    let index = build(&path, 60);
    let (before, old) = (index.snapshot(), answers(&index));
    let texts: BTreeSet<String> = before.ids().map(str::to_owned).collect();
    let report = index
        .upgrade(&upgrade(Arc::new(NEXT)), &mut |_| {})
        .unwrap();
    assert_eq!(report.generation, before.generation() + 1, "one commit");

    let after = index.snapshot();
    assert_eq!(
        after.ids().map(str::to_owned).collect::<BTreeSet<_>>(),
        texts
    );
    assert!(!after.contains("doc-3"));
    let some = ListOptions::new().filter(Filter::range("number", 2..9));
    let some = some.sort_descending("number");
    assert_eq!(after.list(&some).unwrap(), before.list(&some).unwrap());
    assert_eq!(after.list(&some).unwrap().len(), 6);
    for id in ["doc-0", "doc-31", "doc-59"] {
        let mut documents = [&before, &after].map(|state| state.document(id).unwrap().unwrap());
        documents
            .iter_mut()
            .for_each(|document| document.docids.sort());
        assert_eq!(documents[0], documents[1], "docids too");
    }
    assert_eq!(
        after.params().encoder.fingerprint,
        TextEncoder::fingerprint(&NEXT)
    );
    assert_eq!(after.params().tokenizer.vocabulary_size, 70_000);
    assert!(after.params().training.is_some());
    assert!(!folder.path().join("a.zgr.upgrade").exists());

    // The old state goes on with its encoder, the new one has its own, here and where it is opened.
    assert_ne!(answers(&index), old);
    let query = &queries()[0];
    before.search(query, &SearchOptions::new()).unwrap();
    assert_eq!(answers(&open(&path, Arc::new(NEXT))), answers(&index));
    let error = open(&path, encoder()).search(query, &SearchOptions::new());
    assert_eq!(error.unwrap_err().kind(), ErrorKind::ModelMismatch);
    assert_whole(&path);

    // What is there already is not done again, and documents can be added.
    let counting = Counting::new(usize::MAX);
    let again = index
        .upgrade(&upgrade(counting.clone()), &mut |_| {})
        .unwrap();
    assert_eq!((again.generation, counting.read()), (report.generation, 0));
    assert!(!folder.path().join("a.zgr.upgrade").exists());
    let mut writer = index.writer().unwrap();
    writer.add(document(100)).unwrap();
    writer.commit().unwrap();
    assert!(index.snapshot().contains("doc-100"));
}

#[test]
fn an_index_of_words_gets_an_encoder_and_none_loses_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    let index = Index::create(&path, IndexOptions::lexical()).unwrap();
    let mut writer = index.writer().unwrap();
    for (id, text) in [("a", "wing flutter"), ("b", "heat transfer in a plate")] {
        writer.add(Document::new(id).text(text)).unwrap();
    }
    let error = writer.upgrade(&upgrade(Arc::new(NEXT)), &mut |_| {});
    assert_eq!(
        error.unwrap_err().kind(),
        ErrorKind::InvalidInput,
        "pending"
    );
    writer.commit().unwrap();
    drop(writer);
    index
        .upgrade(&upgrade(Arc::new(NEXT)), &mut |_| {})
        .unwrap();
    let found = index
        .search("heat", &SearchOptions::new().mode(Mode::Dense))
        .unwrap();
    assert_eq!(found.hits[0].id, "b");
    let none = UpgradeOptions::new(EncoderSource::None);
    let error = index.upgrade(&none, &mut |_| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn what_was_encoded_is_not_encoded_again_whatever_was_written_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    let index = build(&path, 400);
    let old = answers(&index);
    let first = Counting::new(300);
    index
        .upgrade(&upgrade(first.clone()), &mut |_| {})
        .unwrap_err();
    assert_eq!(answers(&index), old);
    assert!(folder.path().join("a.zgr.upgrade").exists());

    // The second is stopped in the middle of its training, after a commit of another kind.
    let mut writer = index.writer().unwrap();
    writer.add(document(1000)).unwrap();
    writer.delete("doc-7").unwrap();
    writer.commit().unwrap();
    let cancel = CancelToken::new();
    let mut writer = writer.cancel_token(cancel.clone());
    let second = Counting::new(usize::MAX);
    let stopped = writer.upgrade(&upgrade(second.clone()), &mut |progress| {
        if progress.stage == zerogr::Stage::FittingDocumentHead {
            cancel.cancel();
        }
    });
    assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Cancelled);
    drop(writer);

    let third = Counting::new(usize::MAX);
    index.upgrade(&upgrade(third.clone()), &mut |_| {}).unwrap();
    assert_eq!(third.read(), 0, "all of it was remembered");
    assert!(second.read() > 1000, "pseudo-queries, too");
    assert!(index.snapshot().contains("doc-1000") && !index.snapshot().contains("doc-7"));
}

#[test]
fn searches_meanwhile_find_what_they_found_or_what_is_new_and_never_fail() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    let index = build(&path, 150);
    let old = answers(&index);
    let is_done = AtomicBool::new(false);
    let (seen, new) = std::thread::scope(|scope| {
        let searching = (0..2).map(|_| {
            scope.spawn(|| {
                let mut seen = Vec::new();
                let mut last = false;
                while !last {
                    last = is_done.load(Ordering::SeqCst);
                    let before = index.snapshot().generation();
                    let found = answers(&index);
                    // Queries one after the other may be of two states; those of one are known.
                    if index.snapshot().generation() == before {
                        seen.push((before, found));
                    }
                }
                seen
            })
        });
        let searching: Vec<_> = searching.collect();
        index
            .upgrade(&upgrade(Arc::new(NEXT)), &mut |_| {})
            .unwrap();
        is_done.store(true, Ordering::SeqCst);
        let seen = searching.into_iter().flat_map(|one| one.join().unwrap());
        (seen.collect::<Vec<_>>(), answers(&index))
    });
    let generation = index.snapshot().generation();
    for (at, found) in &seen {
        let expected = if *at == generation { &new } else { &old };
        assert_eq!(found, expected);
    }
    assert!(seen.iter().any(|(at, _)| *at == generation));
}

/// How often an upgrade is killed.
const KILLS: usize = 20;

/// Upgrades the index at the path; says how far it is, and goes on when it is told to.
#[test]
fn helper() {
    let Some((_, path)) = role() else {
        return;
    };
    let index = open(&path, encoder());
    let next = Counting::new(usize::MAX);
    index
        .upgrade(&upgrade(next.clone()), &mut |progress| {
            say(format_args!(
                "{:?} {} {}",
                progress.stage,
                progress.done,
                next.read()
            ));
            wait_for_go();
        })
        .unwrap();
}

#[test]
fn killed_at_twenty_places_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (path, whole) = (folder.path().join("a.zgr"), folder.path().join("b.zgr"));
    let index = build(&path, 500);
    let old = answers(&index);
    drop(index);
    std::fs::copy(&path, &whole).unwrap();
    let uninterrupted = Counting::new(usize::MAX);
    let index = open(&whole, encoder());
    index
        .upgrade(&upgrade(uninterrupted.clone()), &mut |_| {})
        .unwrap();
    let new = answers(&index);

    let test = concat!(module_path!(), "::helper");
    let (mut read, mut stages) = (0, BTreeSet::new());
    let mut is_done = false;
    for kill in 0.. {
        let mut helper = Helper::start(test, "upgrade", &path);
        let mut last = 0;
        // Each comes a little further than the one before.
        let reports = (kill < KILLS).then_some(1 + kill * kill * 9);
        let mut heard = 0;
        while Some(heard) != reports {
            let Some(said) = helper.hear() else {
                is_done = true;
                break;
            };
            let mut words = said.split(' ');
            stages.insert(words.next().unwrap().to_owned());
            last = words.next_back().unwrap().parse().unwrap();
            heard += 1;
            if Some(heard) != reports {
                helper.go();
            }
        }
        read += last;
        if is_done {
            helper.finish();
            break;
        }
        helper.kill();
        assert_eq!(answers(&open(&path, encoder())), old, "kill {kill}");
        assert_whole(&path);
    }
    assert!(is_done && stages.len() >= 5, "{stages:?}");
    assert_eq!(answers(&open(&path, Arc::new(NEXT))), new);
    // Begun anew each time it would be several times as much.
    let once = uninterrupted.read();
    assert!(read <= once + KILLS * 256, "{read} texts, once {once}");
    assert!(!folder.path().join("a.zgr.upgrade").exists());
}
