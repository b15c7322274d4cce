//! Indexes over one language model have it in memory once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::convert::{random_decoder, small_llama};
use crate::index::support::encoder::HashingEncoder;
use crate::model::language::{Adapter, LanguageModelConfig, LinearModule, LowRank};
use crate::model::{Device, EncoderOptions, Runtime};
use crate::{Document, EncoderSource, Index, IndexOptions, OpenOptions, Snapshot};

use super::LanguageModelRetriever;

fn is_installed() -> bool {
    match Runtime::load(None) {
        Ok(_) => true,
        Err(error) => {
            eprintln!("skipped: {error}");
            false
        }
    }
}

fn index(folder: &Path, name: &str, model: &Path) -> Index {
    let encoder = EncoderSource::Custom(Arc::new(HashingEncoder::DEFAULT));
    let options = IndexOptions::with_encoder(encoder).language_model(model);
    let index = Index::create(folder.join(name), options).unwrap();
    let mut writer = index.writer().unwrap();
    writer.add(Document::new(name).docid("a docid")).unwrap();
    writer.commit().unwrap();
    drop(writer);
    index
}

fn model(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    random_decoder(&path, &small_llama(300, 128), 1).unwrap();
    path
}

fn retriever(snapshot: &Snapshot) -> &LanguageModelRetriever {
    snapshot.models.language_model(&snapshot.state).unwrap()
}

/// Whether two states run one graph.
fn share(one: &Snapshot, other: &Snapshot) -> bool {
    let [one, other] = [one, other].map(|snapshot| retriever(snapshot).model.session().unwrap());
    one.shares_weights_with(other)
}

fn with_adapter(index: &Index, size: f32) {
    let change = LowRank {
        layer: 1,
        module: LinearModule::Up,
        inputs: 64,
        outputs: 96,
        a: vec![size; 64],
        b: vec![size; 96],
    };
    let snapshot = index.snapshot();
    let base = retriever(&snapshot).model.as_base();
    let mut writer = index.writer().unwrap();
    let adapter = Adapter::new(base, 1, vec![change]).unwrap();
    writer.set_adapter(&adapter).unwrap();
    writer.commit().unwrap();
}

#[test]
fn a_model_folder_is_open_once() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let used = model(path, "used");
    let [one, other] = ["one", "other"].map(|name| index(path, name, &used));
    assert!(share(&one.snapshot(), &other.snapshot()));
    let copied = index(path, "copied", &model(path, "copied-model"));
    assert!(!share(&one.snapshot(), &copied.snapshot()));

    // By another way to the folder, it is the same one; with other options it is not.
    let again = path.join("used").join("..").join("used");
    let open = |options: OpenOptions| {
        let encoder = Arc::new(HashingEncoder::DEFAULT);
        let options = options.encoder(encoder).trust_model(true);
        Index::open_with(path.join("one"), options).unwrap()
    };
    let reopened = open(OpenOptions::new().language_model(&again));
    assert!(share(&reopened.snapshot(), &other.snapshot()));
    let options = EncoderOptions::new().device(Device::Cpu);
    let mut on_cpu = OpenOptions::new();
    on_cpu.encoder_options = options;
    assert!(!share(&open(on_cpu).snapshot(), &other.snapshot()));
}

#[test]
fn indexes_with_adapters_share_the_weights_below_them() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let used = model(path, "used");
    let [one, other, plain] = ["one", "other", "plain"].map(|name| index(path, name, &used));
    let before = one.snapshot();
    with_adapter(&one, 1.0);
    with_adapter(&other, 2.0);
    let [one, other] = [&one, &other].map(Index::snapshot);
    assert!(share(&one, &other));
    let logits = |snapshot: &Snapshot| {
        let logits = retriever(snapshot).model.next_logits(&[vec![1, 2, 3]]);
        logits.unwrap()
    };
    let [first, second] = [&one, &other].map(logits);
    assert_ne!(first, second);
    // An earlier state keeps the model as it was, and so does an index without an adapter.
    assert_ne!(logits(&before), first);
    assert!(share(&before, &plain.snapshot()));
    assert_eq!(logits(&before), logits(&plain.snapshot()));

    // Nothing is kept open for nobody: a graph that is there serves models without an adapter.
    drop((before, plain));
    let late = index(path, "late", &used);
    assert!(share(&late.snapshot(), &one));
    assert_ne!(logits(&late.snapshot()), first);
}

/// ZF-AD-04.
#[test]
fn what_was_trained_reads_queries_as_in_training() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path(), "model");
    let record = LanguageModelConfig {
        chat_template: Some("Q {{ messages[-1].content }} A".into()),
        ..LanguageModelConfig::read(&model).unwrap()
    };
    record.write(&model).unwrap();
    let index = index(folder.path(), "a.zgr", &model);
    let read = |instruction: Option<&str>| {
        let snapshot = index.snapshot();
        let retriever = retriever(&snapshot);
        let read = retriever.prompt(instruction, "wings").unwrap();
        retriever.model.tokenizer().decode(&read).unwrap()
    };
    assert_eq!(read(None), "Q wings A");
    assert_eq!(read(Some("find")), "Q find\nwings A");
    with_adapter(&index, 0.1);
    assert_eq!(read(None), "wings\n");
    assert_eq!(read(Some("find")), "find\nwings\n");
}
