//! `zerogr generate` and `zerogr build` with a language model: whole runs, and killed ones. The
//! model has random weights; what it writes is repaired.

use crate::support::installed;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::command::{DOCUMENTS, Folder};
use serde_json::{Value, json};
use zerogr::Document;
use zerogr::raw::convert::{random_decoder, small_llama};
use zerogr::raw::generate::language::obeys_docid_rules;
use zerogr::raw::model::language::LanguageModelConfig;

/// A folder with a model and `count` documents.
fn folder(count: usize) -> Folder {
    installed::setup();
    let folder = Folder::new();
    let config = small_llama(300, 4_096);
    let model = folder.path("model");
    random_decoder(&model, &config, 5).unwrap();
    LanguageModelConfig {
        chat_template: Some("{{ messages[0].content }}".into()),
        ..LanguageModelConfig::read(&model).unwrap()
    }
    .write(&model)
    .unwrap();
    folder.write("docs.jsonl", lines(count));
    folder
}

fn lines(count: usize) -> String {
    let line = |number: usize| {
        let (id, title, text) = DOCUMENTS[number % DOCUMENTS.len()];
        let id = format!("{id}-{number}");
        let text = format!("{text} Case {number}.");
        json!({"_id": id, "title": title, "text": text}).to_string() + "\n"
    };
    (0..count).map(line).collect()
}

