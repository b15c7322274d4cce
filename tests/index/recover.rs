//! Checking a damaged index names the documents at risk; recovering saves all others.

use crate::support::corpus;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::corpus::{answers, document, encoder, options, reopen};
use zerogr::raw::store::{Store, VerifyLevel};
use zerogr::{
    Document, Documents, ErrorKind, Index, MergePolicy, Mode, OpenOptions, SearchOptions,
    TrainOptions, check, recover, recover_with,
};

/// Three segments of 40 documents, trained, `doc-3` deleted; built once for all tests.
fn sound() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sound.zgr");
    let index = Index::create(&path, options()).unwrap();
    for batch in 0..3 {
        let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
        for number in batch * 40..(batch + 1) * 40 {
            writer.add(document(number)).unwrap();
        }
        writer.commit().unwrap();
    }
    let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
    writer.delete("doc-3").unwrap();
    writer
        .commit_with(Some(&TrainOptions::default()), &mut |_| {})
        .unwrap();
    (folder, path)
}

fn ids(path: &Path) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    reopen(path)
        .snapshot()
        .for_each_document(|document| {
            ids.insert(document.id);
            Ok(())
        })
        .unwrap();
    ids
}

/// All documents, by id.
fn documents(path: &Path) -> Vec<Document> {
    let mut documents = Vec::new();
    reopen(path)
        .snapshot()
        .for_each_document(|document| {
            documents.push(document);
            Ok(())
        })
        .unwrap();
    documents.sort_by(|a, b| a.id.cmp(&b.id));
    documents
}

fn texts(documents: &[Document]) -> BTreeSet<String> {
    let text = |document: &Document| {
        format!(
            "{:?}",
            (
                &document.id,
                &document.title,
                &document.text,
                &document.tags
            )
        )
    };
    documents.iter().map(text).collect()
}

/// Start and length of a section of the segment or heads of one segment.
fn section(path: &Path, segment: usize, heads: bool, kind: u16) -> (usize, usize) {
    let store = Store::open(path).unwrap();
    let entry = store.manifest().segments[segment].clone();
    let reference = if heads {
        entry.heads.unwrap()
    } else {
        entry.segment
    };
    let extent = store.extent(&reference).unwrap();
    let info = extent.sections().find(|info| info.kind.0 == kind).unwrap();
    (info.off_bytes as usize, info.len_bytes as usize)
}

const PAYLOADS: u16 = 0x0305;

/// The sections of a segment and of its heads that a file of `sound` has.
const SECTIONS: [(bool, u16); 20] = [
    (false, 0x0101),
    (false, 0x0102),
    (false, 0x0103),
    (false, 0x0104),
    (false, 0x0105),
    (false, 0x0106),
    (false, 0x0301),
    (false, 0x0302),
    (false, 0x0303),
    (false, 0x0304),
    (false, 0x0305),
    (false, 0x0307),
    (false, 0x0308),
    (false, 0x0401),
    (false, 0x0402),
    (false, 0x0403),
    (true, 0x0201),
    (true, 0x0202),
    (true, 0x0203),
    (true, 0x0204),
];

fn with_encoder() -> OpenOptions {
    OpenOptions::new().encoder(encoder())
}

/// Damages a copy of the file, checks it, recovers it, and returns ids at risk and ids saved.
fn damage_and_recover(damage: impl Fn(&mut [u8])) -> (BTreeSet<String>, u64, BTreeSet<String>) {
    let (folder, sound) = sound();
    let (bad, good) = (
        folder.path().join("bad.zgr"),
        folder.path().join("good.zgr"),
    );
    let mut bytes = std::fs::read(&sound).unwrap();
    damage(&mut bytes);
    std::fs::write(&bad, &bytes).unwrap();
    let report = check(&bad, VerifyLevel::Full).unwrap();
    assert!(!report.is_ok());
    let recovered = recover_with(&bad, &good, &with_encoder()).unwrap();
    assert_eq!(recovered.lost, report.at_risk);
    assert_eq!(
        std::fs::read(&bad).unwrap(),
        bytes,
        "the source is only read"
    );
    assert!(check(&good, VerifyLevel::Full).unwrap().is_ok());
    let saved = ids(&good);
    assert_eq!(saved.len() as u64, recovered.documents);
    let at_risk = report
        .at_risk
        .iter()
        .flat_map(|risk| risk.documents.clone());
    let unnamed = report
        .at_risk
        .iter()
        .map(|risk| risk.unnamed_documents)
        .sum();
    (at_risk.collect(), unnamed, saved)
}

