//! A language model that is tuned writes what it was tuned to; the files that it learns from are
//! checked.

use std::path::Path;

use serde_json::Value;
use zerogr::Adapter;
use zerogr::raw::generate::language::{LanguageQueryOptions, PromptStyle, QueryWriter};
use zerogr::raw::model::language::{LanguageModel, LanguageModelOptions};
use zerogr::{Document, ErrorKind};

use super::index_language_model::model;
use crate::support::installed::{stderr, stdout, zerogr};

const FAST: [&str; 10] = [
    "--epochs",
    "60",
    "--batch",
    "4",
    "--rank",
    "8",
    "--learning-rate",
    "1e-2",
    "--threads",
    "1",
];

/// A collection of which every document answers one query.
fn collection(folder: &Path) {
    let (mut corpus, mut queries, mut qrels) = Default::default();
    let line = |to: &mut String, text: String| to.push_str(&(text + "\n"));
    line(&mut qrels, "query-id\tcorpus-id\tscore".into());
    for number in 0..8 {
        line(
            &mut corpus,
            format!(r#"{{"_id":"d{number}","text":"wing {number}"}}"#),
        );
        line(
            &mut queries,
            format!(r#"{{"_id":"q{number}","text":"why wing"}}"#),
        );
        line(&mut qrels, format!("q{number}\td{number}\t1"));
    }
    std::fs::create_dir_all(folder.join("qrels")).unwrap();
    std::fs::write(folder.join("corpus.jsonl"), corpus).unwrap();
    std::fs::write(folder.join("queries.jsonl"), queries).unwrap();
    std::fs::write(folder.join("qrels/train.tsv"), qrels).unwrap();
}

#[test]
fn a_tuned_model_writes_the_queries_that_it_was_shown() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path(), 1);
    let (data, output) = (folder.path().join("data"), folder.path().join("a.adapter"));
    collection(&data);
    let run = zerogr()
        .args(["model", "tune", "--json"])
        .args([&model, Path::new("--queries"), &data])
        .args([Path::new("-o"), &output])
        .args(FAST)
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", stderr(&run));
    let report: Value = serde_json::from_str(&stdout(&run)).unwrap();
    assert_eq!(report["pairs"], 7);
    assert_eq!(report["held_out"], 1);
    assert!(!folder.path().join("a.adapter.training").exists());

    let adapter = Adapter::read(&output).unwrap();
    assert_eq!(adapter.facts()["writer"], "queries");
    let options = LanguageModelOptions::new();
    let written = |model: &LanguageModel| {
        let instruction = zerogr::raw::generate::language::DEFAULT_INSTRUCTION;
        let options = LanguageQueryOptions::new(PromptStyle::Bare, instruction, 0).unwrap();
        let writer = QueryWriter::new(model, options).unwrap();
        let mut queries = Vec::new();
        let document = Document::new("new").text("wing 9");
        let done = &mut |_, found: zerogr::raw::generate::language::LanguageQueries| {
            queries = found.queries;
            Ok(())
        };
        writer.write(&[&document], done).unwrap();
        queries
    };
    let untuned = LanguageModel::open(&model, &options).unwrap();
    let tuned = LanguageModel::open_adapted(&model, &options, &adapter).unwrap();
    assert!(!written(&untuned).contains(&"why wing".to_owned()));
    assert!(written(&tuned).contains(&"why wing".to_owned()));

    // What was tuned to write queries does not write docids.
    let docids = zerogr()
        .args(["generate", "docids"])
        .args([&data.join("corpus.jsonl"), Path::new("--model"), &model])
        .args([Path::new("--adapter"), &output])
        .args([Path::new("-o"), &folder.path().join("docids.jsonl")])
        .output()
        .unwrap();
    assert_eq!(docids.status.code(), Some(2));
    assert!(
        stderr(&docids).contains("tuned to write queries"),
        "{}",
        stderr(&docids)
    );
}

