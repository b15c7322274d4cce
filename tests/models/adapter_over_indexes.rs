//! One adapter that is trained over several indexes: they stay as they are, others begin with it.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use zerogr::{
    Adapter, Document, Index, LanguageTrainOptions, OpenOptions, TaughtIndex, tune_over_indexes,
};

use super::index_language_model::{by_model, model, options};
use super::index_training::{TOPICS, training};
use crate::support::installed::{stderr, stdout, zerogr};

/// An index of documents about every topic, in `name`'s words too.
fn index(folder: &Path, model: &Path, name: &str) -> (PathBuf, Index) {
    let path = folder.join(format!("{name}.zgr"));
    let index = Index::create(&path, options(model)).unwrap();
    let mut writer = index.writer().unwrap();
    for (id, text) in TOPICS {
        let text = format!("{text} beside a {name}");
        writer.add(Document::new(id).title(id).text(text)).unwrap();
    }
    writer.commit().unwrap();
    drop(writer);
    (path, index)
}

struct Setting {
    folder: TempDir,
    model: PathBuf,
    taught: [(PathBuf, Index); 2],
}

fn setting() -> Setting {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path(), 1);
    let taught = ["plate", "cone"].map(|name| index(folder.path(), &model, name));
    Setting {
        folder,
        model,
        taught,
    }
}

impl Setting {
    fn tuned(&self, options: &LanguageTrainOptions) -> zerogr::Result<Adapter> {
        let taught = self.taught.each_ref().map(|(_, index)| TaughtIndex {
            index,
            instruction: None,
        });
        let output = self.folder.path().join("tuned.adapter");
        let report = tune_over_indexes(&taught, options, &output, &mut |_| {})?;
        assert!(report.best_loss < report.initial_loss, "{report:?}");
        assert!(!self.folder.path().join("tuned.adapter.training").exists());
        Adapter::read(output)
    }

    fn other(&self) -> Index {
        index(self.folder.path(), &self.model, "tunnel").1
    }
}

fn found_first(index: &Index) -> usize {
    let first = |query: &str| index.search(query, &by_model()).unwrap().hits.remove(0).id;
    TOPICS
        .iter()
        .filter(|(id, text)| first(text) == *id)
        .count()
}

#[test]
fn an_adapter_over_two_indexes_finds_more_in_a_third() {
    let setting = setting();
    let before = setting
        .taught
        .each_ref()
        .map(|(path, _)| std::fs::read(path).unwrap());
    let adapter = setting.tuned(&training()).unwrap();
    let after = setting
        .taught
        .each_ref()
        .map(|(path, _)| std::fs::read(path).unwrap());
    assert!(before == after, "an index was changed");
    assert_eq!(adapter.facts()["indexes"], "2");

    let other = setting.other();
    let untrained = found_first(&other);
    let mut writer = other.writer().unwrap();
    writer.set_adapter(&adapter).unwrap();
    writer.commit().unwrap();
    drop(writer);
    let found = found_first(&other);
    assert!(
        found > untrained,
        "{untrained} before, {found} with the adapter"
    );
}

#[test]
fn a_training_begins_with_the_adapter_that_is_given() {
    let setting = setting();
    let adapter = setting.tuned(&training()).unwrap();
    let other = setting.other();
    let mut short = training();
    short.epochs = 1;
    let mut writer = other.writer().unwrap();
    let from_nothing = writer.train_language(&short, &mut |_| {}).unwrap();
    short.full = true;
    short.start = Some(adapter);
    let from_adapter = writer.train_language(&short, &mut |_| {}).unwrap();
    assert!(
        from_adapter.initial_loss < from_nothing.initial_loss,
        "{from_nothing:?} {from_adapter:?}"
    );
}

#[test]
fn what_cannot_be_tuned_together_is_said() {
    let setting = setting();
    let adapter = setting.tuned(&training()).unwrap();
    let another = model(setting.folder.path(), 2);
    let (_, of_another) = index(setting.folder.path(), &another, "tunnel");
    let mut options = training();
    let output = setting.folder.path().join("no.adapter");
    let tuned = |indexes: &[&Index], options: &LanguageTrainOptions| {
        let taught: Vec<TaughtIndex<'_>> = indexes
            .iter()
            .map(|index| TaughtIndex {
                index,
                instruction: None,
            })
            .collect();
        tune_over_indexes(&taught, options, &output, &mut |_| {}).unwrap_err()
    };
    let [(_, first), _] = &setting.taught;
    let error = tuned(&[first, &of_another], &options);
    assert!(
        error.to_string().contains("different language models"),
        "{error}"
    );
    assert!(tuned(&[], &options).is_invalid_input());

    options.start = Some(adapter);
    let error = tuned(&[&of_another], &options);
    assert!(
        error.to_string().contains("trained for the language model"),
        "{error}"
    );
    let mut writer = of_another.writer().unwrap();
    let error = writer.train_language(&options, &mut |_| {}).unwrap_err();
    assert!(
        error.to_string().contains("trained for the language model"),
        "{error}"
    );
    assert!(!output.exists());
}

#[test]
fn the_command_line_tunes_over_indexes_and_begins_with_what_came_of_it() {
    let setting = setting();
    let output = setting.folder.path().join("tuned.adapter");
    let [(one, _), (other, _)] = &setting.taught;
    let run = zerogr()
        .args(["model", "tune", "--epochs", "2", "--batch", "4", "--json"])
        .args([&setting.model, Path::new("--indexes"), one, other])
        .args([
            "--instruction",
            "Find plates",
            "--instruction",
            "Find cones",
        ])
        .args([Path::new("-o"), &output])
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", stderr(&run));
    let report: serde_json::Value = serde_json::from_str(&stdout(&run)).unwrap();
    assert_eq!(report["asked_documents"], 12);
    let adapter = Adapter::read(&output).unwrap();
    assert_eq!(adapter.facts()["instruction.0"], "Find plates");
    assert_eq!(adapter.facts()["instruction.1"], "Find cones");

    let (third, index) = index(setting.folder.path(), &setting.model, "tunnel");
    let train = |epochs: &str| {
        zerogr()
            .args(["train", "--retriever", "lm", "--epochs", epochs])
            .args([&third, Path::new("--adapter"), &output])
            .output()
            .unwrap()
    };
    let taken = train("0");
    assert!(taken.status.success(), "{}", stderr(&taken));
    let held = Index::open_with(&third, OpenOptions::new()).unwrap();
    assert_eq!(held.snapshot().adapter().unwrap().unwrap(), adapter);
    let trained = train("1");
    assert!(
        stdout(&trained).contains("6 of them new"),
        "{}",
        stdout(&trained)
    );
    drop(index);

    let unequal = zerogr()
        .args(["model", "tune", "--instruction", "a", "--instruction", "b"])
        .args([&setting.model, Path::new("-o"), &output])
        .args([Path::new("--indexes"), one])
        .output()
        .unwrap();
    assert_eq!(unequal.status.code(), Some(2), "{}", stderr(&unequal));
}