#[test]
fn a_sound_index_is_copied_whole() {
    let (folder, sound) = sound();
    let good = folder.path().join("good.zgr");
    assert!(check(&sound, VerifyLevel::Full).unwrap().is_ok());
    let report = recover(&sound, &good).unwrap();
    assert!(report.is_complete() && report.notes.is_empty());
    assert_eq!(report.documents, 119);
    let options = SearchOptions::new();
    assert_eq!(
        answers(&reopen(&sound), &options),
        answers(&reopen(&good), &options)
    );
    let error = recover(&sound, &good).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(good.exists(), "what was there before stays");
}

#[test]
fn damaged_texts_cost_their_documents_only() {
    let (folder, path) = sound();
    let (start, len) = section(&path, 1, false, PAYLOADS);
    drop(folder);
    let (at_risk, unnamed, saved) =
        damage_and_recover(|bytes| bytes[start + len / 2..][..9].fill(0x55));
    assert!(!at_risk.is_empty() && at_risk.len() <= 40 && unnamed == 0);
    assert_eq!(at_risk.len() + saved.len(), 119);
    assert!(at_risk.is_disjoint(&saved));
}

#[test]
fn damage_anywhere_else_in_a_segment_costs_no_document() {
    // ZF-SG-07, ZF-SG-14
    let (folder, sound) = sound();
    let (bad, good) = (
        folder.path().join("bad.zgr"),
        folder.path().join("good.zgr"),
    );
    let all = documents(&sound);
    let before = answers(&reopen(&sound), &SearchOptions::new());
    for (heads, kind) in SECTIONS.into_iter().filter(|&(_, kind)| kind != PAYLOADS) {
        let mut bytes = std::fs::read(&sound).unwrap();
        let (start, len) = section(&sound, 0, heads, kind);
        bytes[start + len / 2..start + len].fill(0x55);
        std::fs::write(&bad, &bytes).unwrap();
        let at_risk = check(&bad, VerifyLevel::Full).unwrap().at_risk;
        let mut read = Vec::new();
        let stored = Documents::open(&bad).unwrap();
        let unreadable = stored.for_each(|document| {
            read.push(document);
            Ok(())
        });
        assert!(
            unreadable.unwrap().is_empty() && texts(&read) == texts(&all),
            "{kind:#x}"
        );
        assert_eq!(stored.get("doc-7").unwrap().unwrap().id, "doc-7");
        assert!(stored.get("doc-3").unwrap().is_none(), "deleted");
        assert!(
            at_risk.len() == 1 && !at_risk[0].loses_documents(),
            "{kind:#x}: {at_risk:?}"
        );
        let report = recover_with(&bad, &good, &with_encoder()).unwrap();
        assert!(report.is_complete(), "{kind:#x}: {report:?}");
        // Nobody knows the docids any more, or in which order a document has them.
        let are_docids_known = !matches!(kind, 0x0103 | 0x0104);
        let saved = documents(&good);
        assert!(!are_docids_known || saved == all, "{kind:#x}");
        assert!(texts(&saved) == texts(&all), "{kind:#x}");
        assert!(check(&good, VerifyLevel::Full).unwrap().is_ok());
        // What is not damaged is kept: only where docids or heads are lost, so is the training.
        let keeps_training = !heads && !(0x0101..=0x0104).contains(&kind);
        if keeps_training {
            let after = answers(&reopen(&good), &SearchOptions::new());
            corpus::assert_same_answers(&before, &after, 1e-3);
        }
        std::fs::remove_file(&good).unwrap();
    }
}

