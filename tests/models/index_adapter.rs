//! An index with an adapter: its language model answers as one that was trained for it, in every
//! state of the file that has the adapter, and in no other.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use zerogr::raw::convert::{RandomTensors, random_decoder, write_decoder};
use zerogr::raw::format::BlobRole;
use zerogr::raw::model::language::{Adapter, BaseModel, LanguageModel, WeightFormat};
use zerogr::raw::store::Store;
use zerogr::{
    EncoderSource, ErrorKind, Index, IndexOptions, Mode, OpenOptions, SearchOptions,
    UpgradeOptions, VerifyLevel, check, recover,
};

use super::adapters::{Merged, adapter, config};
use super::index_language_model::{build, by_model, documents, encoder, found, model, options};
use crate::support::encoder::HashingEncoder;
use crate::support::installed::{stdout, zerogr};
use crate::support::second_reader::read_py;

struct Setting {
    folder: TempDir,
    model: PathBuf,
    index: Index,
    adapter: Adapter,
}

fn setting() -> Setting {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path(), 1);
    let index = build(&folder.path().join("a.zgr"), options(&model));
    let adapter = adapter(
        &LanguageModel::open(&model, &Default::default()).unwrap(),
        1,
    );
    Setting {
        folder,
        model,
        index,
        adapter,
    }
}

fn set(index: &Index, adapter: &Adapter) {
    let mut writer = index.writer().unwrap();
    writer.set_adapter(adapter).unwrap();
    assert_ne!(writer.commit().unwrap().generation, 0);
}

/// Puts an adapter in as no writer does: this machine does not come to know it.
fn smuggle(path: &Path, bytes: &[u8]) {
    let store = Store::open(path).unwrap();
    let mut transaction = store.begin().unwrap();
    let mut manifest = transaction.base().clone();
    manifest.blobs.retain(|blob| blob.role != BlobRole::Adapter);
    let blob = transaction.append_blob(BlobRole::Adapter, "smuggled", "", bytes);
    manifest.blobs.push(blob.unwrap());
    transaction.commit(manifest).unwrap();
}

fn open() -> OpenOptions {
    OpenOptions::new().encoder(encoder())
}

fn reopened(path: &Path) -> Index {
    Index::open_with(path, open()).unwrap()
}

fn close(found: &[(String, f64)], want: &[(String, f64)]) {
    assert_eq!(found.len(), want.len());
    for ((id, score), (want_id, want_score)) in found.iter().zip(want) {
        assert_eq!(id, want_id);
        assert!((score - want_score).abs() < 1e-3, "{score} {want_score}");
    }
}