#[test]
fn files_of_pairs_are_checked_line_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path(), 1);
    let (pairs, output) = (
        folder.path().join("p.jsonl"),
        folder.path().join("b.adapter"),
    );
    let tune = |text: &str| {
        std::fs::write(&pairs, text).unwrap();
        zerogr()
            .args(["model", "tune", "--max-steps", "2", "--max-tokens", "60"])
            .args([&model, Path::new("--pairs"), &pairs])
            .args([Path::new("-o"), &output])
            .output()
            .unwrap()
    };
    let good = |prompt: &str| format!("{{\"prompt\":\"{prompt}\",\"completion\":\" b\"}}\n");
    for (bad, reason) in [
        ("{\"prompt\":\"a\"}\n", "completion"),
        ("{\"prompt\":\"a\",\"completion\":\" \"}\n", "blank"),
        ("nonsense\n", "prompt"),
    ] {
        let failed = tune(&(good("a") + bad));
        let said = stderr(&failed);
        assert!(!failed.status.success() && !output.exists());
        assert!(
            said.contains("p.jsonl:2: ") && said.contains(reason),
            "{said}"
        );
    }
    let long = good(&"word ".repeat(100));
    let failed = tune(&(good("a") + &long));
    assert!(
        stderr(&failed).contains("nothing to learn"),
        "{}",
        stderr(&failed)
    );
    let tuned = tune(&(good("wing a") + &good("heat b") + &good("gene c") + &long));
    assert!(tuned.status.success(), "{}", stderr(&tuned));
    assert!(stdout(&tuned).contains("1 too long"), "{}", stdout(&tuned));
    let adapter = Adapter::read(&output).unwrap();
    assert_eq!(adapter.facts()["writer"], "pairs");
    let other = super::index_language_model::model(folder.path(), 2);
    let refused = LanguageModel::open_adapted(other, &LanguageModelOptions::new(), &adapter);
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::ModelMismatch);
}

#[test]
fn a_tuned_model_writes_the_docids_of_what_is_built_and_added() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path(), 1);
    let path = |name: &str| folder.path().join(name);
    // The words backwards: no rule would make that docid.
    let docid = "wave shock plate tunnel flutter wing";
    let document = |number: usize| {
        format!(r#"{{"_id":"d{number}","text":"wing flutter tunnel plate shock wave {number}"}}"#)
    };
    let with_docid = |number| document(number).replace('}', &format!(r#","docid":"{docid}"}}"#));
    let taught: Vec<String> = (0..8).map(with_docid).collect();
    std::fs::write(path("taught.jsonl"), taught.join("\n")).unwrap();
    std::fs::write(path("first.jsonl"), document(8)).unwrap();
    std::fs::write(path("second.jsonl"), document(9)).unwrap();
    let run = |arguments: &[&str], paths: &[&Path]| {
        let output = zerogr().args(arguments).args(paths).output().unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            stderr(&output)
        );
        stdout(&output)
    };
    let (index, adapter) = (path("a.zgr"), path("docids.adapter"));
    let (first, second) = (path("first.jsonl"), path("second.jsonl"));
    let (to, source) = (Path::new("-o"), Path::new("--docids"));
    let tune = [&["model", "tune"], &FAST[..]].concat();
    let taught = path("taught.jsonl");
    run(&tune, &[&model, source, &taught, to, &adapter]);
    assert_eq!(Adapter::read(&adapter).unwrap().facts()["writer"], "docids");

    let with = ["--model", "--adapter"].map(Path::new);
    let writer = [with[0], &model, with[1], &adapter];
    let build = ["build", "--docids", "lm", "--no-train"];
    let built = run(&build, &[&[&first, to, &index], &writer[..]].concat());
    assert!(built.contains("docids as written 1"), "{built}");
    let got = run(&["get"], &[&index, Path::new("d8")]);
    assert!(got.contains(docid), "{got}");
    // Another document with that docid gets one of its own, or shares it.
    let added = run(
        &["add"],
        &[&[index.as_path(), &second], &writer[..]].concat(),
    );
    assert!(added.contains("added 1"), "{added}");
}