#[test]
fn without_an_encoder_the_documents_are_saved_and_words_find_them() {
    let (folder, sound) = sound();
    let (bad, good) = (
        folder.path().join("bad.zgr"),
        folder.path().join("good.zgr"),
    );
    let all = documents(&sound);
    let lexical = SearchOptions::new().mode(Mode::Lexical);
    let by_words = answers(&reopen(&sound), &lexical);
    for kinds in [
        &[0x0105][..],
        &[0x0106],
        &[0x0101],
        &[0x0101, 0x0104, 0x0105, 0x0106],
    ] {
        let mut bytes = std::fs::read(&sound).unwrap();
        for kind in kinds {
            bytes[section(&sound, 0, false, *kind).0] ^= 4;
        }
        std::fs::write(&bad, &bytes).unwrap();
        let report = recover(&bad, &good).unwrap();
        assert!(!report.is_complete());
        assert_eq!((report.documents, report.without_vectors), (119, 39));
        assert!(
            report.notes.iter().any(|note| note.contains("zerogr add")),
            "{report:?}"
        );
        assert!(check(&good, VerifyLevel::Full).unwrap().is_ok());
        let mut saved = documents(&good);
        if kinds.contains(&0x0104) {
            // Docids were lost with their texts, and made of the words.
            let docids = |documents: &[Document]| -> Vec<Document> {
                let without = |document: &Document| Document {
                    docids: Vec::new(),
                    ..document.clone()
                };
                documents.iter().map(without).collect()
            };
            assert!(docids(&saved) == docids(&all));
        } else {
            assert!(saved == all);
        }
        let index = reopen(&good);
        assert_eq!(answers(&index, &lexical), by_words);
        // Every other mode works, and added again the documents have everything.
        answers(&index, &SearchOptions::new());
        let mut writer = index.writer().unwrap();
        for document in saved.drain(..) {
            writer.add(document).unwrap();
        }
        writer
            .commit_with(Some(&TrainOptions::default()), &mut |_| {})
            .unwrap();
        assert!(check(&good, VerifyLevel::Full).unwrap().is_ok());
        std::fs::remove_file(&good).unwrap();
    }
}

#[test]
fn deleted_documents_come_back_only_where_it_is_not_known_which_they_are() {
    let (folder, sound) = sound();
    let (bad, good) = (
        folder.path().join("bad.zgr"),
        folder.path().join("good.zgr"),
    );
    // A replaced document does not come back beside its successor.
    let index = reopen(&sound);
    let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
    writer.add(document(5).title("replaced")).unwrap();
    writer.commit().unwrap();
    drop((writer, index));
    let store = Store::open(&sound).unwrap();
    let tombstones = store.manifest().segments[0].tombstones.unwrap();
    let mut bytes = std::fs::read(&sound).unwrap();
    bytes[tombstones.off_bytes as usize + 128] ^= 1;
    std::fs::write(&bad, &bytes).unwrap();
    let report = recover_with(&bad, &good, &with_encoder()).unwrap();
    assert_eq!(report.documents, 120, "{report:?}");
    let saved = documents(&good);
    assert!(saved.iter().any(|document| document.id == "doc-3"));
    let successor: Vec<_> = saved.iter().filter(|one| one.id == "doc-5").collect();
    assert!(successor.len() == 1 && successor[0].title == "replaced");
}