/// ZF-AD-01 and ZF-AD-03.
#[test]
fn an_index_answers_by_its_adapter_from_the_commit_on() {
    let Setting {
        folder,
        model,
        index,
        adapter,
    } = setting();
    let merged = folder.path().join("merged");
    random_decoder(&merged, &config(), 1).unwrap();
    let tensors = Merged(RandomTensors::new(config(), 1), &adapter);
    write_decoder(&merged, &config(), &tensors, WeightFormat::F32, &mut || ()).unwrap();
    let trained = build(&folder.path().join("merged.zgr"), options(&merged));
    let want = found(&trained, &by_model());

    let before = index.snapshot();
    let untrained = found(&index, &by_model());
    assert_eq!(before.adapter().unwrap(), None);
    set(&index, &adapter);
    close(&found(&index, &by_model()), &want);
    assert_ne!(want, untrained);
    assert_eq!(index.snapshot().adapter().unwrap().as_ref(), Some(&adapter));
    // Who reads an earlier state reads it by what it had.
    let of = |snapshot: &zerogr::Snapshot| {
        let hits = snapshot.search("what makes wings shake", &by_model());
        let hits = hits.unwrap().hits.into_iter();
        hits.map(|hit| (hit.id, hit.score)).collect::<Vec<_>>()
    };
    assert_eq!(of(&before), untrained);

    // Commits, merges, copies and vacuums keep it.
    let path = index.path().to_owned();
    close(&found(&reopened(&path), &by_model()), &want);
    let mut writer = index.writer().unwrap();
    writer.add(documents()[0].clone()).unwrap();
    writer.commit().unwrap();
    writer.merge().unwrap();
    let with_one = index.snapshot();
    let other = super::adapters::adapter(
        &LanguageModel::open(&model, &Default::default()).unwrap(),
        2,
    );
    let facts = [("steps".to_owned(), "120".to_owned())];
    let other = other.with_facts(facts.into()).unwrap();
    writer.set_adapter(&other).unwrap();
    writer.commit().unwrap();
    drop(writer);
    assert_ne!(found(&index, &by_model()), want);
    close(&of(&with_one), &want);
    index.vacuum().unwrap();
    close(&of(&with_one), &want);
    let bytes = std::fs::read(&path).unwrap();
    let has = |bytes: &[u8], adapter: &Adapter| {
        let needle = &adapter.to_bytes()[1_000..1_200];
        bytes.windows(needle.len()).any(|window| window == needle)
    };
    assert!(has(&bytes, &other) && !has(&bytes, &adapter));
    let copy = folder.path().join("copy.zgr");
    index.backup(&copy).unwrap();
    assert_eq!(
        found(&reopened(&copy), &by_model()),
        found(&index, &by_model())
    );
    assert!(check(&copy, VerifyLevel::Full).unwrap().is_ok());
    let roles = read_py(&bytes).unwrap()["blobs"].clone();
    let roles: Vec<u64> = roles
        .as_array()
        .unwrap()
        .iter()
        .map(|blob| blob["role"].as_u64().unwrap())
        .collect();
    assert_eq!(roles, [3, 5]);

    let info = |more: &[&str]| {
        let output = zerogr().arg("info").arg(&copy).args(more).output().unwrap();
        stdout(&output)
    };
    let shown: serde_json::Value = serde_json::from_str(&info(&["--json"])).unwrap();
    assert_eq!(shown["adapter"]["rank"], 2);
    assert_eq!(shown["adapter"]["facts"]["steps"], "120");
    assert_eq!(shown["adapter"]["bytes"], other.to_bytes().len());
    let text = info(&[]);
    let line = text.lines().find(|line| line.contains("adapter")).unwrap();
    assert!(
        line.contains("random llama") && line.contains("steps 120"),
        "{line}"
    );

    // Another encoder has nothing to do with it.
    let next = HashingEncoder::named("hashing-2");
    let next = EncoderSource::Custom(std::sync::Arc::new(next));
    index
        .upgrade(&UpgradeOptions::new(next), &mut |_| {})
        .unwrap();
    assert_eq!(index.snapshot().adapter().unwrap(), Some(other));

    let mut writer = index.writer().unwrap();
    writer.remove_adapter();
    writer.commit().unwrap();
    assert_eq!(index.snapshot().adapter().unwrap(), None);
    close(&found(&index, &by_model()), &untrained);
    let generation = index.snapshot().generation();
    writer.remove_adapter();
    assert_eq!(writer.commit().unwrap().generation, generation);
}

#[test]
fn what_is_set_waits_for_the_commit() {
    let Setting {
        folder: _folder,
        index,
        adapter,
        ..
    } = setting();
    let untrained = found(&index, &by_model());
    let mut writer = index.writer().unwrap();
    writer.set_adapter(&adapter).unwrap();
    assert_eq!(found(&index, &by_model()), untrained);
    writer.rollback();
    writer.commit().unwrap();
    assert_eq!(index.snapshot().adapter().unwrap(), None);
    writer.set_adapter(&adapter).unwrap();
    writer.remove_adapter();
    writer.commit().unwrap();
    assert_eq!(index.snapshot().adapter().unwrap(), None);
}

/// ZF-AD-04.
#[test]
fn the_rerank_token_of_an_adapter_reranks() {
    let Setting {
        folder,
        model,
        index,
        adapter,
    } = setting();
    let trained = adapter.clone().with_rerank_token(Some(299));
    set(&index, &trained);
    let by_logit = found(&index, &by_model().rerank(true));
    let drawn = found(&index, &by_model());
    assert_ne!(by_logit, drawn);
    assert_eq!(found(&index, &by_model().rerank(false)), drawn);
    set(&index, &adapter);
    assert_eq!(found(&index, &by_model()), drawn);
    // What the index was made with counts first.
    let mut own = options(&model);
    own.rerank_token = Some(299);
    let own = build(&folder.path().join("b.zgr"), own);
    set(&own, &adapter.with_rerank_token(Some(17)));
    assert_eq!(found(&own, &by_model()), by_logit);
}