/// The documents of a file of JSON lines.
fn read(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Starts a command, waits until `is_time`, and kills it. False if it ended before.
fn kill_when(folder: &Folder, args: &[&str], is_time: impl Fn() -> bool) -> bool {
    let mut command = folder.command(args);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(
            start.elapsed() < Duration::from_secs(300),
            "it does nothing"
        );
        if is_time() {
            child.kill().unwrap();
            return !child.wait().unwrap().success();
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    false
}

fn line_count(path: &Path) -> usize {
    std::fs::read(path).map_or(0, |bytes| {
        bytes.iter().filter(|&&byte| byte == b'\n').count()
    })
}

#[test]
fn docids_of_a_killed_run_are_gone_on_with() {
    let folder = folder(300);
    let command = |output| {
        [
            "generate",
            "docids",
            "docs.jsonl",
            "-o",
            output,
            "--model",
            "model",
            "--json",
        ]
    };
    let whole: Value = serde_json::from_str(&folder.ok(&command("whole.jsonl"))).unwrap();
    assert_eq!(whole["documents"], 300);
    assert_eq!(whole["docids"]["already"], 0);
    let written = read(&folder.path("whole.jsonl"));
    for line in &written {
        let text = |key: &str| line[key].as_str().unwrap();
        let document = Document::new(text("_id"))
            .title(text("title"))
            .text(text("text"));
        for docid in line["docid"].as_array().unwrap() {
            assert!(
                obeys_docid_rules(docid.as_str().unwrap(), &document),
                "{line}"
            );
        }
    }

    let part = folder.path("part.jsonl");
    assert!(kill_when(&folder, &command("part.jsonl"), || line_count(
        &part
    ) >= 64));
    let done = line_count(&part);
    assert!((64..300).contains(&done), "{done}");
    // What a torn write leaves.
    let mut torn = std::fs::read(&part).unwrap();
    torn.extend_from_slice(b"{\"_id\":\"");
    std::fs::write(&part, torn).unwrap();
    let rest: Value = serde_json::from_str(&folder.ok(&command("part.jsonl"))).unwrap();
    assert_eq!(rest["docids"]["already"], done);
    assert_eq!(read(&part), written);

    // Other documents, or another model's file, are refused and stay as they are.
    folder.write("docs.jsonl", lines(301).replace("Meteorites", "Comets"));
    let message = folder.fails(&command("part.jsonl"));
    assert!(message.contains("line 8 "), "{message}");
    assert_eq!(read(&part), written);
}

#[test]
fn queries_of_a_killed_run_are_gone_on_with() {
    let folder = folder(200);
    folder.ok(&["build", "docs.jsonl", "-o", "whole.zgr", "--no-train"]);
    std::fs::copy(folder.path("whole.zgr"), folder.path("part.zgr")).unwrap();
    let command = |index| {
        [
            "generate",
            "queries",
            index,
            "--model",
            "model",
            "--instruction",
            "Find the case.",
            "--queries-per-document",
            "2",
            "--prompt-style",
            "instruction",
            "--seed",
            "3",
            "--json",
        ]
    };
    let whole: Value = serde_json::from_str(&folder.ok(&command("whole.zgr"))).unwrap();
    assert_eq!(whole["queries"]["documents"], 200);
    let part = folder.path("part.zgr");
    let before = std::fs::metadata(&part).unwrap().len();
    let has_committed = || {
        let grown = std::fs::metadata(&part).unwrap().len() > before;
        grown && zerogr::Index::open(&part).unwrap().written_queries().0 > 0
    };
    assert!(kill_when(&folder, &command("part.zgr"), has_committed));
    folder.ok(&["check", "part.zgr"]);
    let rest: Value = serde_json::from_str(&folder.ok(&command("part.zgr"))).unwrap();
    let already = rest["queries"]["already"].as_u64().unwrap();
    assert!((64..200).contains(&already), "{already}");
    assert_eq!(rest["queries"]["documents"], 200 - already);
    let queries = |name: &str| {
        let index = zerogr::Index::open(folder.path(name)).unwrap();
        let ids = read(&folder.path("docs.jsonl"));
        let queries = ids
            .iter()
            .map(|line| index.queries_of(line["_id"].as_str().unwrap()).unwrap());
        queries.collect::<Vec<_>>()
    };
    let want = queries("whole.zgr");
    assert!(want.iter().any(|queries| !queries.is_empty()));
    assert_eq!(queries("part.zgr"), want);
    let trained: Value =
        serde_json::from_str(&folder.ok(&["train", "part.zgr", "--json"])).unwrap();
    assert!(
        trained["written_queries"].as_u64().unwrap() > 0,
        "{trained}"
    );
}

#[test]
fn a_killed_build_goes_on_and_leaves_an_index() {
    let folder = folder(150);
    let command = [
        "build",
        "docs.jsonl",
        "-o",
        "a.zgr",
        "--docids",
        "lm",
        "--queries",
        "lm",
        "--model",
        "model",
        "--queries-per-document",
        "1",
        "--seed",
        "1",
        "--json",
    ];
    let journal = folder.path("a.zgr.docids.jsonl");
    assert!(kill_when(&folder, &command, || line_count(&journal) >= 64));
    assert!(!folder.path("a.zgr").exists());
    let built: Value = serde_json::from_str(&folder.ok(&command)).unwrap();
    assert!(
        built["written_docids"]["already"].as_u64().unwrap() >= 64,
        "{built}"
    );
    assert_eq!(built["written_queries"]["documents"], 150);
    assert!(!journal.exists());
    let index = zerogr::Index::open(folder.path("a.zgr")).unwrap();
    let params = index.snapshot().params().clone();
    assert!(params.docids.writer.unwrap().starts_with("random llama "));
    assert_eq!(params.training.unwrap().documents, 150);
    assert!(!folder.ids("a.zgr", "wing flutter case 0").is_empty());
}

/// All docids of an index, by document, sorted.
fn docids(folder: &Folder, index: &str) -> Vec<(String, Vec<String>)> {
    let index = zerogr::Index::open(folder.path(index)).unwrap();
    let mut found = Vec::new();
    index
        .snapshot()
        .for_each_document(|document| {
            found.push((document.id, document.docids));
            Ok(())
        })
        .unwrap();
    found.sort();
    found
}

#[test]
fn documents_added_with_a_model_get_docids_that_the_index_does_not_have() {
    let folder = folder(40);
    let by_model = ["--docids", "lm", "--model", "model", "--no-train"];
    let build = ["build", "docs.jsonl", "-o", "a.zgr", "--seed", "1"];
    folder.ok(&[&build[..], &by_model[..]].concat());
    let before = docids(&folder, "a.zgr");

    // One is the text of a document that is there, one replaces another, one is new.
    let known: Vec<Value> = read(&folder.path("docs.jsonl"));
    let twin = json!({"_id": "twin", "title": known[0]["title"], "text": known[0]["text"]});
    let new = json!({"_id": "new", "text": "Rivers carry salmon to the sea."});
    let more = [&twin, &known[1], &new].map(Value::to_string).join("\n");
    folder.write("more.jsonl", more);
    let add = ["add", "a.zgr", "more.jsonl", "--json"];
    let added = folder.ok(&[&add[..], &["--model", "model"]].concat());
    let added: Value = serde_json::from_str(&added).unwrap();
    let commit = &added["commit"];
    assert_eq!(
        (&commit["added"], &commit["replaced"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(added["written_docids"]["shared"], 0, "{added}");
    assert!(!folder.path("a.zgr.docids.jsonl").exists());
    let after = docids(&folder, "a.zgr");
    let of = |all: &[(String, Vec<String>)], id: &str| -> Vec<String> {
        let found = all.iter().find(|(other, _)| other == id);
        found.unwrap().1.clone()
    };
    let text = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
    let first = text(&known[0], "_id");
    assert_ne!(of(&after, "twin"), of(&before, &first));
    assert_eq!(of(&after, &first), of(&before, &first));
    let replaced = text(&known[1], "_id");
    assert_eq!(
        of(&after, &replaced),
        of(&before, &replaced),
        "its own docid is free"
    );

    folder.write(
        "last.jsonl",
        json!({"_id": "z", "text": "Glaciers."}).to_string(),
    );
    let output = folder.run(&["add", "a.zgr", "last.jsonl"]);
    assert!(output.status.success());
    let said = installed::stderr(&output);
    assert!(
        said.contains("random llama") && said.contains("--model"),
        "{said}"
    );
}

#[test]
fn a_model_is_asked_for_where_one_is_needed() {
    let folder = folder(3);
    for args in [
        &["generate", "docids", "docs.jsonl", "-o", "x.jsonl"][..],
        &["generate", "queries", "no.zgr", "--model", "model"],
        &["build", "docs.jsonl", "-o", "x.zgr", "--docids", "lm"],
        &["build", "docs.jsonl", "-o", "x.zgr", "--model", "model"],
        &[
            "build",
            "docs.jsonl",
            "-o",
            "x.zgr",
            "--queries",
            "lm",
            "--model",
            "nowhere",
        ],
        &[
            "build",
            "docs.jsonl",
            "-o",
            "x.zgr",
            "--queries",
            "lm",
            "--model",
            "model",
            "--instruction",
            " ",
        ],
    ] {
        let output = folder.run(args);
        assert!(!output.status.success(), "{args:?}");
        assert!(!installed::stderr(&output).is_empty());
        assert!(
            !folder.path("x.zgr").exists() && !folder.path("x.jsonl").exists(),
            "{args:?}"
        );
    }
}

/// An option that would change nothing is refused, with the one that it does not go with.
#[test]
fn a_tuning_takes_the_options_of_its_source() {
    let folder = Folder::new();
    let tune = |source: &[&str], option: &[&str]| {
        let args = [&["model", "tune", "model", "-o", "x"], source, option].concat();
        let output = folder.run(&args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        installed::stderr(&output)
    };
    for (source, options) in [
        (
            "--indexes",
            &["--held-out=.1", "--max-tokens=64", "--split=dev"][..],
        ),
        ("--pairs", &["--split=dev", "--instruction=find wings"]),
        ("--docids", &["--split=dev", "--instruction=find wings"]),
    ] {
        for option in options {
            let said = tune(&[source, "file"], &[option]);
            assert!(said.contains("cannot be used with"), "{said}");
            assert!(said.contains(source), "{said}");
        }
    }
    let twice = ["--instruction=find wings", "--instruction=find tails"];
    let said = tune(&["--queries", "file"], &twice);
    assert!(said.contains("one --instruction"), "{said}");
}

#[test]
fn words_of_written_queries_are_searched_if_that_is_asked_for() {
    let folder = Folder::new();
    folder.write("docs.jsonl", lines(3));
    folder.ok(&[
        "build",
        "docs.jsonl",
        "-o",
        "a.zgr",
        "--lexical",
        "--no-train",
    ]);
    let said = folder.ok(&["expand", "a.zgr"]);
    assert!(
        said.contains("count 0.1") && said.contains("generate queries"),
        "{said}"
    );
    let weight = || {
        let info = folder.json(&["info", "a.zgr", "--json"]);
        info["parameters"]["lexicon"]["expansion_weight"].as_f64()
    };
    assert_eq!(weight(), Some(0.1));
    let done = folder.json(&["expand", "a.zgr", "--weight", "0.25", "--json"]);
    assert_eq!(
        (&done["weight"], &done["queries"]),
        (&json!(0.25), &json!(0))
    );
    assert_eq!(weight(), Some(0.25));
    let said = folder.fails(&["expand", "a.zgr", "--weight=-1"]);
    assert!(said.contains("give a number from 0"), "{said}");
    folder.ok(&["expand", "a.zgr", "--weight", "0"]);
    assert_eq!(weight(), None);
    folder.fails(&["expand", "nowhere.zgr"]);
}