#[test]
fn a_lost_head_of_a_segment_costs_no_document() {
    let (folder, sound) = sound();
    let (bad, good) = (
        folder.path().join("bad.zgr"),
        folder.path().join("good.zgr"),
    );
    let all = documents(&sound);
    let start = Store::open(&sound).unwrap().manifest().segments[1]
        .segment
        .off_bytes as usize;
    // One bit of the header, one of the section table, all of both.
    for damage in [
        start + 9..start + 10,
        start + 100..start + 101,
        start..start + 1100,
    ] {
        let mut bytes = std::fs::read(&sound).unwrap();
        match damage.len() {
            1 => bytes[damage.start] ^= 0x40,
            _ => bytes[damage].fill(0),
        }
        std::fs::write(&bad, &bytes).unwrap();
        let report = recover_with(&bad, &good, &with_encoder()).unwrap();
        assert!(report.is_complete(), "{report:?}");
        assert!(texts(&documents(&good)) == texts(&all));
        std::fs::remove_file(&good).unwrap();
    }
}

#[test]
fn a_lost_manifest_costs_no_document() {
    let (folder, sound) = sound();
    let (bad, good) = (
        folder.path().join("bad.zgr"),
        folder.path().join("good.zgr"),
    );
    let vacuumed = folder.path().join("vacuumed.zgr");
    Store::open(&sound).unwrap().vacuum_into(&vacuumed).unwrap();
    let all = texts(&documents(&sound));
    // The newest of several, and the only one of a vacuumed file.
    for source in [&sound, &vacuumed] {
        let clean = std::fs::read(source).unwrap();
        let manifest = clean.len() - 4096..clean.len();
        for damage in [1, 3000] {
            let mut bytes = clean.clone();
            match damage {
                1 => bytes[manifest.start + 700] ^= 0x40,
                _ => bytes[manifest.start..][..damage].fill(0x55),
            }
            std::fs::write(&bad, &bytes).unwrap();
            let report = recover_with(&bad, &good, &with_encoder()).unwrap();
            let saved = texts(&documents(&good));
            assert!(all.is_subset(&saved), "{report:?}");
            assert!(saved.len() - all.len() <= 1, "doc-3 may be back");
            if damage == 1 {
                assert!(saved == all);
                let options = SearchOptions::new();
                assert_eq!(
                    answers(&reopen(&sound), &options),
                    answers(&reopen(&good), &options)
                );
            }
            std::fs::remove_file(&good).unwrap();
        }
    }
}

#[test]
fn a_file_without_its_front_still_gives_its_newest_state() {
    let (folder, sound) = sound();
    let (bad, good) = (
        folder.path().join("bad.zgr"),
        folder.path().join("good.zgr"),
    );
    let bytes = std::fs::read(&sound).unwrap();
    // One slot lost: the newest. Everything before the first extent lost.
    for lost in [0..512, 4096..4608, 0..8192, 0..12_288] {
        let mut bytes = bytes.clone();
        bytes[lost].fill(0);
        std::fs::write(&bad, &bytes).unwrap();
        let report = recover(&bad, &good).unwrap();
        assert!(report.is_complete());
        assert_eq!(report.documents, 119, "{:?}", report.notes);
        assert_eq!(ids(&good), ids(&sound));
        std::fs::remove_file(&good).unwrap();
    }
    for foreign in [&b"not an index"[..], &[7; 20_000]] {
        std::fs::write(&bad, foreign).unwrap();
        let error = recover(&bad, &good).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotAnIndex);
        assert!(!good.exists());
    }
}