/// ZF-AD-02.
#[test]
fn an_adapter_of_another_model_is_refused() {
    let Setting {
        folder,
        index,
        adapter,
        ..
    } = setting();
    let base = BaseModel {
        name: "another".into(),
        fingerprint: "0000".into(),
    };
    let another = Adapter::new(base, adapter.rank(), adapter.changes().to_vec()).unwrap();
    let kind = |index: &Index, adapter: &Adapter| {
        let refused = index.writer().unwrap().set_adapter(adapter);
        refused.unwrap_err().kind()
    };
    assert_eq!(kind(&index, &another), ErrorKind::ModelMismatch);
    let plain = IndexOptions::with_encoder(EncoderSource::Custom(encoder()));
    let plain = build(&folder.path().join("plain.zgr"), plain);
    assert_eq!(kind(&plain, &adapter), ErrorKind::InvalidInput);

    let path = index.path().to_owned();
    smuggle(&path, &another.to_bytes());
    let trusting = Index::open_with(&path, open().trust_model(true)).unwrap();
    let refused = trusting.search("wings", &by_model()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ModelMismatch);
    assert!(refused.to_string().contains("another"), "{refused}");
}

/// ZF-AD-03.
#[test]
fn an_adapter_that_this_machine_does_not_know_changes_nothing_unasked() {
    let Setting {
        folder: _folder,
        model,
        index,
        ..
    } = setting();
    let base = LanguageModel::open(&model, &Default::default()).unwrap();
    let path = index.path().to_owned();
    smuggle(&path, &adapter(&base, 3).to_bytes());
    for options in [open(), open().language_model(&model)] {
        let index = Index::open_with(&path, options).unwrap();
        let refused = index.search("wings", &by_model()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::UntrustedModel);
        assert!(refused.to_string().contains("smuggled"), "{refused}");
    }
    let trusting = Index::open_with(&path, open().trust_model(true)).unwrap();
    assert_eq!(found(&trusting, &by_model()).len(), 8);
}

/// ZF-AD-02.
#[test]
fn a_damaged_adapter_costs_the_language_models_answers_only() {
    let Setting {
        folder,
        index,
        adapter,
        ..
    } = setting();
    let untrained = found(&index, &by_model());
    set(&index, &adapter);
    let path = index.path().to_owned();
    drop(index);
    let mut bytes = std::fs::read(&path).unwrap();
    let needle = &adapter.to_bytes()[1_000..1_200];
    let at = bytes
        .windows(200)
        .position(|window| window == needle)
        .unwrap();
    bytes[at] ^= 1;
    std::fs::write(&path, &bytes).unwrap();

    assert!(!check(&path, VerifyLevel::Full).unwrap().is_ok());
    let index = reopened(&path);
    assert_eq!(
        index.snapshot().adapter().unwrap_err().kind(),
        ErrorKind::Corrupt
    );
    let error = index.search("wings", &by_model()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let compact = SearchOptions::new().mode(Mode::Generative);
    assert!(!index.search("wings", &compact).unwrap().hits.is_empty());
    let whole = folder.path().join("whole.zgr");
    let report = recover(&path, &whole).unwrap();
    assert_eq!(report.lost_blobs.len(), 1);
    assert!(report.lost_blobs[0].contains("adapter"), "{report:?}");
    assert_eq!(found(&reopened(&whole), &by_model()), untrained);

    // Bytes that are no adapter, with the right checksums.
    smuggle(&whole, &adapter.to_bytes()[..500]);
    let trusting = Index::open_with(&whole, open().trust_model(true)).unwrap();
    let error = trusting.search("wings", &by_model()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Model);
    let bytes = std::fs::read(&whole).unwrap();
    let (status, said) = read_py(&bytes).unwrap_err();
    assert!(status == 1 && said.contains("adapter"), "{said}");
}