#[test]
fn recovering_randomly_damaged_files_never_panics_and_checks_clean() {
    let (folder, sound) = sound();
    let (bad, good) = (
        folder.path().join("bad.zgr"),
        folder.path().join("good.zgr"),
    );
    let bytes = std::fs::read(&sound).unwrap();
    let all = ids(&sound);
    let mut state = 0x2545_F491_4F6C_DD1Du64;
    let mut random = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % bound as u64) as usize
    };
    let mut recovered = 0;
    for _ in 0..150 {
        let mut bytes = bytes.clone();
        for _ in 0..1 + random(4) {
            let start = random(bytes.len());
            let end = (start + 1 + random(3000)).min(bytes.len());
            match random(3) {
                0 => bytes[start..end].fill(0),
                1 => bytes[start] ^= 1 << random(8),
                _ => bytes.truncate(bytes.len() - random(bytes.len() / 4)),
            }
            if bytes.is_empty() {
                break;
            }
        }
        std::fs::write(&bad, &bytes).unwrap();
        match recover_with(&bad, &good, &with_encoder()) {
            Ok(_) => {
                recovered += 1;
                assert!(check(&good, VerifyLevel::Full).unwrap().is_ok());
                let saved = ids(&good);
                let known = all.iter().map(String::as_str).chain(["doc-3"]);
                let known: BTreeSet<&str> = known.collect();
                assert!(saved.iter().all(|id| known.contains(id.as_str())));
                std::fs::remove_file(&good).unwrap();
            }
            Err(error) => assert!(
                error.is_corrupt() || error.is_not_an_index() || error.is_unsupported_version(),
                "{error}"
            ),
        }
    }
    assert!(recovered > 75, "{recovered} of 150");
}

#[test]
fn parameters_that_cannot_be_are_refused_and_recovered_one_by_one() {
    let (folder, sound) = sound();
    let (bad, good) = (
        folder.path().join("bad.zgr"),
        folder.path().join("good.zgr"),
    );
    let kept = reopen(&sound).snapshot().params().clone();
    let (corrupt, other) = (ErrorKind::Corrupt, ErrorKind::UnsupportedVersion);
    for (from, to, kind) in [
        ("\"scale\": 20.0", "\"scale\": null", other),
        ("\"scale\": 20.0,", "", other),
        ("\"scale\"", "\"sharpness\": 3, \"scale\"", other),
        ("\"prior_share\": 0.25,", "", other),
        ("\"scale\": 20.0", "\"scale\": 1e39", corrupt),
        ("\"planner\": 6.0", "\"planner\": 1e400", corrupt),
        ("\"k1\": 1.2", "\"k1\": -3", corrupt),
        ("\"dim\": 64", "\"dim\": 0", corrupt),
        (
            "\"token_width_bytes\": 2",
            "\"token_width_bytes\": 3",
            corrupt,
        ),
    ] {
        std::fs::copy(&sound, &bad).unwrap();
        let store = Store::open(&bad).unwrap();
        let transaction = store.begin().unwrap();
        let mut manifest = transaction.base().clone();
        let params = String::from_utf8(manifest.params).unwrap();
        assert!(params.contains(from), "{from}: {params}");
        manifest.params = params.replace(from, to).into_bytes();
        transaction.commit(manifest).unwrap();
        drop(store);
        let error = Index::open_with(&bad, with_encoder()).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(!check(&bad, VerifyLevel::Full).unwrap().is_ok());
        assert_eq!(
            Documents::open(&bad)
                .unwrap()
                .get("doc-1")
                .unwrap()
                .unwrap()
                .id,
            "doc-1"
        );
        let report = recover_with(&bad, &good, &with_encoder()).unwrap();
        assert!(
            report.is_complete() && report.documents == 119,
            "{to}: {report:?}"
        );
        // Everything that could be read is what it was, and what could not is the default.
        let mut params = reopen(&good).snapshot().params().clone();
        if to.contains("e400") {
            // That is no JSON number: nothing of the parameters can be read.
            params.training = kept.training.clone();
        }
        assert_eq!(params, kept, "{to}");
        std::fs::remove_file(&good).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn what_was_kept_from_others_is_kept_from_them() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, sound) = sound();
    let good = folder.path().join("good.zgr");
    std::fs::set_permissions(&sound, PermissionsExt::from_mode(0o600)).unwrap();
    recover(&sound, &good).unwrap();
    assert_eq!(good.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    // What a killed recovery leaves is under another name, and in nobody's way.
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
}
